"""``pharmakon build`` and ``pharmakon validate``: from files to a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import INVALID, say
from .output import progress

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.validation import Finding

__all__ = ["build", "validate"]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

_ontology = click.option(
    "--ontology",
    type=_FOLDER,
    metavar="DIR",
    help="The folder of the ontology; the one that ships in the package unless given.",
)
_sources = click.option(
    "--sources",
    type=_FOLDER,
    metavar="DIR",
    help="A folder of the texts of sources: every passage is looked up again in it.",
)


@click.command(
    cls=Command,
    graph=False,
    examples=(
        ("pharmakon build", "a release where 'pharmakon serve' looks for one"),
        ("pharmakon build --output releases --sources texts", "elsewhere, every passage checked"),
    ),
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder in which the release gets a directory; your data folder unless given.",
)
@_ontology
@_sources
@pass_run
def build(run: Run, output: Path | None, ontology: Path | None, sources: Path | None) -> None:
    """Build a release: read, infer, validate, write.

    It is written aside and renamed at the end, so that a release that is there already is
    served until then, whatever happens.
    """
    import pharmakon.build
    from pharmakon import knowledge_graph, releases

    folder = knowledge_graph.releases_folder() if output is None else output
    with progress() as step:
        directory = pharmakon.build.build(folder, ontology, sources, step)
        release, _ = releases.open_release(directory)

    def draw(console: Console) -> None:
        console.print(marks.text("✓ ", "green").append_text(marks.text(str(directory))))
        console.print(marks.text(f"  release {release.id[:16]} · {release.quads} quads"))
        where = "" if output is None else f" --release {directory}"
        console.print(marks.text(f"  next: pharmakon serve{where}", "dim"))

    run.out.answer(
        draw=draw,
        columns=["directory", "id", "quads"],
        rows=lambda: [(directory, release.id, release.quads)],
        value=lambda: {"directory": str(directory), "id": release.id, "quads": release.quads},
    )


@click.command(
    cls=Command,
    graph=False,
    examples=(
        ("pharmakon validate", "what is wrong with the ontology, file by file"),
        ("pharmakon validate alprazolam.ttl", "what is wrong with one file, beside the rest"),
        ("pharmakon validate --sources texts", "and whether each passage is where it was"),
        ("pharmakon validate --json", "the same for a program"),
    ),
)
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE]...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@_ontology
@_sources
@pass_run
@click.pass_context
def validate(
    ctx: click.Context,
    run: Run,
    files: tuple[Path, ...],
    ontology: Path | None,
    sources: Path | None,
) -> None:
    """Say what is wrong with the ontology: file, line, what to do.

    Of a FILE of knowledge, only what it describes; it need not be in the ontology yet, and
    is read as if it were.

    The exit code is 8 where anything is, and 0 where there are warnings alone.
    """
    import pharmakon.build

    with progress() as step:
        store = pharmakon.build.assemble(ontology, step, files)
        step("validating")
        found = pharmakon.build.check(store, ontology, sources, files)
    errors = sum(one.severity != "warning" for one in found)

    def draw(console: Console) -> None:
        for one in found:
            style = "yellow" if one.severity == "warning" else "red"
            console.print(marks.text(f"{one.severity}: ", style), end="")
            console.print(marks.text(str(one)), soft_wrap=True)

    run.out.answer(
        draw=draw,
        columns=["severity", "place", "focus", "message", "shape"],
        rows=lambda: (
            (one.severity, _place(one), one.focus, one.message, one.shape) for one in found
        ),
        value=lambda: {"findings": [_finding(one) for one in found]},
    )
    say(f"{_many(errors, 'error')}, {_many(len(found) - errors, 'warning')}")
    if errors:
        ctx.exit(INVALID)


def _place(one: Finding) -> str:
    return ":".join(str(part) for part in (one.path, one.line) if part is not None)


def _finding(one: Finding) -> dict[str, str | int | None]:
    return {
        "severity": one.severity,
        "file": one.path,
        "line": one.line,
        "focus": one.focus,
        "message": one.message,
        "shape": one.shape,
    }


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

"""``pharmakon build`` and ``pharmakon validate``: from files to a release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import INVALID, say
from .output import progress

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.merge import Import
    from pharmakon.validation import Finding

__all__ = ["build", "validate"]

#: Stands for the folder of downloads, which is looked up when it is needed.
_DOWNLOADED = ":downloaded:"

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
        ("pharmakon build --all-from", "with every dataset that 'pharmakon get' downloaded"),
        ("pharmakon build --all-from data", "with every dataset that the folder has"),
        ("pharmakon build --source drugcentral=downloads", "with one, from a folder of its files"),
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
@click.option(
    "--source",
    "named",
    multiple=True,
    metavar="NAME=DIR",
    help="A dataset to import, and the folder of its files; may be given several times.",
)
@click.option(
    "--all-from",
    type=click.Path(file_okay=False, path_type=Path),
    is_flag=False,
    flag_value=_DOWNLOADED,
    metavar="[DIR]",
    help="Import every dataset that has its folder in this one; in that of 'pharmakon get' "
    "where none is given.",
)
@click.option(
    "--keep-going", is_flag=True, help="Also where more than a twentieth of a dataset is broken."
)
@pass_run
def build(
    run: Run,
    output: Path | None,
    ontology: Path | None,
    sources: Path | None,
    named: tuple[str, ...],
    all_from: Path | None,
    keep_going: bool,
) -> None:
    """Build a release: read, infer, validate, write.

    It is written aside and renamed at the end, so that a release that is there already is
    served until then, whatever happens. What became of the rows of each dataset is in the
    folder imports of the release.
    """
    import pharmakon.build
    from pharmakon import knowledge_graph, releases

    folder = knowledge_graph.releases_folder() if output is None else output
    imports = _imports(named, all_from)
    with progress() as step:
        directory = pharmakon.build.build(
            folder, ontology, sources, step, imports, keep_going=keep_going
        )
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


def _imports(named: Sequence[str], all_from: Path | None) -> list[Import]:
    """Return the datasets to import, in the order of trust in their names.

    Raises:
        BadParameter: There is no such dataset, or no such folder.
    """
    from pharmakon import downloads
    from pharmakon.importers import IMPORTERS
    from pharmakon.merge import Import

    folders: dict[str, Path] = {}
    if all_from is not None:
        if str(all_from) == _DOWNLOADED:
            all_from = downloads.sources_folder()
        there = {name: all_from / one.folder for name, one in IMPORTERS.items()}
        folders = {name: path for name, path in there.items() if IMPORTERS[name].is_in(path)}
        if not folders:
            known = ", ".join(sorted({one.folder for one in IMPORTERS.values()}))
            raise click.BadParameter(
                f"{all_from} has none of the folders of datasets: {known}; "
                "'pharmakon get SOURCE' downloads them to where --all-from alone looks",
                param_hint="--all-from",
            )
    for one in named:
        name, equals, path = one.partition("=")
        if name not in IMPORTERS or not equals:
            raise click.BadParameter(
                f"{one!r} should be NAME=DIR, where NAME is one of {', '.join(IMPORTERS)}",
                param_hint="--source",
            )
        folders[name] = Path(path)
    return [Import(IMPORTERS[name], folders[name]) for name in IMPORTERS if name in folders]


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

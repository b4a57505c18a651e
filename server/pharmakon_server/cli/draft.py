"""``pharmakon draft``: what the published tables say of a substance, for a curator to go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["draft"]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    graph=False,
    examples=(
        ("pharmakon draft alprazolam --data data", "what the tables say, to be read"),
        ("pharmakon draft amfetamine --also amphetamine --data data", "under two names"),
        ("pharmakon draft alprazolam --data data --into ontology", "and into the files"),
    ),
)
@click.argument("name")
@click.option(
    "--data",
    type=_FOLDER,
    metavar="DIR",
    required=True,
    help="The folder with the published tables, as their publishers wrote them, gzipped.",
)
@click.option(
    "--also",
    multiple=True,
    metavar="NAME",
    help="Another name under which the tables may have the substance.",
)
@click.option(
    "--into",
    type=_FOLDER,
    metavar="DIR",
    help="The folder of an ontology to write into; nothing is written unless given.",
)
@pass_run
def draft(run: Run, name: str, data: Path, also: tuple[str, ...], into: Path | None) -> None:
    """Draft the files of a substance from the published tables.

    It looks up the identifiers of NAME, where it acts, its classes, what it is listed for, and
    its products. What is in the files already is kept, and what exclusions.tsv leaves out stays
    out. What has to be decided is said on the standard error.
    """
    from pharmakon.drafts import Known
    from pharmakon.drafts import draft as drafted
    from pharmakon.published import Files
    from pharmakon.resources import folder

    root = into or folder("ontology")
    made = drafted(name, Files(data), Known.read(root), also)
    files = {str(path.relative_to(root)): str(file) for path, file in made.files.items()}
    files = {path: text for path, text in files.items() if text.strip()}
    rows = ["\t".join(row) for row in made.mappings]
    written = [str(path) for path in made.write(root)] if into else []
    for note in made.notes:
        print(f"to decide: {note}", file=sys.stderr)

    def draw(console: Console) -> None:
        if written:
            for path in written:
                console.print(marks.text("✓ ", "green").append_text(marks.text(path)))
            return
        for path, text in files.items():
            console.print(marks.text(f"# {path}", "dim"))
            console.print(marks.text(text), soft_wrap=True)
        if rows:
            console.print(marks.text("# mappings/substances.sssom.tsv", "dim"))
            console.print(marks.text("\n".join(rows)), soft_wrap=True)

    run.out.answer(
        draw=draw,
        columns=["path", "text"],
        rows=lambda: files.items() if not into else ((path, "") for path in written),
        value=lambda: {"files": files, "mappings": rows, "notes": made.notes, "written": written},
    )

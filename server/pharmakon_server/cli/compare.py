"""``pharmakon compare``: things side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .output import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pharmakon.views.comparison import Comparison
    from pharmakon.views.references import Reference
    from pharmakon.views.statements import Statement

__all__ = ["compare"]


@click.command(
    cls=Command,
    examples=(
        ("pharmakon compare naltrexone naloxone", "all that is stated of either"),
        ("pharmakon compare naltrexone naloxone nalmefene --diff", "only what differs"),
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="A B…")
@click.option("--diff", is_flag=True, help="Only the rows that differ.")
@pass_run
def compare(run: Run, names: Sequence[str], diff: bool) -> None:
    """Show things side by side, row by row.

    An empty cell says "nothing stated", which is not a no: a no is written NOT.
    """
    unique = {run.graph.names.resolve(name).iri for name in names}
    if len(unique) < 2:
        raise click.UsageError("give the names of two things or more")
    found = run.graph.compare(names)
    if diff:
        found = _differences(found)
    run.out.answer(
        draw=lambda console: _draw(console, found),
        columns=["group", "about", "differs", *(one.reference.label for one in found.things)],
        rows=lambda: _rows(found),
        value=found.to_dict,
    )


def _differences(found: Comparison) -> Comparison:
    """Return a comparison with only the rows that differ."""
    groups = (
        replace(group, rows=tuple(row for row in group.rows if row.differs))
        for group in found.groups
    )
    return replace(found, groups=tuple(group for group in groups if group.rows))


def _draw(console: Console, found: Comparison) -> None:
    drawn = table("", *("" for _ in found.things))
    for column in drawn.columns[1:]:
        column.ratio = 1
    drawn.add_row("", *(marks.thing(one.reference) for one in found.things))
    for group in found.groups:
        negative = any(one.negative for row in group.rows for cell in row.cells for one in cell)
        drawn.add_row("")
        drawn.add_row(marks.text(group.heading, "bold red" if negative else "bold"))
        for row in group.rows:
            drawn.add_row(_about(row.about), *(_cell(cell) for cell in row.cells))
    console.print(drawn)


def _about(about: Reference | str) -> Text:
    return marks.text(about) if isinstance(about, str) else marks.thing(about)


def _cell(found: Sequence[Statement]) -> Text:
    if not found:
        return marks.text("nothing stated", "dim")
    cell = marks.text("")
    for number, one in enumerate(found):
        cell.append("\n" if number else "")
        cell.append_text(marks.text(_words(one), "red" if one.negative else ""))
        cell.append_text(marks.text(f" ({marks.certainty(one)})", "dim"))
    return cell


def _words(one: Statement) -> str:
    """Return what a statement says without its subject, with the marks of a no and of doubt."""
    words = one.sentence.removeprefix(one.subject.label).lstrip(": ")
    if one.negative:
        words = f" {words}".replace(" not ", " NOT ", 1).strip()
    return f"≠ {words}" if one.contested else words


def _rows(found: Comparison) -> Iterator[Sequence[object]]:
    for group in found.groups:
        for row in group.rows:
            cells = ("; ".join(_words(one) for one in cell) for cell in row.cells)
            yield (group.heading, row.label, row.differs, *cells)

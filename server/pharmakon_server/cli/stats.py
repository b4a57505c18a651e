"""``pharmakon stats``: how much is in the graph, and what is missing from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .output import table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["stats"]

#: The columns that are shown, by the columns of the named query.
_CONTENTS = {"classLabel": "kind", "count": "how many"}
_COVERAGE = {
    "classLabel": "class",
    "substances": "substances",
    "noAction": "no action",
    "noUse": "no use",
    "noAdverseEffect": "no adverse effect",
    "noIdentifier": "no identifier",
}


@click.command(
    cls=Command,
    examples=(
        ("pharmakon stats", "how many things of each kind there are"),
        ("pharmakon stats --coverage", "what is missing of the substances of each class"),
        ("pharmakon stats --coverage --json", "the same for a program"),
    ),
)
@click.option(
    "--coverage",
    is_flag=True,
    help="Count, for each class, the substances that lack an action, a use, an adverse effect "
    "or an identifier.",
)
@pass_run
def stats(run: Run, coverage: bool) -> None:
    """Count what is in the graph, or what is missing."""
    columns = _COVERAGE if coverage else _CONTENTS
    found = list(run.graph.named("coverage" if coverage else "graph_contents"))

    def draw(console: Console) -> None:
        drawn = table(*columns.values())
        for column in drawn.columns[1:]:
            column.justify = "right"
        for row in found:
            drawn.add_row(*(marks.text(row[name]) for name in columns))
        console.print(drawn)

    run.out.answer(
        draw=draw,
        columns=list(columns),
        rows=lambda: ([row[name] for name in columns] for row in found),
        value=lambda: [{name: row[name] for name in columns} for row in found],
    )

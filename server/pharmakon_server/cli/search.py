"""``pharmakon search``: things by their names, typing mistakes allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import NothingFoundError
from .output import table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["search"]


@click.command(
    cls=Command,
    examples=(
        ("pharmakon search naltrexon", "things that are spelled like it"),
        ("pharmakon search opioid --type condition", "conditions only"),
        ("pharmakon search 'use disorder' | cut -f1", "their CURIEs, one a line"),
    ),
)
@click.argument("text", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(list(marks.KINDS)), help="Things of this kind.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most."
)
@pass_run
def search(run: Run, text: Sequence[str], kind: str | None, limit: int) -> None:
    """Find things by their names, typing mistakes allowed.

    TEXT is a name, a brand or an identifier, or a part of one. The best match comes first.
    """
    asked = " ".join(text)
    found = run.graph.search(asked, kind, limit)

    def draw(console: Console) -> None:
        drawn = table("name", "kind", "id", "matched")
        for hit in found:
            matched = "" if hit.name.text == hit.thing.label else f"{hit.name.kind} {hit.name.text}"
            drawn.add_row(
                marks.thing(hit.thing),
                marks.text(hit.thing.kind, "dim"),
                marks.text(hit.thing.curie, "dim"),
                marks.text(matched, "dim"),
            )
        console.print(drawn)

    if found or run.out.chosen != "table":
        run.out.answer(
            draw=draw,
            columns=["id", "kind", "name", "matched", "matched_kind", "score"],
            rows=lambda: (
                (
                    hit.thing.curie,
                    hit.thing.kind,
                    hit.thing.label,
                    hit.name.text,
                    hit.name.kind,
                    round(hit.score, 1),
                )
                for hit in found
            ),
            value=lambda: [hit.to_dict() for hit in found],
        )
    if not found:
        among = f" among things of type {kind!r}" if kind else ""
        raise NothingFoundError(
            f"nothing is spelled like {asked!r}{among}; "
            "try fewer letters" + (", or leave out --type" if kind else "")
        )

"""``pharmakon interactions``: what substances do when they meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .statements import labels, proof_tree

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.interactions import Interaction, Pair

__all__ = ["interactions"]

_NOT_SAFE = (
    "Not known is not safe: it says that nothing is held here, and not that nothing happens. "
    "This is reference knowledge, not advice for a person."
)

_COLUMNS = (
    *("a", "b", "answer", "mechanism", "severity", "outcome", "requires"),
    *("certainty", "confidence", "explanation", "id"),
)


@click.command(
    cls=Command,
    examples=(
        ("pharmakon interactions naltrexone morphine", "what happens, and how sure it is"),
        ("pharmakon interactions naltrexone morphine --proof", "with the premises, to the sources"),
        (
            "pharmakon interactions suboxone lorazepam ethanol",
            "each pair; a product by its substances",
        ),
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="A B…")
@click.option("--proof", is_flag=True, help="Show why: rules, premises and their evidence.")
@pass_run
def interactions(run: Run, names: Sequence[str], proof: bool) -> None:
    """Show what is known of each pair of some substances.

    A product stands for the substances in it.
    """
    for name in names:
        _say_what_stands_for(run, name)
    found = run.graph.interactions(names)
    if not found:
        raise click.UsageError("give the names of two substances or more")
    run.out.answer(
        draw=lambda console: _draw(console, found, proof),
        columns=_COLUMNS,
        rows=lambda: _rows(found),
        value=lambda: {"pairs": [pair.to_dict() for pair in found]},
    )
    if run.out.chosen == "tsv":
        click.echo(f"pharmakon: {_NOT_SAFE}", err=True)


def _say_what_stands_for(run: Run, name: str) -> None:
    """Say for which substances a product is taken."""
    inside = run.graph.substances(name)
    thing = run.graph.names.resolve(name)
    if inside != [thing]:
        labels = " and ".join(one.label for one in inside)
        click.echo(f"pharmakon: {thing.label} stands for {labels}", err=True)


def _draw(console: Console, found: Sequence[Pair], proof: bool) -> None:
    for pair in found:
        title = marks.thing(pair.a).append(" with ").append_text(marks.thing(pair.b)).append(": ")
        console.print(title.append_text(marks.verdict(pair.answer)))
        for number, one in enumerate(pair.interactions, 1):
            _draw_one(console, number, one, proof)
        console.print()
    console.print(marks.text(_NOT_SAFE, "yellow"))


def _draw_one(console: Console, number: int, one: Interaction, proof: bool) -> None:
    from rich.padding import Padding

    statement = one.statement
    explained = statement.explanation
    confidence = f" ({statement.confidence:.2f})" if statement.confidence is not None else ""
    lines = [marks.text(f"{number}. {explained}")]
    if statement.contested:
        lines.append(marks.text(f"≠ sources disagree: {marks.sides(statement)}", "bold yellow"))
    about = [
        ("mechanism", _labels(one, "mechanism")),
        ("severity", _labels(one, "severity")),
        ("leads to", _labels(one, "outcome")),
        ("only", _labels(one, "requires")),
        ("unless", _labels(one, "unless")),
        ("what to do", _labels(one, "management")),
        ("certainty", marks.certainty(statement) + confidence),
        ("by", statement.rule.label if statement.rule else "statement of a source"),
    ]
    lines.append(
        marks.text(" · ".join(f"{name}: {words}" for name, words in about if words), "dim")
    )
    for line in lines:
        console.print(Padding(line, (0, 0, 0, 2)))
    if proof:
        console.print(Padding(proof_tree(one.proof), (0, 0, 0, 2)))


def _rows(found: Sequence[Pair]) -> Iterator[Sequence[object]]:
    for pair in found:
        if not pair.interactions:
            yield (pair.a.curie, pair.b.curie, pair.answer, *[""] * 8)
        for one in pair.interactions:
            value = one.to_dict()
            yield (
                pair.a.curie,
                pair.b.curie,
                pair.answer,
                value["mechanism"],
                value["severity"],
                value["outcome"],
                _labels(one, "requires"),
                value["certainty"],
                value["confidence"],
                value["explanation"],
                value["id"],
            )


def _labels(one: Interaction, name: str) -> str:
    return labels(one.statement.values(name))

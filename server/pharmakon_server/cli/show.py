"""``pharmakon show``: one thing as a card, or a statement with its proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from . import card, marks, statements
from .command import Command, Run, pass_run

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.views.statements import Evidence, Proof, Statement

__all__ = ["show"]

_COLUMNS = (
    *("section", "statement", "type", "negative", "contested", "subject", "object"),
    *("sentence", "certainty", "sources", "against"),
)


@click.command(
    cls=Command,
    examples=(
        ("pharmakon show naltrexone", "what it acts on, is used for, and does not do"),
        ("pharmakon show vivitrol", "a product, and the substances in it"),
        ("pharmakon show mu opioid receptor --all", "every statement, with its evidence"),
        (
            "pharmakon show statement:naltrexone-opioid-withdrawal-non-indication",
            "one statement: its evidence and its proof",
        ),
    ),
)
@click.argument("name", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Show every statement with its evidence.")
@pass_run
def show(run: Run, name: Sequence[str], everything: bool) -> None:
    """Show all that is held of one thing.

    NAME is a name in any spelling, a brand, an identifier such as chebi:7465, a CURIE or
    an IRI; a statement's CURIE shows its evidence and its proof. In a pipe, each statement
    is a row.
    """
    from pharmakon.namespaces import STATEMENT, expand

    asked = " ".join(name)
    if expand(asked).startswith(STATEMENT.base):
        _show_statement(run, asked)
    else:
        _show_entity(run, asked, everything)


def _show_entity(run: Run, asked: str, everything: bool) -> None:
    found = run.graph[asked]

    def draw(console: Console) -> None:
        hit = next(iter(run.graph.search(asked, limit=1)), None)
        is_other = hit and hit.thing == found.reference and hit.name.kind == "other name"
        console.print(*card.heading(found, asked if is_other else ""), sep="\n")
        (card.draw_everything if everything else card.draw)(console, found)

    run.out.answer(
        draw=draw,
        columns=_COLUMNS,
        rows=lambda: (
            (section.key, *_row(one))
            for section in found.all_sections
            for one in section.statements
        ),
        value=found.to_dict,
    )


def _row(one: Statement) -> Sequence[object]:
    return (
        one.curie,
        one.kind.curie,
        one.negative,
        one.contested,
        one.subject.curie,
        " ".join(value if isinstance(value, str) else value.curie for value in one.objects),
        one.sentence,
        marks.certainty(one),
        " ".join(_sources(one.supports)),
        " ".join(_sources(one.disputes)),
    )


def _sources(found: Iterable[Evidence]) -> list[str]:
    return sorted({evidence.source.curie for evidence in found})


def _show_statement(run: Run, asked: str) -> None:
    one = run.graph.statement(asked)
    proof = run.graph.proof(one)
    run.out.answer(
        draw=lambda console: statements.draw(console, proof),
        columns=["statement", "side", "source", "place", "paraphrase", "hedge", "evidence"],
        rows=lambda: _evidence_rows(proof),
        value=lambda: one.to_dict() | {"proof": proof.to_dict()},
    )


def _evidence_rows(proof: Proof) -> Iterator[Sequence[object]]:
    one = proof.statement
    for side, found in (("for", one.supports), ("against", one.disputes)):
        for evidence in found:
            yield (
                one.curie,
                side,
                evidence.source.curie,
                evidence.locator.text,
                evidence.paraphrase,
                evidence.hedge,
                evidence.iri,
            )
    for premise in proof.premises:
        yield from _evidence_rows(premise)

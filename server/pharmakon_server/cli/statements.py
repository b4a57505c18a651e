"""How a statement is drawn: its sentence, its evidence on both sides, its proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from . import marks
from .output import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from pharmakon.views.references import Reference
    from pharmakon.views.statements import Evidence, Proof, Statement

__all__ = ["add_evidence", "draw", "labels", "proof_tree", "spoken", "standing"]


def draw(console: Console, proof: Proof) -> None:
    """Draw a statement: what it says, every slot, and its proof."""
    one = proof.statement
    console.print(marks.text(spoken(one), "bold"))
    console.print(marks.text(f"{one.kind.label} · {one.curie}", "dim"))
    if one.contested:
        console.print(marks.text(f"≠ sources disagree: {marks.sides(one)}", "bold yellow"))
    if one.comment:
        console.print(marks.text(one.comment, "italic"))
    drawn = table("", "")
    for name, value in _slots(one):
        drawn.add_row(marks.text(name, "dim"), marks.text(value))
    console.print(drawn)
    console.print()
    console.print(proof_tree(proof))


def proof_tree(proof: Proof) -> Tree:
    """Return the tree of a proof: each statement on its rule and premises, or its evidence."""
    from rich.tree import Tree

    tree = Tree(_proof_line(proof))
    _add_premises(tree, proof)
    return tree


def _add_premises(tree: Tree, proof: Proof) -> None:
    add_evidence(tree, proof.statement)
    for premise in proof.premises:
        _add_premises(tree.add(_proof_line(premise)), premise)


def _proof_line(proof: Proof) -> Text:
    one = proof.statement
    line = marks.text(spoken(one))
    ground = f"by rule: {one.rule.label}" if one.rule is not None else "stated"
    return line.append_text(marks.text(f"  [{ground}; {standing(one)}]", "dim"))


def spoken(one: Statement) -> str:
    """Return the sentence of a statement; the NOT of a negative is in capitals."""
    return one.sentence.replace(" not ", " NOT ", 1) if one.negative else one.sentence


def standing(one: Statement) -> str:
    """Return how sure we are, and that a statement is superseded where it is."""
    return marks.certainty(one) + (", superseded" if one.superseded_by else "")


def add_evidence(branch: Tree, one: Statement) -> None:
    """Add the evidence of a statement to a tree, that for it before that against it."""
    for side, found in (("for", one.supports), ("against", one.disputes)):
        for evidence in found:
            branch.add(_evidence(side, evidence))


def _evidence(side: str, evidence: Evidence) -> Text:
    found = marks.text("")
    found.append_text(marks.text(f"{side}: ", "green" if side == "for" else "red"))
    found.append_text(marks.thing(evidence.source))
    found.append_text(marks.text(f", {evidence.locator.text}: ", "dim"))
    found.append_text(marks.text(evidence.paraphrase))
    if evidence.hedge:
        found.append_text(marks.text(f" (printed: “{evidence.hedge}”)", "dim"))
    return found


def _slots(one: Statement) -> Iterator[tuple[str, str]]:
    yield "subject", one.subject.label
    for slot in one.slots:
        yield slot.property.label, labels(slot.values)
    sure = f" ({one.confidence:g})" if one.confidence is not None else ""
    yield "certainty", marks.certainty(one) + sure
    if one.superseded_by:
        yield "superseded by", one.superseded_by


def labels(values: Iterable[Reference | str]) -> str:
    """Return the labels of some values, in one line."""
    return ", ".join(value if isinstance(value, str) else value.label for value in values)

"""``pharmakon show``: one thing as a card, or a statement with its proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .output import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from pharmakon.views.entities import Composition, Entity
    from pharmakon.views.references import Reference
    from pharmakon.views.statements import Evidence, Proof, Statement

__all__ = ["draw_proof", "show"]

_COLUMNS = (
    *("section", "statement", "type", "negative", "contested", "subject", "object"),
    *("sentence", "certainty", "sources", "against"),
)

#: How many lines of a section a card has; ``--all`` has every one.
_LINES = 8

#: The sections of a card in their order. What is only counted stands at its end.
_BEFORE_NEGATIVES = ("uses",)
_AFTER_NEGATIVES = (
    "contraindications",
    "interactions",
    "effects",
    "side-effects",
    "status",
    "classes",
)
_COUNTED = ("relations", "findings", "forms")

#: The sections of which a card leaves out nothing.
_WHOLE = ("contraindications", "interactions")


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
        console.print(*_heading(run, asked, found), sep="\n")
        if everything:
            _draw_everything(console, found)
        else:
            _draw_card(console, found)

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


def _heading(run: Run, asked: str, found: Entity) -> Iterator[Text]:
    """Yield what a card begins with: the thing, its identifiers and its definition."""
    hit = next(iter(run.graph.search(asked, limit=1)), None)
    if hit and hit.thing == found.reference and hit.name.kind == "other name":
        yield marks.text(f"{asked} → {found.reference.label} (other name)", "dim")
        yield marks.text("")
    identifiers = [
        found.reference.curie,
        *(m.curie for m in found.mappings if m.relation == "exact"),
    ]
    title = marks.thing(found.reference)
    title.stylize("bold")
    yield title.append_text(marks.text(f"  {' · '.join(identifiers)}", "dim"))
    if found.reference.definition:
        yield marks.text(found.reference.definition)
    if found.names:
        yield marks.text(f"also called {', '.join(found.names)}", "dim")
    if found.broader:
        yield marks.text(f"a kind of {', '.join(one.label for one in found.broader)}", "dim")
    if found.narrower:
        yield marks.text(f"kinds: {', '.join(one.label for one in found.narrower)}", "dim")


def _draw_card(console: Console, found: Entity) -> None:
    _draw_actions(console, found)
    _draw_sections(console, found, _BEFORE_NEGATIVES)
    # What holds of one form only is left to --all, but never a no or a disagreement.
    of_forms = found.of_forms.statements if found.of_forms else ()
    negatives = found.negatives.statements if found.negatives else ()
    contested = found.contested.statements if found.contested else ()
    _draw_negatives(console, [*negatives, *(one for one in of_forms if one.negative)])
    _draw_contested(
        console, [*contested, *(one for one in of_forms if one.contested and not one.negative)]
    )
    _draw_sections(console, found, _AFTER_NEGATIVES)
    _draw_compositions(console, found)
    counted = (one for one in found.all_sections if one.key in _COUNTED)
    rest = [f"{one.heading.lower()}: {len(one.statements)}" for one in counted]
    more = f"pharmakon show {found.reference.curie} --all"
    console.print()
    console.print(marks.text(" · ".join(["more", *rest, more]), "dim"))


def _draw_sections(console: Console, found: Entity, keys: Sequence[str]) -> None:
    """Draw sections: a line for each statement, the surest first."""
    by_key = {section.key: section for section in found.sections}
    for section in (by_key[key] for key in keys if key in by_key):
        ordered = sorted(section.statements, key=lambda one: (-(one.confidence or 0), one.sentence))
        shown = ordered if section.key in _WHOLE else ordered[:_LINES]
        lines = ((_short(one, found.reference), one) for one in shown)
        _draw_block(console, section.heading.lower(), lines)
        if len(ordered) > len(shown):
            console.print(marks.text(f"  and {len(ordered) - len(shown)} more: --all", "dim"))


def _draw_actions(console: Console, found: Entity) -> None:
    section = next((one for one in found.sections if one.key == "actions"), None)
    if section is None:
        return
    here = found.reference.iri
    is_target = any(one.subject.iri != here for one in section.statements)
    drawn = table("", "action", "substance" if is_target else "target", "certainty", "sources")
    for one in section.statements:
        kinds = one.values("actionType")
        drawn.add_row(
            marks.action(kinds),
            marks.text(_labels(kinds)),
            _other_end(one, here),
            marks.text(marks.certainty(one)),
            marks.text(marks.sources(one)),
        )
    console.print()
    console.print(drawn)


def _other_end(one: Statement, here: str) -> Text:
    """Return the other end of an action, with the part of the body where it is named."""
    if one.subject.iri != here:
        return marks.thing(one.subject)
    found = marks.text("")
    for number, value in enumerate(one.objects):
        found.append(", " if number else "")
        found.append_text(marks.text(value) if isinstance(value, str) else marks.thing(value))
    site = _labels(one.values("site"))
    return found.append_text(marks.text(f" in the {site}", "dim")) if site else found


def _draw_negatives(console: Console, found: Sequence[Statement]) -> None:
    """Draw what a thing does not do. No line is left out."""
    _draw_block(console, "does NOT", ((_no(one.sentence), one) for one in found), style="bold red")


def _draw_contested(console: Console, found: Sequence[Statement]) -> None:
    """Draw what sources disagree about. No line is left out."""
    lines = ((one.sentence, one) for one in found)
    _draw_block(console, "sources disagree", lines, style="bold yellow")


def _draw_block(
    console: Console, heading: str, lines: Iterable[tuple[str, Statement]], style: str = "bold"
) -> None:
    """Draw a heading, and under it statements with their certainty and sources."""
    drawn = table("", "", "", "")
    for line, one in lines:
        mark = "≠" if one.contested else "✗" if one.negative else ""
        words = marks.text(line)
        if one.contested:
            words.append_text(marks.text(f"\n{marks.sides(one)}", "dim"))
        drawn.add_row(
            marks.text(mark, style),
            words,
            marks.text(_standing(one), "dim"),
            marks.text(marks.sources(one), "dim"),
        )
    if drawn.rows:
        console.print()
        console.print(marks.text(heading, style))
        console.print(drawn)


def _standing(one: Statement) -> str:
    """Return how sure we are, and that a statement is superseded where it is."""
    return marks.certainty(one) + (", superseded" if one.superseded_by else "")


def _short(one: Statement, here: Reference) -> str:
    """Return a sentence without what its heading says: the subject, and a plain verb."""
    if one.subject.iri != here.iri:
        return one.sentence
    rest = one.sentence.removeprefix(f"{here.label} ").removeprefix(f"{here.label}: ")
    for verb in ("is used for ", "can cause ", "belongs to the class "):
        rest = rest.removeprefix(verb)
    return rest


def _no(sentence: str) -> str:
    """Return the sentence of a negative with its NOT in capitals."""
    return sentence.replace(" not ", " NOT ", 1)


def _draw_compositions(console: Console, found: Entity) -> None:
    if not found.compositions:
        return
    console.print()
    console.print(marks.text("products and what is in them", "bold"))
    for one in found.compositions:
        console.print(_composition(one))


def _composition(one: Composition) -> Text:
    line = marks.text("  ")
    for number, product in enumerate(one.products):
        line.append(", " if number else "")
        line.append_text(marks.thing(product))
    line.append(": " if one.products else "")
    line.append_text(marks.thing(one.formulation))
    for ingredient in one.ingredients:
        line.append("\n      ")
        line.append_text(marks.thing(ingredient.substance))
        strength = " " + ", ".join(ingredient.strengths) if ingredient.strengths else ""
        line.append_text(marks.text(f"{strength}, {ingredient.role.label}", "dim"))
    return line


def _draw_everything(console: Console, found: Entity) -> None:
    """Draw every statement in its section, with its evidence on both sides."""
    from rich.tree import Tree

    _draw_compositions(console, found)
    for section in found.all_sections:
        style = {"negatives": "bold red", "contested": "bold yellow"}.get(section.key, "bold")
        heading = "does NOT" if section.key == "negatives" else section.heading
        tree = Tree(marks.text(f"{heading} ({len(section.statements)})", style))
        for one in section.statements:
            _add_statement(tree, one)
        console.print()
        console.print(tree)


def _add_statement(tree: Tree, one: Statement) -> None:
    sentence = _no(one.sentence) if one.negative else one.sentence
    if one.contested:
        sentence = f"≠ {sentence}"
    branch = tree.add(marks.text(sentence))
    about = [one.curie, _standing(one)]
    if one.rule is not None:
        about.append(f"inferred: {one.rule.label}")
    branch.add(marks.text(" · ".join(about), "dim"))
    if one.comment:
        branch.add(marks.text(one.comment, "italic"))
    _add_evidence(branch, one)


def _add_evidence(branch: Tree, one: Statement) -> None:
    for side, found in (("for", one.supports), ("against", one.disputes)):
        for evidence in found:
            branch.add(_evidence(side, evidence))


def _evidence(side: str, evidence: Evidence) -> Text:
    found = marks.text(f"{side}: ", "green" if side == "for" else "red")
    found.append_text(marks.thing(evidence.source))
    found.append_text(marks.text(f", {evidence.locator.text}: ", "dim"))
    found.append_text(marks.text(evidence.paraphrase))
    if evidence.hedge:
        found.append_text(marks.text(f" (printed: “{evidence.hedge}”)", "dim"))
    return found


def _show_statement(run: Run, asked: str) -> None:
    one = run.graph.statement(asked)
    proof = run.graph.proof(one)

    def draw(console: Console) -> None:
        console.print(marks.text(_no(one.sentence) if one.negative else one.sentence, "bold"))
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
        console.print(draw_proof(proof))

    run.out.answer(
        draw=draw,
        columns=["statement", "side", "source", "place", "paraphrase", "hedge", "evidence"],
        rows=lambda: _evidence_rows(proof),
        value=lambda: one.to_dict() | {"proof": proof.to_dict()},
    )


def _slots(one: Statement) -> Iterator[tuple[str, str]]:
    yield "subject", one.subject.label
    for slot in one.slots:
        yield slot.property.label, _labels(slot.values)
    sure = f" ({one.confidence:g})" if one.confidence is not None else ""
    yield "certainty", marks.certainty(one) + sure
    if one.superseded_by:
        yield "superseded by", one.superseded_by


def draw_proof(proof: Proof) -> Tree:
    """Return the tree of a proof: each statement on its rule and premises, or its evidence."""
    from rich.tree import Tree

    tree = Tree(_proof_line(proof))
    _add_premises(tree, proof)
    return tree


def _add_premises(tree: Tree, proof: Proof) -> None:
    _add_evidence(tree, proof.statement)
    for premise in proof.premises:
        _add_premises(tree.add(_proof_line(premise)), premise)


def _proof_line(proof: Proof) -> Text:
    one = proof.statement
    line = marks.text(_no(one.sentence) if one.negative else one.sentence)
    ground = f"by rule: {one.rule.label}" if one.rule is not None else "stated"
    return line.append_text(marks.text(f"  [{ground}; {_standing(one)}]", "dim"))


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


def _labels(values: Iterable[Reference | str]) -> str:
    return ", ".join(value if isinstance(value, str) else value.label for value in values)

"""The card: one thing as people read it, what it does not do as plain as the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from . import marks
from .output import table
from .statements import add_evidence, labels, spoken, standing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from pharmakon.views.entities import Composition, Entity
    from pharmakon.views.references import Reference
    from pharmakon.views.statements import Statement

__all__ = ["draw", "draw_everything", "heading"]

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


def heading(found: Entity, asked: str = "") -> Iterator[Text]:
    """Yield what a card begins with: the thing, its identifiers and its definition.

    Args:
        found: The thing.
        asked: The other name that it was asked for by, if it was.
    """
    if asked:
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


def draw(console: Console, found: Entity) -> None:
    """Draw what is held of a thing, in the order in which a reader asks."""
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
    if depending := found.depending:
        lines = ((one.sentence, one) for one in depending.statements)
        _draw_block(console, depending.heading.lower(), lines)
    if gone := found.not_held:
        lines = ((one.sentence, one) for one in gone.statements)
        _draw_block(console, gone.heading.lower(), lines)
    _draw_compositions(console, found)
    counted = (one for one in found.all_sections if one.key in _COUNTED)
    rest = [f"{one.heading.lower()}: {len(one.statements)}" for one in counted]
    more = f"pharmakon show {found.reference.curie} --all"
    console.print()
    console.print(marks.text(" · ".join(["more", *rest, more]), "dim"))


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
            marks.text(labels(kinds)),
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
    site = labels(one.values("site"))
    return found.append_text(marks.text(f" in the {site}", "dim")) if site else found


def _draw_sections(console: Console, found: Entity, keys: Sequence[str]) -> None:
    """Draw sections: a line for each statement, the surest first."""
    here = found.reference
    by_key = {section.key: section for section in found.sections}
    for section in (by_key[key] for key in keys if key in by_key):
        held = sorted(
            section.statements,
            key=lambda one: (-(one.confidence or 0), one.sentence),
        )
        if section.key == "side-effects":
            _draw_side_effects(console, section.heading.lower(), here, held)
            continue
        shown = held if section.key in _WHOLE else held[:_LINES]
        lines = ((_short(one, here), one) for one in shown)
        _draw_block(console, section.heading.lower(), lines)
        if len(held) > len(shown):
            console.print(marks.text(f"  and {len(held) - len(shown)} more: --all", "dim"))


def _draw_side_effects(
    console: Console, heading: str, here: Reference, found: Sequence[Statement]
) -> None:
    """Draw side effects in one run for each certainty: they are many, and each is short."""
    runs: dict[str, list[str]] = {}
    for one in found:
        runs.setdefault(standing(one), []).append(_short(one, here))
    drawn = table("", "")
    for sure, effects in runs.items():
        drawn.add_row(marks.text(f"  {sure}", "dim"), marks.text("; ".join(effects)))
    if drawn.rows:
        console.print()
        console.print(marks.text(heading, "bold"))
        console.print(drawn)


def _draw_negatives(console: Console, found: Sequence[Statement]) -> None:
    """Draw what a thing does not do. No line is left out."""
    _draw_block(console, "does NOT", ((spoken(one), one) for one in found), style="bold red")


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
            marks.text(standing(one), "dim"),
            marks.text(marks.sources(one), "dim"),
        )
    if drawn.rows:
        console.print()
        console.print(marks.text(heading, style))
        console.print(drawn)


def _short(one: Statement, here: Reference) -> str:
    """Return a sentence without what its heading says: the subject, and a plain verb."""
    if one.subject.iri != here.iri:
        return one.sentence
    rest = one.sentence.removeprefix(f"{here.label} ").removeprefix(f"{here.label}: ")
    for verb in ("is used for ", "can cause ", "belongs to the class "):
        rest = rest.removeprefix(verb)
    return rest


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
        line.append_text(
            marks.text(
                f"{strength}, {ingredient.role.label if ingredient.role else 'not stated'}", "dim"
            )
        )
    return line


def draw_everything(console: Console, found: Entity) -> None:
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
    sentence = spoken(one)
    if one.contested:
        sentence = f"≠ {sentence}"
    branch = tree.add(marks.text(sentence))
    about = [one.curie, standing(one)]
    if one.rule is not None:
        about.append(f"inferred: {one.rule.label}")
    branch.add(marks.text(" · ".join(about), "dim"))
    if one.comment:
        branch.add(marks.text(one.comment, "italic"))
    add_evidence(branch, one)

"""Sections: what stands on the page of an entity, in which order and under which heading.

The views say what is stated; a page mirrors it. On the page of a substance an indication
stands under "Used for", on that of a condition under "What is used for it". What says no has
a section of its own, and so has what sources disagree about; neither is mixed with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pharmakon.namespaces import PK
from pharmakon.views.entities import Entity
from pharmakon.views.references import Reference
from pharmakon.views.statements import Statement

from .presentation import sources_of

__all__ = ["Block", "blocks", "look_alikes"]

#: Key, heading where the thing is the subject, and heading where it is the object.
_HEADINGS = {
    "actions": ("Actions", "What acts on it"),
    "uses": ("Used for", "What is used for it"),
    "negatives": ("What it does not do", "What does not treat or cause it"),
    "contested": ("Where sources disagree", "Where sources disagree"),
    "effects": ("Effects", "What affects it"),
    "side-effects": ("Side effects", "What can cause it"),
    "interactions": ("Interactions", "Interactions"),
    "contraindications": ("Contraindications", "What must not be given"),
    "forms": ("Of one form only", "Of one form only"),
    "combinations": ("Of products that also hold it", "Of products that also hold it"),
    "status": ("Regulatory status", "Regulatory status"),
    "classes": ("Classes", "Members"),
    "relations": ("Related", "Related"),
    "findings": ("Findings", "Findings"),
    "depending": ("What depends on it", "What depends on it"),
    "not-held": ("Refuted, unknown or superseded", "Refuted, unknown or superseded"),
}

_OF_CIRCUMSTANCES = {"negatives": "What says no, and depends on it"}

#: Sections that read the same from both ends.
_TWO_SIDED = (
    "contested",
    "interactions",
    "relations",
    "findings",
    "status",
    "depending",
    "not-held",
)

_TABLES = ("actions", "uses", "side-effects")

_FREQUENCY = ("veryCommon", "common", "uncommon", "rare", "veryRare")

_LOOKS_ALIKE = PK["notToBeConfusedWith"].value


@dataclass(frozen=True)
class Block:
    """A section of a page.

    Attributes:
        key: Its anchor.
        heading: Its heading.
        form: ``"actions"``, ``"uses"`` or ``"side-effects"`` for a table of that kind, or
            ``"sentences"``.
        mark: ``"no"`` for negatives, ``"differ"`` where sources disagree, else empty.
        mirrored: Whether the thing is the object of its statements.
        statements: The statements; never empty.
    """

    key: str
    heading: str
    form: str
    mark: str
    mirrored: bool
    statements: tuple[Statement, ...]


def blocks(entity: Entity) -> list[Block]:
    """Return the sections of an entity's page, in order."""
    here = entity.reference.iri
    stated = {section.key: section.statements for section in entity.all_sections}
    found = []
    for key in _HEADINGS:
        own, mirrored = _sides(key, here, stated.get(key, ()))
        found += [_block(key, side, mirror) for side, mirror in ((own, False), (mirrored, True))]
    kept = [block for block in found if block.statements]
    if entity.reference.kind != "circumstance":
        return kept
    # What says no on such a page says it of something else, under the circumstance.
    return [replace(one, heading=_OF_CIRCUMSTANCES.get(one.key, one.heading)) for one in kept]


def look_alikes(entity: Entity) -> list[Reference]:
    """Return the things whose names are easily mistaken for that of an entity."""
    here = entity.reference.iri
    relations = (one for section in entity.sections for one in section.statements)
    return sorted(
        {
            end
            for one in relations
            if any(value.iri == _LOOKS_ALIKE for value in _things(one.values("relation")))
            for end in (one.subject, *_things(one.objects))
            if end.iri != here
        }
    )


def _sides(
    key: str, here: str, found: Iterable[Statement]
) -> tuple[list[Statement], list[Statement]]:
    if key in _TWO_SIDED:
        return list(found), []
    own: list[Statement] = []
    mirrored: list[Statement] = []
    for one in found:
        is_object = here in {thing.iri for thing in _things(one.objects)}
        (mirrored if is_object and one.subject.iri != here else own).append(one)
    return own, mirrored


def _block(key: str, found: Iterable[Statement], mirrored: bool) -> Block:
    return Block(
        key=f"{key}-of-it" if mirrored else key,
        heading=_HEADINGS[key][mirrored],
        form=key if key in _TABLES else "sentences",
        mark={"negatives": "no", "contested": "differ"}.get(key, ""),
        mirrored=mirrored,
        statements=tuple(sorted(found, key=_ORDERS.get(key, _by_sentence))),
    )


def _by_strength(one: Statement) -> tuple[object, ...]:
    return (-(one.confidence or 0), -sources_of(one.supports), one.sentence)


def _by_use(one: Statement) -> tuple[object, ...]:
    approved = any(value.iri == PK["approved"].value for value in _things(one.values("useStatus")))
    return (not approved, *_by_strength(one))


def _by_frequency(one: Statement) -> tuple[object, ...]:
    ranks = [
        _FREQUENCY.index(name)
        for value in _things(one.values("frequency"))
        if (name := value.iri.removeprefix(PK.base)) in _FREQUENCY
    ]
    return (min(ranks, default=len(_FREQUENCY)), one.sentence)


def _by_sentence(one: Statement) -> tuple[object, ...]:
    return (one.sentence,)


_ORDERS: dict[str, Callable[[Statement], tuple[object, ...]]] = {
    "actions": _by_strength,
    "uses": _by_use,
    "side-effects": _by_frequency,
}


def _things(values: Iterable[Reference | str]) -> list[Reference]:
    return [value for value in values if isinstance(value, Reference)]

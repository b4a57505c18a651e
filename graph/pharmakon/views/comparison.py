"""A comparison: things side by side, row by row, with nothing left blank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..stores import Store
from .entities import Entity, entity
from .references import Reference
from .statements import Statement

__all__ = ["Comparison", "Group", "Row", "compare"]


#: What sets things apart comes first: what they are, do, are for, and are not for.
_ORDER = (
    "classes",
    "actions",
    "uses",
    "negatives",
    "forms",
    "combinations",
    "effects",
    "side-effects",
    "interactions",
    "contraindications",
    "status",
    "relations",
    "findings",
    "contested",
    "not-held",
)


#: Where a kind of statement keeps what it is about, beside its subject.
_MATTERS = (
    "measure",
    "status",
    "target",
    "condition",
    "inClass",
    "affects",
    "withSubstance",
    "relation",
)


@dataclass(frozen=True)
class Row:
    """One matter on which things are compared.

    Attributes:
        about: The target, condition, class or measure.
        cells: For each thing the statements about that matter; empty where there are none.
    """

    about: Reference | str
    cells: tuple[tuple[Statement, ...], ...]

    @property
    def label(self) -> str:
        """What the row is called."""
        return self.about if isinstance(self.about, str) else self.about.label

    @property
    def differs(self) -> bool:
        """Whether the things do not all say the same here."""
        said = {frozenset((one.kind.iri, _difference(one)) for one in cell) for cell in self.cells}
        return len(said) > 1


@dataclass(frozen=True)
class Group:
    """Rows of one kind, under a heading."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """Things side by side.

    Attributes:
        things: The things, in the order in which they were asked for.
        groups: The rows, by kind; negatives in a group of their own.
    """

    things: tuple[Entity, ...]
    groups: tuple[Group, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the comparison as plain JSON."""
        return {
            "things": [thing.reference.to_dict() for thing in self.things],
            "groups": [
                {
                    "heading": group.heading,
                    "rows": [
                        {
                            "about": row.label,
                            "differs": row.differs,
                            "cells": [[one.to_dict() for one in cell] for cell in row.cells],
                        }
                        for row in group.rows
                    ],
                }
                for group in self.groups
            ],
        }


def compare(store: Store, iris: Sequence[str]) -> Comparison:
    """Return the things of those IRIs side by side; IRIs that name nothing are left out."""
    things = tuple(found for iri in iris if (found := entity(store, iri)))
    headings: dict[str, str] = {}
    for thing in things:
        headings |= {section.key: section.heading for section in thing.all_sections}
    groups = (Group(headings[key], _rows(key, things)) for key in _ORDER if key in headings)
    return Comparison(things, tuple(group for group in groups if group.rows))


def _rows(key: str, things: Sequence[Entity]) -> tuple[Row, ...]:
    table: dict[tuple[str, str], list[list[Statement]]] = defaultdict(lambda: [[] for _ in things])
    about: dict[tuple[str, str], Reference | str] = {}
    for column, thing in enumerate(things):
        for one in _section(thing, key):
            # What is said of the thing by others (as their object) is not its own row.
            if _is_object(thing.reference.iri, one):
                continue
            matter = _matter(one)
            name = (matter, "") if isinstance(matter, str) else (matter.label, matter.iri)
            about[name] = matter
            table[name][column].append(one)
    return tuple(
        Row(about[name], tuple(tuple(cell) for cell in table[name])) for name in sorted(table)
    )


def _is_object(iri: str, one: Statement) -> bool:
    objects = {value.iri for value in one.objects if isinstance(value, Reference)}
    return one.subject.iri != iri and iri in objects


def _section(thing: Entity, key: str) -> Iterable[Statement]:
    return next((one.statements for one in thing.all_sections if one.key == key), ())


def _matter(one: Statement) -> Reference | str:
    """Return what a statement is about, beside its subject."""
    values = (one.values(name) for name in _MATTERS)
    return next((found[0] for found in values if found), one.kind.label)


def _difference(one: Statement) -> str:
    """Return what a statement says, without the name of its subject."""
    return one.sentence.removeprefix(one.subject.label)

"""Names: from what people type to the thing that they mean."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from .errors import AmbiguousNameError, NotFoundError
from .namespaces import ENTITY_TYPES, PREFIXES, expand
from .stores import Store, text
from .views.references import Reference, references

__all__ = ["Hit", "Name", "NameIndex", "fold"]

#: How alike two spellings have to be, of 100, for one to be offered for the other.
_ALIKE = 72

_RANKS = ("label", "other name", "identifier")

_GREEK = str.maketrans(
    {
        "α": "alpha",
        "β": "beta",
        "γ": "gamma",
        "δ": "delta",
        "κ": "kappa",
        "λ": "lambda",
        "μ": "mu",
        "µ": "mu",  # the micro sign, which looks the same
        "σ": "sigma",
    }
)


def fold(name: str) -> str:
    """Return a name as names are compared: no case, accents, Greek letters or punctuation.

    Example:
        >>> fold("μ-Opioid receptor") == fold("mu opioid  Receptor")
        True
    """
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_GREEK)
    plain = unicodedata.normalize("NFKD", plain)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", letters))


@dataclass(frozen=True, order=True)
class Name:
    """A name, and what it names.

    Attributes:
        text: The name as written.
        kind: ``"label"``, ``"other name"`` or ``"identifier"``.
        thing: What it names.
    """

    text: str
    kind: str
    thing: Reference


@dataclass(frozen=True)
class Hit:
    """A thing that a search found, and the name by which.

    Attributes:
        thing: The thing.
        name: The name that matched.
        score: How well, from 0 to 100.
    """

    thing: Reference
    name: Name
    score: float

    def to_dict(self) -> dict[str, object]:
        """Return the hit as plain JSON."""
        matched = {"text": self.name.text, "kind": self.name.kind}
        return self.thing.to_dict() | {"matched": matched, "score": round(self.score, 1)}


class NameIndex:
    """Every name of every entity of a graph, in memory."""

    def __init__(self, names: Iterable[Name]) -> None:
        """Index the names."""
        self._by_text: dict[str, list[Name]] = defaultdict(list)
        self._by_iri: dict[str, Reference] = {}
        for name in sorted(names):
            self._by_text[fold(name.text)].append(name)
            self._by_iri[name.thing.iri] = name.thing

    @classmethod
    def of(cls, store: Store) -> NameIndex:
        """Return the index of what a store holds."""
        return cls(_names(store))

    def __len__(self) -> int:
        """Return the number of things that are named."""
        return len(self._by_iri)

    def resolve(self, typed: str, kind: str | None = None) -> Reference:
        """Return the one thing that a text names: IRI, CURIE, slug, name or identifier.

        A label comes before another name, and another name before an identifier.

        Args:
            typed: What was typed.
            kind: Look among things of this kind only, such as ``"substance"``; None for all.

        Raises:
            NotFoundError: Nothing is called so; it holds the nearest names.
            AmbiguousNameError: Several things are called so, equally well.
        """
        found = [name for name in self._exact(typed) if kind in (None, name.thing.kind)]
        for rank in _RANKS:
            things = {name.thing.iri: name.thing for name in found if name.kind == rank}
            if len(things) == 1:
                return next(iter(things.values()))
            if things:
                raise AmbiguousNameError(typed, sorted(thing.curie for thing in things.values()))
        raise NotFoundError(kind or "entity", typed, self.nearest(typed))

    def search(self, typed: str, kind: str | None = None, limit: int = 20) -> list[Hit]:
        """Return the things whose names are spelled like a text, best first.

        Args:
            typed: What was typed, typos allowed.
            kind: Look among things of this kind only; None for all.
            limit: How many at the most.
        """
        if not fold(typed):
            return []
        names = [(name, 100.0) for name in self._exact(typed)]
        alike = process.extract(
            fold(typed), self._by_text.keys(), scorer=_likeness, score_cutoff=_ALIKE, limit=None
        )
        names += [(name, score) for text, score, _ in alike for name in self._by_text[text]]
        best: dict[str, Hit] = {}
        for name, score in names:
            known = best.get(name.thing.iri)
            if kind in (None, name.thing.kind) and (known is None or score > known.score):
                best[name.thing.iri] = Hit(name.thing, name, score)
        return sorted(best.values(), key=_order)[:limit]

    def nearest(self, typed: str, limit: int = 3) -> list[str]:
        """Return the labels of the things whose names are spelled most like a text."""
        return [hit.thing.label for hit in self.search(typed, limit=limit)]

    def of_kind(self, kind: str) -> list[Reference]:
        """Return the things of a kind, in order of label."""
        return sorted(thing for thing in self._by_iri.values() if thing.kind == kind)

    def _exact(self, typed: str) -> list[Name]:
        typed = typed.strip()
        iri = expand(typed)
        if iri in self._by_iri:
            return [Name(typed, "label", self._by_iri[iri])]
        slug = typed.casefold().replace(" ", "-")
        slugs = (self._by_iri.get(PREFIXES[kind] + slug) for kind in ENTITY_TYPES)
        return [
            *self._by_text.get(fold(typed), ()),
            *(Name(slug, "identifier", thing) for thing in slugs if thing),
        ]


def _likeness(one: str, other: str, *, score_cutoff: float | None = None) -> float:
    """Return how alike two folded names are, from 0 to 100: wholes before starts before parts."""
    if one == other:
        return 100.0
    if other.startswith(one):
        return 97.0
    if f" {one}" in other:
        return 94.0
    whole = fuzz.ratio(one, other)
    # Words in another order, or some of them; a single word is like a part of anything.
    words = fuzz.token_set_ratio(one, other) * 0.9 if " " in one else 0.0
    return max(whole, words)


def _order(hit: Hit) -> tuple[float, int, bool, Reference]:
    return (-hit.score, _RANKS.index(hit.name.kind), hit.thing.kind == "source", hit.thing)


def _names(store: Store) -> Iterator[Name]:
    rows = [
        {name: text(term) for name, term in row.items()}
        for row in store.select(
            """SELECT ?thing ?property ?name WHERE {
              VALUES ?property { rdfs:label skos:altLabel dcterms:identifier skos:exactMatch }
              ?thing rdfs:label ?label ; ?property ?name .
            }"""
        )
    ]
    kinds = {"label": "label", "altLabel": "other name"}
    things = references(store, {row["thing"] for row in rows})
    for row in rows:
        thing = things[row["thing"]]
        if thing.kind in (*ENTITY_TYPES, "class"):
            local = row["property"].replace("#", "/").rsplit("/", 1)[-1]
            yield Name(row["name"], kinds.get(local, "identifier"), thing)
            if local == "identifier":
                yield Name(row["name"].partition(":")[2], "identifier", thing)
            if local == "label":
                yield Name(thing.curie, "identifier", thing)

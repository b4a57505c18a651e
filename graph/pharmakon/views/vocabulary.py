"""The vocabulary: every term, with what it means and what it is called elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..namespaces import GRAPH, OWL, PK, RDF, RDFS, SKOS, shorten
from ..stores import Store, text
from .references import Reference, references

__all__ = ["Term", "vocabulary"]


@dataclass(frozen=True)
class Term:
    """A term of the vocabulary.

    Attributes:
        reference: The term itself, with its definition.
        kind: ``"class"``, ``"property"``, or ``"value"`` for a concept of a value scheme.
        parents: The classes or properties above it, or the schemes that it is a value of.
        used_on: The classes that a property is used on.
        values: The classes, or the datatype, of the values of a property.
        equivalents: For each kind of match the terms outside.
        example: An example, or the empty string.
        note: How to use it, or the empty string.
    """

    reference: Reference
    kind: str
    parents: tuple[Reference, ...]
    used_on: tuple[Reference, ...]
    values: tuple[Reference, ...]
    equivalents: tuple[tuple[str, Reference], ...]
    example: str
    note: str

    @property
    def name(self) -> str:
        """The name of the term within the vocabulary."""
        return self.reference.iri.removeprefix(PK.base)

    def to_dict(self) -> dict[str, object]:
        """Return the term as plain JSON."""
        return {
            "id": self.reference.curie,
            "iri": self.reference.iri,
            "kind": self.kind,
            "label": self.reference.label,
            "definition": self.reference.definition,
            "parents": [one.curie for one in self.parents],
            "used_on": [one.curie for one in self.used_on],
            "values": [one.curie for one in self.values],
            "equivalents": [[match, one.curie] for match, one in self.equivalents],
            "example": self.example or None,
            "note": self.note or None,
        }


def vocabulary(store: Store) -> list[Term]:
    """Return the terms of the vocabulary: classes, then properties, then values, by name."""
    about: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in store.select(
        f"""SELECT ?term ?property ?value WHERE {{
          GRAPH {GRAPH["ontology"]} {{ ?term ?property ?value }}
          FILTER (STRSTARTS(STR(?term), "{PK.base}"))
        }}"""
    ):
        about[text(row["term"])][text(row["property"])].add(text(row["value"]))
    mentioned = {
        iri
        for term in about.values()
        for values in term.values()
        for iri in values
        if shorten(iri) != iri
    }
    named = references(store, mentioned | set(about))
    found = [_term(iri, about[iri], named) for iri in about]
    return sorted(found, key=lambda term: (_KINDS.index(term.kind), term.name.casefold()))


_KINDS = ("class", "property", "value")

_MATCHES = ("exact", "close", "broad", "narrow", "related")


def _term(iri: str, about: Mapping[str, set[str]], named: Mapping[str, Reference]) -> Term:
    def refer(*properties: str) -> tuple[Reference, ...]:
        iris = {iri for name in properties for iri in about.get(name, ()) if iri in named}
        return tuple(sorted(named[iri] for iri in iris))

    types = about[RDF["type"].value]
    kind = "class" if OWL["Class"].value in types else "property"
    if not any(one.startswith(OWL.base) or one == RDF["Property"].value for one in types):
        kind = "value"
    schemes = refer(RDF["type"].value) if kind == "value" else ()
    above = (RDFS["subClassOf"].value, RDFS["subPropertyOf"].value, SKOS["broader"].value)
    return Term(
        reference=named[iri],
        kind=kind,
        parents=(*schemes, *refer(*above)),
        used_on=refer("https://schema.org/domainIncludes"),
        values=refer("https://schema.org/rangeIncludes", RDFS["range"].value),
        equivalents=tuple(
            (match, one) for match in _MATCHES for one in refer(SKOS[f"{match}Match"].value)
        ),
        example=min(about.get(SKOS["example"].value, ()), default=""),
        note=min(about.get(SKOS["scopeNote"].value, ()), default=""),
    )

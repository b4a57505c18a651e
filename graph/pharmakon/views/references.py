"""References: an IRI with what is needed to show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pyoxigraph as ox

from ..namespaces import DCTERMS, ENTITY_TYPES, OWL, PK, PREFIXES, RDF, RDFS, SKOS, shorten
from ..stores import Store, text

__all__ = ["Reference", "kind_of", "references", "values_of"]

#: The terms of the vocabularies of a release, which every page names and which never change in it.
_terms: WeakKeyDictionary[Store, dict[str, Reference]] = WeakKeyDictionary()

_VOCABULARIES = tuple(one.base for one in (DCTERMS, OWL, PK, RDF, RDFS, SKOS))


@dataclass(frozen=True, order=True)
class Reference:
    """A thing that a page or a table points at.

    Attributes:
        label: What it is called; its CURIE where it has no label.
        iri: Its IRI.
        kind: What it is: one of :data:`pharmakon.namespaces.ENTITY_TYPES`, or
            ``"class"`` for a class of substances, ``"statement"``, ``"rule"``, ``"term"``
            for a term of the vocabulary, ``"outside"`` for anything else.
        definition: What sets it apart, or the empty string.
    """

    label: str
    iri: str
    kind: str
    definition: str = ""

    @property
    def curie(self) -> str:
        """The IRI, shortened."""
        return shorten(self.iri)

    def to_dict(self) -> dict[str, str]:
        """Return the reference as plain JSON."""
        return {"id": self.curie, "iri": self.iri, "label": self.label, "kind": self.kind}


def kind_of(iri: str, types: Iterable[str] = ()) -> str:
    """Return the kind of thing that an IRI names, from its form and its types.

    Example:
        >>> kind_of("https://w3id.org/pharmakon/target/mu-opioid-receptor")
        'target'
    """
    if PK["SubstanceClass"].value in types:
        return "class"
    for kind in (*ENTITY_TYPES, "statement", "rule"):
        if iri.startswith(PREFIXES[kind]):
            return kind
    return "term" if iri.startswith(PK.base) else "outside"


def values_of(variable: str, iris: Iterable[str]) -> str:
    """Return a VALUES block of IRIs, for a query of our own.

    Raises:
        ValueError: One of them is not an IRI.
    """
    return f"VALUES ?{variable} {{ {' '.join(str(ox.NamedNode(iri)) for iri in sorted(iris))} }}"


def references(store: Store, iris: Iterable[str]) -> Mapping[str, Reference]:
    """Return a reference for each IRI, with its label where the graph has one."""
    iris = set(iris)
    terms = _terms.setdefault(store, {}) if getattr(store, "path", None) else {}
    unknown = iris - terms.keys()
    found = _read(store, unknown) if unknown else {}
    terms.update({iri: one for iri, one in found.items() if iri.startswith(_VOCABULARIES)})
    return found | {iri: terms[iri] for iri in iris - unknown}


def _read(store: Store, iris: set[str]) -> dict[str, Reference]:
    query = f"""
        SELECT ?iri ?label ?type ?definition WHERE {{
          {values_of("iri", iris)}
          {{ ?iri rdfs:label ?label }} UNION {{ ?iri a ?type }}
          UNION {{ ?iri skos:definition ?definition }}
        }}"""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in store.select(query):
        iri = text(row["iri"])
        for name in ("label", "type", "definition"):
            if name in row:
                found[iri][name].add(text(row[name]))
    return {iri: _reference(iri, found[iri]) for iri in iris}


def _reference(iri: str, about: Mapping[str, set[str]]) -> Reference:
    return Reference(
        label=min(about.get("label", ()), default=shorten(iri)),
        iri=iri,
        kind=kind_of(iri, about.get("type", ())),
        definition=min(about.get("definition", ()), default=""),
    )

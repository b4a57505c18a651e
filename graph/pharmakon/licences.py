"""Licences: under which each named graph may be used, and which graphs are open."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from .namespaces import GRAPH, shorten
from .stores import Store
from .stores.base import text

__all__ = ["Licensed", "are_open", "graphs", "is_open"]

#: CC0, the public domain, and CC BY; not what must be shared alike, or may not be sold or changed.
_OPEN = re.compile(
    r"https?://creativecommons\.org/(publicdomain/(zero|mark)|licenses/by)/\d+\.\d+(/.*)?"
)


@dataclass(frozen=True, order=True)
class Licensed:
    """A named graph, and its licences.

    Attributes:
        label: What it is called.
        iri: Its IRI.
        licences: The addresses of its licences, of which all hold; none is not stated.
    """

    label: str
    iri: str
    licences: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether it may be used by anyone to any end."""
        return are_open(self.licences)


def is_open(licence: str) -> bool:
    """Return whether a licence lets anyone use, change and share, if need be with the name.

    Example:
        >>> is_open("https://creativecommons.org/licenses/by/4.0/")
        True
        >>> is_open("https://creativecommons.org/licenses/by-sa/4.0/")
        False
    """
    return _OPEN.fullmatch(licence) is not None


def are_open(licences: Collection[str]) -> bool:
    """Return whether what has all these licences is open; what has none is not."""
    return bool(licences) and all(map(is_open, licences))


def graphs(store: Store) -> list[Licensed]:
    """Return the graphs of a store with their licences, in order of label.

    The catalogue, which describes the others, is none of them.
    """
    labels: dict[str, set[str]] = {}
    licences: dict[str, set[str]] = {}
    rows = store.select(
        """SELECT ?graph ?label ?licence WHERE {
          ?graph a dcat:Dataset .
          OPTIONAL { ?graph rdfs:label ?label }
          OPTIONAL { ?graph dcterms:license ?licence }
        }"""
    )
    for row in rows:
        iri = text(row["graph"])
        if "label" in row:
            labels.setdefault(iri, set()).add(text(row["label"]))
        if "licence" in row:
            licences.setdefault(iri, set()).add(text(row["licence"]))
    there = {text(row["g"]) for row in store.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { } }")}
    return sorted(
        Licensed(min(labels.get(iri, {shorten(iri)})), iri, tuple(sorted(licences.get(iri, ()))))
        for iri in there - {GRAPH["catalog"].value}
    )

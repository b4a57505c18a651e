"""Contested mappings: what sources take a thing for, and it is not."""

from __future__ import annotations

from dataclasses import dataclass

from .. import mappings
from ..stores import Store, text
from .references import Reference, references

__all__ = ["ContestedMapping", "contested_mappings", "count"]


@dataclass(frozen=True)
class ContestedMapping:
    """That a source takes a thing for one outside, which it cannot be.

    Attributes:
        iri: Its IRI, a fragment of that of the source.
        thing: The thing.
        match: The IRI of what the source takes it for.
        source: The source.
        reason: Why that cannot be.
    """

    iri: str
    thing: Reference
    match: str
    source: Reference
    reason: str

    @property
    def curie(self) -> str:
        """The identifier that is not that of the thing, such as ``"mesh:D009270"``."""
        return mappings.curie(self.match)

    def to_dict(self) -> dict[str, object]:
        """Return it as plain JSON."""
        return {
            "id": self.curie,
            "iri": self.match,
            "source": self.source.to_dict(),
            "reason": self.reason,
        }


def contested_mappings(
    store: Store, pattern: str, limit: int | None = None
) -> list[ContestedMapping]:
    """Return the contested mappings that a graph pattern binds to ``?contested``.

    Args:
        store: The graph.
        pattern: A pattern of our own, such as
            ``?contested pk:claimedFor substance:naltrexone``.
        limit: How many are wanted at most; None is all.

    Returns:
        In order of the thing's label, then of what it is taken for.
    """
    rows = [
        {name: text(term) for name, term in row.items()}
        for row in store.select(
            f"""SELECT DISTINCT ?contested ?thing ?match ?source ?reason WHERE {{
              {pattern} .
              ?contested a pk:ContestedMapping ; pk:claimedFor ?thing ; pk:claimedMatch ?match ;
                dcterms:source ?source ; rdfs:comment ?reason .
              OPTIONAL {{ ?thing rdfs:label ?label }}
            }} ORDER BY ?label ?thing ?match ?contested {f"LIMIT {limit}" if limit else ""}"""
        )
    ]
    named = references(store, {row[name] for row in rows for name in ("thing", "source")})
    return [
        ContestedMapping(
            iri=row["contested"],
            thing=named[row["thing"]],
            match=row["match"],
            source=named[row["source"]],
            reason=row["reason"],
        )
        for row in rows
    ]


def count(store: Store, pattern: str) -> int:
    """Return how many contested mappings a pattern binds to ``?contested``."""
    (row,) = store.select(
        f"""SELECT (COUNT(DISTINCT ?contested) AS ?count) WHERE {{
          {pattern} . ?contested a pk:ContestedMapping
        }}"""
    )
    return int(text(row["count"]))

"""Paths and neighbourhoods: the shortcuts of a graph, as networkx reads them.

Only as much of the graph is read as a question needs: adjacency is asked for a frontier
at a time. Negatives and contested statements have no shortcut, so no path can use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

import networkx as nx

from ..namespaces import ENTITY_TYPES, PK, PREFIXES, SKOS
from ..stores import Store, text
from .references import Reference, references, values_of

__all__ = ["Edge", "Path", "multigraph", "neighbours", "paths"]

#: Edges that are typed, beside the shortcuts that the build writes.
_TYPED = "pk:hasFormulation pk:hasSubunit skos:broader"

#: How little an edge explains: what something is classed as, or shares a use with, explains
#: less than what it does. An edge that is not named here explains most.
_DISTANCES = {
    PK["actsOn"].value: 1,
    PK["usedFor"].value: 1,
    PK["treats"].value: 1,
    PK["contraindicatedIn"].value: 1,
    PK["hasFormulation"].value: 1,
    PK["hasActiveIngredient"].value: 1,
    PK["memberOf"].value: 2,
    SKOS["broader"].value: 2,
}

#: How long a step is to a condition on the way, where another is 1: that two things can cause,
#: or treat, the same says little of how they relate.
_SHARED = 1.5

#: An edge about names explains nothing about what substances do.
_NO_REASON = PK["notToBeConfusedWith"].value

_MOST_PATHS = 25

_Json = dict[str, object]

#: The IRI of a statement, and whether it is of an approved use.
_Behind = tuple[str, bool]


@dataclass(frozen=True)
class Edge:
    """A shortcut, and the statements that it was made from.

    Attributes:
        subject: Where it starts.
        property: What it says.
        object: Where it ends.
        statements: The IRIs of the statements behind it; none for a typed edge.
    """

    subject: Reference
    property: Reference
    object: Reference
    statements: tuple[str, ...]

    def other(self, iri: str) -> Reference:
        """Return the end of the edge that is not the thing of that IRI."""
        return self.object if self.subject.iri == iri else self.subject

    def to_dict(self) -> _Json:
        """Return the edge as plain JSON."""
        return {
            "subject": self.subject.to_dict(),
            "property": self.property.curie,
            "object": self.object.to_dict(),
            "statements": list(self.statements),
        }


@dataclass(frozen=True)
class Path:
    """A way from one thing to another: for each step the edges that join it.

    Attributes:
        things: The things on the way, ends among them.
        steps: For each step the edges between the two things, in either direction.
    """

    things: tuple[Reference, ...]
    steps: tuple[tuple[Edge, ...], ...]

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    def to_dict(self) -> dict[str, object]:
        """Return the path as plain JSON."""
        return {
            "things": [thing.to_dict() for thing in self.things],
            "steps": [[edge.to_dict() for edge in step] for step in self.steps],
        }


def neighbours(store: Store, iris: Iterable[str]) -> list[Edge]:
    """Return the edges that touch any of some things, the most specific of each pair.

    Raises:
        ValueError: One of them is not an IRI.
    """
    wanted = set(iris)
    if not wanted:
        return []
    rows = [
        tuple(text(row[name]) for name in ("subject", "property", "object"))
        for row in store.select(
            f"""SELECT DISTINCT ?subject ?property ?object WHERE {{
              {values_of("here", wanted)}
              {{ ?property a pk:Shortcut }} UNION {{ VALUES ?property {{ {_TYPED} }} }}
              {{ ?here ?property ?object . BIND (?here AS ?subject) }}
              UNION
              {{ ?subject ?property ?here . BIND (?here AS ?object) }}
              FILTER (isIRI(?object))
              FILTER NOT EXISTS {{
                ?closer rdfs:subPropertyOf ?property ; a pk:Shortcut .
                ?subject ?closer ?object .
              }}
            }}"""
        )
    ]
    rows = [row for row in rows if _has_page(row[0]) and _has_page(row[2])]
    named = references(store, {iri for row in rows for iri in row})
    behind = _behind(store, wanted)
    return sorted(
        (Edge(named[s], named[p], named[o], _of(behind, s, p, o)) for s, p, o in rows),
        key=lambda edge: (edge.property.label, edge.object, edge.subject),
    )


def paths(store: Store, start: str, end: str, most: int = 4) -> list[Path]:
    """Return the ways from one thing to another, shortest first.

    Args:
        store: The graph.
        start: The IRI of the one.
        end: The IRI of the other.
        most: The greatest number of steps.

    Returns:
        At most 25 ways, none where there is no way of that length. Of ways of one length
        those by what things do come before those by what things are classed as.
    """
    edges = _around(store, start, (most + 1) // 2) | _around(store, end, most // 2)
    deterring = _deterring(store)
    graph = _graph(
        edge
        for edge in sorted(edges, key=_key)
        if edge.property.iri != _NO_REASON and (edge.subject.iri, edge.object.iri) not in deterring
    )
    if start not in graph or end not in graph or start == end:
        return []
    for one, other, step in graph.edges(data=True):
        through = {one, other} - {start, end}
        shared = any(graph.nodes[node]["thing"].kind == "condition" for node in through)
        # Of steps of one length those that explain come first, also among more than we return.
        step["weight"] = (_SHARED if shared else 1.0) + _distance(step["edges"]) / 100
    found = []
    try:
        ways = nx.shortest_simple_paths(graph, start, end, weight="weight")
        for nodes in islice(ways, _MOST_PATHS):
            if len(nodes) <= most + 1:
                found.append(_path(graph, nodes))
    except nx.NetworkXNoPath:
        return []
    return sorted(found, key=_order)


def _order(path: Path) -> tuple[int, int, list[str]]:
    distance = sum(_distance(step) for step in path.steps)
    shared = sum(thing.kind == "condition" for thing in path.things[1:-1])
    return (len(path), distance + 3 * shared, [thing.label for thing in path.things])


def _key(edge: Edge) -> tuple[str, str, str]:
    return (edge.subject.iri, edge.property.iri, edge.object.iri)


def _distance(step: Iterable[Edge]) -> int:
    """Return how little a step explains: as much as the best of its edges."""
    return min(_DISTANCES.get(edge.property.iri, 0) for edge in step)


def multigraph(edges: Iterable[Edge]) -> nx.MultiDiGraph[str]:
    """Return edges as a networkx graph: nodes are CURIEs with label and kind."""
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for edge in edges:
        for end in (edge.subject, edge.object):
            graph.add_node(end.curie, label=end.label, kind=end.kind)
        graph.add_edge(
            edge.subject.curie,
            edge.object.curie,
            key=edge.property.curie,
            label=edge.property.label,
            statements=" ".join(edge.statements),
        )
    return graph


def _around(store: Store, iri: str, hops: int) -> set[Edge]:
    found: set[Edge] = set()
    seen: set[str] = set()
    frontier = {iri}
    for _ in range(hops):
        new = neighbours(store, frontier)
        found.update(new)
        seen |= frontier
        frontier = {end.iri for edge in new for end in (edge.subject, edge.object)} - seen
    return found


def _graph(edges: Iterable[Edge]) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    for edge in edges:
        one, other = edge.subject, edge.object
        graph.add_node(one.iri, thing=one)
        graph.add_node(other.iri, thing=other)
        if not graph.has_edge(one.iri, other.iri):
            graph.add_edge(one.iri, other.iri, edges=[])
        graph.edges[one.iri, other.iri]["edges"].append(edge)
    return graph


def _path(graph: nx.Graph[str], nodes: list[str]) -> Path:
    return Path(
        things=tuple(graph.nodes[node]["thing"] for node in nodes),
        steps=tuple(
            tuple(
                sorted(
                    graph.edges[pair]["edges"],
                    key=lambda edge: (_distance([edge]), edge.property),
                )
            )
            for pair in pairwise(nodes)
        ),
    )


def _behind(store: Store, iris: Iterable[str]) -> dict[tuple[str, str], tuple[_Behind, ...]]:
    """Return the positive statements between things, by subject and object."""
    rows = store.select(
        f"""SELECT DISTINCT ?statement ?subject ?object ?approved WHERE {{
          {values_of("here", iris)}
          {{ ?statement pk:subject ?here }} UNION {{ ?statement pk:object ?here }}
          ?statement pk:subject ?subject ; pk:object ?object ; pk:confidence ?confidence .
          BIND (EXISTS {{ ?statement pk:useStatus pk:approved }} AS ?approved)
          FILTER NOT EXISTS {{
            VALUES ?negative {{ pk:NonIndication pk:NonEffect }}
            ?statement a ?negative .
          }}
        }} ORDER BY ?statement"""
    )
    found: dict[tuple[str, str], tuple[_Behind, ...]] = {}
    for row in rows:
        pair = (text(row["subject"]), text(row["object"]))
        one = (text(row["statement"]), text(row["approved"]) == "true")
        found[pair] = (*found.get(pair, ()), one)
    return found


def _of(
    behind: Mapping[tuple[str, str], tuple[_Behind, ...]], subject: str, name: str, object_: str
) -> tuple[str, ...]:
    """Return the statements behind an edge: of an approved use those that are approved."""
    found = behind.get((subject, object_), ())
    return tuple(iri for iri, approved in found if approved or name != PK["treats"].value)


def _deterring(store: Store) -> set[tuple[str, str]]:
    """Return each product or formulation with a substance that does not act for its use.

    That Suboxone is used for a disorder is no way from the naloxone in it to the disorder. An
    ingredient of which no source says what it is for is in products of datasets alone, of which
    none is said to be used for anything.
    """
    rows = store.select(
        """SELECT DISTINCT ?holder ?substance WHERE {
          ?ingredient pk:ingredientRole ?role .
          FILTER (?role != pk:therapeuticAgent)
          ?ingredient pk:substance ?substance .
          ?holder pk:hasFormulation?/pk:hasIngredient ?ingredient .
        }"""
    )
    return {(text(row["holder"]), text(row["substance"])) for row in rows}


def _has_page(iri: str) -> bool:
    return any(iri.startswith(PREFIXES[kind]) for kind in ENTITY_TYPES)

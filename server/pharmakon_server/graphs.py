"""The picture of a neighbourhood, and the same as a list."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template, request

from pharmakon import KnowledgeGraph
from pharmakon.views.paths import Edge
from pharmakon.views.references import Reference

from .compare import known, resolved
from .pictures import draw, most_telling

__all__ = ["graphs"]

#: More things than this cannot be read in one picture.
MOST = 40

_EXAMPLE = ("substance:naltrexone",)


@dataclass(frozen=True)
class Branch:
    """What hangs on a thing by one property, in one direction.

    Attributes:
        property: The property.
        forward: Whether the thing is the subject.
        ends: The things at the other end.
    """

    property: Reference
    forward: bool
    ends: tuple[Reference, ...]


def graphs(graph: KnowledgeGraph) -> Blueprint:
    """Return the route of the picture."""
    blueprint = Blueprint("graphs", __name__)

    @blueprint.get("/graph")
    def picture() -> str:
        ids = [one for one in request.args.getlist("id") if one.strip()]
        centres = resolved(graph, ids) or known(graph, _EXAMPLE)
        expanded = [
            graph.names.resolve(one) for one in dict.fromkeys(request.args.getlist("expand"))
        ]
        edges = graph.neighbours(*(thing.iri for thing in (*centres, *expanded)))
        shown = _within(edges, centres, expanded)
        count = _count(edges)
        return render_template(
            "graph.html",
            centres=centres,
            expanded=expanded,
            drawn=draw(centres, shown, 900, 540),
            outline=[(one, _branches(one, shown)) for one in (*centres, *expanded)],
            shown=_count(shown),
            total=count,
            most=MOST,
        )

    return blueprint


def _within(edges: list[Edge], centres: list[Reference], expanded: list[Reference]) -> list[Edge]:
    """Return the edges among as many things as one picture can show."""
    if _count(edges) <= MOST:
        return edges
    touching = {
        one.iri: most_telling([edge for edge in edges if _touches(edge, one.iri)], one.iri, MOST)
        for one in (*centres, *expanded)
    }
    kept = set(touching)
    # Those with little get all of it, and leave the room to those with much.
    for number, iri in enumerate(sorted(touching, key=lambda iri: len(touching[iri]))):
        share = max(3, (MOST - len(kept)) // (len(touching) - number))
        kept |= {edge.other(iri).iri for edge in touching[iri][:share]}
    return [edge for edge in edges if edge.subject.iri in kept and edge.object.iri in kept]


def _touches(edge: Edge, iri: str) -> bool:
    return iri in (edge.subject.iri, edge.object.iri)


def _count(edges: list[Edge]) -> int:
    return len({end.iri for edge in edges for end in (edge.subject, edge.object)})


def _branches(thing: Reference, edges: list[Edge]) -> list[Branch]:
    found: dict[tuple[str, bool], list[Reference]] = {}
    named: dict[str, Reference] = {}
    for edge in edges:
        for forward, here, other in (
            (True, edge.subject, edge.object),
            (False, edge.object, edge.subject),
        ):
            if here.iri == thing.iri:
                named[edge.property.iri] = edge.property
                found.setdefault((edge.property.iri, forward), []).append(other)
    return [
        Branch(named[iri], forward, tuple(sorted(set(ends))))
        for (iri, forward), ends in sorted(found.items(), key=lambda one: (not one[0][1], one[0]))
    ]

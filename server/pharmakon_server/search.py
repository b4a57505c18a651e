"""Search and resolve: from what people type to the page that they mean."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, Response, redirect, render_template, request

from pharmakon import KnowledgeGraph
from pharmakon.errors import AmbiguousNameError
from pharmakon.names import Hit
from pharmakon.namespaces import expand
from pharmakon.stores import text
from pharmakon.views.references import Reference, kind_of, references, values_of

from . import urls
from .negotiation import HTML, best
from .presentation import KINDS

__all__ = ["exact", "search"]

_MOST = 50


def search(graph: KnowledgeGraph) -> Blueprint:
    """Return the routes that look names up."""
    blueprint = Blueprint("search", __name__)

    @blueprint.get("/search")
    def results() -> str:
        asked = request.args.get("q", "").strip()
        kind = request.args.get("type", "")
        kind = kind if kind in KINDS else ""
        hits = graph.search(asked, limit=_MOST) if asked else []
        shown = [hit for hit in hits if kind in ("", hit.thing.kind)]
        return render_template(
            "search.html",
            asked=asked,
            kind=kind,
            hits=shown,
            exact=exact(shown),
            kinds=Counter(hit.thing.kind for hit in hits),
            contents=_contents(graph, shown),
        )

    @blueprint.get("/resolve/<path:name>")
    def resolve(name: str) -> Response | tuple[str, int]:
        elsewhere = urls.term(expand(name)) or urls.thing(expand(name))
        try:
            if elsewhere and kind_of(expand(name)) in ("statement", "rule", "term"):
                return _see_other(elsewhere)
            found = graph.names.resolve(name)
        except AmbiguousNameError as error:
            if best(request.headers.get("Accept"), [HTML, "application/json"]) != HTML:
                raise
            choices = [graph.names.resolve(candidate) for candidate in error.candidates]
            return render_template("choice.html", name=name, choices=choices), 300
        return _see_other(urls.thing(found.iri))

    return blueprint


def _see_other(address: str) -> Response:
    response = redirect(address, 303)
    assert isinstance(response, Response)  # noqa: S101 - Flask's own redirect is one
    return response


def exact(hits: list[Hit]) -> bool:
    """Return whether something is spelled exactly as it was asked for."""
    return any(hit.score >= 100 for hit in hits)


def _contents(graph: KnowledgeGraph, hits: list[Hit]) -> dict[str, list[Reference]]:
    """Return what the products and formulations among some hits hold, by their IRI."""
    wanted = {hit.thing.iri for hit in hits if hit.thing.kind in ("product", "formulation")}
    if not wanted:
        return {}
    pairs = [
        (text(row["thing"]), text(row["substance"]))
        for row in graph.store.select(
            f"""SELECT DISTINCT ?thing ?substance WHERE {{
              {values_of("thing", wanted)} ?thing pk:hasActiveIngredient ?substance
            }}"""
        )
    ]
    named = references(graph.store, {substance for _, substance in pairs})
    found: dict[str, list[Reference]] = {}
    for thing, substance in pairs:
        found.setdefault(thing, []).append(named[substance])
    return {thing: sorted(substances) for thing, substances in found.items()}

"""Health: is it alive, is it ready and if not what is missing, and how much has it done."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from flask import Blueprint, Response, jsonify

from pharmakon import KnowledgeGraph, PharmakonError
from pharmakon.errors import QueryBusyError
from pharmakon.stores import SandboxedQueries

from .endpoint import Endpoint
from .metrics import Metrics

__all__ = ["health"]


def health(graph: KnowledgeGraph, endpoint: Endpoint, metrics: Metrics) -> Blueprint:
    """Return the routes by which a machine looks after the server."""
    blueprint = Blueprint("health", __name__)
    queries = endpoint.queries
    _watch(graph, endpoint, metrics)

    @blueprint.get("/livez")
    def live() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @blueprint.get("/readyz")
    def ready() -> tuple[Response, int]:
        parts: dict[str, Callable[[], object]] = {
            "store": lambda: graph.store.ask("ASK { ?s ?p ?o }"),
            "names": lambda: len(graph.names),
            "queries": lambda: queries.answer("ASK { }", timeout=5, own=True).body,
        }
        missing = {name: reason for name, part in parts.items() if (reason := _fault(part))}
        found = {"ready": not missing, "release": graph.release, "missing": missing}
        return jsonify(found), 503 if missing else 200

    @blueprint.get("/metrics")
    def figures() -> Response:
        return Response(metrics.render(), content_type=metrics.media_type)

    return blueprint


def _watch(graph: KnowledgeGraph, endpoint: Endpoint, metrics: Metrics) -> None:
    """Show the state of the parts among the figures."""
    kept, queries = endpoint.cache, endpoint.queries
    metrics.about("release", "The release that is served.", graph.release)
    metrics.watch("quads", "Quads of the release.", cache(lambda: len(graph.store)))
    metrics.watch("cache_hits", "Queries whose answer was kept.", lambda: kept.hits)
    metrics.watch("cache_misses", "Queries whose answer was not.", lambda: kept.misses)
    metrics.watch("cache_answers", "Answers that are kept.", lambda: len(kept))
    metrics.watch("cache_bytes", "What they take.", lambda: kept.bytes)
    if isinstance(queries, SandboxedQueries):
        metrics.watch("queries_running", "Queries that run.", lambda: queries.running)
        metrics.watch("queries_waiting", "Queries that wait.", lambda: queries.waiting)
        metrics.watch("workers_killed", "Workers that were ended.", lambda: queries.killed)


def _fault(part: Callable[[], object]) -> str:
    """Return what is wrong with a part, or the empty string."""
    try:
        found = part()
    except PharmakonError as error:
        if isinstance(error, QueryBusyError) and error.full:  # it works, for others
            return ""
        return str(error)
    return "" if found else "it is empty: run 'pharmakon build', or serve the packaged graph"

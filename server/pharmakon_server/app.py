"""The application factory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyoxigraph as ox
from flask import Flask

from pharmakon import KnowledgeGraph
from pharmakon.stores import OxigraphStore, QueryService, WritableStore

from .api import api
from .compare import compare
from .description import dataset, description
from .endpoint import Endpoint
from .gallery import gallery
from .graphs import graphs
from .headers import register_headers
from .health import health
from .home import home
from .interactions import interactions
from .metrics import Metrics
from .pages import pages
from .passages import Passages
from .presentation import register_presentation
from .problems import register_errors
from .search import search
from .sparql import sparql
from .updates import updates
from .vocabulary import vocabulary
from .ways import ways

__all__ = ["create_app"]


def create_app(
    graph: KnowledgeGraph,
    queries: QueryService | Endpoint,
    *,
    sources: Path | None = None,
    metrics: Metrics | None = None,
    writable: WritableStore | None = None,
    token: str | None = None,
) -> Flask:
    """Return an application that serves a knowledge graph.

    Args:
        graph: What is shown.
        queries: What answers the queries of strangers; an endpoint keeps their answers.
        sources: A folder of the texts of sources, so that evidence shows its passage; None
            where they are not at hand.
        metrics: What was counted, for ``/metrics``.
        writable: What can be changed, and is what the endpoint answers from; None where
            nothing is.
        token: What whoever changes it must show.
    """
    endpoint = queries if isinstance(queries, Endpoint) else Endpoint(queries)
    held = cache(lambda: _held(graph, changing=writable is not None))

    def described(address: str) -> list[ox.Triple]:
        return description(address, held(), updated=writable is not None)

    app = Flask(__name__)
    app.config["EXACT_CSV"] = not endpoint.defuse
    app.config["WRITABLE"] = writable is not None
    # A redirect to the address with fewer slashes would name the host that the caller gave.
    app.url_map.merge_slashes = False
    register_presentation(app, graph)
    register_headers(app, graph.release if isinstance(graph.store, OxigraphStore) else "")
    register_errors(app)
    for blueprint in (
        home(graph),
        pages(graph, Passages(sources)),
        search(graph),
        compare(graph),
        graphs(graph),
        ways(graph),
        interactions(graph),
        gallery(graph, endpoint),
        vocabulary(graph),
        updates(writable, token, None if writable is None else endpoint.queries),
        sparql(endpoint, described),
        api(graph),
        health(graph, endpoint, metrics or Metrics()),
    ):
        app.register_blueprint(blueprint)
    return app


def _held(graph: KnowledgeGraph, *, changing: bool) -> list[ox.Triple]:
    """Describe what the endpoint answers from; what changes is not counted."""
    if changing:
        return dataset(None, union=False)
    return dataset(graph.store, release=graph.release)

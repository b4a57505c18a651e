"""Health: is it alive, is it ready and if not what is missing, and how much has it done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock

from flask import Blueprint, Flask, Response, jsonify

from pharmakon import KnowledgeGraph, PharmakonError
from pharmakon.errors import QueryBusyError
from pharmakon.stores import QueryService

__all__ = ["health"]


def health(app: Flask, graph: KnowledgeGraph, queries: QueryService) -> Blueprint:
    """Return the routes by which a machine looks after the server."""
    blueprint = Blueprint("health", __name__)
    answered: Counter[int] = Counter()
    lock = Lock()

    @app.after_request
    def count(response: Response) -> Response:
        with lock:
            answered[response.status_code] += 1
        return response

    @blueprint.get("/livez")
    def live() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @blueprint.get("/readyz")
    def ready() -> tuple[Response, int]:
        parts: dict[str, Callable[[], object]] = {
            "store": lambda: len(graph.store),
            "names": lambda: len(graph.names),
            "queries": lambda: queries.answer("ASK { }", timeout=5).body,
        }
        missing = {name: reason for name, part in parts.items() if (reason := _fault(part))}
        found = {"ready": not missing, "release": graph.release, "missing": missing}
        return jsonify(found), 503 if missing else 200

    @blueprint.get("/metrics")
    def metrics() -> Response:
        lines = [
            "# HELP pharmakon_release_info The release that is served.",
            "# TYPE pharmakon_release_info gauge",
            f'pharmakon_release_info{{release="{graph.release}"}} 1',
            "# HELP pharmakon_quads The quads of the release.",
            "# TYPE pharmakon_quads gauge",
            f"pharmakon_quads {len(graph.store)}",
            "# HELP pharmakon_requests_total The requests that were answered, by status.",
            "# TYPE pharmakon_requests_total counter",
        ]
        with lock:
            counts = sorted(answered.items())
        lines += [f'pharmakon_requests_total{{status="{code}"}} {n}' for code, n in counts]
        return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")

    return blueprint


def _fault(part: Callable[[], object]) -> str:
    """Return what is wrong with a part, or the empty string."""
    try:
        found = part()
    except QueryBusyError:  # it works, on the queries of others
        return ""
    except PharmakonError as error:
        return str(error)
    return "" if found else "it is empty: run 'pharmakon build', or serve the packaged graph"

"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pharmakon.errors import (
    PharmakonError,
    QueryBusyError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
)

__all__ = ["Metrics", "outcome_of"]

#: What became of a query, by its error; the first that fits holds.
_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (QuerySyntaxError, "syntax"),
    (QueryRefusedError, "refused"),
    (QueryTimeoutError, "timeout"),
    (QueryTooLargeError, "size"),
    (QueryTooComplexError, "memory"),
    (QueryBusyError, "busy"),
    (PharmakonError, "failed"),
    (Exception, "malformed"),
    (BaseException, "gone"),
)

#: In seconds: from an answer that was kept to the time limit of a query.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

#: The first part of an address, where it is one of ours; a stranger's could be anything.
_ROUTES = frozenset(
    (
        *("api", "browse", "circumstance", "compare", "condition", "formulation", "graph"),
        *("interactions", "livez", "metrics", "ontology", "paths", "product", "queries"),
        *("readyz", "resolve", "rule", "search", "source", "sparql", "statement", "static"),
        *("store", "substance", "target", "update"),
    )
)


def outcome_of(error: BaseException) -> str:
    """Return a word for what became of a query that ended so.

    Example:
        >>> outcome_of(QueryTimeoutError(30))
        'timeout'
    """
    return next(word for kind, word in _OUTCOMES if isinstance(error, kind))


class Metrics:
    """What was counted since the server started.

    Example:
        >>> metrics = Metrics()
        >>> metrics.request("/substance/naltrexone", 200, 0.004)
        >>> b'pharmakon_requests_total{route="substance",status="200"} 1.0' in metrics.render()
        True
    """

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        """Start to count."""
        self._registry = CollectorRegistry()
        registry = self._registry
        self._counted: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "pharmakon_requests",
            "Requests, by first part of the path.",
            ("route", "status"),
            registry=registry,
        )
        self._latency = Histogram(
            "pharmakon_request_seconds",
            "How long they took.",
            ("route",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._queries = Counter(
            "pharmakon_queries",
            "Queries of visitors, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self._query_seconds = Histogram(
            "pharmakon_query_seconds", "How long those took.", buckets=_BUCKETS, registry=registry
        )

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        first = path[1:].partition("/")[0].partition(".")[0]
        route = first if first in _ROUTES else "home" if path == "/" else "other"
        counted = self._counted.get((route, status))
        if counted is None:  # to look one up by its labels takes longer than to count
            counted = self._requests.labels(route, str(status)), self._latency.labels(route)
            self._counted[route, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def query(self, outcome: str, seconds: float) -> None:
        """Count a visitor's query, by a word for what became of it."""
        self._queries.labels(outcome).inc()
        self._query_seconds.observe(seconds)

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a figure as it is when somebody looks, under ``pharmakon_`` and a name."""
        Gauge(f"pharmakon_{name}", about, registry=self._registry).set_function(value)

    def about(self, name: str, about: str, value: str) -> None:
        """Show a text: a figure that is 1, with the text as a label of that name."""
        gauge = Gauge(f"pharmakon_{name}_info", about, (name,), registry=self._registry)
        gauge.labels(value).set(1)

    def render(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self._registry)

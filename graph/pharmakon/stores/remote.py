"""A store on another server, asked by the SPARQL 1.1 Protocol.

Any SPARQL 1.1 engine will do that holds a release, with the union of its graphs as its
default graph. What comes back is checked before it is believed: engines answer 200 with a
page of HTML when they are overloaded, or end in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Unpack
from urllib.parse import urlencode, urlsplit

import pyoxigraph as ox

from ..errors import (
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
    RemoteError,
)
from ..namespaces import PREFIXES
from ..spreadsheets import defuse
from .base import Answer, Asking, Solutions
from .diagnosis import wrong_form
from .oxigraph import solutions
from .syntax import check, declared_prefixes, gives_graph, place, tokens

__all__ = ["RemoteStore"]

# Never XML: a few hundred bytes of it can expand to gigabytes as they are parsed.
_RESULTS = "application/sparql-results+json"
_GRAPHS = {"application/n-triples": ox.RdfFormat.N_TRIPLES, "text/turtle": ox.RdfFormat.TURTLE}
_ACCEPT_GRAPH = "application/n-triples, text/turtle;q=0.9"

#: How long a connection may take to be made, in seconds.
_CONNECT = 5.0

#: So deep the JSON of an answer may be: the parser ends the process at deep triple terms.
_DEEPEST = 100
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class _Reply:
    status: int
    reason: str
    media_type: str
    location: str
    body: bytes


class RemoteStore:
    """A SPARQL endpoint: both a Store and a QueryService of ``pharmakon.stores.base``.

    Attributes:
        url: The address of the endpoint.
        timeout: The time limit of a request, in seconds, from first to last byte.
        size: How many bytes an answer may have.
    """

    def __init__(self, url: str, timeout: float = 30.0, size: int = 64 << 20) -> None:
        """Ask the endpoint at that address; nothing is sent before the first query.

        Raises:
            ValueError: It is not an http or https address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of an endpoint; give an http(s) URL")
        self.url = url
        self.timeout = timeout
        self.size = size

    def __len__(self) -> int:
        """Return the number of quads in named graphs, or of triples where there are none."""
        for pattern in ("GRAPH ?g { ?s ?p ?o }", "?s ?p ?o"):
            (row,) = self.select(f"SELECT (COUNT(*) AS ?n) {{ {pattern} }}")
            count = row["n"]
            if isinstance(count, ox.Literal) and count.value != "0":
                return int(count.value)
        return 0

    def select(self, query: str) -> Solutions:
        """Return the solutions of a SELECT query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The server did not answer, or not as it should.
        """
        result = self._results(query)
        if isinstance(result, ox.QueryBoolean):
            raise wrong_form("SELECT", "ASK")
        with self._believing():
            found = solutions(result)
            return Solutions(found.variables, list(found))

    def construct(self, query: str) -> Iterator[ox.Triple]:
        """Return the triples of a CONSTRUCT or DESCRIBE query, each once.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The server did not answer, or not as it should.
        """
        return iter(self._graph(query))

    def ask(self, query: str) -> bool:
        """Return the answer of an ASK query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The server did not answer, or not as it should.
        """
        result = self._results(query)
        if not isinstance(result, ox.QueryBoolean):
            raise wrong_form("ASK", "SELECT")
        return bool(result)

    def answer(
        self,
        query: str,
        *,
        results: str = _RESULTS,
        graphs: str = "text/turtle",
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        timeout: float | None = None,
        size: int | None = None,
        own: bool = False,
        defused: bool = False,
    ) -> Answer:
        """Return the whole answer, or raise: see :class:`pharmakon.stores.base.QueryService`.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The server did not answer, or not as it should.
        """
        check(query)
        limit = self.timeout if timeout is None else min(timeout, self.timeout)
        graph = {"default-graph-uri": list(default_graphs), "named-graph-uri": list(named_graphs)}
        if gives_graph(query):
            wanted = ox.RdfFormat.from_media_type(graphs)
            if wanted is None:
                raise ValueError(f"no graphs are written as {graphs!r}")
            triples = self._graph(query, limit, graph)
            body = ox.serialize(triples, format=wanted, prefixes=_prefixes(wanted)) or b""
            return Answer("graph", graphs, body)
        form = ox.QueryResultsFormat.from_media_type(results)
        if form is None:
            raise ValueError(f"no results are written as {results!r}")
        result = self._results(query, limit, graph)
        with self._believing():
            body = result.serialize(format=form) or b""
        boolean = isinstance(result, ox.QueryBoolean)
        if defused and results == "text/csv":
            body = defuse(body)
        return Answer("boolean" if boolean else "solutions", results, body)

    async def answer_async(self, query: str, **asking: Unpack[Asking]) -> Answer:
        """Return what :meth:`answer` does, from a thread; the other server is not stopped.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The server did not answer, or not as it should.
        """
        return await asyncio.to_thread(self.answer, query, **asking)

    def _results(
        self, query: str, timeout: float | None = None, graph: dict[str, list[str]] | None = None
    ) -> ox.QuerySolutions | ox.QueryBoolean:
        if gives_graph(query):
            raise wrong_form("SELECT or ASK", "CONSTRUCT or DESCRIBE")
        reply = self._ask(query, _RESULTS, timeout, graph or {})
        if reply.media_type not in (_RESULTS, "application/json"):
            raise self._strange(reply, "SPARQL results in JSON")
        if _depth(reply.body) > _DEEPEST:
            raise RemoteError(f"{self.url} sent an answer that is nested too deeply to be read")
        with self._believing():
            return ox.parse_query_results(reply.body, ox.QueryResultsFormat.JSON)

    def _graph(
        self, query: str, timeout: float | None = None, graph: dict[str, list[str]] | None = None
    ) -> list[ox.Triple]:
        if not gives_graph(query):
            raise wrong_form("CONSTRUCT or DESCRIBE", "SELECT or ASK")
        reply = self._ask(query, _ACCEPT_GRAPH, timeout, graph or {})
        form = _GRAPHS.get(reply.media_type)
        if form is None:
            raise self._strange(reply, "N-Triples or Turtle")
        with self._believing():
            quads = ox.parse(reply.body, form, base_iri=self.url)
            return list(dict.fromkeys(quad.triple for quad in quads))

    def _ask(
        self, query: str, accept: str, timeout: float | None, graph: dict[str, list[str]]
    ) -> _Reply:
        limit = self.timeout if timeout is None else timeout
        reply = self._post({"query": _with_prefixes(query), **graph}, accept, limit)
        if reply.status == 200:
            return reply
        if reply.location:
            raise RemoteError(f"{self.url} has moved to {reply.location}; use that address")
        raise _refusal(reply, query, limit, self.size) or RemoteError(
            f"{self.url} answered {reply.status} {reply.reason}{_said(reply)}; "
            "see that server's log, or try again later"
        )

    def _post(self, form: dict[str, Any], accept: str, limit: float) -> _Reply:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=min(_CONNECT, limit))
        late = threading.Event()
        clock: threading.Timer | None = None
        try:
            connection.connect()
            clock = _end_after(limit, connection.sock, late)
            connection.request(
                "POST",
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                urlencode(form, doseq=True).encode(),
                {
                    "Accept": accept,
                    "Accept-Encoding": "identity",
                    "Content-Type": "application/x-www-form-urlencoded",
                    "User-Agent": "pharmakon",
                },
            )
            with connection.getresponse() as response:
                body = response.read(self.size + 1)
                if len(body) > self.size:
                    raise QueryTooLargeError(self.size)
                if response.length:
                    raise http.client.IncompleteRead(body, response.length)
                return _Reply(
                    response.status,
                    response.reason,
                    response.headers.get_content_type(),
                    response.headers.get("Location", "") if 300 <= response.status < 400 else "",
                    body,
                )
        except (OSError, http.client.HTTPException) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise RemoteError(
                    f"{self.url} did not answer within {limit:g} s; "
                    "try again later, or ask for less at once"
                ) from error
            reason = _line(str(error)) or type(error).__name__
            raise RemoteError(
                f"{self.url} did not answer ({reason}); check the address, and that it runs"
            ) from error
        finally:
            if clock is not None:
                clock.cancel()
            connection.close()

    @contextlib.contextmanager
    def _believing(self) -> Iterator[None]:
        """Turn what is wrong in an answer's text into an error that names the server."""
        try:
            yield
        except (SyntaxError, ValueError, OSError, RuntimeError) as error:
            raise RemoteError(
                f"{self.url} sent an answer that is cut off or malformed ({error}); "
                "try again later, or see that server's log"
            ) from error

    def _strange(self, reply: _Reply, wanted: str) -> RemoteError:
        return RemoteError(
            f"{self.url} answered {reply.status} with {reply.media_type} in place of {wanted}"
            f"{_said(reply)}; check that it is the address of a SPARQL endpoint"
        )


def _end_after(limit: float, connected: socket.socket, late: threading.Event) -> threading.Timer:
    """Break a connection off at a time limit, and note that.

    The socket's own time limit would start anew with each byte that drips in.
    """

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    connected.settimeout(None)
    clock = threading.Timer(limit, end)
    clock.daemon = True
    clock.start()
    return clock


def _with_prefixes(query: str) -> str:
    """Declare the prefixes that a query uses of :data:`PREFIXES`, on its first line."""
    names = (token.text for token in tokens(query) if token.kind == "name")
    used = {name.partition(":")[0] for name in names} - declared_prefixes(query)
    lines = [f"PREFIX {name}: <{PREFIXES[name]}>" for name in sorted(used) if name in PREFIXES]
    return " ".join([*lines, query])


def _prefixes(form: ox.RdfFormat) -> dict[str, str] | None:
    return None if form in (ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS) else PREFIXES


def _refusal(reply: _Reply, query: str, limit: float, size: int) -> QueryError | None:
    """Return the error for an answer that says what is wrong with the query, if it does."""
    problem: Any = None
    if reply.media_type == "application/problem+json":
        with contextlib.suppress(ValueError):
            problem = json.loads(reply.body)
    if not isinstance(problem, dict):
        said = f"the server refused the query{_said(reply)}"
        return QuerySyntaxError(said) if reply.status == 400 else None
    detail = str(problem.get("detail", ""))
    if reply.status == 400:
        line, column, excerpt = _place(query, problem.get("line"), problem.get("column"))
        return QuerySyntaxError(detail, line, column, excerpt, str(problem.get("hint", "")))
    errors = {
        403: QueryRefusedError(detail),
        413: QueryTooLargeError(size),
        422: QueryTooComplexError(detail),
        503: QueryBusyError(detail, full=True),
        504: QueryTimeoutError(limit),
    }
    return errors.get(reply.status)


def _place(query: str, line: object, column: object) -> tuple[int | None, int | None, str]:
    """Return a place in a query, found where the query had its prefixes before it."""
    if not (isinstance(line, int) and isinstance(column, int)):
        return None, None, ""
    if line == 1:
        column -= len(_with_prefixes(query)) - len(query)
    before = query.split("\n")[: line - 1]
    return place(query, sum(len(text) + 1 for text in before) + max(column, 1) - 1)


def _said(reply: _Reply) -> str:
    """Return the first words of an answer, to be shown, or the empty string."""
    text = reply.body[:2000].decode("utf-8", "replace")
    words = _line(re.sub(r"<[^>]*>", " ", text))
    return f": {words[:200]}" if words else ""


def _line(text: str) -> str:
    """Return a text in one line, of characters that can be shown."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _depth(body: bytes) -> int:
    """Return how deep a text of JSON is nested."""
    marks = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if mark in b"[{" else -1 for mark in marks), default=0)

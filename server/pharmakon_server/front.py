"""The front of the server: what happens to a request before and after the application.

It receives requests in an event loop, by RSGI, so that a client who is slow costs a
coroutine and not a thread, and a client who goes away is noticed. Pages are made by the
Flask application, in threads; a visitor's query is asked from the loop, so that however
many wait, no page waits behind them. An answer that is kept is sent from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import Flask
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    MethodNotAllowed,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    RequestURITooLarge,
)
from werkzeug.http import parse_etags, unquote_etag
from werkzeug.wrappers import Request

from pharmakon.errors import PharmakonError, QueryBusyError
from pharmakon.stores import Answer

from . import wsgi
from .cache import Cache
from .compression import compressed, is_compressible
from .endpoint import Endpoint, names
from .fair_use import FairUse
from .forwarded import Proxies
from .headers import secure
from .log import Log
from .metrics import Metrics, outcome_of
from .negotiation import HTML
from .problems import REFUSAL, REQUEST_ID
from .protocol import LONGEST_BODY, Operation, read
from .rsgi import Connection, Headers, Reply, Scope
from .sparql import OPEN, OUTCOME

__all__ = ["Front"]

#: How many bytes an address and all headers may have.
_LONGEST_ADDRESS = 8 << 10
_LONGEST_HEADERS = 64 << 10

#: How many seconds a body may take to arrive.
_BODY_WITHIN = 30.0

#: So much is read of a body that is too long, in bytes and seconds.
_DISCARDED = 16 << 20
_DISCARDED_WITHIN = 2.0

#: How many pages are made at once.
_THREADS = 16

#: After so many seconds a query is one whose client may have gone.
_LONG = 0.1

#: How many bytes the words of queries may take whose answer is known by them.
_REMEMBERED = 8 << 20

#: How many bytes the pages may take that are kept.
_PAGES = 32 << 20

#: A long answer is sent in pieces of so many bytes, each within so many seconds, and no more
#: bytes of them at once.
_PIECE = 256 << 10
_PIECE_WITHIN = 20.0
_MOST_SENT = 512 << 20

#: A body of more bytes is read, or compressed, away from the loop.
_LARGE = 100_000

#: The methods that some address takes, and those by which a query is asked.
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
_ASKING = ("GET", "HEAD", "POST")

#: How many graphs of the store are read at once.
_GRAPHS = 4

_logger = logging.getLogger(__name__)

#: What tells the numbers of this process from those of others, and the next of them.
_STARTED = secrets.token_hex(4)
_count = itertools.count(1)


@dataclass
class _Received:
    """A request, and what is found out about it on its way.

    Attributes:
        headers: The headers by name, in lower case; those that came twice are joined.
        client: The address of whoever asks.
        outcome: What became of its query: a word for the log.
    """

    scope: Scope
    connection: Connection
    headers: dict[str, str]
    id: str
    client: str
    scheme: str
    host: str
    outcome: str = ""
    query: str = ""

    @property
    def accept(self) -> str:
        """The forms that the client takes."""
        return self.headers.get("accept", "")


class Front:
    """Receives the requests of an application, as an RSGI application does."""

    def __init__(
        self,
        app: Flask,
        endpoint: Endpoint,
        *,
        fair_use: FairUse | None = None,
        proxies: Proxies | None = None,
        metrics: Metrics | None = None,
        log: Log | None = None,
        log_queries: bool = False,
        admit: Callable[[str, str, Mapping[str, str]], bool | None] = lambda *_: None,
        longest_upload: int = LONGEST_BODY,
    ) -> None:
        """Put a front before an application.

        Args:
            app: What makes pages.
            endpoint: What answers visitors' queries.
            fair_use: What each client may use of the endpoint; None is no limit.
            proxies: Whose word is taken on where a request comes from.
            metrics: What counts.
            log: Where a line for each request goes, or None.
            log_queries: Whether the log has the text of queries.
            admit: Given method, path and headers before the body is read, raises what
                refuses the request; returns whether the client is known, so that fair use
                does not bind it.
            longest_upload: How many bytes an upload to the store may have.
        """
        self._app = app
        self._endpoint = endpoint
        self._fair_use = fair_use
        self._proxies = proxies or Proxies()
        self._metrics = metrics or Metrics()
        self._log = log
        self._log_queries = log_queries
        self._admit = admit
        self._longest_upload = longest_upload
        self._pages = ThreadPoolExecutor(_THREADS, thread_name_prefix="page")
        self._compressing = ThreadPoolExecutor(2, thread_name_prefix="gzip")
        self._remembered: Cache[tuple[str, str], tuple[str, Headers]] = Cache(_REMEMBERED)
        self._sending = 0
        self._reading_graphs = asyncio.Semaphore(_GRAPHS)
        self._kept_pages: Cache[tuple[str, str, str], Reply] = Cache(_PAGES)

    async def __rsgi__(self, scope: Scope, connection: Connection) -> None:
        """Answer a request."""
        start = time.perf_counter()
        request: _Received | None = None
        reply = self._from_memory(scope)
        if reply is None:
            request = self._received(scope, connection)
            try:
                reply = await self._reply(request)
            except asyncio.CancelledError:
                reply = Reply(499, [])  # nobody is there to read it
            except Exception as error:
                _logger.error("request %s failed: %s", request.id, scope.path, exc_info=error)
                detail = f"this is a fault of the server; report it with the number {request.id}"
                reply = _problem(500, "Something went wrong", detail, request.id)
        if is_compressible(reply, scope.headers.get("accept-encoding", "")):
            reply = await self._compressed(reply)
        number = request.id if request else _number()
        if self._sending + len(reply.body) > _MOST_SENT:
            reply = _problem(503, "The server is busy", "it sends too much; ask again", number)
        # Another reply, since this one may be kept for others.
        reply = Reply(reply.status, [*reply.headers, ("x-request-id", number)], reply.body)
        with contextlib.suppress(RuntimeError, TimeoutError):  # the client has gone
            if scope.method == "HEAD" or reply.status in (204, 304, 499):
                connection.response_empty(reply.status, reply.headers)
            elif len(reply.body) <= _PIECE:
                connection.response_bytes(reply.status, reply.headers, reply.body)
            else:
                await self._send(connection, reply)
        seconds = time.perf_counter() - start
        self._metrics.request(scope.path, reply.status, seconds)
        if self._log is not None:
            if request is None:
                request = self._received(scope, connection)
                request.id, request.outcome = number, "kept"
            self._tell(self._log, request, reply, seconds)

    async def _send(self, connection: Connection, reply: Reply) -> None:
        """Send a long answer piece by piece, to a client who reads it.

        It says how long it is, so that one that breaks off is seen to.
        """
        headers = [one for one in reply.headers if one[0] != "content-length"]
        headers.append(("content-length", str(len(reply.body))))
        self._sending += len(reply.body)
        try:
            transport = connection.response_stream(reply.status, headers)
            for start in range(0, len(reply.body), _PIECE):
                async with asyncio.timeout(_PIECE_WITHIN):
                    await transport.send_bytes(reply.body[start : start + _PIECE])
        finally:
            self._sending -= len(reply.body)

    def close(self) -> None:
        """End the threads."""
        self._pages.shutdown(wait=False, cancel_futures=True)
        self._compressing.shutdown(wait=False, cancel_futures=True)

    def _received(self, scope: Scope, connection: Connection) -> _Received:
        headers: dict[str, str] = {}
        for name, value in scope.headers.items():
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        peer = scope.client.rpartition(":")[0].strip("[]")
        found = self._proxies.origin(peer, headers) if self._proxies else None
        return _Received(
            scope,
            connection,
            headers,
            _number(),
            found.client if found else peer,
            (found.scheme if found else "") or scope.scheme,
            (found.host if found else "") or headers.get("host", ""),
        )

    def _from_memory(self, scope: Scope) -> Reply | None:
        """Return the answer to a request that came before in the same words, if it is kept."""
        sent = [name for name, _ in scope.headers.items()]
        once = all(sent.count(name) <= 1 for name in ("accept", "if-none-match"))
        if scope.method != "GET" or sent.count("host") != 1 or not once or "if-match" in sent:
            return None
        if scope.path != "/sparql":
            page = self._kept_pages.get(_place(scope))
            return page and _unless_known(page, scope.headers.get("if-none-match", ""))
        if "if-none-match" in sent:  # it takes the query itself to say
            return None
        found = self._remembered.get(_words(scope))
        if found is None:
            return None
        tag, headers = found
        kept = self._endpoint.kept(tag)
        return None if kept is None else Reply(200, headers, kept.body)

    async def _reply(self, request: _Received) -> Reply:
        given = wsgi.environ(
            request.scope,
            request.headers,
            client=request.client,
            scheme=request.scheme,
            host=request.host,
        )
        given[REQUEST_ID] = request.id
        try:
            self._refuse(request)
            known = self._admit(request.scope.method, request.scope.path, request.headers)
            if request.scope.method not in ("GET", "HEAD"):
                given["wsgi.input"] = io.BytesIO(await self._body(request, known=bool(known)))
            if request.scope.path == "/sparql" and request.scope.method in _ASKING:
                return await self._answer(request, given, known=bool(known))
            if _is_store(request.scope.path) and request.scope.method in ("GET", "HEAD"):
                return await self._graph(request, given, known=bool(known))
        except (HTTPException, PharmakonError) as error:
            given[REFUSAL] = error.with_traceback(None)
        reply = await self._page(given)
        if request.scope.method == "GET" and reply.status == 200 and _is_lasting(reply):
            words = (request.scope.path, request.scope.query_string, request.accept)
            self._kept_pages.put(words, reply, len(reply.body) + sum(map(len, words)))
        return reply

    async def _graph(self, request: _Received, given: dict[str, Any], *, known: bool) -> Reply:
        """Return a graph of the store, which is a query and is no cheaper than one."""
        with self._fairly(request, known=known):
            async with self._reading_graphs:
                return await self._page(given)

    def _refuse(self, request: _Received) -> None:
        """Raise what is wrong with a request, as far as its head shows it."""
        scope = request.scope
        if not scope.method.isupper():  # the application would take it for the one in capitals
            raise MethodNotAllowed(_METHODS, f"methods are in capitals, not {scope.method[:20]!r}")
        if len(scope.path) + len(scope.query_string) > _LONGEST_ADDRESS:
            raise RequestURITooLarge(
                f"the address is longer than {_LONGEST_ADDRESS} bytes; send a long query by POST"
            )
        if sum(len(n) + len(v) for n, v in request.headers.items()) > _LONGEST_HEADERS:
            raise RequestHeaderFieldsTooLarge(
                f"the headers are longer than {_LONGEST_HEADERS} bytes together; send fewer"
            )
        if "," in request.headers.get("host", ""):
            raise BadRequest("the request has two Host headers; send one")

    async def _body(self, request: _Received, *, known: bool) -> bytes:
        """Return the body of a request.

        Raises:
            BadRequest: It ends before it is whole.
            LengthRequired: It does not say how long it is, and comes from a stranger.
            RequestEntityTooLarge: It is too long.
            RequestTimeout: It does not arrive in time.
        """
        upload = known and _is_store(request.scope.path)
        most = self._longest_upload if upload else LONGEST_BODY
        too_large = RequestEntityTooLarge(f"the body is longer than {most} bytes; send less")
        chunked = "transfer-encoding" in request.headers
        if chunked and not known:
            raise LengthRequired("the request does not say how long it is; send Content-Length")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal():
            raise BadRequest("the request does not say how long it is; send one Content-Length")
        stated = int(length)
        if stated > most:
            await _discarded(request.connection)
            raise too_large
        cut = BadRequest("the body ends before it is whole; send it again")
        try:
            async with asyncio.timeout(_BODY_WITHIN):
                # Only a body that is taken whole tells that its last chunk is missing.
                if chunked:
                    body = await request.connection()
                else:
                    body = b"".join([part async for part in request.connection])
        except TimeoutError as error:
            raise RequestTimeout(f"the body did not arrive in {_BODY_WITHIN:g} s") from error
        except ProtocolClosed:
            raise cut from None
        if len(body) > most:
            raise too_large
        if not chunked and len(body) != stated:
            raise cut
        return body

    async def _answer(self, request: _Received, given: dict[str, Any], *, known: bool) -> Reply:
        """Return the answer to a query, or the page about it."""
        asked = Request(given)
        asked.max_content_length = LONGEST_BODY
        if len(given["wsgi.input"].getbuffer()) < _LARGE:
            operation = read(asked)
        else:
            operation = await asyncio.to_thread(read, asked)
        if operation is None:
            return await self._page(given)
        request.query = operation.query
        tag = self._endpoint.tag(operation)
        if tag and request.scope.method != "POST" and names(asked.if_none_match, tag):
            return Reply(304, [("etag", f'"{tag}"'), *_DIRECT])
        try:
            answer = await self._asked(request, operation, tag, known=known)
        except (HTTPException, PharmakonError) as error:
            given[OUTCOME] = error.with_traceback(None)  # its frames hold what holds it
        else:
            if operation.form != HTML:
                return self._direct(request, answer, tag)
            given[OUTCOME] = answer
        return await self._page(given)

    async def _asked(
        self, request: _Received, operation: Operation, tag: str, *, known: bool
    ) -> Answer:
        """Ask an operation, within fair use, for as long as the client is there.

        Raises:
            TooManyRequests: The client used what is its own.
            PharmakonError: The query is not answered.
        """
        kept = self._endpoint.kept(tag)
        if kept is not None:
            request.outcome = "kept"
            return kept
        with self._fairly(request, known=known):
            async with _while_there(request.connection):
                return await self._endpoint.answer(operation, tag)

    @contextlib.contextmanager
    def _fairly(self, request: _Received, *, known: bool) -> Iterator[None]:
        """Count what is done within as a query, and take it off what its client may use.

        Raises:
            TooManyRequests: The client used what is its own.
        """
        fair_use = None if known else self._fair_use
        if fair_use is not None:
            fair_use.enter(request.client)
        start = time.perf_counter()
        failed, busy, outcome = False, False, "ok"
        try:
            yield
        except BaseException as error:
            # Not the error itself is kept: it holds this frame, which would hold it.
            failed, busy, outcome = True, isinstance(error, QueryBusyError), outcome_of(error)
            raise
        finally:
            spent = time.perf_counter() - start
            if fair_use is not None:
                used = 0.0 if busy else spent
                fair_use.leave(request.client, used, failed=failed and not busy)
            self._metrics.query(outcome, spent)
            request.outcome = outcome

    def _direct(self, request: _Received, answer: Answer, tag: str) -> Reply:
        """Return an answer as it is, and remember it by the words of the request."""
        headers = [("content-type", _content_type(answer.media_type)), *_DIRECT]
        if tag:
            headers.append(("etag", f'"{tag}"'))
        if tag and request.scope.method == "GET":
            words = (request.scope.query_string, request.accept)
            self._remembered.put(words, (tag, headers), sum(map(len, words)))
        return Reply(200, headers, answer.body)

    async def _page(self, given: dict[str, Any]) -> Reply:
        """Return what the application answers."""
        given["wsgi.input"].seek(0)  # it may have been read to answer the query
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pages, wsgi.call, self._app, given)

    async def _compressed(self, reply: Reply) -> Reply:
        if len(reply.body) < _LARGE:
            return compressed(reply)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._compressing, compressed, reply)

    def _tell(self, log: Log, request: _Received, reply: Reply, seconds: float) -> None:
        """Log a request."""
        scope = request.scope
        line: dict[str, object] = {
            "id": request.id,
            "client": request.client,
            "method": scope.method,
            "path": scope.path,
            "status": reply.status,
            "ms": round(seconds * 1000, 1),
            "bytes": len(reply.body),
            "agent": request.headers.get("user-agent", ""),
        }
        if request.outcome:
            line["outcome"] = request.outcome
        if self._log_queries and request.query:
            line["query"] = request.query
        log.write(**line)


def _words(scope: Scope) -> tuple[str, str]:
    """Return what a request for a query says, which decides its answer."""
    return scope.query_string, scope.headers.get("accept", "")


def _place(scope: Scope) -> tuple[str, str, str]:
    """Return what a request for a page says, which decides its answer."""
    return scope.path, scope.query_string, scope.headers.get("accept", "")


def _unless_known(page: Reply, tags: str) -> Reply:
    """Return a page, or that nothing changed where the client has it."""
    headers = [(name, value) for name, value in page.headers if not name.startswith("content-")]
    own = next((unquote_etag(value)[0] for name, value in headers if name == "etag"), None)
    if own is None or not names(parse_etags(tags), own):
        return page
    return Reply(304, headers)


def _is_store(path: str) -> bool:
    return path == "/store" or path.startswith("/store/")


def _is_lasting(reply: Reply) -> bool:
    """Return whether an answer holds as long as the release."""
    return any(name == "cache-control" and "public" in value for name, value in reply.headers)


def _number() -> str:
    """Return a number for a request, by which it is found in the log."""
    return f"{_STARTED}{next(_count):08x}"


@contextlib.asynccontextmanager
async def _while_there(connection: Connection) -> AsyncIterator[None]:
    """Cancel what is done within, once the client has gone."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    watching: list[asyncio.Task[None]] = []

    async def watch() -> None:
        await connection.client_disconnect()
        if task is not None:
            task.cancel()

    start = loop.call_later(_LONG, lambda: watching.append(loop.create_task(watch())))
    try:
        yield
    finally:
        start.cancel()
        for one in watching:
            one.cancel()


async def _discarded(connection: Connection) -> None:
    """Read some of a body that is refused, so that its sender comes to read the answer."""
    left = _DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDED_WITHIN):
            async for part in connection:
                left -= len(part)
                if left < 0:
                    return


def _problem(status: int, title: str, detail: str, number: str) -> Reply:
    """Return a problem that the application is not there to tell."""
    members = {"title": title, "status": status, "detail": detail, "request_id": number}
    headers = [("content-type", "application/problem+json"), *_DIRECT]
    if status == 503:
        headers.append(("retry-after", "5"))
    return Reply(status, headers, json.dumps({"type": "about:blank"} | members).encode())


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


#: What an answer says of itself that does not go through the application.
_DIRECT: Headers = [
    *((name.lower(), value) for name, value in (OPEN | secure()).items()),
    ("cache-control", "no-cache"),
    ("vary", "Accept"),
]

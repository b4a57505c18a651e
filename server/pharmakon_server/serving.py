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
import re
import secrets
import socket
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from flask import Flask
from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from granian.server.embed import Server
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    RequestURITooLarge,
)
from werkzeug.wrappers import Request

from pharmakon.errors import PharmakonError, QueryBusyError
from pharmakon.stores import Answer

from .cache import Cache
from .endpoint import Endpoint
from .fair_use import FairUse
from .forwarded import Proxies
from .headers import secure
from .log import Log
from .metrics import Metrics, outcome_of
from .negotiation import HTML
from .problems import REFUSAL, REQUEST_ID
from .protocol import LONGEST_BODY, Operation, read
from .sparql import OPEN, OUTCOME

__all__ = ["Front", "serve"]

#: How many bytes an address and all headers may have.
_LONGEST_ADDRESS = 8 << 10
_LONGEST_HEADERS = 64 << 10

#: How many seconds the headers may take to arrive, and the body.
_HEADERS_WITHIN = 10.0
_BODY_WITHIN = 30.0

#: So much is read of a body that is too long, in bytes and seconds.
_DISCARDED = 16 << 20
_DISCARDED_WITHIN = 2.0

#: Pages that are made at once, requests that are in hand at once, and connections that wait.
_THREADS = 16
_REQUESTS = 4000
_BACKLOG = 2048

#: After so many seconds a query is one whose client may have gone.
_LONG = 0.1

#: Requests whose answer is known by how they are written: how many are remembered.
_REMEMBERED = 4096

#: How many bytes the pages may take that are kept.
_PAGES = 32 << 20

#: A body of fewer bytes is not compressed; one of more is compressed away from the loop.
_SMALL = 1000
_LARGE = 100_000

#: The methods by which a query is asked.
_ASKING = ("GET", "HEAD", "POST")

_COMPRESSED = re.compile(r"(?:text/|application/(?:json|xml|n-|trig|[a-z.-]+\+(?:json|xml)))")

_Headers = list[tuple[str, str]]

_logger = logging.getLogger(__name__)

#: What tells the numbers of this process from those of others, and the next of them.
_STARTED = secrets.token_hex(4)
_count = itertools.count(1)


class Scope(Protocol):
    """A request, as RSGI has it (RSGI specification 1.6)."""

    method: str
    path: str
    query_string: str
    client: str
    server: str
    scheme: str
    http_version: str
    headers: Any


class Connection(Protocol):
    """The way back to the client, as RSGI has it."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        ...

    async def __call__(self) -> bytes:
        """Return the body once it is there."""
        ...

    async def client_disconnect(self) -> None:
        """Return when the client has gone."""
        ...

    def response_bytes(self, status: int, headers: _Headers, body: bytes) -> None:
        """Answer."""
        ...

    def response_empty(self, status: int, headers: _Headers) -> None:
        """Answer without a body."""
        ...


@dataclass
class Reply:
    """What is sent back."""

    status: int
    headers: _Headers
    body: bytes = b""


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
    refusal: Exception | None = field(default=None)


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
        self._remembered: OrderedDict[tuple[str, str], tuple[str, _Headers]] = OrderedDict()
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
                reply = _fault(request.id)
        if len(reply.body) >= _SMALL:
            reply = await self._compressed(reply, scope.headers.get("accept-encoding", ""))
        number = request.id if request else _number()
        headers = [*reply.headers, ("x-request-id", number)]
        with contextlib.suppress(RuntimeError):  # the client has gone
            if scope.method == "HEAD" or reply.status in (204, 304, 499):
                connection.response_empty(reply.status, headers)
            else:
                connection.response_bytes(reply.status, headers, reply.body)
        seconds = time.perf_counter() - start
        self._metrics.request(scope.path, reply.status, seconds)
        if self._log is not None:
            if request is None:
                request = self._received(scope, connection)
                request.id, request.outcome = number, "kept"
            self._tell(self._log, request, reply, seconds)

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
        # Whether it has the answer, or is one to refuse, takes more than its words to say.
        names = [name for name, _ in scope.headers.items()]
        if scope.method != "GET" or "if-none-match" in names or names.count("host") != 1:
            return None
        if scope.path != "/sparql":
            return self._kept_pages.get(_place(scope))
        found = self._remembered.get(_words(scope))
        if found is None:
            return None
        tag, headers = found
        kept = self._endpoint.kept(tag)
        return None if kept is None else Reply(200, headers, kept.body)

    async def _reply(self, request: _Received) -> Reply:
        environ = _environ(request)
        try:
            self._refuse(request)
            known = self._admit(request.scope.method, request.scope.path, request.headers)
            if request.scope.method not in ("GET", "HEAD"):
                environ["wsgi.input"] = io.BytesIO(await self._body(request, known=bool(known)))
            if request.scope.path == "/sparql" and request.scope.method in _ASKING:
                return await self._answer(request, environ, known=bool(known))
        except (HTTPException, PharmakonError) as error:
            environ[REFUSAL] = error.with_traceback(None)
        reply = await self._page(environ)
        if request.scope.method == "GET" and reply.status == 200 and _is_lasting(reply):
            self._kept_pages.put(_place(request.scope), reply, len(reply.body))
        return reply

    def _refuse(self, request: _Received) -> None:
        """Raise what is wrong with a request, as far as its head shows it."""
        scope = request.scope
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
        most = self._longest_upload if request.scope.path.startswith("/store") else LONGEST_BODY
        too_large = RequestEntityTooLarge(f"the body is longer than {most} bytes; send less")
        chunked = "transfer-encoding" in request.headers
        if chunked and not known:
            raise LengthRequired("the request does not say how long it is; send Content-Length")
        stated = int(request.headers.get("content-length", "0"))
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

    async def _answer(self, request: _Received, environ: dict[str, Any], *, known: bool) -> Reply:
        """Return the answer to a query, or the page about it."""
        asked = Request(environ)
        asked.max_content_length = LONGEST_BODY
        if len(environ["wsgi.input"].getbuffer()) < _LARGE:
            operation = read(asked)
        else:
            operation = await asyncio.to_thread(read, asked)
        if operation is None:
            return await self._page(environ)
        request.query = operation.query
        tag = self._endpoint.tag(operation)
        if tag and asked.if_none_match.contains_weak(tag):
            return Reply(304, [("etag", f'"{tag}"'), *_DIRECT])
        try:
            answer = await self._asked(request, operation, tag, known=known)
        except (HTTPException, PharmakonError) as error:
            environ[OUTCOME] = error.with_traceback(None)  # its frames hold what holds it
        else:
            if operation.form != HTML:
                return self._direct(request, answer, tag)
            environ[OUTCOME] = answer
        return await self._page(environ)

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
        fair_use = None if known else self._fair_use
        if fair_use is not None:
            fair_use.enter(request.client)
        start = time.perf_counter()
        failed, busy, outcome = False, False, "ok"
        try:
            async with _while_there(request.connection):
                return await self._endpoint.answer(operation, tag)
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
            self._remembered[_words(request.scope)] = tag, headers
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return Reply(200, headers, answer.body)

    async def _page(self, environ: dict[str, Any]) -> Reply:
        """Return what the application answers."""
        environ["wsgi.input"].seek(0)  # it may have been read to answer the query
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pages, _called, self._app, environ)

    async def _compressed(self, reply: Reply, accepted: str) -> Reply:
        """Return a reply in gzip, where the client takes it and it is worth it."""
        if "gzip" not in accepted or reply.status == 206:
            return reply
        headers = dict(reply.headers)
        if "content-encoding" in headers or not _COMPRESSED.match(headers.get("content-type", "")):
            return reply
        if len(reply.body) < _LARGE:
            body = _gzip(reply.body)
        else:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self._compressing, _gzip, reply.body)
        headers["content-encoding"] = "gzip"
        headers["vary"] = _varied(headers.get("vary", ""))
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        tag = headers.get("etag", "")
        if tag.startswith('"'):  # the same content, and not the same bytes
            headers["etag"] = f"W/{tag}"
        return Reply(reply.status, [*headers.items()], body)

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


def _environ(request: _Received) -> dict[str, Any]:
    """Return a request as WSGI has it (PEP 3333)."""
    scope = request.scope
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "REQUEST_URI": quote(scope.path) + (f"?{scope.query_string}" if scope.query_string else ""),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": request.client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        REQUEST_ID: request.id,
    }
    for name, value in request.headers.items():
        if name in ("content-type", "content-length"):
            environ[name.upper().replace("-", "_")] = value
        elif "_" not in name:  # a name with one would look like another's
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    environ["HTTP_HOST"] = request.host
    return environ


def _called(app: Flask, environ: dict[str, Any]) -> Reply:
    """Call an application (PEP 3333), and return its whole answer."""
    reply = Reply(500, [])

    def start(status: str, headers: _Headers, _: object = None) -> Callable[[bytes], object]:
        reply.status = int(status[:3])
        reply.headers = [(name.lower(), value) for name, value in headers]
        return lambda _: None

    parts = app.wsgi_app(environ, start)
    try:
        reply.body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return reply


def _fault(number: str) -> Reply:
    """Return what a client is told where it is the server that failed."""
    problem = {
        "type": "about:blank",
        "title": "Something went wrong",
        "status": 500,
        "detail": f"this is a fault of the server; report it with the number {number}",
        "request_id": number,
    }
    headers = [("content-type", "application/problem+json"), *_DIRECT]
    return Reply(500, headers, json.dumps(problem).encode())


def _varied(vary: str) -> str:
    return ", ".join(filter(None, (vary, "Accept-Encoding")))


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return compressor.compress(body) + compressor.flush()


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


#: What an answer says of itself that does not go through the application.
_DIRECT: _Headers = [
    *((name.lower(), value) for name, value in (OPEN | secure()).items()),
    ("cache-control", "no-cache"),
    ("vary", "Accept"),
]


class _Server(Server):
    """Granian's server for an event loop of ours, with a socket of ours.

    Its own socket would share a port that another server of ours already listens at, and
    would not say which port it got where any will do.
    """

    def __init__(self, target: Front, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        self._listening = listening
        super().__init__(
            target,
            host,
            port,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(_HEADERS_WITHIN * 1000),
                max_buffer_size=_LONGEST_HEADERS * 2,
            ),
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_REQUESTS,
            log_enabled=False,
        )

    def _init_shared_socket(self) -> None:
        make: Any = SocketHolder
        holder = make(self._listening.detach(), False, _BACKLOG)
        self._shd = holder
        self._sfd = holder.get_fd()


async def serve(front: Front, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until it is time to stop.

    Args:
        front: What answers.
        listening: A socket that listens; it is used up.
        stop: Is set when it is time.
    """
    server = _Server(front, listening)
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await serving
        front.close()

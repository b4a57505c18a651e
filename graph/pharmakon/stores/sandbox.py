"""Strangers' queries, in processes that can be ended.

Oxigraph cannot stop a query that it has begun, its parser ends the process at deep
nesting, and it follows ``SERVICE`` to any address. So a stranger's query runs in a worker:
a process with a memory limit and without sockets, which is killed at its time limit, or
when nobody waits for its answer any more. The zygote (``zygote.py``) forks workers; this is
the side that asks them.

An answer is whole or it is an error: the worker serialises it first, and says how long it
is before it sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Unpack

import pyoxigraph as ox

from .. import spreadsheets
from ..errors import (
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
)
from ..namespaces import BASE, PREFIXES
from . import zygote
from .base import Answer, Asking, Generation, Generations
from .diagnosis import diagnose
from .federation import Federation
from .oxigraph import OxigraphStore
from .syntax import FEDERATION_IS_OFF, check, masked, names_graphs, uses_service

__all__ = ["SandboxedQueries"]

#: How long an answer that is ready may take to arrive, beyond the time limit, in seconds.
_GRACE = 0.3

#: How long a query waits for a store that loads, even past its own limit, in seconds.
_STARTING = 2.0

#: How long a store may take to be loaded into memory, in seconds.
_LOADING = 600.0

#: A text longer than this, in characters, is looked through away from the event loop.
_LONG = 10_000


class SandboxedQueries:
    """Answers queries in worker processes: a :class:`pharmakon.stores.base.QueryService`.

    Nothing is started before the first query or :meth:`start`. It may be used from many
    threads, and from many event loops. On Linux a worker has no network and a memory limit;
    elsewhere it is still killed at its time limit, and SERVICE is refused by the text of
    the query alone.

    Example:
        >>> with SandboxedQueries(OxigraphStore()) as queries:
        ...     queries.answer("ASK { ?s ?p ?o }").body
        b'{"head":{},"boolean":false}'
    """

    def __init__(
        self,
        store: OxigraphStore | Generations,
        *,
        workers: int = 2,
        reserved: int = 1,
        timeout: float = 30.0,
        memory: int = 1 << 30,
        size: int = 64 << 20,
        patience: float = 2.0,
        queue: int = 64,
        recycle: int = 10_000,
        in_memory: int = 512 << 20,
        federation: Federation | None = None,
    ) -> None:
        """Prepare to answer from a store.

        Args:
            store: What is asked. A store in memory is copied, and must not change any more;
                one on disk is opened where it is, and if it is not too large also loaded into
                memory, where sorts and sums are several times faster; of one that changes,
                each query sees the newest generation, whose default graph is not the union.
            workers: How many strangers' queries run at once.
            reserved: How many queries of the site's own run at once beside those.
            timeout: The time limit of a query, in seconds.
            memory: How many bytes a query may take beyond the store itself.
            size: How many bytes an answer may have.
            patience: How many seconds a query waits for a free worker.
            queue: How many queries may wait.
            recycle: After how many queries a worker is replaced.
            in_memory: How many bytes a store on disk may have that is loaded into memory.
            federation: Which other servers a query may ask, or None for no other server.
        """
        self.timeout = timeout
        self.size = size
        self.workers = workers
        self.killed = 0
        self._memory = memory
        self._recycle = recycle
        self._store = store
        self._union = isinstance(store, OxigraphStore)
        self._federation = federation
        self._slots = _Slots(workers, patience, queue)
        self._own_slots = _Slots(max(reserved, 1), patience, queue)
        self._lock = threading.Lock()
        # What blocks, such as to fork a worker or to ask another server.
        self._threads = ThreadPoolExecutor(2 * (workers + reserved) + 2, "queries")
        self._in_memory = in_memory
        self._idle: list[_Worker] = []
        self._zygote: _Zygote | None = None
        self._slower: _Zygote | None = None
        self._closed = False

    def __enter__(self) -> SandboxedQueries:
        """Return this."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all processes."""
        self.close()

    @property
    def running(self) -> int:
        """How many strangers' queries run now."""
        return self._slots.taken

    @property
    def waiting(self) -> int:
        """How many strangers' queries wait for a worker now."""
        return self._slots.waiting

    def start(self) -> None:
        """Start the zygote, so that the first query need not; return before it is ready."""
        with self._lock:
            self._living_zygote()
        if self._slower is None and self._is_small():
            threading.Thread(target=self._load, name="load", daemon=True).start()

    def close(self) -> None:
        """End all processes. Queries that still run fail; later ones are refused."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in idle:
                self._end(worker)
            for one in (self._zygote, self._slower):
                if one is not None:
                    one.close()
            self._zygote = self._slower = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    def answer(self, query: str, **asking: Unpack[Asking]) -> Answer:
        """Return the whole answer, or raise: see :class:`pharmakon.stores.base.QueryService`.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        return asyncio.run(self.answer_async(query, **asking))

    async def answer_async(
        self,
        query: str,
        *,
        results: str = "application/sparql-results+json",
        graphs: str = "text/turtle",
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        timeout: float | None = None,
        size: int | None = None,
        own: bool = False,
        defused: bool = False,
    ) -> Answer:
        """Return what :meth:`answer` does; a task that is cancelled ends the query at once.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        if self._closed:
            raise QueryBusyError("the server is closing")
        deadline = _Deadline(self.timeout if timeout is None else min(timeout, self.timeout))

        def prepare() -> dict[str, Any]:
            check(query, service=True)
            resolved = query
            if self._federation is not None and uses_service(query):
                resolved = self._federation.resolve(query, deadline.left())
            request = _request(resolved, results, graphs, default_graphs, named_graphs)
            return request | {
                "defused": defused,
                "masked": masked(resolved),
                "size": self.size if size is None else min(size, self.size),
                "union": request["union"] and self._union,
            }

        slots = self._own_slots if own else self._slots
        # Of what takes a while there is no more at once than there are slots.
        if len(query) <= _LONG and (self._federation is None or not uses_service(query)):
            request = prepare()
            async with slots.one(deadline.left()):
                return await self._run(request, deadline)
        async with slots.one(deadline.left()):
            return await self._run(await self._away(prepare, deadline), deadline)

    async def _away(
        self, prepare: Callable[[], dict[str, Any]], deadline: _Deadline
    ) -> dict[str, Any]:
        """Return what a function does, away from the event loop.

        Raises:
            QueryTimeoutError: It took too long.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline.left()):
                return await loop.run_in_executor(self._threads, prepare)
        except TimeoutError as error:
            raise QueryTimeoutError(deadline.limit) from error

    async def _run(self, request: dict[str, Any], deadline: _Deadline) -> Answer:
        """Answer a request, with nothing checked before."""
        async with self._worker(deadline) as worker:
            about, body = await worker.ask(request, deadline)
            error = about.get("error")
            message = about.get("message", "")
            if error == "syntax":
                raise await self._diagnosed(worker, request, message, deadline)
        if error is not None:
            raise _error(error, message, request["size"])
        form: Literal["solutions", "boolean", "graph"] = about["form"]
        return Answer(form, request["graphs" if form == "graph" else "results"], body)

    async def _diagnosed(
        self, worker: _Worker, request: dict[str, Any], message: str, deadline: _Deadline
    ) -> QueryError:
        """Return the error for a query that the worker's parser refused."""
        loop = asyncio.get_running_loop()

        def parse(text: str) -> str | None:
            again = request | {"parse": True, "query": text}
            asked = asyncio.run_coroutine_threadsafe(worker.ask(again, deadline), loop)
            found: str | None = asked.result()[0].get("message")
            return found

        diagnosing = loop.run_in_executor(self._threads, diagnose, request["query"], message, parse)
        try:
            return await asyncio.shield(diagnosing)
        except asyncio.CancelledError:
            # The thread still asks the worker, whose end ends it; before that, nothing of the
            # worker may be closed, since its descriptors would soon be those of another.
            worker.end()
            await asyncio.wait((diagnosing,))
            raise

    @contextlib.asynccontextmanager
    async def _worker(self, deadline: _Deadline) -> AsyncIterator[_Worker]:
        """Lend a worker, and end it afterwards unless it is fit for another query."""
        worker = None
        try:
            worker = self._idle_worker() or await self._new_worker(deadline)
            yield worker
        except _EndedError as error:
            with self._lock:
                alone = self._zygote is None or not self._zygote.is_alive()
            if alone:
                raise QueryBusyError("the query workers are starting again; ask again") from error
            raise _error("memory", "", 0) from error
        finally:
            if worker is not None:
                self._put(worker)

    def _idle_worker(self) -> _Worker | None:
        """Return an idle worker that reads what is newest, or None."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if self._is_newest(worker.generation) and not worker.has_ended():
                    return worker
                self._end(worker)
        return None

    async def _new_worker(self, deadline: _Deadline) -> _Worker:
        """Return a new worker; to fork it takes milliseconds, or as long as the store loads."""
        loop = asyncio.get_running_loop()
        forking = loop.run_in_executor(self._threads, self._fork, deadline.left())
        try:
            return await asyncio.shield(forking)
        except asyncio.CancelledError:
            forking.add_done_callback(self._end_unwanted)
            raise

    def _end_unwanted(self, forked: asyncio.Future[_Worker]) -> None:
        if not forked.cancelled() and forked.exception() is None:
            self._end(forked.result())

    def _fork(self, left: float) -> _Worker:
        generation = None if isinstance(self._store, OxigraphStore) else self._store.acquire()
        try:
            for _ in range(2):  # a zygote can have ended since it was last seen, once
                with self._lock:
                    source = self._living_zygote()
                with contextlib.suppress(_EndedError):
                    return source.fork(generation, max(left, _STARTING))
            raise QueryBusyError("no query worker could be started; see the server's log")
        except BaseException:
            self._release(generation)
            raise

    def _put(self, worker: _Worker) -> None:
        with self._lock:
            lasting = worker.source is self._zygote and worker.answered < self._recycle
            if worker.fit and lasting and not self._closed:
                self._idle.append(worker)
                return
        if not worker.fit:
            self.killed += 1
        self._end(worker)

    def _end(self, worker: _Worker) -> None:
        worker.kill()
        self._release(worker.generation)

    def _release(self, generation: Generation | None) -> None:
        if generation is not None and not isinstance(self._store, OxigraphStore):
            self._store.release(generation)

    def _is_newest(self, generation: Generation | None) -> bool:
        if generation is None or isinstance(self._store, OxigraphStore):
            return True
        return self._store.is_newest(generation)

    def _is_small(self) -> bool:
        path = self._store.path if isinstance(self._store, OxigraphStore) else None
        if path is None:
            return False
        return sum(file.stat().st_size for file in path.iterdir()) <= self._in_memory

    def _load(self) -> None:
        """Load a store that is on disk into memory, and ask it there from then on."""
        assert isinstance(self._store, OxigraphStore)  # noqa: S101 - it is small
        with contextlib.suppress(QueryBusyError, _EndedError, OSError):  # it is asked on disk
            loaded = _Zygote(OxigraphStore(self._store.inner), self._memory)
            try:
                first = loaded.fork(None, _LOADING)
            except BaseException:
                loaded.close()
                raise
            with self._lock:
                if self._closed:
                    self._end(first)
                    loaded.close()
                    return
                # Its workers that are busy go on; they end when they have answered.
                self._slower, self._zygote = self._zygote, loaded
                idle, self._idle = self._idle, [first]
            for worker in idle:
                self._end(worker)

    def _living_zygote(self) -> _Zygote:
        if self._closed:
            raise QueryBusyError("the server is closing")
        if self._zygote is not None and not self._zygote.is_alive():
            self._zygote.close()
            self._zygote = None
        if self._zygote is None:
            self._zygote = _Zygote(self._store, self._memory)
        return self._zygote


class _EndedError(Exception):
    """The process on the other side of a socket has ended."""


class _Slots:
    """So many queries run at once, and so many more wait their turn, in order."""

    def __init__(self, count: int, patience: float, queue: int) -> None:
        self.count = count
        self.taken = 0
        self._patience = patience
        self._queue = queue
        self._lock = threading.Lock()
        self._waiters: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @contextlib.asynccontextmanager
    async def one(self, limit: float) -> AsyncIterator[None]:
        """Lend a slot; wait for it, but no longer than the query itself may take.

        Raises:
            QueryBusyError: None was free in time, or too many wait already.
        """
        await self._take(limit)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, limit: float) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self.taken < self.count:
                self.taken += 1
                return
            if len(self._waiters) >= self._queue:
                raise self._busy()
            turn = loop.create_future()
            self._waiters.append((loop, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), min(self._patience, limit))
        except BaseException as error:
            with self._lock:
                if (loop, turn) in self._waiters:
                    self._waiters.remove((loop, turn))
                    given = False
                else:
                    given = True
            if given:  # its turn came in the moment that it gave up
                self._give_back()
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _give_back(self) -> None:
        """Let the next one have the slot."""
        with self._lock:
            while self._waiters:
                loop, turn = self._waiters.popleft()
                with contextlib.suppress(RuntimeError):  # its event loop has ended
                    loop.call_soon_threadsafe(_come, turn)
                    return
            self.taken -= 1

    def _busy(self) -> QueryBusyError:
        return QueryBusyError(
            f"all {self.count} query workers are busy; ask again in a few seconds", full=True
        )


def _come(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


class _Deadline:
    """A moment, and the limit that it comes from."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.end = time.monotonic() + limit

    def left(self, grace: float = 0.0) -> float:
        """Return the seconds until it, or raise where there are none."""
        left = self.end + grace - time.monotonic()
        if left <= 0:
            raise QueryTimeoutError(self.limit)
        return left


@dataclass
class _Worker:
    """A worker process, from this side.

    Attributes:
        source: Who forked it.
        generation: What it reads, where that is one of several.
        fit: Whether it waits for a query, with nothing left over from the last one.
        expired: Whether it was ended at its time limit.
        closed: Whether nothing connects to it any more.
    """

    socket: socket.socket
    pid: int
    pidfd: int | None
    source: _Zygote
    generation: Generation | None = None
    fit: bool = True
    expired: bool = False
    closed: bool = False
    answered: int = field(default=0)

    def has_ended(self) -> bool:
        """Return whether it ended while nothing was asked of it."""
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    async def ask(
        self, request: dict[str, Any], deadline: _Deadline
    ) -> tuple[dict[str, Any], bytes]:
        """Return what the worker says to a request.

        Raises:
            QueryTimeoutError: The deadline came first.
            _EndedError: The worker ended.
        """
        self.fit = False
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(deadline.left(), self._expire)
        try:
            await self._send(zygote.frame(request | {"timeout": deadline.limit}))
            data = await self._received(b"", zygote.FRAME.size)
            expiry.cancel()  # it is ready: what is left is to send it
            expiry = loop.call_later(deadline.left() + _GRACE, self._expire)
            head, length = zygote.FRAME.unpack_from(data)
            end = zygote.FRAME.size + head
            data = await self._received(data, end)
            about: dict[str, Any] = json.loads(data[zygote.FRAME.size : end])
            body = data[end:]
            if len(body) < length:
                body = await self._rest(body, length)
        except (OSError, _EndedError) as error:
            if self.expired:
                raise QueryTimeoutError(deadline.limit) from error
            raise _EndedError from error
        finally:
            expiry.cancel()
        self.answered += 1
        self.fit = not about.pop("spent")
        return about, body

    def _expire(self) -> None:
        """End the process where its time is over; whoever waits for it then sees its end."""
        self.expired = True
        self.end()

    def end(self) -> None:
        """End the process; what connects to it stays open."""
        if self.closed:
            return
        # A number may have gone to another process meanwhile; a descriptor stays its own.
        with contextlib.suppress(ProcessLookupError):
            if self.pidfd is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def kill(self) -> None:
        """End it, now."""
        self.end()
        self.closed = True
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.socket.close()

    async def _received(self, data: bytes, count: int) -> bytes:
        """Return so many bytes or more, of which some may be there."""
        # By hand, since an event loop's own sock_recv takes twice the time.
        loop = asyncio.get_running_loop()
        while len(data) < count:
            readable = loop.create_future()
            loop.add_reader(self.socket.fileno(), _come, readable)
            try:
                await readable
            finally:
                loop.remove_reader(self.socket.fileno())
            more = self.socket.recv(1 << 18)
            if not more:
                raise _EndedError
            data += more
        return data

    async def _send(self, data: bytes) -> None:
        sent = self.socket.send(data)  # it waits for a query, so that a short one has room
        if sent < len(data):
            await asyncio.get_running_loop().sock_sendall(self.socket, data[sent:])

    async def _rest(self, start: bytes, length: int) -> bytes:
        loop = asyncio.get_running_loop()
        body = bytearray(length)
        body[: len(start)] = start
        view = memoryview(body)[len(start) :]
        while view:
            got = await loop.sock_recv_into(self.socket, view)
            if not got:
                raise _EndedError
            view = view[got:]
        return bytes(body)


class _Zygote:
    """The zygote process, from this side."""

    def __init__(self, store: OxigraphStore | Generations, memory: int) -> None:
        self._control, other = socket.socketpair()
        linux = sys.platform == "linux"
        with contextlib.ExitStack() as stack:
            stack.enter_context(other)
            quads = None
            if isinstance(store, OxigraphStore) and store.path is None:
                quads = stack.enter_context(_quads(store))
            passed = [other.fileno(), *([] if quads is None else [quads.fileno()])]
            script = Path(zygote.__file__)
            self._process = subprocess.Popen(  # noqa: S603 - our own script, no outside input
                [sys.executable, "-I", "-S", str(script), str(other.fileno())],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"RUST_BACKTRACE": "0"},
            )
            settings = zygote.Settings(
                packages=[
                    str(Path(ox.__file__).parents[1]),
                    str(Path(spreadsheets.__file__).parent),
                ],
                path=str(store.path or "") if isinstance(store, OxigraphStore) else "",
                quads=-1 if quads is None else quads.fileno(),
                prefixes=PREFIXES,
                base=BASE,
                memory=memory,
                linux=linux,
            )
            zygote.send(self._control, settings._asdict())

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, generation: Generation | None, timeout: float) -> _Worker:
        """Return a new worker, which reads a generation of the store where it has several.

        Raises:
            QueryBusyError: It has not loaded the store in that time.
            _EndedError: It has ended.
        """
        own, other = socket.socketpair()
        own.settimeout(timeout)
        try:
            with other:
                path = b"" if generation is None else os.fsencode(generation.path)
                socket.send_fds(self._control, [b"w" + path], [other.fileno()])
            said, descriptors, _, _ = socket.recv_fds(own, zygote.PID.size, 1)
            (pid,) = zygote.PID.unpack(said)
        except TimeoutError as error:
            own.close()
            raise QueryBusyError("the query workers are starting; ask again") from error
        except (OSError, struct.error) as error:
            own.close()
            raise _EndedError from error
        own.setblocking(False)
        return _Worker(own, pid, descriptors[0] if descriptors else None, self, generation)

    def close(self) -> None:
        """End it; its workers end with it."""
        self._control.close()
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def _quads(store: OxigraphStore) -> Iterator[IO[bytes]]:
    """Open a file without a name that holds a store as N-Quads."""
    with (
        os.fdopen(os.memfd_create("pharmakon-quads"), "w+b")
        if hasattr(os, "memfd_create")
        else tempfile.TemporaryFile()
    ) as file:
        store.inner.dump(file, ox.RdfFormat.N_QUADS)
        file.flush()
        yield file


def _request(
    query: str,
    results: str,
    graphs: str,
    default_graphs: Sequence[str],
    named_graphs: Sequence[str],
) -> dict[str, Any]:
    """Return a request as the zygote reads it.

    Raises:
        ValueError: A media type is not one that Oxigraph writes.
    """
    if ox.QueryResultsFormat.from_media_type(results) is None:
        raise ValueError(f"no results are written as {results!r}")
    if ox.RdfFormat.from_media_type(graphs) is None:
        raise ValueError(f"no graphs are written as {graphs!r}")
    # A caller who names any graph names them all (SPARQL 1.1 Protocol, 2.1.4).
    named = bool(default_graphs or named_graphs)
    return {
        "query": query,
        "parse": False,
        "results": results,
        "graphs": graphs,
        "union": not named and not names_graphs(query),
        "default_graph": list(default_graphs) if named else None,
        "named_graphs": list(named_graphs) if named else None,
    }


def _error(kind: str, message: str, size: int) -> QueryError:
    """Return the error for what a worker says became of a query."""
    if kind == "size":
        return QueryTooLargeError(size)
    if kind == "memory":
        return QueryTooComplexError(
            "the query needs more memory than it may have, or is nested too deeply; "
            "ask for less at once, or with fewer brackets within each other"
        )
    if kind == "service":
        return QueryRefusedError(FEDERATION_IS_OFF)
    if kind == "start":
        return QueryBusyError(f"no query worker could be started ({message}); ask again later")
    if "not permitted" in message or "lookup address" in message:  # it was refused a socket
        return QueryRefusedError(FEDERATION_IS_OFF)
    return QueryError(f"the query failed: {message}")

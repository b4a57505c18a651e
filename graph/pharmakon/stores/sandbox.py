"""Strangers' queries, in processes that can be ended.

Oxigraph cannot stop a query that it has begun, its parser ends the process at deep
nesting, and it follows ``SERVICE`` to any address. So a stranger's query runs in a worker:
a process with a memory limit and without sockets, which is killed at its time limit. The
zygote (``zygote.py``) forks workers; this is the side that asks them.

An answer is whole or it is an error: the worker serialises it first, and says how long it
is before it sends it.
"""

from __future__ import annotations

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import pyoxigraph as ox

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
from .base import Answer
from .diagnosis import diagnose
from .oxigraph import OxigraphStore
from .syntax import check, names_graphs

__all__ = ["SandboxedQueries"]

#: How long an answer that is ready may take to arrive, beyond the time limit, in seconds.
_GRACE = 0.3


class SandboxedQueries:
    """Answers queries in worker processes: a :class:`pharmakon.stores.base.QueryService`.

    Nothing is started before the first query or :meth:`start`. It may be used from many
    threads. On Linux a worker has no network and a memory limit; elsewhere it is still
    killed at its time limit, and SERVICE is refused by the text of the query alone.

    Example:
        >>> with SandboxedQueries(OxigraphStore()) as queries:
        ...     queries.answer("ASK { ?s ?p ?o }").body
        b'{"head":{},"boolean":false}'
    """

    def __init__(
        self,
        store: OxigraphStore,
        *,
        workers: int = 2,
        timeout: float = 30.0,
        memory: int = 1 << 30,
        size: int = 64 << 20,
        patience: float = 2.0,
        recycle: int = 10_000,
    ) -> None:
        """Prepare to answer from a store, which must not change any more.

        Args:
            store: What is asked: copied where it is in memory, opened where it is on disk.
            workers: How many queries run at once.
            timeout: The time limit of a query, in seconds.
            memory: How many bytes a query may take beyond the store itself.
            size: How many bytes an answer may have.
            patience: How many seconds a query waits for a free worker.
            recycle: After how many queries a worker is replaced.
        """
        self.timeout = timeout
        self.size = size
        self.workers = workers
        self._memory = memory
        self._patience = patience
        self._recycle = recycle
        self._store = store
        self._free = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._zygote: _Zygote | None = None
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

    def start(self) -> None:
        """Start the zygote, so that the first query need not; return before it is ready."""
        with self._lock:
            self._living_zygote()

    def close(self) -> None:
        """End all processes. Queries that still run fail; later ones are refused."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in idle:
                worker.kill()
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None

    def answer(
        self,
        query: str,
        *,
        results: str = "application/sparql-results+json",
        graphs: str = "text/turtle",
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Answer:
        """Return the whole answer, or raise: see :class:`pharmakon.stores.base.QueryService`.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        check(query)
        limit = self.timeout if timeout is None else min(timeout, self.timeout)
        request = _request(query, results, graphs, default_graphs, named_graphs)
        return self._run(request | {"size": self.size}, limit)

    def _run(self, request: dict[str, Any], limit: float) -> Answer:
        """Answer a request, with nothing checked before."""
        with self._worker(limit) as worker:
            deadline = _Deadline(limit)
            about, body = worker.ask(request, deadline)
            error = about.get("error")
            message = about.get("message", "")
            if error == "syntax":

                def parse(text: str) -> str | None:
                    again = request | {"parse": True, "query": text}
                    found: str | None = worker.ask(again, deadline)[0].get("message")
                    return found

                raise diagnose(request["query"], message, parse)
        if error is not None:
            raise _error(error, message, self.size)
        form: Literal["solutions", "boolean", "graph"] = about["form"]
        return Answer(form, request["graphs" if form == "graph" else "results"], body)

    @contextlib.contextmanager
    def _worker(self, limit: float) -> Iterator[_Worker]:
        """Lend a worker, and end it afterwards unless it is fit for another query."""
        if not self._free.acquire(timeout=self._patience):
            raise QueryBusyError(
                f"all {self.workers} query workers are busy; ask again in a few seconds"
            )
        worker = None
        try:
            worker = self._take(limit)
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
            self._free.release()

    def _take(self, limit: float) -> _Worker:
        """Return an idle worker, or a new one."""
        for _ in range(2):  # a zygote can have ended since it was last seen, once
            with self._lock:
                while self._idle:
                    worker = self._idle.pop()
                    if not worker.has_ended():
                        return worker
                    worker.kill()
                source = self._living_zygote()
            with contextlib.suppress(_EndedError):
                return source.fork(max(limit, self._patience))
        raise QueryBusyError("no query worker could be started; see the server's log")

    def _put(self, worker: _Worker) -> None:
        with self._lock:
            if worker.fit and worker.answered < self._recycle and not self._closed:
                self._idle.append(worker)
            else:
                worker.kill()

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
        fit: Whether it waits for a query, with nothing left over from the last one.
    """

    socket: socket.socket
    pid: int
    pidfd: int | None
    fit: bool = True
    answered: int = field(default=0)

    def has_ended(self) -> bool:
        """Return whether it ended while nothing was asked of it."""
        self.socket.settimeout(0)
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def ask(self, request: dict[str, Any], deadline: _Deadline) -> tuple[dict[str, Any], bytes]:
        """Return what the worker says to a request.

        Raises:
            QueryTimeoutError: The deadline came first.
            _EndedError: The worker ended.
        """
        self.fit = False
        try:
            self.socket.settimeout(deadline.left())
            zygote.send(self.socket, request | {"timeout": deadline.limit})
            head, length = zygote.FRAME.unpack(self._receive(zygote.FRAME.size, deadline))
            about: dict[str, Any] = json.loads(self._receive(head, deadline, _GRACE))
            body = bytes(self._receive(length, deadline, _GRACE))
        except TimeoutError as error:
            raise QueryTimeoutError(deadline.limit) from error
        except OSError as error:
            raise _EndedError from error
        self.answered += 1
        self.fit = not about.pop("spent")
        return about, body

    def kill(self) -> None:
        """End it, now."""
        # A number may have gone to another process meanwhile; a descriptor stays its own.
        with contextlib.suppress(ProcessLookupError):
            if self.pidfd is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.socket.close()

    def _receive(self, count: int, deadline: _Deadline, grace: float = 0.0) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            self.socket.settimeout(deadline.left(grace))
            got = self.socket.recv_into(view)
            if not got:
                raise _EndedError
            view = view[got:]
        return data


class _Zygote:
    """The zygote process, from this side."""

    def __init__(self, store: OxigraphStore, memory: int) -> None:
        self._control, other = socket.socketpair()
        linux = sys.platform == "linux"
        with contextlib.ExitStack() as stack:
            stack.enter_context(other)
            quads = None if store.path else stack.enter_context(_quads(store))
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
                packages=str(Path(ox.__file__).parents[1]),
                path=str(store.path or ""),
                quads=-1 if quads is None else quads.fileno(),
                prefixes=PREFIXES,
                base=BASE,
                memory=memory,
                linux=linux,
            )
            zygote.send(self._control, settings._asdict())

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, timeout: float) -> _Worker:
        """Return a new worker.

        Raises:
            QueryBusyError: It has not loaded the store in that time.
            _EndedError: It has ended.
        """
        own, other = socket.socketpair()
        own.settimeout(timeout)
        try:
            with other:
                socket.send_fds(self._control, [b"w"], [other.fileno()])
            said, descriptors, _, _ = socket.recv_fds(own, zygote.PID.size, 1)
            (pid,) = zygote.PID.unpack(said)
        except TimeoutError as error:
            own.close()
            raise QueryBusyError("the query workers are starting; ask again") from error
        except (OSError, struct.error) as error:
            own.close()
            raise _EndedError from error
        return _Worker(own, pid, descriptors[0] if descriptors else None)

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
    if kind == "start":
        return QueryBusyError(f"no query worker could be started ({message}); ask again later")
    if "not permitted" in message or "lookup address" in message:  # it was refused a socket
        return QueryRefusedError("federation is off: the query asked for another server")
    return QueryError(f"the query failed: {message}")

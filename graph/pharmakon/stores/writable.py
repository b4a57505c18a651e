"""A store that can be changed: one process writes, and who reads has a snapshot.

Oxigraph's updates from several threads lose one another's changes without an error, and a
few kilobytes of nested brackets end the process that parses them. So all changes are made
one after another in a process of its own (``writer.py``), which nothing else is lost with.

Before a change is acknowledged it is on the disk, and in a generation: a snapshot of hard
links, which is what is read. So who reads waits for nobody, and sees whole changes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyoxigraph as ox

from ..errors import (
    LoadError,
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    ReleaseError,
)
from ..namespaces import BASE, PREFIXES
from . import writer, zygote
from .base import Generation
from .diagnosis import diagnose
from .update_syntax import check_update, with_graphs

__all__ = ["UPLOADS", "Upload", "WritableStore"]

_FORMATS = (
    ox.RdfFormat.TURTLE,
    ox.RdfFormat.N_TRIPLES,
    ox.RdfFormat.N_QUADS,
    ox.RdfFormat.TRIG,
    ox.RdfFormat.RDF_XML,
    ox.RdfFormat.JSON_LD,
)

#: The forms that an upload may have by media type.
UPLOADS: Mapping[str, ox.RdfFormat] = {form.media_type: form for form in _FORMATS}

#: How many changes may wait for the one that is being made.
_MOST_WAITING = 8


@dataclass(frozen=True)
class Upload:
    """Triples, as somebody sends them.

    Attributes:
        data: The bytes.
        media_type: What they are, one of :data:`UPLOADS`. Of a form that can name graphs,
            only the triples of its default graph are taken.
        base: What their relative IRIs are relative to; None where there are none.
    """

    data: bytes
    media_type: str = "text/turtle"
    base: str | None = None


class WritableStore:
    """A store on disk that can be changed, and read by generations.

    It may be used from many threads. Nothing is started before the first change or
    :meth:`start`. On Linux a change has a memory limit and no network; elsewhere it still
    ends at its time limit.

    Attributes:
        directory: The folder that it alone uses: ``store/`` and ``generations/``.
        timeout: The time limit of a change, in seconds.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, WritableStore(folder) as store:
        ...     store.update("INSERT DATA { substance:ethanol rdfs:label 'ethanol' }")
        ...     generation = store.acquire()
        ...     len(ox.Store.read_only(str(generation.path)))
        1
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, timeout: float = 30.0, memory: int = 2 << 30
    ) -> None:
        """Prepare to change the store in a folder, which is made where it is not there.

        Args:
            directory: The folder.
            timeout: The time limit of a change, in seconds.
            memory: How many bytes a change may take beyond the store itself. An upload of
                64 MiB takes about 1.3 GB of addresses, half of that in memory.
        """
        self.directory = Path(directory)
        self.timeout = timeout
        self._memory = memory
        self._places = threading.BoundedSemaphore(_MOST_WAITING + 1)
        self._turn = threading.Lock()  # of whoever changes something
        self._writer: _Writer | None = None
        self._closed = False
        self._name = secrets.token_hex(8)
        self._made = 0
        self._reading = threading.Lock()  # for what is said about generations
        self._newest: Generation | None = None
        self._readers: Counter[Generation] = Counter()

    def __enter__(self) -> WritableStore:
        """Return this."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the writer."""
        self.close()

    def start(self) -> None:
        """Open the store.

        Raises:
            ReleaseError: It cannot be opened, for instance because another server has it.
        """
        with self._turn:
            self._living()

    def close(self) -> None:
        """End the writer. A change that is being made fails; later ones are refused."""
        self._closed = True
        if self._writer is not None:
            self._writer.end()
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                shutil.rmtree(self._generations, ignore_errors=True)

    def update(
        self,
        text: str,
        *,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> None:
        """Run a SPARQL update: all of its operations, or none and an error.

        Args:
            text: SPARQL 1.1 Update text.
            default_graphs: IRIs of the graphs that together are the default graph of WHERE.
            named_graphs: IRIs of the graphs that GRAPH may name in WHERE (SPARQL 1.1
                Protocol, section 2.2.3).
            timeout: The time limit in seconds; None, or more than the store's own limit,
                means the store's own.

        Raises:
            QueryError: It is not done; its subclasses say why.
        """
        check_update(text)
        sent = with_graphs(text, default_graphs, named_graphs).encode()
        limit = self.timeout if timeout is None else min(timeout, self.timeout)
        with self._in_turn():
            end = time.monotonic() + limit
            about = self._change({"operation": "update"}, sent, limit)
            if about.get("error") == "syntax":

                def parse(other: str) -> str | None:
                    left = max(end - time.monotonic(), 0.01)
                    request = {"operation": "parse", "timeout": left, "snapshot": ""}
                    said = self._ask(self._living(), request, other.encode())
                    found: str | None = said.get("message")
                    return found

                raise _worded(diagnose(text, about["message"], parse))
        self._done(about)

    def add(self, graph: str | None, *uploads: Upload) -> bool:
        """Add triples to a graph: all of them, or none and an error.

        Blank nodes of two uploads are never the same.

        Args:
            graph: The IRI of the graph; None is the default graph.
            *uploads: The triples.

        Returns:
            Whether the graph was made by it.

        Raises:
            LoadError: An upload is not what it says it is.
            QueryError: It is not done; its subclasses say why.
        """
        return self._load("add", graph, uploads)

    def replace(self, graph: str | None, *uploads: Upload) -> bool:
        """Put triples into a graph instead of those in it: see :meth:`add`.

        Where there are some, it takes ten times as long as into an empty graph: they are
        taken away in the same transaction.
        """
        return self._load("replace", graph, uploads)

    def remove(self, graph: str | None) -> bool:
        """Remove a graph, and return whether it was there; None empties the default graph.

        Raises:
            QueryError: It is not done; its subclasses say why.
        """
        request = {"operation": "remove", "graph": _iri(graph)}
        with self._in_turn():
            about = self._done(self._change(request, b"", self.timeout))
        return bool(about["was_there"])

    def acquire(self) -> Generation:
        """Return the newest generation, which holds every change that was acknowledged.

        It is there until :meth:`release` was called as often as this.

        Raises:
            ReleaseError: The store cannot be opened.
        """
        if self._newest is None:
            self.start()
        with self._reading:
            assert self._newest is not None  # noqa: S101 - an open store has one
            self._readers[self._newest] += 1
            return self._newest

    def release(self, generation: Generation) -> None:
        """Say that a generation is read no more; it is deleted where a newer one is there."""
        with self._reading:
            self._readers[generation] -= 1
            if not self._readers[generation]:
                del self._readers[generation]
                if generation != self._newest:
                    shutil.rmtree(generation.path, ignore_errors=True)

    def is_newest(self, generation: Generation) -> bool:
        """Return whether nothing was written since a generation."""
        return generation == self._newest

    @property
    def _generations(self) -> Path:
        return self.directory / "generations"

    def _load(self, operation: str, graph: str | None, uploads: Sequence[Upload]) -> bool:
        for upload in uploads:
            if upload.media_type not in UPLOADS:
                reason = f"no data is read as {upload.media_type!r}; send {', '.join(UPLOADS)}"
                raise LoadError("upload", None, reason)
        parts = [
            {"media_type": u.media_type, "base": u.base, "length": len(u.data)} for u in uploads
        ]
        request = {"operation": operation, "graph": _iri(graph), "parts": parts}
        body = b"".join(u.data for u in uploads)
        with self._in_turn():
            about = self._change(request, body, self.timeout)
        if about.get("error") == "syntax":
            raise LoadError("upload", about["line"], _plainer(about["message"]))
        return not self._done(about)["was_there"]

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Make one change at a time.

        Raises:
            QueryBusyError: Too many wait, or the turn did not come.
        """
        if not self._places.acquire(blocking=False):
            raise QueryBusyError(f"{_MOST_WAITING} changes wait already; try again later")
        try:
            if not self._turn.acquire(timeout=self.timeout):
                raise QueryBusyError("other changes took all the time; try again later")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def _change(self, request: dict[str, Any], body: bytes, limit: float) -> dict[str, Any]:
        """Return what became of a change; where it was made, the next who reads sees it.

        Raises:
            QueryError: The writer has ended.
        """
        living = self._living()
        generation = self._next()
        asked = request | {"timeout": limit, "snapshot": str(generation.path)}
        about = self._ask(living, asked, body)
        if "error" not in about:
            self._publish(generation)
        if about["spent"] or about.get("error") == "system":
            living.close()
        return about

    def _ask(self, living: _Writer, request: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Return what the writer says to a request.

        Raises:
            QueryError: It has ended.
        """
        try:
            return living.ask(request, body)
        except _EndedError as error:
            raise self._cause(living.close(), request["timeout"]) from error

    def _living(self) -> _Writer:
        """Return the writer, which is started where there is none.

        Raises:
            QueryBusyError: The server is closing.
            ReleaseError: The store cannot be opened.
        """
        if self._closed:
            raise QueryBusyError("the server is closing")
        if self._writer is None or self._writer.has_ended():
            if self._writer is not None:
                self._writer.close()
            self._generations.mkdir(parents=True, exist_ok=True)
            generation = self._next()
            store = self.directory / "store"
            self._writer = _Writer(store, generation.path, self._memory)
            self._publish(generation)
        return self._writer

    def _next(self) -> Generation:
        self._made += 1
        key = f"{self._name}-{self._made}"
        return Generation(key, self._generations / key)

    def _publish(self, generation: Generation) -> None:
        """Have a generation read from now on, and delete those that nobody reads."""
        with self._reading:
            self._newest = generation
            # Among them are what another server left, and what a change that failed did.
            kept = {generation.key, *(reading.key for reading in self._readers)}
            for path in self._generations.iterdir():
                if path.name not in kept:
                    shutil.rmtree(path, ignore_errors=True)

    def _cause(self, code: int, limit: float) -> QueryError:
        """Return the error for a change that its writer ended at, by the writer's exit code."""
        if self._closed:
            return QueryBusyError("the server is closing")
        if code == -signal.SIGALRM:
            return QueryTimeoutError(limit, "change less at once; nothing was changed")
        if code == -signal.SIGKILL:
            return QueryBusyError(
                "the writer was ended from outside; look whether the change was made, "
                "and make it again if not"
            )
        return _too_complex()

    def _done(self, about: dict[str, Any]) -> dict[str, Any]:
        """Return what became of a change, where it was made.

        Raises:
            QueryError: It was not.
            ReleaseError: The disk failed.
        """
        error, message = about.get("error"), about.get("message", "")
        if error is None:
            return about
        if error == "memory":
            raise _too_complex()
        if error == "failed":
            raise QueryError(f"nothing is changed: {message}")
        if "not permitted" in message or "lookup address" in message:  # it was refused a socket
            raise QueryRefusedError("nothing is changed: the update asked for another server")
        raise ReleaseError(f"{self.directory}: the store cannot be written ({message})")


class _EndedError(Exception):
    """The process on the other side of a socket has ended."""


class _Writer:
    """The writer process, from this side."""

    def __init__(self, path: Path, snapshot: Path, memory: int) -> None:
        """Start it, and wait until the store is open.

        Raises:
            ReleaseError: The store cannot be opened.
        """
        self._socket, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(  # noqa: S603 - our own script, no outside input
                [sys.executable, "-I", "-S", writer.__file__, str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"RUST_BACKTRACE": "0"},
            )
        settings = writer.Settings(
            packages=str(Path(ox.__file__).parents[1]),
            path=str(path),
            snapshot=str(snapshot),
            prefixes=PREFIXES,
            base=BASE,
            memory=memory,
            linux=sys.platform == "linux",
        )
        try:
            about = self.ask(settings._asdict())
        except _EndedError as error:
            code = self.close()
            raise ReleaseError(f"{path}: the writer ended at its start, with {code}") from error
        if "error" in about:
            self.close()
            reason = f"{path}: the store cannot be opened ({about['message']})"
            advice = "stop the other server that writes to it, or name another folder"
            raise ReleaseError(f"{reason}; {advice}")

    def ask(self, request: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        """Return what the writer says to a request.

        Raises:
            _EndedError: It has ended.
        """
        try:
            zygote.send(self._socket, request, body)
            answer = writer.frame(self._socket)
        except OSError as error:
            raise _EndedError from error
        if answer is None:
            raise _EndedError
        return answer[0]

    def has_ended(self) -> bool:
        """Return whether there is no process any more."""
        return self._process.poll() is not None

    def end(self) -> int:
        """End it, now, and return its exit code, which is its own where it ended itself."""
        self._process.kill()
        return self._process.wait()

    def close(self) -> int:
        """End it as :meth:`end` does, and no more be able to ask it."""
        self._socket.close()
        return self.end()


def _iri(graph: str | None) -> str:
    """Return the IRI of a graph as the writer reads it: empty for the default graph.

    Raises:
        QueryError: It is none.
    """
    try:
        return "" if graph is None else ox.NamedNode(graph).value
    except ValueError as error:
        raise QueryError(f"the name of the graph is not an absolute IRI ({error})") from error


def _too_complex() -> QueryTooComplexError:
    return QueryTooComplexError(
        "nothing is changed: it needs more memory than it may have, or is nested too deeply; "
        "send less at once, or with fewer brackets within each other"
    )


def _worded(error: QuerySyntaxError) -> QuerySyntaxError:
    """Return the error for an update, where it would tell how a query starts."""
    if not error.hint.startswith("start with"):
        return error
    hint = "start with INSERT, DELETE, CLEAR, CREATE, DROP, COPY, MOVE or ADD"
    return QuerySyntaxError(error.reason, error.line, error.column, error.excerpt, hint)


def _plainer(message: str) -> str:
    """Return what a parser says against data, without the place, and with what to do."""
    place, colon, reason = message.partition(": ")
    if colon and place.startswith("Parser error"):
        return reason
    return _PLAINER.get(message, message)


_PLAINER = {
    "Named graphs are not allowed": "the data names graphs of its own; send only the triples",
    "No LoadDocumentCallback has been set to load remote contexts": (
        "the @context is another document, which is not fetched; write it into the data"
    ),
}

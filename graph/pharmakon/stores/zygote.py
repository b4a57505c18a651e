"""The process that holds the release, and forks the workers that answer strangers' queries.

:mod:`pharmakon.stores.sandbox` starts it as ``python -I -S zygote.py FD``, where ``FD`` is
a socket. It imports nothing of Pharmakon and has a single thread, so that it is small, and
safe to fork. A worker shares its memory until one of them writes.

What goes over that socket: first a frame with the settings; then, for each worker wanted,
one byte, the store that it reads where that is not the same for all, and its own socket.
What goes over a worker's socket: first its process id, with a descriptor of the process
where the system has such; then, for each query, a frame with the query, and a frame with
what became of it and the answer's bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import platform
import re
import resource
import signal
import socket
import struct
import sys
from typing import Any, NamedTuple

FRAME = struct.Struct(">IQ")
_SHORT = 1 << 16
PID = struct.Struct(">i")

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SECCOMP_MODE_FILTER = 2

# Linux's numbers: the architecture, then the calls that a worker never needs and an
# attacker would: socket, connect, execve, execveat, ptrace, io_uring_setup.
_DENIED = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425)),
}
_PAGE = resource.getpagesize()
_X32_CALLS = 0x40000000  # a second set of numbers for the calls of x86_64


#: What looks like a prefixed name, and ends in its colon.
_PREFIXED = re.compile(rb"(?<![\w:/.-])(\w+:)")


class Settings(NamedTuple):
    """What the zygote is told once.

    Attributes:
        packages: The folders that pyoxigraph and our own ``spreadsheets.py`` are in.
        path: The store on disk, or the empty string where the quads come by descriptor, or
            where each worker is told.
        quads: The descriptor of a file of N-Quads, or -1.
        prefixes: What a query may use without declaring it.
        base: What its relative IRIs are relative to.
        memory: How many bytes a worker may take beyond what it starts with.
        linux: Whether to use what only Linux has.
    """

    packages: list[str]
    path: str
    quads: int
    prefixes: dict[str, str]
    base: str
    memory: int
    linux: bool


class TooLargeError(Exception):
    """The answer does not fit the size limit."""


class Buffer(io.BytesIO):
    """What Oxigraph writes an answer to: bytes, up to a limit."""

    def __init__(self, limit: int) -> None:
        """Take at most that many bytes."""
        super().__init__()
        self.limit = limit

    def write(self, data: Any, /) -> int:
        """Take more bytes, or raise where they would be too many."""
        if self.tell() + len(data) > self.limit:
            raise TooLargeError
        return super().write(data)


def frame(about: dict[str, Any], body: bytes | memoryview = b"") -> bytes:
    """Return a frame: JSON, and the bytes that follow it."""
    text = json.dumps(about).encode()
    return b"".join((FRAME.pack(len(text), len(body)), text, body))


def send(to: socket.socket, about: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Send a frame; a long body is not copied for it."""
    if len(body) < _SHORT:
        to.sendall(frame(about, body))
        return
    text = json.dumps(about).encode()
    to.sendall(FRAME.pack(len(text), len(body)) + text)
    to.sendall(body)


def receive(source: socket.socket, count: int) -> bytearray:
    """Return the next so many bytes, or as many as come before the other side ends."""
    data = bytearray(count)
    view = memoryview(data)
    done = 0
    while done < count:
        got = source.recv_into(view[done:])
        if not got:
            break
        done += got
    return data[:done] if done < count else data


def main(descriptor: int) -> None:
    """Load the release, then fork a worker whenever one is asked for."""
    control = socket.socket(fileno=descriptor)
    head, _ = FRAME.unpack(receive(control, FRAME.size))
    settings = Settings(**json.loads(receive(control, head)))
    sys.path += settings.packages
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries ended workers
    store = _load(settings)
    gc.collect()
    gc.freeze()
    zygote = os.getpid()
    while True:
        wanted, descriptors, _, _ = socket.recv_fds(control, 1 + 4096, 1)
        if not wanted:
            return
        path = os.fsdecode(wanted[1:]) or settings.path
        with socket.socket(fileno=descriptors[0]) as own:
            pid = os.fork()
            if pid == 0:
                control.close()
                _be_worker(own, store, settings._replace(path=path), zygote)
            with contextlib.suppress(OSError):  # who wanted it may have gone
                _introduce(own, pid, linux=settings.linux)


def _introduce(own: socket.socket, pid: int, *, linux: bool) -> None:
    """Say over a worker's socket which process it is."""
    try:
        pidfd = os.pidfd_open(pid) if linux else -1
    except (AttributeError, OSError):
        pidfd = -1  # an old kernel: the worker is ended by its number
    if pidfd < 0:
        own.sendall(PID.pack(pid))
        return
    try:
        socket.send_fds(own, [PID.pack(pid)], [pidfd])
    finally:
        os.close(pidfd)


def _load(settings: Settings) -> Any:
    """Return the store in memory, or None where each worker opens it from disk.

    A store on disk has threads of its own, which a fork would not copy.
    """
    import pyoxigraph as ox
    import spreadsheets  # type: ignore[import-not-found] # noqa: F401 - once for all workers

    if settings.quads < 0:
        return None
    store = ox.Store()
    os.lseek(settings.quads, 0, os.SEEK_SET)
    with open(settings.quads, "rb") as quads:
        store.load(quads, ox.RdfFormat.N_QUADS)
    return store


def _be_worker(own: socket.socket, store: Any, settings: Settings, zygote: int) -> None:
    """Answer queries until the other side ends; never return."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if settings.linux:
            _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(1, 2)  # nowhere: a query that ends its worker is not this server's trouble
        if os.getppid() == zygote:
            _answer_all(own, store, settings)
    finally:
        os._exit(0)


def _answer_all(own: socket.socket, store: Any, settings: Settings) -> None:
    import pyoxigraph as ox

    if store is None:
        try:
            store = ox.Store.read_only(settings.path)
        except OSError as error:
            send(own, {"error": "start", "message": str(error), "spent": True})
            return
    confine(settings.memory, linux=settings.linux)
    statm = _statm()
    start = _size(statm)
    while True:
        head = receive(own, FRAME.size)
        if len(head) < FRAME.size:
            return
        request = json.loads(receive(own, FRAME.unpack(head)[0]))
        _limit_cpu(request["timeout"])
        about, body = answer(store, request, settings)
        # What one query leaves behind is taken from the next one's share.
        about["spent"] = _size(statm) - start > settings.memory // 16
        send(own, about, body)


def answer(
    store: Any, request: dict[str, Any], settings: Settings
) -> tuple[dict[str, Any], bytes | memoryview]:
    """Return what became of a query, and the bytes of its answer."""
    import pyoxigraph as ox

    output = Buffer(request["size"])
    given: dict[str, Any] = {"base_iri": settings.base}
    given["prefixes"] = _used(settings.prefixes, request["query"])
    try:
        if request["parse"]:
            ox.Store().query(request["query"], **given)
            return {}, b""
        if request["masked"] and _asks_service(request, settings):
            return {"error": "service"}, b""
        given["use_default_graph_as_union"] = request["union"]
        for name in ("default_graph", "named_graphs"):
            if request[name] is not None:
                given[name] = [ox.NamedNode(iri) for iri in request[name]]
        result = store.query(request["query"], **given)
        if isinstance(result, ox.QueryTriples):
            form, syntax = "graph", ox.RdfFormat.from_media_type(request["graphs"])
            if syntax in (ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG):  # what people read
                once = dict.fromkeys(result)
                ox.serialize(once, output, syntax, prefixes=settings.prefixes)
                return {"form": form}, _tidy(output.getvalue())
            result.serialize(output, syntax)
        else:
            form = "boolean" if isinstance(result, ox.QueryBoolean) else "solutions"
            result.serialize(output, ox.QueryResultsFormat.from_media_type(request["results"]))
            if request["defused"]:
                return {"form": form}, _defuse(output.getvalue())
    except SyntaxError as error:
        return {"error": "syntax", "message": str(error)}, b""
    except TooLargeError:
        return {"error": "size"}, b""
    except MemoryError:
        return {"error": "memory"}, b""
    except (OSError, RuntimeError, ValueError) as error:
        return {"error": "failed", "message": str(error)}, b""
    return {"form": form}, output.getbuffer()


def _defuse(table: bytes) -> bytes:
    """Return CSV in which a spreadsheet runs nothing."""
    import spreadsheets

    return bytes(spreadsheets.defuse(table))


def _used(prefixes: dict[str, str], query: str) -> dict[str, str]:
    """Return the prefixes that a query may use; to read one takes longer than to look."""
    return {name: iri for name, iri in prefixes.items() if f"{name}:" in query}


def _asks_service(request: dict[str, Any], settings: Settings) -> bool:
    """Return whether the parser reads a SERVICE clause: it takes the query, but not masked.

    Raises:
        SyntaxError: It does not take the query either.
    """
    import pyoxigraph as ox

    given: dict[str, Any] = {"prefixes": settings.prefixes, "base_iri": settings.base}
    try:
        ox.Store().query(request["masked"], **given)
    except SyntaxError:
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it was parsed
            ox.Store().query(request["query"], **given)
        return True
    return False


def _tidy(turtle: bytes) -> bytes:
    """Return Turtle with the declarations of the prefixes that it uses, sorted."""
    declared = []
    start = 0
    while turtle.startswith(b"@prefix ", start):
        end = turtle.index(b"\n", start) + 1
        declared.append(turtle[start:end])
        start = end
    used = {found[1] for found in _PREFIXED.finditer(turtle, start)}
    kept = (line for line in sorted(declared) if line.split()[1] in used)
    return b"".join((*kept, turtle[start:]))


def confine(memory: int, *, linux: bool) -> None:
    """Take from this process what a query does not need, for ever.

    Args:
        memory: How many bytes it may take beyond what it has.
        linux: Whether to use what only Linux has.
    """
    os.nice(5)  # the site's own pages come first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not linux:
        return
    statm = _statm()
    limit = _size(statm) + memory
    if statm >= 0:
        os.close(statm)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    _deny_calls()


def _deny_calls() -> None:
    """Make the kernel refuse the calls of :data:`_DENIED`, whatever a query's text says."""
    if platform.machine() not in _DENIED:
        return
    architecture, calls = _DENIED[platform.machine()]
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050001, 0x80000000  # refuse: EPERM
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (end, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, len(calls) + 1, 0, _X32_CALLS),
        *((equal, len(calls) - i, 0, call) for i, call in enumerate(calls)),
        (end, 0, 0, allow),
        (end, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("count", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    filter_ = Program(len(program), ctypes.addressof(buffer))
    libc = _libc()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0)


def _limit_cpu(timeout: float) -> None:
    """End this process some time after its limit, in case the other side does not."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + timeout) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _statm() -> int:
    """Return a descriptor of what tells the size of this process, or -1."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return -1


def _size(statm: int) -> int:
    """Return how many bytes of addresses this process has, or 0 where that is not known."""
    if statm < 0:
        return 0
    return int(os.pread(statm, 32, 0).split()[0]) * _PAGE


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

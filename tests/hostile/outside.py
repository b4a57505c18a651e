"""A server as it is seen from outside: its answers over a socket, and what its processes take."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

#: What a page must never hold: each gives the script that it is of a stranger.
SCRIPT = "<script>hostile</script>"
LINK = "javascript:hostile"

#: Statuses by which a query that is too much is ended; 503 says when to come back.
ENDED = {400, 413, 422, 503, 504}

#: Statuses that a server may give for its own reasons.
_OWN = {503, 504}

#: What a page may do, and nothing else.
POLICY = {
    *("default-src 'none'", "style-src 'self'", "img-src 'self' data:"),
    *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
}

#: What an answer shows that comes from within: a traceback, or a path of this machine.
_WITHIN = re.compile(
    rb"Traceback \(most recent|File \"[^\"]*\.py\"|site-packages|\.py:\d+|0x[0-9a-f]{12}|"
    + re.escape(os.fsencode(Path(__file__).parents[2]))
    + rb"|"
    + re.escape(os.fsencode(sys.prefix))
)

_TAG = re.compile(rb"<(?![!/])([^\s>/]*)([^>]*)>")
_FORBIDDEN = {b"script", b"iframe", b"object", b"embed", b"base", b"img", b"style"}
_EVENT = re.compile(rb"[\s\"'/]on[a-z]+\s*=", re.IGNORECASE)
_ADDRESS = re.compile(rb"(?:href|src|action|formaction)\s*=\s*[\"']?\s*([^\"'\s>]*)", re.IGNORECASE)
_SAFE = re.compile(rb"(?:/|#|\?|https?://|$)", re.IGNORECASE)
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


@dataclass
class Answer:
    """What came back.

    Attributes:
        asked: The request, as much of it as tells it from others.
        headers: By name, in lower case.
        seconds: From the first byte sent to the last one received.
    """

    asked: str
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def faults(self) -> list[str]:
        """Return what no answer may be, and this one is; each says what to mend."""
        type_ = self.headers.get("content-type", "")
        found = [
            *self._status_faults(type_),
            *(f"{name} is missing: set it in headers.py" for name in self._missing()),
        ]
        if _WITHIN.search(self.body):
            found.append("it shows a traceback or a path: answer with a problem instead")
        if type_.startswith("text/html"):
            found += self._page_faults()
        return found

    def _missing(self) -> list[str]:
        wanted = {"x-request-id": "", "x-content-type-options": "nosniff"}
        return [
            name
            for name, value in wanted.items()
            if not self.headers.get(name) or value not in self.headers[name]
        ]

    def _status_faults(self, type_: str) -> Iterator[str]:
        if self.status >= 500 and self.status not in _OWN:
            yield f"status {self.status}: find its number in the log, and refuse it with a 4xx"
        if self.status == 503 and "retry-after" not in self.headers:
            yield "a 503 without Retry-After: say when to come back"
        problem = type_.startswith(("application/problem+json", "text/html"))
        if self.status >= 400 and self.body and not problem:
            yield f"an error as {type_!r}: answer with a problem document or a page"

    def _page_faults(self) -> Iterator[str]:
        policy = set(re.split(r";\s*", self.headers.get("content-security-policy", "")))
        if policy != POLICY:
            yield f"the policy for scripts is {policy}: keep the strict one of headers.py"
        for tag in _TAG.finditer(self.body):
            name, inside = tag[1].lower(), tag[2]
            if name in _FORBIDDEN:
                yield f"{tag[0]!r} is markup that nobody wrote: escape what is shown"
            if _EVENT.search(_QUOTED.sub(b'""', inside)):
                yield f"{tag[0]!r} has a script in it: escape what is shown"
            for address in _ADDRESS.findall(inside):
                if not _SAFE.match(address):
                    yield f"{tag[0]!r} leads nowhere good: link only http and https"


@dataclass
class Server:
    """``pharmakon serve``, in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    _own: threading.local = field(default_factory=threading.local)
    _opened: list[socket.socket] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self, seconds: float = 30.0) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=seconds)
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        """Close all connections to it."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Answer:
        """Ask for a path; headers are named with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(message(path, method, body, named), method)

    def query(self, query: str, timeout: float | None = None, **headers: str) -> Answer:
        """Ask a query, by GET where it is short enough and else by POST."""
        limit = "" if timeout is None else f"timeout={timeout}"
        headers = {"Accept": "application/json, */*;q=0.5"} | headers
        if len(query) < 2000:
            return self.ask(f"/sparql?{urlencode({'query': query})}&{limit}", **headers)
        typed = {"Content_Type": "application/sparql-query"}
        return self.ask(f"/sparql?{limit}", "POST", query.encode(), **(headers | typed))

    def send(self, sent: bytes, method: str = "GET", *, again: bool = True) -> Answer:
        """Send bytes as they are over this thread's connection, and return the answer.

        Raises:
            ConnectionError: The server closed the connection, and answered nothing.
        """
        asked = sent[:600].decode("latin-1")
        start = time.perf_counter()
        kept = getattr(self._own, "connection", None)
        connection = kept or self.connect()
        self._own.connection = None
        try:
            connection.sendall(sent)
            status, headers, body, closing = _received(connection, method)
        except OSError as error:
            connection.close()
            # A connection that was kept may have been closed meanwhile, by right.
            if kept is not None and again:
                return self.send(sent, method, again=False)
            raise ConnectionError(f"no answer to {asked!r} ({error})") from error
        seconds = time.perf_counter() - start
        if closing:
            connection.close()
        else:
            self._own.connection = connection
        return Answer(asked, status, headers, body, seconds)

    def tree(self) -> set[int]:
        """Return its processes: it, and all that descend from it and have not ended."""
        return {self.process.pid} | descendants(self.process.pid)

    def zygote(self) -> int:
        """Return the process that forks its workers."""
        (found,) = children(self.process.pid)
        return found

    def workers(self) -> set[int]:
        """Return the processes that answer queries."""
        return self.tree() - {self.process.pid} - children(self.process.pid)

    def memory(self) -> int:
        """Return the bytes of memory that all its processes take together."""
        return sum(_share(pid) for pid in self.tree())

    def files(self) -> int:
        """Return how many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def figure(self, name: str) -> float:
        """Return a figure of its metrics."""
        lines = self.ask("/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[Server]:
    """Run a server at a free port, and end it with all its processes."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "pharmakon_server.cli", "serve", "--port", "0"]
    if "--release" not in options:
        command += ["--release", "packaged"]
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--log", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    left: set[int] = set()
    server = Server(process, "", log)
    try:
        assert process.stdout is not None
        greeting = [process.stdout.readline() for _ in range(5)]
        found = re.search(r"Browser\s+(http://127\.0\.0\.1:\d+)/", "".join(greeting))
        assert found, f"the server did not start; it said {greeting} and {log.read_text()[-2000:]}"
        server.url = found[1]
        ready = until(lambda: server.ask("/readyz").status == 200, 30)
        assert ready, "the server is not ready after 30 s: ask /readyz what is missing"
        yield server
        left = server.tree()
    finally:
        server.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert until(lambda: not any(map(lives, left))), f"processes are left over: {left}"
    assert "Traceback" not in log.read_text(), f"the log has a traceback: {fault(log)}"


def fault(log: Path) -> str:
    """Return the first traceback of a log."""
    return log.read_text().partition("Traceback")[2][:3000]


def message(path: str, method: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """Return a request in HTTP/1.1; nothing in it is checked or escaped."""
    named = {"Host": "localhost"} | headers
    if body is not None and "Content-Length" not in named:
        named["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + (body or b"")


def _received(connection: socket.socket, method: str) -> tuple[int, dict[str, str], bytes, bool]:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError) as error:
        raise ConnectionError(f"{type(error).__name__} {error}") from error
    headers = {name.lower(): value for name, value in response.getheaders()}
    closing = response.will_close
    response.close()
    return response.status, headers, body, closing


def until(true: Callable[[], object], seconds: float = 5.0) -> bool:
    """Wait until something is so; return whether it is."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def percentile(taken: list[float], share: float) -> float:
    """Return the time within which that share of requests was answered."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))]


def lives(pid: int) -> bool:
    """Return whether a process has not ended."""
    return bool(_state(pid)) and _state(pid)[0] != "Z"


def children(pid: int) -> set[int]:
    """Return the processes that a process started itself."""
    return {one for one, (_, parent) in _processes().items() if parent == pid}


def descendants(pid: int) -> set[int]:
    """Return the processes that descend from a process."""
    processes = _processes()
    found, new = set[int](), {pid}
    while new := {one for one, (_, parent) in processes.items() if parent in new} - found:
        found |= new
    return found


def _processes() -> dict[int, tuple[str, int]]:
    found = {int(name): _state(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: (s[0], int(s[1])) for pid, s in found.items() if s and s[0] != "Z"}


def _state(pid: int) -> list[str]:
    """Return the state of a process and the number of its parent, or nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return []


def _share(pid: int) -> int:
    """Return the memory of a process; what it shares is divided among those that share it.

    What it reads from files does not count: it is shared with whatever else runs.
    """
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    found = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", rollup, re.MULTILINE)
    return sum(map(int, found)) << 10

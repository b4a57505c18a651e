"""Requests to a server, as fast as it answers, and how long each took.

As a program it is the driving process of ``endpoints.py``. It reads a plan from standard
input and writes what it saw to standard output, both as JSON::

    {"port": …, "path": …, "connections": …, "seconds": …, "limit": …,
     "questions": {name: {"before": [query, …], "timed": [query, …]}}}

    {name: {"taken": [seconds or null, …], "answers": {query: what it was answered},
            "late": whether a query took longer than the limit}}

The requests are written beforehand, and a connection is a bare socket that stays open:
what ``http.client`` does for each answer takes about as long as a fast server's whole work,
on the same processors, and would make all servers look alike.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from urllib.parse import quote

_JSON = "application/sparql-results+json"
#: How many seconds a server may need until it is free for another question.
_FREE = 60


class Connection:
    """A connection to a server of this machine, opened again where the server closed it."""

    def __init__(self, port: int, limit: float) -> None:
        self._address = ("127.0.0.1", port)
        self._limit = limit
        self._socket: socket.socket | None = None
        self._stream: BufferedReader
        self._open()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request."""
        try:
            try:
                return self._answer(request)
            except (ConnectionError, EOFError):
                self.close()  # a server may close what was idle
                return self._answer(request)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._stream.close()
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        opened = socket.create_connection(self._address, self._limit)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._stream = opened, opened.makefile("rb")
        return opened

    def _answer(self, request: bytes) -> tuple[int, bytes]:
        (self._socket or self._open()).sendall(request)
        status = int(self._line().split()[1])
        headers = {}
        while line := self._line().strip().lower():
            name, _, value = line.partition(b":")
            headers[name] = value.strip()
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b"".join(self._chunks())
        else:
            body = self._stream.read(int(headers[b"content-length"]))
        if headers.get(b"connection") == b"close":
            self.close()
        return status, body

    def _line(self) -> bytes:
        line = self._stream.readline()
        if not line:
            raise EOFError
        return line

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().split(b";")[0], 16):
            yield self._stream.read(size)
            self._line()
        self._line()


@dataclass
class Asked:
    """What became of requests.

    Attributes:
        taken: How many seconds the answer to each took; None where it was not sent, or was refused.
        answers: The status and the body of the first answer to each request.
        late: Whether one was not answered within the limit.
        broken: What was wrong where the server broke off.
    """

    taken: list[float | None]
    answers: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    late: bool = False
    broken: Exception | None = None


def ask_all(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, limit: float
) -> Asked:
    """Send requests in turn over so many connections, until the seconds are over."""
    asked = Asked([None] * len(requests))
    left = iter(range(len(requests)))
    opened = [Connection(port, limit) for _ in range(connections)]
    end = time.perf_counter() + seconds

    def work(connection: Connection) -> None:
        for i in left:
            start = time.perf_counter()
            if start > end or asked.late or asked.broken:
                break
            try:
                answer = connection.ask(requests[i])
                if answer[0] == 200:
                    asked.taken[i] = time.perf_counter() - start
                asked.answers.setdefault(requests[i], answer)
            except TimeoutError:
                asked.taken[i] = limit  # the least that it would have been
                asked.late = True
            except (OSError, EOFError) as error:
                asked.broken = error
        connection.close()

    threads = [threading.Thread(target=work, args=[one], daemon=True) for one in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if asked.broken:
        raise ConnectionError("the server broke off") from asked.broken
    return asked


def get(path: str, accept: str) -> bytes:
    """Return a request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n\r\n".encode()


def _seen(status: int, body: bytes) -> str:
    """Return the number of rows, and a digest of their values, whatever their order."""
    if status != 200:
        return f"status {status}"
    rows = [
        sorted((name, term["value"]) for name, term in row.items())
        for row in json.loads(body)["results"]["bindings"]
    ]
    digest = hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()[:8]
    return f"{len(rows)} rows ({digest})"


def main() -> None:
    """Carry out the plan."""
    plan = json.load(sys.stdin)
    port, path, questions = (plan.pop(name) for name in ("port", "path", "questions"))
    seen = {}
    for name, question in questions.items():
        requests = {
            query: get(f"{path}?query={quote(query)}", _JSON)
            for query in (*question["before"], *question["timed"])
        }
        # It may still be busy with what was given up before.
        Connection(port, _FREE).ask(get(f"{path}?query=ASK%20%7B%20%7D", _JSON))
        ask_all(port, [requests[query] for query in question["before"]], **plan)
        asked = ask_all(port, [requests[query] for query in question["timed"]], **plan)
        answered = {q: asked.answers[r] for q, r in requests.items() if r in asked.answers}
        seen[name] = {
            "taken": asked.taken,
            "answers": {query: _seen(*answer) for query, answer in answered.items()},
            "late": asked.late,
        }
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()

"""Which HTTP server is the best front for Pharmakon's own application?

The application over the packaged graph, in one process with 16 threads, behind waitress,
gunicorn's gthread and granian in turn, and behind our own front (granian's event loop) as
``pharmakon serve`` runs it: how fast is the page of an entity, and an answer that is kept? And
what is left of the page's speed while 300 clients trickle their headers, and 300 others the
bodies of their queries?
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from endpoint_systems import MissingError, System, free_port, program, running
from flask import Flask
from load import ask_all, get

import pharmakon
from pharmakon.stores import OxigraphStore
from pharmakon.stores.sandbox import SandboxedQueries
from pharmakon_server import create_app
from pharmakon_server.endpoint import Endpoint

SLOW = 300
ROUNDS, SECONDS, LIMIT = 3, 1.0, 5.0
CONNECTIONS = (1, 8)

COMMANDS = {
    "pharmakon": "pharmakon serve --port={port} --no-log --no-fair-use",
    "waitress": "waitress-serve --listen={at} --threads=16 --connection-limit=1000"
    " --channel-timeout=10 --call servers:application",
    "gunicorn": "gunicorn --bind={at} -k gthread --threads=16 servers:application()",
    "granian": "granian --host=127.0.0.1 --port={port} --interface=wsgi --no-ws"
    " --blocking-threads=16 --factory servers:application",
}

PAGE = get("/substance/naltrexone", "text/html")
KEPT = get(
    f"/sparql?{urlencode({'query': 'SELECT * { ?s ?p ?o } ORDER BY ?s ?p ?o LIMIT 20'})}",
    "application/sparql-results+json",
)
_HEADERS = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_BODY = (
    b"POST /sparql HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/sparql-query\r\nContent-Length: 100000\r\n\r\n"
)


def application() -> Flask:
    """Return what the servers run."""
    graph = pharmakon.open("packaged")
    assert isinstance(graph.store, OxigraphStore)
    queries = SandboxedQueries(graph.store)
    queries.start()
    return create_app(graph, Endpoint(queries, graph.release))


def systems() -> Iterator[System]:
    """Yield the servers that are installed, and say which are not."""
    for name, command in COMMANDS.items():
        port = free_port()
        first, *rest = command.format(at=f"127.0.0.1:{port}", port=port).split()
        try:
            yield System(name, [program(first), *rest], port, "/sparql")
        except MissingError as missing:
            print(f"{name} is left out: {missing}")


@contextlib.contextmanager
def trickling(port: int, beginning: bytes) -> Iterator[None]:
    """Keep many connections open that send one byte after the other, and never all."""
    over = threading.Event()
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
            for _ in range(SLOW)
        ]

        def trickle() -> None:
            data = beginning
            while not over.wait(0.2):
                for one in slow:
                    with contextlib.suppress(OSError):  # the server may have had enough
                        one.sendall(data)
                data = b"a"

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            over.wait(1)
            yield
        finally:
            over.set()
            thread.join()


def figures(port: int, request: bytes, connections: int) -> tuple[float, float, float]:
    """Return the requests per second and p50 and p99 in ms, or zeros where none is answered."""
    asked = ask_all(port, [request] * 20_000, connections=connections, seconds=SECONDS, limit=LIMIT)
    taken = sorted(one * 1000 for one in asked.taken if one is not None)
    if asked.late or any(status != 200 for status, _ in asked.answers.values()):
        return 0, 0, 0
    rate = connections * 1000 / statistics.mean(taken)
    return rate, statistics.median(taken), taken[int(len(taken) * 0.99)]


def main() -> None:
    """Measure, and print a table."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where servers find the application
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        found = list(systems())
        for system in found:
            (folder / system.name).mkdir()
            stack.enter_context(running(system, folder / system.name))
        print(f"{'':<29}" + "".join(f"{system.name:>27}" for system in found))
        print(f"{'':<29}" + f"{'per s   p50 ms   p99 ms':>27}" * len(found))
        for name, request in (("page", PAGE), ("kept answer", KEPT)):
            for connections in CONNECTIONS:
                rounds = [
                    [figures(system.port, request, connections) for system in found]
                    for _ in range(ROUNDS)
                ]
                _print(
                    f"{name}, connections: {connections}",
                    [list(cell) for cell in zip(*rounds, strict=True)],
                )
        for name, beginning in (("headers", _HEADERS), ("bodies", _BODY)):
            cells = []
            for system in found:
                with trickling(system.port, beginning):
                    cells.append([figures(system.port, PAGE, 1)])
            _print(f"page, {SLOW} slow {name}", cells)


def _print(name: str, cells: list[list[tuple[float, float, float]]]) -> None:
    """Print a line: for each server the medians of its rounds."""
    line = f"{name:<29}"
    for rounds in cells:
        rate, middle, high = (statistics.median(column) for column in zip(*rounds, strict=True))
        shown = f"{rate:8.0f} {middle:8.2f} {high:8.2f}" if rate else f"no answer in {LIMIT:g} s"
        line += f"{shown:>27}"
    print(line)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

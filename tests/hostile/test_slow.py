"""Clients who send a byte now and then keep their connection, and no page from anybody."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .outside import Server, percentile, until

CLIENTS = 300
SECONDS = 14.0
PAGE = 0.25

HEAD = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"

#: What each sends first, and then again and again.
SLOW = {
    "headers": (HEAD, b"X-Slow: 1\r\n"),
    "bodies": (HEAD + b"Content-Length: 100000\r\n\r\nASK {} #", b"."),
}

PAGES = ("/livez", "/", "/search?q=naltrexon", "/browse/condition", "/sparql?query=ASK%20%7B%7D")


@pytest.mark.parametrize("what", SLOW)
def test_slow_clients_do_not_stop_a_page(server: Server, what: str):
    [server.ask(path) for path in PAGES]
    taken = []
    with trickling(server, *SLOW[what]) as sent:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for path in PAGES:
                answer = server.ask(path)
                assert answer.status == 200, f"{path} was answered {answer.status}"
                taken.append(answer.seconds)
                time.sleep(0.05)

    assert sum(sent) > CLIENTS * 5, "the slow clients were sent away before they were slow"
    assert percentile(taken, 0.99) <= PAGE, (
        f"99 of 100 of {len(taken)} pages came within {percentile(taken, 0.99):.3f} s "
        f"beside {CLIENTS} clients with slow {what}; what waits for them must not be a thread"
    )
    assert server.files() < 60, "the connections of clients that left are still open"
    print(f"\nslow {what}: {len(taken)} pages, p99 {percentile(taken, 0.99) * 1000:.0f} ms")


@contextlib.contextmanager
def trickling(server: Server, first: bytes, more: bytes) -> Iterator[list[int]]:
    """Let many clients send something each second; yield how often each did."""
    done = threading.Event()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(CLIENTS)]
        sent = [send(one, first) for one in slow]

        def trickle() -> None:
            while not done.wait(1.0):
                for number, one in enumerate(slow):
                    sent[number] += send(one, more)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield sent
        finally:
            done.set()
            thread.join()
    time.sleep(0.5)  # the server sees that they left


def send(connection: socket.socket, sent: bytes) -> bool:
    """Send something; return whether the server still takes it."""
    try:
        connection.sendall(sent)
    except OSError:  # it was sent away, which is right after some seconds
        return False
    return True


def test_headers_that_do_not_arrive_are_not_waited_for(server: Server):
    with server.connect() as connection:
        connection.sendall(HEAD)
        start = time.monotonic()

        left = connection.recv(1000)

    assert time.monotonic() - start < 12
    assert left == b"" or left.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400"))


def test_a_client_that_does_not_read_its_answer_stops_nobody(server: Server):
    rows = "SELECT ('" + "a" * 3000 + "' AS ?x) { ?a ?b ?c . ?d ?e ?f } LIMIT 8000"
    assert server.query(rows).status == 200
    asked = f"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: {len(rows)}\r\n".encode()
    asked += b"Content-Type: application/sparql-query\r\n\r\n" + rows.encode()
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            deaf = stack.enter_context(server.connect())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(asked)
        time.sleep(0.5)
        taken = [server.ask(path).seconds for path in PAGES * 4]

    assert percentile(taken, 0.99) <= PAGE, f"pages took {taken}"


def test_clients_that_go_away_at_once_leave_nothing(server: Server):
    server.ask("/livez")
    before = server.files()
    for cut in (b"", b"GET", HEAD, HEAD + b"Content-Length: 9\r\n\r\nASK"):
        for _ in range(100):
            with server.connect() as connection:
                connection.sendall(cut)

    assert server.ask("/readyz").status == 200
    assert until(lambda: server.files() < before + 10), (
        f"{server.files()} files are open after 400 clients came and went, and were {before} before"
    )

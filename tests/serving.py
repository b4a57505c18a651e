"""Real servers on the loopback interface, for tests that ask over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

from flask import Flask
from werkzeug.serving import make_server

from pharmakon_server.front import Front
from pharmakon_server.serving import serve


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application from a thread; yield its address, without a slash at the end."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def fronted(front: Front) -> Iterator[str]:
    """Serve from a thread as ``pharmakon serve`` does; yield the address."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(serve(front, listening, stop),), daemon=True
    )
    thread.start()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[str]:
    """Run a command of ``pharmakon`` that serves, at a free port; yield its address."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "pharmakon_server.cli", *arguments, "--port", "0", "--no-log"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            shown = iter(process.stdout.readline, "")
            yield next(line.split()[-1] for line in shown if "Browser" in line).rstrip("/")
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def answering(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Let a function answer each connection once its request is read; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                behave(connection)
                # A body that came after the head and is left unread would make a reset of the end.
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while connection.recv(65536):
                    pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/sparql"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextlib.contextmanager
def canary() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Yield an address that nobody should ask, and whether somebody did."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)

    def was_asked() -> bool:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return False
        return True

    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x", was_asked

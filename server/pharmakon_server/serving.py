"""Serving: granian's embedded server, which hands what it receives to the front."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

from .front import Front

__all__ = ["serve"]

#: How many seconds the headers of a request may take to arrive, and how many bytes are read.
_HEADERS_WITHIN = 10
_BUFFER = 128 << 10

#: Requests that are in hand at once, and connections that wait.
_REQUESTS = 4000
_BACKLOG = 2048


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
                header_read_timeout=_HEADERS_WITHIN * 1000, max_buffer_size=_BUFFER
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

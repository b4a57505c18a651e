"""RSGI: how a request comes in, and how its answer goes out (RSGI specification 1.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Connection", "Headers", "Reply", "Scope", "Transport"]

#: Names, in lower case, and values; a name may come more than once.
Headers = list[tuple[str, str]]


class Scope(Protocol):
    """A request, but for its body."""

    method: str
    path: str
    query_string: str
    client: str
    server: str
    scheme: str
    http_version: str
    headers: Any


class Transport(Protocol):
    """Where the pieces of an answer go."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece, once there is room for it."""
        ...


class Connection(Protocol):
    """The body of a request, and the way back to its client."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        ...

    async def __call__(self) -> bytes:
        """Return the body once it is there."""
        ...

    async def client_disconnect(self) -> None:
        """Return when the client has gone."""
        ...

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer."""
        ...

    def response_stream(self, status: int, headers: Headers) -> Transport:
        """Answer piece by piece."""
        ...

    def response_empty(self, status: int, headers: Headers) -> None:
        """Answer without a body."""
        ...


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int
    headers: Headers
    body: bytes = b""

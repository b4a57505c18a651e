"""Fair use: no client takes so much of the endpoint that little is left for the others.

What counts is the time that queries take, however short each is, and how many fail, within
a minute; a client who was away may catch up to twice that. Who sends too much is told
when to come back.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from werkzeug.exceptions import TooManyRequests

__all__ = ["FairUse"]

#: How many clients are remembered; the one that was away longest is forgotten first.
_MOST_CLIENTS = 10_000


@dataclass
class _Account:
    """What a client may still use."""

    seconds: float
    errors: float
    since: float
    running: int = 0


class FairUse:
    """What each client may use of the endpoint.

    The figures are those of the Wikidata Query Service. It is for one thread.

    Example:
        >>> use = FairUse(seconds=60, clock=lambda: 0.0)
        >>> use.enter("192.0.2.1")
        >>> use.leave("192.0.2.1", 150.0, failed=False)
        >>> use.enter("192.0.2.1")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        werkzeug.exceptions.TooManyRequests: ...; ask again in 31 s
    """

    def __init__(
        self,
        *,
        seconds: float = 60.0,
        errors: float = 30.0,
        parallel: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let each client use so much.

        Args:
            seconds: Seconds of queries a minute.
            errors: Queries that fail, a minute.
            parallel: Queries at once.
            clock: Tells the time, in seconds.
        """
        self.seconds = seconds
        self.errors = errors
        self.parallel = parallel
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def enter(self, client: str) -> None:
        """Let a client's query begin.

        Raises:
            TooManyRequests: It used what is its own; it says when to come back.
        """
        account = self._account(client)
        if account.running >= self.parallel:
            raise _too_many(f"{self.parallel} queries of yours run already", 1)
        for left, allowed, what in (
            (account.seconds, self.seconds, f"{self.seconds:g} seconds of queries"),
            (account.errors - 1, self.errors, f"{self.errors:g} queries that fail"),
        ):
            if left <= 0:
                wait = math.floor(-left / allowed * 60) + 1
                raise _too_many(f"a client may use {what} a minute, and you used more", wait)
        account.running += 1

    def leave(self, client: str, seconds: float, *, failed: bool) -> None:
        """Say that a client's query ended, after how long, and whether it failed."""
        account = self._account(client)
        account.running -= 1
        account.seconds -= seconds
        account.errors -= failed

    def _account(self, client: str) -> _Account:
        now = self._clock()
        key = _network(client)
        account = self._accounts.get(key)
        if account is None:
            account = _Account(2 * self.seconds, 2 * self.errors, now)
            self._accounts[key] = account
            self._forget()
        self._accounts.move_to_end(key)
        minutes = (now - account.since) / 60
        account.seconds = min(2 * self.seconds, account.seconds + minutes * self.seconds)
        account.errors = min(2 * self.errors, account.errors + minutes * self.errors)
        account.since = now
        return account

    def _forget(self) -> None:
        if len(self._accounts) > _MOST_CLIENTS:
            idle = (key for key, account in self._accounts.items() if not account.running)
            oldest = next(idle, None)
            if oldest is not None:
                del self._accounts[oldest]


def _network(client: str) -> str:
    """Return what one client has: an address, or of IPv6 the network of 64 bits."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def _too_many(reason: str, wait: int) -> TooManyRequests:
    return TooManyRequests(f"{reason}; ask again in {wait} s", retry_after=wait)

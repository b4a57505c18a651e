"""Some of many: the same ones in every run, and no more than a test has time for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["some"]

T = TypeVar("T")


def some(things: Iterable[T], most: int, key: Callable[[T], str] = str) -> list[T]:
    """Return at most so many of some things, chosen by the digests of their names."""
    return sorted(things, key=lambda one: hashlib.sha256(key(one).encode()).digest())[:most]

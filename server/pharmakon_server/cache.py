"""A cache: as many values as fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Cache"]

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

#: What a value takes beside its own bytes.
_OVERHEAD = 500


class Cache(Generic[_Key, _Value]):
    """Values by key, as many as fit; the one that was not asked for longest goes first.

    It may be used from many threads.

    Attributes:
        size: How many bytes the values may take together.
        bytes: How many they take now.
        hits: How often a value was asked for that was there.
        misses: How often one was that was not.

    Example:
        >>> cache = Cache(size=1000)
        >>> for key in "ab":
        ...     cache.put(key, "yes", 3)
        >>> cache.get("a"), cache.get("b")
        (None, 'yes')
    """

    def __init__(self, size: int) -> None:
        """Keep at most so many bytes of values."""
        self.size = size
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._kept)

    def get(self, key: _Key) -> _Value | None:
        """Return a value, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: _Key, value: _Value, size: int) -> None:
        """Keep a value of so many bytes, unless it has no room."""
        cost = size + _OVERHEAD
        if cost > self.size:
            return
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = value, cost
            self.bytes += cost
            while self.bytes > self.size:
                _, (_, freed) = self._kept.popitem(last=False)
                self.bytes -= freed

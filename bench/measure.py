"""Timing, as all benchmarks here do it: many calls of two things in turn, and their medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def compare(name: str, one: Callable[[], object], other: Callable[[], object], times: int) -> None:
    """Print how many times as long the one takes as the other, with both medians in ms."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for call, spent in zip((one, other), taken, strict=True):
            start = time.perf_counter()
            call()
            spent.append((time.perf_counter() - start) * 1000)
    first, second = (statistics.median(spent) for spent in taken)
    print(f"{name:<28} {first / second:8.2f} x   ({first:.2f} ms against {second:.2f} ms)")

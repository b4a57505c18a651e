"""The branches of an ontology: which of its terms are of use, by what they are a kind of.

A term names only what is right above it, and stands before or after that in its file. So the
file is read twice: first for what is above what, of which the identifiers are held, and then
for its terms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .record import SkippedError
from .rows import Broken, Reader, Row

__all__ = ["Branches", "check"]

#: Where a row says why it is of no use.
_REASON = "left out"


@dataclass(frozen=True)
class Branches:
    """Terms that are of use, and why the others are not.

    Attributes:
        roots: The terms at the top of the branches.
        reason: Why terms are left out, the same for all.
        taken: Whether the branches are what is taken, or what is left out.
    """

    roots: tuple[str, ...]
    reason: str
    taken: bool = False

    def of(self, read: Reader, place: Callable[[Row], tuple[str, Iterable[str]]]) -> Reader:
        """Return a reader whose rows :func:`check` skips if they are of no use.

        Args:
            read: Reads the file.
            place: Returns what a term is called, and what is right above it.
        """

        def marked(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
            below = _below(self.roots, (row for _, row in read(file)), place)
            file.seek(0)
            for line, row in read(file):
                if isinstance(row, Broken) or (_name(row, place) in below) is self.taken:
                    yield line, row
                else:
                    yield line, {**row, _REASON: self.reason}

        return marked


def check(row: Row) -> None:
    """Check that a term is of a branch that is taken.

    Raises:
        SkippedError: It is not.
    """
    if _REASON in row:
        raise SkippedError(row[_REASON])


def _below(
    roots: Iterable[str],
    rows: Iterable[Row | Broken],
    place: Callable[[Row], tuple[str, Iterable[str]]],
) -> set[str]:
    """Return the terms below some, and these."""
    under: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        try:
            name, above = ("", ()) if isinstance(row, Broken) else place(row)
            for one in above:
                under[one].append(name)
        except (LookupError, TypeError, AttributeError):
            continue  # it is rejected when it is read again
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += under.get(name, ())
    return found


def _name(row: Row, place: Callable[[Row], tuple[str, Iterable[str]]]) -> str | None:
    try:
        return place(row)[0]
    except (LookupError, TypeError, AttributeError):
        return None

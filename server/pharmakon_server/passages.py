"""Passages: the words of a source, shown where its text is at hand and is the one read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pharmakon import evidence
from pharmakon.views.statements import Evidence

__all__ = ["Passages"]


class Passages:
    """The texts of sources in a folder; without one, there are no passages."""

    def __init__(self, folder: Path | None) -> None:
        """Read from a folder, each text once."""
        self.folder = folder
        self._text = lru_cache(maxsize=16)(self._read)

    def of(self, found: Iterable[Evidence]) -> dict[str, str]:
        """Return the passage of each evidence whose digest holds, by IRI.

        Raises:
            LoadError: The folder is not there, or a text is not UTF-8.
        """
        return {one.iri: words for one in found if (words := self._passage(one))}

    def _passage(self, one: Evidence) -> str:
        place = one.locator
        if self.folder is None or place.start is None or place.end is None:
            return ""
        words = self._text(one.source.iri)[place.start : place.end]
        return words if evidence.digest(words) == place.digest else ""

    def _read(self, source: str) -> str:
        assert self.folder is not None  # noqa: S101 - asked only where there is one
        return evidence.read(source, self.folder) or ""

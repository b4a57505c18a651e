"""The published data files, which are not part of the repository.

They lie beside it, in ``../shared/data``, as their publishers wrote them; a test that needs
them is skipped where they are absent, and fails where they should be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TextIO

import pytest

from pharmakon import published
from pharmakon.published import SOURCES, Files

__all__ = ["DATA", "SHARED", "SOURCES", "names", "open_text", "require", "rows"]

SHARED = Path(__file__).parents[1].parent / "shared"
DATA = SHARED / "data"


def require(path: Path) -> Path:
    """Return a path of the shared data, or end the test that needs it."""
    if not path.exists():
        reason = f"{path} is absent; put the published data beside the repository, in ../shared"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def open_text(source: str, encoding: str = "utf-8") -> TextIO:
    """Open a gzipped text of the shared data, by its path in the data folder."""
    require(DATA / source)
    return Files(DATA).open(source, encoding)


def rows(source: str, delimiter: str = "\t", encoding: str = "utf-8") -> Iterator[dict[str, str]]:
    """Yield the rows of a table by the names of their columns, without quotes and comments."""
    require(DATA / source)
    return Files(DATA).rows(source, delimiter, encoding)


@cache
def names(source: str) -> Mapping[str, frozenset[str]]:
    """Return every identifier that a file holds, with the names that it prints beside it."""
    require(DATA / source)
    return published.names(Files(DATA), source)

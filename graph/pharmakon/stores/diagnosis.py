"""What is wrong with a query, in words that help: the line, a caret, a hint."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import QuerySyntaxError

__all__ = ["diagnose"]


def diagnose(query: str, message: str, parse: Callable[[str], str | None]) -> QuerySyntaxError:
    """Return the error for a query that the parser refused with that message."""
    found = re.match(r"error at (\d+):(\d+): ", message)
    line, column = (int(found[1]), int(found[2])) if found else (1, 1)
    text = (query.splitlines() or [""])[min(line, len(query.splitlines()) or 1) - 1]
    return QuerySyntaxError(
        "the query is not SPARQL", line, column, f"{text}\n{' ' * (column - 1)}^"
    )

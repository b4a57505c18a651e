"""The errors that Pharmakon raises.

* PharmakonError
  * LoadError                 a file is not what it should be: path, line, reason
  * ValidationError           the graph breaks a shape, a digest or an identifier
  * ReleaseError              there is no release there, or it is damaged
  * NotFoundError             no entity, statement or query has that name: the nearest ones
  * AmbiguousNameError        several entities have that name: the candidates
  * QueryError                a query is not answered
    * QuerySyntaxError        it is not SPARQL: line, column, a caret, a hint
    * QueryRefusedError       it asks for what is switched off (federation)
    * QueryTimeoutError       it took longer than its time limit
    * QueryTooLargeError      its answer is larger than the size limit
    * QueryTooComplexError    it needs more memory than allowed, or ended its worker
    * QueryBusyError          no worker was free in time
  * RemoteError               another server did not answer as it should

Every message says what happened, where, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AmbiguousNameError",
    "LoadError",
    "NotFoundError",
    "PharmakonError",
    "QueryBusyError",
    "QueryError",
    "QueryRefusedError",
    "QuerySyntaxError",
    "QueryTimeoutError",
    "QueryTooComplexError",
    "QueryTooLargeError",
    "ReleaseError",
    "RemoteError",
    "ValidationError",
]


class PharmakonError(Exception):
    """The base of every error that Pharmakon raises on purpose."""


class LoadError(PharmakonError, ValueError):
    """A file could not be read as what it should be.

    Attributes:
        path: The file.
        line: The line, counted from 1, or None where the parser does not say.
        reason: What is wrong there.
    """

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        """Say which file, where, and why."""
        at = path if line is None else f"{path}:{line}"
        super().__init__(f"{at}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class ValidationError(PharmakonError, ValueError):
    """The graph breaks a rule that it must keep.

    Attributes:
        findings: One message a breach, each with its place and remedy.
    """

    def __init__(self, findings: Sequence[str]) -> None:
        """Keep the findings; the message holds them all, one a line."""
        self.findings = list(findings)
        count = len(self.findings)
        noun = "problem" if count == 1 else "problems"
        super().__init__("\n".join([f"validation found {count} {noun}", *self.findings]))


class ReleaseError(PharmakonError):
    """There is no release at that place, or it is damaged."""


class NotFoundError(PharmakonError, LookupError):
    """Nothing has the name that was asked for.

    Attributes:
        name: What was asked for.
        nearest: Names that are spelled alike, best first.
    """

    def __init__(self, kind: str, name: str, nearest: Sequence[str] = ()) -> None:
        """Name what was asked for, and suggest what may have been meant."""
        self.name = name
        self.nearest = list(nearest)
        hint = f"; did you mean {' or '.join(map(repr, self.nearest))}?" if self.nearest else ""
        super().__init__(f"no {kind} is called {name!r}{hint}")


class AmbiguousNameError(PharmakonError, LookupError):
    """Several entities have the name that was asked for.

    Attributes:
        name: What was asked for.
        candidates: What each candidate would be asked for by, unambiguously.
    """

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        """Name the candidates."""
        self.name = name
        self.candidates = list(candidates)
        super().__init__(
            f"{name!r} may be any of {', '.join(self.candidates)}; ask for one of them"
        )


class QueryError(PharmakonError):
    """A query is not answered."""


class QuerySyntaxError(QueryError, ValueError):
    """A query is not SPARQL.

    Attributes:
        line: The line of the fault, counted from 1, or None where the parser does not say.
        column: Its column, counted from 1, or None.
        excerpt: The line of the query, and a caret under the fault.
        hint: What to change, or the empty string.
    """

    def __init__(
        self,
        reason: str,
        line: int | None = None,
        column: int | None = None,
        excerpt: str = "",
        hint: str = "",
    ) -> None:
        """Say what is wrong, where, and what to change."""
        self.reason = reason
        self.line = line
        self.column = column
        self.excerpt = excerpt
        self.hint = hint
        at = f" (line {line}, column {column})" if line is not None else ""
        super().__init__("\n".join(part for part in (reason + at, excerpt, hint) if part))


class QueryRefusedError(QueryError):
    """A query asks for what is switched off."""


class QueryTimeoutError(QueryError, TimeoutError):
    """A query took longer than its time limit, and was ended.

    Attributes:
        limit: The time limit, in seconds.
    """

    def __init__(
        self, limit: float, advice: str = "add a LIMIT, a type or a more specific pattern"
    ) -> None:
        """Name the limit and how to stay within it."""
        self.limit = limit
        super().__init__(f"the query was ended at its time limit of {limit:g} s; {advice}")


class QueryTooLargeError(QueryError):
    """An answer is larger than the size limit; nothing of it is sent.

    Attributes:
        limit: The size limit, in bytes.
    """

    def __init__(self, limit: int) -> None:
        """Name the limit and how to stay within it."""
        self.limit = limit
        super().__init__(
            f"the answer is larger than {limit} bytes, so none of it is sent; "
            "add a LIMIT, or select fewer columns"
        )


class QueryTooComplexError(QueryError):
    """A query needs more memory than it may have, or ended the process that ran it."""


class QueryBusyError(QueryError):
    """No worker was free in time; the same query may be asked again.

    Attributes:
        full: Whether all workers are at work, on the queries of others; else there is none.
    """

    def __init__(self, message: str, *, full: bool = False) -> None:
        """Say why, and when to ask again."""
        super().__init__(message)
        self.full = full


class RemoteError(PharmakonError, ConnectionError):
    """Another server did not answer, or not as it should."""

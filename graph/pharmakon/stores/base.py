"""The two interfaces that the rest of Pharmakon asks of a store.

A :class:`Store` answers our own queries, as terms. A :class:`QueryService` answers a
stranger's query, as bytes, within limits that really end it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypedDict, Unpack

import pyoxigraph as ox

__all__ = [
    "Answer",
    "Asking",
    "Generation",
    "Generations",
    "QueryService",
    "Row",
    "Solutions",
    "Store",
    "Term",
    "text",
]

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

#: A solution of a SELECT: a variable with no value is left out.
Row = dict[str, Term]


class Solutions(Iterator[Row]):
    """The solutions of a SELECT query: rows, and the variables in the order it names them.

    Attributes:
        variables: The names of the variables, without their question marks.
    """

    def __init__(self, variables: Iterable[str], rows: Iterable[Row]) -> None:
        """Give the rows one by one."""
        self.variables = tuple(variables)
        self._rows = iter(rows)

    def __next__(self) -> Row:
        """Return the next row."""
        return next(self._rows)


def text(term: Term) -> str:
    """Return an IRI, or the characters of a literal.

    Example:
        >>> text(ox.Literal("naltrexone", language="en"))
        'naltrexone'
    """
    return str(term) if isinstance(term, ox.Triple) else term.value


class Store(Protocol):
    """What the library and the pages ask of a store.

    Every query sees the union of all graphs as its default graph, and may use the
    prefixes of :data:`pharmakon.namespaces.PREFIXES` without declaring them.
    """

    def __len__(self) -> int:
        """Return the number of quads."""
        ...

    def select(self, query: str) -> Solutions:
        """Return the solutions of a SELECT query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        ...

    def construct(self, query: str) -> Iterator[ox.Triple]:
        """Yield the triples of a CONSTRUCT or DESCRIBE query, each once.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        ...

    def ask(self, query: str) -> bool:
        """Return the answer of an ASK query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        ...


@dataclass(frozen=True)
class Answer:
    """A whole answer to a stranger's query, serialised.

    Attributes:
        form: What the query asked for: ``"solutions"``, ``"boolean"`` or ``"graph"``.
        media_type: The media type of the body.
        body: The bytes; never a part of an answer.
    """

    form: Literal["solutions", "boolean", "graph"]
    media_type: str
    body: bytes


@dataclass(frozen=True)
class Generation:
    """A state of a store that changes, on disk, which does not change itself.

    Attributes:
        key: What tells it from every other state, and from every other store.
        path: The store to read.
    """

    key: str
    path: Path


class Generations(Protocol):
    """A store that changes, for those who read it: one whole state after another."""

    def acquire(self) -> Generation:
        """Return the newest state, which holds all that was acknowledged; it stays there."""
        ...

    def release(self, generation: Generation) -> None:
        """Say that a state is read no more."""
        ...

    def is_newest(self, generation: Generation) -> bool:
        """Return whether nothing was written since a state."""
        ...


class Asking(TypedDict, total=False):
    """How a stranger's query is asked.

    Attributes:
        results: The media type wanted for solutions and booleans.
        graphs: The media type wanted for CONSTRUCT and DESCRIBE.
        default_graphs: IRIs of the graphs that together are the default graph.
        named_graphs: IRIs of the graphs that GRAPH may name. Without either, the default
            graph is the union of all, and GRAPH may name all; with any, the dataset is
            these alone (SPARQL 1.1 Protocol, section 2.1.4).
        timeout: The time limit in seconds; None, or more than the service's own limit,
            means the service's own.
        size: How many bytes the answer may have; None, or more than the service's own
            limit, means the service's own.
        own: Whether the site itself asks: its queries never wait behind strangers'.
        defused: Whether CSV is changed where a spreadsheet would run it as a formula.
    """

    results: str
    graphs: str
    default_graphs: Sequence[str]
    named_graphs: Sequence[str]
    timeout: float | None
    size: int | None
    own: bool
    defused: bool


class QueryService(Protocol):
    """What the endpoint asks of whatever runs a stranger's query."""

    def answer(self, query: str, **asking: Unpack[Asking]) -> Answer:
        """Return the whole answer, or raise.

        Args:
            query: SPARQL 1.1 Query text from a stranger.
            **asking: How it is asked.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The service is another server, and it failed.
        """
        ...

    async def answer_async(self, query: str, **asking: Unpack[Asking]) -> Answer:
        """Return or raise what :meth:`answer` does; a task that is cancelled ends the query."""
        ...

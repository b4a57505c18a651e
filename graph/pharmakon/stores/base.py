"""The two interfaces that the rest of Pharmakon asks of a store.

A :class:`Store` answers our own queries, as terms. A :class:`QueryService` answers a
stranger's query, as bytes, within limits that really end it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyoxigraph as ox

__all__ = ["Answer", "QueryService", "Row", "Solutions", "Store", "Term", "text"]

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


class QueryService(Protocol):
    """What the endpoint asks of whatever runs a stranger's query."""

    def answer(
        self,
        query: str,
        *,
        results: str = "application/sparql-results+json",
        graphs: str = "text/turtle",
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Answer:
        """Return the whole answer, or raise.

        Args:
            query: SPARQL 1.1 Query text from a stranger.
            results: The media type wanted for solutions and booleans.
            graphs: The media type wanted for CONSTRUCT and DESCRIBE.
            default_graphs: IRIs of the graphs that together are the default graph.
            named_graphs: IRIs of the graphs that GRAPH may name. Without either, the
                default graph is the union of all, and GRAPH may name all; with any, the
                dataset is these alone (SPARQL 1.1 Protocol, section 2.1.4).
            timeout: The time limit in seconds; None, or more than the service's own
                limit, means the service's own.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: The service is another server, and it failed.
        """
        ...

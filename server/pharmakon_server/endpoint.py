"""The endpoint: it answers an operation from memory where it can, and else by asking.

A release never changes, so an answer holds as long as the release. Its key is made of the
release, the query without its white space and comments, the graphs and the form; the key
is also its entity tag, so that a caller who has the answer is told so before anything runs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import pyoxigraph as ox
from werkzeug.datastructures import ETags

from pharmakon.stores import Answer, QueryService
from pharmakon.stores.oxigraph import solutions
from pharmakon.stores.syntax import canonical, is_changing
from pharmakon.tables import Table

from .cache import Cache
from .negotiation import GRAPHS, HTML, RESULTS
from .protocol import Operation

__all__ = ["Endpoint", "names"]

_JSON = "application/sparql-results+json"
_TURTLE = "text/turtle"

#: The answer to a longer query, in characters, is not kept.
_LONGEST = 10_000

#: How many bytes an answer may have that is kept: whoever asks for it costs as much memory
#: until they have read it.
_LARGEST_KEPT = 4 << 20

#: How many bytes an answer may have that is read to make a page of it.
_LARGEST_PAGE = 4 << 20

#: The time limit of the site's own queries, in seconds.
_OWN_LIMIT = 5.0


def names(tags: ETags, tag: str) -> bool:
    """Return whether ``If-None-Match`` names a tag; a star names what nobody has seen yet."""
    return tags.is_weak(tag) or tags.is_strong(tag)


@dataclass(frozen=True)
class Endpoint:
    """What answers an operation.

    Attributes:
        queries: What runs a query.
        release: What is asked, by a name that changes when it does; empty where it may
            change at any time, so that no answer can be kept.
        cache: The answers that are kept.
        defuse: Whether CSV is changed where a spreadsheet would run it as a formula.
    """

    queries: QueryService
    release: str = ""
    cache: Cache[str, Answer] = field(default_factory=lambda: Cache(64 << 20))
    defuse: bool = True

    def tag(self, operation: Operation) -> str:
        """Return what names the answer to an operation, or the empty string for none."""
        long = len(operation.query) > _LONGEST
        if not self.release or long or is_changing(operation.query):
            return ""
        asked = (
            self.release,
            canonical(operation.query),
            operation.default_graphs,
            operation.named_graphs,
            operation.form,
            self._defused(operation),
        )
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]

    def kept(self, tag: str) -> Answer | None:
        """Return the answer of that name, if it is kept."""
        return self.cache.get(tag) if tag else None

    async def answer(self, operation: Operation, tag: str) -> Answer:
        """Run an operation, and keep its answer under its name.

        A task that is cancelled ends the query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: Another server is asked, and it failed.
        """
        form = operation.form
        answer = await self.queries.answer_async(
            operation.query,
            results=form if form in RESULTS else _JSON,
            graphs=form if form in GRAPHS else _TURTLE,
            default_graphs=operation.default_graphs,
            named_graphs=operation.named_graphs,
            timeout=operation.timeout,
            size=_LARGEST_PAGE if form == HTML else None,
            defused=self._defused(operation),
        )
        if tag and len(answer.body) <= _LARGEST_KEPT:
            self.cache.put(tag, answer, len(answer.body))
        return answer

    def table(self, query: str) -> Table:
        """Return the answer to a SELECT query of the site's own.

        It never waits behind a visitor's, and may not take as long.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
            RemoteError: Another server is asked, and it failed.
        """
        answer = self.queries.answer(query, results=_JSON, timeout=_OWN_LIMIT, own=True)
        found = ox.parse_query_results(answer.body, ox.QueryResultsFormat.JSON)
        assert isinstance(found, ox.QuerySolutions)  # noqa: S101 - it is a SELECT query
        return Table.of(solutions(found), query)

    def _defused(self, operation: Operation) -> bool:
        return self.defuse and operation.form == "text/csv" and not operation.exact

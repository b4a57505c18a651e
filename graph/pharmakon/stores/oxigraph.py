"""The embedded store: Oxigraph, in memory or read-only from disk.

It answers trusted queries in the calling process, with no time limit. A stranger's query
goes to :class:`pharmakon.stores.sandbox.SandboxedQueries`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyoxigraph as ox

from ..errors import LoadError, QueryError, ReleaseError
from ..namespaces import PREFIXES
from . import rdf_xml
from .base import Solutions, Term
from .diagnosis import diagnose, wrong_form
from .syntax import names_graphs

__all__ = ["OxigraphStore", "solutions"]

_T = TypeVar("_T")
_Result = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples


class OxigraphStore:
    """A store in this process: a :class:`pharmakon.stores.base.Store`.

    Attributes:
        inner: The Oxigraph store itself, for instance for ``oxrdflib``.
        path: The directory it was opened from, or None where it is in memory.

    Example:
        >>> store = OxigraphStore()
        >>> len(store), store.ask("ASK { ?drug a pk:Substance }")
        (0, False)
    """

    def __init__(self, inner: ox.Store | None = None) -> None:
        """Wrap an Oxigraph store, or start an empty one in memory."""
        self.inner = ox.Store() if inner is None else inner
        self.path: Path | None = None

    @classmethod
    def read_only(cls, path: str | os.PathLike[str]) -> OxigraphStore:
        """Open a store that was built on disk, and never write to it.

        Raises:
            ReleaseError: There is no store there, or it is damaged.
        """
        try:
            store = cls(ox.Store.read_only(os.fspath(path)))
        except OSError as error:
            reason = f"{os.fspath(path)}: no store can be opened there ({error})"
            raise ReleaseError(f"{reason}; build the release again") from error
        store.path = Path(path)
        return store

    def __len__(self) -> int:
        """Return the number of quads."""
        return len(self.inner)

    def add_file(self, path: str | os.PathLike[str], graph: ox.NamedNode | None = None) -> None:
        """Load a file of RDF: all of it, or nothing and an error.

        The suffix of its name says its format: ``.ttl``, ``.nt``, ``.nq``, ``.trig``,
        ``.jsonld`` or ``.rdf``.

        Args:
            path: The file.
            graph: The graph that its triples go to; None is the default graph, and for
                quads the graphs that the file names.

        Raises:
            LoadError: It cannot be read, or is not what its suffix says.
        """
        name = os.fspath(path)
        try:
            if name.endswith(".rdf"):
                with open(name, "rb") as file:
                    rdf_xml.check(file)
            self.inner.load(path=name, to_graph=graph)
        except SyntaxError as error:
            raise LoadError(name, error.lineno, _load_reason(error)) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LoadError(name, None, reason) from error

    def add_quads(self, content: bytes) -> None:
        """Load N-Quads: all of them, or nothing and an error.

        Raises:
            LoadError: They are broken.
        """
        try:
            self.inner.bulk_load(input=content, format=ox.RdfFormat.N_QUADS)
        except SyntaxError as error:
            raise LoadError("N-Quads", error.lineno, _load_reason(error)) from error

    def add(
        self, triples: Iterable[ox.Triple], graph: ox.NamedNode | ox.DefaultGraph | None = None
    ) -> None:
        """Add triples to a graph, or to the default graph where none is given."""
        to = ox.DefaultGraph() if graph is None else graph
        self.inner.extend(ox.Quad(t.subject, t.predicate, t.object, to) for t in triples)

    def quads(
        self,
        subject: ox.NamedNode | ox.BlankNode | ox.Triple | None = None,
        predicate: ox.NamedNode | None = None,
        object: Term | None = None,
        graph: ox.NamedNode | ox.BlankNode | ox.DefaultGraph | None = None,
    ) -> Iterator[ox.Quad]:
        """Yield the quads that have these parts; None fits everything."""
        yield from self.inner.quads_for_pattern(subject, predicate, object, graph)

    def dump(self) -> bytes:
        """Return all quads as N-Quads, sorted: the same bytes for the same content.

        Blank nodes get canonical labels (RDFC-1.0), since their own differ at every load.
        """
        text = self.inner.dump(format=ox.RdfFormat.N_QUADS) or b""
        if b"_:" in text:
            dataset = ox.Dataset(self.inner)
            dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
            text = ox.serialize(dataset, format=ox.RdfFormat.N_QUADS) or b""
        return b"".join(sorted(text.splitlines(keepends=True)))

    def select(self, query: str) -> Solutions:
        """Return the solutions of a SELECT query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        result = self._query(query)
        if not isinstance(result, ox.QuerySolutions):
            raise wrong_form("SELECT", _form(result))
        found = solutions(result)
        return Solutions(found.variables, _reading(found))

    def construct(self, query: str) -> Iterator[ox.Triple]:
        """Yield the triples of a CONSTRUCT or DESCRIBE query, each once.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        result = self._query(query)
        if not isinstance(result, ox.QueryTriples):
            raise wrong_form("CONSTRUCT or DESCRIBE", _form(result))
        return _reading(_each_once(result))

    def ask(self, query: str) -> bool:
        """Return the answer of an ASK query.

        Raises:
            QueryError: The query is not answered; its subclasses say why.
        """
        result = self._query(query)
        if not isinstance(result, ox.QueryBoolean):
            raise wrong_form("ASK", _form(result))
        return bool(result)

    def _query(self, query: str) -> _Result:
        # Asked for the union, Oxigraph does not look at FROM.
        union = not names_graphs(query)
        try:
            return self.inner.query(query, prefixes=PREFIXES, use_default_graph_as_union=union)
        except SyntaxError as error:
            raise diagnose(query, str(error), _parse) from error
        except (OSError, RuntimeError, ValueError) as error:
            raise QueryError(f"the query failed: {error}") from error


def solutions(result: ox.QuerySolutions) -> Solutions:
    """Return solutions as rows, without the variables that have no value."""
    names = [variable.value for variable in result.variables]
    pairs = (zip(names, solution, strict=True) for solution in result)
    return Solutions(names, ({n: term for n, term in row if term is not None} for row in pairs))


def _each_once(triples: Iterable[ox.Triple]) -> Iterator[ox.Triple]:
    seen: set[ox.Triple] = set()
    for triple in triples:
        if triple not in seen:
            seen.add(triple)
            yield triple


def _reading(found: Iterator[_T]) -> Iterator[_T]:
    """Yield what a store finds, with its errors as ours."""
    try:
        yield from found
    except (OSError, RuntimeError) as error:
        raise QueryError(f"the query failed: {error}") from error


def _parse(query: str) -> str | None:
    """Return what the parser says against a query, or None where it is well formed."""
    try:
        ox.Store().query(query, prefixes=PREFIXES)
    except SyntaxError as error:
        return str(error)
    except (OSError, RuntimeError, ValueError):
        return None  # it was parsed; that it cannot run is another matter
    return None


def _load_reason(error: SyntaxError) -> str:
    """Return a parser's message without the place, which LoadError gives itself."""
    place, colon, reason = error.msg.partition(": ")
    return reason if colon and place.startswith("Parser error") else error.msg


def _form(result: _Result) -> str:
    names = {ox.QuerySolutions: "SELECT", ox.QueryBoolean: "ASK"}
    return names.get(type(result), "CONSTRUCT or DESCRIBE")

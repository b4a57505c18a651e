"""The knowledge graph: one object through which everything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import platformdirs
import pyoxigraph as ox

from . import exports, queries, releases
from .errors import NotFoundError
from .interactions import Pair, derived, interactions
from .names import Hit, NameIndex
from .namespaces import ENTITY_TYPES, GRAPH, PK, RULE, STATEMENT, expand, shorten
from .packaged import packaged
from .stores import OxigraphStore, Store, text
from .stores.syntax import check
from .tables import Table
from .views import comparison, entities, references, statements
from .views.paths import Edge, Path, multigraph, neighbours, paths

if TYPE_CHECKING:
    import networkx as nx
    import rdflib

__all__ = ["KnowledgeGraph", "open", "releases_folder"]


def releases_folder() -> FilePath:
    """Return the folder in which ``pharmakon build`` writes unless told otherwise."""
    return platformdirs.user_data_path("pharmakon", appauthor=False) / "releases"


def open(where: str | FilePath | None = None) -> KnowledgeGraph:
    """Return a knowledge graph.

    Args:
        where: The directory of a release, or the URL of a SPARQL 1.1 endpoint that holds
            one. None means the newest release of this user, or the curated graph that
            ships in the package where there is none; ``"packaged"`` means the latter.

    Raises:
        ReleaseError: There is no release there, or it is damaged.
        RemoteError: The endpoint does not answer.

    Example:
        >>> kg = open("packaged")
        >>> kg["naltrexone"].reference.label
        'naltrexone'
    """
    if isinstance(where, str) and where.startswith(("http://", "https://")):
        from .stores.remote import RemoteStore

        return KnowledgeGraph(RemoteStore(where), where)
    if where is None:
        where = releases.newest(releases_folder()) or "packaged"
    if where == "packaged":
        store, identity = packaged()
        return KnowledgeGraph(store, identity[:16])
    release, stored = releases.open_release(FilePath(where))
    return KnowledgeGraph(stored, release.id[:16], FilePath(where) / "names")


class KnowledgeGraph:
    """A graph, and the questions that can be asked of it.

    Attributes:
        store: Where it is kept.
        release: A short name of its content, the same for the same content.
    """

    def __init__(self, store: Store, release: str, names: FilePath | None = None) -> None:
        """Ask the questions of a store.

        Args:
            store: Where the graph is kept.
            release: A short name of its content.
            names: The folder of the index of its names; None has it made in memory.
        """
        self.store = store
        self.release = release
        self._names = names

    def __repr__(self) -> str:
        """Say what it is and how large."""
        return f"<KnowledgeGraph {self.release}: {len(self.store)} quads>"

    @cached_property
    def names(self) -> NameIndex:
        """Every name of every entity.

        Raises:
            ReleaseError: The index of the release is damaged.
        """
        return NameIndex.open(self._names) if self._names else NameIndex.of(self.store)

    def __getitem__(self, name: str) -> entities.Entity:
        """Return the entity of a name, brand, identifier, CURIE or IRI.

        Raises:
            NotFoundError: Nothing is called so; it holds the nearest names.
            AmbiguousNameError: Several things are called so.
        """
        found = self.entity(self.names.resolve(name).iri)
        assert found is not None  # noqa: S101 - the index holds what the store holds
        return found

    def entity(self, iri: str, most: int | None = None) -> entities.Entity | None:
        """Return the entity of an IRI, or None where there is none.

        Args:
            iri: The IRI.
            most: How many statements, and formulations, that only datasets have; None is all.
        """
        return entities.entity(self.store, iri, most)

    def statement(self, iri: str) -> statements.Statement:
        """Return the statement of an IRI or CURIE, one about a pair among them.

        Raises:
            NotFoundError: There is no such statement.
        """
        try:
            node = ox.NamedNode(expand(iri)).value
        except ValueError:  # a character that an IRI may not have
            raise NotFoundError("statement", iri) from None
        found = statements.statement(self.store, node)
        if found is None:
            again = statements.from_triples(self.store, derived(self.store, node))
            found = next(iter(again), None)
        if found is None:
            raise NotFoundError("statement", iri)
        return found

    def proof(self, root: statements.Statement) -> statements.Proof:
        """Return the tree of premises of a statement, down to evidence."""
        return statements.proof(self.store, root)

    def search(self, typed: str, kind: str | None = None, limit: int = 20) -> list[Hit]:
        """Return the entities whose names are spelled like a text, best first."""
        return self.names.search(typed, kind, limit)

    def query(self, sparql: str) -> Table:
        """Return the answer of a SELECT query of your own, as a table.

        It runs in this process, without limits: a stranger's query goes to a
        :class:`~pharmakon.stores.QueryService`. Neither follows SERVICE to another server.

        Raises:
            QueryRefusedError: It has a SERVICE clause, or is an update.
            QueryError: The query is not answered; its subclasses say why.
        """
        check(sparql)
        return Table.of(self.store.select(sparql), sparql)

    def named(self, name: str, **values: str) -> Table:
        """Return the answer of a named query, with values for its parameters.

        Args:
            name: The name of the query.
            values: For each parameter a name, CURIE or IRI of an entity, or a text.

        Raises:
            NotFoundError: There is no such query, or no such entity.
            TypeError: The query has no such parameter.
        """
        query = queries.load(name)
        if missing := sorted(set(query.params) - set(values)):
            raise TypeError(f"query {name!r} needs a value for {', '.join(missing)}")
        return self.query(self.bind(query, **values).text)

    def bind(self, query: queries.Query, **values: str) -> queries.Query:
        """Return a named query with its parameters bound to what names mean here.

        Raises:
            NotFoundError: There is no such entity, statement or rule.
            TypeError: The query has no such parameter.
        """
        terms: dict[str, ox.NamedNode | ox.Literal] = {}
        for key, value in values.items():
            parameter = query.params.get(key)
            if parameter is not None and parameter.type == "iri":
                terms[key] = self._node(value, key)
            else:
                terms[key] = ox.Literal(value)
        return query.bind(**terms)

    def _node(self, typed: str, parameter: str) -> ox.NamedNode:
        """Return what a text names; a statement or a rule is named by its IRI alone.

        A condition or a target has to be one, so that a substance that is asked about as a
        target is an error and not an empty answer.
        """
        iri = expand(typed)
        if not iri.startswith((STATEMENT.base, RULE.base)):
            thing = self.names.resolve(typed)
            if parameter in ("condition", "target") and thing.kind != parameter:
                raise NotFoundError(parameter, typed)
            return ox.NamedNode(thing.iri)
        try:
            node = ox.NamedNode(iri)
            known = self.store.ask(f"ASK {{ {node} a ?class }}")
        except ValueError:  # a character that an IRI may not have
            known = False
        if not known:
            raise NotFoundError(shorten(iri).partition(":")[0], typed)
        return node

    def paths(self, start: str, end: str, most: int = 4) -> list[Path]:
        """Return the ways from one entity to another, shortest first.

        Raises:
            NotFoundError: Nothing is called so.
        """
        ends = [self.names.resolve(name).iri for name in (start, end)]
        return paths(self.store, ends[0], ends[1], most)

    def neighbours(self, *names: str) -> list[Edge]:
        """Return the edges that touch any of some entities.

        Raises:
            NotFoundError: Nothing is called so.
        """
        return neighbours(self.store, [self.names.resolve(name).iri for name in names])

    def compare(self, names: Sequence[str]) -> comparison.Comparison:
        """Return entities side by side.

        Raises:
            NotFoundError: Nothing is called so.
        """
        return comparison.compare(self.store, [self.names.resolve(name).iri for name in names])

    def interactions(self, names: Sequence[str]) -> list[Pair]:
        """Return what is known of each pair of some substances.

        A product or formulation stands for the substances in it, and a single one of them
        for the pairs within it.

        Raises:
            NotFoundError: No substance, product or formulation is called so.
        """
        groups = [[one.iri for one in self.substances(name)] for name in names]
        return interactions(self.store, groups)

    def substances(self, name: str) -> list[references.Reference]:
        """Return the substances that a name stands for: its own, or those in a product.

        Raises:
            NotFoundError: No substance, product or formulation is called so.
        """
        thing = self.names.resolve(name)
        if thing.kind in ("substance", "class"):
            return [thing]
        parts = (part for one in self[thing.iri].compositions for part in one.ingredients)
        found = sorted({part.substance for part in parts})
        if thing.kind not in ("product", "formulation") or not found:
            raise NotFoundError("substance or product", name)
        return found

    def describe(self, iri: str) -> list[ox.Quad]:
        """Return the quads about an entity or statement, with labels of all it mentions."""
        triples = derived(self.store, iri) if iri.startswith(STATEMENT.base) else []
        concluded = [
            ox.Quad(one.subject, one.predicate, one.object, GRAPH["inferred"]) for one in triples
        ]
        premises = (text(q.object) for q in concluded if q.predicate == PK["premise"])
        parts = (exports.describe(self.store, part) for part in (iri, *premises))
        return sorted({*concluded, *(quad for part in parts for quad in part)}, key=str)

    def reference(self, iri: str) -> references.Reference:
        """Return an IRI with its label."""
        return references.references(self.store, [iri])[iri]

    @cached_property
    def rdflib(self) -> rdflib.Dataset:
        """The same quads as an rdflib dataset, over the same store, prefixes bound.

        Raises:
            TypeError: The graph is kept in another server.
        """
        if not isinstance(self.store, OxigraphStore):
            raise TypeError("an endpoint has no rdflib view; open a release or the packaged graph")
        return exports.dataset(self.store)

    def networkx(self, *names: str, hops: int = 1) -> nx.MultiDiGraph[str]:
        """Return the edges around some entities as a networkx graph.

        Args:
            names: The entities in the middle; none means all there are.
            hops: How many steps to go from them.

        Raises:
            NotFoundError: Nothing is called so.
        """
        found: set[Edge] = set()
        frontier = {self.names.resolve(name).iri for name in names}
        if not names:
            kinds = (*ENTITY_TYPES, "class")
            frontier = {thing.iri for kind in kinds for thing in self.names.of_kind(kind)}
        for _ in range(hops if names else 1):
            found.update(neighbours(self.store, frontier))
            frontier = {end.iri for edge in found for end in (edge.subject, edge.object)}
        return multigraph(found)

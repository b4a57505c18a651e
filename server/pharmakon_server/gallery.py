"""The gallery: every named query with its question, its parameters and its live answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request

from pharmakon import KnowledgeGraph, queries
from pharmakon.namespaces import expand, shorten
from pharmakon.stores import Row, Term
from pharmakon.tables import Table, plain
from pharmakon.views.references import Reference, references, values_of
from pharmakon.views.statements import statements

from .endpoint import Endpoint
from .forms import as_csv, as_json, split

__all__ = ["Result", "bound", "examples", "gallery", "result"]

_MOST_ROWS = 500


@dataclass(frozen=True)
class Result:
    """An answer ready to be shown: things by name, everything else as text.

    Attributes:
        columns: The variables.
        rows: The cells; an empty string where there is no value.
        total: How many rows there are in all.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Reference | str, ...], ...]
    total: int


def gallery(graph: KnowledgeGraph, endpoint: Endpoint) -> Blueprint:
    """Return the routes of the named queries, which the endpoint runs for the site itself."""
    blueprint = Blueprint("gallery", __name__)

    @blueprint.get("/queries")
    def every() -> str:
        return render_template("queries.html", queries=[queries.load(n) for n in queries.names()])

    @blueprint.get("/queries/<name>")
    def one(name: str) -> Response:
        stem, suffix = split(name)
        query = bound(graph, queries.load(stem))
        if suffix == "json":
            found = endpoint.table(query.text)
            return as_json(
                {"query": stem, "columns": list(found.columns), "rows": found.to_dicts()}
            )
        if suffix == "csv":
            return as_csv(_csv(endpoint.table(query.text)))
        return Response(
            render_template(
                "query.html",
                query=query,
                values={key: _value(graph, query, key) for key in query.params},
                result=result(graph, endpoint.table(query.text), _MOST_ROWS),
            ),
            mimetype="text/html",
        )

    return blueprint


def bound(graph: KnowledgeGraph, query: queries.Query) -> queries.Query:
    """Return a query with the parameters that the request gives.

    Raises:
        NotFoundError: A parameter names nothing.
    """
    given = {key: request.args[key].strip() for key in query.params if request.args.get(key)}
    return graph.bind(query, **given)


def examples(graph: KnowledgeGraph, query: queries.Query) -> tuple[Reference | str, ...]:
    """Return what the parameters of a query are set to in its file."""
    texts = [parameter.example for parameter in query.params.values()]
    iris = [expand(text.strip("<>")) for text in texts if not text.startswith('"')]
    named = references(graph.store, iris)
    return tuple(named.get(expand(text.strip("<>")), text.strip('"')) for text in texts)


def result(graph: KnowledgeGraph, found: Table, most: int) -> Result:
    """Return the answer of a query as it is shown, at most so many rows of it."""
    shown = found.rows[:most]
    named = _named(graph, shown)
    columns = [name for name in found.columns if not _says_again(name, found.columns)]
    rows = tuple(tuple(_cell(row.get(name), named) for name in columns) for row in shown)
    heads = tuple(name.removesuffix("Label") for name in columns)
    return Result(heads, rows, len(found))


def _says_again(name: str, columns: tuple[str, ...]) -> bool:
    """Return whether a column is the label of another, which is shown by its label anyway."""
    return name.endswith("Label") and name.removesuffix("Label") in columns


def _cell(term: Term | None, named: Mapping[str, Reference]) -> Reference | str:
    if isinstance(term, ox.NamedNode):
        return named[term.value]
    return "" if term is None else str(plain(term))


def _named(graph: KnowledgeGraph, rows: Iterable[Row]) -> dict[str, Reference]:
    """Return a reference for each IRI in some rows; a statement is called by its sentence."""
    iris = {term.value for row in rows for term in row.values() if isinstance(term, ox.NamedNode)}
    named = dict(references(graph.store, iris))
    claims = [iri for iri, one in named.items() if one.kind == "statement"]
    if claims:
        for one in statements(graph.store, values_of("statement", claims)):
            named[one.iri] = replace(named[one.iri], label=one.sentence)
    return named


def _value(graph: KnowledgeGraph, query: queries.Query, key: str) -> str:
    """Return what a parameter is set to, as people would type it."""
    if given := request.args.get(key):
        return given
    example = query.params[key].example
    if example.startswith("<") and example.endswith(">"):
        return shorten(example[1:-1])
    return example.strip('"')


def _csv(found: Table) -> str:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(found.columns)
    for row in found.to_dicts():
        table.writerow([row.get(name, "") for name in found.columns])
    return out.getvalue()

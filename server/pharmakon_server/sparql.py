"""The SPARQL endpoint: the SPARQL 1.1 Protocol for programs, an editor for people.

A stranger's query is never parsed here: an :class:`~pharmakon_server.endpoint.Endpoint`
answers it, whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypedDict
from urllib.parse import urlencode

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request

from pharmakon import queries
from pharmakon.errors import PharmakonError, QueryTooComplexError
from pharmakon.namespaces import PREFIXES, shorten
from pharmakon.stores import Answer

from . import urls
from .endpoint import Endpoint, names
from .negotiation import GRAPHS, HTML
from .problems import problem_of
from .protocol import Operation, read, wanted

__all__ = ["OPEN", "OUTCOME", "sparql"]

#: What every answer of the endpoint says, so that the pages of others may ask it.
OPEN = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}

#: Where whoever received a request leaves what became of its query, if that ran already.
OUTCOME = "pharmakon.outcome"

#: How many rows and characters a page shows.
_MOST_ROWS = 1000
_MOST_TEXT = 200_000

_DOWNLOADS = {"solutions": ("csv", "tsv", "json", "xml"), "graph": ("ttl", "nt", "jsonld", "rdf")}

_DESCRIBED_BY = {name: PREFIXES[name] for name in ("dcat", "dcterms", "pk", "void")} | {
    "sd": "http://www.w3.org/ns/sparql-service-description#"
}

_FIRST_QUERY = """\
# What treats opioid use disorder, and what is certain of it
SELECT ?substance ?name ?certainty WHERE {
  ?statement a pk:Indication ;
    pk:subject ?substance ;
    pk:condition condition:opioid-use-disorder ;
    pk:certainty ?certainty .
  ?substance rdfs:label ?name .
}
ORDER BY ?name
"""


@dataclass(frozen=True)
class _Cell:
    """A value in a table of a page.

    Attributes:
        text: What is shown.
        href: Where it leads, or the empty string.
        note: A language or a datatype.
    """

    text: str
    href: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Table:
    """The solutions of a query, as a page shows them: at most so many."""

    variables: list[str]
    rows: list[list[_Cell | None]]
    total: int


class _Term(TypedDict, total=False):
    """A term in SPARQL's JSON."""

    type: str
    value: str | dict[str, _Term]
    datatype: str


class _Results(TypedDict):
    """The solutions of a query, or its yes or no, in SPARQL's JSON."""

    head: dict[str, list[str]]
    results: dict[str, list[dict[str, _Term]]]
    boolean: bool


def sparql(endpoint: Endpoint, described: Callable[[str], list[ox.Triple]]) -> Blueprint:
    """Return the route of an endpoint.

    Args:
        endpoint: What answers.
        described: Describes it, given its address.
    """
    blueprint = Blueprint("sparql", __name__)

    @blueprint.route("/sparql", methods=["GET", "POST"])
    def answer() -> Response:
        operation = read(request)
        if operation is None:
            return _front(described)
        if operation.form == HTML:
            return _page(operation, lambda: _answer(endpoint, operation, endpoint.tag(operation)))
        tag = endpoint.tag(operation)
        if tag and request.method != "POST" and names(request.if_none_match, tag):
            return _tagged(Response(status=304), tag)
        found = _answer(endpoint, operation, tag)
        return _tagged(Response(found.body, mimetype=found.media_type), tag)

    @blueprint.get("/.well-known/void")
    def about() -> Response:
        address = request.url_root.rstrip("/") + urls.sparql()
        return _describe(described(address), wanted(request, list(GRAPHS)))

    @blueprint.after_request
    def for_everybody(response: Response) -> Response:
        for name, value in OPEN.items():
            response.headers[name] = value
        response.vary.add("Accept")
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type, If-None-Match"
            response.headers["Access-Control-Max-Age"] = "86400"
        return response

    return blueprint


def _answer(endpoint: Endpoint, operation: Operation, tag: str) -> Answer:
    """Return the answer to an operation.

    Raises:
        PharmakonError: There is none.
    """
    outcome: Answer | Exception | None = request.environ.get(OUTCOME)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome or endpoint.kept(tag) or asyncio.run(endpoint.answer(operation, tag))


def _tagged(response: Response, tag: str) -> Response:
    if tag:
        response.set_etag(tag)
        response.headers["Cache-Control"] = "no-cache"
    return response


def _front(described: Callable[[str], list[ox.Triple]]) -> Response:
    """Return the endpoint itself: a page for people, a Service Description for programs."""
    media_type = wanted(request, [*GRAPHS, HTML])
    if media_type == HTML:
        return Response(_render(_FIRST_QUERY), mimetype=HTML)
    return _describe(described(request.base_url), media_type)


def _describe(triples: list[ox.Triple], media_type: str) -> Response:
    form = GRAPHS[media_type]
    prefixes = _DESCRIBED_BY if form in (ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG) else None
    body = ox.serialize(triples, format=form, prefixes=prefixes)
    return Response(body or b"", mimetype=media_type)


def _page(operation: Operation, answer: Callable[[], Answer]) -> Response:
    """Return the editor with the query, and its answer or what is wrong with it."""
    try:
        shown = _shown(operation.query, answer())
    except PharmakonError as error:
        problem = problem_of(error)
        page = _render(operation.query, problem=problem)
        return Response(page, problem.status, problem.headers, mimetype=HTML)
    return Response(shown, mimetype=HTML)


def _shown(query: str, answer: Answer) -> str:
    """Return the editor with the query and its answer.

    Raises:
        QueryTooComplexError: The answer has terms that are too deep for a page.
    """
    if answer.form == "graph":
        return _render(query, turtle=answer.body.decode(), form="graph")
    try:
        found: _Results = json.loads(answer.body)
        if answer.form == "boolean":
            return _render(query, boolean=found["boolean"], form="boolean")
        return _render(query, table=_table(found), form="solutions")
    except RecursionError as error:
        reason = "the answer nests triples too deeply for a page; ask for it with format=json"
        raise QueryTooComplexError(reason) from error


def _render(query: str, *, form: str = "", **parts: object) -> str:
    downloads = {
        suffix: f"{urls.sparql(query)}&{urlencode({'format': suffix})}"
        for suffix in _DOWNLOADS.get(form, ())
    }
    return render_template(
        "sparql.html",
        query=query,
        downloads=downloads,
        examples=_examples(),
        prefixes=PREFIXES,
        most_text=_MOST_TEXT,
        **parts,
    )


@cache
def _examples() -> list[queries.Query]:
    return [queries.load(name) for name in queries.names()]


def _table(found: _Results) -> _Table:
    variables = found["head"].get("vars", [])
    solutions = found["results"]["bindings"]
    rows = [
        [_cell(solution[name]) if name in solution else None for name in variables]
        for solution in solutions[:_MOST_ROWS]
    ]
    return _Table(variables, rows, len(solutions))


def _cell(term: _Term) -> _Cell:
    value = term["value"]
    if isinstance(value, dict):
        parts = (_cell(value[name]).text for name in ("subject", "predicate", "object"))
        return _Cell(f"<<( {' '.join(parts)} )>>")
    if term["type"] == "uri":
        return _Cell(shorten(value), urls.thing(value))
    if term["type"] == "bnode":
        return _Cell(f"_:{value}")
    language = str(term.get("xml:lang", ""))
    return _Cell(value, note=language or shorten(term.get("datatype", "")))

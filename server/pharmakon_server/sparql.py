"""The SPARQL endpoint: the SPARQL 1.1 Protocol for programs, an editor for people.

A stranger's query is never parsed here: a
:class:`~pharmakon.stores.base.QueryService` answers it, whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypedDict
from urllib.parse import urlencode

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotAcceptable, UnsupportedMediaType

from pharmakon import queries
from pharmakon.errors import PharmakonError, QueryRefusedError, QueryTooComplexError
from pharmakon.namespaces import PREFIXES, RDF, shorten
from pharmakon.stores import Answer, QueryService
from pharmakon.stores.syntax import gives_graph

from . import urls
from .negotiation import GRAPHS, HTML, RESULTS, SUFFIXES, best
from .problems import problem_of

__all__ = ["sparql"]

_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"

#: How many bytes of a request are read, and how many rows and characters a page shows.
_LONGEST_BODY = 1 << 20
_MOST_ROWS = 1000
_MOST_TEXT = 200_000

_DOWNLOADS = {"solutions": ("csv", "tsv", "json", "xml"), "graph": ("ttl", "nt", "jsonld", "rdf")}

_SD = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS = "http://www.w3.org/ns/formats/"

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
class _Operation:
    """A query, as the protocol carries it."""

    query: str
    default_graphs: list[str]
    named_graphs: list[str]
    timeout: float | None

    def ask(self, service: QueryService, results: str, graphs: str) -> Answer:
        return service.answer(
            self.query,
            results=results,
            graphs=graphs,
            default_graphs=self.default_graphs,
            named_graphs=self.named_graphs,
            timeout=self.timeout,
        )


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


def sparql(service: QueryService) -> Blueprint:
    """Return the route of the endpoint, which asks a service."""
    blueprint = Blueprint("sparql", __name__)

    @blueprint.route("/sparql", methods=["GET", "POST"])
    def endpoint() -> Response:
        request.max_content_length = _LONGEST_BODY
        request.max_form_memory_size = _LONGEST_BODY
        operation = _operation()
        if operation is None:
            return _front()
        offered = list(GRAPHS if gives_graph(operation.query) else RESULTS)
        wanted = _wanted([*offered, HTML])
        if wanted == HTML:
            return _page(service, operation)
        results = wanted if wanted in RESULTS else next(iter(RESULTS))
        graphs = wanted if wanted in GRAPHS else next(iter(GRAPHS))
        answer = operation.ask(service, results, graphs)
        return Response(answer.body, mimetype=answer.media_type)

    @blueprint.after_request
    def for_everybody(response: Response) -> Response:
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = "*"
        headers["X-Content-Type-Options"] = "nosniff"
        response.vary.add("Accept")
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
            headers["Access-Control-Allow-Headers"] = "Accept, Content-Type"
            headers["Access-Control-Max-Age"] = "86400"
        return response

    return blueprint


def _operation() -> _Operation | None:
    """Return what the request asks, or None where it only asks for the endpoint itself.

    Raises:
        BadRequest: There is no query, more than one, or one that cannot be read.
        UnsupportedMediaType: The body is of another type.
        QueryRefusedError: It is an update.
    """
    if request.mimetype == _UPDATE or "update" in request.args:
        raise _no_updates()
    direct = request.method == "POST" and request.mimetype == _QUERY
    if request.method == "POST" and not direct and request.mimetype != _FORM:
        raise UnsupportedMediaType(f"send the query as {_QUERY}, or in a form as {_FORM}")
    parameters = request.form if request.method == "POST" and not direct else request.args
    if "update" in parameters:
        raise _no_updates()
    if direct:
        query = _text(request.get_data())
    elif request.method != "POST" and "query" not in parameters:
        return None
    else:
        query = _only("query", parameters)
    if not query.strip():
        raise BadRequest("the query is empty; write one after query=, or in the body")
    return _Operation(
        query,
        _iris("default-graph-uri", parameters),
        _iris("named-graph-uri", parameters),
        _timeout(parameters),
    )


def _only(name: str, parameters: MultiDict[str, str]) -> str:
    found = parameters.getlist(name)
    if len(found) != 1:
        raise BadRequest(f"the request has {len(found)} parameters {name!r}; send one")
    return found[0]


def _text(body: bytes) -> str:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"the query is sent as {charset}; send it as utf-8")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the query is not UTF-8 from byte {error.start} on") from error


def _iris(name: str, parameters: MultiDict[str, str]) -> list[str]:
    try:
        return [ox.NamedNode(iri).value for iri in parameters.getlist(name)]
    except ValueError as error:
        raise BadRequest(f"{name} is not an absolute IRI ({error})") from error


def _timeout(parameters: MultiDict[str, str]) -> float | None:
    if "timeout" not in parameters:
        return None
    stated = _only("timeout", parameters)
    try:
        seconds = float(stated)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise BadRequest(f"timeout is {stated!r}; give a number of seconds above 0")
    return seconds


def _wanted(offered: Sequence[str]) -> str:
    """Return the media type that the caller wants, by ``format=`` or ``Accept``."""
    if "format" in request.values:
        wanted = SUFFIXES.get(request.values["format"])
        found = wanted if wanted in offered else None
        ways = f"format= with {_suffixes(offered)}"
    else:
        found = best(request.headers.get("Accept"), offered)
        ways = f"Accept with {', '.join(offered)}"
    if found is None:
        raise NotAcceptable(f"the answer has none of the forms asked for; ask by {ways}")
    return found


def _suffixes(offered: Sequence[str]) -> str:
    return ", ".join(suffix for suffix, form in SUFFIXES.items() if form in offered)


def _front() -> Response:
    """Return the endpoint itself: a page for people, a Service Description for programs."""
    wanted = _wanted([*GRAPHS, HTML])
    if wanted == HTML:
        return Response(_render(_FIRST_QUERY), mimetype=HTML)
    form = GRAPHS[wanted]
    prefixes = {"sd": _SD} if form in (ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG) else None
    body = ox.serialize(_description(request.base_url), format=form, prefixes=prefixes)
    return Response(body or b"", mimetype=wanted)


def _description(endpoint: str) -> list[ox.Triple]:
    """Return the Service Description (SPARQL 1.1 Service Description)."""
    service, dataset = ox.BlankNode("service"), ox.BlankNode("dataset")
    graph = ox.BlankNode("graph")

    def sd(name: str) -> ox.NamedNode:
        return ox.NamedNode(_SD + name)

    forms = {form.iri for form in RESULTS.values()} | {form.iri for form in GRAPHS.values()}
    # Oxigraph has another IRI for JSON-LD than the one that the W3C registered.
    forms = {form.replace("https://www.w3.org/ns/formats/data/", _FORMATS) for form in forms}
    return [
        ox.Triple(service, RDF["type"], sd("Service")),
        ox.Triple(service, sd("endpoint"), ox.NamedNode(endpoint)),
        ox.Triple(service, sd("supportedLanguage"), sd("SPARQL11Query")),
        ox.Triple(service, sd("feature"), sd("UnionDefaultGraph")),
        *(ox.Triple(service, sd("resultFormat"), ox.NamedNode(form)) for form in sorted(forms)),
        ox.Triple(service, sd("defaultDataset"), dataset),
        ox.Triple(dataset, RDF["type"], sd("Dataset")),
        ox.Triple(dataset, sd("defaultGraph"), graph),
        ox.Triple(graph, RDF["type"], sd("Graph")),
    ]


def _page(service: QueryService, operation: _Operation) -> Response:
    """Return the editor with the query, and its answer or what is wrong with it."""
    try:
        answer = operation.ask(service, "application/sparql-results+json", "text/turtle")
        shown = _shown(operation.query, answer)
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


def _no_updates() -> QueryRefusedError:
    return QueryRefusedError("updates are off: this server only answers queries, sent as query=")

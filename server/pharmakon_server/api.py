"""The JSON API, version 1: the same verbs as the command line, the same answers.

Every call is one :class:`Call` below. The routes and the OpenAPI document are both made from
that table, so that neither can lack what the other has. The endpoint and the health of the
server have routes of their own, and are described beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from pharmakon import KnowledgeGraph, queries
from pharmakon.errors import NotFoundError
from pharmakon.namespaces import ENTITY_TYPES, PREFIXES, expand

from . import urls
from .compare import resolved
from .forms import as_json
from .gallery import bound
from .negotiation import GRAPHS, HTML, RESULTS, SUFFIXES
from .presentation import DISCLAIMER, KINDS
from .protocol import FORM, QUERY

__all__ = ["api"]

_BASE = "/api/v1"

_JSON = "application/json"

_Schema = Mapping[str, object]

#: A text that is more than white space.
_TEXT: _Schema = {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True)
class Input:
    """A parameter of a call.

    Attributes:
        name: Its name.
        about: What it means.
        required: Whether the call needs it.
        many: Whether it may be given more than once.
        schema: What each value may be, as JSON Schema has it.
    """

    name: str
    about: str
    required: bool = False
    many: bool = False
    schema: _Schema = field(default_factory=lambda: _TEXT)

    @property
    def values(self) -> _Schema:
        """What all its values together may be."""
        if not self.many:
            return self.schema
        return {"type": "array", "items": self.schema, "minItems": int(self.required)}


@dataclass(frozen=True)
class Operation:
    """What may be asked at an address, as OpenAPI has it.

    Attributes:
        path: Its path, with ``{name}`` for a part that is filled in.
        summary: What it returns.
        inputs: Its parameters, those of the path among them.
        forms: What it answers with, by media type.
        others: The statuses with which it may answer otherwise.
        same: The other statuses whose answer has the same form.
        method: The HTTP method, in lower case.
        bodies: What may be sent, by media type.
    """

    path: str
    summary: str
    inputs: tuple[Input, ...] = ()
    forms: Mapping[str, _Schema] = field(default_factory=lambda: {_JSON: _ANSWER})
    others: tuple[int, ...] = (300, 304, 400, 404, 414, 431)
    same: tuple[int, ...] = ()
    method: str = "get"
    bodies: Mapping[str, _Schema] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A name of its own."""
        name = self.path.removeprefix(_BASE).strip("/").replace("/", "-")
        name = name.replace("{", "").replace("}", "")
        return name if self.method == "get" else f"{name}-{self.method}"

    def described(self) -> dict[str, object]:
        """Return it as OpenAPI has it."""
        answers = {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": _contents(self.forms),
            }
            for status in (200, *self.same)
        }
        found: dict[str, object] = {
            "operationId": self.id,
            "summary": self.summary,
            "parameters": [_parameter(one, self.path) for one in self.inputs],
            "responses": answers | {str(status): _other(status) for status in self.others},
        }
        if self.bodies:
            found["requestBody"] = {"required": True, "content": _contents(self.bodies)}
        return found


@dataclass(frozen=True)
class Call:
    """A call of the API.

    Attributes:
        path: Its path below the base, with ``{name}`` for a part that is filled in.
        summary: What it returns.
        inputs: Its parameters, those of the path among them.
        answer: Returns the answer, given the parts of the path.
    """

    path: str
    summary: str
    inputs: tuple[Input, ...]
    answer: Callable[..., dict[str, object]]

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<path:").replace("}", ">")

    @property
    def operation(self) -> Operation:
        """What is described of it."""
        return Operation(_BASE + self.path, self.summary, self.inputs)


def api(graph: KnowledgeGraph) -> Blueprint:
    """Return the routes of the JSON API."""
    blueprint = Blueprint("api", __name__, url_prefix=_BASE)
    calls = _calls(graph)

    def route(call: Call) -> None:
        def view(**parts: str) -> Response:
            return as_json(call.answer(**parts))

        blueprint.add_url_rule(call.rule, call.path, view, methods=["GET"])

    for call in calls:
        route(call)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        own = Call("/openapi.json", "This document.", (), dict)
        described = [call.operation for call in (*calls, own)]
        return as_json(_openapi([*described, *_elsewhere()], graph.release))

    return blueprint


def _calls(graph: KnowledgeGraph) -> tuple[Call, ...]:
    thing = Input("id", "a name, brand, identifier, CURIE or IRI", required=True)
    things = Input("id", "a name, brand, identifier, CURIE or IRI", required=True, many=True)

    def search() -> dict[str, object]:
        limit = _number("limit", 20, 200)
        kind = request.args.get("type")
        if kind is not None and kind not in KINDS:
            raise BadRequest(f"type is {kind!r}; give one of {', '.join(KINDS)}")
        hits = graph.search(_needed("q"), kind, limit)
        return {"hits": [hit.to_dict() for hit in hits]}

    def resolve() -> dict[str, object]:
        return {"entity": graph.names.resolve(_needed("id")).to_dict()}

    def entity(id: str) -> dict[str, object]:
        return {"entity": graph[_name(id)].to_dict()}

    def statement(id: str) -> dict[str, object]:
        found = graph.statement(_statement(id))
        return {"statement": found.to_dict() | {"proof": graph.proof(found).to_dict()}}

    def compare() -> dict[str, object]:
        return graph.compare([thing.iri for thing in resolved(graph, _some("id"))]).to_dict()

    def neighbours() -> dict[str, object]:
        return {"edges": [edge.to_dict() for edge in graph.neighbours(*_some("id"))]}

    def paths() -> dict[str, object]:
        found = graph.paths(_needed("from"), _needed("to"), _number("max", 4, 6))
        return {"paths": [path.to_dict() for path in found]}

    def interactions() -> dict[str, object]:
        iris = [one.iri for one in resolved(graph, _some("id"))]
        return {"pairs": [pair.to_dict() for pair in graph.interactions(iris)]}

    def every_query() -> dict[str, object]:
        return {"queries": [_described(queries.load(name)) for name in queries.names()]}

    def query(name: str) -> dict[str, object]:
        asked = bound(graph, queries.load(name))
        found = graph.query(asked.text)
        return {"query": name, "columns": list(found.columns), "rows": found.to_dicts()}

    return (
        Call(
            "/search",
            "Entities whose names are spelled like a text, best first.",
            (
                Input("q", "the text; typing mistakes are allowed", required=True),
                Input("type", "a kind of thing", schema={"enum": [*KINDS]}),
                Input("limit", "how many at most", schema=_number_to(200)),
            ),
            search,
        ),
        Call("/resolve", "The one entity that a text names.", (thing,), resolve),
        Call("/entity/{id}", "An entity and all that is stated of it.", (thing,), entity),
        Call(
            "/statement/{id}",
            "A statement with its evidence on both sides and its proof.",
            (Input("id", "the CURIE, IRI or slug of a statement", required=True),),
            statement,
        ),
        Call("/compare", "Entities side by side.", (things,), compare),
        Call("/neighbours", "The edges that touch some entities.", (things,), neighbours),
        Call(
            "/paths",
            "The ways from one entity to another, shortest first.",
            (
                Input("from", "where to start", required=True),
                Input("to", "where to end", required=True),
                Input("max", "how many steps at most", schema=_number_to(6)),
            ),
            paths,
        ),
        Call(
            "/interactions",
            "What is known of each pair of some substances; not-known never means safe.",
            (things,),
            interactions,
        ),
        Call("/queries", "The named queries and their parameters.", (), every_query),
        Call(
            "/queries/{name}",
            "The answer of a named query; its parameters are parameters of the call.",
            (Input("name", "the name of the query", required=True),),
            query,
        ),
    )


def _described(query: queries.Query) -> dict[str, object]:
    return {
        "name": query.name,
        "summary": query.summary,
        "description": query.description,
        "tags": list(query.tags),
        "params": {key: one.description for key, one in query.params.items()},
    }


_ANSWER: _Schema = {
    "type": "object",
    "required": ["disclaimer"],
    "properties": {"disclaimer": {"const": DISCLAIMER}},
}

_PROBLEM: _Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
    },
}

_READINESS: _Schema = {
    "type": "object",
    "required": ["ready", "release", "missing"],
    "properties": {
        "ready": {"type": "boolean"},
        "release": {"type": "string"},
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _elsewhere() -> tuple[Operation, ...]:
    """Return the operations whose routes are made by other modules."""
    iri: _Schema = {"type": "string", "format": "iri"}
    query = Input("query", "the query, in SPARQL 1.1", schema={**_TEXT, "format": "sparql"})
    options = (
        Input("default-graph-uri", "a part of the default graph", many=True, schema=iri),
        Input("named-graph-uri", "a graph that GRAPH may name", many=True, schema=iri),
        Input(
            "timeout",
            "the seconds that it may take, where that is less than the server's own limit",
            schema={"type": "number", "exclusiveMinimum": 0},
        ),
        Input("format", "the form of the answer; wins over Accept", schema={"enum": [*SUFFIXES]}),
        Input("csv", "'exact' for CSV that is not safe in a spreadsheet", schema=_TEXT),
    )
    given: _Schema = {
        "type": "object",
        "required": ["query"],
        "properties": {one.name: dict(one.values) for one in (query, *options)},
    }
    forms: dict[str, _Schema] = {form: {} for form in (*RESULTS, *GRAPHS, HTML)}
    refusals = (304, 400, 403, 406, 408, 413, 414, 415, 422, 429, 431, 503, 504)
    plain: dict[str, _Schema] = {"text/plain": {"type": "string"}}
    return (
        Operation(
            "/sparql",
            "The answer to a query, whole or not at all; what the endpoint is, where none is sent.",
            (query, *options),
            forms,
            refusals,
        ),
        Operation(
            "/sparql",
            "The answer to a query that is sent in a form with its parameters, or as it is.",
            options,
            forms,
            refusals,
            method="post",
            bodies={FORM: given, QUERY: query.schema},
        ),
        Operation("/livez", "Whether the server is alive.", (), plain, ()),
        Operation(
            "/readyz",
            "Whether all parts work, and which do not.",
            (),
            {_JSON: _READINESS},
            (),
            same=(503,),
        ),
        Operation("/metrics", "What was counted, for Prometheus.", (), plain, ()),
    )


def _openapi(operations: Sequence[Operation], release: str) -> dict[str, object]:
    """Return the OpenAPI 3.1 document of some operations."""
    paths: dict[str, dict[str, object]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method] = one.described()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pharmakon",
            "version": "1",
            "summary": f"Release {release} of a knowledge graph of substances and treatments.",
            "description": DISCLAIMER,
            "license": {"name": "CC BY 4.0", "identifier": "CC-BY-4.0"},
        },
        "paths": paths,
    }


def _other(status: int) -> dict[str, object]:
    """Return the description of an answer that is not the one asked for."""
    found: dict[str, object] = {"description": HTTPStatus(status).phrase}
    if status == 304:
        return found
    headers = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    if status in (429, 503):
        found["headers"] = headers
    # What happened, and what to do next: RFC 9457 for programs, a page for people.
    found["content"] = _contents({"application/problem+json": _PROBLEM, HTML: {}})
    return found


def _contents(forms: Mapping[str, _Schema]) -> dict[str, object]:
    return {media_type: {"schema": schema} for media_type, schema in forms.items()}


def _number_to(most: int) -> _Schema:
    return {"type": "integer", "minimum": 1, "maximum": most}


def _parameter(one: Input, path: str) -> dict[str, object]:
    return {
        "name": one.name,
        "in": "path" if f"{{{one.name}}}" in path else "query",
        "description": one.about,
        "required": one.required,
        "schema": one.values,
    }


def _needed(name: str) -> str:
    found = request.args.get(name, "").strip()
    if not found:
        raise BadRequest(f"the call needs {name}=; see {_BASE}/openapi.json")
    return found


def _some(name: str) -> list[str]:
    found = [one.strip() for one in request.args.getlist(name) if one.strip()]
    if not found:
        raise BadRequest(f"the call needs {name}= once or more; see {_BASE}/openapi.json")
    return found


def _number(name: str, default: int, most: int) -> int:
    stated = request.args.get(name)
    if stated is None:
        return default
    if not stated.isascii() or not stated.isdigit() or not 1 <= int(stated[:9]) <= most:
        raise BadRequest(f"{name} is {stated!r}; give a whole number from 1 to {most}")
    return int(stated)


def _name(text: str) -> str:
    """Return a name as asked for; an address of ours without its host is a CURIE."""
    kind, slash, slug = text.partition("/")
    return f"{kind}:{slug}" if slash and kind in ENTITY_TYPES else text


def _statement(text: str) -> str:
    """Return the IRI of a statement that is asked for by IRI, CURIE or slug.

    Raises:
        NotFoundError: It has what no IRI may have.
    """
    slug = expand(text).removeprefix(PREFIXES["statement"])
    iri = urls.iri("statement", slug)
    if not iri:
        raise NotFoundError("statement", text)
    return iri

"""The JSON API, version 1: the same verbs as the command line, the same answers.

Every call is one :class:`Call` below. The routes and the OpenAPI document are both made from
that table, so that neither can lack what the other has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from pharmakon import KnowledgeGraph, queries
from pharmakon.errors import NotFoundError
from pharmakon.namespaces import ENTITY_TYPES, PREFIXES, expand

from . import urls
from .compare import resolved
from .forms import as_json
from .gallery import bound
from .presentation import DISCLAIMER, KINDS

__all__ = ["api"]

_BASE = "/api/v1"


@dataclass(frozen=True)
class Input:
    """A parameter of a call.

    Attributes:
        name: Its name.
        about: What it means.
        required: Whether the call needs it.
        many: Whether it may be given more than once.
        kind: ``"string"`` or ``"integer"``.
    """

    name: str
    about: str
    required: bool = False
    many: bool = False
    kind: str = "string"


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
        return as_json(_openapi(calls, graph.release))

    return blueprint


def _calls(graph: KnowledgeGraph) -> tuple[Call, ...]:
    thing = Input("id", "a name, brand, identifier, CURIE or IRI", required=True)
    things = Input("id", "a name, brand, identifier, CURIE or IRI", required=True, many=True)

    def search() -> dict[str, object]:
        limit = _number("limit", 20, 200)
        kind = request.args.get("type") or None
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
                Input("type", f"a kind of thing: {', '.join(ENTITY_TYPES)} or class"),
                Input("limit", "how many at most", kind="integer"),
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
                Input("max", "how many steps at most, up to 6", kind="integer"),
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


def _openapi(calls: tuple[Call, ...], release: str) -> dict[str, object]:
    """Return the OpenAPI 3.1 document of some calls."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pharmakon",
            "version": "1",
            "summary": f"Release {release} of a knowledge graph of substances and treatments.",
            "description": DISCLAIMER,
            "license": {"name": "CC BY 4.0", "identifier": "CC-BY-4.0"},
        },
        "paths": {
            _BASE + call.path: {"get": _operation(call)}
            for call in (*calls, Call("/openapi.json", "This document.", (), dict))
        },
    }


def _operation(call: Call) -> dict[str, object]:
    return {
        "operationId": call.path.strip("/").replace("/", "-").replace("{", "").replace("}", ""),
        "summary": call.summary,
        "parameters": [_parameter(one, call.path) for one in call.inputs],
        "responses": {
            "200": {
                "description": "The answer; every one has a disclaimer.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["disclaimer"],
                            "properties": {"disclaimer": {"const": DISCLAIMER}},
                        }
                    }
                },
            },
            "default": {
                "description": "A problem (RFC 9457): what happened, and what to do next.",
                "content": {"application/problem+json": {"schema": {"type": "object"}}},
            },
        },
    }


def _parameter(one: Input, path: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": one.kind}
    return {
        "name": one.name,
        "in": "path" if f"{{{one.name}}}" in path else "query",
        "description": one.about,
        "required": one.required,
        "schema": {"type": "array", "items": schema} if one.many else schema,
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
    stated = request.args.get(name, "")
    if not stated:
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

"""Pages of single things, at the things' own addresses: entities, statements, sources, rules."""

from __future__ import annotations

from collections import defaultdict

import pyoxigraph as ox
from flask import Blueprint, Response, render_template

from pharmakon import KnowledgeGraph
from pharmakon.errors import NotFoundError
from pharmakon.inference import rules
from pharmakon.namespaces import ENTITY_TYPES, PK, expand
from pharmakon.stores import text
from pharmakon.views import contested
from pharmakon.views.entities import Entity
from pharmakon.views.references import Reference, references, values_of
from pharmakon.views.statements import Evidence, Statement, read_evidence, statements

from . import paging, urls
from .forms import alternates, respond, split
from .passages import Passages
from .pictures import draw, most_telling
from .sections import blocks, look_alikes

__all__ = ["pages"]

_NEIGHBOURS = 8

#: So many statements and formulations that only datasets have are on a page.
_OF_DATASETS = 20

#: A source has its places on one page, or so many on each where it has more: a table.
_WHOLE, _PART = 2000, 200

#: So many of what a source takes for something else, of which there may be thousands.
_CONTESTED = 100


def pages(graph: KnowledgeGraph, passages: Passages) -> Blueprint:
    """Return the routes that show single things."""
    blueprint = Blueprint("pages", __name__)

    @blueprint.get(f"/<any({','.join(ENTITY_TYPES)}):kind>/<name>")
    def entity(kind: str, name: str) -> Response:
        slug, suffix = split(name)
        iri = urls.iri(kind, slug)
        found = graph.entity(iri, _OF_DATASETS) if iri else None
        if found is None:
            raise _missing(graph, kind, slug)
        shown = _source if kind == "source" else _entity

        def whole() -> Entity:
            again = graph.entity(iri) if found.left_out else found
            assert again is not None  # noqa: S101 - it was there, and a release does not change
            return again

        return respond(
            graph,
            iri,
            suffix,
            page=lambda: shown(graph, passages, found),
            plain=lambda: whole().to_dict(),
            table=lambda: _statements_of(graph, whole()),
        )

    @blueprint.get("/statement/<name>")
    def statement(name: str) -> Response:
        slug, suffix = split(name)
        iri = urls.iri("statement", slug)
        if not iri:
            raise NotFoundError("statement", slug)
        found = graph.statement(iri)
        return respond(
            graph,
            found.iri,
            suffix,
            page=lambda: _statement(graph, passages, found),
            plain=lambda: found.to_dict() | {"proof": graph.proof(found).to_dict()},
            table=lambda: [found],
        )

    @blueprint.get("/rule/<name>")
    def rule(name: str) -> Response:
        slug, suffix = split(name)
        known = {one.name: one for one in rules()}
        if slug not in known:
            raise NotFoundError("rule", slug, [one for one in known if slug in one][:3])
        one = known[slug]
        concluded = statements(graph.store, f"?statement pk:inferredBy {one.iri}")
        return respond(
            graph,
            one.iri.value,
            suffix,
            page=lambda: render_template(
                "rule.html",
                rule=one,
                concluded=concluded,
                alternates=alternates(one.iri.value),
            ),
            plain=lambda: {
                "id": f"rule:{one.name}",
                "label": one.label,
                "definition": one.definition,
                "sparql": one.text,
                "statements": [found.curie for found in concluded],
            },
            table=lambda: concluded,
        )

    return blueprint


def _entity(graph: KnowledgeGraph, passages: Passages, entity: Entity) -> str:
    here = entity.reference
    edges = graph.neighbours(here.iri)
    telling = most_telling(edges, here.iri, _NEIGHBOURS)
    return render_template(
        "entity.html",
        entity=entity,
        here=here,
        blocks=blocks(entity),
        brands=_brands(entity),
        look_alikes=look_alikes(entity),
        urgent=_is_overdose(entity),
        drawn=draw([here], telling, 286, 300) if telling else None,
        links=len(edges),
        query=_query(here.iri),
        alternates=alternates(here.iri),
    )


def _source(graph: KnowledgeGraph, passages: Passages, entity: Entity) -> str:
    here = ox.NamedNode(entity.reference.iri)
    places = sorted(
        text(row["evidence"])
        for row in graph.store.select(f"SELECT ?evidence {{ ?evidence pk:source {here} }}")
    )
    size = len(places) if len(places) <= _WHOLE else _PART
    page, pages = paging.asked(len(places), size)
    shown = places[(page - 1) * size : page * size]
    pattern = values_of("evidence", shown)
    evidence = sorted(read_evidence(graph.store, pattern).values() if shown else (), key=_by_place)
    taken = f"?contested dcterms:source {here}"
    return render_template(
        "source.html",
        entity=entity,
        here=entity.reference,
        contested=contested.contested_mappings(graph.store, taken, _CONTESTED),
        contested_count=contested.count(graph.store, taken),
        about=_about_source(graph, here),
        evidence=evidence,
        total=len(places),
        address=lambda number: f"{urls.thing(here.value)}?page={number}",
        page=page,
        pages=pages,
        users=_users(graph, pattern) if shown else {},
        passages=passages.of(evidence),
        alternates=alternates(here.value),
    )


def _statement(graph: KnowledgeGraph, passages: Passages, statement: Statement) -> str:
    here = ox.NamedNode(statement.iri)
    return render_template(
        "statement.html",
        statement=statement,
        proof=graph.proof(statement),
        rests=statements(graph.store, f"?statement pk:premise|pk:because {here}"),
        replaces=statements(graph.store, f"?statement pk:supersededBy {here}"),
        replaced=statements(graph.store, f"{here} pk:supersededBy ?statement"),
        said_of=statements(graph.store, f"?statement pk:subject {here}"),
        passages=passages.of((*statement.supports, *statement.disputes)),
        alternates=alternates(statement.iri),
    )


def _missing(graph: KnowledgeGraph, kind: str, slug: str) -> NotFoundError:
    """Return the error that says what is not there, and what may have been meant."""
    others = (f"{other}:{slug}" for other in ENTITY_TYPES)
    elsewhere = [other for other in others if graph.names.thing(expand(other))]
    nearest = elsewhere or graph.names.nearest(slug.replace("-", " "))
    return NotFoundError(kind, slug, nearest)


def _statements_of(graph: KnowledgeGraph, entity: Entity) -> list[Statement]:
    found = {one.iri: one for section in entity.all_sections for one in section.statements}
    return list(found.values())


def _brands(entity: Entity) -> list[tuple[Reference, str]]:
    """Return the products that hold a substance, each with its role there if it is not the drug."""
    here = entity.reference.iri
    found: dict[Reference, str] = {}
    for one in entity.compositions:
        roles = [i.role for i in one.ingredients if i.substance.iri == here and i.role]
        healing = any(role.iri == PK["therapeuticAgent"].value for role in roles)
        for product in one.products:
            if product.iri != here:
                found[product] = "" if healing or not roles else roles[0].label
    return sorted(found.items())


def _is_overdose(entity: Entity) -> bool:
    kinds = (entity.reference, *entity.broader)
    return entity.reference.kind == "condition" and any("overdose" in one.iri for one in kinds)


def _query(iri: str) -> str:
    return (
        "SELECT ?statement ?type ?certainty WHERE {\n"
        f"  ?statement pk:subject|pk:object <{iri}> ;\n"
        "    a ?type ;\n"
        "    pk:certainty ?certainty .\n"
        "}\nORDER BY ?type ?statement"
    )


def _about_source(graph: KnowledgeGraph, here: ox.NamedNode) -> dict[str, list[str]]:
    """Return what is said of a source itself: title, publisher, licence, digest and so on."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in graph.store.select(f"SELECT ?property ?value WHERE {{ {here} ?property ?value }}"):
        name = text(row["property"]).replace("#", "/").rsplit("/", 1)[-1]
        found[name].append(text(row["value"]))
    return {name: sorted(values) for name, values in found.items()}


def _users(
    graph: KnowledgeGraph, evidence: str
) -> dict[str, list[tuple[str, Statement | Reference]]]:
    """Return what rests on each evidence of a pattern: ``"for"`` or ``"against"``, and what."""
    rows = [
        (text(row["evidence"]), side, text(row["statement"]))
        for side, how in (("for", "pk:supportedBy"), ("against", "pk:disputedBy"))
        for row in graph.store.select(
            f"SELECT ?evidence ?statement {{ {evidence} ?statement {how} ?evidence }}"
        )
    ]
    resting = {user for _, _, user in rows}
    found_statements = statements(graph.store, values_of("statement", resting)) if rows else []
    stated = {one.iri: one for one in found_statements}
    others = references(graph.store, {user for _, _, user in rows if user not in stated})
    found: dict[str, list[tuple[str, Statement | Reference]]] = defaultdict(list)
    for place, side, user in sorted(rows, key=lambda row: (row[0], row[1] == "for", row[2])):
        found[place].append((side, stated.get(user) or others[user]))
    return dict(found)


def _by_place(one: Evidence) -> tuple[int, str, str]:
    return (one.locator.start or 0, one.locator.text if one.locator.start is None else "", one.iri)

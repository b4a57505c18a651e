"""The first page, the lists of things, and what is to be said of the site itself."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from pharmakon import KnowledgeGraph, queries
from pharmakon.errors import NotFoundError
from pharmakon.stores import text
from pharmakon.views.references import Reference

from . import paging, urls
from .compare import known
from .gallery import examples, result

__all__ = ["home"]

#: What has a list, in the order of the tiles; the first six are on the first page.
LISTS = (
    "substance",
    "target",
    "condition",
    "product",
    "class",
    "source",
    "formulation",
    "circumstance",
)

#: What to try first; what the graph does not hold is left out.
_TRY = ("naltrexone", "mu-opioid receptor", "opioid use disorder", "Suboxone")
_PAIR = ("naltrexone", "naloxone")

#: The questions of the first page, and how many answers of each.
_WORKED = (
    "condition_treatments",
    "substance_non_uses",
    "product_ingredients",
    "contested_statements",
)
_ROWS, _CELLS = 3, 3

#: How many things a list has on a page: all that curators described, of any kind but sources.
_ON_A_PAGE = 600

Cells = tuple[Reference | str, ...]


@dataclass(frozen=True)
class Worked:
    """A question with the beginning of its answer.

    Attributes:
        query: The question.
        about: What it is asked about.
        rows: Its first answers, each in a few cells.
        total: How many rows there are in all.
    """

    query: queries.Query
    about: Cells
    rows: tuple[Cells, ...]
    total: int


def home(graph: KnowledgeGraph) -> Blueprint:
    """Return the routes of the first page, the lists and the pages about the site."""
    blueprint = Blueprint("home", __name__)

    @blueprint.get("/")
    def first() -> str:
        return render_template(
            "home.html",
            tiles=[(kind, graph.names.count(kind)) for kind in LISTS[:6]],
            examples=known(graph, _TRY),
            pair=known(graph, _PAIR),
            worked=_worked(graph),
            quads=len(graph.store),
        )

    @blueprint.get("/browse")
    def kinds() -> str:
        counts = [(kind, graph.names.count(kind)) for kind in LISTS]
        return render_template("kinds.html", counts=counts)

    @blueprint.get("/browse/<kind>")
    def browse(kind: str) -> str:
        if kind not in LISTS:
            raise NotFoundError("list of things", kind, LISTS)
        total = graph.names.count(kind)
        page, pages = paging.asked(total, _ON_A_PAGE)
        things = graph.names.of_kind(kind, (page - 1) * _ON_A_PAGE, _ON_A_PAGE)
        return render_template(
            "browse.html",
            kind=kind,
            things=things,
            total=total,
            page=page,
            pages=pages,
            address=lambda number: urls.browse(kind, number),
        )

    @blueprint.get("/licences")
    def licences() -> str:
        licensed = _licensed(graph)
        unstated = graph.names.count("source") - len(licensed)
        return render_template(
            "licences.html", graphs=_graphs(graph), sources=licensed, unstated=unstated
        )

    @blueprint.get("/accessibility")
    def accessibility() -> str:
        return render_template("accessibility.html")

    return blueprint


def _worked(graph: KnowledgeGraph) -> list[Worked]:
    """Return the questions of the first page that the graph answers."""
    found = []
    for name in _WORKED:
        if name in queries.names():
            query = queries.load(name)
            answer = result(graph, graph.query(query.text), 100)
            rows = tuple(dict.fromkeys(_gist(row) for row in answer.rows))[:_ROWS]
            if rows:
                found.append(Worked(query, examples(graph, query), rows, answer.total))
    return found


def _gist(row: Cells) -> Cells:
    """Return the cells of a row that say most: a statement says all there is."""
    for cell in row:
        if isinstance(cell, Reference) and cell.kind == "statement":
            return (cell,)
    return tuple(cell for cell in row if cell)[:_CELLS]


def _graphs(graph: KnowledgeGraph) -> list[dict[str, str]]:
    rows = graph.store.select(
        """SELECT ?label ?definition ?licence ?triples WHERE {
          ?graph a dcat:Dataset ; rdfs:label ?label ; dcterms:license ?licence .
          OPTIONAL { ?graph skos:definition ?definition }
          OPTIONAL { ?graph void:triples ?triples }
        } ORDER BY ?label"""
    )
    return [{name: text(term) for name, term in row.items()} for row in rows]


def _licensed(graph: KnowledgeGraph) -> list[tuple[Reference, str]]:
    """Return every source that states its licence, with it."""
    rows = graph.store.select(
        """SELECT ?source ?licence WHERE {
          ?source a pk:Source ; dcterms:license ?licence
        } ORDER BY ?licence"""
    )
    licences = {text(row["source"]): text(row["licence"]) for row in rows}
    sources = graph.names.of_kind("source")
    return [(one, licences[one.iri]) for one in sources if one.iri in licences]

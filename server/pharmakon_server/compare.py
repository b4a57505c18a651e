"""Compare: things side by side, with nothing left blank and what says no apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import BadRequest

from pharmakon import KnowledgeGraph
from pharmakon.errors import NotFoundError
from pharmakon.views.comparison import Comparison, Group, Row
from pharmakon.views.references import Reference

from .forms import as_csv, as_json, split

__all__ = ["MOST", "compare", "known", "resolved"]

#: So many columns can still be read side by side.
MOST = 6

#: Naltrexone is not naloxone: the first comparison that people need.
EXAMPLE = ("substance:naltrexone", "substance:naloxone")


def compare(graph: KnowledgeGraph) -> Blueprint:
    """Return the routes that put things side by side."""
    blueprint = Blueprint("compare", __name__)

    @blueprint.get("/compare")
    @blueprint.get("/<any('compare.json','compare.csv'):file>")
    def side_by_side(file: str = "") -> Response:
        asked = [one.strip() for one in request.args.getlist("id") if one.strip()]
        things = resolved(graph, asked) or known(graph, EXAMPLE)
        only = request.args.get("diff") == "1"
        found = graph.compare([thing.iri for thing in things])
        suffix = split(file)[1]
        if suffix == "json":
            return as_json(found.to_dict())
        if suffix == "csv":
            return as_csv(_csv(found))
        return Response(
            render_template(
                "compare.html",
                things=things,
                groups=[one for group in found.groups if (one := _narrowed(group, only)).rows],
                only=only,
                denied=_denied(found),
                most=MOST,
            ),
            mimetype="text/html",
        )

    return blueprint


def resolved(graph: KnowledgeGraph, names: list[str]) -> list[Reference]:
    """Return the things of some names, each once.

    Raises:
        NotFoundError: Nothing is called so.
        AmbiguousNameError: Several things are called so.
        BadRequest: They are more than can be shown.
    """
    found = list(dict.fromkeys(graph.names.resolve(name) for name in names))
    if len(found) > MOST:
        raise BadRequest(f"{len(found)} things were asked for; ask for {MOST} at the most")
    return found


def known(graph: KnowledgeGraph, names: Iterable[str]) -> list[Reference]:
    """Return the things of some names, without those that the graph does not hold."""
    found = []
    for name in names:
        try:
            found.append(graph.names.resolve(name))
        except NotFoundError:
            continue
    return found


def _narrowed(group: Group, only: bool) -> Group:
    """Return the rows of a group that are to be shown."""
    return Group(group.heading, tuple(row for row in group.rows if row.differs or not only))


def _denied(found: Comparison) -> set[tuple[int, str]]:
    """Return for which column and matter something says no, or is contested.

    A cell that has no positive statement there must not read as if nothing were known.
    """
    return {
        (column, _matter(row))
        for group in found.groups
        for row in group.rows
        for column, cell in enumerate(row.cells)
        if any(one.negative or one.contested for one in cell)
    }


def _matter(row: Row) -> str:
    return row.about if isinstance(row.about, str) else row.about.iri


def _csv(found: Comparison) -> str:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["group", "about", "differs", *(one.reference.curie for one in found.things)])
    for group in found.groups:
        for row in group.rows:
            cells = ["; ".join(one.sentence for one in cell) or "no data" for cell in row.cells]
            table.writerow([group.heading, row.label, str(row.differs).lower(), *cells])
    return out.getvalue()

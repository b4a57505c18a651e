"""The vocabulary and the named graphs, at their own addresses."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask import Blueprint, Response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from pharmakon import KnowledgeGraph, exports
from pharmakon.errors import NotFoundError
from pharmakon.namespaces import GRAPH
from pharmakon.views.vocabulary import Term
from pharmakon.views.vocabulary import vocabulary as terms_of

from . import urls
from .forms import FORMS, as_json, chosen, split

__all__ = ["vocabulary"]

_HEADINGS = {"class": "Classes", "property": "Properties", "value": "Values"}


def vocabulary(graph: KnowledgeGraph) -> Blueprint:
    """Return the routes of the vocabulary and of the named graphs."""
    blueprint = Blueprint("vocabulary", __name__)

    @blueprint.get("/ontology")
    @blueprint.get(f"/<any({','.join(f'ontology.{suffix}' for suffix in FORMS)}):file>")
    def ontology(file: str = "") -> Response:
        terms = terms_of(graph.store)
        form = chosen(split(file)[1])
        if form.suffix == "html":
            groups = [
                (heading, [term for term in terms if term.kind == kind])
                for kind, heading in _HEADINGS.items()
            ]
            forms = [FORMS[suffix] for suffix in FORMS if suffix != "html"]
            return Response(
                render_template("vocabulary.html", groups=groups, forms=forms),
                mimetype="text/html",
            )
        if form.suffix == "json":
            return as_json({"terms": [term.to_dict() for term in terms]})
        if form.suffix == "csv":
            return Response(_csv(terms), mimetype="text/csv")
        quads = exports.everything(graph.store, GRAPH["ontology"].value)
        return Response(exports.serialise(quads, form.suffix), mimetype=form.media_type)

    @blueprint.get("/graph/<name>")
    def named_graph(name: str) -> BaseResponse:
        slug, suffix = split(name)
        iri = urls.iri("graph", slug)
        found = exports.everything(graph.store, iri) if iri else []
        if not found:
            known = sorted(
                row["g"].value.removeprefix(GRAPH.base)  # type: ignore[union-attr]
                for row in graph.store.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { } }")
            )
            raise NotFoundError("graph", slug, known)
        form = chosen(suffix)
        if form.suffix not in exports.RDF_FORMATS:
            return redirect(urls.licences(), 303)
        return Response(exports.serialise(found, form.suffix), mimetype=form.media_type)

    return blueprint


def _csv(terms: Iterable[Term]) -> str:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["term", "kind", "label", "definition", "parents", "equivalents"])
    for term in terms:
        parents = " ".join(one.curie for one in term.parents)
        equivalents = " ".join(one.curie for _, one in term.equivalents)
        about = term.reference
        table.writerow(
            [about.curie, term.kind, about.label, about.definition, parents, equivalents]
        )
    return out.getvalue()

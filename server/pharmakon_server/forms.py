"""The forms in which a thing is served: HTML, RDF, JSON and CSV, at the same address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask import Response, current_app, request
from werkzeug.exceptions import NotAcceptable

from pharmakon import KnowledgeGraph, exports
from pharmakon.spreadsheets import defuse
from pharmakon.views.statements import Statement

from . import urls
from .negotiation import best
from .presentation import DISCLAIMER

__all__ = ["FORMS", "Form", "alternates", "as_csv", "as_json", "chosen", "respond", "split"]


@dataclass(frozen=True)
class Form:
    """A form: its suffix, its media type, and what people call it."""

    suffix: str
    media_type: str
    name: str


FORMS: Mapping[str, Form] = {
    form.suffix: form
    for form in (
        Form("html", "text/html", "HTML"),
        Form("ttl", "text/turtle", "Turtle"),
        Form("jsonld", "application/ld+json", "JSON-LD"),
        Form("json", "application/json", "JSON"),
        Form("csv", "text/csv", "CSV"),
        Form("nt", "application/n-triples", "N-Triples"),
        Form("nq", "application/n-quads", "N-Quads"),
        Form("trig", "application/trig", "TriG"),
        Form("rdf", "application/rdf+xml", "RDF/XML"),
    )
}


def split(name: str) -> tuple[str, str]:
    """Return a slug and the suffix that asks for a form, or the empty string.

    Example:
        >>> split("naltrexone.ttl"), split("naltrexone"), split("v1.2")
        (('naltrexone', 'ttl'), ('naltrexone', ''), ('v1.2', ''))
    """
    slug, dot, suffix = name.rpartition(".")
    return (slug, suffix) if dot and suffix in FORMS else (name, "")


def chosen(suffix: str) -> Form:
    """Return the form that is asked for, by suffix or else by ``Accept``.

    Raises:
        NotAcceptable: None of them is accepted.
    """
    if suffix:
        return FORMS[suffix]
    offered = {form.media_type: form for form in FORMS.values()}
    wanted = best(request.headers.get("Accept"), list(offered))
    if wanted is None:
        raise NotAcceptable(f"it is not served in that form; ask for one of {', '.join(offered)}")
    return offered[wanted]


def alternates(iri: str) -> list[dict[str, str]]:
    """Return the addresses of a thing in every form but HTML."""
    return [
        {"media_type": form.media_type, "href": urls.thing(iri, f".{suffix}"), "name": form.name}
        for suffix, form in FORMS.items()
        if suffix != "html"
    ]


def respond(
    graph: KnowledgeGraph,
    iri: str,
    suffix: str,
    *,
    page: Callable[[], str],
    plain: Callable[[], dict[str, object]],
    table: Callable[[], Iterable[Statement]],
) -> Response:
    """Return a thing in the form that is asked for.

    Args:
        graph: Where it is described.
        iri: The thing.
        suffix: The suffix of the address, or the empty string where ``Accept`` decides.
        page: Makes the HTML.
        plain: Makes the JSON.
        table: Returns the statements of the CSV.
    """
    form = chosen(suffix)
    if form.suffix == "html":
        response = Response(page(), mimetype="text/html")
    elif form.suffix == "json":
        response = as_json(plain())
    elif form.suffix == "csv":
        response = as_csv(exports.to_csv(table()))
    else:
        body = exports.serialise(graph.describe(iri), form.suffix)
        response = Response(body, mimetype=form.media_type)
    for other in alternates(iri):
        response.headers.add(
            "Link", f'<{other["href"]}>; rel="alternate"; type="{other["media_type"]}"'
        )
    return response


def as_csv(table: str) -> Response:
    """Return a table, in which a spreadsheet runs nothing unless it is wanted exactly."""
    body = table.encode()
    exact = current_app.config["EXACT_CSV"] or request.args.get("csv") == "exact"
    return Response(body if exact else defuse(body), mimetype="text/csv")


def as_json(found: dict[str, object]) -> Response:
    """Return an answer of the API, which says like every page that it is no advice."""
    body = json.dumps({"disclaimer": DISCLAIMER} | found, ensure_ascii=False, indent=2)
    response = Response(body + "\n", mimetype="application/json")
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response

"""Every address that the server has, made here and nowhere else.

A thing's IRI is its address: ``https://w3id.org/pharmakon/substance/naltrexone`` is served
at ``/substance/naltrexone``. Everything else has a function of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

from flask import current_app, request
from pyoxigraph import NamedNode

from pharmakon.namespaces import ENTITY_TYPES, PREFIXES

__all__ = [
    "accessibility",
    "browse",
    "compare",
    "graph",
    "home",
    "interactions",
    "iri",
    "is_outside",
    "licences",
    "navigation",
    "ontology",
    "openapi",
    "paths",
    "queries",
    "query",
    "ready",
    "resolve",
    "search",
    "sparql",
    "static",
    "store",
    "term",
    "thing",
    "update",
    "within",
]

#: The kinds of thing whose IRI is an address of this server.
_SERVED = (*ENTITY_TYPES, "statement", "rule")


def thing(iri: str, suffix: str = "") -> str:
    """Return where a thing is shown: here, outside, or nowhere (the empty string).

    Args:
        iri: The IRI of an entity, evidence, statement or rule, or of a thing outside.
        suffix: A form in which it is wanted, such as ``".ttl"``.

    Only ``http`` and ``https`` lead outside, so that no address in the data can run a script.
    """
    for kind in _SERVED:
        if iri.startswith(PREFIXES[kind]):
            slug, hash_, fragment = iri[len(PREFIXES[kind]) :].partition("#")
            return f"{_root()}/{kind}/{quote(slug)}{suffix}" + hash_ + quote(fragment)
    return iri if is_outside(iri) else ""


def iri(kind: str, slug: str) -> str:
    """Return the IRI that a page is at, or the empty string where no IRI can be so."""
    try:
        return NamedNode(PREFIXES[kind] + slug).value
    except ValueError:
        return ""


def is_outside(iri: str) -> bool:
    """Return whether an IRI leads to another server, by a scheme that only fetches pages."""
    if any(iri.startswith(PREFIXES[kind]) for kind in _SERVED):
        return False
    try:
        parts = urlsplit(iri)
    except ValueError:
        return False
    own = iri.startswith(PREFIXES["pk"])
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not own


def ontology(suffix: str = "") -> str:
    """Return the address of the vocabulary, in the form of a suffix."""
    return f"{_root()}/ontology" + (f".{suffix}" if suffix else "")


def term(iri: str) -> str:
    """Return where a term of the vocabulary is defined, or the empty string for any other."""
    name = iri.removeprefix(PREFIXES["pk"])
    return f"{ontology()}#{quote(name)}" if name != iri else ""


def home() -> str:
    """Return the address of the first page."""
    return f"{_root()}/"


def browse(kind: str = "", page: int = 1) -> str:
    """Return the address of a page of the list of things of a kind, or of the list of kinds."""
    if not kind:
        return f"{_root()}/browse"
    return _with(f"/browse/{quote(kind)}", page=str(page) if page > 1 else "")


def search(q: str = "", kind: str = "") -> str:
    """Return the address of a search."""
    return _with("/search", q=q, type=kind)


def resolve(name: str) -> str:
    """Return the address that leads to whatever a name names."""
    return f"{_root()}/resolve/{quote(name)}"


def compare(ids: Iterable[str] = (), suffix: str = "", *, differences: bool = False) -> str:
    """Return the address of things side by side."""
    return _with(f"/compare{suffix}", id=list(ids), diff="1" if differences else "")


def graph(ids: Iterable[str] = (), expand: Iterable[str] = ()) -> str:
    """Return the address of the picture around some things."""
    return _with("/graph", id=list(ids), expand=list(expand))


def paths(source: str = "", target: str = "") -> str:
    """Return the address of the paths from one thing to another."""
    return _with("/paths", **{"from": source, "to": target})


def interactions(ids: Iterable[str] = ()) -> str:
    """Return the address of what some substances do together."""
    return _with("/interactions", id=list(ids))


def queries() -> str:
    """Return the address of the gallery of named queries."""
    return f"{_root()}/queries"


def query(name: str, suffix: str = "", **values: str) -> str:
    """Return the address of a named query, with values for its parameters."""
    return _with(f"/queries/{quote(name)}{suffix}", **values)


def sparql(text: str = "") -> str:
    """Return the address of the endpoint, with a query in the editor."""
    return _with("/sparql", query=text)


def update() -> str:
    """Return the address that takes updates, where the server is writable."""
    return f"{_root()}/update"


def store() -> str:
    """Return the address of the graph store, where the server is writable."""
    return f"{_root()}/store"


def ready() -> str:
    """Return the address that says which release is served."""
    return f"{_root()}/readyz"


def openapi() -> str:
    """Return the address of the description of the JSON API."""
    return f"{_root()}/api/v1/openapi.json"


def licences() -> str:
    """Return the address of the page on licences."""
    return f"{_root()}/licences"


def accessibility() -> str:
    """Return the address of the page on accessibility."""
    return f"{_root()}/accessibility"


def static(name: str) -> str:
    """Return the address of a file of ours; it changes when the file does."""
    return f"{_root()}/static/{name}?v={current_app.config['BUILD']}"


def navigation() -> list[tuple[str, str]]:
    """Return what stands at the head of every page: words and address."""
    return [
        ("Browse", browse()),
        ("Graph", graph()),
        ("Paths", paths()),
        ("Compare", compare()),
        ("Interactions", interactions()),
        ("SPARQL", sparql()),
        ("Queries", queries()),
    ]


def within(address: str) -> bool:
    """Return whether the page that is asked for is at an address, or below it."""
    here = _root() + request.path
    return here == address or here.startswith(f"{address}/")


def _root() -> str:
    return request.script_root


def _with(path: str, **parameters: str | list[str]) -> str:
    given = {name: value for name, value in parameters.items() if value}
    query = urlencode(given, doseq=True, safe=":/")
    return _root() + path + (f"?{query}" if query else "")

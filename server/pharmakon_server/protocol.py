"""The SPARQL 1.1 Protocol: what a request asks, and in which form.

It knows requests, and neither Flask nor stores, so that whoever receives a request can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyoxigraph as ox
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotAcceptable, UnsupportedMediaType
from werkzeug.wrappers import Request

from pharmakon.errors import QueryRefusedError
from pharmakon.stores.syntax import gives_graph

from .negotiation import GRAPHS, HTML, RESULTS, SUFFIXES, best

__all__ = [
    "FORM",
    "LONGEST_BODY",
    "QUERY",
    "UPDATE",
    "Operation",
    "iris",
    "only",
    "read",
    "text",
    "wanted",
]

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"

#: How many bytes of a request are read.
LONGEST_BODY = 1 << 20


@dataclass(frozen=True)
class Operation:
    """A query, as the protocol carries it.

    Attributes:
        query: SPARQL Query text.
        default_graphs: IRIs of the graphs that together are the default graph.
        named_graphs: IRIs of the graphs that GRAPH may name.
        timeout: The time limit that the caller wants, in seconds, or None.
        form: The media type that the caller wants.
        exact: Whether CSV stays as it is where a spreadsheet would run it as a formula.
    """

    query: str
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]
    timeout: float | None
    form: str
    exact: bool


def read(request: Request) -> Operation | None:
    """Return what a request asks, or None where it only asks for the endpoint itself.

    Raises:
        BadRequest: There is no query, more than one, or one that cannot be read.
        NotAcceptable: The answer has none of the forms that the caller takes.
        UnsupportedMediaType: The body is of another type.
        QueryRefusedError: It is an update.
    """
    if request.method != "POST":
        if "update" in request.args:
            raise _no_updates()
        if "query" not in request.args:
            return None
        return _operation(only("query", request.args), request.args, request)
    request.max_content_length = LONGEST_BODY
    request.max_form_memory_size = LONGEST_BODY
    if request.mimetype == UPDATE or "update" in request.args:
        raise _no_updates()
    if request.mimetype == QUERY:
        return _operation(text(request), request.args, request)
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"send the query as {QUERY}, or in a form as {FORM}")
    if "update" in request.form:
        raise _no_updates()
    return _operation(only("query", request.form), request.form, request)


def wanted(
    request: Request, offered: Sequence[str], parameters: MultiDict[str, str] | None = None
) -> str:
    """Return the media type that a caller wants, by ``format=`` or ``Accept``.

    Args:
        request: What the caller sent.
        offered: Media types, the preferred first.
        parameters: Where the request has its parameters, if not in its address.

    Raises:
        NotAcceptable: It is none of those offered.
    """
    stated = (request.args if parameters is None else parameters).get("format")
    if stated is not None:
        found = SUFFIXES.get(stated)
        found = found if found in offered else None
        ways = f"format= with {_suffixes(offered)}"
    else:
        found = best(request.headers.get("Accept"), offered)
        ways = f"Accept with {', '.join(offered)}"
    if found is None:
        raise NotAcceptable(f"the answer has none of the forms asked for; ask by {ways}")
    return found


def _operation(query: str, parameters: MultiDict[str, str], request: Request) -> Operation:
    if not query.strip():
        raise BadRequest("the query is empty; write one after query=, or in the body")
    return Operation(
        query,
        iris("default-graph-uri", parameters),
        iris("named-graph-uri", parameters),
        _timeout(parameters),
        wanted(request, _OFFERED_GRAPHS if gives_graph(query) else _OFFERED_RESULTS, parameters),
        parameters.get("csv") == "exact",
    )


_OFFERED_GRAPHS = (*GRAPHS, HTML)
_OFFERED_RESULTS = (*RESULTS, HTML)


def only(name: str, parameters: MultiDict[str, str]) -> str:
    """Return a parameter that is sent once.

    Raises:
        BadRequest: It is not sent, or more than once.
    """
    found = parameters.getlist(name)
    if len(found) != 1:
        raise BadRequest(f"the request has {len(found)} parameters {name!r}; send one")
    return found[0]


def text(request: Request) -> str:
    """Return the body of a request that is itself a query or an update.

    Raises:
        BadRequest: It is not UTF-8.
        UnsupportedMediaType: It says so.
    """
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"the body is sent as {charset}; send it as utf-8")
    try:
        return request.get_data().decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8 from byte {error.start} on") from error


def iris(name: str, parameters: MultiDict[str, str]) -> tuple[str, ...]:
    """Return the IRIs that a parameter is, each time that it is sent.

    Raises:
        BadRequest: One is not an absolute IRI.
    """
    try:
        return tuple(ox.NamedNode(iri).value for iri in parameters.getlist(name))
    except ValueError as error:
        raise BadRequest(f"{name} is not an absolute IRI ({error})") from error


def _timeout(parameters: MultiDict[str, str]) -> float | None:
    if "timeout" not in parameters:
        return None
    stated = only("timeout", parameters)
    try:
        seconds = float(stated)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise BadRequest(f"timeout is {stated!r}; give a number of seconds above 0")
    return seconds


def _suffixes(offered: Sequence[str]) -> str:
    return ", ".join(suffix for suffix, form in SUFFIXES.items() if form in offered)


def _no_updates() -> QueryRefusedError:
    return QueryRefusedError(
        "updates are off: this address only answers queries, sent as query=; "
        "where a server takes updates, it takes them at /update"
    )

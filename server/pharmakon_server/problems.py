"""What goes wrong, in one form: RFC 9457 for programs, a page with the same words for people.

A :class:`~pharmakon.errors.PharmakonError` tells the caller what it says. Anything else is
our own fault: the caller gets a number, and the log has the rest under that number.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Flask, Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException

from pharmakon.errors import (
    AmbiguousNameError,
    LoadError,
    NotFoundError,
    PharmakonError,
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
    RemoteError,
)

from .negotiation import HTML, best

__all__ = ["REFUSAL", "REQUEST_ID", "Problem", "problem_of", "register_errors"]

#: Where whoever received a request leaves why it is refused, and its number.
REFUSAL = "pharmakon.refusal"
REQUEST_ID = "pharmakon.request_id"

_JSON = "application/problem+json"
_TYPES = "https://w3id.org/pharmakon/problem/"

#: The status and the words for each error; the first that fits holds.
_KINDS: tuple[tuple[type[PharmakonError], int, str, str], ...] = (
    (QuerySyntaxError, 400, "query-syntax", "The query is not SPARQL"),
    (QueryRefusedError, 403, "query-refused", "The query asks for what is switched off"),
    (QueryTimeoutError, 504, "query-timeout", "The query took too long"),
    (QueryTooLargeError, 413, "query-too-large", "The answer is too large"),
    (QueryTooComplexError, 422, "query-too-complex", "The query is too complex"),
    (QueryBusyError, 503, "query-busy", "The server is busy"),
    (QueryError, 400, "query", "The query is not answered"),
    (LoadError, 400, "load", "The data cannot be read"),
    (NotFoundError, 404, "not-found", "There is no such thing"),
    (AmbiguousNameError, 300, "ambiguous-name", "Several things are called so"),
    (RemoteError, 502, "remote", "Another server did not answer"),
)

#: How many seconds to wait before the same query is asked again.
_RETRY = "5"


@dataclass(frozen=True)
class Problem:
    """What went wrong, as RFC 9457 has it.

    Attributes:
        type: An IRI for this kind of problem.
        title: The kind of problem, in words.
        status: The HTTP status code.
        detail: What happened, where, and what to do next.
        members: What else a program can use, such as a line or a limit.
        headers: Headers that go with the status.
    """

    type: str
    title: str
    status: int
    detail: str
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the problem document."""
        own = {name: getattr(self, name) for name in ("type", "title", "status", "detail")}
        return own | dict(self.members)


def register_errors(app: Flask) -> None:
    """Answer every error of an application with a problem."""

    def ours(error: PharmakonError) -> Response:
        return _respond(problem_of(error))

    def http(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400 or error.response is not None:
            return error
        headers = {k: v for k, v in error.get_headers() if k.lower() != "content-type"}
        detail = error.description or HTTPStatus(error.code).description
        return _respond(Problem("about:blank", error.name, error.code, detail, headers=headers))

    def fault(error: Exception) -> Response:
        return _respond(_fault(error))

    @app.before_request
    def refuse() -> None:
        refusal: Exception | None = request.environ.get(REFUSAL)
        if refusal is not None:
            raise refusal

    app.register_error_handler(PharmakonError, ours)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, fault)


def problem_of(error: PharmakonError) -> Problem:
    """Return the problem that an error is to the caller."""
    for kind, status, slug, title in _KINDS:
        if isinstance(error, kind):
            headers = {"Retry-After": _RETRY} if status == 503 else {}
            detail = error.reason if isinstance(error, QuerySyntaxError) else str(error)
            return Problem(_TYPES + slug, title, status, detail, _members(error), headers)
    return _fault(error)


def _members(error: PharmakonError) -> dict[str, object]:
    """Return the parts of an error that a program can use."""
    found: dict[str, object] = {}
    if isinstance(error, QuerySyntaxError):
        for name in ("line", "column", "excerpt", "hint"):
            found[name] = getattr(error, name)
    elif isinstance(error, QueryTimeoutError | QueryTooLargeError):
        found["limit"] = error.limit
    elif isinstance(error, NotFoundError):
        found["did_you_mean"] = error.nearest
    elif isinstance(error, AmbiguousNameError):
        found["candidates"] = error.candidates
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _fault(error: Exception) -> Problem:
    """Log an error that is not the caller's, and return what the caller may know of it."""
    number = _number()
    current_app.logger.error(
        "request %s failed: %s %s", number, request.method, request.path, exc_info=error
    )
    return Problem(
        f"{_TYPES}fault",
        "Something went wrong",
        500,
        f"this is a fault of the server; report it with the number {number}, "
        "which stands in the server's log",
        {"request_id": number},
        {"X-Request-Id": number},
    )


def _number() -> str:
    """Return the number of the request, by which it is found in the log."""
    return str(request.environ.setdefault(REQUEST_ID, uuid.uuid4().hex))


def _respond(problem: Problem) -> Response:
    wanted = best(request.headers.get("Accept"), [_JSON, "application/json", HTML])
    if wanted == HTML and problem.status != 500:
        body, media_type = render_template("problem.html", problem=problem), HTML
    elif wanted == HTML:
        # What failed may be what makes pages.
        body, media_type = f"{problem.title}: {problem.detail}\n", "text/plain"
    else:
        members = {"request_id": _number()} | problem.to_dict()
        body = json.dumps(members, ensure_ascii=False, indent=2) + "\n"
        media_type = _JSON
    response = Response(body, problem.status, problem.headers, mimetype=media_type)
    response.vary.add("Accept")
    return response

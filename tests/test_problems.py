"""Every error has one form, and says no more than the caller may know."""

from __future__ import annotations

import json
import logging

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed

from pharmakon.errors import (
    AmbiguousNameError,
    NotFoundError,
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
    ReleaseError,
    RemoteError,
)
from pharmakon_server.problems import register_errors

CASES = [
    (
        QuerySyntaxError("'x' is not expected here", 2, 3, "a x\n  ^", "did you mean y?"),
        400,
        "query-syntax",
        {"line": 2, "column": 3, "excerpt": "a x\n  ^", "hint": "did you mean y?"},
    ),
    (QuerySyntaxError("the query is empty"), 400, "query-syntax", {}),
    (QueryError("the query failed"), 400, "query", {}),
    (QueryRefusedError("federation is off"), 403, "query-refused", {}),
    (
        NotFoundError("substance", "naltrexon", ["naltrexone"]),
        404,
        "not-found",
        {"did_you_mean": ["naltrexone"]},
    ),
    (NotFoundError("substance", "x"), 404, "not-found", {}),
    (
        AmbiguousNameError("pk", ["product:a", "product:b"]),
        300,
        "ambiguous-name",
        {"candidates": ["product:a", "product:b"]},
    ),
    (QueryTimeoutError(2.5), 504, "query-timeout", {"limit": 2.5}),
    (QueryTooLargeError(100), 413, "query-too-large", {"limit": 100}),
    (QueryTooComplexError("it is nested too deeply"), 422, "query-too-complex", {}),
    (QueryBusyError("all are busy"), 503, "query-busy", {}),
    (RemoteError("http://x/ did not answer"), 502, "remote", {}),
]


def raising(error: Exception) -> Flask:
    app = Flask(__name__)
    register_errors(app)

    @app.get("/")
    def index() -> str:
        raise error

    return app


@pytest.mark.parametrize(("error", "status", "slug", "members"), CASES)
def test_an_error_is_a_problem_document(
    error: Exception, status: int, slug: str, members: dict[str, object]
):
    response = raising(error).test_client().get("/", headers={"Accept": "*/*"})

    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    document = json.loads(response.text)
    assert document.pop("type") == f"https://w3id.org/pharmakon/problem/{slug}"
    assert document.pop("status") == status
    assert document.pop("title")
    assert document.pop("detail") in str(error)
    assert document.pop("request_id")
    assert document == members
    assert "Accept" in response.vary


def test_only_a_busy_server_says_when_to_come_back():
    for error, status, _, _ in CASES:
        response = raising(error).test_client().get("/")
        assert ("Retry-After" in response.headers) == (status == 503)


@pytest.mark.parametrize(
    "error", [ValueError("secret"), ReleaseError("secret"), KeyError("secret")]
)
def test_a_fault_of_ours_is_logged_under_the_number_that_the_caller_gets(
    error: Exception, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.ERROR):
        response = raising(error).test_client().get("/")

    assert response.status_code == 500
    number = json.loads(response.text)["request_id"]
    assert response.headers["X-Request-Id"] == number
    assert "secret" not in response.text
    assert number in caplog.text
    assert "secret" in caplog.text


def test_a_fault_in_a_browser_needs_no_template(caplog: pytest.LogCaptureFixture):
    response = raising(ValueError("secret")).test_client().get("/", headers={"Accept": "text/html"})

    assert (response.status_code, response.mimetype) == (500, "text/plain")
    assert response.headers["X-Request-Id"] in response.text


@pytest.mark.parametrize(
    ("error", "path", "status"), [(None, "/nothing", 404), (MethodNotAllowed(["PUT"]), "/", 405)]
)
def test_an_error_of_http_keeps_its_status_and_headers(
    error: Exception | None, path: str, status: int
):
    response = raising(error or ValueError()).test_client().get(path)

    assert response.status_code == status
    document = json.loads(response.text)
    assert (document["type"], document["status"]) == ("about:blank", status)
    if status == 405:
        assert response.headers["Allow"] == "PUT"

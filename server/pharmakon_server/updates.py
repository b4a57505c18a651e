"""Where a store is changed: SPARQL 1.1 Update, and the Graph Store HTTP Protocol.

Who writes shows a token. Whether it is the right one is known from the head of a request, so
:func:`admission` is asked before the body is read; the routes ask it again, so that they are
closed whoever serves them.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping

import pyoxigraph as ox
from flask import Blueprint, Response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, NotFound, Unauthorized, UnsupportedMediaType

from pharmakon.errors import QueryRefusedError
from pharmakon.stores import QueryService
from pharmakon.stores.writable import UPLOADS, Upload, WritableStore

from .negotiation import GRAPHS
from .protocol import FORM, LONGEST_BODY, UPDATE, iris, only, text, wanted

__all__ = ["LONGEST_UPLOAD", "admission", "updates"]

#: How many bytes the data of a graph may have.
LONGEST_UPLOAD = 64 << 20

_MULTIPART = "multipart/form-data"
_READING = ("GET", "HEAD", "OPTIONS")


def admission(token: str | None) -> Callable[[str, str, Mapping[str, str]], bool]:
    """Return what judges a request by its head: method, path and headers.

    It returns whether the request shows the token. Where it does not, and would write, it
    raises Unauthorized. Where there is no token nobody may write, and it raises
    QueryRefusedError. The names of headers are in lower case.

    Example:
        >>> admit = admission("sesame")
        >>> admit("GET", "/store", {}), admit("PUT", "/store", {"authorization": "Bearer sesame"})
        (False, True)
        >>> admit("PUT", "/store", {})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        werkzeug.exceptions.Unauthorized: 401 Unauthorized: to write here takes the token ...
    """
    if token is not None and not token.strip():
        raise ValueError("the token is empty, and anybody could show it")

    def admit(method: str, path: str, headers: Mapping[str, str]) -> bool:
        shown = headers.get("authorization", "")
        known = token is not None and _is_token(shown, token)
        if known or not _writes(method, path):
            return known
        if token is None:
            raise QueryRefusedError(
                "this server takes no updates; start one that does with "
                "pharmakon serve --writable DIR --token-file FILE"
            )
        raise Unauthorized(
            "to write here takes the token of the server; send Authorization: Bearer TOKEN",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "pharmakon"}),
        )

    return admit


def updates(store: WritableStore | None, token: str | None, read: QueryService | None) -> Blueprint:
    """Return the routes at which a store is changed.

    Args:
        store: What is changed; None where nothing is, and every write is refused.
        token: What whoever writes must show.
        read: What answers queries over the generations of the store.
    """
    if (store is None, token is None) not in ((True, True), (False, False)):
        raise ValueError("a store that can be changed needs a token, and the other way round")
    admit = admission(token)
    blueprint = Blueprint("updates", __name__)

    @blueprint.before_app_request
    def is_admitted() -> None:
        shown = request.headers.get("Authorization", "")
        admit(request.method, request.path, {"authorization": shown})

    @blueprint.route("/update", methods=["POST"])
    def update() -> Response:
        assert store is not None  # noqa: S101 - it would not have been admitted
        _limit(LONGEST_BODY)
        if request.mimetype == UPDATE:
            sent, parameters = text(request), request.args
        elif request.mimetype == FORM:
            sent, parameters = only("update", request.form), request.form
        else:
            raise UnsupportedMediaType(f"send the update as {UPDATE}, or in a form as {FORM}")
        store.update(
            sent,
            default_graphs=iris("using-graph-uri", parameters),
            named_graphs=iris("using-named-graph-uri", parameters),
        )
        return Response(status=204)

    @blueprint.route("/store", methods=["GET", "PUT", "POST", "DELETE"])
    @blueprint.route("/store/<path:name>", methods=["GET", "PUT", "POST", "DELETE"])
    def graph(name: str = "") -> Response:
        if store is None or read is None:
            raise NotFound("there is no graph store here; ask the graph itself at /sparql")
        if request.method == "POST" and not name and not {"graph", "default"} & set(request.args):
            made = f"{request.base_url}/{uuid.uuid4()}"
            store.add(made, *_uploads(made))
            return Response(status=201, headers={"Location": made})
        target = _target(name)
        if request.method in ("GET", "HEAD"):
            return _read(read, target)
        if request.method == "DELETE":
            if not store.remove(target):
                raise _no_graph(target)
            return Response(status=204)
        change = store.replace if request.method == "PUT" else store.add
        is_new = change(target, *_uploads(target or request.base_url))
        return Response(status=201 if is_new else 204)

    @blueprint.after_request
    def keep_nothing(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def _is_token(shown: str, token: str) -> bool:
    scheme, _, credentials = shown.partition(" ")
    same = hmac.compare_digest(credentials.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


def _writes(method: str, path: str) -> bool:
    """Return whether a request is one to write, or means to be."""
    if path == "/update":
        return method != "OPTIONS"
    return (path == "/store" or path.startswith("/store/")) and method not in _READING


def _limit(longest: int) -> None:
    request.max_content_length = longest
    request.max_form_memory_size = longest


def _target(name: str) -> str | None:
    """Return the IRI of the graph that a request is about, or None for the default graph.

    Raises:
        BadRequest: It names none, several, or one by something that is not an absolute IRI.
    """
    named = request.args.getlist("graph")
    how = [bool(name), "graph" in request.args, "default" in request.args]
    if how.count(True) != 1 or len(named) > 1:
        raise BadRequest(
            "say which graph is meant: ?graph= with its IRI, or ?default, or its own address "
            "below /store/; one of them, once"
        )
    if name:
        return request.base_url
    return iris("graph", request.args)[0] if named else None


def _uploads(base: str) -> Iterator[Upload]:
    """Yield the data of a request: its body, or the files of a form.

    Raises:
        BadRequest: A form has a field that is not a file.
        UnsupportedMediaType: Something is of no form that is read.
    """
    _limit(LONGEST_UPLOAD)
    if request.method == "POST" and request.mimetype == _MULTIPART:
        if request.form or not request.files:
            raise BadRequest("each part of the form has to be a file: give each a file name")
        for _, file in request.files.items(multi=True):
            media_type = _readable(file.mimetype, file.mimetype_params)
            yield Upload(file.read(), media_type, base)
    else:
        media_type = _readable(request.mimetype, request.mimetype_params)
        yield Upload(request.get_data(cache=False), media_type, base)


def _readable(media_type: str, parameters: Mapping[str, str]) -> str:
    charset = parameters.get("charset", "utf-8").lower()
    if media_type not in UPLOADS:
        sent = f"is {media_type!r}" if media_type else "has no Content-Type"
        raise UnsupportedMediaType(f"the data {sent}; send {', '.join(UPLOADS)}")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"the data is sent as {charset}; send it as utf-8")
    return media_type


def _read(read: QueryService, target: str | None) -> Response:
    """Return a graph.

    Raises:
        NotFound: It is not there.
    """
    media_type = wanted(request, list(GRAPHS))
    pattern = "{ ?s ?p ?o }"
    if target is not None:
        pattern = f"{{ GRAPH {ox.NamedNode(target)} {pattern} }}"
        there = read.answer(f"ASK {{ GRAPH {ox.NamedNode(target)} {{}} }}")
        if not json.loads(there.body)["boolean"]:
            raise _no_graph(target)
    answer = read.answer(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {pattern}", graphs=media_type)
    response = Response(answer.body, mimetype=answer.media_type)
    response.vary.add("Accept")
    return response


def _no_graph(target: str | None) -> NotFound:
    return NotFound(f"there is no graph <{target}> here; PUT or POST makes one")

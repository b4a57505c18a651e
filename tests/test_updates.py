"""A store is changed by whoever shows the token, as the protocols say, and by nobody else."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from pharmakon.errors import QueryRefusedError
from pharmakon.stores import Answer
from pharmakon.stores.writable import WritableStore
from pharmakon_server.negotiation import GRAPHS
from pharmakon_server.problems import register_errors
from pharmakon_server.updates import LONGEST_UPLOAD, admission, updates

TOKEN = "sesame-sesame-sesame"  # noqa: S105 - it opens nothing
KNOWN = {"Authorization": f"Bearer {TOKEN}"}

UPDATE = "application/sparql-update"
TURTLE = "text/turtle"
PROBLEM = "application/problem+json"
GRAPH = "http://example.org/graph?a=b&c=é"
NAMED = {"graph": GRAPH}
INSERT = "INSERT DATA { <x:s> <x:p> 1 }"

FORM = "multipart/form-data; boundary=part"
FILE = (
    '--part\r\nContent-Disposition: form-data; name="file"; filename="a.ttl"\r\n'
    "Content-Type: text/turtle\r\n\r\n<x:s> <x:p> 1 .\r\n--part--\r\n"
)


class Reader:
    """Answers queries over the generations of a store, in this process."""

    def __init__(self, store: WritableStore) -> None:
        self._store = store

    def answer(self, query: str, **asking: Any) -> Answer:
        generation = self._store.acquire()
        try:
            found = ox.Store.read_only(str(generation.path)).query(query)
            if isinstance(found, ox.QueryTriples):
                media_type = asking.get("graphs", TURTLE)
                body = found.serialize(format=GRAPHS[media_type])
                return Answer("graph", media_type, body or b"")
            body = found.serialize(format=ox.QueryResultsFormat.JSON)
            return Answer("boolean", "application/sparql-results+json", body or b"")
        finally:
            self._store.release(generation)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WritableStore]:
    with WritableStore(tmp_path_factory.mktemp("data"), timeout=3.0) as store:
        yield store


@pytest.fixture(scope="module")
def app(store: WritableStore) -> Flask:
    app = Flask(__name__)
    app.url_map.merge_slashes = False
    app.register_blueprint(updates(store, TOKEN, Reader(store)))  # type: ignore[arg-type]
    register_errors(app)
    return app


@pytest.fixture
def client(app: Flask, store: WritableStore) -> FlaskClient:
    """A client who shows the token, and an empty store."""
    store.update("DROP ALL")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = KNOWN["Authorization"]
    return client


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def read_only() -> FlaskClient:
    """A client of a server that is not writable."""
    app = Flask(__name__)
    app.register_blueprint(updates(None, None, None))
    register_errors(app)
    return app.test_client()


def everything(store: WritableStore) -> set[ox.Quad]:
    generation = store.acquire()
    try:
        return set(ox.Store.read_only(str(generation.path)))
    finally:
        store.release(generation)


# Who may write.

WRITES = {
    "an update in a form": ("POST", "/update", {"data": {"update": INSERT}}),
    "an update sent directly": ("POST", "/update", {"data": INSERT, "content_type": UPDATE}),
    "an update in an address": ("GET", "/update", {"query_string": {"update": INSERT}}),
    "another method": ("PUT", "/update", {"data": INSERT, "content_type": UPDATE}),
    "a new graph": ("POST", "/store", {"data": "<x:s> <x:p> 1 .", "content_type": TURTLE}),
    "a graph put": ("PUT", "/store?default", {"data": "<x:s> <x:p> 1 .", "content_type": TURTLE}),
    "a graph added to": ("POST", "/store?graph=x:g", {"data": FILE, "content_type": FORM}),
    "a graph removed": ("DELETE", "/store", {"query_string": NAMED}),
    "a graph put directly": ("PUT", "/store/a/b", {"data": "", "content_type": TURTLE}),
    "no method of ours": ("PATCH", "/store?default", {"data": INSERT, "content_type": UPDATE}),
}

SHOWN = {
    "nothing": {},
    "no token": {"Authorization": "Bearer"},
    "an empty token": {"Authorization": "Bearer "},
    "a wrong token": {"Authorization": "Bearer sesame"},
    "a longer token": {"Authorization": f"Bearer {TOKEN}x"},
    "a token that is not ASCII": {"Authorization": "Bearer sésame"},
    "the token as a password": {"Authorization": f"Basic {TOKEN}"},
    "the token alone": {"Authorization": TOKEN},
    "the token in a cookie": {"Cookie": f"Authorization=Bearer {TOKEN}"},
}


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("write", WRITES)
def test_who_does_not_show_the_token_cannot_write(
    stranger: FlaskClient, store: WritableStore, write: str, shown: str
):
    method, path, sent = WRITES[write]
    before = everything(store)

    response = stranger.open(path, method=method, headers=SHOWN[shown], **sent)

    assert response.status_code == 401
    assert response.mimetype == PROBLEM
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "takes the token" in response.json["detail"]
    assert "Access-Control-Allow-Origin" not in response.headers
    assert everything(store) == before


def test_none_of_a_thousand_unauthorised_writes_succeeds(
    client: FlaskClient, stranger: FlaskClient, store: WritableStore
):
    client.put("/store?default", data="<x:s> <x:p> 'kept' .", content_type=TURTLE)
    before, generation = everything(store), store.acquire()
    ways = [(write, shown) for write in WRITES.values() for shown in SHOWN.values()]

    statuses = {
        stranger.open(path, method=method, headers=shown, **sent).status_code
        for i in range(1000)
        for (method, path, sent), shown in [ways[i % len(ways)]]
    }

    assert statuses == {401}
    assert everything(store) == before
    assert store.is_newest(generation), "something was asked of the writer"


class Unread(io.RawIOBase):
    """A body that nobody may read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise AssertionError("the body was read")


@pytest.mark.parametrize("path", ["/update", "/store?default", "/store"])
def test_the_body_is_not_read_before_the_token(stranger: FlaskClient, path: str):
    body = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(10**12), "CONTENT_TYPE": UPDATE}

    response = stranger.post(path, environ_overrides=body)

    assert response.status_code == 401


@pytest.mark.parametrize("write", WRITES)
def test_a_server_that_is_not_writable_refuses_every_write(read_only: FlaskClient, write: str):
    method, path, sent = WRITES[write]

    response = read_only.open(path, method=method, headers=KNOWN, **sent)

    assert response.status_code == 403
    assert "pharmakon serve --writable" in response.json["detail"]


@pytest.mark.parametrize("path", ["/store", "/store?default", "/store/a"])
def test_a_server_that_is_not_writable_has_no_graphs_to_read(read_only: FlaskClient, path: str):
    response = read_only.get(path)

    assert response.status_code == 404
    assert "/sparql" in response.json["detail"]


def test_a_request_is_judged_by_its_head_alone():
    admit = admission(TOKEN)

    assert admit("POST", "/update", {"authorization": f"bearer {TOKEN}"})
    assert admit("GET", "/sparql", {"authorization": f"Bearer {TOKEN}"})
    assert not admit("GET", "/sparql", {"authorization": "Bearer wrong"})
    assert not admit("POST", "/sparql", {})
    assert not admit("GET", "/store/a", {})
    assert not admit("OPTIONS", "/update", {})
    with pytest.raises(QueryRefusedError):
        admission(None)("DELETE", "/store", {"authorization": "Bearer None"})


def test_an_empty_token_is_a_mistake():
    with pytest.raises(ValueError, match="the token is empty"):
        admission(" ")


def test_a_store_and_its_token_go_together(store: WritableStore):
    with pytest.raises(ValueError, match="needs a token"):
        updates(store, None, None)


# Updates.


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"update": INSERT}},
        {"data": INSERT, "content_type": UPDATE},
        {"data": INSERT, "content_type": f"{UPDATE}; charset=UTF-8"},
        {"data": "", "content_type": UPDATE},
    ],
)
def test_an_update_is_made(client: FlaskClient, store: WritableStore, sent: dict[str, Any]):
    response = client.post("/update", **sent)

    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in response.headers
    assert len(everything(store)) == (1 if sent["data"] else 0)


def test_a_request_can_name_the_graphs_that_where_reads(client: FlaskClient, store: WritableStore):
    store.update("INSERT DATA { GRAPH <x:a> { <x:s> <x:p> 1 } GRAPH <x:b> { <x:s> <x:p> 2 } }")
    update = "INSERT { ?s <x:found> ?o } WHERE { ?s <x:p> ?o }"

    direct = client.post(
        "/update?using-graph-uri=x:a", data=update, content_type="application/sparql-update"
    )
    form = client.post("/update", data={"update": update, "using-graph-uri": "x:b"})

    assert (direct.status_code, form.status_code) == (204, 204)
    found = [quad for quad in everything(store) if quad.predicate == ox.NamedNode("x:found")]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("path", "sent", "status", "detail"),
    [
        ("", {"data": {"update": "CLEAR XYZ"}}, 400, "is not expected here"),
        ("", {"data": {"update": "DROP GRAPH <x:none>"}}, 400, "nothing is changed"),
        ("", {"data": {}}, 415, "send the update as"),
        ("", {"data": {"query": INSERT}}, 400, "0 parameters 'update'"),
        ("", {"data": {"update": [INSERT, INSERT]}}, 400, "2 parameters 'update'"),
        ("?update=CLEAR+ALL", {"data": {"a": "b"}}, 400, "0 parameters 'update'"),
        ("", {"data": "update=CLEAR+ALL"}, 415, "send the update as"),
        ("", {"data": INSERT, "content_type": "text/plain"}, 415, "send the update as"),
        ("", {"data": b"\xff", "content_type": UPDATE}, 400, "not UTF-8"),
        (
            "",
            {"data": INSERT.encode("utf-16"), "content_type": f"{UPDATE}; charset=utf-16"},
            415,
            "utf-8",
        ),
        ("?using-graph-uri=a", {"data": INSERT, "content_type": UPDATE}, 400, "using-graph-uri"),
        (
            "?using-graph-uri=x:g",
            {"data": "INSERT {} USING <x:h> WHERE {}", "content_type": UPDATE},
            400,
            "neither USING nor WITH",
        ),
        ("", {"data": "LOAD <http://example.org/>", "content_type": UPDATE}, 403, "LOAD is off"),
        ("", {"data": INSERT + " " * (1 << 20), "content_type": UPDATE}, 413, ""),
        ("", {"data": {"update": INSERT + " " * (1 << 20)}}, 413, ""),
        ("", {"data": "INSERT {} WHERE " + "{" * 50_000, "content_type": UPDATE}, 422, "nested"),
    ],
)
def test_an_update_that_is_not_made_is_told_why(
    client: FlaskClient,
    store: WritableStore,
    path: str,
    sent: dict[str, Any],
    status: int,
    detail: str,
):
    response = client.post(f"/update{path}", **sent)

    assert response.status_code == status, response.text
    assert response.mimetype == PROBLEM
    assert detail in response.json["detail"]
    assert everything(store) == set()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_update_is_posted(client: FlaskClient, method: str):
    assert client.open("/update?update=CLEAR+ALL", method=method).status_code == 405


# Graphs.

ONE, TWO = "<x:s> <x:p> 1 .", "<x:s> <x:p> 2 ."

PLACES = {
    "named": "/store?graph=" + quote(GRAPH, safe=""),
    "direct": "/store/persons/a%20b.ttl",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_graph_comes_and_goes(client: FlaskClient, place: str):
    url = PLACES[place]

    def do(method: str, data: str = "") -> int:
        return client.open(url, method=method, data=data, content_type=TURTLE).status_code

    assert [do("GET"), do("HEAD"), do("DELETE")] == [404, 404, 404]
    assert [do("PUT", ONE), do("PUT", ONE), do("POST", TWO)] == [201, 204, 204]
    assert client.get(url, headers={"Accept": "application/n-triples"}).text.count("\n") == 2
    assert [do("DELETE"), do("GET")] == [204, 404]
    assert [do("POST", TWO), do("PUT", ""), do("GET")] == [201, 204, 200]


def test_the_default_graph_is_always_there(client: FlaskClient):
    statuses = [
        client.open("/store?default", method=method, data=data, content_type=TURTLE).status_code
        for method, data in (("GET", ""), ("PUT", ONE), ("POST", TWO), ("DELETE", ""), ("GET", ""))
    ]

    assert statuses == [200, 204, 204, 204, 200]


def test_the_name_of_a_graph_is_its_address(client: FlaskClient, store: WritableStore):
    client.put("/store/persons/1", data="<> <x:p> <2> .", content_type=TURTLE)

    [quad] = everything(store)
    assert quad == ox.Quad(
        ox.NamedNode("http://localhost/store/persons/1"),
        ox.NamedNode("x:p"),
        ox.NamedNode("http://localhost/store/persons/2"),
        ox.NamedNode("http://localhost/store/persons/1"),
    )
    assert client.get("/store?graph=http://localhost/store/persons/1").status_code == 200


def test_a_new_graph_gets_an_address(client: FlaskClient):
    made = [client.post("/store", data=ONE, content_type=TURTLE) for _ in range(2)]

    places = [response.headers["Location"] for response in made]
    assert [response.status_code for response in made] == [201, 201]
    assert len(set(places)) == 2
    assert all(re.fullmatch(r"http://localhost/store/[0-9a-f-]{36}", place) for place in places)
    assert client.get(places[0]).text.strip() == "<x:s> <x:p> 1 ."


@pytest.mark.parametrize("media_type", GRAPHS)
def test_a_graph_is_read_and_written_in_every_form(
    client: FlaskClient, store: WritableStore, media_type: str
):
    data = '<http://x/s> <http://x/p> "é"@fr , <http://x/o> .'
    client.put("/store", query_string=NAMED, data=data, content_type=TURTLE)

    found = client.get("/store", query_string=NAMED, headers={"Accept": media_type})
    head = client.head("/store", query_string=NAMED, headers={"Accept": media_type})
    again = client.put("/store?graph=x:copy", data=found.data, content_type=found.content_type)

    assert (found.status_code, found.mimetype) == (200, media_type)
    assert (head.status_code, head.mimetype, head.data) == (200, media_type, b"")
    assert "Accept" in found.vary
    assert again.status_code == 201
    copies = [
        {quad.triple for quad in everything(store) if quad.graph_name == ox.NamedNode(iri)}
        for iri in (GRAPH, "x:copy")
    ]
    assert copies[0] == copies[1]
    assert len(copies[0]) == 2


def test_anybody_may_read_a_graph(client: FlaskClient, stranger: FlaskClient):
    client.put("/store?default", data=ONE, content_type=TURTLE)

    assert stranger.get("/store?default").text.strip() == "<x:s> <x:p> 1 ."


def test_a_form_adds_all_of_its_files(client: FlaskClient, store: WritableStore):
    files = [
        (io.BytesIO(b"_:a <x:p> 1 ."), "a.ttl", TURTLE),
        (io.BytesIO(b'_:a <x:p> "1" .'), "b.nt", "application/n-triples"),
    ]

    response = client.post("/store?graph=x:g", data={"file": files})

    assert response.status_code == 201
    assert len({quad.subject for quad in everything(store)}) == 2


def test_a_form_adds_all_of_its_files_or_none(client: FlaskClient, store: WritableStore):
    files = [(io.BytesIO(ONE.encode()), "a.ttl", TURTLE), (io.BytesIO(b"<"), "b.ttl", TURTLE)]

    response = client.post("/store?graph=x:g", data={"file": files})

    assert response.status_code == 400
    assert everything(store) == set()


XML = "application/rdf+xml"
BOMB = '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>'


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "detail"),
    [
        ("GET", "/store", {}, 400, "say which graph is meant"),
        ("PUT", "/store", {"data": ONE, "content_type": TURTLE}, 400, "say which graph"),
        ("DELETE", "/store", {}, 400, "say which graph"),
        ("GET", "/store?default&graph=x:g", {}, 400, "one of them, once"),
        ("GET", "/store?graph=x:g&graph=x:h", {}, 400, "one of them, once"),
        ("GET", "/store/a?graph=x:g", {}, 400, "one of them, once"),
        ("PUT", "/store/a?default", {"data": ONE, "content_type": TURTLE}, 400, "once"),
        ("GET", "/store?graph=a/b", {}, 400, "graph is not an absolute IRI"),
        ("DELETE", "/store?graph=", {}, 400, "graph is not an absolute IRI"),
        ("PUT", "/store?graph=x:a> b", {"data": ONE, "content_type": TURTLE}, 400, "absolute"),
        ("GET", "/store?default", {"headers": {"Accept": "image/png"}}, 406, "Accept with"),
        ("PUT", "/store?default", {"data": ONE}, 415, "has no Content-Type"),
        ("PUT", "/store?default", {"data": ONE, "content_type": "text/html"}, 415, "'text/html'"),
        ("PUT", "/store?default", {"data": ONE, "content_type": "text/n3"}, 415, "text/turtle"),
        (
            "PUT",
            "/store?default",
            {"data": ONE, "content_type": f"{TURTLE}; charset=utf-16"},
            415,
            "send it as utf-8",
        ),
        ("PUT", "/store?default", {"data": "<x:s> <", "content_type": TURTLE}, 400, "upload:1"),
        ("POST", "/store", {"data": "<x:s> <", "content_type": TURTLE}, 400, "upload:1"),
        ("PUT", "/store?default", {"data": BOMB, "content_type": XML}, 400, "DOCTYPE is refused"),
        ("POST", "/store?default", {"data": {"a": "b"}}, 415, "x-www-form-urlencoded"),
        (
            "POST",
            "/store?default",
            {"data": {"a": "b"}, "content_type": "multipart/form-data"},
            400,
            "has to be a file",
        ),
        (
            "POST",
            "/store?default",
            {"data": {"a": (io.BytesIO(b""), "a.exe")}},
            415,
            "send text/turtle",
        ),
        ("PATCH", "/store?default", {"data": ONE, "content_type": TURTLE}, 405, ""),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    client: FlaskClient,
    store: WritableStore,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
    detail: str,
):
    response = client.open(path, method=method, **sent)

    assert response.status_code == status, response.text
    assert response.mimetype == PROBLEM
    assert detail in response.json["detail"]
    assert response.headers.get("Cache-Control") == (None if status == 405 else "no-store")
    assert everything(store) == set()


@pytest.mark.parametrize(
    ("path", "media_type"), [("/store?default", TURTLE), ("/store/a", FORM), ("/store", TURTLE)]
)
def test_data_has_a_size_limit(client: FlaskClient, path: str, media_type: str):
    body = {"CONTENT_LENGTH": str(LONGEST_UPLOAD + 1), "CONTENT_TYPE": media_type}

    response = client.post(path, environ_overrides=body)

    assert response.status_code == 413


def test_a_long_upload_is_taken_whole(client: FlaskClient, store: WritableStore):
    data = "".join(f"<x:{i}> <x:p> {i} .\n" for i in range(20_000))

    assert client.put("/store?graph=x:g", data=data, content_type=TURTLE).status_code == 201
    assert len(everything(store)) == 20_000


def test_what_a_store_holds_outlives_its_server(tmp_path: Path):
    for status in (201, 204):
        with WritableStore(tmp_path) as store:
            app = Flask(__name__)
            app.register_blueprint(updates(store, TOKEN, Reader(store)))  # type: ignore[arg-type]
            response = app.test_client().put(
                "/store/a", data=ONE, content_type=TURTLE, headers=KNOWN
            )

            assert response.status_code == status

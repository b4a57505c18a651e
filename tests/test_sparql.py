"""The endpoint keeps the SPARQL 1.1 Protocol, and shows people what it does."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from pharmakon import KnowledgeGraph, queries
from pharmakon.stores import OxigraphStore, SandboxedQueries
from pharmakon_server import create_app

from .serving import canary, serving

JSON = "application/sparql-results+json"
XML = "application/sparql-results+xml"
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

SELECT = "SELECT ?name { substance:naltrexone rdfs:label ?name }"
ASK = "ASK { substance:naltrexone a pk:Substance }"
CONSTRUCT = "CONSTRUCT WHERE { substance:naltrexone rdfs:label ?name }"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
SERVICE = "SELECT * { SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }"


@pytest.fixture(scope="module")
def app(graph: KnowledgeGraph) -> Iterator[Flask]:
    assert isinstance(graph.store, OxigraphStore)
    with SandboxedQueries(graph.store, timeout=2.0, memory=1 << 30, size=4 << 20) as service:
        yield create_app(graph, service)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# The protocol.


@pytest.mark.parametrize("way", ["get", "post a form", "post it directly"])
def test_a_query_comes_in_three_ways(client: FlaskClient, way: str):
    headers = {"Accept": JSON}
    if way == "get":
        response = client.get("/sparql", query_string={"query": ASK}, headers=headers)
    elif way == "post a form":
        response = client.post("/sparql", data={"query": ASK}, headers=headers)
    else:
        response = client.post("/sparql", data=ASK, content_type=QUERY, headers=headers)

    assert response.status_code == 200
    assert response.json == {"head": {}, "boolean": True}


@pytest.mark.parametrize(
    ("query", "accept", "media_type", "starts"),
    [
        (SELECT, None, JSON, '{"head":{"vars":["name"]}'),
        (SELECT, "*/*", JSON, '{"head":{"vars":["name"]}'),
        (SELECT, JSON, JSON, '{"head":{"vars":["name"]}'),
        (SELECT, "application/json", "application/json", '{"head":'),
        (SELECT, XML, XML, '<?xml version="1.0"?><sparql'),
        (SELECT, "text/csv", "text/csv", "name\r\nnaltrexone\r\n"),
        (
            SELECT,
            "text/tab-separated-values",
            "text/tab-separated-values",
            '?name\n"naltrexone"@en\n',
        ),
        (SELECT, f"text/csv;q=0.1, {XML};q=0.9, {JSON};q=0.5", XML, "<?xml"),
        (ASK, "text/csv", "text/csv", "true"),
        (CONSTRUCT, "*/*", "text/turtle", "@prefix"),
        (
            CONSTRUCT,
            "application/n-triples",
            "application/n-triples",
            "<https://w3id.org/pharmakon/",
        ),
        (CONSTRUCT, "application/n-quads", "application/n-quads", "<https://w3id.org/pharmakon/"),
        (CONSTRUCT, "application/trig", "application/trig", "@prefix"),
        (CONSTRUCT, "application/rdf+xml", "application/rdf+xml", "<?xml"),
        (CONSTRUCT, "application/ld+json", "application/ld+json", "["),
        ("DESCRIBE substance:naltrexone", "text/turtle", "text/turtle", "@prefix"),
    ],
)
def test_the_answer_has_the_form_that_is_accepted(
    client: FlaskClient, query: str, accept: str | None, media_type: str, starts: str
):
    headers = {"Accept": accept} if accept else {}

    response = client.get("/sparql", query_string={"query": query}, headers=headers)

    assert response.status_code == 200, response.text
    assert response.mimetype == media_type
    assert response.text.startswith(starts)
    assert "Accept" in response.vary


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "xml"])
def test_a_link_can_name_the_form(client: FlaskClient, suffix: str):
    response = client.get(
        "/sparql", query_string={"query": SELECT, "format": suffix}, headers=BROWSER
    )

    assert response.status_code == 200
    assert suffix[:3] in response.mimetype or suffix == "tsv"
    assert "naltrexone" in response.text


EMPTY_QUERY = [("query", "")]


@pytest.mark.parametrize(
    ("method", "parameters", "body", "content_type", "status", "detail"),
    [
        ("GET", EMPTY_QUERY, None, None, 400, "the query is empty"),
        (
            "GET",
            [("query", "ASK {}"), ("query", "ASK {}")],
            None,
            None,
            400,
            "2 parameters 'query'",
        ),
        ("GET", [("update", "DROP ALL")], None, None, 403, "updates are off"),
        ("GET", [("query", "DROP ALL")], None, None, 403, "this is an update (DROP)"),
        (
            "GET",
            [("query", "ASK {}"), ("default-graph-uri", "no iri")],
            None,
            None,
            400,
            "default-graph-uri",
        ),
        ("GET", [("query", "ASK {}"), ("named-graph-uri", "")], None, None, 400, "named-graph-uri"),
        ("GET", [("query", "ASK {}"), ("timeout", "soon")], None, None, 400, "timeout is 'soon'"),
        ("GET", [("query", "ASK {}"), ("timeout", "-1")], None, None, 400, "timeout is '-1'"),
        ("GET", [("query", "ASK {}"), ("timeout", "nan")], None, None, 400, "timeout is 'nan'"),
        ("GET", [("query", "ASK {}"), ("format", "exe")], None, None, 406, "format= with json"),
        ("POST", [], b"", FORM, 400, "0 parameters 'query'"),
        ("POST", [("query", "ASK {}")], b"", FORM, 400, "0 parameters 'query'"),
        ("POST", [], b"query=ASK+{}&query=ASK+{}", FORM, 400, "2 parameters 'query'"),
        ("POST", [], b"update=DROP+ALL", FORM, 403, "updates are off"),
        ("POST", [], b"query=DROP+ALL", FORM, 403, "this is an update (DROP)"),
        ("POST", [], b"", QUERY, 400, "the query is empty"),
        ("POST", [], b'ASK { FILTER("\xff"="x") }', QUERY, 400, "not UTF-8 from byte 14 on"),
        (
            "POST",
            [],
            "ASK {}".encode("utf-16"),
            f"{QUERY}; charset=utf-16",
            415,
            "send it as utf-8",
        ),
        ("POST", [], b"DROP ALL", "application/sparql-update", 403, "updates are off"),
        ("POST", [], b"{}", "application/json", 415, "send the query as"),
        ("POST", [], b"ASK {}", None, 415, "send the query as"),
        ("POST", [], b"ASK {} #" + b"x" * (1 << 20), QUERY, 413, ""),
        ("POST", [], b"query=ASK+{}&x=" + b"x" * (1 << 20), FORM, 413, ""),
        ("PUT", [], b"ASK {}", QUERY, 405, ""),
        ("DELETE", [], None, None, 405, ""),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    client: FlaskClient,
    method: str,
    parameters: list[tuple[str, str]],
    body: bytes | None,
    content_type: str | None,
    status: int,
    detail: str,
):
    response = client.open(
        "/sparql?" + urlencode(parameters), method=method, data=body, content_type=content_type
    )

    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    assert detail in response.json["detail"]


@pytest.mark.parametrize(
    ("query", "status", "kind", "members"),
    [
        (
            "SELEC * {",
            400,
            "query-syntax",
            {"line": 1, "column": 1, "hint": "did you mean SELECT?"},
        ),
        (SERVICE, 403, "query-refused", {}),
        (RUNAWAY, 504, "query-timeout", {"limit": 2.0}),
        ("SELECT * { ?a ?b ?c . ?d ?e ?f }", 413, "query-too-large", {"limit": 4 << 20}),
        ("ASK " + "{" * 9000 + "}" * 9000, 422, "query-too-complex", {}),
    ],
)
def test_a_query_that_is_not_answered_is_a_problem(
    client: FlaskClient, query: str, status: int, kind: str, members: dict[str, object]
):
    start = time.monotonic()

    response = client.post("/sparql", data=query, content_type=QUERY)

    assert time.monotonic() - start < 2.5
    assert response.status_code == status, response.text
    assert response.json["type"].endswith(f"/problem/{kind}")
    assert members.items() <= response.json.items()


def test_an_answer_in_no_form_asked_for_is_not_sent(client: FlaskClient):
    for query, accept in ((SELECT, "image/png"), (SELECT, "text/turtle"), (CONSTRUCT, JSON)):
        response = client.get("/sparql", query_string={"query": query}, headers={"Accept": accept})
        assert response.status_code == 406
        assert "the answer has none of the forms asked for" in response.json["detail"]


def test_the_graphs_that_the_request_names_are_asked(client: FlaskClient):
    def count(pattern: str, **graphs: str) -> int:
        parameters = {"query": f"SELECT (COUNT(*) AS ?n) {pattern}", **graphs}
        response = client.get("/sparql", query_string=parameters, headers={"Accept": JSON})
        return int(response.json["results"]["bindings"][0]["n"]["value"])

    curated = "https://w3id.org/pharmakon/graph/curated"
    everything = count("{ ?s ?p ?o }")
    assert 0 < count("{ ?s ?p ?o }", **{"default-graph-uri": curated}) < everything
    assert count("{ ?s ?p ?o }", **{"named-graph-uri": curated}) == 0
    assert count("{ GRAPH ?g { ?s ?p ?o } }", **{"named-graph-uri": curated}) > 0


def test_a_caller_may_ask_for_less_time(client: FlaskClient):
    response = client.get("/sparql", query_string={"query": RUNAWAY, "timeout": "0.2"})

    assert response.status_code == 504
    assert response.json["limit"] == 0.2


def test_a_head_is_a_get_without_its_body(client: FlaskClient):
    response = client.head("/sparql", query_string={"query": ASK}, headers={"Accept": JSON})

    assert (response.status_code, response.mimetype, response.data) == (200, JSON, b"")


def test_any_page_on_the_web_may_ask(client: FlaskClient):
    preflight = client.options(
        "/sparql",
        headers={
            "Origin": "https://example.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    answers = [
        client.get("/sparql", query_string={"query": query}) for query in (ASK, "SELEC", SERVICE)
    ]

    for response in (preflight, *answers):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "accept", ["*/*", "text/turtle", "application/n-triples", "application/rdf+xml"]
)
def test_the_endpoint_describes_itself(client: FlaskClient, accept: str):
    response = client.get("/sparql", headers={"Accept": accept})

    form = ox.RdfFormat.from_media_type(response.mimetype)
    found = {(quad.predicate.value, str(quad.object)) for quad in ox.parse(response.data, form)}
    sd = "http://www.w3.org/ns/sparql-service-description#"
    assert (f"{sd}endpoint", "<http://localhost/sparql>") in found
    assert (f"{sd}feature", f"<{sd}UnionDefaultGraph>") in found
    assert (f"{sd}supportedLanguage", f"<{sd}SPARQL11Query>") in found
    forms = {value for name, value in found if name == f"{sd}resultFormat"}
    assert {
        "<http://www.w3.org/ns/formats/JSON-LD>",
        "<http://www.w3.org/ns/formats/Turtle>",
    } < forms


def test_the_graph_is_described_where_crawlers_look(client: FlaskClient):
    response = client.get("/.well-known/void")

    found = {quad.predicate.value for quad in ox.parse(response.data, ox.RdfFormat.TURTLE)}
    assert {"http://rdfs.org/ns/void#triples", "http://rdfs.org/ns/void#sparqlEndpoint"} < found


def test_federation_reaches_nobody(client: FlaskClient):
    with canary() as (url, was_asked):
        for clause, status in (
            ("SERVICE", 403),
            ("SERVICE SILENT", 403),
            ("serVice#\n", 403),
            ("\\u0053ERVICE", 400),  # the parser takes no escape in a keyword
        ):
            query = f"SELECT * {{ {clause} <{url}> {{ ?s ?p ?o }} }}"
            response = client.post("/sparql", data=query, content_type=QUERY)
            assert response.status_code == status

        assert not was_asked()


# The page.


def page(client: FlaskClient, query: str | None = None, status: int = 200) -> str:
    response = client.get(
        "/sparql", query_string={"query": query} if query else {}, headers=BROWSER
    )
    assert (response.status_code, response.mimetype) == (status, "text/html"), response.text
    return response.text


def test_the_page_has_a_form_and_the_named_queries(client: FlaskClient):
    text = page(client)

    assert '<form action="/sparql">' in text
    assert '<textarea name="query"' in text
    for name in queries.names():
        assert str(escape(queries.load(name).summary)) in text, f"{name} is not among the examples"


def test_the_first_query_of_the_page_has_an_answer(client: FlaskClient):
    text = page(client)
    query = text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]

    shown = page(client, query.replace("&lt;", "<"))

    assert "naltrexone" in shown


def test_an_answer_is_a_table_that_links_to_what_it_names(client: FlaskClient):
    text = page(
        client,
        "SELECT ?s ?name ?n { VALUES (?s ?n) { (substance:naltrexone 1.5) } ?s rdfs:label ?name }",
    )

    assert '<th scope="col">name</th>' in text
    assert '<td><a href="/substance/naltrexone">substance:naltrexone</a></td>' in text
    assert '<td>naltrexone <span class="quiet small">en</span></td>' in text
    assert '<td>1.5 <span class="quiet small">xsd:decimal</span></td>' in text
    assert "1 row" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (ASK, "Yes"),
        ("ASK { substance:naltrexone a pk:Target }", "No"),
        (CONSTRUCT, "substance:naltrexone rdfs:label &#34;naltrexone&#34;@en"),
        ("SELECT ?x {} LIMIT 0", "0 rows"),
        ("SELECT * { BIND(<<( pk:a pk:b 1 )>> AS ?t) }", "&lt;&lt;( pk:a pk:b 1 )&gt;&gt;"),
    ],
)
def test_every_form_of_answer_is_shown(client: FlaskClient, query: str, words: str):
    assert words in page(client, query)


def test_a_long_answer_says_that_it_is_cut_short(client: FlaskClient):
    text = page(client, "SELECT * { ?s ?p ?o } LIMIT 1500")

    assert "1500 rows" in text
    assert "The first 1000 of them are shown." in text
    assert text.count("<tr>") == 1001
    assert "format=csv" in text


def test_what_is_wrong_stands_below_the_query_that_is_kept(client: FlaskClient):
    text = page(client, "SELECT * {\n  ?s oops:p ?o }", 400)

    assert "SELECT * {\n  ?s oops:p ?o }</textarea>" in text
    assert "prefix &#39;oops&#39; is not declared (line 2, column 6)" in text
    assert "  ?s oops:p ?o }\n     ^</pre>" in text
    assert "add PREFIX oops: &lt;…&gt;" in text


@pytest.mark.parametrize(("query", "status"), [(SERVICE, 403), (RUNAWAY, 504)])
def test_a_refused_query_is_kept_too(client: FlaskClient, query: str, status: int):
    assert str(escape(query)) in page(client, query, status)


HOSTILE = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"SELECT ('{HOSTILE}' AS ?x) {{}}", 200),
        (f"SELECT ('{HOSTILE}'@en AS ?x) ('x'^^<http://x/'onload=alert(1)> AS ?y) {{}}", 200),
        (f"CONSTRUCT {{ <http://x/'a> pk:b '{HOSTILE}' }} {{}}", 200),
        (f"SELECT {HOSTILE} {{", 400),
        (f"</textarea>{HOSTILE}", 400),
        (f"# {HOSTILE}\nASK {{}}", 200),
    ],
)
def test_no_query_puts_markup_into_the_page(client: FlaskClient, query: str, status: int):
    text = page(client, query, status)

    assert "<script>alert" not in text
    assert text.count("</textarea>") == 1


@pytest.mark.parametrize(
    "iri", ["javascript:alert(1)", "data:text/html,x", "urn:x:y", "file:///etc/passwd"]
)
def test_only_addresses_of_the_web_are_links(client: FlaskClient, iri: str):
    text = page(client, f"SELECT (<{iri}> AS ?x) {{}}")

    assert f"<td>{iri}</td>" in text
    assert f'href="{iri}"' not in text


def test_triples_nested_too_deeply_for_a_page_are_no_fault(client: FlaskClient):
    steps = " ".join(f"BIND(TRIPLE(pk:a, pk:b, ?t{i}) AS ?t{i + 1})" for i in range(150))

    response = client.get(
        "/sparql",
        query_string={"query": f"SELECT ?t150 {{ BIND(1 AS ?t0) {steps} }}"},
        headers=BROWSER,
    )

    assert response.status_code in (200, 422, 504)


# A real server.


def test_ten_clients_are_served_while_others_run_away(app: Flask):
    slow: list[int] = []
    with serving(app) as url:

        def run_away() -> None:
            slow.append(ask(url, RUNAWAY)[0])

        threads = [threading.Thread(target=run_away) for _ in range(2)]
        for thread in threads:
            thread.start()
        times = []
        for _ in range(10):
            start = time.monotonic()
            status, _ = ask(url, None)
            times.append(time.monotonic() - start)
            assert status == 200
        for thread in threads:
            thread.join()

    assert slow == [504, 504]
    assert max(times) < 1.0, "a page waited for a stranger's query"


def test_a_connection_outlives_an_error(app: Flask):
    with serving(app) as url:
        status, _ = ask(url, "SELECT {")
        assert status == 400
        status, body = ask(url, ASK)

    assert status == 200
    assert json.loads(body)["boolean"] is True


def ask(url: str, query: str | None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        target = "/sparql" + (f"?{urlencode({'query': query})}" if query else "")
        connection.request("GET", target, headers={"Accept": f"{JSON}, text/turtle"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()

"""SERVICE asks the hosts that were allowed, and nobody else; what they answer is only data."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyoxigraph as ox
import pytest
from flask import Flask, Response, request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pharmakon.errors import QueryError, QueryRefusedError, QuerySyntaxError, RemoteError
from pharmakon.namespaces import BASE, PREFIXES
from pharmakon.stores.federation import Federation
from pharmakon.stores.syntax import uses_service

from .serving import answering, canary, serving
from .test_syntax import PIECES

JSON = "application/sparql-results+json"

HERE = """
PREFIX ex: <http://example.org/>
INSERT DATA {
  ex:a ex:knows ex:b , ex:c . ex:b ex:knows ex:c . ex:d ex:knows ex:e . ex:c ex:age 7 .
}"""
THERE = """
PREFIX ex: <http://example.org/> PREFIX pk: <https://w3id.org/pharmakon/ontology#>
INSERT DATA {
  ex:b ex:name "b" , "bee"@en . ex:c ex:name 'it\\'s "c"\\n\\\\' . ex:e ex:name "" .
  ex:b ex:size 1.50 ; pk:treats ex:c . ex:c ex:size 20 .
  <https://w3id.org/pharmakon/z> ex:name "z" .
  ex:b ex:says <<( ex:b ex:size <<( ex:c ex:size 1 )>> )>> .
}"""
ELSEWHERE = """
PREFIX ex: <http://example.org/>
INSERT DATA { ex:b ex:code "B" . ex:e ex:code "E" . ex:x ex:code "X" }"""


def store(*updates: str) -> ox.Store:
    found = ox.Store()
    for update in updates:
        found.update(update)
    return found


def endpoint(held: ox.Store) -> Flask:
    """A SPARQL endpoint in ten lines."""
    app = Flask("endpoint")

    @app.post("/sparql")
    def ask() -> Response:
        result = held.query(request.form.get("query") or request.get_data(as_text=True))
        return Response(result.serialize(format=ox.QueryResultsFormat.JSON), mimetype=JSON)

    return app


@pytest.fixture(scope="module")
def there() -> Iterator[str]:
    with serving(endpoint(store(THERE))) as address:
        yield f"{address}/sparql"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with serving(endpoint(store(ELSEWHERE))) as address:
        yield f"{address}/sparql"


def host(address: str) -> str:
    return address.split("/")[2]


def rows(held: ox.Store, query: str) -> list[str]:
    result = held.query(query, prefixes=PREFIXES, base_iri=BASE)
    names = sorted(str(variable) for variable in result.variables)
    return sorted(str([str(solution[name[1:]]) for name in names]) for solution in result)


EX = "PREFIX ex: <http://example.org/>\n"
SHAPES = [
    EX + "SELECT * {{ {a} {{ ?x ex:name ?name }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y . {a} {{ ?y ex:name ?name }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:name ?name }} . ?y ex:age ?age }}",
    EX + "SELECT * {{ ?x ex:knows ?y OPTIONAL {{ {a} {{ ?y ex:name ?name }} }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:name ?n OPTIONAL {{ ?y ex:size ?size }} }} }}",
    EX + "SELECT * {{ {{ {a} {{ ?x ex:name ?v }} }} UNION {{ ?x ex:age ?v }} }}",
    EX + "SELECT * {{ {a} {{ {{ ?x ex:name ?n }} UNION {{ ?x ex:size ?v }} }} ?y ex:knows ?x }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:size ?s FILTER(?s < 2) }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:size ?s }} FILTER(?s > 2) }}",
    EX + "SELECT * {{ {{ {{ {a} {{ {{ ?y ex:size ?s }} }} }} }} ?x ex:knows ?y }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:name ?n }} {b} {{ ?y ex:code ?code }} }}",
    EX
    + "SELECT * {{ ?x ex:age ?v OPTIONAL {{ {b} {{ ?y ex:code ?c }} {a} {{ ?y ex:size ?s }} }} }}",
    EX + "SELECT ?y (COUNT(*) AS ?n) {{ ?x ex:knows ?y {a} {{ ?y ex:name ?name }} }} GROUP BY ?y",
    EX + "SELECT * {{ ?x ex:knows ?y MINUS {{ {a} {{ ?y ex:size ?s }} }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y FILTER NOT EXISTS {{ {a} {{ ?y ex:size ?s }} }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ SELECT ?y (MAX(?s) AS ?m) {{ ?y ex:size ?s }} "
    "GROUP BY ?y }} }}",
    EX + "SELECT * {{ ?x ex:knows ex:e {a} {{ ex:b ex:size 20 }} }}",
    EX + "SELECT * {{ ?x ex:knows ex:e {a} {{ ex:c ex:size 20 }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:none ?n }} }}",
    EX + "SELECT * {{ ?x ex:knows ?y {a} {{ ?y ex:says ?what }} }}",
    EX + "SELECT * {{ {a} {{ ?x pk:treats ?y }} }}",
    EX + "SELECT * {{ {a} {{ <z> ex:name ?name }} }}",
    EX + "BASE <http://example.org/> PREFIX e: <> "
    "SELECT * {{ {a} {{ <b> e:name ?n }} e:a e:knows <b> }}",
    EX + "SELECT * {{ {a} {{ ?x ex:name 'it\\'s \"c\"\\n\\\\' # }} \n }} # SERVICE <x> {{\n}}",
    EX + "SELECT * {{ {a} {{ ?x ex:name ?n FILTER(?n != '}} SERVICE <http://x/> {{') }} }}",
    EX + "PREFIX service: <http://example.org/> SELECT * {{ {a} {{ ?x service:size ?SERVICE }} }}",
    EX + "SELECT*{{?x ex:knows?y {a}{{?y ex:name?n}}}}",
    EX + "SELECT * {{ {a} {{ ?x ex:size ?s {b} {{ ?x ex:code ?c }} }} }}",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_join_gives_what_one_store_would_give(shape: str, there: str, elsewhere: str):
    federation = Federation([host(there), host(elsewhere)])
    asked = shape.format(a=f"SERVICE <{there}>", b=f"service silent<{elsewhere}>")

    resolved = federation.resolve(asked)

    assert there not in resolved
    assert rows(store(HERE), resolved) == rows(
        store(HERE, THERE, ELSEWHERE), shape.format(a="", b="")
    )


@pytest.mark.parametrize("target", ["<sparql>", "</sparql>", "w:sparql", "w:sparql\\#x", ":"])
def test_a_server_may_be_named_by_what_the_query_declares(target: str, there: str):
    base = there.removesuffix("sparql")
    declared = f"BASE <{base}> VERSION '1.2' PREFIX w: <> PREFIX : <sparql>"
    query = f"{declared} SELECT * {{ SERVICE {target} {{ ?s ?p 20 }} }}"

    assert len(rows(store(), Federation([host(there)]).resolve(query))) == 1


def test_lines_keep_their_numbers(there: str):
    query = f"SELECT *\n{{ SERVICE\n <{there}> {{\n ?s ?p 20 }}\n ?broken }}"

    resolved = Federation([host(there)]).resolve(query)

    assert resolved.splitlines()[4] == " ?broken }"


def test_a_query_without_a_clause_is_left_as_it_is():
    query = "SELECT ?service { ?service ?p 'SERVICE <http://x/> {}' } # SERVICE <http://x/> {}"

    assert Federation([]).resolve(query) == query


#: Clauses that nobody may be asked by, where only example.org and localhost:7 are allowed.
REFUSED = [
    "SERVICE <{url}> {{ ?s ?p ?o }}",
    "SERVICE SILENT <{url}> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org@{host}/> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org:80@{host}/> {{ ?s ?p ?o }}",
    "SERVICE <http://{host}#@example.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://{host}?@example.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://user@example.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org.{host}/> {{ ?s ?p ?o }}",
    "SERVICE <http://evil-example.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://a.example.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org./> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org:8080/> {{ ?s ?p ?o }}",
    "SERVICE <http://example.org:/> {{ ?s ?p ?o }}",
    "SERVICE <http://localhost/> {{ ?s ?p ?o }}",
    "SERVICE <http://localhost:70/> {{ ?s ?p ?o }}",
    "SERVICE <http://[::1]/> {{ ?s ?p ?o }}",
    "SERVICE <http://[::1:7]/> {{ ?s ?p ?o }}",
    "SERVICE <http://ex\u0430mple.org/> {{ ?s ?p ?o }}",
    "SERVICE <http://\uff45xample.org/> {{ ?s ?p ?o }}",
    "SERVICE <http:example.org> {{ ?s ?p ?o }}",
    "SERVICE <http:///example.org> {{ ?s ?p ?o }}",
    "SERVICE <https:/example.org/x> {{ ?s ?p ?o }}",
    "SERVICE <ftp://example.org/> {{ ?s ?p ?o }}",
    "SERVICE <file:///etc/passwd> {{ ?s ?p ?o }}",
    "SERVICE <urn:example.org> {{ ?s ?p ?o }}",
    "SERVICE <//{host}/> {{ ?s ?p ?o }}",
    "SERVICE <x> {{ ?s ?p ?o }}",
    "SERVICE pk:x {{ ?s ?p ?o }}",
    "SERVICE <http:\\u002F\\u002F{host}> {{ ?s ?p ?o }}",
    "SERVICE ?where {{ ?s ?p ?o }}",
    "VALUES ?w {{ <{url}> }} SERVICE SILENT ?w {{ ?s ?p ?o }}",
    "SERVICE <http://example.org/> {{ SERVICE <{url}> {{ ?s ?p ?o }} }}",
    "SERVICE <http://example.org/> {{ {{ }} UNION {{ SERVICE SILENT ?w {{ ?s ?p ?o }} }} }}",
    "SERVICE <http://example.org/> {{ ?s ?p true\\u0053ERVICE <{url}> {{}} }}",
    "SERVICE <http://example.org/> {{ FILTER(1<2)SERVICE#>\n<{url}>{{}} }}",
    "SERVICESILENT<{url}>{{}}",
    "?s ?p trueSERVICE <{url}> {{}}",
    "\\u0053ERVICE <{url}> {{}}",
    "SERVICE:x {{}}",
    "SERVICE",
    "SERVICE {{ }}",
    "SERVICE <{url}> ?s ?p ?o",
]


@pytest.mark.parametrize("clause", REFUSED)
def test_a_clause_that_is_not_allowed_asks_nobody(clause: str, there: str):
    with canary() as (url, was_asked):
        first = f"SERVICE <{there}> {{ ?s ?p ?o }}"
        written = clause.format(url=url, host=host(url))
        federation = Federation(["example.org", "localhost:7", host(there)])

        with pytest.raises(QueryRefusedError, match=r"--allow-federation|cannot be read"):
            federation.resolve(f"SELECT * {{ {first} {written} }}")

        assert not was_asked()


def test_a_refusal_names_line_host_and_switch():
    with pytest.raises(QueryRefusedError) as caught:
        Federation(["example.org"]).resolve("ASK {\n SERVICE <http://evil.org/x> {} }")

    assert str(caught.value).startswith("line 2: SERVICE <http://evil.org/x> asks 'evil.org'")
    assert "--allow-federation HOST" in str(caught.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * { SERVICE <http://example.org/> { ?s ?p ?o ", "has no end"),
        ("SELECT * { SERVICE none:x { ?s ?p ?o } }", "PREFIX none: <…>"),
    ],
)
def test_a_clause_that_is_not_sparql_is_shown(query: str, message: str):
    with pytest.raises(QuerySyntaxError, match=message):
        Federation(["example.org"]).resolve(query)


MORE = [" SERVICE ", " SILENT ", "<http://x/>", "<http://[>", "PREFIX x: ", "BASE ", "x:y", " ?v {"]


def test_one_query_does_not_become_thousands():
    query = "SELECT * { " + "SERVICE <http://example.org/> { } " * 50_000 + "}"

    with pytest.raises(QueryRefusedError, match="more than 16"):
        Federation(["example.org"]).resolve(query)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*PIECES, *MORE]), max_size=20).map("".join))
@example("BASE <http://[> ASK { SERVICE <x> {} }")
@example("ASK { SERVICE <http://[> {} }")
@example("PREFIX SERVICE")
@example("PREFIX x: <http://x/> ASK { SERVICE x: {} }")
def test_any_text_is_left_as_it_is_or_refused(text: str):
    try:
        assert Federation([]).resolve(text) == text
        assert not uses_service(text)
    except (QueryRefusedError, QuerySyntaxError):
        assert uses_service(text)


@pytest.mark.parametrize(
    "given_", ["", "http://x", "x/y", "a@b", "x:", "x:0", "x:99999", "::1", "a..b", "*.x", "x y"]
)
def test_what_is_no_host_cannot_be_allowed(given_: str):
    with pytest.raises(ValueError, match="is not a host"):
        Federation([given_])


@pytest.mark.parametrize(
    ("allowed", "address", "asked"),
    [
        ("Example.ORG", "http://eXample.org", "http://example.org:80/"),
        ("example.org", "https://example.org/a?b=c#d", "https://example.org:443/a?b=c"),
        ("example.org:443", "https://example.org/é", "https://example.org:443/%C3%A9"),
        ("[::1]", "http://[::1]/x%20y", "http://[::1]:80/x%20y"),
        ("[::1]:7", "http://[::1]:7/", "http://[::1]:7/"),
    ],
)
def test_a_host_is_its_name_and_port(
    allowed: str, address: str, asked: str, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[Any, ...]] = []

    def connect(where: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        seen.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(RemoteError) as caught:
        Federation([allowed]).resolve(f"ASK {{ SERVICE <{address}> {{ }} }}")

    assert str(caught.value).startswith(f"{asked} did not answer")
    assert len(seen) == 1
    assert f"//{seen[0][0].join('[]') if ':' in seen[0][0] else seen[0][0]}:{seen[0][1]}/" in asked


def reply(body: bytes, media_type: str = JSON, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{more}Connection: close\r\n\r\n".encode() + body


def say(answer: bytes) -> Callable[[socket.socket], None]:
    """Answer, and read what is left of the request, since to close before would cut the answer."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return behave


def results(variables: list[str], *bindings: dict[str, Any]) -> bytes:
    return json.dumps({"head": {"vars": variables}, "results": {"bindings": bindings}}).encode()


def drip(connection: socket.socket) -> None:
    connection.sendall(reply(b"x" * 1000)[:-1000])
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def nested(count: int) -> bytes:
    iri = '{"type":"uri","value":"http://example.org/a"}'
    start = f'{{"type":"triple","value":{{"subject":{iri},"predicate":{iri},"object":'
    body = start * count + iri + "}}" * count
    return f'{{"head":{{"vars":["x"]}},"results":{{"bindings":[{{"x":{body}}}]}}}}'.encode()


URI, LITERAL = {"type": "uri"}, {"type": "literal"}
ONE = results(["x"], {"x": URI | {"value": "http://example.org/a"}})

#: Answers that are no answer, and what is said of them.
FAILURES = {
    "server error": (reply(b"no", "text/plain", "500 Oops"), "answered 500"),
    "busy": (reply(b"no", "text/plain", "503 Busy"), "answered 503"),
    "not SPARQL": (reply(b"no", "text/plain", "400 Bad"), "refused the query"),
    "a page": (reply(b"<h1>hello</h1>", "text/html"), "text/html"),
    "XML": (reply(b"<sparql/>", "application/sparql-results+xml"), "in place of"),
    "yes": (reply(b'{"head":{},"boolean":true}'), "yes or no"),
    "cut": (reply(ONE[:-9]), "cut off or malformed"),
    "cut at the length": (reply(ONE)[:-9], "did not answer"),
    "no HTTP": (b"hello", "did not answer"),
    "nothing": (b"", "did not answer"),
    "too large": (reply(b" " * 30_000 + ONE), "larger than 20000 bytes"),
    "much of little": (
        reply(results([f"v{i}" for i in range(100)], *[{}] * 100)),
        "more than 20000 bytes",
    ),
    "deep": (reply(nested(60)), "nested too deeply"),
    "IRI": (reply(results(["x"], {"x": URI | {"value": "http://a> } UNION { <http://b"}})), "mal"),
    "relative IRI": (reply(results(["x"], {"x": URI | {"value": "a"}})), "malformed"),
    "variable": (reply(results(["x } UNION { ?y"])), "malformed"),
    "spaces in a variable": (reply(results(["x y"])), "malformed"),
    "a variable twice": (reply(results(["x", "x"])), "malformed"),
    "a variable that is not named": (reply(results([], {"x": URI | {"value": "a:b"}})), "mal"),
    "language": (
        reply(results(["x"], {"x": LITERAL | {"value": "", "xml:lang": "en } {"}})),
        "mal",
    ),
    "datatype": (
        reply(results(["x"], {"x": LITERAL | {"value": "", "datatype": "a:b> {"}})),
        "mal",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_server_that_fails_is_named_unless_it_may_fail(name: str):
    answer, message = FAILURES[name]
    with answering(say(answer)) as address:
        federation = Federation([host(address)], size=20_000)

        with pytest.raises(RemoteError, match=message) as caught:
            federation.resolve(f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}")
        silent = federation.resolve(f"SELECT * {{ SERVICE SILENT <{address}> {{ ?s ?p ?o }} }}")

    assert address in str(caught.value)
    assert rows(store(), silent) == ["[]"]


def test_an_answer_deep_enough_to_end_a_process_is_not_parsed():
    with (
        answering(say(reply(nested(20_000)))) as address,
        pytest.raises(RemoteError, match="nested too deeply"),
    ):
        Federation([host(address)]).resolve(f"ASK {{ SERVICE <{address}> {{ ?s ?p ?o }} }}")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
def test_a_redirect_is_not_followed(status: str):
    with canary() as (url, was_asked):
        answer = reply(b"", status=status, more=f"Location: {url}\r\n")
        with answering(say(answer)) as address:
            federation = Federation([host(address), host(url)])
            query = f"ASK {{ SERVICE <{address}> {{ ?s ?p ?o }} }}"

            with pytest.raises(RemoteError, match=f"has moved to {url}"):
                federation.resolve(query)

        assert not was_asked()


def test_no_proxy_is_asked(there: str, monkeypatch: pytest.MonkeyPatch):
    with canary() as (url, was_asked):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, url)

        Federation([host(there)]).resolve(f"ASK {{ SERVICE <{there}> {{ ?s ?p 20 }} }}")

        assert not was_asked()


@pytest.mark.parametrize("behave", [drip, lambda connection: time.sleep(3)])
def test_the_time_limit_is_for_all_clauses_together(behave: Callable[[socket.socket], None]):
    with answering(behave) as address:
        clause = f"SERVICE SILENT <{address}> {{ ?s ?p ?o }}"
        last = f"SERVICE <{address}> {{ ?s ?p ?o }}"
        start = time.monotonic()

        with pytest.raises(RemoteError, match=r"did not answer within|was not asked"):
            Federation([host(address)]).resolve(f"ASK {{ {clause} {clause} {last} }}", 0.5)

    assert time.monotonic() - start < 4.5, "a server that drips extends the time limit"


def test_blank_nodes_are_refused_even_where_a_server_may_fail():
    body = reply(results(["x"], {"x": {"type": "bnode", "value": "b"}}))
    with (
        answering(say(body)) as address,
        pytest.raises(QueryError, match="blank nodes"),
    ):
        Federation([host(address)]).resolve(f"ASK {{ SERVICE SILENT <{address}> {{ }} }}")


CHARACTERS = st.characters(codec="utf-8")
HOSTILE = st.one_of(
    st.text(CHARACTERS),
    st.lists(
        st.sampled_from(["'", '"', '"""', "\\", "\n", "\r", "\\u0022", "}", "{ ", "#", ">", "\0"])
    ).map("".join),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(HOSTILE, st.sampled_from(["", "en", "ar--rtl"])), max_size=5))
def test_an_answer_cannot_change_the_query(literals: list[tuple[str, str]]):
    terms = [
        {"type": "literal", "value": text} | ({"xml:lang": "en"} if language else {})
        for text, language in literals
    ]
    body = reply(results(["x"], *({"x": term} for term in terms)))

    with answering(say(body)) as address:
        resolved = Federation([host(address)]).resolve(
            f"SELECT ?x {{ SERVICE <{address}> {{ ?s ?p ?x }} }}"
        )

    found = [solution["x"] for solution in store().query(resolved)]
    assert [term.value for term in found] == [text for text, _ in literals]
    assert [bool(term.language) for term in found] == [bool(language) for _, language in literals]

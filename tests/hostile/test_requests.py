"""Whatever is sent, the answer is whole, safe to look at, and from nobody but this server."""

from __future__ import annotations

import atexit
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import pharmakon
from pharmakon import releases
from pharmakon.stores import OxigraphStore

from ..serving import canary
from ..test_sandbox import BOMBS
from .conftest import Start
from .outside import LINK, POLICY, SCRIPT, Answer, Server, message

SEED = 20_261_122

#: Requests of each kind; with those of test_openapi.py and the tables they are 10,000.
MANY = settings(
    max_examples=3500,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"


@pytest.fixture(scope="module")
def server(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data are hostile too."""
    packaged = pharmakon.open("packaged").store
    assert isinstance(packaged, OxigraphStore)
    store = OxigraphStore()
    store.inner.extend(packaged.inner)
    store.add_file(Path(__file__).parents[1] / "data" / "hostile.ttl")
    release = releases.write(store, tmp_path_factory.mktemp("release"))
    limits = ("--query-timeout", "1", "--query-memory", "200")
    with start("--release", str(release), *limits) as server:
        yield server


#: An address that nobody may ask. Its port must be known before the requests are made.
CANARY = socket.create_server(("127.0.0.1", 0))
atexit.register(CANARY.close)
ELSEWHERE = f"http://127.0.0.1:{CANARY.getsockname()[1]}/x"


@pytest.fixture(scope="module", autouse=True)
def nobody_is_asked() -> Iterator[None]:
    """Fail at the end of the file where any request made the server ask the canary."""
    yield
    CANARY.settimeout(0.2)
    with CANARY, pytest.raises(TimeoutError):
        CANARY.accept()


def check(
    server: Server, path: str, method: str, body: bytes | None, named: Mapping[str, str]
) -> Answer:
    """Send a request, and say what is wrong with its answer."""
    sent = message(path, method, body, named)
    answer = server.send(sent, method)
    where = f"seed {SEED}, request {sent[:3000]!r}, answer {answer.status} {answer.body[:300]!r}"
    assert not answer.faults(), f"{answer.faults()}: {where}"
    assert "x-injected" not in answer.headers, f"a header was made of a value: {where}"
    location = answer.headers.get("location", "/")
    assert re.match(r"/(?!/)", location), f"it leads away: {where}"
    return answer


# ── What is sent ─────────────────────────────────────────────────────────────

TEXTS = (
    *("", " ", "0", "-1", "1e999", "9" * 400, "NaN", "٣", "²", "true", "null"),
    *("../../etc/passwd", SCRIPT, f'"><img src=x onerror=alert(1)>{SCRIPT}'),
    *("'onmouseover='alert(1)", "</title>", f"</textarea>{SCRIPT}", LINK, f"{LINK}//%0aalert(1)"),
    *("data:text/html,<script>", "//x.example", "{{ 7*7 }}", "{% raw %}", "${7*7}", "%s%n%d"),
    *("=cmd|'/c calc'!A1", "\u202e\u200b\ufeff", "a\r\nX-Injected: 1", "\x00", "\x7f\x1b[31m"),
    *("\ud800", "\U0010ffff", "é" * 900, "x" * 3000, ELSEWHERE, "file:///etc/passwd"),
    *("javascript:alert(1)", "<", ">", "&", "'", '"', "`", "\\", "substance:hostile"),
    *("naltrexone", "substance:naltrexone", "same name", "hostile", "narcan"),
    *("https://w3id.org/pharmakon/substance/naltrexone", "http://[", "http://a b", "a:b:c", ":"),
    "#",
)

PATHS = (
    *("/", "/{}", "/substance/{}", "/condition/{}", "/statement/{}", "/source/{}", "/product/{}"),
    *("/rule/{}", "/{}/naltrexone", "/substance/{}.ttl", "/substance/naltrexone.{}"),
    *("/static/{}", "/search?q={}", "/search?q=hostile&type={}", "/resolve/{}", "/browse/{}"),
    *("/ontology{}", "/compare?id={}&id=naloxone", "/compare.csv?id={}"),
    *("/compare?id=naltrexone&diff={}", "/graph?id={}", "/graph?id=naltrexone&expand={}"),
    *("/paths?from={}&to=morphine", "/paths?max={}", "/interactions?id={}&id=morphine"),
    *("/queries/{}", "/queries/substance_uses?substance={}", "/sparql?query={}"),
    *("/sparql?query=ASK+%7B%7D&format={}", "/sparql?query=ASK+%7B%7D&csv={}"),
    *("/sparql?query=ASK+%7B%7D&timeout={}", "/sparql?query=ASK+%7B%7D&default-graph-uri={}"),
    *("/sparql?query=ASK+%7B%7D&named-graph-uri={}", "/sparql?update={}", "/sparql?{}=1"),
    *("/api/v1/search?q={}", "/api/v1/search?q=a&limit={}", "/api/v1/search?q=a&type={}"),
    *("/api/v1/resolve?id={}", "/api/v1/entity/{}", "/api/v1/statement/{}"),
    *("/api/v1/compare?id={}", "/api/v1/neighbours?id={}", "/api/v1/paths?from={}&to=x"),
    *("/api/v1/interactions?id={}", "/api/v1/paths?from=naltrexone&to=naloxone&max={}"),
    *("/api/v1/queries/{}", "/api/{}", "/livez?{}", "/readyz/{}", "/metrics?{}", "/update?{}"),
    *("/store?graph={}", "//{}", "/.{}"),
)

#: What a text becomes in an address: encoded, twice, or by hand and wrongly.
ENCODINGS: tuple[Callable[[str], str], ...] = (
    lambda text: quote(text, safe="", errors="surrogatepass"),
    lambda text: quote(quote(text, safe="", errors="surrogatepass"), safe=""),
    lambda text: quote(text, safe="/:?&=#+;,@!$'()*", errors="surrogatepass"),
    lambda text: quote(text, safe="", errors="surrogatepass").lower(),
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace")),
    lambda text: quote(text.encode("utf-16", "surrogatepass"), safe=""),
    lambda _: "%",
    lambda _: "%zz%u0041",
    lambda _: "%ff%fe%c0%af%ed%a0%80",
    lambda _: "..%2f..%2f..%2fetc%2fpasswd%00.html",
    lambda _: "%0d%0aX-Injected:%201",
)

METHODS = (
    *("GET",) * 8,
    *("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW", "get"),
    "X" * 50,
)

ACCEPTS = (
    *("text/html", "text/html", "*/*", "application/json", "text/csv", "text/turtle"),
    *("image/png", "application/problem+json", "text/tab-separated-values"),
    *("application/rdf+xml", "", ";;q=,,/", "text/html;q=0", "text/html;q=9", "*/*;q=0.0001"),
    *("a/b, " * 300, f"{SCRIPT}/x", "text/*;level=1"),
)

HEADERS = (
    *("Host", "Referer", "Origin", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Cookie"),
    *("X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL", "User-Agent"),
    *("If-None-Match", "If-Modified-Since", "If-Match", "Range", "If-Range", "Authorization"),
    *("Accept-Encoding", "Accept-Language", "X-HTTP-Method-Override", "X-Request-Id", "Via"),
    *("Content-Encoding", "Access-Control-Request-Method", "X_Under_Score", "Upgrade", "TE"),
    "Link",
)

VALUES = (
    *("x", "*", "", ELSEWHERE, urlsplit(ELSEWHERE).netloc),
    *(f"for=127.0.0.1;host={ELSEWHERE};proto=x", SCRIPT, "a, b", '"', '"a', "W/", "bytes=0-"),
    *("bytes=9-1,2-3,-", "gzip;q=x, br, identity;q=0", "127.0.0.1, evil.example", "[::1]:80"),
    *("javascript:alert(1)", "Basic \xff", "Bearer x", "DELETE", "a" * 5000, "\xe9\xfc", "\t"),
    *("Mon, 99 Foo 9999 99:99:99 GMT", "evil.example:99999", "h2c"),
    f'<{ELSEWHERE}>; rel="http://www.w3.org/ns/json-ld#context"',
)

TYPES = (
    *(FORM, FORM, QUERY, QUERY, "application/sparql-update", "application/json", "text/turtle"),
    *("application/ld+json", "application/rdf+xml", "multipart/form-data; boundary=x", "", "x"),
    *(f"{QUERY}; charset=utf-16", f"{FORM}; charset={SCRIPT}", "multipart/form-data"),
    "text/html",
)

BODIES = (
    *(b"", b"\x00", b"\xff\xfe", b"query=ASK+%7B%7D", b"query=ASK+%7B%7D&query=ASK+%7B%7D"),
    *(b"update=X", b"ASK {}", b"\xef\xbb\xbfASK {}", "ASK {}".encode("utf-16"), b"query=%ff"),
    *(b"&" * 2000, b"=" * 99),
    *(b"--x\r\nContent-Disposition: form-data; name=query\r\n\r\nASK {}\r\n--x--\r\n", b"--x"),
    *(b"{", b'{"@context": "%s", "@id": "x"}' % ELSEWHERE.encode()),
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "%s">]><r>&x;</r>' % ELSEWHERE.encode(),
    b"LOAD <%s>" % ELSEWHERE.encode(),
)

#: Parts of queries: together most are malformed, some run, and some run too long.
PARTS = (
    *("SELECT *", "SELECT ?s", "ASK", "CONSTRUCT { ?s ?p ?o }", "DESCRIBE ?s", "WHERE", "FROM"),
    *("NAMED", "{", "}", "(", ")", "[", "]", "<<(", ")>>", ".", ";", ",", "?s ?p ?o ."),
    *("?a ?b ?c .", "GRAPH ?g", "FILTER", "BIND", "AS ?x", "OPTIONAL", "UNION", "MINUS"),
    *("VALUES ?x", "EXISTS", "NOT", "SERVICE", "SILENT", "LIMIT 5"),
    *("OFFSET 99999999999999999999", "ORDER BY ?s", "GROUP BY ?s", "HAVING", "'a'", '"""', "'''"),
    *("'\\u0000'", "'\\ud800'", "1", "1e999", "-0.0", "true", "pk:a", "x:y", "_:b", "*", "+"),
    *("|", "^", "!", "/", "&&", "||", "=", "<", ">", "IN", "@en--ltr", "^^xsd:integer", "a"),
    *("COUNT(*)", "REGEX('a', '(a+)+$')", "REPLACE('a', '', 'b')", "NOW()", "UUID()", "STR(?s)"),
    *("#", "\\", "IRI('javascript:hostile')", f"'{SCRIPT}'", f"<{ELSEWHERE}>"),
    *("<file:///etc/passwd>", "<a b>", "PREFIX x: <x:>", "BASE <http://x/>", "VERSION '1.2'"),
    *("LOAD", "DROP ALL", "INSERT DATA {}", "\x00", "\ufeff", "\u202e", "é", "𝒳", "9" * 300),
    *("$x", "??", "? x", ": :", "%", "\r", "\n", "\t"),
)

texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=40))
headers = st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(VALUES), max_size=4)
queries = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(PARTS), max_size=8).map(
        lambda parts: f"SELECT * {{ {' '.join(parts)} }}"
    ),
    texts.map(lambda text: f"SELECT ({json.dumps(text)} AS ?x) ('{SCRIPT}'@en AS ?y) {{}}"),
    texts.map(
        lambda text: (
            f"CONSTRUCT {{ <x:{quote(text, errors='replace')}> rdfs:label '''{text}''' }} {{}}"
        )
    ),
    st.text(max_size=60),
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    encode = draw(st.sampled_from(ENCODINGS))
    return draw(st.sampled_from(PATHS)).format(encode(draw(texts)))


# ── What comes back ──────────────────────────────────────────────────────────

SAFE = {
    "content-type": "text/html",
    "content-security-policy": "; ".join(POLICY),
    "x-request-id": "1",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {}, b""),
        (503, {}, b""),
        (200, {"x-request-id": ""}, b""),
        (200, {"x-content-type-options": ""}, b""),
        (200, {"content-security-policy": "default-src *"}, b""),
        (200, {}, b"<p><script>hostile</script>"),
        (200, {}, b"<p title=''onmouseover='alert(1)'>"),
        (200, {}, b'<a href="javascript:hostile">'),
        (200, {}, b"<a href=' data:text/html,x'>"),
        (200, {}, b"<pre>Traceback (most recent call last)"),
        (400, {"content-type": "text/plain"}, b"no problem document"),
    ],
)
def test_what_is_wrong_is_seen(status: int, headers: dict[str, str], body: bytes):
    assert (
        Answer("", 200, SAFE, b"<p title='onload=1'><a href='/x'>1 &lt; 2</a>", 0.0).faults() == []
    )

    assert Answer("", status, SAFE | headers, body, 0.0).faults()


@seed(SEED)
@MANY
@given(addresses(), st.sampled_from(METHODS), st.sampled_from(ACCEPTS), headers)
def test_whatever_is_asked_for_is_answered_safely(
    server: Server, path: str, method: str, accept: str, named: dict[str, str]
):
    body = b"" if method in ("POST", "PUT", "PATCH") else None

    check(server, path, method, body, {"Accept": accept} | named)


@seed(SEED)
@MANY
@given(queries, st.sampled_from(ACCEPTS), st.sampled_from(("GET", "POST", "FORM")))
def test_whatever_is_queried_is_answered_safely(server: Server, query: str, accept: str, way: str):
    text = query.encode("utf-8", "surrogatepass")
    form = urlencode({"query": text, "timeout": "0.3"})
    path, method, body, type_ = {
        "GET": (f"/sparql?{form}", "GET", None, ""),
        "POST": ("/sparql?timeout=0.3", "POST", text, QUERY),
        "FORM": ("/sparql", "POST", form.encode(), FORM),
    }[way]

    check(server, path, method, body, {"Accept": accept, "Content-Type": type_})


@seed(SEED)
@settings(MANY, max_examples=500)
@given(
    st.sampled_from(("/sparql", "/sparql?query=ASK+%7B%7D", "/search", "/update", "/store", "/")),
    st.sampled_from(("POST", "PUT", "PATCH", "DELETE")),
    st.sampled_from(TYPES),
    st.one_of(st.sampled_from(BODIES), st.binary(max_size=80)),
    headers,
)
def test_whatever_is_sent_is_answered_safely(
    server: Server,
    path: str,
    method: str,
    type_: str,
    body: bytes,
    named: dict[str, str],
):
    check(server, path, method, body, {"Content-Type": type_} | named)


#: Requests that are wrong as a whole: the bytes, and the statuses that are right.
MALFORMED = {
    "no request": (b"\x16\x03\x01\x02 \x01 /\xfc\x03\x03\r\n\r\n", {400}),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", {200, 400}),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    "an address in full": (
        b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        {200, 400, 404},
    ),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 405}),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {200, 400, 404}),
    "space in path": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "script in path": (b"GET /<script>hostile</script> HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "bytes in path": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "a header without colon": (b"GET / HTTP/1.1\r\nHost: x\r\nNonsense\r\n\r\n", {400}),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", {200, 400}),
    "control in header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\x01\r\n\r\n", {400}),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", {400}),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", {200, 400}),
    "two lengths": (
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        {400},
    ),
    "length and chunks": (
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {400, 411},
    ),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", {400}),
    "a huge length": (
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        {400, 413},
    ),
    "an unknown coding": (
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        {400, 501},
    ),
    "many headers": (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2000 + b"\r\n",
        {400, 431},
    ),
    "large headers": (
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 300_000 + b"\r\n\r\n",
        {400, 431},
    ),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
    "a very long address": (b"GET /" + b"a" * 90_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 414}),
    "a long body": (message("/sparql", "POST", b" " * 1_100_000, {"Content-Type": QUERY}), {413}),
    "a long chunked body": (
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
        + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17
        + b"0\r\n\r\n",
        {411},
    ),
    "an old version": (b"GET /livez HTTP/1.0\r\n\r\n", {200, 400}),
    "a version to come": (b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", {400, 505}),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_request_is_refused_and_the_next_is_answered(server: Server, what: str):
    sent, statuses = MALFORMED[what]
    sent = sent.replace(b"Host:", b"Connection: close\r\nHost:", 1)

    answer = server.send(sent, sent.partition(b" ")[0].decode("latin-1"), again=False)

    assert answer.status in statuses, f"{what}: {answer.status}, not one of {statuses}"
    # What is no HTTP at all never reaches the application: its answer says nothing.
    assert not answer.body or not answer.faults(), f"{what}: {answer.faults()}"
    assert server.ask("/livez").status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_request_cannot_be_smuggled_within_another(server: Server, method: str):
    within = b"GET /substance/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server.connect(5.0) as connection:
        connection.sendall(message("/livez", method, within, {}) + last)
        found = b""
        while part := connection.recv(65536):
            found += part

    statuses = re.findall(rb"^HTTP/1.1 (\d+)", found, re.MULTILINE)
    assert len(statuses) == 2, f"the body of one request was read as another: {statuses}"
    assert statuses[1] == b"404"


#: A body that stops before its end, in which what came is a whole query.
CUT_SHORT = {
    "by its length": b"Content-Length: 20\r\n\r\nASK {}",
    "by its chunks": b"Transfer-Encoding: chunked\r\n\r\n6\r\nASK {}\r\n",
    "by a chunk": b"Transfer-Encoding: chunked\r\n\r\n9\r\nASK {}",
    "by nonsense": b"Transfer-Encoding: chunked\r\n\r\n6\r\nASK {}\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("how", CUT_SHORT)
def test_a_body_that_is_cut_short_is_not_run(server: Server, how: str):
    head = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
    with server.connect(5.0) as connection:
        connection.sendall(head + CUT_SHORT[how])
        connection.shutdown(socket.SHUT_WR)

        answer = connection.recv(65536)

    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 411")), (
        f"half a request was run, and could be half an update: {answer[:60]!r}; refuse a body "
        "that is not as long as it said (front.py, _body)"
    )


@pytest.mark.parametrize("path", ["/substance/hostile", "/statement/hostile", "/source/hostile"])
@pytest.mark.parametrize("form", ["text/html", "application/json", "text/csv", "text/turtle"])
def test_hostile_data_are_served_as_what_they_are(server: Server, path: str, form: str):
    answer = check(server, path, "GET", None, {"Accept": form})

    assert answer.headers["content-type"].startswith(form)


# ── No way out ───────────────────────────────────────────────────────────────

#: What could ask another server; {} is its address, and the status is what it is answered.
WAYS_OUT = {
    "service": ("SELECT * {{ SERVICE <{}> {{ ?s ?p ?o }} }}", 403),
    "silent service": ("SELECT * {{ SERVICE SILENT <{}> {{ ?s ?p ?o }} }}", 403),
    "service by variable": ("SELECT * {{ VALUES ?e {{ <{}> }} SERVICE ?e {{ ?s ?p ?o }} }}", 403),
    "escaped service": ("SELECT * {{ \\u0053ERVICE <{}> {{ ?s ?p ?o }} }}", 400),
    "service in a subquery": ("SELECT * {{ {{ SELECT * {{ SERVICE <{}> {{}} }} }} }}", 403),
    "service in exists": ("ASK {{ FILTER EXISTS {{ SERVICE <{}> {{ ?s ?p ?o }} }} }}", 403),
    "service in construct": ("CONSTRUCT {{ ?s ?p ?o }} {{ SERVICE <{}> {{ ?s ?p ?o }} }}", 403),
    "service after a word": ("SELECT * {{ FILTER(true)SERVICE<{}>{{ ?s ?p ?o }} }}", 403),
    "service as a name": ("PREFIX SERVICE: <{}#> SELECT * {{ SERVICE SERVICE:x {{}} }}", 403),
    "service hidden in an iri": ("ASK {{ FILTER(1<2)SERVICE <{}> {{}} #> \n }}", 403),
    "from": ("SELECT * FROM <{}> {{ ?s ?p ?o }}", 200),
    "from named": ("SELECT * FROM NAMED <{}> {{ GRAPH ?g {{ ?s ?p ?o }} }}", 200),
    "a file": ("SELECT * FROM <file:///etc/passwd> FROM <{}> {{ ?s ?p ?o }}", 200),
    "graph": ("SELECT * {{ GRAPH <{}> {{ ?s ?p ?o }} }}", 200),
    "describe": ("DESCRIBE <{}>", 200),
    "iri": ("SELECT (IRI('{}') AS ?x) {{}}", 200),
    "base": ("BASE <{}> SELECT (IRI('x') AS ?x) {{ <a> ?p ?o }}", 200),
    "load": ("LOAD <{}>", 403),
    "silent load": ("LOAD SILENT <{}> INTO GRAPH <x:y>", 403),
    "load after a query": ("SELECT * {{}} ; LOAD <{}>", 400),
    "update with service": ("INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{}> {{ ?s ?p ?o }} }}", 403),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_query_asks_no_other_server(server: Server, way: str):
    query, status = WAYS_OUT[way]
    with canary() as (url, was_asked):
        for sent in asked_in_every_way(query.format(url)):
            answer = server.send(sent, sent.partition(b" ")[0].decode())

            assert not answer.faults(), f"{way}: {answer.faults()} in {answer}"
            assert answer.status == status, f"{way}: {answer.status} to {sent!r}"
            assert b"root:" not in answer.body, f"{way}: it reads files"
        assert not was_asked(), f"{way}: another server was asked; take the socket from workers"


def asked_in_every_way(query: str) -> list[bytes]:
    form = urlencode({"query": query})
    accept = {"Accept": "application/sparql-results+json, text/turtle, application/problem+json"}
    return [
        message(f"/sparql?{form}", "GET", None, accept),
        message("/sparql", "POST", form.encode(), accept | {"Content-Type": FORM}),
        message("/sparql", "POST", query.encode(), accept | {"Content-Type": QUERY}),
        message(f"/sparql?{form}", "GET", None, {"Accept": "text/html"}),
    ]


#: Other places in which an address can stand.
PLACES = (
    "/sparql?query=ASK+%7B%3Fs+%3Fp+%3Fo%7D&default-graph-uri={}",
    "/sparql?update=LOAD+%3C{}%3E",
    *("/sparql?query=ASK+%7B%3Fs+%3Fp+%3Fo%7D&named-graph-uri={}", "/resolve/{}", "/search?q={}"),
    *("/compare?id={}", "/graph?id={}", "/paths?from={}&to={}", "/api/v1/entity/{}", "/{}"),
    *("/api/v1/resolve?id={}", "/queries/substance_uses?substance={}"),
    *("/update?update=LOAD+%3C{}%3E", "/store?graph={}", "/substance/{}", "/static/{}"),
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("accept", ["text/html", "application/ld+json"])
def test_an_address_in_a_request_is_not_asked(server: Server, place: str, accept: str):
    with canary() as (url, was_asked):
        host = urlsplit(url).netloc
        named = {
            "Accept": accept,
            **dict.fromkeys(("Host", "X-Forwarded-Host", "X-Host"), host),
            **dict.fromkeys(("Referer", "Origin", "X-Original-URL", "X-Forwarded-Server"), url),
            "Forwarded": f"for={host};host={host};by={host}",
            "Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"',
        }
        path = place.replace("{}", quote(url, safe=""))

        check(server, path, "GET", None, named)

        assert not was_asked(), f"{path} asked another server"


def test_a_worker_cannot_open_a_socket(server: Server):
    server.query("SELECT (1 AS ?one) {}")

    assert server.workers()
    for worker in server.workers():
        status = Path(f"/proc/{worker}/status").read_text()
        assert "Seccomp:\t2\n" in status, "the kernel refuses it nothing; see confine()"
        assert "NoNewPrivs:\t1\n" in status


@pytest.mark.parametrize("kind", BOMBS)
def test_a_page_about_a_bomb_is_a_page(server: Server, kind: str):
    body = urlencode({"query": BOMBS[kind]}).encode()
    named = {"Content-Type": FORM, "Accept": "text/html"}

    answer = check(server, "/sparql", "POST", body, named)

    assert answer.status in (400, 422, 504), f"{kind}: {answer.status}"

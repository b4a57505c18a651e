"""The front takes what comes from the open web: slow, large, malformed, or gone again."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urlsplit

import pytest

from pharmakon import KnowledgeGraph
from pharmakon.stores import OxigraphStore, SandboxedQueries
from pharmakon_server import create_app
from pharmakon_server.cache import Cache
from pharmakon_server.endpoint import Endpoint
from pharmakon_server.fair_use import FairUse
from pharmakon_server.forwarded import Proxies
from pharmakon_server.front import Front
from pharmakon_server.log import Log
from pharmakon_server.metrics import Metrics

from .serving import command, fronted

NAMES = "SELECT ?name { ?thing a pk:Substance ; rdfs:label ?name } ORDER BY ?name"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
JSON = "application/sparql-results+json"


@dataclass
class Answered:
    """An answer as it came over the wire."""

    status: int
    all_headers: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.all_headers)

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


@dataclass
class Client:
    """Asks a server, each time over a new connection."""

    url: str

    def __call__(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answered:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body, named)
            response = connection.getresponse()
            found = [(name.lower(), value) for name, value in response.getheaders()]
            return Answered(response.status, found, response.read())

    def query(self, query: str, **headers: str) -> Answered:
        return self(f"/sparql?{urlencode({'query': query})}", **({"Accept": JSON} | headers))

    def raw(self, sent: bytes, seconds: float = 5.0) -> bytes:
        """Send bytes as they are, and return what comes back until the server closes."""
        with self.connect() as connection:
            connection.settimeout(seconds)
            connection.sendall(sent)
            found = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while part := connection.recv(65536):
                    found += part
            return found

    def connect(self) -> socket.socket:
        host, port = urlsplit(self.url).netloc.split(":")
        return socket.create_connection((host, int(port)), timeout=20)


@pytest.fixture(scope="module")
def queries(graph: KnowledgeGraph) -> Iterator[SandboxedQueries]:
    assert isinstance(graph.store, OxigraphStore)
    with SandboxedQueries(graph.store, timeout=2.0, memory=1 << 30) as queries:
        yield queries


@contextlib.contextmanager
def served(graph: KnowledgeGraph, queries: SandboxedQueries, **options: object) -> Iterator[Client]:
    endpoint = Endpoint(queries, graph.release, Cache(1 << 20))
    metrics = Metrics()
    app = create_app(graph, endpoint, metrics=metrics)
    front = Front(app, endpoint, metrics=metrics, **options)  # type: ignore[arg-type]
    with fronted(front) as url:
        yield Client(url)


@pytest.fixture(scope="module")
def client(graph: KnowledgeGraph, queries: SandboxedQueries) -> Iterator[Client]:
    with served(graph, queries) as client:
        yield client


# What is the same is not done twice.


def test_an_answer_that_is_kept_is_the_answer(client: Client):
    first, second = client.query(NAMES), client.query(NAMES)

    assert first.status == second.status == 200
    assert first.body == second.body
    assert first.headers["etag"] == second.headers["etag"]


@pytest.mark.parametrize(
    "same",
    [
        NAMES.replace(" ", "\n\t "),
        f"# the names\n{NAMES} # and no more",
        f"  {NAMES}\n",
    ],
)
def test_white_space_and_comments_make_no_other_query(client: Client, same: str):
    assert client.query(same).headers["etag"] == client.query(NAMES).headers["etag"]


@pytest.mark.parametrize(
    ("query", "headers", "extra"),
    [
        (NAMES.replace("?name", "?Name"), {}, ""),
        (NAMES + " LIMIT 1", {}, ""),
        (NAMES, {"Accept": "text/csv"}, ""),
        (NAMES, {}, "&default-graph-uri=https://w3id.org/pharmakon/graph/curated"),
        (NAMES, {}, "&named-graph-uri=https://w3id.org/pharmakon/graph/curated"),
    ],
)
def test_what_changes_the_answer_makes_another_query(
    client: Client, query: str, headers: dict[str, str], extra: str
):
    other = client(f"/sparql?{urlencode({'query': query})}{extra}", **({"Accept": JSON} | headers))

    assert other.status == 200
    assert other.headers["etag"] != client.query(NAMES).headers["etag"]


def test_who_has_the_answer_is_told_so_before_anything_runs(
    graph: KnowledgeGraph, queries: SandboxedQueries
):
    with served(graph, queries) as one, served(graph, queries) as other:
        tag = one.query(NAMES).headers["etag"]
        ran = _figure(other, "pharmakon_query_seconds_count")

        again = other.query(NAMES, If_None_Match=tag)

        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert _figure(other, "pharmakon_query_seconds_count") == ran


@pytest.mark.parametrize("changing", ["NOW()", "RAND()", "UUID()", "STRUUID()"])
def test_what_is_another_value_each_time_is_not_kept(client: Client, changing: str):
    query = f"SELECT ({changing} AS ?value) {{}}"
    first = client.query(query)
    time.sleep(0.01)

    assert first.body != client.query(query).body
    assert "etag" not in first.headers


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/sparql-query", b"SELEC *"),
        ("application/x-www-form-urlencoded", b"query=SELEC+*"),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_what_is_posted_is_what_an_error_is_about(
    client: Client, media_type: str, body: bytes, accept: str
):
    answer = client("/sparql", "POST", body, Content_Type=media_type, Accept=accept)

    assert answer.status == 400
    assert b"did you mean SELECT?" in answer.body


def test_a_page_that_is_kept_is_the_page(client: Client):
    for path in ("/substance/naltrexone", "/search?q=narcan", "/browse"):
        first, again = client(path), client(path)
        data = client(path, Accept="text/turtle")

        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers.keys() == first.headers.keys()
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(again.all_headers) == len(first.all_headers) == len(client(path).all_headers)
        assert data.body != first.body or data.headers["content-type"].startswith("text/html")
        assert client(path, If_None_Match=first.headers["etag"]).status == 304


def test_errors_are_not_kept(client: Client):
    assert client.query(RUNAWAY).status == 504
    assert client.query("SELEC").status == 400
    assert "etag" not in client.query("SELEC").headers


def _figure(client: Client, name: str) -> float:
    lines = client("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


# Forms.


@pytest.mark.parametrize(
    "path", ["/substance/naltrexone", f"/sparql?{urlencode({'query': NAMES})}"]
)
def test_an_answer_is_compressed_for_whoever_takes_it(client: Client, path: str):
    plain = client(path)
    small = client(path, Accept_Encoding="gzip, deflate")

    assert small.headers["content-encoding"] == "gzip"
    assert ("vary", "Accept-Encoding") in small.all_headers
    assert gzip.decompress(small.body) == plain.body
    links = [value for name, value in small.all_headers if name == "link"]
    assert links == [value for name, value in plain.all_headers if name == "link"]
    assert len(small.body) < len(plain.body) / 2
    assert "content-encoding" not in plain.headers
    assert client(path, If_None_Match=small.headers["etag"]).status == 304


def test_head_is_get_without_a_body(client: Client):
    for path in ("/substance/naltrexone", f"/sparql?{urlencode({'query': NAMES})}"):
        head, get = client(path, "HEAD"), client(path)

        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_every_answer_has_a_number_and_an_error_says_it(client: Client):
    for path in ("/", "/nowhere", "/sparql?query=SELEC"):
        assert client(path).headers["x-request-id"]
    wrong = client("/sparql?query=SELEC", Accept="application/json")

    assert wrong.json()["request_id"] == wrong.headers["x-request-id"]


# Whoever goes away, or is slow, costs nobody else.


def test_a_query_ends_when_its_client_goes(graph: KnowledgeGraph):
    assert isinstance(graph.store, OxigraphStore)
    with (
        SandboxedQueries(graph.store, timeout=20.0, workers=1) as queries,
        served(graph, queries) as client,
    ):
        client.query(NAMES)
        with client.connect() as connection:
            path = f"/sparql?{urlencode({'query': RUNAWAY})}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            _until(lambda: queries.running == 1)

        _until(lambda: queries.running == 0)
        assert client.query(NAMES + " LIMIT 2").status == 200
        assert 'outcome="gone"' in client("/metrics").body.decode()


def _until(true: object, seconds: float = 5.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def test_pages_do_not_wait_behind_queries(client: Client):
    client("/substance/naltrexone")
    with ThreadPoolExecutor(40) as pool:
        runaways = [pool.submit(client.query, f"{RUNAWAY} # {i}") for i in range(40)]
        time.sleep(0.2)
        taken = []
        for _ in range(20):
            start = time.perf_counter()
            assert client("/substance/naltrexone", Accept="application/json").status == 200
            taken.append(time.perf_counter() - start)
        ready = client("/readyz")

    assert ready.json()["ready"] is True
    assert sorted(taken)[-2] < 0.5, f"pages took {taken}"
    assert {one.result().status for one in runaways} <= {503, 504}
    assert all("retry-after" in r.headers for one in runaways if (r := one.result()).status == 503)


@pytest.mark.parametrize("what", ["headers", "bodies"])
def test_slow_clients_do_not_stop_a_page(client: Client, what: str):
    head = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
    if what == "bodies":
        head += b"Content-Length: 100000\r\n\r\n"
    client("/livez")
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(client.connect()) for _ in range(300)]
        taken = []
        for turn in range(10):
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.sendall(
                        head if turn == 0 else b"X" if what == "bodies" else b"X: 1\r\n"
                    )
            start = time.perf_counter()
            assert client("/livez").status == 200
            taken.append(time.perf_counter() - start)

    assert max(taken) < 1.0, f"pages took {taken}"


def test_a_client_that_goes_while_its_mistake_is_looked_for_harms_nobody(
    client: Client, queries: SandboxedQueries
):
    wrong = b"SELECT * { " + b"{}" * 45_000 + b" %"
    head = (
        "POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
        f"Content-Length: {len(wrong)}\r\n\r\n"
    )
    for wait in (0.12, 0.16, 0.2, 0.24, 0.28, 0.32, 0.36, 0.4):
        with client.connect() as connection:
            connection.sendall(head.encode() + wrong)
            time.sleep(wait)

    _until(lambda: queries.running == 0)
    assert client.query(f"{NAMES} LIMIT 3").status == 200
    assert client.query(f"{RUNAWAY} # all of its time").status == 504


def test_a_long_query_stops_nobody(client: Client):
    long = b"SELECT * { ?from ?p ?o } " + b"{}" * 480_000
    client("/livez")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            client, "/sparql", "POST", long, Content_Type="application/sparql-query"
        )
        taken = []
        while not asked.done():
            start = time.perf_counter()
            assert client("/livez").status == 200
            taken.append(time.perf_counter() - start)

    assert max(taken) < 0.5, f"pages took {max(taken):.2f} s"
    assert asked.result().status >= 400


def test_a_long_answer_arrives_whole_and_says_how_long_it_is(client: Client):
    query = "SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 15000"
    answer = client.query(query)

    assert len(answer.body) > 1 << 20
    assert len(json.loads(answer.body)["results"]["bindings"]) == 15_000
    assert int(answer.headers["content-length"]) == len(answer.body)


# What is too large, or no HTTP.


@pytest.mark.parametrize(
    ("path", "method", "body", "headers", "status", "says"),
    [
        (f"/search?q={'a' * 9000}", "GET", None, {}, 414, "send a long query by POST"),
        ("/", "GET", None, {"X": "a" * 70_000}, 431, "send fewer"),
        (
            "/sparql",
            "POST",
            b"#" * ((1 << 20) + 1),
            {"Content_Type": "application/sparql-query"},
            413,
            "the body is longer than 1048576 bytes",
        ),
    ],
)
def test_what_is_too_large_is_refused_with_its_limit(
    client: Client,
    path: str,
    method: str,
    body: bytes | None,
    headers: dict[str, str],
    status: int,
    says: str,
):
    answer = client(path, method, body, **({"Accept": "application/json"} | headers))

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in str(answer.json()["detail"])


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
def test_what_is_no_request_is_refused(client: Client, sent: bytes):
    answer = client.raw(sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", ["get", "Post", "FOO", "TRACE"])
def test_there_is_no_way_around_the_front(client: Client, method: str):
    assert client(f"/sparql?{urlencode({'query': NAMES})}", method).status == 405


def test_only_who_may_write_sends_long_bodies(client: Client):
    for path in ("/store", "/storex", "/update", "/search"):
        assert client(path, "POST", b"#" * (2 << 20)).status in (403, 413)


def test_two_headers_are_not_taken_for_one(client: Client):
    plain = f"/sparql?{urlencode({'query': NAMES + ' LIMIT 4'})}"
    head = f"GET {plain} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: */*\r\n"
    odd = client.raw(f"{head}Accept: */*;q=0.1, text/csv\r\n\r\n".encode())

    assert b"content-type: text/csv" in odd
    assert client(plain, Accept="*/*").headers["content-type"] == JSON


def test_a_star_is_no_answer_that_the_client_has(client: Client):
    assert client.query(NAMES, If_None_Match="*").status == 200
    assert client.query("SELEC", If_None_Match="*").status == 400
    assert client("/browse", If_None_Match="*").status == 200


def test_who_refuses_gzip_gets_none(client: Client):
    answer = client("/substance/naltrexone", Accept_Encoding="br, gzip;q=0")

    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("header", "sent", "client"),
    [
        ("x-forwarded-for", {"x-forwarded-for": "192.0.2.1"}, "192.0.2.1"),
        ("x-forwarded-for", {"x-forwarded-for": "192.0.2.1, 198.51.100.2"}, "198.51.100.2"),
        ("x-forwarded-for", {"x-forwarded-for": "192.0.2.1, 127.0.0.1"}, "192.0.2.1"),
        ("x-forwarded-for", {"x-forwarded-for": "192.0.2.1, unknown"}, "127.0.0.1"),
        (
            "x-forwarded-for",
            {"x-forwarded-for": "192.0.2.1", "forwarded": "for=6.6.6.6"},
            "192.0.2.1",
        ),
        ("x-forwarded-for", {"forwarded": "for=6.6.6.6"}, "127.0.0.1"),
        ("forwarded", {"x-forwarded-for": "6.6.6.6", "forwarded": "for=192.0.2.1"}, "192.0.2.1"),
        ("forwarded", {"forwarded": 'for="[2001:db8::1]:80";proto=https'}, "2001:db8::1"),
        ("forwarded", {"forwarded": "for=_hidden"}, "127.0.0.1"),
    ],
)
def test_one_header_of_trusted_proxies_says_who_asks(
    header: Literal["x-forwarded-for", "forwarded"], sent: dict[str, str], client: str
):
    proxies = Proxies(["127.0.0.0/8"], header)

    assert proxies.origin("127.0.0.1", sent).client == client
    assert proxies.origin("203.0.113.5", sent).client == "203.0.113.5"


def test_another_host_is_not_repeated_in_an_address_to_go_to(client: Client):
    answer = client("/resolve/naltrexone", Host="evil.example")

    assert answer.status in (302, 303, 307)
    assert "evil.example" not in answer.headers["location"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"1f\r\n<http://x/a> <http://x/b> 'c' .\r\n0\r\n\r\n", 201),
        (b"1f\r\n<http://x/a> <http://x/b> 'c' .\r\n", 400),
        (b"ff\r\n<http://x/a> <http://x/b> 'c' .", 400),
    ],
)
def test_an_upload_in_chunks_is_whole_or_refused(tmp_path: Path, sent: bytes, status: int):
    token = tmp_path / "token"
    token.write_text("sesame" * 4, "ascii")
    store = ("--writable", str(tmp_path / "data"), "--token-file", str(token))
    head = (
        "PUT /store?graph=http://x/g HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {token.read_text('ascii')}\r\nContent-Type: text/turtle\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    with command("serve", *store) as url:
        client = Client(url)
        with client.connect() as connection:
            connection.sendall(head.encode() + sent)
            if status == 400:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        there = client("/store?graph=http://x/g").status

    assert answer.startswith(f"HTTP/1.1 {status}".encode()) or (status == 400 and not answer)
    assert there == (200 if status == 201 else 404)


# Fair use.


def test_who_uses_too_much_is_told_when_to_come_back(
    graph: KnowledgeGraph, queries: SandboxedQueries
):
    with served(graph, queries, fair_use=FairUse(seconds=0.5, errors=100)) as client:
        assert client.query(RUNAWAY).status == 504
        refused = client.query(NAMES)

        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 60
        assert "0.5 seconds of queries a minute" in str(refused.json()["detail"])
        assert client("/substance/naltrexone").status == 200, "pages are everybody's"


def test_many_short_errors_count_too(graph: KnowledgeGraph, queries: SandboxedQueries):
    with served(graph, queries, fair_use=FairUse(errors=5)) as client:
        found = [client.query(f"SELEC {i}").status for i in range(15)]

    assert found == [400] * 10 + [429] * 5


def test_no_client_has_all_workers(graph: KnowledgeGraph, queries: SandboxedQueries):
    with (
        served(graph, queries, fair_use=FairUse(parallel=1)) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        found = [pool.submit(client.query, f"{RUNAWAY} # {i}") for i in range(4)]

    assert sorted(one.result().status for one in found) == [429, 429, 429, 504]


def test_an_answer_that_is_kept_costs_its_client_nothing(
    graph: KnowledgeGraph, queries: SandboxedQueries
):
    with served(graph, queries, fair_use=FairUse(seconds=0.5)) as client:
        client.query(NAMES)
        assert client.query(RUNAWAY).status == 504

        assert client.query(NAMES).status == 200


@pytest.mark.parametrize(("trusted", "status"), [((), 429), (("127.0.0.1",), 200)])
def test_only_a_trusted_proxy_says_who_asks(
    graph: KnowledgeGraph, queries: SandboxedQueries, trusted: tuple[str, ...], status: int
):
    use, proxies = FairUse(seconds=0.5), Proxies(trusted)
    with served(graph, queries, fair_use=use, proxies=proxies) as client:
        assert client.query(RUNAWAY, X_Forwarded_For="192.0.2.1").status == 504

        assert client.query(NAMES, X_Forwarded_For="192.0.2.2").status == status


# What is seen from outside.


def test_the_log_has_a_line_of_json_for_each_request(
    graph: KnowledgeGraph, queries: SandboxedQueries
):
    file = io.StringIO()
    with Log(file) as log, served(graph, queries, log=log) as client:
        ids = [
            client("/substance/naltrexone?secret=1").headers["x-request-id"],
            client.query(NAMES, X_Forwarded_For="192.0.2.1").headers["x-request-id"],
            client.query("SELEC").headers["x-request-id"],
        ]
    lines = [json.loads(line) for line in file.getvalue().splitlines()]

    assert [line["id"] for line in lines] == ids
    assert [line["status"] for line in lines] == [200, 200, 400]
    assert [line.get("outcome") for line in lines] == [None, "ok", "syntax"]
    assert {line["client"] for line in lines} == {"127.0.0.1"}
    assert "secret" not in file.getvalue()
    assert "SELEC" not in file.getvalue()


def test_the_log_has_queries_where_it_is_asked_to(graph: KnowledgeGraph, queries: SandboxedQueries):
    file = io.StringIO()
    with Log(file) as log, served(graph, queries, log=log, log_queries=True) as client:
        client.query(NAMES)

    assert json.loads(file.getvalue())["query"] == NAMES


def test_what_became_of_queries_is_counted(graph: KnowledgeGraph, queries: SandboxedQueries):
    with served(graph, queries) as client:
        for query in (NAMES, NAMES, "SELEC", RUNAWAY, "ASK { SERVICE <http://x/> {} }"):
            client.query(query)
        figures = client("/metrics").body.decode()

    for outcome, count in (("ok", 1), ("syntax", 1), ("timeout", 1), ("refused", 1)):
        assert f'pharmakon_queries_total{{outcome="{outcome}"}} {count}.0' in figures
    assert 'pharmakon_requests_total{route="sparql",status="200"} 2.0' in figures
    assert "pharmakon_cache_hits 1.0" in figures
    assert "pharmakon_queries_waiting 0.0" in figures


def test_many_clients_at_once_each_get_their_own(client: Client):
    def ask(number: int) -> bool:
        found = client.query(f"SELECT (({number} + 1) AS ?n) {{}}")
        return f'"value":"{number + 1}"'.encode() in found.body

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))


def test_it_stops_while_clients_are_connected(graph: KnowledgeGraph, queries: SandboxedQueries):
    started = threading.active_count()
    with served(graph, queries) as client:
        connection = client.connect()
        client("/livez")
    connection.close()

    _until(lambda: threading.active_count() <= started + 1)

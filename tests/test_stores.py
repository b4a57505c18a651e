"""Every store answers alike, wherever the graph is kept; what goes wrong names its place."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import KnowledgeGraph
from pharmakon.errors import (
    LoadError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTooLargeError,
    ReleaseError,
    RemoteError,
)
from pharmakon.namespaces import GRAPH, PK, RDF, SUBSTANCE
from pharmakon.stores import OxigraphStore, RemoteStore, SandboxedQueries, Store
from pharmakon_server import create_app

from .serving import answering, serving

DATA = """
PREFIX pk: <https://w3id.org/pharmakon/ontology#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX substance: <https://w3id.org/pharmakon/substance/>
PREFIX graph: <https://w3id.org/pharmakon/graph/>

GRAPH graph:curated {
  substance:naltrexone a pk:Substance ; rdfs:label "naltrexone"@en ; pk:agonistOf [] .
  substance:naloxone a pk:Substance .
}
GRAPH graph:inferred { substance:naloxone pk:memberOf substance:opioid-antagonist }
"""


@pytest.fixture(params=["in memory", "on disk", "on another server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same five quads in each kind of store."""
    memory = OxigraphStore()
    memory.inner.load(DATA, ox.RdfFormat.TRIG)
    if request.param == "in memory":
        yield memory
    elif request.param == "on disk":
        yield on_disk(memory, tmp_path / "store")
    else:
        with (
            SandboxedQueries(memory) as queries,
            serving(create_app(KnowledgeGraph(memory, "test"), queries)) as url,
        ):
            yield RemoteStore(f"{url}/sparql")


def on_disk(store: OxigraphStore, path: Path) -> OxigraphStore:
    written = ox.Store(str(path))
    written.bulk_extend(store.quads())
    written.flush()
    del written
    return OxigraphStore.read_only(path)


def test_every_quad_is_counted(store: Store):
    assert len(store) == 5


def test_a_row_has_only_the_variables_that_have_a_value(store: Store):
    rows = store.select(
        "SELECT ?s ?l { ?s a pk:Substance OPTIONAL { ?s rdfs:label ?l } } ORDER BY ?s"
    )

    assert list(rows) == [
        {"s": SUBSTANCE["naloxone"]},
        {"s": SUBSTANCE["naltrexone"], "l": ox.Literal("naltrexone", language="en")},
    ]


def test_the_default_graph_is_the_union_of_all(store: Store):
    assert store.ask("ASK { substance:naloxone a pk:Substance ; pk:memberOf ?class }")


def test_no_triple_is_in_two_graphs(graph: KnowledgeGraph):
    assert isinstance(graph.store, OxigraphStore)
    found = Counter(quad.triple for quad in graph.store.quads())

    twice = [str(triple) for triple, count in found.items() if count > 1]
    assert not twice, (
        "Oxigraph 0.5 gives a triple of two graphs twice in their union, so counts are wrong "
        f"(oxigraph#1919); let the build write it to one graph: {twice[:5]}"
    )


def test_a_query_that_names_its_graph_sees_no_other(store: Store):
    assert not store.ask("ASK FROM graph:curated { ?s pk:memberOf ?class }")


def test_a_triple_is_constructed_once(store: Store):
    triples = list(store.construct("CONSTRUCT { ?s a ?t } WHERE { ?s a ?t ; ?p ?o }"))

    assert len(triples) == 2
    assert ox.Triple(SUBSTANCE["naloxone"], RDF["type"], PK["Substance"]) in triples


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ("select", "ASK {}"),
        ("select", "CONSTRUCT WHERE { ?s ?p ?o }"),
        ("construct", "SELECT * {}"),
        ("ask", "SELECT * {}"),
        ("ask", "DESCRIBE substance:naloxone"),
    ],
)
def test_a_query_of_another_form_is_an_error(store: Store, form: str, query: str):
    with pytest.raises(QueryError, match="the query has to be"):
        getattr(store, form)(query)


def test_a_malformed_query_is_shown_with_a_caret(store: Store):
    with pytest.raises(QuerySyntaxError) as caught:
        store.select("SELECT ?s WHERE {\n  ?s oops:label ?l .\n}")

    error = caught.value
    assert (error.line, error.column) == (2, 6)
    assert error.excerpt == "  ?s oops:label ?l .\n     ^"
    assert "prefix 'oops' is not declared" in str(error)
    assert error.hint == "add PREFIX oops: <…>"


def test_a_fault_on_the_first_line_is_found_behind_prefixes(store: Store):
    with pytest.raises(QuerySyntaxError) as caught:
        store.ask("ASK { ?s pk:treats pk:a pk:b pk:c }")

    assert (caught.value.line, caught.value.column) == (1, 25)


def test_a_file_is_loaded_into_its_graph(tmp_path: Path):
    path = tmp_path / "a.ttl"
    path.write_text("@prefix x: <http://example.org/> . x:a x:b x:c .")
    store = OxigraphStore()

    store.add_file(path, GRAPH["curated"])

    assert [quad.graph_name for quad in store.quads()] == [GRAPH["curated"]]


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        (
            "a.ttl",
            "@prefix x: <http://x/> .\n\nx:a x:b y:c .\n",
            3,
            "prefix y: has not been declared",
        ),
        ("b.ttl", '<http://x/a> <http://x/b> "c\n', 1, ""),
        ("c.ttl", "<a> <b> <c> .", 1, "No scheme found"),
        ("d.md", "# no", None, "format"),
        ("absent.ttl", None, None, "No such file"),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    tmp_path: Path, name: str, text: str | None, line: int | None, reason: str
):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    store = OxigraphStore()

    with pytest.raises(LoadError) as caught:
        store.add_file(path)

    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert reason in caught.value.reason
    assert len(store) == 0


def test_the_same_content_is_dumped_as_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.ttl").write_text(
            f"@prefix x: <http://x/> . x:{name} x:b [ x:c x:{name} ] , [ x:d 1 ] ."
        )
    dumps = []
    for order in (("one", "two"), ("two", "one")):
        store = OxigraphStore()
        for name in order:
            store.add_file(tmp_path / f"{name}.ttl")
        dumps.append(store.dump())

    assert dumps[0] == dumps[1]
    assert dumps[0].count(b"\n") == 8


@pytest.mark.parametrize("damage", ["absent", "empty", "cut"])
def test_a_damaged_store_is_not_opened(tmp_path: Path, damage: str):
    path = tmp_path / "store"
    if damage != "absent":
        path.mkdir()
    if damage == "cut":
        (path / "CURRENT").write_text("MANIFEST-000001\n")

    with pytest.raises(ReleaseError, match=r"no store can be opened there .* build the release"):
        OxigraphStore.read_only(path)


# A server that does not do what it should.


def say(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def reply(media_type: str, body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


def hang(connection: socket.socket) -> None:
    while connection.recv(65536):  # the rest of the request, and then nothing until it gives up
        pass


def drip(text: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    return behave


def flood(connection: socket.socket) -> None:
    connection.sendall(reply("application/sparql-results+json", b"", length=1 << 30))
    with contextlib.suppress(OSError):
        for _ in range(1 << 10):
            connection.sendall(b" " * (1 << 20))


JSON = "application/sparql-results+json"
ROWS = b'{"head":{"vars":["s"]},"results":{"bindings":[{"s":{"type":"uri","value":"http://x/a"}}]}}'


@pytest.mark.parametrize(
    ("behave", "error", "words"),
    [
        (hang, RemoteError, "did not answer within 0.5 s"),
        (drip(reply(JSON, ROWS)), RemoteError, "did not answer within 0.5 s"),
        (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 50), RemoteError, "did not answer within 0.5 s"),
        (say(b""), RemoteError, "did not answer .* check the address"),
        (say(b"\x00\xff nonsense\r\n\r\n"), RemoteError, "did not answer .* check the address"),
        (say(reply("text/html", b"<h1>Sorry</h1>")), RemoteError, "text/html in place of .* Sorry"),
        (say(reply(JSON, ROWS[:50])), RemoteError, "cut off or malformed"),
        (
            say(reply(JSON, ROWS[:50], length=len(ROWS))),
            RemoteError,
            "did not answer .*more expected",
        ),
        (say(reply(JSON, b"<!DOCTYPE x>")), RemoteError, "cut off or malformed"),
        (say(reply("application/xml", b"<a/>")), RemoteError, "application/xml in place of"),
        (say(reply("text/plain", b"boom", "500 Oh")), RemoteError, "500 Oh: boom"),
        (say(reply("text/plain", b"", "401 No")), RemoteError, "401 No"),
        (say(reply("text/plain", b"what?", "400 Bad")), QuerySyntaxError, "what\\?"),
        (
            say(b"HTTP/1.1 301 Moved\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n"),
            RemoteError,
            "has moved to http://other/",
        ),
        (
            say(reply("application/problem+json", b'{"detail": "off"}', "403 Forbidden")),
            QueryRefusedError,
            "off",
        ),
        (say(reply("application/problem+json", b"[", "503 Busy")), RemoteError, "503 Busy"),
        (flood, QueryTooLargeError, "larger than 1000000 bytes"),
    ],
)
def test_a_faulty_server_is_named_with_what_to_do(
    behave: Callable[[socket.socket], None], error: type[Exception], words: str
):
    with answering(behave) as url:
        store = RemoteStore(url, timeout=0.5, size=1_000_000)
        start = time.monotonic()

        with pytest.raises(error, match=words):
            list(store.select("SELECT * { ?s ?p ?o }"))

        assert time.monotonic() - start < 1.0, "the time limit of 0.5 s did not hold"


def test_a_server_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(RemoteError, match=f"127.0.0.1:{port}.*check the address"):
        RemoteStore(f"http://127.0.0.1:{port}/").ask("ASK {}")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "x", "http://", ""])
def test_only_an_http_address_is_asked(url: str):
    with pytest.raises(ValueError, match="give an http"):
        RemoteStore(url)


def test_a_strangers_query_is_checked_before_it_is_passed_on():
    with answering(hang) as url, pytest.raises(QueryRefusedError, match="federation"):
        RemoteStore(url).answer("SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }")


@pytest.mark.parametrize(
    ("query", "results", "graphs", "form", "start"),
    [
        ("SELECT ?s { ?s rdfs:label ?l }", JSON, "text/turtle", "solutions", b'{"head":'),
        ("SELECT ?s { ?s rdfs:label ?l }", "text/csv", "text/turtle", "solutions", b"s\r\nhttps:"),
        ("ASK {}", "application/sparql-results+xml", "text/turtle", "boolean", b"<?xml"),
        ("DESCRIBE pk:x", JSON, "application/n-triples", "graph", b""),
        ("CONSTRUCT { pk:a pk:b 1 } {}", JSON, "text/turtle", "graph", b"@prefix"),
    ],
)
def test_another_servers_answer_is_passed_on_in_the_form_asked_for(
    query: str, results: str, graphs: str, form: str, start: bytes
):
    memory = OxigraphStore()
    memory.inner.load(DATA, ox.RdfFormat.TRIG)
    with (
        SandboxedQueries(memory) as queries,
        serving(create_app(KnowledgeGraph(memory, "test"), queries)) as url,
    ):
        answer = RemoteStore(f"{url}/sparql").answer(query, results=results, graphs=graphs)

    assert answer.form == form
    assert answer.media_type == (graphs if form == "graph" else results)
    assert answer.body.startswith(start)


@pytest.mark.parametrize("before", ["", "\ufeff", '<?xml version="1.0"?>\n<!-- a -->\n'])
def test_rdf_xml_with_a_doctype_is_refused(tmp_path: Path, before: str):
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    bomb = f'<!DOCTYPE rdf:RDF [<!ENTITY e0 "x">{entities}]>\n<a>&e9;</a>'
    file = tmp_path / "bomb.rdf"
    file.write_text(before + bomb, "utf-8")
    store = OxigraphStore()

    with pytest.raises(LoadError, match="DOCTYPE is refused"):
        store.add_file(file)

    assert len(store) == 0

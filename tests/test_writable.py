"""A store that is changed loses nothing that it acknowledged, and nothing else with a change."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from pharmakon.errors import (
    LoadError,
    PharmakonError,
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    ReleaseError,
)
from pharmakon.stores.update_syntax import with_graphs
from pharmakon.stores.writable import Upload, WritableStore

from .serving import canary

LINUX = sys.platform == "linux"

#: How much later than its limit a change may be answered, in seconds.
SLACK = 0.5

GRAPH = "http://example.org/graph"

VALUES = [f"VALUES ?v{i} {{ {' '.join(map(str, range(300)))} }}" for i in range(4)]
RUNAWAY = (
    f"INSERT {{ <x:s> <x:p> ?n }} WHERE {{ SELECT (COUNT(*) AS ?n) {{ {' '.join(VALUES)} }} }}"
)

DEEP = 20_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WritableStore]:
    """An empty store with a time limit of three seconds."""
    with WritableStore(tmp_path, timeout=3.0) as store:
        yield store


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WritableStore]:
    """A store with one triple, for changes that are not made."""
    with WritableStore(tmp_path_factory.mktemp("lasting"), timeout=2.0) as store:
        store.update("INSERT DATA { <x:s> <x:p> 'kept' }")
        yield store


def read(store: WritableStore, pattern: str = "?s ?p ?o") -> list[tuple[str, ...]]:
    """Return the solutions of a pattern in the newest generation, sorted."""
    variables = " ".join(dict.fromkeys(re.findall(r"[?]\w+", pattern))) or "*"
    generation = store.acquire()
    try:
        found = ox.Store.read_only(str(generation.path)).query(
            f"SELECT {variables} {{ {pattern} }}"
        )
        assert isinstance(found, ox.QuerySolutions)
        return sorted(tuple(str(term) for term in solution) for solution in found)
    finally:
        store.release(generation)


def assert_well(store: WritableStore) -> None:
    assert read(store) == [("<x:s>", "<x:p>", '"kept"')]
    store.update("INSERT DATA { <x:s> <x:p> 'more' }")
    store.update("DELETE DATA { <x:s> <x:p> 'more' }")


# What is written is there.


def test_an_update_is_seen_by_whoever_reads_after_it(store: WritableStore):
    store.update("INSERT DATA { substance:ethanol rdfs:label 'ethanol' }")

    assert read(store) == [
        (
            "<https://w3id.org/pharmakon/substance/ethanol>",
            "<http://www.w3.org/2000/01/rdf-schema#label>",
            '"ethanol"',
        )
    ]


def test_the_default_graph_is_not_the_union(store: WritableStore):
    store.update(f"INSERT DATA {{ <x:s> <x:p> 1 . GRAPH <{GRAPH}> {{ <x:s> <x:p> 2 }} }}")

    assert len(read(store, "?s ?p ?o")) == 1
    assert len(read(store, "GRAPH ?g { ?s ?p ?o }")) == 1


def test_an_update_of_several_operations_is_made_whole_or_not_at_all(store: WritableStore):
    with pytest.raises(QueryError, match="nothing is changed: The graph <x:none> does not exist"):
        store.update("INSERT DATA { <x:s> <x:p> 1 }; DROP GRAPH <x:none>")

    assert read(store) == []


def test_a_store_is_as_it_was_when_it_is_opened_again(tmp_path: Path):
    with WritableStore(tmp_path) as store:
        store.update("INSERT DATA { <x:s> <x:p> 1 }")

    with WritableStore(tmp_path) as store:
        assert len(read(store)) == 1


def test_what_is_acknowledged_needs_nothing_that_is_not_on_the_disk(
    store: WritableStore, tmp_path: Path
):
    # RocksDB's log is written without being synced: what is only there is lost with the power.
    for i in range(5):
        store.update(f"INSERT DATA {{ <x:s> <x:p> {i} }}")
        left = tmp_path / f"left-{i}"
        shutil.copytree(store.directory / "store", left, ignore=shutil.ignore_patterns("*.log"))

        assert len(ox.Store.read_only(str(left))) == i + 1


def test_four_clients_make_800_increments():
    increment = """DELETE { <x:counter> <x:is> ?n } INSERT { <x:counter> <x:is> ?m }
                   WHERE { <x:counter> <x:is> ?n BIND(?n + 1 AS ?m) }"""
    # Where a disk need not be waited for, since it is not what this is about.
    memory = "/dev/shm" if LINUX else None  # noqa: S108
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        WritableStore(folder) as store,
        ThreadPoolExecutor(4) as clients,
    ):
        store.update("INSERT DATA { <x:counter> <x:is> 0 }")

        for _ in clients.map(store.update, [increment] * 800):
            pass

        assert read(store, "<x:counter> <x:is> ?n") == [
            ('"800"^^<http://www.w3.org/2001/XMLSchema#integer>',)
        ]


# Processes are killed.

SERVER = """
import os, sys
from pharmakon.stores.writable import Upload, WritableStore
for line in sys.stdin:
    server = os.fork()
    if server:
        os.write(1, f"server {server}\\n".encode())
        os.waitpid(server, 0)
        os.write(1, b"end\\n")
        continue
    os.setsid()
    store = WritableStore(sys.argv[1])
    for n in range(int(line), 1_000_000):
        store.update(f"INSERT DATA {{ <x:{n}> <x:left> 1 }}; INSERT DATA {{ <x:{n}> <x:right> 1 }}")
        if n % 3 == 0:
            data = "".join(f"<x:{i}> <x:of> {n} .\\n" for i in range(20))
            store.replace("x:graph", Upload(data.encode()))
            store.add(f"x:graph-{n}", Upload(data.encode()))
        os.write(1, f"done {n}\\n".encode())
"""


def test_fifty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path):
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    done = -1
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", SERVER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as servers:
        assert servers.stdin is not None
        assert servers.stdout is not None
        for _ in range(50):
            print(done + 1, file=servers.stdin)
            server = int(servers.stdout.readline().split()[1])
            first = int(servers.stdout.readline().split()[1])
            time.sleep(chance.uniform(0, 0.12))
            os.killpg(server, signal.SIGKILL)
            said = [line.split() for line in iter(servers.stdout.readline, "end\n")]
            done = max([first, *(int(words[1]) for words in said)])

            store = ox.Store.read_only(str(tmp_path / "store"))
            left, right = (
                {q.subject.value for q in store.quads_for_pattern(None, ox.NamedNode(p), None)}
                for p in ("x:left", "x:right")
            )
            values = [q.object.value for q in store.quads_for_pattern(None, OF, None, X_GRAPH)]

            assert left == right, "an update was made in part"
            assert left >= {f"x:{n}" for n in range(done + 1)}, "an acknowledged update is lost"
            assert (len(values), len(set(values))) == (20, 1), "a graph was replaced in part"
            assert int(values[0]) >= done // 3 * 3
            graphs = {graph.value: count(store, graph) for graph in store.named_graphs()}
            assert set(graphs.values()) == {20}, "data was added to a graph in part"
            assert graphs.keys() >= {f"x:graph-{n}" for n in range(0, done + 1, 3)}
        servers.stdin.close()
    assert done >= 50


def count(store: ox.Store, graph: ox.NamedNode | ox.BlankNode) -> int:
    return len(list(store.quads_for_pattern(None, None, None, graph)))


OF, X_GRAPH = ox.NamedNode("x:of"), ox.NamedNode("x:graph")


@pytest.mark.parametrize("busy", [False, True])
def test_the_writer_ends_with_its_server(tmp_path: Path, busy: bool):
    script = f"""
import sys, threading
from pharmakon.stores.writable import WritableStore
store = WritableStore(sys.argv[1], timeout=60)
store.start()
if {busy}:
    threading.Thread(target=store.update, args=({RUNAWAY!r},)).start()
print(store._writer._process.pid, flush=True)
input()
"""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        time.sleep(0.3 * busy)

        server.kill()

        with WritableStore(tmp_path) as store:
            store.start()  # it would find the lock of the other writer


@pytest.mark.parametrize("when", ["idle", "busy"])
def test_a_writer_that_was_ended_is_started_again(lasting: WritableStore, when: str):
    lasting.start()
    assert lasting._writer is not None
    process = lasting._writer._process
    if when == "busy":
        threading.Timer(0.3, process.kill).start()
        with pytest.raises(QueryBusyError, match="ended from outside"):
            lasting.update(RUNAWAY)
    else:
        process.kill()
        process.wait()

    assert_well(lasting)


# Changes end when they must.


def test_a_runaway_is_ended_in_time_and_changes_nothing(lasting: WritableStore):
    start = time.monotonic()

    with pytest.raises(QueryTimeoutError, match="its time limit of 1 s"):
        lasting.update(f"INSERT DATA {{ <x:s> <x:p> 'lost' }}; {RUNAWAY}", timeout=1.0)

    assert time.monotonic() - start < 1.0 + SLACK
    assert_well(lasting)


def test_who_reads_does_not_wait_for_who_writes(lasting: WritableStore):
    with ThreadPoolExecutor(1) as other:
        running = other.submit(lasting.update, RUNAWAY)
        time.sleep(0.2)
        start = time.monotonic()

        found = read(lasting)

        assert time.monotonic() - start < SLACK
        assert found == [("<x:s>", "<x:p>", '"kept"')]
        assert not running.done()
        assert isinstance(running.exception(), QueryTimeoutError)


def test_few_changes_wait_for_a_long_one(lasting: WritableStore):
    with ThreadPoolExecutor(12) as clients:
        waiting = [clients.submit(lasting.update, RUNAWAY, timeout=1.0) for _ in range(12)]
        errors = [future.exception() for future in waiting]

    assert sum("wait already" in str(error) for error in errors) == 3
    assert all(isinstance(error, QueryBusyError | QueryTimeoutError) for error in errors)
    assert_well(lasting)


@pytest.mark.skipif(not LINUX, reason="only Linux limits the memory of a change")
def test_memory_is_bounded(tmp_path: Path):
    with WritableStore(tmp_path, memory=200 << 20) as store:
        with pytest.raises(QueryTooComplexError, match="needs more memory than it may have"):
            store.update(
                f"INSERT {{ ?b <x:p> 1 }} WHERE {{ {' '.join(VALUES[:3])} BIND(BNODE() AS ?b) }}"
            )

        assert read(store) == []


#: Updates that end the process that parses them.
BOMBS = {
    "groups": "INSERT { ?s ?p 1 } WHERE " + "{" * DEEP + "}" * DEEP,
    "calls": "DELETE { ?s ?p 1 } WHERE { FILTER(" + "CONCAT(" * DEEP + '"a"' + ")" * DEEP + ") }",
    "blank nodes": "DELETE { ?s ?p 1 } WHERE { ?s ?p " + "[ ?p " * DEEP + "1" + "]" * DEEP + " }",
    "triple terms": "INSERT DATA { <x:s> <x:p> "
    + "<<( <x:a> <x:b> " * DEEP
    + "1"
    + ")>>" * DEEP
    + " }",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_nesting_ends_the_writer_and_nothing_else(lasting: WritableStore, kind: str):
    start = time.monotonic()

    with pytest.raises((QueryTooComplexError, QueryTimeoutError, QuerySyntaxError)):
        lasting.update(BOMBS[kind])

    assert time.monotonic() - start < lasting.timeout + SLACK
    assert_well(lasting)


RDF_XML = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">'
NESTED = {
    "Turtle": Upload(f"<x:s> <x:p> {'(' * DEEP}1{')' * DEEP} .".encode()),
    "Turtle, open": Upload(f"<x:s> <x:p> {'[ <x:p> ' * DEEP}".encode()),
    "triple terms": Upload(
        f"<x:s> <x:p> {'<<( <x:a> <x:b> ' * DEEP}1{')>>' * DEEP} .".encode(),
        "application/n-triples",
    ),
    "JSON-LD": Upload(('{"x:p":' * DEEP + "1" + "}" * DEEP).encode(), "application/ld+json"),
    "JSON": Upload(b"[" * 200_000, "application/ld+json"),
    "RDF/XML": Upload(
        (RDF_XML + "<x:A><x:p>" * DEEP + "</x:p></x:A>" * DEEP + "</rdf:RDF>").encode(),
        "application/rdf+xml",
    ),
}


@pytest.mark.parametrize("kind", NESTED)
def test_nested_data_ends_the_writer_and_nothing_else(lasting: WritableStore, kind: str):
    start = time.monotonic()

    with contextlib.suppress(QueryTooComplexError, QueryTimeoutError, LoadError):
        lasting.add(GRAPH, NESTED[kind])

    assert time.monotonic() - start < lasting.timeout + SLACK
    assert_well(lasting)


# What is refused.

DOCTYPE = '<!DOCTYPE rdf [<!ENTITY a "aaaaaaaaaa"> <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
THING = "<x:A><x:p>&b;</x:p></x:A></rdf:RDF>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (DOCTYPE + RDF_XML + THING, "upload:1: RDF/XML with a DOCTYPE is refused"),
        ("\ufeff" + DOCTYPE + RDF_XML + THING, "a DOCTYPE is refused"),
        ("<!-- a -->\n<?b c?>\n" + DOCTYPE + RDF_XML + THING, "upload:3: .* a DOCTYPE is refused"),
        (DOCTYPE.lower() + RDF_XML + THING, "not well-formed"),
        (RDF_XML + DOCTYPE + THING, "not well-formed"),
        ((DOCTYPE + RDF_XML + THING).encode("utf-16"), "a DOCTYPE is refused"),
        ((DOCTYPE + RDF_XML + THING).encode("utf-16-le"), "DOCTYPE is refused|not well-formed"),
        ((DOCTYPE + RDF_XML + THING).encode("utf-32"), "not well-formed"),
        (RDF_XML + "<x:A><x:p>cut off", "upload:1: the XML is not well-formed: no element found"),
    ],
)
def test_xml_that_its_parser_should_not_see_is_refused(
    lasting: WritableStore, data: str | bytes, reason: str
):
    sent = data.encode() if isinstance(data, str) else data
    start = time.monotonic()

    with pytest.raises(LoadError, match=reason):
        lasting.add(None, Upload(sent, "application/rdf+xml"))

    assert time.monotonic() - start < SLACK
    assert_well(lasting)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("LOAD <{}>", "LOAD is off"),
        ("INSERT DATA {{ <x:s> <x:p> 1 }}; LOAD SILENT <{}> INTO GRAPH <x:g>", "LOAD is off"),
        ("PREFIX x: <x:> load <{}>", "LOAD is off"),
        ("INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{}> {{ ?s ?p ?o }} }}", "federation is off"),
    ],
)
def test_an_update_reaches_nobody(lasting: WritableStore, text: str, refusal: str):
    with canary() as (url, was_asked):
        with pytest.raises(QueryRefusedError, match=refusal):
            lasting.update(text.format(url))

        assert not was_asked()
    assert_well(lasting)


@pytest.mark.skipif(not LINUX, reason="only Linux takes sockets from the writer")
@pytest.mark.parametrize(
    "text",
    [
        "LOAD <{}>",
        "LOAD SILENT <{}>",
        "INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{}> {{ ?s ?p ?o }} }}",
        "INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE SILENT <{}> {{ ?s ?p ?o }} }}",
    ],
)
def test_the_writer_has_no_network_whatever_the_update_says(lasting: WritableStore, text: str):
    with canary() as (url, was_asked):
        unchecked(lasting, text.format(url))

        assert not was_asked()
    assert_well(lasting)


def unchecked(store: WritableStore, text: str) -> None:
    """Run an update past the check of its text."""
    store._change({"operation": "update"}, text.encode(), 2.0)


def test_a_context_that_is_elsewhere_is_not_fetched(lasting: WritableStore):
    with canary() as (url, was_asked):
        data = f'{{"@context": "{url}", "@id": "x:s", "name": "somebody"}}'

        with pytest.raises(LoadError, match="the @context is another document"):
            lasting.add(None, Upload(data.encode(), "application/ld+json"))

        assert not was_asked()


@pytest.mark.parametrize(
    ("text", "shown", "hint"),
    [
        ("INSRT DATA { <x:s> <x:p> 1 }", "INSRT DATA", "start with INSERT, DELETE, CLEAR"),
        ("SELECT * { ?s ?p ?o }", "SELECT *", "start with INSERT"),
        ("INSERT DATA {\n  <x:s> <x:p> }", "  <x:s> <x:p> }\n              ^", "expected"),
    ],
)
def test_a_malformed_update_is_shown_with_a_caret(
    lasting: WritableStore, text: str, shown: str, hint: str
):
    with pytest.raises(QuerySyntaxError) as caught:
        lasting.update(text)

    assert shown in caught.value.excerpt
    assert hint in caught.value.hint


def test_text_that_is_not_unicode_is_refused(lasting: WritableStore):
    with pytest.raises(QuerySyntaxError, match="not valid Unicode"):
        lasting.update("INSERT DATA { <x:s> <x:p> '\ud800' }")


# Graphs.


def test_a_graph_is_made_changed_and_removed(store: WritableStore):
    one, two = Upload(b"<x:s> <x:p> 1 ."), Upload(b"<x:s> <x:p> 2 .")

    made = [store.add(GRAPH, one), store.add(GRAPH, two), store.replace(GRAPH, two)]

    assert made == [True, False, False]
    assert [row[2] for row in read(store, f"GRAPH <{GRAPH}> {{ ?s ?p ?o }}")] == [
        '"2"^^<http://www.w3.org/2001/XMLSchema#integer>'
    ]
    assert [store.remove(GRAPH), store.remove(GRAPH)] == [True, False]
    assert read(store, f"GRAPH <{GRAPH}> {{}}") == []


def test_the_default_graph_is_always_there(store: WritableStore):
    assert not store.replace(None, Upload(b"<x:s> <x:p> 1 ."))
    assert not store.replace(None, Upload(b"<x:s> <x:p> 2 ."))
    assert len(read(store)) == 1
    assert store.remove(None)
    assert read(store) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_graph_may_be_empty(store: WritableStore, replaced: bool):
    if replaced:
        store.add(GRAPH, Upload(b"<x:s> <x:p> 1 ."))

    assert store.replace(GRAPH, Upload(b"")) != replaced

    assert store.acquire()
    assert read(store, f"GRAPH <{GRAPH}> {{}}") == [()]
    assert read(store, f"GRAPH <{GRAPH}> {{ ?s ?p ?o }}") == []


@pytest.mark.parametrize("way", ["add", "replace"])
def test_blank_nodes_of_two_uploads_are_never_the_same(store: WritableStore, way: str):
    same = Upload(b"_:a <x:p> 1 .")
    store.add(GRAPH, same)

    getattr(store, way)(GRAPH, same, same)

    assert len(read(store, f"GRAPH <{GRAPH}> {{ ?s ?p ?o }}")) == {"add": 3, "replace": 2}[way]


@pytest.mark.parametrize("way", ["add", "replace"])
@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (Upload(b"<x:s> <x:p> 3 .\n<x:s> <x:p"), "upload:2: "),
        (Upload(b"<s> <x:p> 3 ."), "upload:1: .*IRI"),
        (Upload(b"<x:s> <x:p> <x:o> <x:g> .", "application/n-quads"), "names graphs of its own"),
        (Upload(b"<x:g> { <x:s> <x:p> 3 }", "application/trig"), "names graphs of its own"),
        (
            Upload(b"<x:s> <x:p> 3 .", "text/html"),
            "no data is read as 'text/html'; send text/turtle",
        ),
    ],
)
def test_data_that_cannot_be_read_leaves_a_graph_as_it_was(
    lasting: WritableStore, way: str, upload: Upload, reason: str
):
    with pytest.raises(LoadError, match=reason):
        getattr(lasting, way)(None, Upload(b"<x:s> <x:p> 2 ."), upload)

    assert_well(lasting)


TURTLE = b"""PREFIX x: <http://x/>
x:s x:p "a \\"quoted\\" \\\\u0041 \\U0001F600 'text'\\n\\t\\u0001", "\xc3\xa9"@fr, 1, <other> .
<<x:s x:p 1>> x:q <<(x:s x:p "\\\\")>> .
"""


@pytest.mark.parametrize("way", ["add", "replace"])
@pytest.mark.parametrize(
    ("media_type", "form"),
    [
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/n-quads", ox.RdfFormat.N_QUADS),
        ("application/trig", ox.RdfFormat.TRIG),
    ],
)
def test_every_form_gives_the_same_triples_whichever_way_they_come(
    store: WritableStore, way: str, media_type: str, form: ox.RdfFormat
):
    triples = [q.triple for q in ox.parse(TURTLE, ox.RdfFormat.TURTLE, base_iri="http://x/")]
    data = ox.serialize(triples, format=form)
    assert data is not None
    store.add(GRAPH, Upload(b"<x:old> <x:p> 1 ."))

    getattr(store, way)(GRAPH, Upload(data, media_type))
    store.update(f"DELETE WHERE {{ GRAPH <{GRAPH}> {{ <x:old> ?p ?o }} }}")

    generation = store.acquire()
    found = ox.Store.read_only(str(generation.path)).quads_for_pattern(None, None, None, None)
    assert canonical(q.triple for q in found) == canonical(triples)


def canonical(triples: Any) -> list[str]:
    dataset = ox.Dataset(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(map(str, dataset))


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b'{"@id": "s", "http://x/p": {"@id": "o"}}', "application/ld+json"),
        (
            RDF_XML.encode() + b'<x:A rdf:about="s"><x:p rdf:resource="o"/></x:A></rdf:RDF>',
            "application/rdf+xml",
        ),
        (b"<s> <http://x/p> <o> .", "text/turtle"),
    ],
)
def test_relative_iris_are_relative_to_the_base(store: WritableStore, data: bytes, media_type: str):
    store.add(None, Upload(data, media_type, base="http://example.org/a/b"))

    assert read(store, "?s <http://x/p> ?o") == [
        ("<http://example.org/a/s>", "<http://example.org/a/o>")
    ]


def test_the_name_of_a_graph_is_an_iri(store: WritableStore):
    for change in (store.add, store.replace, store.remove):
        with pytest.raises(QueryError, match="not an absolute IRI"):
            change("no> . } ; DROP ALL")  # type: ignore[operator]


# The graphs that an update reads.

USING = "USING <x:d> USING NAMED <x:n> "


@pytest.mark.parametrize(
    ("update", "rewritten"),
    [
        (
            "INSERT { ?s ?p 1 } WHERE { ?s ?p 2 }",
            f"INSERT {{ ?s ?p 1 }} {USING}WHERE {{ ?s ?p 2 }}",
        ),
        (
            "PREFIX using: <x:> DELETE{?s using:p 1}INSERT{?s ?p '}'}WHERE{?s ?p 2}",
            f"PREFIX using: <x:> DELETE{{?s using:p 1}}INSERT{{?s ?p '}}'}}{USING}WHERE{{?s ?p 2}}",
        ),
        (
            "DELETE WHERE { GRAPH <x:g> { ?s ?p 1 } }",
            "DELETE { GRAPH <x:g> { ?s ?p 1 } } " + USING + "WHERE { GRAPH <x:g> { ?s ?p 1 } }",
        ),
        (
            "delete {} where { { ?s ?p 1 } UNION { SELECT ?s WHERE { ?s ?p 2 } } } ;\n"
            "BASE <x:> INSERT {} WHERE {} # WHERE",
            "delete {} " + USING + "where { { ?s ?p 1 } UNION { SELECT ?s WHERE { ?s ?p 2 } } } ;\n"
            "BASE <x:> INSERT {} " + USING + "WHERE {} # WHERE",
        ),
        ("INSERT DATA { <x:s> <x:p> 'WHERE { USING' }", None),
        ("DELETE DATA { <x:s> <x:p> 1 } ; CLEAR GRAPH <x:with> ;", None),
        ("", None),
    ],
)
def test_a_request_can_name_the_graphs_that_where_reads(update: str, rewritten: str | None):
    assert with_graphs(update, ["x:d"], ["x:n"]) == (update if rewritten is None else rewritten)


@pytest.mark.parametrize(
    "update",
    [
        "INSERT { ?s ?p 1 } USING <x:g> WHERE { ?s ?p 2 }",
        "DELETE { ?s ?p 1 } using named <x:g> WHERE { ?s ?p 2 }",
        "WITH <x:g> DELETE { ?s ?p 1 } WHERE { ?s ?p 2 }",
        "CLEAR ALL; PREFIX x: <x:> INSERT {}USINGx:g WHERE {}",
    ],
)
def test_graphs_are_named_in_one_place(update: str):
    with pytest.raises(QueryError, match="can have neither USING nor WITH"):
        with_graphs(update, ["x:d"], [])


@pytest.mark.parametrize("graph", ["no iri", "x:a> USING <x:b", ""])
def test_a_graph_to_read_is_an_iri(graph: str):
    with pytest.raises(QueryError, match="not an absolute IRI"):
        with_graphs("DELETE WHERE { ?s ?p ?o }", [], [graph])


def test_where_reads_the_graphs_that_the_request_names(store: WritableStore):
    store.update(
        "INSERT DATA { <x:s> <x:in> 0 "
        "GRAPH <x:1> { <x:s> <x:in> 1 } GRAPH <x:2> { <x:s> <x:in> 2 } }"
    )

    store.update(
        "INSERT { GRAPH <x:found> { ?s ?g ?n } } WHERE { ?s ?in ?n GRAPH ?g { ?s ?in ?m } }",
        default_graphs=["x:1"],
        named_graphs=["x:2"],
    )

    assert read(store, "GRAPH <x:found> { ?s ?g ?n }") == [
        ("<x:s>", "<x:2>", '"1"^^<http://www.w3.org/2001/XMLSchema#integer>')
    ]


def test_an_upload_that_is_ended_changes_nothing(lasting: WritableStore):
    data = "".join(f"<x:{i}> <x:p> 'number {i}' .\n" for i in range(200_000))
    lasting.timeout, limit = 0.3, lasting.timeout
    try:
        with pytest.raises(QueryTimeoutError):
            lasting.add(None, Upload(data.encode()))
    finally:
        lasting.timeout = limit

    assert_well(lasting)


def test_what_is_left_of_an_upload_that_was_ended_is_deleted(tmp_path: Path):
    with WritableStore(tmp_path) as store:
        store.update("INSERT DATA { <x:s> <x:p> 'kept' }")
    left = tmp_path / "store" / "bulk-12345678901234567890.sst"
    left.write_bytes(b"what Oxigraph does not delete itself")

    with WritableStore(tmp_path) as store:
        assert_well(store)

    assert not left.exists()


# Generations.


def generations(store: WritableStore) -> set[str]:
    return {path.name for path in (store.directory / "generations").iterdir()}


def test_a_generation_is_the_newest_until_something_is_written(store: WritableStore):
    first = store.acquire()
    with pytest.raises(QueryError):
        store.update("DROP GRAPH <x:none>")
    again = store.acquire()
    store.update("INSERT DATA { <x:s> <x:p> 1 }")
    store.update("INSERT DATA { <x:s> <x:p> 2 }")
    was_newest = store.is_newest(first)
    second = store.acquire()

    assert first == again
    assert not was_newest
    assert store.is_newest(second)
    assert first.key != second.key
    assert [len(ox.Store.read_only(str(g.path))) for g in (first, second)] == [0, 2]


def test_a_generation_is_there_as_long_as_it_is_read(store: WritableStore):
    first = store.acquire()
    store.acquire()
    store.update("INSERT DATA { <x:s> <x:p> 1 }")
    second = store.acquire()
    store.release(second)
    store.release(first)

    assert generations(store) == {first.key, second.key}
    store.release(first)
    assert generations(store) == {second.key}
    store.update("INSERT DATA { <x:s> <x:p> 2 }")
    assert generations(store) == {store.acquire().key}


def test_what_another_server_left_is_deleted(tmp_path: Path):
    left = tmp_path / "generations" / "left"
    left.mkdir(parents=True)

    with WritableStore(tmp_path) as store:
        generation = store.acquire()

        assert generations(store) == {generation.key}


def test_no_two_servers_give_generations_the_same_key(tmp_path: Path):
    keys = set()
    for _ in range(3):
        with WritableStore(tmp_path) as store:
            keys.add(store.acquire().key)

    assert len(keys) == 3


def test_every_generation_is_whole_while_others_write(store: WritableStore):
    end = time.monotonic() + 1.5

    def write() -> int:
        n = 0
        while time.monotonic() < end:
            n += 1
            data = "".join(f"<x:{i}> <x:p> {n} ." for i in range(10))
            store.replace(None, Upload(data.encode()))
        return n

    with ThreadPoolExecutor(1) as other:
        writing = other.submit(write)
        seen = []
        while time.monotonic() < end:
            seen.append({row[2] for row in read(store)})

    assert writing.result() > 10
    assert len(seen) > 10
    assert all(len(values) <= 1 for values in seen), "a graph was seen while it was replaced"


# Opening.


def test_nothing_is_started_before_it_is_asked_for(tmp_path: Path):
    store = WritableStore(tmp_path / "data")

    assert store._writer is None
    assert not (tmp_path / "data").exists()


def test_two_servers_cannot_write_to_one_store(lasting: WritableStore):
    other = WritableStore(lasting.directory)

    with pytest.raises(ReleaseError, match="stop the other server that writes to it"):
        other.start()

    assert_well(lasting)


def test_a_folder_that_cannot_be_one_is_said_to_be(tmp_path: Path):
    (tmp_path / "store").write_text("not a store")

    with pytest.raises(ReleaseError, match="the store cannot be opened"):
        WritableStore(tmp_path).start()


def test_nothing_is_left_over(tmp_path: Path):
    before = set(os.listdir("/proc/self/fd")) if LINUX else set()

    with WritableStore(tmp_path, timeout=0.2) as store:
        for _ in range(5):
            with pytest.raises(QueryTimeoutError):
                store.update(RUNAWAY)
        store.acquire()
        assert store._writer is not None
        process = store._writer._process

    assert process.poll() is not None
    assert not (tmp_path / "generations").exists()
    if LINUX:
        assert set(os.listdir("/proc/self/fd")) == before
    with pytest.raises(QueryBusyError, match="the server is closing"):
        store.update("CLEAR ALL")


def test_closing_ends_a_change_that_is_being_made(tmp_path: Path):
    store = WritableStore(tmp_path)
    store.start()
    with ThreadPoolExecutor(1) as other:
        running = other.submit(store.update, RUNAWAY)
        time.sleep(0.2)

        store.close()

        error = running.exception(timeout=SLACK)
    assert isinstance(error, PharmakonError)
    assert "the server is closing" in str(error)


def test_elsewhere_than_on_linux_changes_still_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")

    with WritableStore(tmp_path, timeout=1.0) as store:
        store.update("INSERT DATA { <x:s> <x:p> 'kept' }")
        with pytest.raises(QueryTimeoutError):
            store.update(RUNAWAY)
        with pytest.raises(QueryTooComplexError):
            store.update(BOMBS["groups"])
        with pytest.raises(QueryRefusedError):
            store.update("LOAD <http://example.org/>")
        assert_well(store)

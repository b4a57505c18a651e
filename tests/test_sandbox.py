"""A stranger's query ends when it must, takes nothing else with it, and reaches nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharmakon.errors import (
    QueryBusyError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueryTooComplexError,
    QueryTooLargeError,
)
from pharmakon.stores import OxigraphStore, SandboxedQueries
from pharmakon.stores.sandbox import _Deadline, _request
from pharmakon.stores.syntax import uses_service

from .serving import canary
from .test_syntax import HARMLESS, PIECES

LINUX = sys.platform == "linux"

#: How much later than its limit a query may be answered, in seconds.
SLACK = 0.5

THING = "http://example.org/thing/{}"
ONE = "SELECT ?o { <http://example.org/thing/7> <http://example.org/next> ?o }"

VALUES = [f"VALUES ?v{i} {{ {' '.join(map(str, range(300)))} }}" for i in range(4)]
LONG = f"REPLACE('{'a' * 2000}', '', '{'b' * 2000}')"

#: Queries that would run for hours, or until the machine has no memory left.
RUNAWAYS = {
    "cross product": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
    "product of values": f"SELECT (COUNT(*) AS ?n) {{ {' '.join(VALUES)} }}",
    "sort": "SELECT ?a { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f ?i LIMIT 10",
    "closure": "SELECT (COUNT(*) AS ?n) { ?s (<http://example.org/next>|^<x:y>)* ?o . ?a ?b ?c }",
    "planning": f"ASK {{ {' '.join(f'?s{i} ?p ?s{i + 1} .' for i in range(200))} }}",
    "replacement": f"SELECT (STRLEN(REPLACE({LONG}, '', '{'c' * 2000}')) AS ?n) {{}}",
    "distinct": "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT * { ?s ?p ?o . ?a ?q ?b . ?c ?d ?e } }",
    "huge answer": "SELECT * { ?s ?p ?o . ?a ?b ?c . ?d ?e ?f }",
    "grouping": "SELECT ?x (GROUP_CONCAT(?o) AS ?n) { ?s ?p ?o . ?a ?b ?x . ?c ?d ?e } GROUP BY ?x",
    "filter": "ASK { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) = CONCAT(STR(?f), STR(?i))) }",
}

#: Queries that end the process that parses them.
BOMBS = {
    "groups": "ASK " + "{" * 20_000 + "}" * 20_000,
    "open groups": "ASK " + "{" * 20_000,
    "calls": "ASK { FILTER(" + "CONCAT(" * 5000 + '"a"' + ")" * 5000 + '="a") }',
    "parentheses": "ASK { FILTER(" + "(" * 20_000 + "1" + ")" * 20_000 + "=1) }",
    "negations": "ASK { FILTER(" + "!" * 50_000 + "true) }",
    "paths": "ASK { ?s " + "(" * 20_000 + "<x:y>" + ")" * 20_000 + " ?o }",
    "blank nodes": "ASK { ?s ?p " + "[ ?p " * 20_000 + "1" + "]" * 20_000 + " }",
    "triple terms": "ASK { ?s ?p " + "<<( <x:a> <x:b> " * 20_000 + "1" + ")>>" * 20_000 + " }",
}


@pytest.fixture(scope="module")
def store() -> OxigraphStore:
    """A chain of 5,000 things, in two graphs."""
    return chain(5000)


def chain(length: int) -> OxigraphStore:
    store = OxigraphStore()
    lines = (
        f"<{THING.format(i)}> <http://example.org/next> <{THING.format(i + 1)}> "
        f"<http://example.org/graph/{i % 2}> .\n"
        for i in range(length)
    )
    store.inner.load("".join(lines), ox.RdfFormat.N_QUADS)
    return store


def on_disk(store: OxigraphStore, folder: Path) -> OxigraphStore:
    """The same store on disk, opened to be read."""
    written = ox.Store(str(folder / "store"))
    written.bulk_extend(store.quads())
    written.flush()
    del written
    return OxigraphStore.read_only(folder / "store")


@pytest.fixture(scope="module")
def queries(store: OxigraphStore) -> Iterator[SandboxedQueries]:
    """Two workers with a time limit of one second, and 200 MB for each query."""
    with SandboxedQueries(store, timeout=1.0, memory=200 << 20, size=8 << 20) as queries:
        yield queries


def values(body: bytes) -> list[dict[str, str]]:
    bindings = json.loads(body)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in bindings]


def assert_well(queries: SandboxedQueries) -> None:
    start = time.monotonic()
    assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]
    assert time.monotonic() - start < 2 * SLACK, "the next query had to wait for the last one"


@pytest.mark.parametrize("kind", RUNAWAYS)
def test_a_runaway_is_ended_in_time(queries: SandboxedQueries, kind: str):
    start = time.monotonic()

    with pytest.raises((QueryTimeoutError, QueryTooComplexError, QueryTooLargeError)):
        queries.answer(RUNAWAYS[kind])

    assert time.monotonic() - start < queries.timeout + SLACK
    assert_well(queries)


@pytest.mark.parametrize("kind", BOMBS)
def test_nesting_ends_a_worker_and_nothing_else(queries: SandboxedQueries, kind: str):
    with pytest.raises((QueryTooComplexError, QueryTimeoutError, QuerySyntaxError)):
        queries.answer(BOMBS[kind])

    assert_well(queries)


@pytest.mark.skipif(not LINUX, reason="only Linux limits the memory of a worker")
def test_memory_is_bounded(store: OxigraphStore):
    with SandboxedQueries(store, timeout=30.0, memory=100 << 20) as queries:
        with pytest.raises(QueryTooComplexError, match="more memory than it may have"):
            queries.answer(RUNAWAYS["replacement"])

        assert_well(queries)


@pytest.mark.skipif(not LINUX, reason="only Linux tells how large a worker is")
def test_a_worker_that_a_query_leaves_large_is_replaced(store: OxigraphStore):
    texts = "SELECT DISTINCT (CONCAT(STR(?a), STR(?d)) AS ?y) { ?a ?b ?c . ?d ?e ?f } LIMIT 1000000"
    with SandboxedQueries(store, memory=500 << 20) as queries:
        queries.answer(ONE)
        kept = [worker.pid for worker in queries._idle]

        queries.answer(f"SELECT (COUNT(*) AS ?n) {{ {texts} }}")

        assert len(kept) == 1
        assert queries._idle == [], "the next query would have less memory than the first"


def test_a_large_answer_is_refused_whole(queries: SandboxedQueries):
    with pytest.raises(QueryTooLargeError, match="larger than 8388608 bytes") as caught:
        queries.answer("SELECT * { ?s ?p ?o . ?a ?b ?c } LIMIT 200000")

    assert caught.value.limit == 8 << 20
    assert_well(queries)


@pytest.mark.parametrize(
    ("query", "results", "form", "body"),
    [
        (ONE, "text/csv", "solutions", b"o\r\nhttp://example.org/thing/8\r\n"),
        (ONE, "text/tab-separated-values", "solutions", b"?o\n<http://example.org/thing/8>\n"),
        ("ASK {}", "application/sparql-results+json", "boolean", b'{"head":{},"boolean":true}'),
    ],
)
def test_an_answer_is_whole(
    queries: SandboxedQueries, query: str, results: str, form: str, body: bytes
):
    answer = queries.answer(query, results=results)

    assert (answer.form, answer.media_type, answer.body) == (form, results, body)


def test_a_graph_declares_only_the_prefixes_that_it_uses(queries: SandboxedQueries):
    answer = queries.answer("CONSTRUCT { pk:a pk:b 1 } {}")

    assert answer.form == "graph"
    assert answer.body == b"@prefix pk: <https://w3id.org/pharmakon/ontology#> .\npk:a pk:b 1 .\n"


def test_an_answer_of_megabytes_arrives_whole(queries: SandboxedQueries):
    body = queries.answer("SELECT * { ?s ?p ?o . ?a ?b ?c } LIMIT 20000").body

    assert len(body) > 4_000_000
    assert len(values(body)) == 20_000


EVEN, ODD = "http://example.org/graph/0", "http://example.org/graph/1"


@pytest.mark.parametrize(
    ("pattern", "given", "count"),
    [
        ("{ ?s ?p ?o }", {}, 5000),
        ("{ GRAPH ?g { ?s ?p ?o } }", {}, 5000),
        ("{ ?s ?p ?o }", {"default_graphs": [EVEN]}, 2500),
        ("{ ?s ?p ?o }", {"default_graphs": [EVEN, ODD]}, 5000),
        ("{ ?s ?p ?o }", {"named_graphs": [EVEN]}, 0),
        ("{ GRAPH ?g { ?s ?p ?o } }", {"named_graphs": [EVEN]}, 2500),
        ("{ GRAPH ?g { ?s ?p ?o } }", {"default_graphs": [EVEN]}, 0),
        (f"FROM <{EVEN}> {{ ?s ?p ?o }}", {}, 2500),
        (f"FROM <{EVEN}> {{ GRAPH ?g {{ ?s ?p ?o }} }}", {}, 0),
        (f"FROM NAMED <{EVEN}> {{ GRAPH ?g {{ ?s ?p ?o }} }}", {}, 2500),
        (f"FROM <{EVEN}> {{ ?s ?p ?o }}", {"default_graphs": ["http://example.org/none"]}, 0),
    ],
)
def test_the_graphs_that_are_named_are_the_dataset(
    queries: SandboxedQueries, pattern: str, given: dict[str, list[str]], count: int
):
    answer = queries.answer(f"SELECT (COUNT(*) AS ?n) {pattern}", **given)

    assert values(answer.body) == [{"n": str(count)}]


def test_a_malformed_query_is_shown_with_a_caret(queries: SandboxedQueries):
    with pytest.raises(QuerySyntaxError) as caught:
        queries.answer("SELECT * {\n  ?s oops:p ?o }")

    assert caught.value.excerpt == "  ?s oops:p ?o }\n     ^"
    assert caught.value.hint == "add PREFIX oops: <…>"


@pytest.mark.parametrize("unknown", [{"results": "text/html"}, {"graphs": "image/png"}])
def test_a_form_that_nothing_is_written_in_is_a_mistake(
    queries: SandboxedQueries, unknown: dict[str, str]
):
    with pytest.raises(ValueError, match="are written as"):
        queries.answer(ONE, **unknown)


# Nobody is reached.


@pytest.mark.parametrize(
    "clause", ["SERVICE <{}>", "SERVICE SILENT <{}>", "BIND(<{}> AS ?e) SERVICE ?e"]
)
def test_federation_is_refused_and_reaches_nobody(queries: SandboxedQueries, clause: str):
    with canary() as (url, was_asked):
        with pytest.raises(QueryRefusedError, match="federation is off"):
            queries.answer(f"SELECT * {{ {clause.format(url)} {{ ?s ?p ?o }} }}")

        assert not was_asked()


@pytest.mark.parametrize(
    "query", ["SELECT * FROM <{}> {{ ?s ?p ?o }}", "DESCRIBE <{}>", "ASK {{ GRAPH <{}> {{}} }}"]
)
def test_naming_an_address_reaches_nobody(queries: SandboxedQueries, query: str):
    with canary() as (url, was_asked):
        queries.answer(query.format(url))

        assert not was_asked()


def unchecked(queries: SandboxedQueries, query: str) -> None:
    """Run a query past the check of its text."""
    request = _request(query, "application/sparql-results+json", "text/turtle", (), ())
    request |= {"size": 1 << 20, "masked": None, "defused": False}
    asyncio.run(queries._run(request, _Deadline(5.0)))


@pytest.mark.skipif(not LINUX, reason="only Linux takes sockets from a worker")
@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("SELECT * {{ SERVICE <{}> {{ ?s ?p ?o }} }}", True),
        ("SELECT * {{ SERVICE SILENT <{}> {{ ?s ?p ?o }} }}", False),
        ("SELECT * {{ SERVICE <http://localhost.test/> {{}} SERVICE <{}> {{}} }}", True),
    ],
)
def test_a_worker_has_no_network_whatever_the_query_says(
    queries: SandboxedQueries, query: str, refused: bool
):
    with canary() as (url, was_asked):
        with pytest.raises(QueryRefusedError) if refused else contextlib.nullcontext():
            unchecked(queries, query.format(url))

        assert not was_asked()


@pytest.mark.skipif(not LINUX, reason="only Linux tells that a socket was refused")
@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.sampled_from(HARMLESS))
def test_what_the_parser_takes_for_federation_is_seen_before(
    queries: SandboxedQueries, around: str, harmless: str
):
    service = "SERVICE <http://127.0.0.1:9/x> {}"
    for query in (
        f"PREFIX ex: <http://x/> SELECT * {{ {around} {service} }}",
        f"PREFIX ex: <http://x/> SELECT * {{ ?s ?p ({around}) {service} {around} }}",
        f"PREFIX ex: <http://x/> SELECT * {{ FILTER({around}){service} {around} }}",
    ):
        try:
            unchecked(queries, query)
        except QueryRefusedError:
            assert uses_service(query), "a worker was asked for what the check did not see"
        except QueryError:
            pass


CONFINED = """
import importlib.util, os, socket, subprocess, sys
spec = importlib.util.spec_from_file_location("zygote", sys.argv[1])
zygote = importlib.util.module_from_spec(spec)
spec.loader.exec_module(zygote)
zygote.confine(64 << 20, linux=True)
open(sys.argv[1]).close()
def fails(action, *args):
    try:
        action(*args)
    except (PermissionError, MemoryError) as error:
        print(type(error).__name__)
    else:
        print("done")
fails(socket.socket)
fails(socket.create_connection, ("127.0.0.1", 1))
fails(os.execv, "/bin/true", ["true"])
fails(bytearray, 256 << 20)
sys.stdout.flush()
os.fork() or fails(socket.socket)
"""


@pytest.mark.skipif(not LINUX, reason="only Linux confines a worker")
def test_a_confined_process_has_no_sockets_no_programs_and_little_memory():
    script = Path(sys.modules["pharmakon.stores.zygote"].__file__ or "")

    found = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", "-c", CONFINED, str(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    refused = ["PermissionError"] * 3 + ["MemoryError", "PermissionError"]
    assert found.stdout.split() == refused, found.stderr


# Processes come and go.


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def children(of: int) -> set[int]:
    """Return the processes that descend from a process and have not ended."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found = {of}
    for _ in range(3):
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found - {of}


def until(done: Any, seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(done())


def test_nothing_is_started_before_the_first_query(store: OxigraphStore):
    queries = SandboxedQueries(store)

    assert queries._zygote is None


@pytest.mark.skipif(not LINUX, reason="it reads /proc")
def test_nothing_is_left_over(store: OxigraphStore):
    before, open_before = children(os.getpid()), descriptors()

    with SandboxedQueries(store) as queries:
        for _ in range(20):
            with pytest.raises(QueryTimeoutError):
                queries.answer(RUNAWAYS["cross product"], timeout=0.05)
        assert_well(queries)
        # The zygote and one idle worker.
        assert until(lambda: len(children(os.getpid()) - before) == 2)

    assert until(lambda: children(os.getpid()) <= before)
    assert descriptors() == open_before


def test_a_worker_is_replaced_after_so_many_queries(store: OxigraphStore):
    with SandboxedQueries(store, workers=1, recycle=3) as queries:
        pids = []
        for _ in range(6):
            queries.answer(ONE)
            pids += [worker.pid for worker in queries._idle]

    assert len(pids) == 4, "two workers answered two queries each, and were ended by the third"
    assert len(set(pids)) == 2


def test_an_idle_worker_that_ended_is_replaced(queries: SandboxedQueries):
    queries.answer(ONE)

    for worker in queries._idle:
        os.kill(worker.pid, signal.SIGKILL)
    time.sleep(0.1)

    assert_well(queries)


def test_a_zygote_that_ended_is_started_again(store: OxigraphStore):
    with SandboxedQueries(store) as queries:
        queries.answer(ONE)
        assert queries._zygote is not None

        queries._zygote._process.kill()
        time.sleep(0.2)

        assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]


@pytest.mark.skipif(not LINUX, reason="only Linux ends a worker with its zygote")
def test_a_zygote_that_ends_during_a_query_is_not_the_querys_fault(store: OxigraphStore):
    with SandboxedQueries(store, timeout=5.0) as queries:
        queries.answer(ONE)
        assert queries._zygote is not None
        threading.Timer(0.3, queries._zygote._process.kill).start()

        with pytest.raises(QueryBusyError, match="starting again"):
            queries.answer(RUNAWAYS["cross product"])

        assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]


ORPHANS = """
import sys, time
from pharmakon.stores import OxigraphStore, SandboxedQueries
queries = SandboxedQueries(OxigraphStore())
queries.answer("ASK {}")
print(queries._zygote._process.pid, queries._idle[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not LINUX, reason="it reads /proc")
def test_all_processes_end_when_the_server_is_killed():
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:  # noqa: S603 - our own script
        assert server.stdout is not None
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert set(pids) <= children(server.pid)

        server.kill()

    assert len(pids) == 2
    assert until(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_query_waits_for_a_worker_only_so_long(store: OxigraphStore):
    with (
        SandboxedQueries(store, workers=1, timeout=1.5, patience=0.2) as queries,
        ThreadPoolExecutor() as pool,
    ):
        runaway = pool.submit(queries.answer, RUNAWAYS["cross product"])
        time.sleep(0.3)

        with pytest.raises(QueryBusyError, match="all 1 query workers are busy"):
            queries.answer(ONE)

        with pytest.raises(QueryTimeoutError):
            runaway.result()
        assert_well(queries)


def test_each_of_many_threads_gets_its_own_answer(store: OxigraphStore):
    def ask(i: int) -> bool:
        iri = THING.format(i)
        body = queries.answer(f"SELECT ?o {{ <{iri}> <http://example.org/next> ?o }}").body
        return values(body) == [{"o": THING.format(i + 1)}]

    with SandboxedQueries(store, patience=30.0) as queries, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_a_caller_may_lower_the_time_limit_but_not_raise_it(queries: SandboxedQueries):
    for asked, limit in ((0.1, 0.1), (100.0, 1.0)):
        with pytest.raises(QueryTimeoutError) as caught:
            queries.answer(RUNAWAYS["cross product"], timeout=asked)
        assert caught.value.limit == limit


def test_what_is_closed_answers_no_more(store: OxigraphStore):
    queries = SandboxedQueries(store)
    queries.start()
    queries.close()
    queries.close()

    with pytest.raises(QueryBusyError, match="closing"):
        queries.answer(ONE)


def test_a_store_on_disk_is_asked_where_it_is(store: OxigraphStore, tmp_path: Path):
    disk = on_disk(store, tmp_path)

    with SandboxedQueries(disk, timeout=1.0) as queries:
        assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]
        with pytest.raises((QueryTimeoutError, QueryTooComplexError)):
            queries.answer(RUNAWAYS["cross product"])
        assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]


def test_a_store_that_is_gone_is_said_to_be(store: OxigraphStore, tmp_path: Path):
    disk = chain(1)
    disk.path = tmp_path / "gone"

    with (
        SandboxedQueries(disk) as queries,
        pytest.raises(QueryBusyError, match=r"no query worker could be started .*gone"),
    ):
        queries.answer(ONE)


def test_elsewhere_than_on_linux_queries_still_end(
    store: OxigraphStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "memfd_create", raising=False)

    with SandboxedQueries(store, timeout=0.5) as queries:
        with pytest.raises(QueryTimeoutError):
            queries.answer(RUNAWAYS["cross product"])
        with pytest.raises(QueryTooComplexError):
            queries.answer(BOMBS["groups"])
        with pytest.raises(QueryRefusedError):
            queries.answer("SELECT * { SERVICE <http://example.org/> {} }")
        assert_well(queries)
        assert queries._idle[0].pidfd is None


def test_a_store_on_disk_is_soon_asked_in_memory(store: OxigraphStore, tmp_path: Path):
    disk = on_disk(store, tmp_path)

    with SandboxedQueries(disk, timeout=5.0) as queries:
        first = queries._zygote
        queries.start()
        asked = [values(queries.answer(ONE).body) for _ in range(3)]
        assert until(lambda: queries._slower is not None and queries._zygote is not first, 20)
        asked += [values(queries.answer(ONE).body) for _ in range(3)]
        pids = {worker.pid for worker in queries._idle}
        assert queries._zygote is not None
        assert pids <= children(queries._zygote._process.pid)

    assert asked == [[{"o": THING.format(8)}]] * 6


def test_a_large_store_stays_on_disk(store: OxigraphStore, tmp_path: Path):
    with SandboxedQueries(on_disk(store, tmp_path), in_memory=10) as queries:
        queries.start()
        assert not queries._is_small()
        assert values(queries.answer(ONE).body) == [{"o": THING.format(8)}]

"""Queries that would run for hours end in time, whole or not at all, and nobody else notices."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from ..test_sandbox import BOMBS, RUNAWAYS
from .conftest import Start
from .outside import ENDED, Answer, Server, children, lives, percentile, until
from .visitors import visit, visitors

#: How much later than its limit a query may be answered, and how soon all is well, in seconds.
SLACK = 0.5
WELL = 2.0

#: Within which normal pages come while runaways run, in seconds: 99 of 100.
PAGE = 0.25

#: How many bytes the server may take with all its processes.
MOST = 4 << 30

TEXT = "a" * 3000


def chain(length: int, step: str = "?p{}") -> str:
    return " ".join(f"?s{i} {step.format(i)} ?s{i + 1} ." for i in range(length))


def nested(before: str, within: str, after: str, depth: int) -> str:
    return before * depth + within + after * depth


#: Beside those of the sandbox: what is not deep enough to end a parser, and still never ends.
RUNAWAYS_HERE = {
    # That of the sandbox is for another graph.
    "closure": "SELECT (COUNT(*) AS ?n) { ?a (pk:a|^pk:b)* ?c . ?d ?e ?f . ?g ?h ?i }",
    "unbounded path": "SELECT (COUNT(*) AS ?n) { ?a (!pk:a)* ?b . ?c (!pk:b)* ?d . ?e !pk:c ?f }",
    "path of paths": "SELECT * { ?a (((!pk:a)*/(!pk:b)*)*|(^!pk:c)+)* ?b . ?b (!pk:a)+ ?c }",
    "sort of everything": "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY DESC(?f) ?c ?e ?b ?a",
    "regular expression": "ASK { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i "
    "FILTER(REGEX(CONCAT(STR(?c), STR(?f), STR(?i)), '(x+x+)+y{50}$')) }",
    "replacement by pattern": "SELECT (COUNT(REPLACE(CONCAT(STR(?c), STR(?f)), '(.)', '$1$1$1')) "
    "AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "doubling": "SELECT (STRLEN(?x30) AS ?n) { BIND('"
    + TEXT
    + "' AS ?x0) "
    + " ".join(f"BIND(CONCAT(?x{i}, ?x{i}) AS ?x{i + 1})" for i in range(30))
    + " }",
    "one text of all": "SELECT (GROUP_CONCAT(CONCAT(STR(?c), STR(?f)); SEPARATOR='"
    + TEXT
    + "') AS ?all) { ?a ?b ?c . ?d ?e ?f }",
    "optional upon optional": "SELECT * { "
    + nested("?a ?b ?c OPTIONAL { ?d ?e ?f ", "?g ?h ?i", "} ", 12)
    + "}",
    "minus": "SELECT * { ?a ?b ?c . ?d ?e ?f MINUS { ?g ?b ?h . ?d ?i ?j . ?k ?l ?m } }",
    "exists": "SELECT * { ?a ?b ?c FILTER NOT EXISTS { ?d ?e ?f . ?g ?h ?i FILTER(?f = ?a + ?i) } "
    "FILTER NOT EXISTS { ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?f = ?l + ?i) } }",
    "unions": "SELECT (COUNT(*) AS ?n) { "
    + " ".join("{ ?a ?b ?c } UNION { ?d ?e ?f }" for _ in range(12))
    + " }",
    "planning of paths": f"ASK {{ ?s {'/'.join(['(pk:a|pk:b)'] * 500)} ?o }}",
    "planning of brackets": "ASK { ?s ?p " + nested("[ ?p ", "1", " ]", 150) + " }",
    "planning of a cross": f"ASK {{ {' '.join(f'?a{i} ?b{i} ?c{i} .' for i in range(150))} }}",
    "subqueries": nested("SELECT * { ?a ?b ?c . { ", "SELECT * { ?d ?e ?f }", " } ?g ?h ?i }", 20),
    "construct": "CONSTRUCT { ?a ?b ?f . ?d ?e ?c } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "describe": "DESCRIBE ?a ?d { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c != ?f) }",
    "alternatives": f"SELECT * {{ ?a ({'|'.join(['(!pk:a)*'] * 300)})* ?b . ?c ?d ?e . ?f ?g ?h }}",
}

ALL = {**RUNAWAYS, **BOMBS, **RUNAWAYS_HERE}


def check(answer: Answer, kind: str, limit: float) -> None:
    """Say what is wrong with how a runaway ended."""
    assert answer.status in ENDED, f"{kind}: it must be cut or refused, not {answer.status}"
    assert not answer.faults(), f"{kind}: {answer.faults()}"
    assert answer.headers["content-type"] == "application/problem+json", kind
    assert answer.seconds < limit + SLACK, (
        f"{kind}: answered after {answer.seconds:.2f} s, where the limit is {limit} s; "
        "what takes so long is not in a process that can be ended"
    )


# All at once.


def test_a_hundred_runaways_at_once_cost_nobody_else_anything(start: Start):
    limit = 5.0
    with start("--query-timeout", "5") as server:
        kinds = list(itertools.islice(itertools.cycle(ALL.items()), 100))
        with watched(server) as memory, ThreadPoolExecutor(100) as pool:
            # First all that it has once is there: threads, workers, the kinds of errors.
            list(pool.map(lambda kind: server.query(kind[1], timeout=0.2), kinds * 2))
            visit(server, lambda: True)
            before, processes = server.memory(), len(server.tree())
            with visitors(server) as taken:
                ended = list(pool.map(lambda kind: server.query(kind[1]), kinds))

        for (kind, _), answer in zip(kinds, ended, strict=True):
            check(answer, kind, limit)
        assert percentile(taken, 0.99) < PAGE, (
            f"99 of 100 of {len(taken)} pages came within {percentile(taken, 0.99):.3f} s; "
            "find what the pages wait for"
        )
        assert max(memory) < MOST, f"the processes took {max(memory) >> 20} MB together"
        assert until(lambda: server.memory() < before * 1.1), (
            f"{before >> 20} MB were {server.memory() >> 20} MB afterwards: something keeps what "
            "was asked, or why it failed"
        )
        assert len(server.tree()) <= processes + 2, "more than idle workers is left over"
        print(
            f"\nrunaways: {sorted(a.status for a in ended)}, "
            f"at most {max(a.seconds for a in ended):.2f} s; {len(taken)} pages, p99 "
            f"{percentile(taken, 0.99) * 1000:.0f} ms, most {max(taken) * 1000:.0f} ms; memory "
            f"{before >> 20}, at most {max(memory) >> 20}, then {server.memory() >> 20} MB"
        )


@contextmanager
def watched(server: Server) -> Iterator[list[int]]:
    """Look again and again at the memory of a server; yield what was seen."""
    seen = [server.memory()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            seen.append(server.memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


# One by one, so that each has a worker.


@pytest.mark.parametrize("kind", ALL)
def test_a_runaway_ends_in_time_and_the_next_query_is_answered(server: Server, kind: str):
    check(server.query(ALL[kind]), kind, 1.0)

    answer = server.query("ASK {}")
    assert (answer.status, answer.seconds < WELL) == (200, True), f"after {kind}: {answer}"


# Complete or error.

RESULTS = ("json", "xml", "csv", "tsv", "html")
GRAPHS = ("ttl", "nt", "nq", "trig", "jsonld", "rdf", "html")

#: What cuts a query, by what it is cut.
CUT_RESULTS = {
    "time": (RUNAWAYS["cross product"], 504),
    "time, when rows were found": (
        "SELECT ?a { { ?a ?b ?c } UNION { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i "
        "FILTER(CONCAT(STR(?c), STR(?f), STR(?i)) = '') } }",
        504,
    ),
    "size": (f"SELECT ('{TEXT}' AS ?x) {{ ?a ?b ?c . ?d ?e ?f }} LIMIT 40000", 413),
    "memory": (RUNAWAYS["replacement"], 422),
}
CUT_GRAPHS = {
    "time": (RUNAWAYS_HERE["construct"], 504),
    "size": (
        f"CONSTRUCT {{ [] pk:x '{TEXT}' }} WHERE {{ ?a ?b ?c . ?d ?e ?f }} LIMIT 40000",
        413,
    ),
    "memory": (
        "CONSTRUCT { ?a pk:x ?y } WHERE { ?a ?b ?c BIND("
        + RUNAWAYS["replacement"].partition("STRLEN(")[2].partition(") AS ?n")[0]
        + " AS ?y) }",
        422,
    ),
}


@pytest.mark.parametrize("form", RESULTS)
@pytest.mark.parametrize("by", CUT_RESULTS)
def test_solutions_that_are_cut_are_an_error(server: Server, form: str, by: str):
    cut(server, form, *CUT_RESULTS[by])


@pytest.mark.parametrize("form", GRAPHS)
@pytest.mark.parametrize("by", CUT_GRAPHS)
def test_a_graph_that_is_cut_is_an_error(server: Server, form: str, by: str):
    cut(server, form, *CUT_GRAPHS[by])


def cut(server: Server, form: str, query: str, status: int) -> None:
    """Ask for a form by POST, and see an error whose status is that, or that of time."""
    body = f"query={quote(query)}&format={form}".encode()
    answer = server.ask(
        "/sparql", "POST", body, Content_Type="application/x-www-form-urlencoded", Accept="*/*"
    )

    # A slow machine is stopped by the clock first; what matters is that it is no 2xx.
    assert answer.status in {status, 504}, f"{form}: {query[:200]} was answered {answer.status}"
    assert not answer.faults(), f"{form}: {query[:200]} has {answer.faults()}"


# What is killed is replaced.


@pytest.mark.parametrize("victim", ["worker", "zygote"])
def test_what_is_killed_in_the_middle_of_a_query_is_replaced(server: Server, victim: str):
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.query, RUNAWAYS["cross product"])
        assert until(lambda: server.figure("pharmakon_queries_running") == 1, 2)
        time.sleep(0.2)
        kill(server.workers() if victim == "worker" else {server.zygote()})
        start = time.monotonic()
        ended = asked.result()

    assert ended.status in {422, 503}, f"the query of a killed {victim} was {ended.status}"
    assert not ended.faults(), ended.faults()
    assert until(lambda: server.query("SELECT (1 AS ?n) {}").status == 200, WELL), (
        f"no query is answered {WELL} s after the {victim} was killed"
    )
    assert server.ask("/readyz").status == 200
    assert time.monotonic() - start < WELL


def test_workers_that_are_killed_again_and_again_are_replaced_each_time(server: Server):
    for turn in range(20):
        kill(server.workers() | (children(server.process.pid) if turn % 4 == 3 else set()))
        assert until(lambda: server.query("SELECT (1 AS ?n) {}").status == 200, WELL), turn
    assert server.ask("/readyz").status == 200


def test_it_is_not_ready_while_no_query_can_be_answered(start: Start):
    with start("--query-timeout", "1") as server:
        zygote = server.zygote()
        os.kill(zygote, signal.SIGSTOP)
        try:
            kill(workers := server.workers())
            assert until(lambda: not any(map(lives, workers)))
            answers = {server.query("ASK {}").status for _ in range(2)}
            ready = server.ask("/readyz")
        finally:
            os.kill(zygote, signal.SIGCONT)

        assert answers == {503}
        assert ready.status == 503, (
            "/readyz says that all is well while queries are answered 503: that the workers "
            "do not start is no business of others (health.py, _fault)"
        )
        assert b'"queries"' in ready.body
        assert server.ask("/livez").status == 200
        assert until(lambda: server.ask("/readyz").status == 200), "it does not recover"
        assert server.query("ASK {}").status == 200


def test_all_processes_end_when_the_server_is_killed(start: Start):
    with start("--query-timeout", "5") as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.query, RUNAWAYS["cross product"])
        assert until(lambda: len(server.tree()) > 2)
        tree = server.tree()
        os.kill(server.process.pid, signal.SIGKILL)

        assert until(lambda: not any(map(lives, tree - {server.process.pid})), WELL)
        assert isinstance(asked.exception(), ConnectionError)
        server.process.wait()


def kill(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

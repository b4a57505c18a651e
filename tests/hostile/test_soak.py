"""Three minutes of everything at once, at a steady rate: as fast at the end, and as small."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from ..test_sandbox import RUNAWAYS
from .conftest import Start
from .outside import ENDED, Server, percentile

SEED = 20_261_122
RATE = 50
WARM = 30.0
SECONDS = 180.0
CLIENTS = 40

#: Within which requests are answered, in seconds from when they were due: 99 of 100.
ANSWERED = 0.3

THINGS = ("naltrexone", "naloxone", "methadone", "buprenorphine", "disulfiram", "ethanol")

LOOK_UP = "SELECT ?p ?o {{ substance:{thing} ?p ?o }} # {number}"
JOIN = """SELECT ?statement ?name ?source {{
  ?statement pk:subject substance:{thing} ; a / rdfs:label ?name ;
    pk:supportedBy / pk:source ?source BIND({number} AS ?number)
}} ORDER BY ?source ?statement"""

#: What is asked: how often of a hundred, with which status, where.
MIX: tuple[tuple[int, int, str], ...] = (
    (10, 200, "/"),
    (12, 200, "/substance/{thing}"),
    (4, 200, "/substance/{thing}.ttl"),
    (4, 200, "/api/v1/entity/substance:{thing}"),
    (5, 200, "/statement/naltrexone-opioid-withdrawal-non-indication"),
    (5, 200, "/browse/condition"),
    (3, 200, "/compare?id={thing}&id=morphine"),
    (3, 200, "/queries"),
    (2, 200, "/readyz"),
    (2, 200, "/metrics"),
    (12, 200, "/search?q={thing}"),
    (3, 200, "/api/v1/search?q={thing}&limit=5"),
    (14, 200, "/sparql?format=json&query=" + quote(LOOK_UP, safe="{}")),
    (8, 200, "/sparql?format=csv&query=" + quote(JOIN, safe="{}")),
    (3, 400, "/sparql?format=json&query=SELEC%20{number}"),
    (2, 403, "/sparql?format=json&query=DROP%20ALL"),
    (4, 404, "/substance/nothing-{number}"),
    (2, 404, "/nowhere/{number}"),
    (2, 405, "POST /search"),
)
RUNAWAY_EACH = 60.0


@dataclass
class Due:
    """A request, when it is due, and what it should be answered."""

    at: float
    path: str
    method: str
    status: int


def schedule() -> Iterator[Due]:
    """Yield what is asked, in order of time; the same each time."""
    chance = random.Random(SEED)  # noqa: S311 - it is no secret
    weights, lines = [one[0] for one in MIX], list(MIX)
    for number in range(int(RATE * SECONDS)):
        _, status, path = chance.choices(lines, weights)[0]
        # Half of the numbers come again, so that some answers are kept and some are not.
        shown = number if number % 2 else number % 50
        path = path.replace("{number}", str(shown)).replace("{thing}", chance.choice(THINGS))
        path = path.replace("%7B%7B", "%7B").replace("%7D%7D", "%7D")
        method, _, rest = path.rpartition(" ")
        yield Due(number / RATE, rest, method or "GET", status)


def test_three_minutes_at_fifty_requests_a_second(start: Start):
    wrong: Counter[str] = Counter()
    taken: list[float] = []

    def ask(server: Server, due: Due, begun: float) -> None:
        try:
            answer = server.ask(due.path, due.method, b"" if due.method == "POST" else None)
        except ConnectionError as error:
            wrong[f"{due.path}: no answer ({error})"] += 1
            return
        taken.append(time.monotonic() - begun - due.at)
        if answer.status != due.status or answer.faults():
            wrong[f"{due.path}: {answer.status}, not {due.status}; {answer.faults()}"] += 1

    def run_away(server: Server) -> None:
        answer = server.query(RUNAWAYS["cross product"])
        if answer.status not in ENDED:
            wrong[f"the runaway was answered {answer.status}"] += 1

    with start("--query-timeout", "5") as server, ThreadPoolExecutor(CLIENTS) as pool:
        [server.ask(due.path, due.method) for due in itertools.islice(schedule(), 100)]
        begun, warm, runaways = time.monotonic(), (0, 0, 0), 0
        for due in schedule():
            time.sleep(max(0.0, begun + due.at - time.monotonic()))
            pool.submit(ask, server, due, begun)
            if due.at >= runaways * RUNAWAY_EACH + 5:
                runaways += 1
                pool.submit(run_away, server)
            if due.at >= WARM and warm == (0, 0, 0):
                warm = measured(server)
        pool.shutdown()
        end = measured(server)

    figures = (
        f"seed {SEED}: {len(taken)} requests, p50 {percentile(taken, 0.5) * 1000:.0f} ms, "
        f"p99 {percentile(taken, 0.99) * 1000:.0f} ms, most {max(taken) * 1000:.0f} ms; "
        f"memory, files and processes were {warm} after {WARM:g} s and {end} at the end"
    )
    print("\nsoak:", figures)
    assert not wrong, f"{figures}; {wrong.most_common(10)}"
    assert runaways == SECONDS / RUNAWAY_EACH
    assert percentile(taken, 0.99) <= ANSWERED, figures
    assert end[0] < warm[0] * 1.05, f"{figures}: something is kept that is not bounded"
    assert end[1] <= warm[1] + CLIENTS, f"{figures}: files are not closed"
    assert end[2] <= warm[2] + 1, f"{figures}: processes are left over"


def measured(server: Server) -> tuple[int, int, int]:
    """Return memory in bytes, files and processes."""
    return server.memory(), server.files(), len(server.tree())

"""How fast is the SPARQL endpoint, against other servers that hold the same data?

They are asked the same queries in turn, round after round, by a process of its own. Cold:
nobody was asked this query before. Warm: everybody was, shortly before. A ratio compares the
queries of one round that both systems answered; what is printed is the median of the rounds,
and for requests per second the least and the most. Above 1, Pharmakon is the faster.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import endpoint_data
from endpoint_systems import SYSTEMS, MissingError, System, running

OURS, NATIVE, RDFLIB = "Pharmakon", "oxigraph serve", "rdflib-endpoint"
PHASES = ("cold", "warm")
QUESTIONS = tuple(endpoint_data.QUESTIONS)
JOINS = tuple(name for name in QUESTIONS if name not in endpoint_data.LOOK_UPS)

#: How many queries of a question are repeated in the warm phase.
_WARM = 10
#: For how many times as long as Pharmakon another system may work on the same queries.
_PATIENCE = 2


@dataclass(frozen=True)
class Goal:
    """So many times the requests per second of another system, at every number of connections."""

    text: str
    other: str
    least: float
    phases: tuple[str, ...]
    questions: tuple[str, ...]


GOALS = (
    Goal("look-ups, cold", NATIVE, 0.8, ("cold",), endpoint_data.LOOK_UPS),
    Goal("joins, cold", NATIVE, 1.5, ("cold",), JOINS),
    Goal("everything, warm", NATIVE, 1.5, ("warm",), QUESTIONS),
    Goal("everything, cold and warm", RDFLIB, 10, PHASES, QUESTIONS),
)

#: What a driving process saw of each question: see ``load.py``.
Seen = dict[str, dict[str, Any]]
#: The connections, the phase, the question and the other system.
Cell = tuple[int, str, str, str]


class Measurement:
    """The rounds, and what was seen in them.

    Attributes:
        seen: What was seen, by the number of connections, the phase and the system; one
            for each round.
    """

    def __init__(self, systems: Sequence[System], options: argparse.Namespace) -> None:
        self.systems = systems
        self.options = options
        self.seen: dict[tuple[int, str, str], list[Seen]] = {}
        self._late: set[tuple[str, int, str]] = set()

    def take(self, texts: dict[str, list[str]]) -> None:
        """Ask every system every question, in every round."""
        turns = list(product(range(self.options.rounds), self.options.connections))
        parts = len(turns) + 1
        warm = {name: found[:_WARM] for name, found in texts.items()}
        cold = {
            name: [found[_WARM + i :: parts] for i in range(parts)] for name, found in texts.items()
        }
        # Everybody is run in; how far Pharmakon comes is how much fits the time.
        first = {name: {"before": [], "timed": cold[name][0]} for name in texts}
        for system in reversed(self.systems):
            seen = self._drive(system, 1, self.options.seconds, first)
        sizes = {name: sum(map(bool, found["taken"])) or 1 for name, found in seen.items()}
        for turn, (round_, connections) in enumerate(turns, 1):
            for phase in PHASES:
                print(f"round {round_ + 1}: {phase}, connections: {connections}", file=sys.stderr)
                questions = {
                    name: {"before": [], "timed": cold[name][turn][:size]}
                    if phase == "cold"
                    else {"before": warm[name], "timed": (warm[name] * size)[:size]}
                    for name, size in sizes.items()
                }
                for system in self.systems:
                    seconds = self.options.seconds * _PATIENCE
                    seen = self._drive(system, connections, seconds, questions)
                    self.seen.setdefault((connections, phase, system.name), []).append(seen)

    def _drive(
        self, system: System, connections: int, seconds: float, questions: dict[str, Any]
    ) -> Seen:
        """Ask a system from another process, and return what that one saw."""
        asked = {
            name: question
            for name, question in questions.items()
            if (system.name, connections, name) not in self._late
        }
        plan = {
            "port": system.port,
            "path": system.path,
            "connections": connections,
            "seconds": seconds,
            "limit": self.options.limit,
            "questions": asked,
        }
        done = subprocess.run(  # noqa: S603 - our own script, no outside input
            [sys.executable, str(Path(__file__).with_name("load.py"))],
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that Ctrl-C is dealt with here alone
        )
        if done.returncode:
            raise SystemExit(f"{system.name}: the driving process failed")
        seen: Seen = json.loads(done.stdout)
        # A server goes on with what nobody waits for, so it is not asked the like again.
        self._late |= {
            (system.name, connections, name) for name, found in seen.items() if found["late"]
        }
        return seen

    def rounds(self, cell: Cell) -> Iterator[tuple[list[float], list[float]]]:
        """Yield each round's latencies of queries that both answered: ours and the other's."""
        connections, phase, question, other = cell
        ours, theirs = (self.seen[connections, phase, name] for name in (OURS, other))
        for one, two in zip(ours, theirs, strict=True):
            if question in one and question in two:
                taken = zip(one[question]["taken"], two[question]["taken"], strict=True)
                if both := [pair for pair in taken if None not in pair]:
                    yield [pair[0] for pair in both], [pair[1] for pair in both]

    def ratios(self, cell: Cell) -> list[float]:
        """Return for each round how many times the other's requests per second ours are."""
        return [sum(theirs) / sum(ours) for ours, theirs in self.rounds(cell)]

    def is_late(self, cell: Cell) -> bool:
        """Return whether the other system ever took longer than the limit of a query."""
        connections, _, question, other = cell
        return (other, connections, question) in self._late

    def answers(self, system: str) -> dict[str, set[str]]:
        """Return what a system ever answered to each query."""
        found: dict[str, set[str]] = {}
        for (_, _, name), rounds in self.seen.items():
            for seen in rounds if name == system else ():
                for one in seen.values():
                    for query, answer in one["answers"].items():
                        found.setdefault(query, set()).add(answer)
        return found


def main() -> int:
    """Measure and report; return 1 where an answer was wrong."""
    options = _options()
    # A plain end would leave the servers running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        data = folder / "data.nt"
        texts = endpoint_data.make(data)
        systems = []
        for prepare in SYSTEMS:
            own = folder / prepare.__name__
            own.mkdir()
            print(f"starting {prepare.__name__}", file=sys.stderr)
            try:
                system = prepare(data, own)
            except MissingError as missing:
                print(f"{prepare.__name__} is left out: {missing}")
                continue
            stack.enter_context(running(system, own))
            systems.append(system)
        measurement = Measurement(systems, options)
        measurement.take(texts)
    _report(measurement)
    right = _compare_answers(measurement)
    _judge(measurement, right)
    return 0 if right else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="how often everything is asked")
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="how long Pharmakon is asked one question"
    )
    parser.add_argument(
        "--connections", type=int, nargs="+", default=[1, 8], help="how many ask at once"
    )
    parser.add_argument("--limit", type=float, default=10, help="give up a query after seconds")
    return parser.parse_args()


def _report(measurement: Measurement) -> None:
    options = measurement.options
    print(
        f"\n{endpoint_data.TRIPLES:,} triples, {os.cpu_count()} processors, {options.rounds} rounds"
    )
    print("per second: connections by mean latency; p50 and p99: ms; x: so many times better")
    others = [system.name for system in measurement.systems if system.name != OURS]
    for other, connections, phase in product(others, options.connections, PHASES):
        print(f"\n{phase}, connections: {connections}")
        columns = f"{OURS:>22} {other:>22}   {'x per second':<20} {'x p50':>6} {'x p99':>6}"
        print(f"{'':<14} {columns}")
        for question in QUESTIONS:
            print(_line(measurement, (connections, phase, question, other)))


def _line(measurement: Measurement, cell: Cell) -> str:
    connections, _, question, _ = cell
    rounds = list(measurement.rounds(cell))
    if not rounds:
        return f"{question:<14} not asked again: a query took over {measurement.options.limit:g} s"
    columns = []
    for taken in zip(*rounds, strict=True):  # ours, then the other's
        rate = statistics.median(connections / statistics.mean(one) for one in taken)
        middle, high = (statistics.median(_at(part, one) for one in taken) for part in (0.5, 0.99))
        columns.append(f"{rate:7.0f} {_short(middle * 1000):>7} {_short(high * 1000):>6}")
    ratios = measurement.ratios(cell)
    spread = f"({_short(min(ratios))} to {_short(max(ratios))})"
    middle, high = (
        statistics.median(_at(part, theirs) / _at(part, ours) for ours, theirs in rounds)
        for part in (0.5, 0.99)
    )
    late = f"  a query took over {measurement.options.limit:g} s" * measurement.is_late(cell)
    return (
        f"{question:<14} {columns[0]} {columns[1]}   "
        f"{_short(statistics.median(ratios)):>5} {spread:<14} {_short(middle):>6} {_short(high):>6}"
        f"{late}"
    )


def _short(number: float) -> str:
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f}"


def _at(part: float, taken: list[float]) -> float:
    """Return the latency below which that part of all lies."""
    return sorted(taken)[min(int(part * len(taken)), len(taken) - 1)]


def _judge(measurement: Measurement, right: bool) -> None:
    """Say of each goal whether it holds; none does where answers are wrong."""
    print("\nDoes it hold in this run? (requests per second, at every number of connections)")
    for goal in GOALS:
        asked = f"{goal.text}: {goal.least:g} x {goal.other}"
        if goal.other not in {system.name for system in measurement.systems}:
            print(f"  not measured  {asked}")
            continue
        connections = measurement.options.connections
        failed, every = [], True
        for cell in product(connections, goal.phases, goal.questions, [goal.other]):
            ratios = measurement.ratios(cell)
            if not ratios and measurement.is_late(cell):
                continue  # the other was given up
            middle = statistics.median(ratios) if ratios else 0
            every &= bool(ratios) and min(ratios) >= goal.least
            if middle < goal.least:
                failed.append(
                    f"{_short(middle):>14} x  {cell[2]}, {cell[1]}, connections: {cell[0]}"
                )
        answer = "no" if failed else "yes" if every else "yes, though not in every round"
        print(
            f"  {answer if right else 'no, for answers are wrong':<13} {asked}", *failed, sep="\n"
        )


def _compare_answers(measurement: Measurement) -> bool:
    """Say whose answers differ from ours, and return whether the native server's do not."""
    print("\nSame rows, with the same values?")
    ours = measurement.answers(OURS)
    right = True
    for system in measurement.systems:
        theirs = measurement.answers(system.name)
        common = [query for query in theirs if query in ours]
        wrong = [query for query in common if len(ours[query] | theirs[query]) > 1]
        name = "itself, cold and warm" if system.name == OURS else system.name
        print(f"  {len(common) - len(wrong)} of {len(common)} queries: {OURS} and {name}")
        for query in wrong[:1]:
            text = query.removeprefix(endpoint_data.PREFIXES)
            print(f"{text}\n{OURS}: {ours[query]}\n{system.name}: {theirs[query]}")
        right &= not wrong or system.name not in (OURS, NATIVE)
    return right


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""Does a page open as fast in a release of all datasets as in the curated graph?

Asks for pages of things of every kind, each twice, and takes the faster: of what curators
described in both graphs, and of whatever the release has.

    python bench/pages.py DIRECTORY-OF-THE-RELEASE
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable

from flask.testing import FlaskClient

import pharmakon
from pharmakon import KnowledgeGraph
from pharmakon.stores import SandboxedQueries
from pharmakon_server import create_app

KINDS = ("substance", "class", "target", "condition", "product", "formulation")
PAGES = 200


def addresses(graph: KnowledgeGraph, chance: random.Random) -> list[str]:
    """Return the addresses of some things of a graph, kinds in proportion."""
    counts = [graph.names.count(kind) for kind in KINDS]
    found = []
    for kind in chance.choices(KINDS, counts, k=PAGES):
        place = chance.randrange(graph.names.count(kind))
        thing = graph.names.of_kind(kind, place, 1)[0]
        found.append(f"/{thing.curie.replace(':', '/')}")
    return found


def p95(client: FlaskClient, paths: Iterable[str]) -> float:
    """Return the milliseconds in which 95 % of the pages are there."""
    taken = []
    for path in paths:
        tries = []
        for _ in range(2):
            began = time.perf_counter()
            answer = client.get(path, headers={"Accept": "text/html"})
            tries.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise SystemExit(f"{path} answers {answer.status_code}")
        taken.append(min(tries) * 1000)
    return sorted(taken)[int(len(taken) * 0.95) - 1]


def main(release: str) -> None:
    chance = random.Random(5)  # noqa: S311 - any pages will do
    curated, full = pharmakon.open("packaged"), pharmakon.open(release)
    clients = []
    for graph in (curated, full):
        queries = SandboxedQueries(graph.store, workers=1)
        clients.append(create_app(graph, queries).test_client())
    same = addresses(curated, chance)
    base = p95(clients[0], same)
    print(f"curated graph             p95 {base:6.1f} ms")
    for name, paths in (
        ("any page of the release", addresses(full, chance)),
        ("the same pages", same),
    ):
        found = p95(clients[1], paths)
        print(f"{name:25} p95 {found:6.1f} ms, ratio {found / base:.2f} (goal: 1.50)")


if __name__ == "__main__":
    main(sys.argv[1])

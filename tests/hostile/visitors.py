"""Visitors who read pages until they are told to stop, in a process of their own.

What they measure is then what the server takes, and not what the hundred threads do that put
it under strain: those wait for each other, in one interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    from outside import Server  # type: ignore[import-not-found,unused-ignore]
else:
    from .outside import Server

#: How long a visitor looks at a page before the next, in seconds: a fast one.
PAUSE = 0.1

#: What people do.
PAGES = (
    "/",
    "/substance/naltrexone",
    "/search?q=naltrexon",
    "/statement/naltrexone-opioid-withdrawal-non-indication",
    "/compare?id=naltrexone&id=naloxone",
    "/browse/condition",
    "/substance/naltrexone.ttl",
    "/api/v1/entity/substance:methadone",
)


def visit(server: Server, is_over: Callable[[], bool]) -> list[float]:
    """Read the pages in turn until it is over, once at least; return the time each took."""
    taken = []
    while True:
        for path in PAGES:
            answer = server.ask(path)
            assert answer.status == 200, f"{path} was answered {answer.status}"
            taken.append(answer.seconds)
            time.sleep(PAUSE)
        if is_over():
            return taken


@contextmanager
def visitors(server: Server, count: int = 4) -> Iterator[list[float]]:
    """Have pages read within; the list has the times afterwards."""
    command = [sys.executable, __file__, server.url, str(count)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n", "the visitors did not come: run visitors.py"
    taken: list[float] = []
    try:
        yield taken
    finally:
        printed, _ = process.communicate()
    assert process.returncode == 0, "a visitor did not get a page: see what visitors.py printed"
    taken += json.loads(printed)


def main(url: str, count: int) -> None:
    """Read pages until the standard input ends, and print the times."""
    over = threading.Event()
    server = Server(None, url, Path())  # type: ignore[arg-type]
    visit(server, lambda: True)
    print("reading", flush=True)
    with ThreadPoolExecutor(count) as pool:
        visits = [pool.submit(visit, server, over.is_set) for _ in range(count)]
        sys.stdin.read()
        over.set()
        print(json.dumps([seconds for one in visits for seconds in one.result()]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

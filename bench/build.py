"""How fast is a whole build, and how near is its writing to what the store can take?

Builds a release from published datasets, and then loads its N-Quads once more with nothing but
Oxigraph's bulk loader, in the same run. The writing of a build is to serialise its quads, to load
them, and to wait for the disk; the rest is reading, reconciling, inferring and indexing.

    python bench/build.py ../shared/data
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import pyoxigraph as ox

import pharmakon.build
from pharmakon.importers import IMPORTERS
from pharmakon.merge import Import


class Steps:
    """The steps of a build, each with its seconds, and the memory that was needed up to its end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._now = "starting"
        self._since = time.monotonic()

    def begin(self, step: str) -> None:
        now = time.monotonic()
        took = now - self._since
        self.seconds[self._now] = self.seconds.get(self._now, 0) + took
        print(f"{took:7.1f} s {gigabytes():6.2f} GB  {self._now}", flush=True)
        self._now, self._since = step, now


def gigabytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main(data: Path) -> None:
    imports = [
        Import(one, data / one.folder) for one in IMPORTERS.values() if one.is_in(data / one.folder)
    ]
    with tempfile.TemporaryDirectory() as folder:
        steps, began = Steps(), time.monotonic()
        release = pharmakon.build.build(Path(folder), progress=steps.begin, imports=imports)
        steps.begin("done")
        whole, peak = time.monotonic() - began, gigabytes()
        content = release / "graph.nq"

        began = time.monotonic()
        store = ox.Store(f"{folder}/bare")
        store.bulk_load(path=str(content), format=ox.RdfFormat.N_QUADS)
        bare = time.monotonic() - began
        count = len(store)

        serialising = 0.0
        with content.open("rb") as file:
            quads = ox.parse(file, format=ox.RdfFormat.N_QUADS)
            while some := list(islice(quads, 50_000)):
                began = time.monotonic()
                ox.serialize(some, io.BytesIO(), ox.RdfFormat.N_QUADS)
                serialising += time.monotonic() - began
    writing = serialising + steps.seconds["writing the store"]
    print(f"{count} quads in {whole:.0f} s, {peak:.2f} GB at the peak")
    print(f"writing {count / writing:.0f} quads/s, bulk_load alone {count / bare:.0f} quads/s")
    print(f"ratio {bare / writing:.2f} (goal: 0.50)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

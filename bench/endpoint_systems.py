"""The servers that ``endpoints.py`` compares: how each is given the data and started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pharmakon import releases
from pharmakon.namespaces import GRAPH
from pharmakon.stores import OxigraphStore


class MissingError(Exception):
    """A program is not installed."""


@dataclass(frozen=True)
class System:
    """A server: its name, the command that starts it, and where it then answers queries."""

    name: str
    command: list[str]
    port: int
    path: str


def pharmakon(data: Path, folder: Path) -> System:
    """A release of the data alone, served as ``pharmakon build`` leaves one."""
    store = OxigraphStore()
    store.add_file(data, GRAPH["curated"])
    release = releases.write(store, folder)
    command, port = [program("pharmakon"), "serve"], free_port()
    # A single client that asks as fast as it can is what fair use is there to slow down, and
    # the others write no log.
    command += ["--release", str(release), "--port", str(port), "--no-fair-use", "--no-log"]
    return System("Pharmakon", command, port, "/sparql")


def oxigraph(data: Path, folder: Path) -> System:
    """The native server, over a store on disk."""
    native, port, location = program("oxigraph"), free_port(), ["--location", str(folder)]
    run(native, "load", *location, "--file", str(data))
    run(native, "optimize", *location)
    command = [native, "serve", *location, "--bind", f"127.0.0.1:{port}"]
    return System("oxigraph serve", command, port, "/query")


def rdflib_endpoint(data: Path, folder: Path) -> System:
    """A server in Python, over rdflib's own store in memory."""
    port = free_port()
    command = [program("rdflib-endpoint"), "serve", "--port", str(port), str(data)]
    return System("rdflib-endpoint", [*command, "--host", "127.0.0.1"], port, "/")


def virtuoso(data: Path, folder: Path) -> System:
    """Virtuoso, with buffers that hold the whole graph."""
    server, client = program("virtuoso-t"), program("isql-vt")
    port, own = free_port(), free_port()
    settings = folder / "virtuoso.ini"
    settings.write_text(_VIRTUOSO.format(folder=folder, data=data.parent, port=port, own=own))
    command = [server, "+foreground", "+configfile", str(settings)]
    system = System("Virtuoso", command, port, "/sparql")
    load = f"ld_dir('{data.parent}', '{data.name}', '{GRAPH['curated'].value}'); rdf_loader_run()"
    with running(system, folder):
        run(client, f"127.0.0.1:{own}", "dba", "dba", f"exec={load}; checkpoint")
    return system


_VIRTUOSO = """\
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/temporary.db
TransactionFile = {folder}/temporary.trx
[Parameters]
ServerPort = 127.0.0.1:{own}
ServerThreads = 20
NumberOfBuffers = 170000
MaxDirtyBuffers = 130000
DirsAllowed = {folder}, {data}
[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerThreads = 20
MaxKeepAlives = 20
KeepAliveTimeout = 60
[SPARQL]
ResultSetMaxRows = 1000000
"""

SYSTEMS: tuple[Callable[[Path, Path], System], ...] = (
    pharmakon,
    oxigraph,
    rdflib_endpoint,
    virtuoso,
)


@contextlib.contextmanager
def running(system: System, folder: Path) -> Iterator[None]:
    """Start a server, wait until it answers, and end all its processes afterwards."""
    log = folder / "output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - no outside input
            system.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,  # a group of its own, which ends as one
        )
    try:
        _wait(system, process)
        yield
    finally:
        if process.poll() is not None:
            said = log.read_text("utf-8", errors="replace")[-2000:]
            print(f"{system.name} ended with {process.returncode}. It said:\n{said}")
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)


def _wait(system: System, process: subprocess.Popen[bytes]) -> None:
    url = f"http://127.0.0.1:{system.port}{system.path}?query=ASK%20%7B%20%7D"
    end = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise SystemExit(f"{system.name} does not answer")


def program(name: str) -> str:
    """Return the path of a program: of this environment, or else of the system."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which(name, path=places)
    if found is None:
        raise MissingError(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def run(*command: str) -> str:
    """Run a command to its end, and return what it wrote."""
    done = subprocess.run(  # noqa: S603 - no outside input
        command, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout

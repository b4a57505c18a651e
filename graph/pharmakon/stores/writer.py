"""The process that alone writes to a store on disk.

:mod:`pharmakon.stores.writable` starts it as ``python -I -S writer.py FD``, where ``FD`` is a
socket. It imports nothing of Pharmakon but the zygote's frames and
confinement, and the check of RDF/XML.

What goes over the socket: a frame with the settings, and one that says that the store is
open; then, for each change, a frame with it, and one with what became of it. When the other
side ends, so does this process, whatever it is doing.

A change is one transaction. Before it is answered it is on the disk, and in a snapshot of
its own for those who read: Oxigraph cannot make one while something is written. A timer of
the kernel ends the process, and with it the transaction, at the time limit.
"""

from __future__ import annotations

import io
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyoxigraph as ox

if TYPE_CHECKING or __package__:
    from . import rdf_xml, zygote
else:  # a script, which is in no package
    sys.path.append(str(Path(__file__).parent))
    import rdf_xml
    import zygote

#: How long to wait for a writer of the same store that is ending, in seconds.
_PATIENCE = 2.0

#: More than a process has: the calls are taken before the store is opened, so that its
#: threads have none of them; the memory after, so that the store itself does not count.
_NO_LIMIT = 1 << 46


class Settings(NamedTuple):
    """What the writer is told once.

    Attributes:
        packages: The folder that pyoxigraph is in.
        path: The store.
        snapshot: Where to copy it to at first.
        prefixes: What an update may use without declaring it.
        base: What its relative IRIs are relative to.
        memory: How many bytes a change may take beyond the store itself.
        linux: Whether to use what only Linux has.
    """

    packages: str
    path: str
    snapshot: str
    prefixes: dict[str, str]
    base: str
    memory: int
    linux: bool


def frame(source: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """Return the next frame, or None where the other side has ended."""
    sizes = zygote.receive(source, zygote.FRAME.size)
    if len(sizes) < zygote.FRAME.size:
        return None
    head, length = zygote.FRAME.unpack(sizes)
    about = zygote.receive(source, head)
    body = zygote.receive(source, length)
    if len(about) < head or len(body) < length:
        return None
    return json.loads(about), bytes(body)


def main(server: socket.socket) -> None:
    """Open the store, then change it whenever that is asked for."""
    told = frame(server)
    if told is None:
        return
    settings = Settings(**told[0])
    sys.path.append(settings.packages)
    for stop in (signal.SIGINT, signal.SIGTERM):  # whoever started it ends it
        signal.signal(stop, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    zygote.confine(_NO_LIMIT, linux=settings.linux)
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    try:
        store = _open(settings.path)
        store.backup(settings.snapshot)
    except (OSError, RuntimeError) as error:
        zygote.send(server, {"error": "system", "message": str(error)})
        return
    start = _size()
    if start:
        limit = start + settings.memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(1, 2)  # nowhere: a change that ends this process is not the server's trouble
    zygote.send(server, {})
    while asked := frame(server):
        about = change(store, *asked, settings)
        # What one change leaves behind is taken from the next one's share.
        about["spent"] = _size() - start > settings.memory // 4
        zygote.send(server, about)


def change(
    store: ox.Store, request: dict[str, Any], body: bytes, settings: Settings
) -> dict[str, Any]:
    """Change a store, and return what became of it.

    Args:
        store: The store.
        request: What to do, ``operation``: ``update`` with the text in the body, ``parse``
            (the same, and no change), ``add`` and ``replace`` with data in the body, or
            ``remove``; how long it may take; and where the snapshot is to be, if any.
        body: The bytes that go with it.
        settings: What the writer was told.
    """
    signal.setitimer(signal.ITIMER_REAL, request["timeout"])
    try:
        about = _changed(store, request, body, settings)
    except SyntaxError as error:
        return {"error": "syntax", "message": error.msg, "line": error.lineno}
    except MemoryError:
        return {"error": "memory"}
    except OSError as error:
        return {"error": "system", "message": str(error)}
    except (RuntimeError, ValueError) as error:
        return {"error": "failed", "message": str(error)}
    finally:
        # From here on it is changed: to end now would be to say that it is not.
        signal.setitimer(signal.ITIMER_REAL, 0)
    if request["snapshot"]:
        try:
            store.flush()
            store.backup(request["snapshot"])
        except (OSError, RuntimeError) as error:
            return {"error": "system", "message": str(error)}
    return about


def _changed(
    store: ox.Store, request: dict[str, Any], body: bytes, settings: Settings
) -> dict[str, Any]:
    import pyoxigraph as ox

    operation = request["operation"]
    if operation in ("update", "parse"):
        changed = store if operation == "update" else ox.Store()
        changed.update(body.decode(), base_iri=settings.base, prefixes=settings.prefixes)
        return {}
    graph = ox.NamedNode(request["graph"]) if request["graph"] else ox.DefaultGraph()
    was_there = isinstance(graph, ox.DefaultGraph) or store.contains_named_graph(graph)
    if operation == "remove":
        if isinstance(graph, ox.DefaultGraph):
            store.clear_graph(graph)
        else:
            store.remove_graph(graph)
        return {"was_there": was_there}
    parsed = _parsed(request["parts"], body)
    is_full = next(store.quads_for_pattern(None, None, None, graph), None) is not None
    if operation == "replace" and is_full:
        # Only an update takes away and adds in one transaction.
        written = (ox.serialize(parsed, format=ox.RdfFormat.N_TRIPLES) or b"").decode()
        if isinstance(graph, ox.DefaultGraph):
            store.update(f"CLEAR DEFAULT; INSERT DATA {{\n{written}}}")
        else:
            store.update(f"CLEAR GRAPH {graph}; INSERT DATA {{ GRAPH {graph} {{\n{written}}} }}")
    else:
        # Of all ways to add it is the fastest, and takes the least memory.
        store.bulk_extend(ox.Quad(q.subject, q.predicate, q.object, graph) for q in parsed)
        if not was_there:
            store.add_graph(graph)  # there was nothing in the data
    return {"was_there": was_there}


def _parsed(parts: list[dict[str, Any]], body: bytes) -> Iterator[ox.Quad]:
    """Yield what is in the parts of a body, one after another."""
    import pyoxigraph as ox

    start = 0
    for part in parts:
        end = start + part["length"]
        form = ox.RdfFormat.from_media_type(part["media_type"])
        if form == ox.RdfFormat.RDF_XML:
            rdf_xml.check(io.BytesIO(body[start:end]))
        yield from ox.parse(
            body[start:end],
            form,
            base_iri=part["base"],
            without_named_graphs=True,
            rename_blank_nodes=True,
        )
        start = end


def _end_with(server: socket.socket) -> None:
    """End this process when the other side has ended."""
    gone = select.poll()
    gone.register(server, 0)  # that it has ended is told without being asked for
    gone.poll()
    os._exit(0)


def _open(path: str) -> ox.Store:
    """Open a store; a writer whose server has just ended may still have to end itself.

    Raises:
        OSError: Another process has it open, or it is no store.
    """
    import pyoxigraph as ox

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            store = ox.Store(path)
            break
        except OSError as error:
            if "lock" not in str(error).lower() or time.monotonic() > end:
                raise
        time.sleep(0.05)
    # What a writer that was ended had of an upload is no part of the store.
    for left in Path(path).glob("bulk-*.sst"):
        left.unlink()
    return store


def _size() -> int:
    """Return how many bytes of addresses this process has, or 0 where that is not known."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))

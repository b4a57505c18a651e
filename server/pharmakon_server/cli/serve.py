"""``pharmakon serve``: the browser, the endpoint and the API on this machine."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import Command, Run, pass_run

if TYPE_CHECKING:
    from pharmakon import KnowledgeGraph
    from pharmakon.stores import QueryService

__all__ = ["serve"]

#: Clients that trickle their request take a connection, not a thread.
_CONNECTIONS = 1000
_MOST_BODY = 1 << 20


@click.command(
    cls=Command,
    forms=(),
    examples=(
        ("pharmakon serve", "the newest build, or the graph that ships in the package"),
        ("pharmakon serve --port 0", "any free port; it is printed"),
        ("pharmakon serve --release releases/9e89d99c2d278955", "a release that was built"),
        ("pharmakon serve --endpoint http://127.0.0.1:7878/query", "one that another store holds"),
    ),
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address of this machine to use."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port; 0 picks a free one.",
)
@click.option(
    "--query-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="End a visitor's query after so many seconds.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="How many visitors' queries run at once.",
)
@click.option(
    "--sources",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of the texts of sources: evidence then shows its passage.",
)
@pass_run
def serve(
    run: Run, host: str, port: int, query_timeout: float, workers: int, sources: Path | None
) -> None:
    """Serve the graph: pages, a SPARQL endpoint and an API. Ctrl-C stops it."""
    # A signal that comes while modules are imported ends the process as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            _service(run.graph, query_timeout, workers) as queries,
            _listening(host, port) as listening,
        ):
            limits = _limits(run.graph, query_timeout, workers)
            _serve(run.graph, queries, listening, sources, limits)
    except KeyboardInterrupt:
        click.echo("Stopped.")


def _serve(
    graph: KnowledgeGraph,
    queries: QueryService,
    listening: socket.socket,
    sources: Path | None,
    limits: str,
) -> None:
    import waitress  # type: ignore[import-untyped]

    from pharmakon_server.app import create_app

    server = waitress.create_server(
        create_app(graph, queries, sources=sources),
        sockets=[listening],
        threads=16,
        connection_limit=_CONNECTIONS,
        channel_timeout=10,
        max_request_body_size=_MOST_BODY,
        ident="pharmakon",
    )
    for line in _greeting(graph, listening, limits):
        click.echo(line)
    server.run()  # until Ctrl-C or SIGTERM
    click.echo("Stopped.")


@contextmanager
def _service(graph: KnowledgeGraph, timeout: float, workers: int) -> Iterator[QueryService]:
    """Give what answers visitors' queries, already starting."""
    from pharmakon.stores import OxigraphStore

    if isinstance(graph.store, OxigraphStore):
        from pharmakon.stores.sandbox import SandboxedQueries

        with SandboxedQueries(graph.store, workers=workers, timeout=timeout) as queries:
            queries.start()
            yield queries
    else:
        from pharmakon.stores.remote import RemoteStore

        assert isinstance(graph.store, RemoteStore)  # noqa: S101 - there are two stores
        yield RemoteStore(graph.store.url, timeout)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens on a port, or on a free one where the port is 0.

    Raises:
        click.UsageError: The port is in use, or may not be used, or the host is not here.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.create_server(address[:2], family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = (
                f"port {port} is in use; choose another with --port, or --port 0 for a free one"
            )
        elif error.errno == errno.EACCES:
            remedy = f"port {port} may not be used by you; choose one above 1023 with --port"
        else:
            remedy = f"{host!r} is no address of this machine ({error.strerror}); mend --host"
        raise click.UsageError(remedy) from error
    with found:
        yield found


def _greeting(graph: KnowledgeGraph, listening: socket.socket, limits: str) -> Iterator[str]:
    """Yield what is served, how much of it, and where."""
    from importlib.metadata import version

    host, port = listening.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else host  # noqa: S104
    shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
    base = f"http://{shown}:{port}"
    counts = f"{len(graph.store):,} quads".replace(",", " ")
    things = ", ".join(_things(graph))
    yield f"Pharmakon {version('pharmakon')} · release {graph.release} · {counts} · {things}"
    yield f"  Browser   {base}/"
    yield f"  SPARQL    {base}/sparql     {limits}"
    yield f"  API       {base}/api/v1/openapi.json"
    yield "Ctrl-C stops."


def _things(graph: KnowledgeGraph) -> Iterator[str]:
    for kind in ("substance", "source"):
        count = len(graph.names.of_kind(kind))
        yield f"{count} {kind}{'' if count == 1 else 's'}"


def _limits(graph: KnowledgeGraph, timeout: float, workers: int) -> str:
    from pharmakon.stores import OxigraphStore

    by = f"{workers} worker{'' if workers == 1 else 's'}"
    if not isinstance(graph.store, OxigraphStore):
        by = f"answered by {graph.release}"
    return f"limit {timeout:g} s, {by}, federation off"

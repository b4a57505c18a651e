"""``pharmakon serve``: the browser, the endpoint and the API on this machine."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .command import Command, Run, pass_run

if TYPE_CHECKING:
    from pharmakon import KnowledgeGraph
    from pharmakon.stores import QueryService, WritableStore
    from pharmakon_server.front import Front

__all__ = ["serve"]


@click.command(
    cls=Command,
    forms=(),
    examples=(
        ("pharmakon serve", "the newest build, or the graph that ships in the package"),
        ("pharmakon serve --port 0", "any free port; it is printed"),
        ("pharmakon serve --release releases/9e89d99c2d278955", "a release that was built"),
        ("pharmakon serve --endpoint http://127.0.0.1:7878/query", "one that another store holds"),
        ("pharmakon serve --writable data --token-file token", "a store of your own at /sparql"),
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
    "--query-memory",
    type=click.IntRange(64),
    default=1024,
    show_default=True,
    metavar="MB",
    help="How much memory a query may take beyond the graph itself.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="How many visitors' queries run at once; one more is kept for the site's own.",
)
@click.option(
    "--sources",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of the texts of sources: evidence then shows its passage.",
)
@click.option(
    "--writable",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Answer /sparql from a store in this folder, and take updates at /update and /store.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file with the token that whoever writes must have.",
)
@click.option(
    "--allow-federation",
    multiple=True,
    metavar="HOST",
    help="Let a query ask this other server by SERVICE; may be given more than once.",
)
@click.option(
    "--fair-use/--no-fair-use",
    default=None,
    help="Limit what each client may use. The default: unless only this machine can ask.",
)
@click.option(
    "--trusted-proxy",
    multiple=True,
    metavar="ADDRESS",
    help="Believe what this proxy, or network, says of who asks; may be given more than once.",
)
@click.option(
    "--proxy-header",
    type=click.Choice(["x-forwarded-for", "forwarded"]),
    default="x-forwarded-for",
    show_default=True,
    help="The header by which those proxies say it; the other is believed from nobody.",
)
@click.option(
    "--csv",
    type=click.Choice(["defused", "exact"]),
    default="defused",
    show_default=True,
    help="Whether CSV has an apostrophe before what a spreadsheet would run as a formula.",
)
@click.option(
    "--log/--no-log",
    default=None,
    help="Write a line of JSON for each request to stderr. The default: unless it is a terminal.",
)
@click.option("--log-queries", is_flag=True, help="Have the text of queries in those lines.")
@pass_run
def serve(run: Run, /, **given: Any) -> None:
    """Serve the graph: pages, a SPARQL endpoint and an API. Ctrl-C stops it."""
    options = _Options(**given)
    options.check()
    # A signal that comes while modules are imported ends the process as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            _serve(run.graph, options, stack)
    except KeyboardInterrupt:
        pass
    click.echo("Stopped.")


@dataclass(frozen=True)
class _Options:
    """What the command was told; each is named as its option."""

    host: str
    port: int
    query_timeout: float
    query_memory: int
    workers: int
    sources: Path | None
    writable: Path | None
    token_file: Path | None
    allow_federation: tuple[str, ...]
    fair_use: bool | None
    trusted_proxy: tuple[str, ...]
    proxy_header: Literal["x-forwarded-for", "forwarded"]
    csv: str
    log: bool | None
    log_queries: bool

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            click.UsageError: Two do not, or one has no meaning.
        """
        if (self.writable is None) != (self.token_file is None):
            raise click.UsageError("--writable DIR and --token-file FILE need each other")
        from pharmakon.stores.federation import Federation
        from pharmakon_server.forwarded import Proxies

        for option, make, values in (
            ("--trusted-proxy", Proxies, self.trusted_proxy),
            ("--allow-federation", Federation, self.allow_federation),
        ):
            try:
                make(values)
            except ValueError as error:
                raise click.UsageError(f"{option}: {error}") from error

    @property
    def is_fair(self) -> bool:
        """Whether each client is limited: unless it is off, or only this machine can ask."""
        if self.fair_use is not None:
            return self.fair_use
        try:
            alone = ip_address(self.host).is_loopback
        except ValueError:
            alone = self.host == "localhost"
        return not alone or bool(self.trusted_proxy)

    @property
    def token(self) -> str | None:
        """The token that whoever writes must have, or None where nobody may.

        Raises:
            click.UsageError: The file holds none.
        """
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{self.token_file}: {error}") from error
        if len(token) < 16:
            raise click.UsageError(
                f"{self.token_file}: the token has {len(token)} characters; have at least 16, "
                "for instance from 'python3 -c \"import secrets; print(secrets.token_hex())\"'"
            )
        return token


def _serve(graph: KnowledgeGraph, options: _Options, stack: ExitStack) -> None:
    from pharmakon.stores import OxigraphStore
    from pharmakon_server.app import create_app
    from pharmakon_server.endpoint import Endpoint
    from pharmakon_server.fair_use import FairUse
    from pharmakon_server.forwarded import Proxies
    from pharmakon_server.front import Front
    from pharmakon_server.log import Log
    from pharmakon_server.metrics import Metrics
    from pharmakon_server.updates import LONGEST_UPLOAD, admission

    metrics = Metrics()
    token = options.token
    writable = stack.enter_context(_writable(options)) if options.writable else None
    queries = stack.enter_context(_queries(graph, writable, options))
    listening = stack.enter_context(_listening(options.host, options.port))
    lasts = writable is None and isinstance(graph.store, OxigraphStore)
    endpoint = Endpoint(queries, graph.release if lasts else "", defuse=options.csv == "defused")
    app = create_app(
        graph, endpoint, sources=options.sources, metrics=metrics, writable=writable, token=token
    )
    logs = not sys.stderr.isatty() if options.log is None else options.log
    front = Front(
        app,
        endpoint,
        fair_use=FairUse() if options.is_fair else None,
        proxies=Proxies(options.trusted_proxy, options.proxy_header),
        metrics=metrics,
        log=stack.enter_context(Log(sys.stderr)) if logs else None,
        log_queries=options.log_queries,
        admit=admission(token),
        longest_upload=LONGEST_UPLOAD,
    )
    # What is there now stays; to look through it again and again would only take time.
    gc.collect()
    gc.freeze()
    for line in _greeting(graph, listening, _limits(graph, options)):
        click.echo(line)
    _run(front, listening)


def _run(front: Front, listening: socket.socket) -> None:
    """Serve in an event loop until Ctrl-C or SIGTERM; in uvloop's where there is one."""
    from pharmakon_server.serving import serve

    async def until_told() -> None:
        stop = asyncio.Event()
        with suppress(NotImplementedError):  # elsewhere than on Unix, Ctrl-C raises
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(front, listening, stop)

    try:
        import uvloop
    except ImportError:
        asyncio.run(until_told())
    else:
        uvloop.run(until_told())


@contextmanager
def _writable(options: _Options) -> Iterator[WritableStore]:
    """Give the store that can be changed, open."""
    from pharmakon.stores import WritableStore

    assert options.writable is not None  # noqa: S101 - it is asked for only then
    with WritableStore(options.writable, timeout=options.query_timeout) as store:
        store.start()
        yield store


@contextmanager
def _queries(
    graph: KnowledgeGraph, writable: WritableStore | None, options: _Options
) -> Iterator[QueryService]:
    """Give what answers visitors' queries, already starting."""
    from pharmakon.stores import OxigraphStore, WritableStore

    source = writable or graph.store
    if isinstance(source, WritableStore | OxigraphStore):
        from pharmakon.stores.federation import Federation
        from pharmakon.stores.sandbox import SandboxedQueries

        hosts = options.allow_federation
        with SandboxedQueries(
            source,
            workers=options.workers,
            timeout=options.query_timeout,
            memory=options.query_memory << 20,
            federation=Federation(hosts) if hosts else None,
        ) as queries:
            queries.start()
            yield queries
    else:
        from pharmakon.stores.remote import RemoteStore

        assert isinstance(graph.store, RemoteStore)  # noqa: S101 - there are two stores
        yield RemoteStore(graph.store.url, options.query_timeout)


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
        count = graph.names.count(kind)
        yield f"{count} {kind}{'' if count == 1 else 's'}"


def _limits(graph: KnowledgeGraph, options: _Options) -> str:
    from pharmakon.stores import OxigraphStore

    by = f"{options.workers} worker{'' if options.workers == 1 else 's'}"
    if not isinstance(graph.store, OxigraphStore):
        by = f"answered by {graph.release}"
    if options.writable is not None:
        by += f" over {options.writable}"
    others = f"federation with {', '.join(options.allow_federation)}"
    return ", ".join(
        (
            f"limit {options.query_timeout:g} s",
            by,
            others if options.allow_federation else "federation off",
            f"fair use {'on' if options.is_fair else 'off'}",
        )
    )

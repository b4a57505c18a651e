"""``pharmakon query``: the named queries, and queries of your own."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import marks
from .command import Command, Run, WithExamples, kept, pass_run, shared
from .output import table

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.queries import Query
    from pharmakon.stores import Answer, QueryService
    from pharmakon.tables import Table

__all__ = ["query"]

#: The forms of rows and of yes or no: media types. Tables and TSV are made from JSON.
_RESULTS = {
    "table": "application/sparql-results+json",
    "tsv": "application/sparql-results+json",
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
}

#: The forms of a graph: media types. Turtle is what a table and TSV are for rows.
_GRAPHS = {
    "table": "text/turtle",
    "tsv": "text/turtle",
    "json": "application/ld+json",
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "nq": "application/n-quads",
    "trig": "application/trig",
    "rdf": "application/rdf+xml",
    "jsonld": "application/ld+json",
}

_FORMS = tuple(dict.fromkeys([*_RESULTS, *_GRAPHS]))


def _timeout() -> click.Option:
    return kept(
        ["--timeout"],
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help=f"End the query after so many seconds; {Run.timeout:g} unless given.",
    )


class _Queries(WithExamples, click.Group):
    """The command ``query``: each named query is a command below it, with its parameters."""

    def __init__(self, *args: Any, params: Sequence[click.Parameter] = (), **settings: Any) -> None:
        own = [*params, _timeout(), *shared(graph=True, forms=_FORMS)]
        super().__init__(
            *args,
            params=own,
            invoke_without_command=True,
            subcommand_metavar="[NAME [--PARAMETER VALUE]… | FILE.rq]",
            **settings,
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return none: the help names ``--list``, and so need not read every query."""
        return []

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command of a named query, or of a file of SPARQL.

        Raises:
            NotFoundError: There is no such query.
        """
        if cmd_name == "-" or cmd_name.endswith((".rq", ".sparql")) or "/" in cmd_name:
            return Command(
                cmd_name,
                params=[_timeout()],
                forms=_FORMS,
                callback=lambda: _ask(ctx.ensure_object(Run), _read(cmd_name)),
                help=f"Answer the query in {cmd_name}.",
            )
        from pharmakon import queries

        return _command_of(queries.load(cmd_name))


@click.command(
    cls=_Queries,
    examples=(
        ("pharmakon query --list", "the questions that are ready to be asked"),
        ("pharmakon query substance_actions --substance naltrexone", "one of them"),
        ("pharmakon query substance_actions --help", "what it asks, and its parameters"),
        (
            "pharmakon query -q 'SELECT ?s { ?s pk:antagonistOf target:mu-opioid-receptor }'",
            "a query of your own; prefixes are declared already",
        ),
        ("pharmakon query question.rq --format csv", "a query in a file, IRIs in full"),
        ("pharmakon query -q - < question.rq", "a query from standard input"),
    ),
)
@click.option("-q", "text", metavar="SPARQL", help="Answer this query; '-' reads it from stdin.")
@click.option("--list", "listed", is_flag=True, help="List the named queries.")
@pass_run
@click.pass_context
def query(ctx: click.Context, run: Run, text: str | None, listed: bool) -> None:
    """Answer a named query, or one of your own.

    A query runs in a process of its own and is ended at its time limit. SERVICE, which
    would ask another server, is refused. In a table and in TSV, IRIs are shortened; the
    other forms are as their standards say.
    """
    if [text is not None, listed, ctx.invoked_subcommand is not None].count(True) > 1:
        raise click.UsageError("give one of NAME, FILE.rq, -q or --list", ctx)
    if listed:
        _list(run)
    elif text is not None:
        _ask(run, _read("-") if text == "-" else text)
    elif ctx.invoked_subcommand is None:
        raise click.UsageError("give the NAME of a query, a FILE.rq or -q; --list lists names", ctx)


def _command_of(question: Query) -> Command:
    """Return the command of a named query: its parameters are options."""
    options: list[click.Parameter] = [
        click.Option(
            [f"--{_dashed(name)}", name],
            metavar="TEXT" if parameter.type == "text" else "NAME",
            help=f"{parameter.description} Example: {parameter.example}",
        )
        for name, parameter in question.params.items()
    ]

    @pass_run
    def answer(run: Run, /, **given: str | None) -> None:
        values = {name: value for name, value in given.items() if value is not None}
        for name in question.params.keys() - values.keys():
            example = question.params[name].example
            click.echo(f"pharmakon: no --{_dashed(name)}; the example is {example}", err=True)
        _ask(run, run.graph.bind(question, **values).text, draw=_draw_labels)

    return Command(
        question.name,
        params=[*options, _timeout()],
        forms=_FORMS,
        callback=answer,
        help=f"{question.summary}.\n\n{question.description}",
        examples=((_example(question), ""),),
    )


def _example(question: Query) -> str:
    line = ["pharmakon", "query", question.name]
    for name, parameter in question.params.items():
        line += [f"--{_dashed(name)}", parameter.example.removesuffix("@en").strip('"')]
    return shlex.join(line)


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower().replace("_", "-")


def _list(run: Run) -> None:
    from pharmakon import queries

    found = [queries.load(name) for name in queries.names()]

    def draw(console: Console) -> None:
        drawn = table("name", "what it answers", "parameters")
        for one in found:
            options = " ".join(f"--{_dashed(name)}" for name in one.params)
            drawn.add_row(marks.text(one.name, "bold"), marks.text(one.summary), options)
        console.print(drawn)

    run.out.answer(
        draw=draw,
        columns=["name", "summary", "tags", "parameters"],
        rows=lambda: (
            (one.name, one.summary, " ".join(one.tags), " ".join(one.params)) for one in found
        ),
        value=lambda: [
            {
                "name": one.name,
                "summary": one.summary,
                "description": one.description,
                "tags": list(one.tags),
                "parameters": {
                    name: {"type": p.type, "description": p.description, "example": p.example}
                    for name, p in one.params.items()
                },
            }
            for one in found
        ],
    )


def _ask(run: Run, text: str, draw: Callable[[Console, Table], None] | None = None) -> None:
    """Answer a query within its time limit, in the form that was asked for."""
    form = run.out.chosen
    with _service(run) as service:
        answer = service.answer(
            text,
            results=_RESULTS.get(form, _RESULTS["json"]),
            graphs=_GRAPHS.get(form, _GRAPHS["ttl"]),
            timeout=run.timeout,
        )
    known = _GRAPHS if answer.form == "graph" else _RESULTS
    if form not in known:
        what = "a graph" if answer.form == "graph" else "rows, or yes or no"
        raise click.UsageError(f"the answer is {what}: --format is one of {', '.join(known)}")
    if answer.form == "graph" or form not in ("table", "tsv"):
        run.out.raw(answer.body)
    else:
        _show(run, answer, draw or _draw)


def _show(run: Run, answer: Answer, draw: Callable[[Console, Table], None]) -> None:
    """Write rows, or a yes or no, as a table or as TSV."""
    import pyoxigraph as ox

    from pharmakon.stores.oxigraph import solutions
    from pharmakon.tables import Table

    found = ox.parse_query_results(answer.body, format=ox.QueryResultsFormat.JSON)
    if isinstance(found, ox.QueryBoolean):
        click.echo(str(bool(found)).lower())
        return
    assert isinstance(found, ox.QuerySolutions)  # noqa: S101 - a graph has another form
    answered = Table.of(solutions(found), "")
    dicts = answered.to_dicts()
    run.out.answer(
        draw=lambda console: draw(console, answered),
        columns=answered.columns,
        rows=lambda: ([row.get(name) for name in answered.columns] for row in dicts),
        value=lambda: dicts,
    )


def _draw_labels(console: Console, answered: Table) -> None:
    """Draw a table without the IRIs of things that it has labels of; other forms keep them."""
    labelled = {name.removesuffix("Label") for name in answered.columns if name.endswith("Label")}
    kept = [name for name in answered.columns if name not in labelled]
    _draw(console, replace(answered, columns=tuple(kept)))


def _draw(console: Console, answered: Table) -> None:
    drawn = table(*(name.removesuffix("Label") for name in answered.columns))
    for row in answered.to_dicts():
        drawn.add_row(*(marks.text(row.get(name, "")) for name in answered.columns))
    if answered.rows:
        console.print(drawn)
    console.print(marks.text(f"{len(answered)} row{'' if len(answered) == 1 else 's'}", "dim"))


@contextmanager
def _service(run: Run) -> Iterator[QueryService]:
    """Give what answers a stranger's query to the graph that was asked for."""
    from pharmakon.stores import OxigraphStore

    store = run.graph.store
    if isinstance(store, OxigraphStore):
        from pharmakon.stores.sandbox import SandboxedQueries

        with SandboxedQueries(store, workers=1, timeout=run.timeout) as queries:
            yield queries
    else:
        from pharmakon.stores.remote import RemoteStore

        assert isinstance(store, RemoteStore)  # noqa: S101 - there are two stores
        yield RemoteStore(store.url, run.timeout)


def _read(name: str) -> str:
    """Return a query from a file, or from standard input where the name is ``-``."""
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return body.decode("utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"{name}: {error.strerror}; give a file that can be read") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name}: it is not UTF-8 text: {error.reason}") from error

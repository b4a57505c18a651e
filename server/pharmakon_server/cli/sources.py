"""``pharmakon sources`` and ``pharmakon get``: what the graph rests on, and where to get it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import NothingFoundError
from .output import table

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.downloads import Fetched

__all__ = ["get", "sources"]

#: How evidence names its place says what kind of source it is.
_SOURCES = """
SELECT ?source ?label ?issued ?licence ?publisher
  (COUNT(DISTINCT ?evidence) AS ?places)
  (COUNT(DISTINCT ?statement) AS ?statements)
  (COUNT(DISTINCT ?passage) AS ?passages)
  (COUNT(DISTINCT ?record) AS ?records)
WHERE {
  ?source a pk:Source ; rdfs:label ?label .
  OPTIONAL { ?source dcterms:issued ?issued }
  OPTIONAL { ?source dcterms:license ?licence }
  OPTIONAL { ?source dcterms:publisher ?publisher }
  OPTIONAL {
    ?evidence pk:source ?source .
    OPTIONAL { ?evidence oa:start ?start . BIND (?evidence AS ?passage) }
    OPTIONAL { ?evidence pk:record ?record }
    OPTIONAL {
      { ?statement pk:supportedBy ?evidence } UNION { ?statement pk:disputedBy ?evidence }
      ?statement pk:subject ?subject .
    }
  }
}
GROUP BY ?source ?label ?issued ?licence ?publisher
ORDER BY DESC(?statements) ?label ?source
"""


@click.command(
    cls=Command,
    examples=(
        ("pharmakon sources", "each source: its date, its licence, what rests on it"),
        ("pharmakon query source_evidence --source naltrexone-article", "what is taken from one"),
        ("pharmakon sources why naltrexone", "by what the things of datasets were found to be it"),
    ),
)
@click.argument("why", required=False, type=click.Choice(["why"]), metavar="[why")
@click.argument("name", required=False, metavar="NAME]")
@pass_run
def sources(run: Run, why: str | None, name: str | None) -> None:
    """List the sources, and how much rests on each.

    With "why", say of one thing by which identifier or name each dataset was found to speak of
    it, and which identifiers were not believed: of a release that has datasets imported.
    """
    if why and not name:
        raise click.UsageError("name the thing too, as in 'pharmakon sources why naltrexone'")
    if name:
        _why(run, name)
        return
    found = [row | {"kind": _kind(row)} for row in run.graph.query(_SOURCES)]
    names = ["source", "label", "kind", "issued", "licence", "publisher", "places", "statements"]

    def draw(console: Console) -> None:
        drawn = table("source", "kind", "date", "licence", "evidence", "statements")
        for column in drawn.columns[-2:]:
            column.justify = "right"
        for row in found:
            drawn.add_row(
                marks.text(row["label"]),
                marks.text(row["kind"], "dim"),
                marks.text(row.get("issued", "not stated"), "dim"),
                marks.text(_licence(str(row.get("licence", ""))), "dim"),
                marks.text(row["places"]),
                marks.text(row["statements"]),
            )
        console.print(drawn)

    run.out.answer(
        draw=draw,
        columns=names,
        rows=lambda: ([row.get(name) for name in names] for row in found),
        value=lambda: [{name: row.get(name) for name in names} for row in found],
    )


def _why(run: Run, name: str) -> None:
    """Say why the things of datasets are one."""
    from pharmakon import merge
    from pharmakon.stores import OxigraphStore

    thing = run.graph.names.resolve(name)
    store = run.graph.store
    joins, conflicts = merge.why(store, thing.iri) if isinstance(store, OxigraphStore) else ([], [])
    if not joins:
        raise NothingFoundError(
            f"no dataset was imported that speaks of {thing.label}; "
            "import some with 'pharmakon build --all-from DIR', or name such a release"
        )
    rows = [
        *(("the same", one["source"], one["key"], one["label"], one["by"]) for one in joins),
        *(
            ("not the same", one["source"], one["identifier"], one["label"], one["reason"])
            for one in conflicts
        ),
    ]

    def draw(console: Console) -> None:
        console.print(marks.thing(thing))
        drawn = table("", "dataset", "there", "called", "why")
        for row in rows:
            drawn.add_row(*map(marks.text, row))
        console.print(drawn)

    names = ["answer", "source", "key", "label", "why"]
    run.out.answer(
        draw=draw,
        columns=names,
        rows=lambda: rows,
        value=lambda: [dict(zip(names, row, strict=True)) for row in rows],
    )


@click.command(
    cls=Command,
    examples=(
        ("pharmakon get", "the sources that can be downloaded, with their licences"),
        ("pharmakon get https://example.org/labels.csv --output .", "any file, with its digest"),
    ),
)
@click.argument("what", required=False, metavar="[SOURCE|URL]")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to put it in; one for each source in your data folder unless given.",
)
@pass_run
def get(run: Run, what: str | None, output: Path | None) -> None:
    """Download a source's file, and record its digest beside it.

    A download that was cut goes on where it stopped when the same command is run again. A
    file that is there already is not fetched again.
    """
    if what is None:
        _list(run)
        return
    files = [_fetch(url, output or folder) for url, folder in _wanted(run, what)]

    def draw(console: Console) -> None:
        for one in files:
            console.print(marks.text("✓ ", "green").append_text(marks.text(one.path)))
            console.print(marks.text(f"  {one.bytes} bytes · sha256 {one.sha256}"), soft_wrap=True)

    run.out.answer(
        draw=draw,
        columns=["path", "bytes", "sha256", "url", "retrieved"],
        rows=lambda: ((one.path, one.bytes, one.sha256, one.url, one.retrieved) for one in files),
        value=lambda: [asdict(one) for one in files],
    )


def _kind(row: dict[str, str | int | float | bool]) -> str:
    return "text" if row["passages"] else "table" if row["records"] else "document"


def _licence(iri: str) -> str:
    """Return the short name of a licence, as people write it."""
    if not iri:
        return "not stated"
    parts = iri.rstrip("/").split("/")
    if "creativecommons.org" not in iri or len(parts) < 2:
        return iri
    kind, version = parts[-2].upper(), parts[-1]
    return {"ZERO": "CC0", "MARK": "public domain"}.get(kind, f"CC {kind}") + f" {version}"


def _list(run: Run) -> None:
    from pharmakon import downloads

    found = downloads.downloads(run.graph.store)
    if not found and run.out.chosen == "table":
        click.echo("No source of this graph states a file. Give an address: pharmakon get URL")
        return

    def draw(console: Console) -> None:
        drawn = table("source", "licence", "file")
        for one in found:
            licence = marks.text(_licence(one.licence), "dim")
            drawn.add_row(marks.text(one.source.curie), licence, marks.text(one.url))
        console.print(drawn)
        console.print(marks.text("next: pharmakon get SOURCE", "dim"))

    run.out.answer(
        draw=draw,
        columns=["source", "licence", "url"],
        rows=lambda: ((one.source.curie, one.licence, one.url) for one in found),
        value=lambda: [one.to_dict() for one in found],
    )


def _wanted(run: Run, what: str) -> Sequence[tuple[str, Path]]:
    """Return what is to be fetched, and for each the folder that it goes to by itself.

    Raises:
        NothingFoundError: The source states no file.
    """
    import platformdirs

    from pharmakon import downloads

    folder = platformdirs.user_data_path("pharmakon", appauthor=False) / "sources"
    if "://" in what:
        return [(what, downloads.folder_of(what, folder))]
    source = run.graph.names.resolve(what, "source")
    found = [one for one in downloads.downloads(run.graph.store) if one.source.iri == source.iri]
    if not found:
        raise NothingFoundError(
            f"{source.label!r} states no file to download; 'pharmakon get' lists those that do"
        )
    return [(one.url, folder / source.iri.rsplit("/", 1)[-1]) for one in found]


def _fetch(url: str, folder: Path) -> Fetched:
    from pharmakon import downloads

    with _progress(url) as progress:
        return downloads.fetch(url, folder, progress)


@contextmanager
def _progress(url: str) -> Iterator[Callable[[int, int | None], None]]:
    """Give what is told of the bytes that have come; shown on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Speed

    columns = (BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(url, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

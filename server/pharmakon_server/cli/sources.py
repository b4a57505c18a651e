"""``pharmakon sources`` and ``pharmakon get``: what the graph rests on, and where to get it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import NothingFoundError, say
from .output import table

if TYPE_CHECKING:
    from rich.console import Console

    from pharmakon.downloads import Download, Fetched
    from pharmakon.importers import Importer

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
        ("pharmakon get", "the sources, with their licences, and which are downloaded"),
        ("pharmakon get drugcentral", "one from its publisher, for 'pharmakon build --all-from'"),
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
    """Download a source; record its digest and licence.

    The licence is said on stderr before anything is fetched. A download that was cut goes on
    where it stopped when the same command is run again. A file that is there already is not
    fetched again.
    """
    if what is None:
        _list(run)
        return
    _show(run, _got(run, what, output))


def _show(run: Run, files: Sequence[Fetched]) -> None:
    """Say which files are there now."""

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


def _got(run: Run, what: str, output: Path | None) -> list[Fetched]:
    """Fetch what is asked for: an address, a source that can be imported, or one of the graph.

    Raises:
        NotFoundError: Nothing is called so.
        NothingFoundError: The source states no file, or has to be got by hand.
    """
    from pharmakon import datasets, downloads
    from pharmakon.errors import NotFoundError

    root = downloads.sources_folder()
    if "://" in what:
        return [_fetch(what, output or downloads.folder_of(what, root))]
    try:
        importer = datasets.named(what)
    except NotFoundError as error:
        return [
            _fetch(one.url, output or _folder_of(one), (one.licence,) if one.licence else ())
            for one in _stated(run, what, error.nearest)
        ]
    return _import(importer, output or root / importer.folder)


def _import(importer: Importer, folder: Path) -> list[Fetched]:
    """Fetch the files of a source that can be imported.

    Raises:
        NothingFoundError: Some have to be got by hand.
    """
    from pharmakon import datasets

    say(f"{importer.title} ({importer.publisher}) is under {_licences(importer.licences)}")
    found: list[Fetched] = []
    for remote in datasets.remotes(importer):
        with _progress(remote.url) as progress:
            found += datasets.fetch(remote, folder, progress)
    if left := datasets.by_hand(importer, folder):
        raise NothingFoundError(left)
    return found


def _kind(row: dict[str, str | int | float | bool]) -> str:
    return "text" if row["passages"] else "table" if row["records"] else "document"


def _licence(iri: str) -> str:
    """Return the short name of a licence, as people write it."""
    if not iri:
        return "not stated"
    parts = iri.rstrip("/").split("/")
    if "opendatacommons.org/licenses/odbl/" in iri:
        return f"ODbL {parts[-1].replace('-', '.')}"
    if "creativecommons.org" not in iri or len(parts) < 2:
        return iri
    kind, version = parts[-2].upper(), parts[-1]
    return {"ZERO": "CC0", "MARK": "public domain"}.get(kind, f"CC {kind}") + f" {version}"


def _short(iri: str) -> str:
    """Return the short name of a licence, for a narrow column."""
    name = _licence(iri)
    return "its own" if name == iri else name


def _licences(iris: Sequence[str]) -> str:
    """Return the names of licences with their addresses, in a line of text."""
    named = ((_licence(iri), iri) for iri in iris)
    texts = [iri if name == iri else f"{name} ({iri})" for name, iri in named]
    return " and ".join(texts) or "no licence that is stated: ask whose it is"


def _list(run: Run) -> None:
    """List the sources that can be imported, and those of the graph that state a file."""
    from pharmakon import downloads

    rows = [*map(_importable, _importers()), *map(_statable, downloads.downloads(run.graph.store))]

    def draw(console: Console) -> None:
        drawn = table("source", "what it is", "licence", "downloaded")
        for row in rows:
            drawn.add_row(
                marks.text(row["source"]),
                marks.text(row["label"]),
                marks.text(", ".join(map(_short, row["licences"])) or "not stated", "dim"),
                marks.text(row["downloaded"]),
            )
        console.print(drawn)
        console.print(marks.text("next: pharmakon get SOURCE, then: pharmakon build --all-from"))

    run.out.answer(
        draw=draw,
        columns=["source", "licences", "downloaded", "url"],
        rows=lambda: (
            (row["source"], " ".join(row["licences"]), row["downloaded"], row["url"])
            for row in rows
        ),
        value=lambda: rows,
    )


class _Listed(TypedDict):
    """A source that can be downloaded, as it is listed."""

    source: str
    label: str
    licences: list[str]
    downloaded: str
    url: str


def _importers() -> Iterable[Importer]:
    from pharmakon.importers import IMPORTERS

    return IMPORTERS.values()


def _importable(importer: Importer) -> _Listed:
    from pharmakon import datasets, downloads

    folder = downloads.sources_folder() / importer.folder
    missing = "by hand" if datasets.by_hand(importer, folder) else "no"
    return {
        "source": importer.name,
        "label": importer.title,
        "licences": list(importer.licences),
        "downloaded": "yes" if datasets.are_there(importer, folder) else missing,
        "url": importer.homepage,
    }


def _statable(one: Download) -> _Listed:
    from pharmakon import downloads

    is_there = downloads.recorded(_folder_of(one) / downloads.name_of(one.url), one.url)
    return {
        "source": one.source.curie,
        "label": one.source.label,
        "licences": [one.licence] if one.licence else [],
        "downloaded": "yes" if is_there else "no",
        "url": one.url,
    }


def _folder_of(one: Download) -> Path:
    """Return the folder for what a source of the graph states."""
    from pharmakon import downloads

    return downloads.sources_folder() / one.source.iri.rsplit("/", 1)[-1]


def _stated(run: Run, what: str, nearest: Sequence[str]) -> list[Download]:
    """Return the files that a source of the graph states.

    Args:
        run: The run.
        what: What the source is called.
        nearest: Which sources that can be imported are called nearly so.

    Raises:
        NotFoundError: No source is called so.
        NothingFoundError: The source states no file.
    """
    from pharmakon import downloads
    from pharmakon.errors import NotFoundError

    try:
        source = run.graph.names.resolve(what, "source")
    except NotFoundError as error:
        raise NotFoundError("source", what, [*nearest, *error.nearest]) from error
    found = [one for one in downloads.downloads(run.graph.store) if one.source.iri == source.iri]
    if not found:
        raise NothingFoundError(
            f"{source.label!r} states no file to download; 'pharmakon get' lists those that do"
        )
    return found


def _fetch(url: str, folder: Path, licences: Sequence[str] = ()) -> Fetched:
    from pharmakon import downloads

    if licences:
        say(f"{url} is under {_licences(licences)}")
    with _progress(url) as progress:
        return downloads.fetch(url, folder, progress, licences=licences)


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

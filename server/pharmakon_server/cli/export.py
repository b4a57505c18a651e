"""``pharmakon export``: the graph, or a part of it, in the forms that other tools read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import Command, Run, pass_run
from .failures import say

if TYPE_CHECKING:
    import pyoxigraph as ox

    from pharmakon import KnowledgeGraph
    from pharmakon.views.statements import Statement

__all__ = ["export"]

_RDF = ("ttl", "nt", "nq", "trig", "rdf", "jsonld")
_FORMS = (*_RDF, "csv", "kgx", "sssom", "graphml")


@click.command(
    cls=Command,
    forms=(),
    examples=(
        ("pharmakon export naltrexone", "one thing with its statements, in Turtle"),
        ("pharmakon export -o pharmakon.nq", "the whole graph; the suffix says the form"),
        ("pharmakon export --format kgx -o tables", "nodes, edges, and negatives apart"),
        ("pharmakon export naltrexone naloxone -o both.graphml", "what they touch, for Gephi"),
    ),
)
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option("--format", "form", type=click.Choice(_FORMS), help="The form; Turtle unless given.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Where to; a directory for kgx, standard output unless given for the others.",
)
@pass_run
def export(run: Run, names: Sequence[str], form: str | None, output: Path | None) -> None:
    """Write the graph, or what is held of some things, to a file.

    kgx keeps negatives in a file of their own, graphml has none: no tool can mistake a no
    for a yes. The licence is said on stderr.
    """
    form = form or _form_of(output)
    graph = run.graph
    iris = [graph.names.resolve(name).iri for name in names]
    if form == "kgx":
        _export_kgx(graph, iris, output)
    else:
        body = _body(graph, iris, form)
        if output is None:
            run.out.raw(body)
        else:
            _write(output, body)
            say(f"wrote {output}, {len(body)} bytes")
    for line in _licences(graph):
        say(line)


def _form_of(output: Path | None) -> str:
    """Return the form that a file's suffix says.

    Raises:
        click.UsageError: It says none of them.
    """
    if output is None:
        return "ttl"
    suffix = "sssom" if output.name.endswith(".sssom.tsv") else output.suffix.removeprefix(".")
    if suffix not in _FORMS:
        raise click.UsageError(f"{output}: its name does not say the form; give --format")
    return suffix


def _body(graph: KnowledgeGraph, iris: Sequence[str], form: str) -> bytes:
    """Return the graph, or what is held of some things, in a form that is one file."""
    from pharmakon import exports

    if form == "csv":
        return exports.to_csv(_statements(graph, iris)).encode()
    if form == "graphml":
        return exports.graphml(graph.store, iris or _everything(graph)).encode()
    if form == "sssom":
        if iris:
            raise click.UsageError("sssom is exported whole; leave out the names")
        return exports.sssom().encode()
    return exports.serialise(_quads(graph, iris), form)


def _quads(graph: KnowledgeGraph, iris: Sequence[str]) -> list[ox.Quad]:
    """Return the quads about some things, or all where none is named, in order."""
    from pharmakon import exports

    if not iris:
        return exports.everything(graph.store)
    return sorted({quad for iri in iris for quad in graph.describe(iri)}, key=str)


def _statements(graph: KnowledgeGraph, iris: Sequence[str]) -> list[Statement]:
    from pharmakon.views.references import values_of
    from pharmakon.views.statements import statements

    pattern = "?statement pk:subject ?here"
    if iris:
        here = values_of("here", iris)
        pattern = f"{here} {{ ?statement pk:subject ?here }} UNION {{ ?statement pk:object ?here }}"
    return statements(graph.store, pattern)


def _everything(graph: KnowledgeGraph) -> list[str]:
    from pharmakon.namespaces import ENTITY_TYPES

    return [one.iri for kind in (*ENTITY_TYPES, "class") for one in graph.names.of_kind(kind)]


def _export_kgx(graph: KnowledgeGraph, iris: Sequence[str], output: Path | None) -> None:
    from pharmakon import exports

    if iris:
        raise click.UsageError("kgx is exported whole; leave out the names")
    if output is None:
        raise click.UsageError("kgx is three files; give a directory with -o DIR")
    for path in exports.kgx(graph.store, output):
        say(f"wrote {path}, {path.stat().st_size} bytes")


def _write(path: Path, body: bytes) -> None:
    """Write a file whole, or leave what was there; a pipe or device is written to as it is."""
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(body)
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            aside = Path(file.name)
            try:
                file.write(body)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                aside.replace(path)
            except BaseException:
                aside.unlink()
                raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _licences(graph: KnowledgeGraph) -> Iterator[str]:
    """Yield the licence of each graph that was exported from."""
    rows = graph.query(
        """SELECT ?licence (GROUP_CONCAT(?label; separator=", ") AS ?graphs) WHERE {
          { SELECT ?label ?licence WHERE {
            ?graph a dcat:Dataset ; rdfs:label ?label ; dcterms:license ?licence .
          } ORDER BY ?label }
        } GROUP BY ?licence ORDER BY ?licence"""
    )
    for row in rows:
        yield (
            f"licence {row['licence']} ({row['graphs']}): "
            f"name the source as Pharmakon, release {graph.release}"
        )

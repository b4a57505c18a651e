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
    from pharmakon.licences import Licensed
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
        ("pharmakon export --licence open -o open.nq", "without what is share-alike"),
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
@click.option(
    "--licence",
    type=click.Choice(["open"]),
    help="Leave out the graphs that are not open: whose licence is not stated, or other than CC0, "
    "CC BY and the public domain.",
)
@pass_run
def export(
    run: Run,
    names: Sequence[str],
    form: str | None,
    output: Path | None,
    licence: str | None,
) -> None:
    """Write the graph, or what is held of some things, to a file.

    kgx keeps negatives in a file of their own, graphml has none: no tool can mistake a no
    for a yes. The licences of what was written are said on stderr, and what was left out.
    """
    form = form or _form_of(output)
    graph = run.graph
    iris = [graph.names.resolve(name).iri for name in names]
    left_out: list[Licensed] = []
    if licence == "open":
        graph, left_out = _open_part(graph)
    if form == "kgx":
        _export_kgx(graph, iris, output)
        written = None
    else:
        body, written = _body(graph, iris, form)
        if output is None:
            run.out.raw(body)
        else:
            _write(output, body)
            say(f"wrote {output}, {len(body)} bytes")
    for line in (*_licences(graph, written), *map(_left_out, left_out)):
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


def _open_part(graph: KnowledgeGraph) -> tuple[KnowledgeGraph, list[Licensed]]:
    """Return a graph without what is not open, and what that is."""
    from pharmakon import KnowledgeGraph, exports, licences

    left_out = [one for one in licences.graphs(graph.store) if not one.is_open]
    return KnowledgeGraph(exports.open_part(graph.store), graph.release), left_out


def _body(graph: KnowledgeGraph, iris: Sequence[str], form: str) -> tuple[bytes, set[str] | None]:
    """Return the graph, or what is held of some things, in a form that is one file.

    Returns:
        The file, and the IRIs of the named graphs that it is from; None is any of them.
    """
    from pharmakon import exports
    from pharmakon.namespaces import GRAPH

    if form == "csv":
        return exports.to_csv(_statements(graph, iris)).encode(), None
    if form == "graphml":
        return exports.graphml(graph.store, iris or _everything(graph)).encode(), None
    if form == "sssom":
        if iris:
            raise click.UsageError("sssom is exported whole; leave out the names")
        return exports.sssom().encode(), {GRAPH["mappings"].value}
    quads = _quads(graph, iris)
    written = {str(getattr(quad.graph_name, "value", "")) for quad in quads}
    return exports.serialise(quads, form), written


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


def _licences(graph: KnowledgeGraph, written: set[str] | None) -> Iterator[str]:
    """Yield the licences of the graphs that were exported from: all where none are named."""
    from pharmakon import licences

    labels: dict[str, list[str]] = {}
    for one in licences.graphs(graph.store):
        if written is None or one.iri in written:
            for licence in one.licences or ("",):
                labels.setdefault(licence, []).append(one.label)
    for licence, named in sorted(labels.items()):
        if licence:
            yield (
                f"licence {licence} ({', '.join(named)}): "
                f"name the source as Pharmakon, release {graph.release}"
            )
        else:
            yield f"no licence is stated ({', '.join(named)}): ask whose it is before you share it"


def _left_out(one: Licensed) -> str:
    stated = " and ".join(one.licences) or "no licence is stated"
    return f"left out {one.label} ({one.iri}), which is not open: {stated}"

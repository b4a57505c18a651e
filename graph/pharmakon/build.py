"""The build: from files to a graph, and from a graph to a release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyoxigraph as ox

from . import mappings, merge, ontology, releases, validation
from .errors import ValidationError
from .inference import infer, rules
from .namespaces import DCTERMS, GRAPH, RDF, RDFS, SKOS, XSD, Namespace
from .stores import OxigraphStore

__all__ = ["CC_BY", "SHARE_ALIKE", "assemble", "build", "check"]

CC_BY = "https://creativecommons.org/licenses/by/4.0/"

#: Under which the Guide to PHARMACOLOGY may be used: its database, and what is in it.
SHARE_ALIKE = (
    "https://opendatacommons.org/licenses/odbl/1-0/",
    "https://creativecommons.org/licenses/by-sa/4.0/",
)

_DCAT = Namespace("http://www.w3.org/ns/dcat#")
_VOID = Namespace("http://rdfs.org/ns/void#")

#: The graphs of the packaged release: title, what is in it, and its licences.
_GRAPHS = {
    "curated": (
        "curated knowledge",
        "Statements that curators read and keep, each with its evidence.",
        (CC_BY,),
    ),
    "gtopdb": (
        "Guide to PHARMACOLOGY",
        "Actions and affinities at human targets, taken from the IUPHAR/BPS Guide to PHARMACOLOGY.",
        SHARE_ALIKE,
    ),
    "gtopdb-inferred": (
        "inferred from the Guide to PHARMACOLOGY",
        "What follows from the graph of the Guide, remade by every build.",
        SHARE_ALIKE,
    ),
    "inferred": ("inferred", "What follows by rules, remade by every build.", (CC_BY,)),
    "mappings": (
        "mappings",
        "Equivalents in vocabularies outside, from the SSSOM files.",
        (CC_BY,),
    ),
    "ontology": (
        "vocabulary",
        "The terms in which the other graphs are written.",
        (CC_BY,),
    ),
}

Progress = Callable[[str], None]


def assemble(
    root: Path | None = None,
    progress: Progress = lambda step: None,
    more: Iterable[Path] = (),
) -> OxigraphStore:
    """Return the curated graph with all that follows from it, in memory.

    It does not validate the files: the packaged ones were validated before they were shipped.

    Args:
        root: The folder of the ontology; None means the one that ships in the package.
        progress: Called with the name of each step as it begins.
        more: Turtle files of knowledge to add, which need not be in the folder.

    Raises:
        LoadError: A file is not Turtle, SSSOM or SPARQL; it names the line.
    """
    store = OxigraphStore()
    progress("reading the vocabulary")
    for path in ontology.vocabulary(root):
        store.add_file(path, GRAPH["ontology"])
    progress("reading the knowledge")
    for path in dict.fromkeys([*ontology.knowledge(root), *(path.resolve() for path in more)]):
        store.add_file(path, GRAPH["curated"])
    progress("reading the mappings")
    for path in ontology.mapping_sets(root):
        store.add(mappings.triples(mappings.load(path)), GRAPH["mappings"])
    progress("inferring")
    infer(store, rules(root))
    # What is share-alike comes last, so that nothing which follows from it is in another graph.
    for path in ontology.share_alike(root):
        store.add_file(path, GRAPH["gtopdb"])
    for path in ontology.share_alike_mapping_sets(root):
        store.add(mappings.triples(mappings.load(path)), GRAPH["gtopdb"])
    shortcuts = [rule for rule in rules(root) if rule.kind == "shortcut"]
    infer(store, shortcuts, GRAPH["gtopdb-inferred"])
    store.add(list(_catalog(store)), GRAPH["catalog"])
    return store


def check(
    store: OxigraphStore,
    root: Path | None = None,
    sources: Path | None = None,
    only: Sequence[Path] = (),
) -> list[validation.Finding]:
    """Return what is wrong with an assembled graph and the files it came from.

    Args:
        store: What :func:`assemble` returned.
        root: The folder of the ontology that it was assembled from.
        sources: A folder that holds the texts of sources, to recompute digests from.
        only: The files whose descriptions are checked; none is the whole graph.
    """
    if only:
        return validation.validate(only, store.quads(), sources, only=True)
    files = [
        *(*ontology.vocabulary(root), *ontology.knowledge(root)),
        *ontology.share_alike(root),
    ]
    return validation.validate(files, store.quads(), sources)


def build(
    output: Path,
    root: Path | None = None,
    sources: Path | None = None,
    progress: Progress = lambda step: None,
    imports: Sequence[merge.Import] = (),
    *,
    keep_going: bool = False,
) -> Path:
    """Assemble, validate and write a release, and return its directory.

    Args:
        output: The folder in which the release gets a directory of its own.
        root: The folder of the ontology; None means the one that ships in the package.
        sources: A folder that holds the texts of sources; None leaves digests unchecked.
        progress: Called with the name of each step as it begins.
        imports: The sources to import beside what curators wrote.
        keep_going: Whether to go on with a source of which more than a twentieth is broken.

    Raises:
        LoadError: A file is not what it should be.
        TooManyRejectedError: More than a twentieth of a source is broken.
        ValidationError: The graph breaks a rule; nothing is written.
        ReleaseError: The release could not be written; what was there is untouched.
    """
    store = assemble(root, progress)
    progress("validating")
    errors = [str(one) for one in check(store, root, sources) if one.severity != "warning"]
    if errors:
        raise ValidationError(errors)
    if not imports:
        return releases.write(store, output, progress=progress)

    def more(directory: Path, quads: BinaryIO) -> None:
        left_out = ontology.exclusions(root)
        # What is known of the sources is large, and forgotten before the quads are loaded.
        merged = merge.merge(store, imports, keep_going=keep_going, progress=progress)
        reports = merge.write(
            merged, store, rules(root), quads, left_out=left_out, progress=progress
        )
        merge.report(merged, reports, directory / "imports")

    return releases.write(store, output, more, progress)


def _catalog(store: OxigraphStore) -> Iterator[ox.Triple]:
    """Yield the description of each graph: what it holds, how much, under which licence."""
    for name, (title, description, licences) in _GRAPHS.items():
        graph = GRAPH[name]
        yield ox.Triple(graph, RDF["type"], _DCAT["Dataset"])
        yield ox.Triple(graph, RDF["type"], _VOID["Dataset"])
        yield ox.Triple(graph, RDFS["label"], ox.Literal(title, language="en"))
        yield ox.Triple(graph, SKOS["definition"], ox.Literal(description, language="en"))
        for licence in licences:
            yield ox.Triple(graph, DCTERMS["license"], ox.NamedNode(licence))
        size = sum(1 for _ in store.quads(graph=graph))
        count = ox.Literal(str(size), datatype=XSD["integer"])
        yield ox.Triple(graph, _VOID["triples"], count)

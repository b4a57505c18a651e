"""Merging: the sources that are imported become graphs beside what curators wrote.

The files are read twice. First every thing that a source describes is found its place among
those of the other sources (:mod:`pharmakon.reconciliation`); then what the sources say is
written, about the things as they are called by then. Nothing is held of a file but a row.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import pyoxigraph as ox

from . import licences, mappings
from .importers import (
    Claim,
    Composition,
    Importer,
    Record,
    Report,
    SkippedError,
    Thing,
    digests,
    run,
)
from .inference import Rule, infer
from .namespaces import (
    CONDITION,
    DCTERMS,
    FORMULATION,
    GRAPH,
    PK,
    PRODUCT,
    RDF,
    RDFS,
    SKOS,
    SOURCE,
    STATEMENT,
    SUBSTANCE,
    TARGET,
    XSD,
    Namespace,
    expand,
)
from .reconciliation import Cluster, Conflict, Reconciliation
from .stores import OxigraphStore
from .stores.base import text

__all__ = ["Import", "Merged", "merge", "report", "why", "write"]

Progress = Callable[[str], None]

_DCAT = Namespace("http://www.w3.org/ns/dcat#")
_VOID = Namespace("http://rdfs.org/ns/void#")

_SPACES: Mapping[str, Namespace] = {
    "substance": SUBSTANCE,
    "target": TARGET,
    "condition": CONDITION,
    "product": PRODUCT,
    "formulation": FORMULATION,
    "class": SUBSTANCE,
}
_TYPES = {kind: PK[kind.capitalize()] for kind in _SPACES} | {"class": PK["SubstanceClass"]}

#: The slots of a claim whose value is a thing, and of which kind it is.
_THINGS = {
    "condition": "condition",
    "withSubstance": "substance",
    "substance": "substance",
    "inClass": "substance",
    "object": "substance",
    "target": "target",
}

#: What no table adds to a thing that curators described: tables list uses that it does not have,
#: such as that of a substance of a like name.
_CURATED = frozenset({"Indication", "NonIndication"})

#: What no shortcut follows from, so that it need not be kept until they are made: products have
#: hundreds of thousands.
_NO_SHORTCUT = frozenset({"RegulatoryStatus"})

#: What a table says and no curator has read is held to be probable.
_CERTAINTY = PK["probable"]

#: Quads are written so many at a time, and shortcuts made of as many: what a shortcut follows
#: from is in one row.
_AT_ONCE = 50_000


@dataclass(frozen=True)
class Import:
    """A source, and the folder that its files are in."""

    importer: Importer
    folder: Path


@dataclass
class Merged:
    """What is known after all sources were read once.

    Attributes:
        imports: The sources, in the order in which their things were taken.
        reconciliation: Which things are one.
    """

    imports: tuple[Import, ...]
    reconciliation: Reconciliation


def merge(
    curated: OxigraphStore,
    imports: Iterable[Import],
    *,
    keep_going: bool = False,
    progress: Progress = lambda step: None,
) -> Merged:
    """Read every source once, and find out which of their things are one.

    Args:
        curated: What curators wrote, with its mappings: its things come first.
        imports: The sources, those first whose names and identifiers are to be trusted most.
        keep_going: Whether to go on with a source of which more than a twentieth is broken.
        progress: Called with the name of each step as it begins.

    Raises:
        LoadError: A file is not there, is cut, or lacks a column.
        TooManyRejectedError: More than a twentieth of a source is broken.
    """
    merged = Merged(tuple(imports), Reconciliation())
    for kind in _SPACES:
        _add_curated(merged.reconciliation, curated, kind)
    for one in merged.imports:
        progress(f"reading {one.importer.title}")

        def use(records: list[Record], name: str = one.importer.name) -> None:
            for record in records:
                if isinstance(record, Thing):
                    merged.reconciliation.add(name, record)

        run(one.importer, one.folder, use, keep_going=keep_going)
    return merged


def write(
    merged: Merged,
    curated: OxigraphStore,
    rules: Iterable[Rule],
    file: BinaryIO,
    *,
    left_out: Mapping[str, frozenset[str]],
    progress: Progress = lambda step: None,
) -> dict[str, Report]:
    """Write what the sources say as N-Quads, and what follows from it by shortcuts.

    Args:
        merged: What :func:`merge` returned.
        curated: What curators wrote: what they have of a source already is not written again.
        rules: The rules; those that write shortcuts are applied to what each source says.
        file: Where the quads go.
        left_out: The records of each source that curators left out on purpose.
        progress: Called with the name of each step as it begins.

    Returns:
        What became of the rows of each source, by its name.
    """
    shortcuts = [rule for rule in rules if rule.kind == "shortcut"]
    taken = _taken(curated)
    known = {hash(quad.triple) for quad in curated.quads()}
    contested: defaultdict[str, list[tuple[Cluster, Conflict]]] = defaultdict(list)
    for cluster, conflict in merged.reconciliation.conflicts:
        contested[conflict.source].append((cluster, conflict))
    reports = {}
    for one in merged.imports:
        progress(f"writing {one.importer.title}")
        source = _Source(one, merged.reconciliation, known, taken, left_out)
        with _Output(file) as output:
            output.add(source.contested(contested[one.importer.name]))
            reports[one.importer.name] = source.write(output, curated, shortcuts)
    return reports


class _Source:
    """What a source says, as quads of its graph."""

    def __init__(
        self,
        source: Import,
        reconciliation: Reconciliation,
        known: set[int],
        taken: frozenset[tuple[str, str]],
        left_out: Mapping[str, frozenset[str]],
    ) -> None:
        importer = source.importer
        self._importer = importer
        self._folder = source.folder
        self._reconciliation = reconciliation
        self._known = known
        self._graph = GRAPH[importer.name]
        self._iri = SOURCE[f"{importer.name}-{importer.release[:4]}"]
        label = ox.Triple(self._iri, RDF["type"], PK["Source"])
        self._is_described = hash(label) in known
        self._left_out = left_out.get(self._iri.value.removeprefix(SOURCE.base), frozenset())
        self._taken = taken
        self._records: set[str] = set()
        self._claims: list[ox.Quad] = []
        self._count = 0
        # What follows from what is not open, such as what is share-alike, is not open either.
        is_open = licences.are_open(importer.licences)
        self._inferences = GRAPH["inferred" if is_open else f"{importer.name}-inferred"]
        self._inferred_count = 0

    def write(self, output: _Output, curated: OxigraphStore, shortcuts: list[Rule]) -> Report:
        """Write all of it, and return what became of its rows."""

        def use(records: list[Record]) -> None:
            output.add(self._said(records))
            if len(self._claims) >= _AT_ONCE:
                output.add(self._inferred(curated, shortcuts))

        # How many may be broken was decided when it was read first.
        report = run(self._importer, self._folder, use, keep_going=True)
        output.add(self._new(self._about()))
        output.add(self._inferred(curated, shortcuts))
        output.add(_quad(triple, GRAPH["catalog"]) for triple in self._catalogued())
        return report

    def contested(self, conflicts: Iterable[tuple[Cluster, Conflict]]) -> Iterator[ox.Quad]:
        """Yield what it takes for something else, unless curators have it: this is no match."""
        there: Counter[str] = Counter()
        for cluster, one in conflicts:
            name = f"contested-{_slug(one.key)}-{_slug(one.identifier)}"
            there[name] += 1
            end = f"-{there[name]}" if there[name] > 1 else ""
            mapping = ox.NamedNode(f"{self._iri.value}#{name}{end}")
            described = ox.Triple(mapping, RDF["type"], PK["ContestedMapping"])
            if hash(described) in self._known:
                continue
            said_of = f"{one.label} ({one.key})" if one.label else one.key
            comment = f"Said of {said_of}, but {one.reason}."
            yield from self._new(
                [
                    described,
                    ox.Triple(mapping, PK["claimedFor"], _iri(cluster)),
                    ox.Triple(mapping, PK["claimedMatch"], mappings.iri(one.identifier)),
                    ox.Triple(mapping, DCTERMS["source"], self._iri),
                    ox.Triple(mapping, RDFS["comment"], ox.Literal(comment, language="en")),
                ]
            )

    def _said(self, records: list[Record]) -> list[ox.Quad]:
        """Return what a row says.

        Raises:
            SkippedError: It says nothing that is not said already, or of nothing described.
        """
        found: list[ox.Quad] = []
        refused: SkippedError | None = None
        said: Counter[str] = Counter()
        for record in records:
            try:
                if isinstance(record, Thing):
                    described = self._thing(record)
                    found += self._new(described)
                    if record.kind == "formulation":  # it may be a combination
                        self._claim_all(described)
                    continue
                if record.record in self._records:
                    raise SkippedError("it says again what another row says")
                if record.record in self._left_out:
                    raise SkippedError("a curator left it out")
                if isinstance(record, Composition):
                    made = self._composition(record)
                    said[record.record] += 0
                    self._claim_all(one for one in made if one.predicate != PK["supportedBy"])
                else:
                    made = self._claim(record, said[record.record])
                    said[record.record] += 1
                    if record.kind not in _NO_SHORTCUT:
                        self._claim_all(made)
                found += self._new(made)
                found += self._new(self._evidence(record))
            except SkippedError as error:
                refused = error
        self._records.update(said)
        if refused is not None and not found:
            raise refused
        return found

    def _about(self) -> list[ox.Triple]:
        """Return the description of the source itself, unless curators have one."""
        importer = self._importer
        if self._is_described:
            return []
        return [
            ox.Triple(self._iri, RDF["type"], PK["Source"]),
            ox.Triple(self._iri, RDFS["label"], ox.Literal(importer.title, language="en")),
            ox.Triple(self._iri, DCTERMS["title"], ox.Literal(importer.title, language="en")),
            ox.Triple(self._iri, DCTERMS["publisher"], ox.Literal(importer.publisher)),
            *(
                ox.Triple(self._iri, DCTERMS["license"], ox.NamedNode(licence))
                for licence in importer.licences
            ),
        ]

    def _catalogued(self) -> Iterator[ox.Triple]:
        """Yield the description of the graph of the source."""
        graph, importer = self._graph, self._importer
        yield ox.Triple(graph, RDF["type"], _DCAT["Dataset"])
        yield ox.Triple(graph, RDF["type"], _VOID["Dataset"])
        yield ox.Triple(graph, RDFS["label"], ox.Literal(importer.title, language="en"))
        yield ox.Triple(graph, SKOS["definition"], ox.Literal(importer.description, language="en"))
        yield ox.Triple(graph, DCTERMS["publisher"], ox.Literal(importer.publisher))
        yield ox.Triple(graph, _DCAT["version"], ox.Literal(importer.release))
        yield ox.Triple(graph, _DCAT["landingPage"], ox.NamedNode(importer.homepage))
        for licence in importer.licences:
            yield ox.Triple(graph, DCTERMS["license"], ox.NamedNode(licence))
        for digest in digests(self._importer, self._folder):
            yield ox.Triple(graph, PK["documentDigest"], ox.Literal(digest))
        count = ox.Literal(str(self._count), datatype=XSD["integer"])
        yield ox.Triple(graph, _VOID["triples"], count)
        yield from self._catalogued_inferences()

    def _catalogued_inferences(self) -> Iterator[ox.Triple]:
        """Yield the description of the graph of what follows from the source, if it is new."""
        graph, title = self._inferences, self._importer.title
        is_dataset = ox.Triple(graph, RDF["type"], _DCAT["Dataset"])
        if not self._inferred_count or not self._is_new(is_dataset):
            return
        yield is_dataset
        yield ox.Triple(graph, RDF["type"], _VOID["Dataset"])
        yield ox.Triple(graph, RDFS["label"], ox.Literal(f"inferred from {title}", language="en"))
        what = f"What follows from the graph of {title}, remade by every build."
        yield ox.Triple(graph, SKOS["definition"], ox.Literal(what, language="en"))
        for licence in self._importer.licences:
            yield ox.Triple(graph, DCTERMS["license"], ox.NamedNode(licence))
        count = ox.Literal(str(self._inferred_count), datatype=XSD["integer"])
        yield ox.Triple(graph, _VOID["triples"], count)

    def _claim_all(self, triples: Iterable[ox.Triple]) -> None:
        """Keep what a row says until shortcuts are made of it, known or not: it says it whole."""
        self._claims += (_quad(triple, self._graph) for triple in triples)

    def _inferred(self, curated: OxigraphStore, shortcuts: list[Rule]) -> Iterator[ox.Quad]:
        """Yield the shortcuts that follow from the rows since it was asked last."""
        store = OxigraphStore()
        store.inner.extend(curated.quads(graph=GRAPH["ontology"]))
        store.inner.extend(self._claims)
        self._claims = []
        infer(store, shortcuts, self._inferences)
        for quad in sorted(store.quads(graph=self._inferences), key=str):
            if self._is_new(quad.triple):
                self._inferred_count += 1
                yield quad

    def _thing(self, thing: Thing) -> list[ox.Triple]:
        cluster = self._cluster(thing.kind, thing.key)
        iri = _iri(cluster)
        found = [ox.Triple(iri, RDF["type"], _TYPES[cluster.kind])]
        first = cluster.joins[0]
        if (first.source, first.key, cluster.label) == (
            self._importer.name,
            thing.key,
            thing.label,
        ):
            found.append(ox.Triple(iri, RDFS["label"], ox.Literal(thing.label, language="en")))
        gives_names = self._reconciliation.gives_names(thing)
        for name in dict.fromkeys((thing.label, *thing.names)) if gives_names else ():
            if name not in ("", cluster.label):
                found.append(ox.Triple(iri, SKOS["altLabel"], ox.Literal(name, language="en")))
        for identifier in dict.fromkeys((thing.key, *thing.same)):
            is_public = identifier.partition(":")[0] in mappings.PREFIXES
            if is_public and self._reconciliation.find(thing.kind, identifier) is cluster:
                found.append(ox.Triple(iri, SKOS["exactMatch"], mappings.iri(identifier)))
                found.append(ox.Triple(iri, DCTERMS["identifier"], ox.Literal(identifier)))
        for predicate, identifier in thing.near:
            if self._reconciliation.find(thing.kind, identifier) is cluster:
                continue  # another row, or another source, says that it is the same
            found.append(ox.Triple(iri, SKOS[predicate], mappings.iri(identifier)))
        for key in thing.broader:
            above = self._reconciliation.find(thing.kind, key)
            if above is not None and above is not cluster:
                found.append(ox.Triple(iri, SKOS["broader"], _iri(above)))
        return found

    def _claim(self, claim: Claim, before: int) -> list[ox.Triple]:
        """Return a claim as a statement, of which its row has made some before."""
        if (self._iri.value, claim.record) in self._taken:
            raise SkippedError("a curator has it already")
        subject = self._cluster(claim.about, claim.subject)
        if subject.iri and claim.kind in _CURATED:
            raise SkippedError("curators read its labels, and say what it is used for")
        end = f"-{before + 1}" if before else ""
        statement = STATEMENT[f"{self._importer.name}-{_slug(claim.record)}{end}"]
        slots = [(PK[name], self._value(name, value)) for name, value in claim.slots]
        return [
            ox.Triple(statement, RDF["type"], PK[claim.kind]),
            ox.Triple(statement, PK["subject"], _iri(subject)),
            *(ox.Triple(statement, name, value) for name, value in slots),
            ox.Triple(statement, PK["supportedBy"], self._place(claim.record)),
            ox.Triple(statement, PK["certainty"], _CERTAINTY),
        ]

    def _composition(self, held: Composition) -> list[ox.Triple]:
        """Return what a product holds: its formulation, and what is in that."""
        product = _iri(self._cluster("product", held.product))
        formulation = _iri(self._cluster("formulation", held.formulation))
        evidence = self._place(held.record)
        found = [
            ox.Triple(product, PK["hasFormulation"], formulation),
            ox.Triple(product, PK["supportedBy"], evidence),
            ox.Triple(formulation, PK["supportedBy"], evidence),
            *(
                ox.Triple(formulation, PK["route"], ox.NamedNode(expand(one)))
                for one in held.routes
            ),
        ]
        if held.form:
            found.append(ox.Triple(formulation, PK["doseForm"], ox.NamedNode(expand(held.form))))
        there: Counter[str] = Counter()
        for one in held.ingredients:
            substance = _iri(self._cluster("substance", one.substance))
            name = substance.value.rpartition("/")[2]
            there[name] += 1
            end = f"-{there[name]}" if there[name] > 1 else ""
            ingredient = ox.NamedNode(f"{formulation.value}#{name}{end}")
            found += [
                ox.Triple(formulation, PK["hasIngredient"], ingredient),
                ox.Triple(ingredient, RDF["type"], PK["Ingredient"]),
                ox.Triple(ingredient, PK["substance"], substance),
                ox.Triple(ingredient, PK["supportedBy"], evidence),
            ]
            if one.role:
                role = ox.NamedNode(expand(one.role))
                found.append(ox.Triple(ingredient, PK["ingredientRole"], role))
            if one.strength:
                found.append(ox.Triple(ingredient, PK["strength"], ox.Literal(one.strength)))
        return found

    def _evidence(self, said: Claim | Composition) -> list[ox.Triple]:
        """Return the description of the row that says something."""
        evidence = self._place(said.record)
        return [
            ox.Triple(evidence, RDF["type"], PK["Evidence"]),
            ox.Triple(evidence, PK["source"], self._iri),
            ox.Triple(evidence, PK["record"], ox.Literal(said.record)),
            ox.Triple(evidence, RDFS["comment"], ox.Literal(said.comment, language="en")),
        ]

    def _place(self, record: str) -> ox.NamedNode:
        return ox.NamedNode(f"{self._iri.value}#{_slug(record)}")

    def _value(self, name: str, value: str | ox.Literal) -> ox.NamedNode | ox.Literal:
        if isinstance(value, ox.Literal):
            return value
        if value.startswith("pk:"):
            return ox.NamedNode(expand(value))
        return _iri(self._cluster(_THINGS[name], value))

    def _cluster(self, kind: str, key: str) -> Cluster:
        found = self._reconciliation.find(kind, key)
        if found is None:
            raise SkippedError(f"it names a {kind} that no source describes")
        return found

    def _new(self, triples: Iterable[ox.Triple]) -> Iterator[ox.Quad]:
        """Yield what no graph has yet: in two, a triple would be found twice in their union."""
        for triple in triples:
            if self._is_new(triple):
                self._count += 1
                yield _quad(triple, self._graph)

    def _is_new(self, triple: ox.Triple) -> bool:
        # Its hash stands for a triple: millions of them would not fit.
        number = hash(triple)
        if number in self._known:
            return False
        self._known.add(number)
        return True


class _Output:
    """Quads on their way to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[ox.Quad] = []

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()

    def add(self, quads: Iterable[ox.Quad]) -> None:
        self._waiting += quads
        if len(self._waiting) >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        ox.serialize(self._waiting, self._file, ox.RdfFormat.N_QUADS)
        self._waiting = []


def report(merged: Merged, reports: Mapping[str, Report], directory: Path) -> None:
    """Write what became of the rows, and why things are one, as tables in a directory.

    ``rows.tsv`` has the counts of each source, which add up; ``rejected.tsv`` each row that was
    rejected, with its place; ``joins.tsv`` each thing of a source, and by what it was found to
    be what it is; ``conflicts.tsv`` each identifier that cannot be what a source says.
    """
    directory.mkdir()
    with _table(directory / "rows.tsv", "source", "became", "why", "rows") as add:
        for name, found in reports.items():
            add(name, "read", "", found.read)
            add(name, "used", "", found.used)
            for reason, count in sorted(found.skipped.items()):
                add(name, "skipped", reason, count)
            add(name, "rejected", "", len(found.rejected))
    with _table(directory / "rejected.tsv", "source", "file", "line", "reason", "row") as add:
        for name, found in reports.items():
            for row in found.rejected:
                add(name, row.file, row.line, row.reason, row.text)
    with _table(directory / "joins.tsv", "thing", "source", "key", "label", "by") as add:
        for cluster in merged.reconciliation.clusters:
            for join in cluster.joins:
                add(_iri(cluster).value, join.source, join.key, join.label, join.by)
    columns = ("thing", "source", "key", "label", "identifier", "reason")
    with _table(directory / "conflicts.tsv", *columns) as add:
        for cluster, one in merged.reconciliation.conflicts:
            thing = _iri(cluster).value
            add(thing, one.source, one.key, one.label, one.identifier, one.reason)


def why(store: OxigraphStore, iri: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return why the things of sources are one, and what speaks of it and was not believed.

    Args:
        store: The store of a release.
        iri: The thing that they are.

    Returns:
        The rows about it of ``joins.tsv`` and of ``conflicts.tsv``; none where nothing was
        imported.
    """
    directory = store.path.parent / "imports" if store.path else None
    if directory is None or not directory.is_dir():
        return [], []
    joins, conflicts = (
        [row for row in _rows(directory / f"{name}.tsv") if row["thing"] == iri]
        for name in ("joins", "conflicts")
    )
    return joins, conflicts


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t")


@contextlib.contextmanager
def _table(path: Path, *columns: str) -> Iterator[Callable[..., None]]:
    """Begin a table, and give what adds a row to it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerow(columns)
        yield lambda *cells: rows.writerow(cells)


def _quad(triple: ox.Triple, graph: ox.NamedNode) -> ox.Quad:
    return ox.Quad(triple.subject, triple.predicate, triple.object, graph)


def _iri(cluster: Cluster) -> ox.NamedNode:
    # A key may be a name, with what no IRI may have.
    return ox.NamedNode(cluster.iri or _SPACES[cluster.kind].base + quote(cluster.slug, safe=""))


def _taken(curated: OxigraphStore) -> frozenset[tuple[str, str]]:
    """Return the records that curators cite, each with the IRI of its source."""
    rows = curated.select(
        "SELECT ?source ?record { ?evidence pk:source ?source ; pk:record ?record }"
    )
    return frozenset((text(row["source"]), text(row["record"])) for row in rows)


def _slug(record: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", record).strip("-.").casefold()


def _add_curated(into: Reconciliation, curated: OxigraphStore, kind: str) -> None:
    about: dict[str, tuple[list[str], list[str], list[str]]] = {}
    rows = curated.select(
        f"""SELECT ?thing ?property ?value WHERE {{
          ?thing a {_TYPES[kind]} ; ?property ?value .
          VALUES ?property {{ rdfs:label skos:altLabel dcterms:identifier }}
        }} ORDER BY ?thing ?property ?value"""
    )
    slots = {RDFS["label"].value: 0, SKOS["altLabel"].value: 1, DCTERMS["identifier"].value: 2}
    for row in rows:
        thing, slot = text(row["thing"]), slots[text(row["property"])]
        about.setdefault(thing, ([], [], []))[slot].append(text(row["value"]))
    for iri, (labels, names, same) in about.items():
        into.curated(kind, iri, labels[0], names, same)

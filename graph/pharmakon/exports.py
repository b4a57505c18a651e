"""Exports: the graph in the forms that other tools read.

RDF in six syntaxes; KGX for graph tools, with the negatives in a file of their own,
because readers drop a flag; SSSOM; GraphML; an rdflib dataset over the same store.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyoxigraph as ox

from . import licences, ontology
from .namespaces import GRAPH, PK, PREFIXES, RDFS, shorten
from .stores import OxigraphStore, Row, Store
from .views import paths
from .views.references import Reference, values_of
from .views.statements import Statement, statements

if TYPE_CHECKING:
    import rdflib

__all__ = [
    "RDF_FORMATS",
    "dataset",
    "describe",
    "everything",
    "graphml",
    "kgx",
    "open_part",
    "serialise",
    "sssom",
    "to_csv",
]

#: The RDF syntaxes by the suffix of their files.
RDF_FORMATS: Mapping[str, ox.RdfFormat] = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "nq": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
}

#: What a statement is to Biolink (design of the vocabulary, checked against Biolink 4.4.6).
_BIOLINK = {
    "Membership": "biolink:has_chemical_role",
    "ReceptorAction": "biolink:affects",
    "Indication": "biolink:applied_to_treat",
    "NonIndication": "biolink:treats",
    "AdverseEffect": "biolink:has_side_effect",
    "NonEffect": "biolink:has_side_effect",
    "Contraindication": "biolink:contraindicated_in",
    "Interaction": "biolink:pharmacologically_interacts_with",
}

_CATEGORIES = {
    "substance": "biolink:ChemicalEntity",
    "class": "biolink:ChemicalRole",
    "target": "biolink:GeneOrGeneProduct",
    "condition": "biolink:DiseaseOrPhenotypicFeature",
    "product": "biolink:Drug",
    "formulation": "biolink:MolecularMixture",
}


def describe(store: Store, iri: str) -> list[ox.Quad]:
    """Return the quads about an entity or statement, in order.

    They are: the thing; its statements in both directions, their evidence and its sources;
    its ingredients; what sources take it for, or the source takes others for, and is not
    believed; and the label of everything that these mention.

    Raises:
        ValueError: It is not an IRI.
    """
    here = ox.NamedNode(iri)
    rows = store.select(
        f"""SELECT DISTINCT ?part WHERE {{
          {{ VALUES ?part {{ {here} }} }}
          UNION {{ ?part pk:subject {here} }}
          UNION {{ ?part pk:object {here} ; pk:subject ?any }}
          UNION {{ {here} pk:premise+ ?part }}
          UNION {{ {here} pk:hasFormulation?/pk:hasIngredient ?part }}
          UNION {{ {here} pk:hasFormulation ?part }}
          UNION {{ ?part pk:source {here} }}
          UNION {{ ?part pk:claimedFor|dcterms:source {here} ; a pk:ContestedMapping }}
        }}"""
    )
    parts = {row["part"].value for row in rows if isinstance(row["part"], ox.NamedNode)}
    quads = _about(store, parts)
    cited = _objects(quads, "supportedBy") | _objects(quads, "disputedBy")
    quads |= _about(store, cited)
    sources = _objects(quads, "source")
    quads |= _about(store, sources)
    mentioned = {q.object.value for q in quads if isinstance(q.object, ox.NamedNode)}
    quads |= _labels(store, mentioned)
    return sorted(quads, key=str)


def everything(store: Store, graph: str | None = None) -> list[ox.Quad]:
    """Return all quads of a store, or those of one named graph, in order.

    Raises:
        ValueError: The name of the graph is not an IRI.
    """
    return sorted(_each(store, graph), key=str)


def open_part(store: Store) -> OxigraphStore:
    """Return a copy of a store, in memory, of which every graph has an open licence.

    The catalogue describes the graphs that are left, and no others.
    """
    closed = {one.iri for one in licences.graphs(store) if not one.is_open}
    catalogue = GRAPH["catalog"]
    kept = OxigraphStore()
    kept.inner.extend(
        quad
        for quad in _each(store)
        if _iri(quad.graph_name) not in closed
        and not (quad.graph_name == catalogue and _iri(quad.subject) in closed)
    )
    return kept


def serialise(quads: Iterable[ox.Quad], suffix: str) -> bytes:
    """Return quads in the syntax of a suffix of :data:`RDF_FORMATS`, prefixes declared.

    A syntax that knows no graphs gets the union of them all.
    """
    form = RDF_FORMATS[suffix]
    if form.supports_datasets:
        items: list[ox.Quad] | list[ox.Triple] = list(quads)
    else:
        items = list(dict.fromkeys(quad.triple for quad in quads))
    # Oxigraph refuses a prefix that no term of the syntax needs only for N-Triples and N-Quads.
    prefixes = None if suffix in ("nt", "nq") else PREFIXES
    written = ox.serialize(items, format=form, prefixes=prefixes)
    assert written is not None  # noqa: S101 - with no output given, it returns bytes
    return written


def to_csv(found: Iterable[Statement]) -> str:
    """Return statements as CSV, one a row; a negative says so in a column of its own."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["statement", "type", "negative", "subject", "object", "sentence", "certainty", "sources"]
    )
    for one in found:
        table.writerow(
            [
                one.curie,
                one.kind.curie,
                str(one.negative).lower(),
                one.subject.curie,
                " ".join(v.curie if isinstance(v, Reference) else v for v in one.objects),
                one.sentence,
                one.certainty.label if one.certainty else "",
                " ".join(sorted({evidence.source.curie for evidence in one.supports})),
            ]
        )
    return out.getvalue()


def kgx(store: Store, folder: Path) -> list[Path]:
    """Write KGX tables into a folder: nodes.tsv, edges.tsv and negatives.tsv.

    Negatives never stand in edges.tsv. Contested statements stand in no table.

    Returns:
        The files that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [one for one in statements(store, "?statement a ?kind") if one.confidence is not None]
    edges: list[list[str]] = []
    negatives: list[list[str]] = []
    nodes: dict[str, Reference] = {}
    for one in found:
        predicate = _predicate(one)
        for other in one.objects:
            if predicate is None or not isinstance(other, Reference):
                continue
            if one.subject.kind not in _CATEGORIES or other.kind not in _CATEGORIES:
                continue
            nodes |= {end.curie: end for end in (one.subject, other)}
            (negatives if one.negative else edges).append(_edge(one, predicate, other))
    rows = [[n.curie, n.label, _CATEGORIES[n.kind]] for _, n in sorted(nodes.items())]
    return [
        _tsv(folder / "nodes.tsv", ["id", "name", "category"], rows),
        _tsv(folder / "edges.tsv", _EDGE, edges),
        _tsv(folder / "negatives.tsv", _EDGE, negatives),
    ]


def sssom() -> str:
    """Return all mapping sets as one SSSOM table, without their headers of comment."""
    parts = []
    for number, path in enumerate(ontology.mapping_sets()):
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
        parts += lines if number == 0 else lines[1:]
    return "\n".join(parts) + "\n"


def graphml(store: Store, iris: Iterable[str]) -> str:
    """Return the shortcuts that touch some things as GraphML."""
    import networkx as nx

    return "\n".join(nx.generate_graphml(paths.multigraph(paths.neighbours(store, iris)))) + "\n"


def dataset(store: OxigraphStore) -> rdflib.Dataset:
    """Return an rdflib dataset over the same quads, prefixes bound."""
    import oxrdflib
    import rdflib

    found = rdflib.Dataset(store=oxrdflib.OxigraphStore(store=store.inner), default_union=True)
    for prefix, base in PREFIXES.items():
        found.bind(prefix, base, replace=True)
    return found


_EDGE = (
    "id",
    "subject",
    "predicate",
    "object",
    "negated",
    "category",
    "certainty",
    "confidence",
    "knowledge_level",
    "agent_type",
    "primary_knowledge_source",
)


def _edge(one: Statement, predicate: str, other: Reference) -> list[str]:
    inferred = one.rule is not None
    sources = sorted({evidence.source.curie for evidence in one.supports})
    return [
        one.curie,
        one.subject.curie,
        predicate,
        other.curie,
        str(one.negative).lower(),
        one.kind.curie,
        one.certainty.curie if one.certainty else "",
        f"{one.confidence:g}" if one.confidence is not None else "",
        "logical_entailment" if inferred else "knowledge_assertion",
        "automated_agent" if inferred else "manual_agent",
        "|".join(sources),
    ]


def _predicate(one: Statement) -> str | None:
    kind = one.kind.iri.removeprefix(PK.base)
    status = {v.iri for v in one.values("useStatus") if isinstance(v, Reference)}
    if kind == "Indication" and PK["approved"].value in status:
        return "biolink:treats"
    if kind == "Indication" and PK["investigational"].value in status:
        return "biolink:studied_to_treat"
    return _BIOLINK.get(kind)


def _tsv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
    return path


def _about(store: Store, iris: Iterable[str]) -> set[ox.Quad]:
    iris = set(iris)
    if not iris:
        return set()
    rows = store.select(
        f"""SELECT ?s ?p ?o ?g WHERE {{ {values_of("s", iris)} GRAPH ?g {{ ?s ?p ?o }} }}"""
    )
    return {_quad(row) for row in rows}


def _each(store: Store, graph: str | None = None) -> Iterator[ox.Quad]:
    name = f"VALUES ?g {{ {ox.NamedNode(graph)} }}" if graph else ""
    rows = store.select(f"SELECT ?s ?p ?o ?g WHERE {{ {name} GRAPH ?g {{ ?s ?p ?o }} }}")
    return (_quad(row) for row in rows)


def _iri(term: object) -> str:
    return term.value if isinstance(term, ox.NamedNode) else ""


def _quad(row: Row) -> ox.Quad:
    return ox.Quad(row["s"], row["p"], row["o"], row["g"])  # type: ignore[arg-type]


def _labels(store: Store, iris: Iterable[str]) -> set[ox.Quad]:
    kept = {iri for iri in iris if shorten(iri) != iri}
    if not kept:
        return set()
    rows = store.select(
        f"""SELECT ?s ?o ?g WHERE {{
          {values_of("s", kept)} GRAPH ?g {{ ?s rdfs:label ?o }}
        }}"""
    )
    return {ox.Quad(row["s"], RDFS["label"], row["o"], row["g"]) for row in rows}  # type: ignore[arg-type]


def _objects(quads: Iterable[ox.Quad], name: str) -> set[str]:
    wanted = PK[name].value
    return {
        quad.object.value
        for quad in quads
        if quad.predicate.value == wanted and isinstance(quad.object, ox.NamedNode)
    }

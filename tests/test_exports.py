"""What leaves the graph says the same in every form, and a negative stays a negative."""

import csv
import io
import json
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import KnowledgeGraph, exports
from pharmakon.namespaces import PK, PREFIXES, expand
from pharmakon.views.statements import statements

NALTREXONE = expand("substance:naltrexone")


def triples(quads: list[ox.Quad]) -> set[str]:
    return {str(quad.triple) for quad in quads}


@pytest.mark.parametrize("suffix", exports.RDF_FORMATS)
def test_every_syntax_says_the_same(graph: KnowledgeGraph, suffix: str):
    quads = graph.describe(NALTREXONE)

    written = exports.serialise(quads, suffix)

    read = list(ox.parse(written, format=exports.RDF_FORMATS[suffix]))
    assert triples(read) == triples(quads)


@pytest.mark.parametrize("suffix", ["nq", "trig"])
def test_a_syntax_that_knows_graphs_keeps_them(graph: KnowledgeGraph, suffix: str):
    quads = graph.describe(NALTREXONE)

    read = ox.parse(exports.serialise(quads, suffix), format=exports.RDF_FORMATS[suffix])

    assert {str(quad) for quad in read} == {str(quad) for quad in quads}


def test_a_description_holds_both_directions_the_evidence_and_the_labels(graph: KnowledgeGraph):
    quads = graph.describe(NALTREXONE)
    subjects = {quad.subject.value for quad in quads}
    properties = {quad.predicate.value for quad in quads if quad.subject.value == NALTREXONE}

    assert expand("statement:naltrexone-opioid-withdrawal-non-indication") in subjects or any(
        "non-indication" in subject for subject in subjects
    )
    assert any("naltrexone-article#f02" in subject for subject in subjects)
    assert PK["antagonistOf"].value in properties
    assert expand("target:opioid-receptor") in subjects, "the label of the target is missing"


def test_the_description_of_nothing_is_empty(graph: KnowledgeGraph):
    assert graph.describe(expand("substance:phlogiston")) == []


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_kgx_keeps_negatives_in_a_file_of_their_own(graph: KnowledgeGraph, tmp_path: Path):
    nodes, edges, negatives = (rows(path) for path in exports.kgx(graph.store, tmp_path))

    assert edges
    assert {row["negated"] for row in edges} == {"false"}
    assert {row["negated"] for row in negatives} == {"true"}
    assert {"predicate": "biolink:treats", "object": "condition:opioid-withdrawal"}.items() <= next(
        row.items()
        for row in negatives
        if row["subject"] == "substance:naltrexone"
        and row["object"] == "condition:opioid-withdrawal"
    )
    known = {row["id"] for row in nodes}
    assert all(row["subject"] in known and row["object"] in known for row in edges + negatives)


def test_kgx_round_trips_every_negative_that_is_not_contested(
    graph: KnowledgeGraph, tmp_path: Path
):
    negatives = rows(exports.kgx(graph.store, tmp_path)[2])
    stated = {
        one.curie
        for one in statements(graph.store, "?statement a ?kind")
        if one.negative and one.confidence is not None
    }

    assert {row["id"] for row in negatives} == stated


def test_kgx_leaves_contested_statements_out(graph: KnowledgeGraph, tmp_path: Path):
    _, edges, negatives = exports.kgx(graph.store, tmp_path)
    contested = {one.curie for one in statements(graph.store, "?statement a ?k") if one.contested}

    assert contested
    assert not contested & {row["id"] for row in rows(edges) + rows(negatives)}


def test_csv_says_in_a_column_of_its_own_that_a_statement_is_negative(graph: KnowledgeGraph):
    entity = graph["naltrexone"]
    shown = [one for section in entity.all_sections for one in section.statements]

    table = list(csv.DictReader(io.StringIO(exports.to_csv(shown))))

    assert {row["negative"] for row in table} == {"true", "false"}
    for row in table:
        assert (row["negative"] == "true") == row["type"].startswith("pk:Non")


def test_sssom_has_one_header_and_every_mapping():
    lines = exports.sssom().splitlines()

    assert lines[0].startswith("subject_id\t")
    assert sum(line.startswith("subject_id\t") for line in lines) == 1
    assert any("chebi:7465" in line for line in lines)


def test_graphml_is_read_back_by_networkx(graph: KnowledgeGraph):
    import networkx as nx

    read = nx.parse_graphml(exports.graphml(graph.store, [NALTREXONE]))

    assert read.nodes["substance:naltrexone"]["label"] == "naltrexone"
    assert ("substance:naltrexone", "condition:euphoria") not in read.edges()


def test_an_entity_as_json_has_no_negative_among_its_uses(graph: KnowledgeGraph):
    plain = json.loads(json.dumps(graph["naltrexone"].to_dict()))

    assert all(one["negative"] for one in plain["sections"]["negatives"])
    assert not any(one["negative"] for one in plain["sections"]["uses"])


def test_rdflib_sees_the_same_quads_with_prefixes_bound(graph: KnowledgeGraph):
    import rdflib

    dataset = graph.rdflib
    label = dataset.value(rdflib.URIRef(NALTREXONE), rdflib.RDFS.label)

    assert label == rdflib.Literal("naltrexone", lang="en")
    assert len(dataset) == len({quad.triple for quad in graph.store.quads()})
    assert dict(dataset.namespaces())["pk"] == rdflib.URIRef(PREFIXES["pk"])

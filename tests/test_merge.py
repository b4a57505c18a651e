"""Sources become graphs beside what curators wrote: who said what, and nothing said for them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

import pharmakon
from pharmakon import KnowledgeGraph, build, releases
from pharmakon.importers import IMPORTERS
from pharmakon.mappings import curie
from pharmakon.merge import Import, Merged, merge, write
from pharmakon.namespaces import DCTERMS, GRAPH, PK, RDF, RDFS, SKOS, SOURCE, SUBSTANCE
from pharmakon.stores import OxigraphStore
from pharmakon.stores.base import text
from pharmakon.validation import check_shapes
from pharmakon_server.cli import program

from .shared_data import SHARED, require
from .test_importers import SAMPLES

RELEASED = "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"


def samples() -> list[Import]:
    return [Import(one, SAMPLES / one.folder) for one in IMPORTERS.values()]


@pytest.fixture
def release(small_ontology: Path, tmp_path: Path) -> Path:
    """A release of the small ontology with the sample of every importer."""
    return build.build(tmp_path / "out", small_ontology, imports=samples())


def rows(release: Path, name: str) -> list[dict[str, str]]:
    with (release / "imports" / f"{name}.tsv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def test_each_source_has_a_graph_with_its_licence_and_its_release(release: Path):
    _, store = releases.open_release(release)

    for one in IMPORTERS.values():
        graph = f"graph:{one.name}"
        assert store.ask(f"ASK {{ GRAPH {graph} {{ ?s ?p ?o }} }}"), one.name
        for licence in one.licences:
            assert store.ask(f"ASK {{ {graph} dcterms:license <{licence}> }}"), one.name
        assert store.ask(f'ASK {{ {graph} dcat:version "{one.release}" }}'), one.name
        assert store.ask(f"ASK {{ {graph} pk:documentDigest ?digest }}"), one.name


def test_the_counts_of_a_source_add_up(release: Path):
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows(release, "rows"):
        counted[row["source"]][row["became"]] += int(row["rows"])

    assert set(counted) == set(IMPORTERS)
    for name, found in counted.items():
        assert found["read"] == found["used"] + found["skipped"] + found["rejected"], name
        assert found["used"], name


def test_the_same_files_give_the_same_bytes(small_ontology: Path, tmp_path: Path):
    first = build.build(tmp_path / "one", small_ontology, imports=samples())
    second = build.build(tmp_path / "two", small_ontology, imports=samples())

    assert first.name == second.name
    assert (first / "graph.nq").read_bytes() == (second / "graph.nq").read_bytes()


def test_a_build_that_is_killed_at_any_moment_leaves_what_was_there(
    small_ontology: Path, tmp_path: Path
):
    """The old release is whole, the next build works, and removes what the killed one left."""
    output = tmp_path / "out"
    old = build.build(output, small_ontology)

    def building() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-m", "pharmakon_server.cli", "build", "--output", str(output)),
                *("--ontology", str(small_ontology), "--all-from", str(SAMPLES)),
            ],
            stdout=subprocess.DEVNULL,
        )

    began = time.monotonic()
    with building() as process:
        assert process.wait() == 0
    whole = time.monotonic() - began
    new = next(path for path in output.iterdir() if path != old)
    shutil.rmtree(new)

    chance = random.Random()  # noqa: S311 - other moments at every run
    for moment in sorted(chance.uniform(0, whole) for _ in range(20)):
        with building() as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            process.kill()
        said = f"killed after {moment:.2f} s of {whole:.2f}"
        left = [path for path in output.iterdir() if path not in (old, new)]
        assert pharmakon.open(old).store.ask("ASK { ?drug a pk:Substance }"), said
        assert len(left) <= 1, f"{said}: {left}"
        assert all(path.name.startswith(".building-") for path in left), f"{said}: {left}"
        assert releases.newest(output) in (old, new), said
        if new.exists():  # it was done before it was killed
            assert pharmakon.open(new).release, said
            shutil.rmtree(new)

    assert build.build(output, small_ontology, imports=samples()) == new
    assert sorted(output.iterdir()) == sorted([old, new])


def test_no_triple_is_in_two_graphs(release: Path):
    """In their union it would be found twice."""
    _, store = releases.open_release(release)
    graphs = defaultdict(list)
    for quad in store.quads():
        graphs[quad.triple].append(str(quad.graph_name))

    assert {triple: found for triple, found in graphs.items() if len(found) > 1} == {}


def test_what_is_share_alike_is_in_no_other_graph(release: Path):
    _, store = releases.open_release(release)
    for one in IMPORTERS.values():
        if one.share_alike:
            own = {f"<https://w3id.org/pharmakon/graph/{one.name}{x}>" for x in ("", "-inferred")}
            statements = {
                q.subject for q in store.quads(graph=ox.NamedNode(min(own, key=len)[1:-1]))
            }
            elsewhere = {
                str(quad.graph_name)
                for quad in store.quads()
                if quad.subject in statements and "statement/" in str(quad.subject)
            }
            assert elsewhere <= own, one.name


def test_every_statement_of_a_source_names_its_row(release: Path):
    _, store = releases.open_release(release)

    assert not store.ask(
        """ASK {
          ?statement pk:subject ?subject .
          FILTER NOT EXISTS { ?statement pk:inferredBy ?rule }
          FILTER NOT EXISTS {
            ?statement pk:supportedBy ?evidence . ?evidence pk:source ?source .
            { ?evidence pk:record ?place } UNION { ?evidence oa:start ?place }
            UNION { ?evidence pk:section ?place }
          }
        }"""
    )


def test_everything_described_has_one_label(release: Path):
    _, store = releases.open_release(release)
    found = store.select(
        """SELECT ?thing (COUNT(?label) AS ?labels) {
          VALUES ?kind { pk:Substance pk:Target pk:Condition pk:Product pk:Formulation }
          ?thing a ?kind OPTIONAL { ?thing rdfs:label ?label }
        } GROUP BY ?thing HAVING (COUNT(?label) != 1)"""
    )

    assert [row["thing"] for row in found] == []


def test_a_thing_says_by_what_each_source_was_found_to_speak_of_it(release: Path):
    """The made-up DrugCentral gives examplol the UNII of its hydrochloride."""
    result = CliRunner().invoke(
        program, ["sources", "why", "examplol", "--release", str(release), "--json"]
    )

    assert result.exit_code == 0, result.output
    said = {(row["answer"], row["source"], row["key"]) for row in json.loads(result.stdout)}
    assert ("the same", "fda-unii", "unii:AAAAAAAAA1") in said
    assert ("the same", "drugbank-vocabulary", "drugbank:DB90001") in said
    assert ("the same", "drugcentral", "drugcentral:9001") in said
    assert ("not the same", "drugcentral", "unii:AAAAAAAAA2") in said


def test_what_a_source_takes_for_another_is_contested_and_no_match(release: Path):
    """The made-up DrugCentral gives examplol the UNII of its hydrochloride."""
    _, store = releases.open_release(release)

    (row,) = store.select(
        """SELECT ?contested ?label ?comment WHERE {
          GRAPH graph:drugcentral {
            ?contested a pk:ContestedMapping ; dcterms:source source:drugcentral-2016 ;
              pk:claimedFor ?thing ; pk:claimedMatch bioregistry:unii:AAAAAAAAA2 ;
              rdfs:comment ?comment
          }
          ?thing rdfs:label ?label
        }"""
    )
    assert row["contested"] == ox.NamedNode(
        "https://w3id.org/pharmakon/source/drugcentral-2016#contested-drugcentral-9001-unii-aaaaaaaaa2"
    )
    assert text(row["label"]).casefold() == "examplol"
    assert text(row["comment"]) == (
        "Said of examplol (drugcentral:9001), but it has unii:AAAAAAAAA1 already."
    )


def test_every_conflict_of_a_release_is_in_its_graph_once(release: Path):
    _, store = releases.open_release(release)
    written = Counter(
        (text(row["thing"]), curie(text(row["match"])))
        for row in store.select(
            """SELECT ?thing ?match ?one WHERE {
              ?one a pk:ContestedMapping ; pk:claimedFor ?thing ; pk:claimedMatch ?match
            }"""
        )
    )

    assert written
    assert written == Counter(
        (row["thing"], row["identifier"]) for row in rows(release, "conflicts")
    )


def test_what_is_contested_keeps_its_shapes(release: Path):
    _, store = releases.open_release(release)
    contested = {quad.subject for quad in store.quads() if quad.object == PK["ContestedMapping"]}

    quads = [
        quad
        for quad in store.quads()
        if quad.subject in contested
        or quad.predicate == SKOS["exactMatch"]
        or quad.object == PK["Source"]
    ]
    assert check_shapes(quads, {one.value for one in contested}) == []


def test_what_curators_found_contested_is_not_written_again():
    curated = OxigraphStore()
    source = SOURCE["drugcentral-2016"]
    mapping = ox.NamedNode(f"{source.value}#contested-drugcentral-9001-unii-aaaaaaaaa2")
    comment = ox.Literal("We looked it up.", language="en")
    curated.add(
        [
            ox.Triple(mapping, RDF["type"], PK["ContestedMapping"]),
            ox.Triple(mapping, RDFS["comment"], comment),
        ],
        GRAPH["curated"],
    )
    file = io.BytesIO()
    write(merge(curated, samples()), curated, [], file, left_out={})

    assert mapping.value.encode() not in file.getvalue()


def test_a_graph_without_datasets_says_what_to_do(release: Path):
    result = CliRunner().invoke(program, ["sources", "why", "naltrexone", "--release", "packaged"])

    assert result.exit_code == 4
    assert "pharmakon build --all-from DIR" in result.output


def test_a_class_that_a_contributor_describes_is_a_class(release: Path):
    _, store = releases.open_release(release)

    (row,) = store.select(
        """SELECT ?kind WHERE {
          ?membership a pk:Membership ; pk:inClass ?class .
          ?class rdfs:label "examplolytic"@en ; a ?kind
        }"""
    )
    assert row["kind"] == PK["SubstanceClass"]


def test_a_class_of_curators_is_what_a_list_has_under_its_identifier():
    """MeSH does not tell a group from a substance; the class stays one all the same."""
    curated = OxigraphStore()
    group = SUBSTANCE["glimmering-agent"]
    curated.add(
        [
            ox.Triple(group, RDF["type"], PK["SubstanceClass"]),
            ox.Triple(group, RDFS["label"], ox.Literal("glimmering agent", language="en")),
            ox.Triple(group, DCTERMS["identifier"], ox.Literal("mesh:D990004")),
        ],
        GRAPH["curated"],
    )
    mesh = IMPORTERS["mesh"]
    merged = merge(curated, [Import(mesh, SAMPLES / mesh.folder)])
    file = io.BytesIO()
    write(merged, curated, [], file, left_out={})

    quads = ox.parse(file.getvalue(), ox.RdfFormat.N_QUADS)
    of_group = {(quad.predicate, quad.object.value) for quad in quads if quad.subject == group}
    assert (SKOS["altLabel"], "Glimmerine") in of_group
    assert not [value for predicate, value in of_group if predicate == RDF["type"]]
    found = merged.reconciliation.find("substance", "mesh:D990004")
    assert found is not None
    assert found.iri == group.value


def test_a_source_that_is_broken_writes_nothing(small_ontology: Path, tmp_path: Path):
    name = "drugcentral"
    broken = tmp_path / "broken"
    broken.mkdir()
    for table in IMPORTERS[name].tables:
        (broken / table.name).write_text("nothing of what it should be\n", "utf-8")

    with pytest.raises(Exception, match="column"):
        build.build(tmp_path / "out", small_ontology, imports=[Import(IMPORTERS[name], broken)])

    assert not list((tmp_path / "out").glob("[!.]*"))


# ── The published files ──────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def merged(graph: KnowledgeGraph) -> Merged:
    """All sources that are at hand, as they are published."""
    data = require(SHARED / "data")
    store = graph.store
    assert isinstance(store, OxigraphStore)
    there = [one for one in IMPORTERS.values() if one.is_in(data / one.folder)]
    return merge(store, [Import(one, data / one.folder) for one in there])


#: What each of these lists gives one number to, and two things never share.
ONE_NUMBER = ("unii", "drugbank", "chebi", "mondo", "hgnc")


def test_no_two_things_of_one_list_are_made_one(merged: Merged):
    for cluster in merged.reconciliation.clusters:
        numbers = Counter(key.partition(":")[0] for key in {join.key for join in cluster.joins})
        assert all(numbers[prefix] <= 1 for prefix in ONE_NUMBER), cluster.joins


def test_no_structure_is_that_of_two_substances(merged: Merged):
    owner: dict[str, str] = {}
    for cluster in merged.reconciliation.clusters:
        if "inchikey" in cluster.identifiers:
            structure = cluster.identifiers["inchikey"]
            assert owner.setdefault(structure, cluster.label) == cluster.label, structure


@pytest.mark.parametrize(
    ("source", "kind", "prefixes", "least"),
    [
        ("drugmechdb", "substance", ("unii", "inchikey"), 1570),
        ("drugmechdb", "condition", ("mondo", "doid"), 630),
        ("fda-ndc", "substance", ("unii",), 5800),
    ],
)
def test_as_many_are_found_as_a_careful_analyst_finds(
    merged: Merged, source: str, kind: str, prefixes: tuple[str, ...], least: int
):
    found = {
        join.key
        for cluster in merged.reconciliation.clusters
        if cluster.kind == kind and any(prefix in cluster.identifiers for prefix in prefixes)
        for join in cluster.joins
        if join.source == source
    }

    assert len(found) >= least


def test_approved_ligands_of_the_guide_are_found_in_drugbank(merged: Merged):
    data = require(SHARED / "data")
    with gzip.open(data / "gtopdb" / "ligands_clean_2020-5.csv.gz", "rt", encoding="utf-8") as file:
        approved = {
            f"iuphar.ligand:{row['Ligand id']}"
            for row in csv.DictReader(file)
            if row["Approved"] == "yes"
        }
    found = [merged.reconciliation.find("substance", key) for key in approved]

    in_drugbank = [one for one in found if one is not None and "drugbank" in one.identifiers]
    assert len(in_drugbank) >= 1300, f"of {len(approved)}"


def test_naltrexone_is_not_its_salt_and_not_naloxone(merged: Merged):
    found = merged.reconciliation
    naltrexone = found.find("substance", "drugbank:DB00704")
    naloxone = found.find("substance", "drugbank:DB01183")

    assert naltrexone is not None
    assert naloxone is not None
    assert naltrexone is not naloxone
    assert naltrexone.identifiers["unii"] == "unii:5S6W795CQM"
    said = {(one.source, one.identifier) for one in naltrexone.conflicts}
    assert ("drugcentral", "unii:5P80UKS30B") in said


def test_what_drugcentral_confuses_reaches_no_curated_substance(
    merged: Merged, graph: KnowledgeGraph
):
    """It lists opioid-induced constipation for naltrexone: that is methylnaltrexone's."""
    data = SHARED / "data"
    store = graph.store
    assert isinstance(store, OxigraphStore)
    one = Import(IMPORTERS["drugcentral"], data / "drugcentral")
    file = io.BytesIO()
    write(Merged((one,), merged.reconciliation), store, [], file, left_out={})

    uses = [
        line
        for line in file.getvalue().splitlines()
        if b"ontology#Indication>" in line and b"drug-indication-1765-" in line
    ]
    assert uses == []

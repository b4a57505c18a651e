"""Who asks for what is open gets nothing else, in any form, and is told what was left out."""

from __future__ import annotations

import csv
import io
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result

from pharmakon import build, exports, licences, ontology, releases, resources
from pharmakon.importers import IMPORTERS
from pharmakon.merge import Import
from pharmakon.namespaces import GRAPH, shorten
from pharmakon.stores import OxigraphStore
from pharmakon_server.cli import failures, program

from .serving import command
from .test_importers import SAMPLES

#: The datasets that are imported here: open, share-alike, with terms of its own, not stated.
IMPORTED = ("drugbank-vocabulary", "gtopdb", "rxnorm", "statements")

NOT_OPEN = {f"{name}{end}" for name in IMPORTED[1:] for end in ("", "-inferred")}

LICENCES = {
    "https://creativecommons.org/publicdomain/zero/1.0/": True,
    "https://creativecommons.org/publicdomain/mark/1.0/": True,
    "https://creativecommons.org/licenses/by/4.0/": True,
    "https://creativecommons.org/licenses/by/3.0/": True,
    "http://creativecommons.org/licenses/by/4.0/legalcode": True,
    "https://creativecommons.org/licenses/by-sa/4.0/": False,
    "https://creativecommons.org/licenses/by-nc/4.0/": False,
    "https://creativecommons.org/licenses/by-nd/4.0/": False,
    "https://creativecommons.org/licenses/by-nc-sa/4.0/": False,
    "https://opendatacommons.org/licenses/odbl/1-0/": False,
    "https://hpo.jax.org/app/license": False,
    "https://example.org/?https://creativecommons.org/licenses/by/4.0/": False,
    "https://creativecommons.org.example.org/licenses/by/4.0/": False,
    "": False,
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a small ontology and of some samples, whose licences are of every kind."""
    shipped, root = resources.folder("ontology"), tmp_path_factory.mktemp("ontology")
    for path in ontology.vocabulary():
        shutil.copy(path, root)
    for part in ("rules", "shapes"):
        shutil.copytree(shipped / part, root / part)
    shutil.copytree(Path(__file__).parent / "data" / "knowledge", root / "knowledge")
    imports = [Import(IMPORTERS[name], SAMPLES / IMPORTERS[name].folder) for name in IMPORTED]
    return build.build(tmp_path_factory.mktemp("out"), root, imports=imports)


@pytest.fixture(scope="module")
def store(release: Path) -> OxigraphStore:
    """The store of that release."""
    return releases.open_release(release)[1]


def export(release: Path | str, *args: str) -> Result:
    """Run ``pharmakon export`` on a release, or on an endpoint."""
    where = "--endpoint" if str(release).startswith("http") else "--release"
    result = CliRunner().invoke(program, ["export", *args, where, str(release)])
    assert result.exit_code == failures.FINE, result.output
    return result


def is_open(quad: ox.Quad) -> bool:
    """Whether a quad is in an open graph, or describes one."""
    closed = {GRAPH[name] for name in NOT_OPEN}
    return quad.graph_name not in closed and quad.subject not in closed


def only_closed(store: OxigraphStore, kind: str) -> set[str]:
    """The CURIEs of things of a class that open graphs do not describe."""
    rows = store.select(f"SELECT ?g ?s {{ GRAPH ?g {{ ?s a {kind} }} }}")
    found = [(row["g"].value.removeprefix(GRAPH.base), row["s"].value) for row in rows]  # type: ignore[union-attr]
    described = {iri for graph, iri in found if graph not in NOT_OPEN}
    return {shorten(iri) for _, iri in found if iri not in described}


# ── What is open ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("licence", "expected"), LICENCES.items(), ids=LICENCES)
def test_a_licence_is_open_or_not(licence: str, expected: bool):
    assert licences.is_open(licence) is expected


def test_where_several_licences_hold_all_must_be_open():
    assert licences.are_open(list(LICENCES)[:3])
    assert not licences.are_open(list(LICENCES)[:6])
    assert not licences.are_open([])


def test_a_graph_is_open_by_its_description(store: OxigraphStore):
    found = {one.iri.removeprefix(GRAPH.base): one for one in licences.graphs(store)}

    assert {name for name, one in found.items() if not one.is_open} == NOT_OPEN
    assert found["statements"].licences == ()
    assert found["gtopdb"].licences == tuple(sorted(build.SHARE_ALIKE))
    assert found["rxnorm-inferred"].licences == IMPORTERS["rxnorm"].licences
    assert "catalog" not in found


@pytest.mark.parametrize("name", ["gtopdb", "rxnorm", "statements"])
def test_what_follows_from_what_is_not_open_is_in_a_graph_of_its_own(
    store: OxigraphStore, name: str
):
    edges = {quad.triple for quad in store.quads(graph=GRAPH[f"{name}-inferred"])}

    assert edges
    assert not edges & {quad.triple for quad in store.quads(graph=GRAPH["inferred"])}


# ── What is exported ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", exports.RDF_FORMATS)
def test_every_syntax_has_what_is_open_and_nothing_else(
    release: Path, store: OxigraphStore, tmp_path: Path, form: str
):
    path = tmp_path / f"open.{form}"

    export(release, "--licence", "open", "-o", str(path))

    expected = {quad.triple for quad in store.quads() if is_open(quad)}
    assert {quad.triple for quad in ox.parse(path=str(path))} == expected
    assert expected < {quad.triple for quad in store.quads()}


def test_a_syntax_that_knows_graphs_has_none_that_is_not_open(release: Path, tmp_path: Path):
    export(release, "--licence", "open", "-o", str(tmp_path / "open.nq"))

    names = {str(quad.graph_name) for quad in ox.parse(path=str(tmp_path / "open.nq"))}
    assert str(GRAPH["drugbank-vocabulary"]) in names
    assert str(GRAPH["catalog"]) in names
    assert not names & {str(GRAPH[name]) for name in NOT_OPEN}


def test_a_table_has_no_statement_that_is_not_open(release: Path, store: OxigraphStore):
    def statements(*args: str) -> set[str]:
        table = io.StringIO(export(release, "--format", "csv", *args).stdout)
        return {row["statement"] for row in csv.DictReader(table)}

    whole, part = statements(), statements("--licence", "open")
    closed = {
        shorten(str(row["s"].value))  # type: ignore[union-attr]
        for row in store.select("SELECT ?s ?g { GRAPH ?g { ?s pk:subject ?any } }")
        if row["g"].value.removeprefix(GRAPH.base) in NOT_OPEN  # type: ignore[union-attr]
    }
    assert closed & whole
    assert part
    assert part == whole - closed


def test_kgx_has_nothing_that_is_not_open(release: Path, store: OxigraphStore, tmp_path: Path):
    for name, args in (("whole", ()), ("open", ("--licence", "open"))):
        export(release, "--format", "kgx", "-o", str(tmp_path / name), *args)
    closed = only_closed(store, "pk:Substance") | only_closed(store, "pk:Target")

    def nodes(name: str) -> set[str]:
        with (tmp_path / name / "nodes.tsv").open(encoding="utf-8", newline="") as file:
            return {row["id"] for row in csv.DictReader(file, delimiter="\t")}

    assert closed & nodes("whole")
    assert nodes("open")
    assert not closed & nodes("open")


def test_graphml_has_no_edge_that_is_not_open(release: Path, store: OxigraphStore):
    def nodes(*args: str) -> set[str | None]:
        root = ET.fromstring(export(release, "--format", "graphml", *args).stdout)  # noqa: S314
        return {one.get("id") for one in root.iter() if one.tag.endswith("}node")}

    closed = only_closed(store, "pk:Product") | only_closed(store, "pk:Target")
    assert closed & nodes()
    assert not closed & nodes("--licence", "open")


def test_of_one_thing_only_what_is_open_is_exported():
    whole = export("packaged", "naltrexone", "--format", "nq").stdout.splitlines()
    part = export("packaged", "naltrexone", "--format", "nq", "--licence", "open").stdout

    assert set(part.splitlines()) == {line for line in whole if "/graph/gtopdb" not in line}
    assert 0 < len(part.splitlines()) < len(whole)


def test_of_a_thing_that_no_open_graph_describes_nothing_is_exported(release: Path):
    result = export(release, "examplofen", "--format", "nq", "--licence", "open")

    assert result.stdout == ""
    assert "left out Statements in our vocabulary" in result.stderr


def test_an_endpoint_gives_what_is_open(release: Path, tmp_path: Path):
    here, there = tmp_path / "here.nq", tmp_path / "there.nq"
    with command("serve", "--release", str(release)) as url:
        export(f"{url}/sparql", "--licence", "open", "-o", str(there))
    export(release, "--licence", "open", "-o", str(here))

    assert there.read_bytes() == here.read_bytes()


# ── What is said ─────────────────────────────────────────────────────────────


def test_what_was_left_out_is_said_with_the_reason(release: Path):
    said = export(release, "--licence", "open").stderr.splitlines()

    left_out = [line for line in said if line.startswith("pharmakon: left out ")]
    assert len(left_out) == len(NOT_OPEN)
    assert (
        "pharmakon: left out Statements in our vocabulary "
        "(https://w3id.org/pharmakon/graph/statements), which is not open: no licence is stated"
    ) in left_out
    assert (
        "pharmakon: left out inferred from RxNorm Prescribable Content "
        "(https://w3id.org/pharmakon/graph/rxnorm-inferred), which is not open: "
        "https://www.nlm.nih.gov/research/umls/rxnorm/docs/termsofservice.html"
    ) in left_out
    assert not any("by-sa" in line for line in said if "licence http" in line)


def test_the_licences_of_a_whole_export_are_said_and_those_that_nobody_states(release: Path):
    said = export(release).stderr

    for licence in build.SHARE_ALIKE:
        assert f"licence {licence} (Guide to PHARMACOLOGY" in said
    assert "no licence is stated (Statements in our vocabulary, inferred from Statements" in said
    assert "left out" not in said


def test_only_the_licences_of_what_is_exported_are_said(release: Path):
    said = export(release, "naltrexone").stderr

    assert build.CC_BY in said
    assert not any(licence in said for licence in build.SHARE_ALIKE)


def test_the_mappings_are_under_their_own_licence():
    said = export("packaged", "--format", "sssom").stderr

    assert f"licence {build.CC_BY} (mappings)" in said
    assert len(said.splitlines()) == 1


def test_the_packaged_graph_is_open_but_for_the_guide(tmp_path: Path):
    said = export("packaged", "--licence", "open", "-o", str(tmp_path / "open.nq")).stderr

    assert said.count("left out") == 2
    assert "left out Guide to PHARMACOLOGY" in said
    assert "left out inferred from the Guide to PHARMACOLOGY" in said
    names = {quad.graph_name for quad in ox.parse(path=str(tmp_path / "open.nq"))}
    assert names == {
        GRAPH[name] for name in ("catalog", "curated", "inferred", "mappings", "ontology")
    }

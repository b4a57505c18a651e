"""The known traps of the published files: each is survived by what is imported."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from functools import cache

import pyoxigraph as ox
import pytest

from pharmakon import KnowledgeGraph
from pharmakon.importers import IMPORTERS, Claim, Composition, Record, Report, Thing, run
from pharmakon.merge import Import, Merged, merge, write
from pharmakon.stores import OxigraphStore

from .shared_data import DATA, require


@cache
def said(name: str) -> tuple[tuple[Record, ...], Report]:
    """Return what the published files of a source say, and what became of their rows."""
    importer = IMPORTERS[name]
    found: list[Record] = []
    report = run(importer, require(DATA / importer.folder), found.extend)
    return tuple(found), report


def claims(name: str) -> list[Claim]:
    return [one for one in said(name)[0] if isinstance(one, Claim)]


def things(name: str) -> list[Thing]:
    return [one for one in said(name)[0] if isinstance(one, Thing)]


def test_the_schedule_of_a_product_is_not_that_of_an_ingredient():
    schedules = [
        one
        for one in claims("fda-ndc")
        if any(str(value).startswith("pk:schedule") for _, value in one.slots)
    ]

    assert schedules
    assert {one.about for one in schedules} == {"product"}


def test_a_kit_without_a_substance_is_counted_and_holds_nothing():
    found, report = said("fda-ndc")

    reason = "the listing names no substance, as those of kits do not"
    assert report.skipped[reason] > 2000
    assert not any("VIVITROL" in str(one).upper() for one in found)


def test_what_is_diluted_to_nothing_is_no_formulation_of_a_substance():
    importer = IMPORTERS["fda-ndc"]
    row = {
        "PRODUCTID": "1-1_x",
        "PRODUCTNDC": "1-1",
        "PROPRIETARYNAME": "Nux",
        "PROPRIETARYNAMESUFFIX": "",
        "SUBSTANCENAME": "STRYCHNOS NUX-VOMICA SEED",
        "ACTIVE_NUMERATOR_STRENGTH": "30",
        "ACTIVE_INGRED_UNIT": "[hp_X]/1",
        "DEASCHEDULE": "",
        "MARKETINGCATEGORYNAME": "UNAPPROVED HOMEOPATHIC",
    }

    assert [type(one) for one in importer.tables[0].records(row)] == [Thing]


def test_a_directory_in_latin_1_is_read_whole():
    _, report = said("fda-ndc")

    assert report.rejected == []
    assert report.read == 128_241


def test_names_of_the_guide_are_plain_text():
    names = [name for one in things("gtopdb") for name in (one.label, *one.names)]

    marked = [name for name in names if "<" in name or html.unescape(name) != name]
    assert "δ receptor" in names
    assert marked == []


def test_only_what_is_measured_at_human_targets_is_said_of_ours():
    records = [one.record.split(";") for one in claims("gtopdb")]

    assert {parts[2] for parts in records} == {"Human"}
    assert said("gtopdb")[1].skipped["the target is not a human one"] > 4000


def test_several_measurements_of_a_pair_are_several_statements():
    pairs = [(one.subject, dict(one.slots)["target"]) for one in claims("gtopdb")]

    assert len(set(pairs)) < len(pairs)


def test_a_combination_does_not_say_what_each_part_is_for():
    combined = [
        one
        for one in said("fda-ndc")[0]
        if isinstance(one, Composition) and len(one.ingredients) > 1
    ]

    assert combined
    assert {part.role for one in combined for part in one.ingredients} == {""}


@pytest.fixture(scope="module")
def written(graph: KnowledgeGraph) -> Callable[[str], ox.Store]:
    """What a source says beside what curators wrote, without the other sources."""
    store = graph.store
    assert isinstance(store, OxigraphStore)

    def write_one(name: str) -> ox.Store:
        one = Import(IMPORTERS[name], require(DATA / IMPORTERS[name].folder))
        merged: Merged = merge(store, [one])
        file = io.BytesIO()
        write(merged, store, [], file, left_out={})
        found = ox.Store()
        found.bulk_load(input=file.getvalue(), format=ox.RdfFormat.N_QUADS)
        return found

    return write_one


def test_what_drugcentral_calls_an_agonist_and_is_a_partial_one_is_disputed(graph: KnowledgeGraph):
    rows = graph.query(
        """SELECT ?action {
          ?action a pk:ReceptorAction ; pk:subject substance:varenicline ;
            pk:actionType pk:partialAgonist ; pk:disputedBy / pk:source source:drugcentral-2016
        }"""
    )

    assert rows.to_dicts(), "varenicline is a partial agonist, and DrugCentral's row disputes it"


@pytest.mark.parametrize("name", ["mondo", "doid"])
def test_a_use_disorder_of_dsm_5_is_no_term_of_mondo_or_do(
    graph: KnowledgeGraph, written: Callable[[str], ox.Store], name: str
):
    store = written(name)

    for slug in ("opioid-use-disorder", "alcohol-use-disorder"):
        mine = ox.NamedNode(f"https://w3id.org/pharmakon/condition/{slug}")
        exact = ox.NamedNode("http://www.w3.org/2004/02/skos/core#exactMatch")
        matches = {quad.object.value for quad in store.quads_for_pattern(mine, exact, None)}
        assert matches == set(), f"{slug} is taken for {matches}"

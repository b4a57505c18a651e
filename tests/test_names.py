"""What people type finds the thing that they mean, or the nearest names."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharmakon import KnowledgeGraph
from pharmakon.errors import AmbiguousNameError, NotFoundError, ReleaseError
from pharmakon.names import Entry, Name, NameIndex, fold
from pharmakon.views.references import Reference

RESOLVED = [
    ("naltrexone", "substance:naltrexone"),
    ("  Naltrexone ", "substance:naltrexone"),
    ("NALTREXONE", "substance:naltrexone"),
    ("substance:naltrexone", "substance:naltrexone"),
    ("https://w3id.org/pharmakon/substance/naltrexone", "substance:naltrexone"),
    ("heroin", "substance:diamorphine"),
    ("alcohol", "substance:ethanol"),
    ("Vivitrol", "product:vivitrol"),
    ("narcan", "product:narcan"),
    ("mu-opioid receptor", "target:mu-opioid-receptor"),
    ("μ-opioid receptor", "target:mu-opioid-receptor"),
    ("OPRM1", "target:mu-opioid-receptor"),
    ("CHEBI:7465", "substance:naltrexone"),
    ("chebi:7465", "substance:naltrexone"),
    ("unii:5S6W795CQM", "substance:naltrexone"),
    ("5S6W795CQM", "substance:naltrexone"),
    ("http://purl.obolibrary.org/obo/CHEBI_7465", "substance:naltrexone"),
    ("https://bioregistry.io/unii:5S6W795CQM", "substance:naltrexone"),
    ("opioid-use-disorder", "condition:opioid-use-disorder"),
    ("diarrhea", "condition:diarrhoea"),
]


def holding(*names: Name) -> NameIndex:
    return NameIndex.holding(Entry(name) for name in names)


@pytest.mark.parametrize(("typed", "expected"), RESOLVED)
def test_a_name_in_any_form_means_one_thing(graph: KnowledgeGraph, typed: str, expected: str):
    assert graph.names.resolve(typed).curie == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("naltrexon", "naltrexone"), ("buprenorfine", "buprenorphine"), ("naloxon", "naloxone")],
)
def test_a_misspelt_name_is_not_found_and_the_right_one_is_offered_first(
    graph: KnowledgeGraph, typed: str, expected: str
):
    with pytest.raises(NotFoundError, match="did you mean") as caught:
        graph.names.resolve(typed)

    assert caught.value.nearest[0] == expected


def test_a_name_like_nothing_is_not_found_and_nothing_is_offered(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError) as caught:
        graph.names.resolve("xqzzxqzz")

    assert caught.value.nearest == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("naltrexnoe", "substance:naltrexone"),
        ("mu receptor", "target:mu-opioid-receptor"),
        ("suboxon", "product:suboxone"),
        ("opioid use", "condition:opioid-use-disorder"),
    ],
)
def test_a_search_allows_for_typos_and_parts(graph: KnowledgeGraph, typed: str, expected: str):
    found = [hit.thing.curie for hit in graph.search(typed, limit=5)]

    assert expected in found


def test_an_exact_name_comes_first_in_a_search(graph: KnowledgeGraph):
    assert graph.search("naloxone")[0].thing.curie == "substance:naloxone"


def test_a_search_says_by_which_name_it_found(graph: KnowledgeGraph):
    hit = graph.search("heroin")[0]

    assert (hit.thing.label, hit.name.text, hit.name.kind) == (
        "diamorphine",
        "heroin",
        "other name",
    )


def test_a_search_keeps_to_the_kind_that_is_asked_for(graph: KnowledgeGraph):
    kinds = {hit.thing.kind for hit in graph.search("opioid", kind="condition")}

    assert kinds == {"condition"}


def test_an_empty_search_finds_nothing(graph: KnowledgeGraph):
    assert graph.search("  ") == []


def test_two_things_of_one_name_are_told_apart():
    one = Reference("speed", "https://w3id.org/pharmakon/substance/amphetamine", "substance")
    other = Reference("speed", "https://w3id.org/pharmakon/condition/velocity", "condition")
    index = holding(Name("speed", "label", one), Name("speed", "label", other))

    with pytest.raises(AmbiguousNameError, match=r"condition:velocity, substance:amphetamine"):
        index.resolve("speed")
    assert index.resolve("speed", kind="substance") == one


def test_a_label_comes_before_an_other_name():
    one = Reference("speed", "https://w3id.org/pharmakon/condition/velocity", "condition")
    other = Reference("amphetamine", "https://w3id.org/pharmakon/substance/a", "substance")
    index = holding(Name("speed", "label", one), Name("speed", "other name", other))

    assert index.resolve("speed") == one


@given(st.text(st.characters(codec="ascii")))
def test_plain_text_is_folded_as_any_other(text: str):
    assert fold(text) == fold(f"{text} é").removesuffix("e").removesuffix(" ")


@given(st.text())
def test_folding_twice_is_folding_once(text: str):
    assert fold(fold(text)) == fold(text)


def test_every_entity_is_found_by_its_label_or_is_one_of_several(graph: KnowledgeGraph):
    for kind in ("substance", "class", "target", "condition", "product", "formulation"):
        for thing in graph.names.of_kind(kind):
            assert graph.names.resolve(thing.label) == thing, f"{thing.curie}: {thing.label!r}"


def test_what_curators_described_comes_before_what_a_table_has():
    one = Reference("narcan", "https://w3id.org/pharmakon/product/narcan", "product")
    others = [
        Reference("NARCAN", f"https://w3id.org/pharmakon/product/ndc-{n}", "product")
        for n in range(3)
    ]
    named = [Name(other.label, "label", other) for other in others]
    index = holding(Name("narcan", "label", one, is_curated=True), *named)

    assert index.resolve("Narcan") == one
    assert index.search("narcan")[0].thing == one


def test_a_substance_is_meant_where_many_products_are_called_as_it():
    one = Reference("ASPIRIN", "https://w3id.org/pharmakon/substance/unii-r16co5y76e", "substance")
    products = [
        Reference("Aspirin", f"https://w3id.org/pharmakon/product/ndc-{n}", "product")
        for n in range(3)
    ]
    named = [Name("Aspirin", "label", product) for product in products]

    for kind in ("label", "other name"):
        assert holding(*named, Name("aspirin", kind, one)).resolve("aspirin") == one, kind
    with pytest.raises(AmbiguousNameError):
        holding(*named).resolve("aspirin")


def test_an_index_in_a_folder_answers_as_one_in_memory(graph: KnowledgeGraph, tmp_path: Path):
    NameIndex.write(graph.store, tmp_path / "names")

    kept = NameIndex.open(tmp_path / "names")

    assert len(kept) == len(graph.names)
    for typed in ("naltrexone", "naltrexnoe", "mu receptor", "opioid", "CHEBI:7465"):
        assert kept.search(typed) == graph.names.search(typed), typed
    assert kept.of_kind("substance") == graph.names.of_kind("substance")


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_index_is_an_error_that_says_what_to_do(
    graph: KnowledgeGraph, tmp_path: Path, damage: str
):
    folder = tmp_path / "names"
    if damage == "cut":
        NameIndex.write(graph.store, folder)
        (folder / "meta.json").write_text("{")

    with pytest.raises(ReleaseError, match="build the release again"):
        NameIndex.open(folder)


def misspelt(name: str, typos: int, chance: random.Random) -> str:
    """Return a name with as many letters changed, left out, doubled or swapped."""
    for _ in range(typos):
        at = chance.randrange(1, len(name) - 1)
        name = chance.choice(
            (
                name[:at] + chance.choice("aeinrst") + name[at + 1 :],
                name[:at] + name[at + 1 :],
                name[:at] + name[at] + name[at:],
                name[:at] + name[at + 1] + name[at] + name[at + 2 :],
            )
        )
    return name


@pytest.mark.parametrize("typos", [1, 2])
def test_a_misspelt_name_is_among_the_first_eight(graph: KnowledgeGraph, typos: int):
    chance = random.Random(typos)  # noqa: S311 - any typos will do
    things = [
        thing
        for kind in ("substance", "target", "condition", "product")
        for thing in graph.names.of_kind(kind)
        if len(thing.label) >= 3 + 3 * typos
    ]
    missed = [
        (typed, thing.label)
        for thing in chance.sample(things, 500)
        for typed in [misspelt(thing.label, typos, chance)]
        if thing not in [hit.thing for hit in graph.search(typed, limit=8)]
    ]

    assert len(missed) <= 15, f"more than 3 % are missed: {missed}"


@given(st.text(max_size=300))
def test_whatever_is_typed_is_answered(graph: KnowledgeGraph, typed: str):
    assert len(graph.names.search(typed, limit=5)) <= 5


@given(st.data())
def test_a_list_goes_on_where_it_was_left(graph: KnowledgeGraph, data: st.DataObject):
    everything = graph.names.of_kind("condition")
    start = data.draw(st.integers(0, len(everything) + 3))
    most = data.draw(st.integers(1, len(everything) + 3))

    assert graph.names.of_kind("condition", start, most) == everything[start : start + most]

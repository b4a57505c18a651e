"""The mappings: each identifier is in the file that it is said to come from, under that name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import mappings
from pharmakon.errors import LoadError
from pharmakon.namespaces import DCTERMS, PK, RDF, RDFS, SKOS, shorten
from pharmakon.resources import folder

from . import shared_data

ROWS = mappings.mappings()

#: What a substance is known by, wherever it is known at all.
EXPECTED = ("chebi", "unii", "inchikey")

#: Which of those a substance has to do without, and why.
with (Path(__file__).parent / "data" / "unavailable-identifiers.tsv").open(
    encoding="utf-8"
) as _table:
    UNAVAILABLE = {
        (row["subject"], row["kind"]): row["reason"]
        for row in csv.DictReader(_table, delimiter="\t")
    }


@pytest.fixture(scope="session")
def graph() -> ox.Store:
    """The vocabulary and the curated graph, as typed."""
    store = ox.Store()
    for path in [*folder("ontology").glob("*.ttl"), *folder("ontology").glob("knowledge/**/*.ttl")]:
        store.load(path=str(path), format=ox.RdfFormat.TURTLE)
    return store


@pytest.fixture(scope="session")
def named(graph: ox.Store) -> Mapping[str, tuple[str, ...]]:
    """What each thing in the graph is called: its label, then its other names."""
    return {
        shorten(label.subject.value): (
            label.object.value,
            *(
                other.object.value
                for other in graph.quads_for_pattern(label.subject, SKOS["altLabel"], None)
            ),
        )
        for label in graph.quads_for_pattern(None, RDFS["label"], None)
    }


@pytest.fixture(scope="session")
def printed() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """The identifiers and the names of each published file, each file read once."""
    return {source: shared_data.names(source) for source in shared_data.SOURCES}


@pytest.fixture(scope="session")
def problems(
    named: Mapping[str, tuple[str, ...]], printed: Mapping[str, Mapping[str, frozenset[str]]]
) -> list[str]:
    return mappings.check(ROWS, named, printed)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.subject}-{row.object}")
def test_a_mapping_is_what_the_published_file_says(
    row: mappings.Mapping, problems: list[str]
) -> None:
    own = [problem for problem in problems if problem.startswith(f"{row.place}: ")]
    assert not own, "\n".join(own)


@pytest.mark.parametrize("prefix", EXPECTED)
def test_every_substance_is_known_outside(prefix: str, graph: ox.Store) -> None:
    known = {row.subject for row in ROWS if row.object.startswith(f"{prefix}:") and not row.negated}
    substances = {
        shorten(quad.subject.value)
        for quad in graph.quads_for_pattern(None, RDF["type"], PK["Substance"])
    }
    excused = {subject for subject, kind in UNAVAILABLE if kind == prefix}
    missing = sorted(substances - known - excused)
    assert not missing, (
        f"{', '.join(missing)}: no {prefix}; add a row to ontology/mappings/substances.sssom.tsv, "
        "or a reason to tests/data/unavailable-identifiers.tsv"
    )
    stale = sorted(excused & known)
    assert not stale, f"{', '.join(stale)}: there is a {prefix}; remove its reason"


@pytest.mark.parametrize(
    "kind", ["Substance", "SubstanceClass", "Target", "Condition", "Product", "Formulation"]
)
def test_every_entity_is_mapped_or_says_why_not(kind: str, graph: ox.Store) -> None:
    mapped = {row.subject for row in ROWS if not row.negated}
    silent = [
        shorten(quad.subject.value)
        for quad in graph.quads_for_pattern(None, RDF["type"], PK[kind])
        if shorten(quad.subject.value) not in mapped
        and not any(graph.quads_for_pattern(quad.subject, PK["noMappingReason"], None))
    ]
    assert not silent, (
        f"{', '.join(sorted(silent))}: nothing outside; add a row to ontology/mappings, "
        "or pk:noMappingReason"
    )


def test_an_rxnorm_concept_has_the_unii_of_its_substance(
    printed: Mapping[str, Mapping[str, frozenset[str]]],
) -> None:
    join = printed["pharmacotherapydb/data_rxcui-unii-map.tsv.gz"]
    own = {(row.subject, row.object.removeprefix("unii:")) for row in ROWS if not row.negated}
    wrong = [
        f"{row.place}: the map joins {row.object} to {', '.join(sorted(join[row.object]))}, "
        f"no UNII of {row.subject}; look both up again"
        for row in ROWS
        if row.object in join and not any((row.subject, unii) in own for unii in join[row.object])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("subject", "confused_with"),
    [
        ("substance:naltrexone", "mesh:D009270"),
        ("substance:naltrexone", "unii:5P80UKS30B"),
        ("substance:codeine", "atc:N02AA59"),
        ("condition:decreased-appetite", "umls:C0003125"),
    ],
)
def test_a_known_confusion_is_denied(subject: str, confused_with: str) -> None:
    said = [row for row in ROWS if (row.subject, row.object) == (subject, confused_with)]
    assert [row.negated for row in said] == [True]
    assert not list(mappings.triples(said))


# Mistakes, made on purpose: the check is worth what it finds.

MISTAKES: Mapping[str, tuple[Callable[[mappings.Mapping], mappings.Mapping], str]] = {
    "the identifier of another": (
        lambda row: replace(row, object="chebi:7459"),
        "calls chebi:7459 'naloxone', not 'naltrexone'",
    ),
    "an identifier that is not there": (
        lambda row: replace(row, object="chebi:999999999"),
        "chebi:999999999 is not in ontology_terms/chebi.json.gz",
    ),
    "the identifier and the name of another": (
        lambda row: replace(row, object="chebi:7459", object_label="naloxone"),
        "no name of substance:naltrexone",
    ),
    "the wrong name for ours": (
        lambda row: replace(row, subject_label="naloxone"),
        "substance:naltrexone is called 'naltrexone'",
    ),
    "an entity that is not ours": (
        lambda row: replace(row, subject="substance:naltrexon"),
        "there is no entity substance:naltrexon",
    ),
    "not exact, and no reason": (
        lambda row: replace(row, predicate="skos:closeMatch", comment=""),
        "say why in the comment",
    ),
    "denied, and no reason": (
        lambda row: replace(row, modifier="Not", comment=""),
        "say why in the comment",
    ),
    "a file that is not read": (
        lambda row: replace(row, source="chebi.json"),
        "'chebi.json' is no file that is read, nor an address",
    ),
    "a document without the day": (
        lambda row: replace(row, source="https://example.org/naltrexone"),
        "is a document; say in the comment 'Read on' and the day",
    ),
    "a document that has no address": (
        lambda row: replace(row, source="https://example.org", comment="Read on 2026-11-22."),
        "is no file that is read, nor an address",
    ),
    "a document and the name of another": (
        lambda row: replace(
            row,
            object_label="naloxone",
            source="https://example.org/naltrexone",
            comment="Read on 2026-11-22.",
        ),
        "no name of substance:naltrexone",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(
    mistake: str,
    named: Mapping[str, tuple[str, ...]],
    printed: Mapping[str, Mapping[str, frozenset[str]]],
) -> None:
    (row,) = [row for row in ROWS if row.object == "chebi:7465"]
    spoil, message = MISTAKES[mistake]
    found = mappings.check([spoil(row)], named, printed)
    assert any(f"{row.place}: " in problem and message in problem for problem in found), found


def test_a_document_is_named_by_its_address_and_the_day(
    named: Mapping[str, tuple[str, ...]], printed: Mapping[str, Mapping[str, frozenset[str]]]
) -> None:
    (row,) = [row for row in ROWS if row.object == "atc:N07BB03"]
    assert row.source.startswith("https://")
    assert row.comment == "Read on 2026-11-22."
    assert not mappings.check([row], named, printed)


def test_a_thing_outside_is_claimed_once(
    named: Mapping[str, tuple[str, ...]], printed: Mapping[str, Mapping[str, frozenset[str]]]
) -> None:
    (row,) = [row for row in ROWS if row.object == "chebi:7465"]
    stolen = replace(row, subject="substance:naloxone", subject_label="naloxone", line=1)
    found = mappings.check([row, stolen], named, printed)
    assert any("is already substance:naltrexone" in problem for problem in found), found
    again = mappings.check([row, replace(row, line=1)], named, printed)
    assert any("already mapped" in problem for problem in again), again


def test_a_wrong_digit_in_a_table_is_found_with_its_place(
    tmp_path: Path,
    named: Mapping[str, tuple[str, ...]],
    printed: Mapping[str, Mapping[str, frozenset[str]]],
) -> None:
    table = folder("ontology") / "mappings" / "substances.sssom.tsv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines, start=1) if "\tchebi:7465\t" in line)
    lines[at - 1] = lines[at - 1].replace("chebi:7465", "chebi:7466")
    spoiled = tmp_path / "substances.sssom.tsv"
    spoiled.write_text("".join(lines), encoding="utf-8")
    found = mappings.check(mappings.load(spoiled), named, printed)
    assert found, "a wrong digit was not found"
    assert all(problem.startswith(f"{spoiled}:{at}: ") for problem in found), found


HEADER = "\t".join(mappings.COLUMNS)
GOOD = (
    "substance:naltrexone\tnaltrexone\tskos:exactMatch\t\tchebi:7465\tnaltrexone\t"
    "semapv:LexicalMatching\tontology_terms/chebi.json.gz\t"
)

MALFORMED = {
    "no header": ("", None, "no line that names the columns"),
    "a column is missing": (HEADER.removesuffix("\tcomment"), 1, "the columns should be"),
    "a cell is missing": (f"{HEADER}\n{GOOD.removesuffix(chr(9))}", 2, "8 cells and needs 9"),
    "a predicate that is none": (
        f"{HEADER}\n{GOOD.replace('exactMatch', 'sameAs')}",
        2,
        "predicate_id is 'skos:sameAs'",
    ),
    "a modifier that is none": (
        f"{HEADER}\n{GOOD.replace('exactMatch' + chr(9), 'exactMatch' + chr(9) + 'no')}",
        2,
        "predicate_modifier is 'no'",
    ),
    "a justification that is none": (
        f"{HEADER}\n{GOOD.replace('LexicalMatching', 'Guess')}",
        2,
        "mapping_justification is 'semapv:Guess'",
    ),
    "a prefix in capitals": (
        f"{HEADER}\n{GOOD.replace('chebi:', 'CHEBI:')}",
        2,
        "object_id is 'CHEBI:7465'",
    ),
    "an identifier with a space": (
        f"{HEADER}\n{GOOD.replace('chebi:7465', 'chebi:74 65')}",
        2,
        "object_id is 'chebi:74 65'",
    ),
    "a subject of no namespace": (
        f"{HEADER}\n{GOOD.replace('substance:', 'drug:')}",
        2,
        "'drug:naltrexone', which is no entity of ours",
    ),
    "an empty name": (
        f"{HEADER}\n{GOOD.replace('7465' + chr(9) + 'naltrexone', '7465' + chr(9))}",
        2,
        "object_label is empty",
    ),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_table_is_refused_with_its_place(fault: str, tmp_path: Path) -> None:
    text, line, reason = MALFORMED[fault]
    table = tmp_path / "broken.sssom.tsv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        mappings.load(table)
    assert (caught.value.path, caught.value.line) == (str(table), line)
    assert reason in caught.value.reason


def test_a_table_is_read_as_written(tmp_path: Path) -> None:
    table = tmp_path / "good.sssom.tsv"
    table.write_text(f"# license: none\n{HEADER}\n{GOOD}\n", encoding="utf-8")
    (row,) = mappings.load(table)
    assert (row.subject, row.predicate, row.object) == (
        "substance:naltrexone",
        "skos:exactMatch",
        "chebi:7465",
    )
    assert (row.exact, row.negated, row.line) == (True, False, 3)
    assert [str(triple) for triple in mappings.triples([row])] == [
        "<https://w3id.org/pharmakon/substance/naltrexone> "
        "<http://www.w3.org/2004/02/skos/core#exactMatch> "
        "<http://purl.obolibrary.org/obo/CHEBI_7465>",
        "<https://w3id.org/pharmakon/substance/naltrexone> "
        '<http://purl.org/dc/terms/identifier> "chebi:7465"',
    ]


def test_a_match_that_is_not_exact_gives_no_identifier() -> None:
    close = [row for row in ROWS if row.subject == "condition:opioid-use-disorder"]
    assert close
    predicates = {triple.predicate.value for triple in mappings.triples(close)}
    assert predicates == {SKOS["closeMatch"].value, SKOS["broadMatch"].value}


def test_each_code_of_atc_is_an_identifier_of_its_substance() -> None:
    codes = [
        row for row in ROWS if row.subject == "substance:fentanyl" and row.object[:4] == "atc:"
    ]
    found = {(triple.predicate.value, str(triple.object)) for triple in mappings.triples(codes)}
    assert (DCTERMS["identifier"].value, '"atc:N01AH01"') in found
    assert (DCTERMS["identifier"].value, '"atc:N02AB03"') in found


@pytest.mark.parametrize("disorder", ["opioid-use-disorder", "alcohol-use-disorder"])
def test_no_disorder_of_dsm_5_is_said_to_be_in_mondo_or_doid(disorder: str) -> None:
    rows = [
        row
        for row in ROWS
        if row.subject == f"condition:{disorder}" and row.object.startswith(("mondo:", "doid:"))
    ]
    assert rows
    assert not [row.place for row in rows if row.exact]

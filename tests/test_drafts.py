"""Drafts: what the tables say of a substance is in the ontology already, or is left out on purpose.

So the command that drafts a substance is the test of what was curated: over the whole ontology
it has nothing to add.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon.drafts import Known, draft
from pharmakon.drafts.gtopdb import key
from pharmakon.drafts.known import slug_of
from pharmakon.drafts.turtle import Paragraph, TurtleFile
from pharmakon.errors import LoadError
from pharmakon.importers.drugcentral import action_type
from pharmakon.namespaces import PK, PREFIXES, RDF, RDFS, SKOS, SUBSTANCE, expand
from pharmakon.ontology import exclusions
from pharmakon.published import Files
from pharmakon.resources import folder

from .shared_data import DATA, require

ROOT = folder("ontology")
KNOWN = Known.read(ROOT)
FILES = Files(DATA)


def substances() -> Iterator[str]:
    for quad in KNOWN.graph.quads_for_pattern(None, RDF["type"], PK["Substance"]):
        yield quad.subject.value.removeprefix(SUBSTANCE.base)


SUBSTANCES = sorted(substances())


def label(slug: str) -> str:
    return KNOWN.names(slug)[0]


@pytest.mark.parametrize("slug", SUBSTANCES)
def test_the_tables_have_nothing_more_to_say(slug: str):
    require(DATA / "drugcentral")

    made = draft(label(slug), FILES, KNOWN)

    new = [
        f"{path.relative_to(ROOT)}: {subject}"
        for path, file in made.files.items()
        for subject, text in file.paragraphs.items()
        if text != TurtleFile.read(path, {}).paragraphs.get(subject)
    ]
    assert not new, (
        f"{slug}: run 'pharmakon draft {label(slug)!r} --data DIR --into ontology', read what it "
        f"adds, or give the record a reason in exclusions.tsv: {new[:5]}"
    )
    assert not made.mappings, f"{slug}: {made.mappings[:3]} are missing from ontology/mappings"


@pytest.mark.parametrize("slug", SUBSTANCES)
def test_a_substance_is_named_by_its_slug(slug: str):
    assert slug_of(label(slug)) == slug, f"{slug}: name the file after {label(slug)!r}"


def judged() -> Iterator[tuple[str, str, str]]:
    """Yield each use that physicians judged: record, identifier of the drug, and of the disease."""
    for row in FILES.rows("pharmacotherapydb/catalog_indications.tsv.gz"):
        if row["category"] in ("DM", "SYM"):
            drug, disease = row["drugbank_id"], row["doid_id"]
            yield f"{disease};{drug}", f"drugbank:{drug}", disease.casefold()


def test_a_use_that_physicians_judged_is_stated_or_has_a_reason():
    left_out = exclusions(ROOT)["pharmacotherapydb-2016"]
    stated = {quad.object.value for quad in KNOWN.graph.quads_for_pattern(None, PK["record"], None)}
    used_for = defaultdict(set)
    for quad in KNOWN.graph.quads_for_pattern(None, RDF["type"], PK["Indication"]):
        subject, condition = (
            next(KNOWN.graph.quads_for_pattern(quad.subject, PK[name], None)).object
            for name in ("subject", "condition")
        )
        used_for[subject.value].add(condition.value)

    missing = [
        f"{record}: {ours} for {disease}"
        for record, drug, disease in judged()
        for ours in [KNOWN.outside.get(drug, "")]
        if ours.startswith("substance:")
        and record not in stated | left_out
        and expand(KNOWN.outside.get(disease, "")) not in used_for[expand(ours)]
    ]

    assert not missing, f"state them, or give them a reason in exclusions.tsv: {missing[:5]}"


def test_what_is_left_out_is_a_row_and_has_a_reason():
    numbers: Mapping[str, set[str]] = {
        "drugcentral-2016": {
            ";".join(("drug_target", row["DRUG_ID"], row["UNIPROT"], row["ACTION_TYPE"]))
            for row in FILES.rows("drugcentral/drug_target.tsv.gz")
        }
        | {
            ";".join(("pharm_class", row["DRUG_ID"], row["TYPE"], row["CLASS_SOURCE_ID"]))
            for row in FILES.rows("drugcentral/pharm_class.tsv.gz")
        }
        | {
            ";".join(("drug_indication", row["DRUG_ID"], row["INDICATION_FDB"]))
            for row in FILES.rows("drugcentral/drug_indication.tsv.gz")
        },
        "gtopdb-2020": {key(row) for row in FILES.rows("gtopdb/interactions.csv.gz", ",")},
        "pharmacotherapydb-2016": {record for record, _, _ in judged()},
    }
    with (ROOT / "exclusions.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))

    assert rows, "exclusions.tsv is empty"
    for row in rows:
        assert row["reason"].endswith("."), f"{row}: say why in a sentence"
        assert row["record"] in numbers[row["source"]], f"{row}: no such row"


# What tables say of the same action agrees, or the difference is in plain sight.

#: Types of which one says more than the other, or both say the same in other words.
AGREEING = (
    {"agonist", "fullAgonist", "partialAgonist", "biasedAgonist"},
    {
        *("antagonist", "channelBlocker", "competitiveAntagonist", "inverseAgonist"),
        *("irreversibleAntagonist", "negativeAllostericModulator", "nonCompetitiveAntagonist"),
    },
    {"allostericModulator", "positiveAllostericModulator", "negativeAllostericModulator"},
    {"reuptakeInhibitor", "transporterInhibitor", "releasingAgent"},
    {"agonist", "channelOpener", "positiveAllostericModulator"},
    # An enzyme may be slowed at first and built more of later, by what it breaks down.
    {"enzymeInducer", "enzymeInhibitor", "metabolisedBy"},
    {"transportedBy", "transporterInhibitor"},
)


def actions() -> Mapping[tuple[str, str], dict[str, list[tuple[str, bool]]]]:
    """Return, by substance and target, the statements of each type and whether it is contested."""
    found: dict[tuple[str, str], dict[str, list[tuple[str, bool]]]] = defaultdict(dict)
    for quad in KNOWN.graph.quads_for_pattern(None, RDF["type"], PK["ReceptorAction"]):
        slots = {
            one.predicate.value: one.object.value
            for one in KNOWN.graph.quads_for_pattern(quad.subject, None, None)
        }
        subject, target, kind = (
            slots[PK[name].value].rsplit("/", 1)[-1].rsplit("#", 1)[-1]
            for name in ("subject", "target", "actionType")
        )
        disputed = PK["disputedBy"].value in slots
        found[(subject, target)].setdefault(kind, []).append((quad.subject.value, disputed))
    return found


ACTIONS = actions()


@pytest.mark.parametrize(("subject", "target"), sorted(ACTIONS))
def test_sources_agree_on_an_action_or_it_is_disputed(subject: str, target: str):
    kinds = ACTIONS[(subject, target)]
    known = set(kinds) - {"binder"}
    disputed = any(one for several in kinds.values() for _, one in several)

    agree = len(known) < 2 or any(known <= several for several in AGREEING)

    assert agree or disputed, (
        f"{subject} at {target} is {' and '.join(sorted(known))}: mark the wrong one as contested "
        "with its pk:disputedBy, or exclude its record with a reason"
    )


# The traps of the tables.

TRAPS = {
    "naltrexone has no schedule of the products that it is a part of": """
        ASK { ?statement a pk:RegulatoryStatus ; pk:subject substance:naltrexone ; pk:status ?one .
              FILTER (?one IN (pk:scheduleI, pk:scheduleII, pk:scheduleIII, pk:scheduleIV)) }
    """,
    "naltrexone is not for the constipation that methylnaltrexone is for": """
        ASK { ?statement a pk:Indication ; pk:subject substance:naltrexone ;
              pk:condition condition:opioid-induced-constipation }
    """,
    "varenicline is no full agonist": """
        ASK { ?statement a pk:ReceptorAction ; pk:subject substance:varenicline ;
              pk:target target:nicotinic-alpha4-beta2-receptor ; pk:actionType pk:agonist }
    """,
    "oxycodone is not for what oxiconazole is for": """
        ASK { ?statement a pk:Indication ; pk:subject substance:oxycodone ;
              pk:condition/skos:broader* condition:fungal-infection }
    """,
    "morphine is not for what apomorphine is for": """
        ASK { ?statement a pk:Indication ; pk:subject substance:morphine ;
              pk:condition condition:parkinson-disease }
    """,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_of_the_tables_is_not_walked_into(trap: str):
    assert not bool(KNOWN.graph.query(TRAPS[trap], prefixes=PREFIXES)), trap


def test_what_a_table_calls_an_agonist_disputes_that_varenicline_is_a_partial_one():
    query = """
        ASK { ?statement a pk:ReceptorAction ; pk:subject substance:varenicline ;
              pk:target target:nicotinic-alpha4-beta2-receptor ; pk:actionType pk:partialAgonist ;
              pk:disputedBy/pk:source source:drugcentral-2016 }
    """
    assert bool(KNOWN.graph.query(query, prefixes=PREFIXES))


# The making of a draft.


def test_a_substance_that_is_not_there_is_drafted_whole(tmp_path: Path):
    require(DATA / "drugcentral")
    root = tmp_path / "ontology"
    for name in ("knowledge/targets", "mappings"):
        (root / name).mkdir(parents=True)
        for path in (ROOT / name).iterdir():
            (root / name / path.name).write_bytes(path.read_bytes())

    made = draft("loprazolam", FILES, Known.read(root))
    written = made.write(root)

    text = (root / "knowledge/substances/loprazolam.ttl").read_text("utf-8")
    assert root / "mappings/substances.sssom.tsv" in written
    assert "substance:loprazolam a pk:Substance ;" in text
    assert any("what the substance is" in note for note in made.notes)
    graph = ox.Store()
    for path in written:
        if path.suffix == ".ttl":
            graph.load(path=str(path), format=ox.RdfFormat.TURTLE)
    assert any(graph.quads_for_pattern(SUBSTANCE["loprazolam"], RDFS["label"], None))


def test_what_a_curator_wrote_is_kept(tmp_path: Path):
    path = tmp_path / "x.ttl"
    path.write_text(
        "@prefix pk: <https://w3id.org/pharmakon/ontology#> .\n"
        "@prefix statement: <https://w3id.org/pharmakon/statement/> .\n\n"
        "statement:a a pk:Membership ;\n"
        "    pk:supportedBy <http://example.org/one> ;\n"
        "    pk:certainty pk:probable .\n",
        "utf-8",
    )

    file = TurtleFile.read(path, {})
    file.add([Paragraph("statement:a", [("a", ("pk:Effect",))])])
    file.extend("statement:a", "pk:supportedBy", ["<http://example.org/two>"])
    file.extend("statement:a", "pk:disputedBy", ["<http://example.org/three>"])

    assert "a pk:Membership ;" in str(file)
    assert "pk:supportedBy <http://example.org/two> , <http://example.org/one> ;" in str(file)
    assert "    pk:disputedBy <http://example.org/three> ;\n    pk:certainty" in str(file)


def test_a_table_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(LoadError, match=r"drugbank_vocabulary.*get it from its publisher"):
        draft("naloxone", Files(tmp_path), KNOWN)


@pytest.mark.parametrize(
    ("printed", "genes", "family", "expected"),
    [
        ("AGONIST", "OPRM1", "GPCR", "agonist"),
        ("INHIBITOR", "SLC6A3", "Transporter", "reuptakeInhibitor"),
        ("INHIBITOR", "SLC18A2", "Transporter", "transporterInhibitor"),
        ("INHIBITOR", "MAOB", "Enzyme", "enzymeInhibitor"),
        ("INHIBITOR", "P2RY12", "GPCR", "antagonist"),
        ("BLOCKER", "SCN5A", "Ion channel", "channelBlocker"),
        ("", "OPRD1", "GPCR", "binder"),
    ],
)
def test_an_action_is_called_what_it_is(printed: str, genes: str, family: str, expected: str):
    assert action_type(printed, genes, family) == expected


def test_the_names_that_are_looked_up_are_those_of_the_file():
    names = KNOWN.names("naltrexone")
    kept = {
        quad.object.value
        for slot in (RDFS["label"], SKOS["altLabel"])
        for quad in KNOWN.graph.quads_for_pattern(SUBSTANCE["naltrexone"], slot, None)
    }
    assert set(names) == kept

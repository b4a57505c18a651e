"""Evidence in a table names a row that is there, and the row says what the statement says.

Each case is one `pk:Evidence` with a `pk:record`, and all that rests on it. Some claims are those
of more than one kind of row, so every reader below knows what its rows can bear.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon.namespaces import DCTERMS, PK, PREFIXES, RDFS, SKOS, SOURCE

from .shared_data import open_text, rows

KNOWLEDGE = Path(__file__).parents[1] / "ontology" / "knowledge"

Row = Mapping[str, str]

#: What a table calls an action, an intent or a schedule, and what we do.
ACTIONS = {
    "AGONIST": "agonist",
    "ANTAGONIST": "antagonist",
    "INHIBITOR": "enzymeInhibitor",
    "PARTIAL AGONIST": "partialAgonist",
    "POSITIVE ALLOSTERIC MODULATOR": "positiveAllostericModulator",
}
CLASSES = {
    "CHEBI:22720": "benzodiazepine",
    "CHEBI:35488": "central-nervous-system-depressant",
    "D000427": "anti-addiction-medication",
    "D000701": "opioid",
    "D002492": "central-nervous-system-depressant",
    "N0000175694": "benzodiazepine",
}
CONDITIONS = {
    "Alcoholism": "alcohol-use-disorder",
    "Anxiety": "anxiety",
    "DOID:0050741": "alcohol-use-disorder",
    "Opioid Dependence": "opioid-use-disorder",
    "Opioid Toxicity": "opioid-overdose",
    "Opioid Withdrawal Symptoms": "opioid-withdrawal",
}
ROLES = {
    "CHEBI:167165": ("kappa-opioid-receptor", "antagonist"),
    "CHEBI:55322": ("mu-opioid-receptor", "agonist"),
    "CHEBI:59283": ("delta-opioid-receptor", "antagonist"),
}
SCHEDULES = {"": "notControlled", "CII": "scheduleII", "CIII": "scheduleIII", "CIV": "scheduleIV"}
DIRECTIONS = {
    "agonist": "increases activity of",
    "antagonist": "decreases activity of",
    "enzymeInhibitor": "negatively regulates",
}


def knowledge() -> ox.Store:
    """Return the curated graph, each file a graph of its own."""
    store = ox.Store()
    for path in KNOWLEDGE.glob("**/*.ttl"):
        store.load(path=str(path), format=ox.RdfFormat.TURTLE, to_graph=ox.NamedNode(path.as_uri()))
    return store


STORE = knowledge()


def values(subject: ox.NamedNode, predicate: ox.NamedNode) -> list[str]:
    return [quad.object.value for quad in STORE.quads_for_pattern(subject, predicate, None)]


@dataclass(frozen=True)
class Claim:
    """A statement, or a description of a thing, that rests on a row."""

    node: ox.NamedNode

    def slug(self, name: str) -> str | None:
        found = values(self.node, PK[name])
        return found[0].rsplit("/", 1)[-1].rsplit("#", 1)[-1] if found else None

    @property
    def subject(self) -> str | None:
        return self.slug("subject") or self.slug("substance")

    def is_called(self, printed: str) -> bool:
        """Whether the subject has that name, or the name is that of its salt."""
        subject = self.node
        for value in values(self.node, PK["substance"]):
            subject = ox.NamedNode(value)
        while found := values(subject, PK["subject"]):  # of a finding, the statement it is about
            subject = ox.NamedNode(found[0])
        known = {*values(subject, RDFS["label"]), *values(subject, SKOS["altLabel"])}
        return any(
            printed.casefold() == name.casefold()
            or printed.casefold().startswith(f"{name.casefold()} ")
            for name in known
        )

    def genes(self) -> set[str]:
        target = ox.NamedNode(PREFIXES["target"] + (self.slug("target") or ""))
        return set(values(target, SKOS["altLabel"]))


@cache
def table(source: str, *key: str, encoding: str = "utf-8") -> Mapping[tuple[str, ...], list[Row]]:
    """Return the rows of a table by the values of their key, without the quotes round them."""
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows(source, encoding=encoding):
        clean = {name: (cell or "").strip('"') for name, cell in row.items() if name}
        found[tuple(clean[column] for column in key)].append(clean)
    return found


def drugcentral(record: str) -> tuple[object, Callable[[Claim], bool]]:
    kind, *key = record.split(";")
    columns = {
        "drug_indication": ("DRUG_ID", "INDICATION_FDB"),
        "drug_target": ("DRUG_ID", "UNIPROT", "ACTION_TYPE"),
        "pharm_class": ("DRUG_ID", "TYPE", "CLASS_SOURCE_ID"),
    }[kind]
    found = table(f"drugcentral/{kind}.tsv.gz", *columns).get(tuple(key), [])

    def agrees(claim: Claim) -> bool:
        row = found[0]
        if values(claim.node, PK["measure"]):  # not what the drug does, but what its target is
            is_receptor = kind == "drug_target" and row["TARGET_FAMILY"] == "GPCR"
            return is_receptor and claim.is_called(row["DRUG_NAME"])
        says = {
            "drug_indication": lambda: claim.slug("condition") == CONDITIONS[key[1]],
            "drug_target": lambda: (
                claim.slug("actionType") == ACTIONS[key[2]] and encodes(claim, row["GENE"])
            ),
            "pharm_class": lambda: claim.slug("inClass") == CLASSES[key[2]],
        }[kind]
        return claim.is_called(row["DRUG_NAME"]) and says()

    return found, agrees


def encodes(claim: Claim, genes: str) -> bool:
    if claim.slug("target") == "gaba-a-receptor":
        return all(gene.startswith("GABR") for gene in genes.split("|"))
    return genes in claim.genes()


@cache
def chebi_terms() -> Mapping[str, Mapping[str, object]]:
    with open_text("ontology_terms/chebi.json.gz") as text:
        return {term["id"]: term for term in json.load(text)}


def chebi(record: str) -> tuple[object, Callable[[Claim], bool]]:
    subject, relation, value = record.split(";")
    term = chebi_terms().get(subject, {})
    found = value in term.get("relations", {}).get(relation, [])

    def agrees(claim: Claim) -> bool:
        if value in CLASSES:
            says = claim.slug("inClass") == CLASSES[value]
        else:
            says = (claim.slug("target"), claim.slug("actionType")) == ROLES[value]
        return says and claim.is_called(str(term["name"]))

    return found, agrees


@cache
def mesh_trees() -> Mapping[str, list[str]]:
    with open_text("ontology_terms/mesh_id_label_mappings.tsv.gz") as text:
        cells = (line.rstrip("\n").split("\t") for line in text)
        return {cell[0]: cell[3].split("|") for cell in cells}


def mesh(record: str) -> tuple[object, Callable[[Claim], bool]]:
    heading, tree = record.split(";")

    def agrees(claim: Claim) -> bool:
        above = [term for term, slug in CLASSES.items() if slug == claim.slug("inClass")]
        is_below = any(
            tree.startswith(f"{number}.") for term in above for number in mesh_trees().get(term, [])
        )
        return claim.subject == CLASSES[heading] and is_below

    return tree in mesh_trees().get(heading, []), agrees


@cache
def paths() -> Mapping[str, Mapping[str, object]]:
    with open_text("drugmechdb/indication_paths.jsonl.gz") as text:
        found = (json.loads(line) for line in text)
        return {path["graph"]["_id"]: path for path in found}


def drugmechdb(record: str) -> tuple[object, Callable[[Claim], bool]]:
    path = paths().get(record, {})
    name = {node["id"]: node["name"] for node in path.get("nodes", [])}
    links = {
        (name[link["source"]].casefold(), link["key"], name[link["target"]].casefold())
        for link in path.get("links", [])
    }

    def agrees(claim: Claim) -> bool:
        called = [part for part in name.values() if claim.is_called(part)]
        if claim.slug("relation") == "hasMetabolite":
            return any(
                subject == part.casefold()
                and key == "has metabolite"
                and made == claim.slug("object")
                for part in called
                for subject, key, made in links
            )
        action = claim.slug("actionType") or ""
        symbols = {symbol.casefold() for symbol in claim.genes()}
        targets = {part for part in map(str.casefold, name.values()) if matches(part, symbols)}
        if action in DIRECTIONS:
            return any(
                (part.casefold(), DIRECTIONS[action], target) in links
                for part in called
                for target in targets
            )
        return action == "metabolisedBy" and bool(called) and bool(targets)

    return path, agrees


def matches(node: str, symbols: set[str]) -> bool:
    """Whether a node has one of those names, in whatever order its words stand."""
    words = sorted(node.replace(",", "").split())
    return any(words == sorted(symbol.replace(",", "").split()) for symbol in symbols)


@cache
def drugbank_names() -> Mapping[str, str]:
    source = "drugbank_vocabulary/drugbank_vocabulary.csv.gz"
    return {row["DrugBank ID"]: row["Common name"] for row in rows(source, ",")}


def pharmacotherapydb(record: str) -> tuple[object, Callable[[Claim], bool]]:
    disease, drug = record.split(";")
    source = "pharmacotherapydb/catalog_indications.tsv.gz"
    found = table(source, "doid_id", "drugbank_id").get((disease, drug), [])

    def agrees(claim: Claim) -> bool:
        return (
            all(row["category"] == "DM" for row in found)
            and claim.slug("condition") == CONDITIONS[disease]
            and claim.is_called(drugbank_names()[drug])
        )

    return found, agrees


@cache
def products() -> Mapping[str, Row]:
    source = "fda_ndc/product.txt.gz"
    return {row["PRODUCTID"]: row for row in rows(source, encoding="latin-1")}


def ndc(record: str) -> tuple[object, Callable[[Claim], bool]]:
    row = products().get(record, {})

    def agrees(claim: Claim) -> bool:
        listed = [name.strip() for name in row["SUBSTANCENAME"].split(";")]
        status = claim.slug("status")
        if status:
            alone = [other for other in products().values() if other["SUBSTANCENAME"] == listed[0]]
            return (
                len(listed) == 1
                and claim.is_called(listed[0])
                and status == SCHEDULES[row["DEASCHEDULE"]]
                and (row["DEASCHEDULE"] != "" or not any(other["DEASCHEDULE"] for other in alone))
            )
        return claim.slug("substance") is None or any(claim.is_called(name) for name in listed)

    return row, agrees


#: How the rows of each table are found and compared.
TABLES: Mapping[str, Callable[[str], tuple[object, Callable[[Claim], bool]]]] = {
    "chebi": chebi,
    "drugcentral-2016": drugcentral,
    "drugmechdb-2026": drugmechdb,
    "fda-ndc-2019": ndc,
    "mesh": mesh,
    "pharmacotherapydb-2016": pharmacotherapydb,
}


def cases() -> list[tuple[str, str, str, str]]:
    found = []
    for quad in STORE.quads_for_pattern(None, PK["record"], None):
        source = values(quad.subject, PK["source"])[0].removeprefix(SOURCE.base)
        file = Path(quad.graph_name.value).name
        found.append((quad.subject.value, source, quad.object.value, file))
    return sorted(found)


CASES = cases()
IDS = [iri.rsplit("/", 1)[-1] for iri, *_ in CASES]


def test_every_table_has_a_reader():
    unread = {source for _, source, _, _ in CASES} - TABLES.keys()

    assert not unread, f"no reader for {sorted(unread)}; add one to TABLES in {__file__}"


@pytest.mark.parametrize(("iri", "source", "record", "file"), CASES, ids=IDS)
def test_the_record_is_in_its_table(iri: str, source: str, record: str, file: str):
    found, _ = TABLES[source](record)

    assert found, (
        f"{file}: {iri} names the record {record!r}, which {source} does not have; "
        f"look the row up again and mend pk:record"
    )


@pytest.mark.parametrize(("iri", "source", "record", "file"), CASES, ids=IDS)
def test_the_record_says_what_rests_on_it(iri: str, source: str, record: str, file: str):
    found, agrees = TABLES[source](record)
    quads = STORE.quads_for_pattern(None, PK["supportedBy"], ox.NamedNode(iri))
    claims = [Claim(quad.subject) for quad in quads]

    wrong = [claim.node.value for claim in claims if not (found and agrees(claim))]

    assert not wrong, (
        f"{file}: the record {record!r} of {source} does not say what {wrong} says; "
        f"mend the statement, or take {iri} out of its pk:supportedBy"
    )


def test_no_table_is_share_alike():
    licences = {
        source: values(SOURCE[source], DCTERMS["license"]) for source in {case[1] for case in CASES}
    }

    shared = [source for source, found in licences.items() if any("-sa/" in one for one in found)]

    assert not shared, (
        f"{shared} are share-alike and must stay in graphs of their own; "
        f"take their evidence out of {KNOWLEDGE}"
    )

"""Evidence in a table names a row that is there, and the row says what the statement says.

Each case is one `pk:Evidence` with a `pk:record`, and all that rests on it. Some claims are those
of more than one kind of row, so every reader below knows what its rows can bear.
"""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon.drafts import Known
from pharmakon.drafts.gtopdb import key as gtopdb_key
from pharmakon.drafts.gtopdb import rows as gtopdb_rows
from pharmakon.drafts.ndc import SCHEDULES
from pharmakon.importers.drugcentral import action_type
from pharmakon.mappings import words
from pharmakon.namespaces import DCTERMS, PK, PREFIXES, RDF, RDFS, SKOS, SOURCE
from pharmakon.published import Files

from .shared_data import DATA, open_text, rows

Row = Mapping[str, str]

FILES = Files(DATA)

#: The tables' own names of what is no class, condition or action by a mapping.
ROLES = {
    "CHEBI:167165": ("kappa-opioid-receptor", "antagonist"),
    "CHEBI:55322": ("mu-opioid-receptor", "agonist"),
    "CHEBI:59283": ("delta-opioid-receptor", "antagonist"),
}
DIRECTIONS = {
    "agonist": "increases activity of",
    "antagonist": "decreases activity of",
    "enzymeInhibitor": "negatively regulates",
}

ROOT = Path(__file__).parents[1] / "ontology"
KNOWN = Known.read(ROOT)


def outside(identifier: str, kind: str) -> str | None:
    """Return the slug of what an identifier of another vocabulary is here."""
    prefix, _, name = KNOWN.outside.get(identifier, "::").partition(":")
    return name if prefix == kind else None


def knowledge() -> ox.Store:
    """Return the curated graph, each file a graph of its own."""
    store = ox.Store()
    for path in [*ROOT.glob("knowledge/**/*.ttl"), *ROOT.glob("gtopdb/**/*.ttl")]:
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
            "drug_indication": lambda: (
                claim.slug("condition") == outside(f"umls:{row['UMLS_CUI']}", "condition")
            ),
            "drug_target": lambda: (
                claim.slug("target") == KNOWN.target(row["GENE"])
                and claim.slug("actionType")
                == action_type(row["ACTION_TYPE"], row["GENE"], row["TARGET_FAMILY"])
            ),
            "pharm_class": lambda: key[2] in classes(claim) or defines(key[2], claim),
        }[kind]
        return claim.is_called(row["DRUG_NAME"]) and says()

    return found, agrees


def classes(claim: Claim) -> set[str]:
    """Return the identifiers that the class of a membership has in ChEBI, MeSH and the FDA's."""
    subject = f"substance:{claim.slug('inClass')}"
    found = {curie for curie, owner in KNOWN.outside.items() if owner == subject}
    own = {curie.partition(":")[2] for curie in found}
    return own | {f"CHEBI:{one}" for one in own} | EXTRA.get(subject, set())


def defines(identifier: str, claim: Claim) -> bool:
    """Whether a class of that identifier is defined by the action that is claimed."""
    own = {
        slug.removeprefix("substance:")
        for prefix in ("chebi", "mesh", "ndfrt")
        if (slug := KNOWN.outside.get(f"{prefix}:{identifier}"))
    }
    wanted = [
        PK[claim.slug("actionType") or ""],
        ox.NamedNode(PREFIXES["target"] + str(claim.slug("target"))),
    ]
    return any(
        wanted
        == [
            quad.object
            for slot in ("definingAction", "definingTarget")
            for quad in STORE.quads_for_pattern(
                ox.NamedNode(PREFIXES["substance"] + slug), PK[slot], None
            )
        ]
        for slug in own
    )


#: MeSH lists opioids that are used against pain, and those against drinking, and means more.
EXTRA = {
    "substance:anti-addiction-medication": {"D000427"},
    "substance:opioid": {"D000701"},
}


@cache
def chebi_terms() -> Mapping[str, Mapping[str, object]]:
    with open_text("ontology_terms/chebi.json.gz") as text:
        return {term["id"]: term for term in json.load(text)}


def chebi(record: str) -> tuple[object, Callable[[Claim], bool]]:
    subject, relation, value = record.split(";")
    term = chebi_terms().get(subject, {})
    found = value in term.get("relations", {}).get(relation, [])

    def agrees(claim: Claim) -> bool:
        if claim.slug("inClass"):
            says = value in classes(claim)
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
        above = classes(claim)
        is_below = any(
            tree.startswith(f"{number}.") for term in above for number in mesh_trees().get(term, [])
        )
        return outside(f"mesh:{heading}", "substance") == claim.subject and is_below

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
        if condition := claim.slug("condition"):
            disease = str(path["graph"]["disease"])  # type: ignore[index]
            return bool(called) and words(disease) == words(KNOWN.label(f"condition:{condition}"))
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


#: The diseases of PharmacotherapyDB that are here by another name.
DISEASES = {"DOID:0050741": "alcohol-use-disorder"}


def pharmacotherapydb(record: str) -> tuple[object, Callable[[Claim], bool]]:
    disease, drug = record.split(";")
    source = "pharmacotherapydb/catalog_indications.tsv.gz"
    found = table(source, "doid_id", "drugbank_id").get((disease, drug), [])

    def agrees(claim: Claim) -> bool:
        is_use = values(claim.node, RDF["type"]) == [PK["Indication"].value]
        condition = DISEASES.get(disease) or outside(disease.casefold(), "condition")
        return (
            is_use
            and all(row["category"] in ("DM", "SYM") for row in found)
            and claim.slug("condition") == condition
            and outside(f"drugbank:{drug}", "substance") == claim.subject
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
        if status is None:
            return claim.slug("substance") is None or any(claim.is_called(one) for one in listed)
        subject = values(claim.node, PK["subject"])[0]
        if subject.startswith(PREFIXES["substance"]):
            return (
                len(listed) == 1
                and claim.is_called(listed[0])
                and status == SCHEDULES[row["DEASCHEDULE"]]
                and (row["DEASCHEDULE"] != "" or not scheduled(listed[0]))
            )
        if not claim.is_called(row["PROPRIETARYNAME"].strip()):
            return False
        return status in {
            SCHEDULES[row["DEASCHEDULE"]],
            SALES[row["PRODUCTTYPENAME"]],
            "approved" if row["MARKETINGCATEGORYNAME"] in ("BLA", "NDA") else "",
        }

    return row, agrees


#: How a product is sold, by its type.
SALES = {
    "HUMAN OTC DRUG": "overTheCounter",
    "HUMAN PRESCRIPTION DRUG": "prescriptionOnly",
}


@cache
def scheduled(substance: str) -> bool:
    """Whether any product of that substance alone has a schedule."""
    rows = products().values()
    return any(row["DEASCHEDULE"] for row in rows if row["SUBSTANCENAME"] == substance)


@cache
def measurements() -> Mapping[str, Row]:
    return {gtopdb_key(row): row for row in rows("gtopdb/interactions.csv.gz", ",")}


def gtopdb(record: str) -> tuple[object, Callable[[Claim], bool]]:
    row = measurements().get(record, {})

    def agrees(claim: Claim) -> bool:
        (read,) = (
            one for one in gtopdb_rows([row["ligand"]], FILES, KNOWN) if one.record == record
        )
        slots = {name: values(claim.node, PK[name]) for name in ("pKi", "pIC50", "pEC50", "pKd")}
        said = {(f"pk:{name}", value) for name, found in slots.items() for value in found}
        return (
            words(html.unescape(row["ligand"])) in map(words, KNOWN.names(claim.subject or ""))
            and row["target_species"] == "Human"
            and (claim.slug("target"), claim.slug("actionType")) == (read.target, read.action)
            and said <= {(read.slot, value) for value in read.values}
            and (bool(said) or not read.values)
        )

    return row, agrees


#: How the rows of each table are found and compared.
TABLES: Mapping[str, Callable[[str], tuple[object, Callable[[Claim], bool]]]] = {
    "chebi": chebi,
    "drugcentral-2016": drugcentral,
    "drugmechdb-2026": drugmechdb,
    "fda-ndc-2019": ndc,
    "gtopdb-2020": gtopdb,
    "mesh": mesh,
    "pharmacotherapydb-2016": pharmacotherapydb,
}


def cases() -> Mapping[tuple[str, str], list[tuple[str, str]]]:
    """Return the evidence in tables, with its record, by source and file."""
    found = defaultdict(list)
    for quad in STORE.quads_for_pattern(None, PK["record"], None):
        source = values(quad.subject, PK["source"])[0].removeprefix(SOURCE.base)
        file = Path(quad.graph_name.value).relative_to(ROOT.as_uri()).as_posix()
        found[(source, file)].append((quad.subject.value, quad.object.value))
    return found


CASES = cases()


def test_every_table_has_a_reader():
    unread = {source for source, _ in CASES} - TABLES.keys()

    assert not unread, f"no reader for {sorted(unread)}; add one to TABLES in {__file__}"


@pytest.mark.parametrize(("source", "file"), sorted(CASES))
def test_the_records_are_in_their_table(source: str, file: str):
    missing = [
        f"{iri} names {record!r}"
        for iri, record in CASES[(source, file)]
        if not TABLES[source](record)[0]
    ]

    assert not missing, (
        f"{file}: {source} does not have what {missing} names; look the row up again and mend "
        "pk:record"
    )


@pytest.mark.parametrize(("source", "file"), sorted(CASES))
def test_the_records_say_what_rests_on_them(source: str, file: str):
    wrong = []
    for iri, record in CASES[(source, file)]:
        found, agrees = TABLES[source](record)
        for quad in STORE.quads_for_pattern(None, PK["supportedBy"], ox.NamedNode(iri)):
            if not (found and agrees(Claim(quad.subject))):
                wrong.append(f"{quad.subject.value} on {record!r} ({iri})")

    assert not wrong, (
        f"{file}: the records of {source} do not say what rests on them: {wrong}; mend the "
        "statement, or take the evidence out of its pk:supportedBy"
    )


def test_what_is_share_alike_is_in_files_of_its_own():
    shared = {
        source
        for source, _ in CASES
        if any("-sa/" in one or "odbl" in one for one in values(SOURCE[source], DCTERMS["license"]))
    }
    astray = [file for source, file in CASES if (source in shared) != file.startswith("gtopdb/")]

    assert shared == {"gtopdb-2020"}
    assert not astray, f"{astray}: what is share-alike is in ontology/gtopdb, and nothing else is"


@pytest.mark.parametrize("path", sorted(ROOT.glob("gtopdb/**/*.ttl")), ids=lambda path: path.stem)
def test_what_is_share_alike_rests_on_itself(path: Path):
    graph = ox.NamedNode(path.as_uri())
    for quad in STORE.quads_for_pattern(None, PK["supportedBy"], None, graph):
        assert "/gtopdb-2020#" in quad.object.value, (
            f"{path.name}: {quad.subject.value} rests on {quad.object.value}; state it in "
            "ontology/knowledge instead"
        )

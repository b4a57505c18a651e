"""Mapping sets in SSSOM: which identifiers of two vocabularies are of one thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from ..mappings import PREDICATES, PREFIXES
from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["BIOMAPPINGS", "MONDO_MAPPINGS"]

#: The kind of thing that a vocabulary is of, where it is of one only.
_KINDS = {
    "chebi": "substance",
    "chembl.compound": "substance",
    "drugbank": "substance",
    "doid": "condition",
    "hgnc": "target",
    "hp": "condition",
    "iuphar.ligand": "substance",
    "mondo": "condition",
    "pubchem.compound": "substance",
    "rxnorm": "substance",
    "unii": "substance",
    "uniprot": "target",
}

#: What others write where SKOS says that two things are near.
_NEAR = {"oboInOwl:hasDbXref": "skos:closeMatch"}

_CURIE = re.compile(r"([\w.]+):([^\s<>\"{}|\\^`]+)")

_COLUMNS = ("subject_id", "subject_label", "predicate_id", "object_id")


def _mapping(name: str, row: Row) -> Iterator[Thing]:
    for column in _COLUMNS:
        if not row[column].strip():
            raise RejectedError(f"the mapping has no {column}")
    subject, other = _curie(row["subject_id"]), _curie(row["object_id"])
    predicate = _NEAR.get(row["predicate_id"], row["predicate_id"])
    if row.get("predicate_modifier"):
        raise SkippedError("the mapping says that the two do not correspond")
    if predicate not in PREDICATES:
        raise SkippedError("the mapping says neither that the two are the same nor near")
    prefixes = {one.partition(":")[0] for one in (subject, other)}
    kinds = {_KINDS[prefix] for prefix in prefixes if prefix in _KINDS}
    if not prefixes <= PREFIXES or len(kinds) != 1:
        raise SkippedError("the mapping is of things of other kinds")
    exact = predicate == "skos:exactMatch"
    label, named = row["subject_label"].strip(), row.get("object_label", "").strip()
    yield Thing(
        f"{name}.{subject}",
        kinds.pop(),
        label,
        names=(named,) if exact and named else (),
        same=(subject, other) if exact else (subject,),
        near=() if exact else ((predicate.removeprefix("skos:"), other),),
        is_mapping=True,
    )


def _curie(printed: str) -> str:
    """Return an identifier as the Bioregistry writes it."""
    if not (found := _CURIE.fullmatch(printed.strip())):
        raise RejectedError(f"{printed!r} is no CURIE")
    return f"{found[1].casefold()}:{found[2]}"


def _tables(name: str, where: str, *files: str) -> tuple[Table, ...]:
    records: Callable[[Row], Iterator[Thing]] = partial(_mapping, name)
    read = delimited(columns=_COLUMNS, quoted=False, comment="#")
    names = (f"{file}.sssom.tsv" for file in files)
    return tuple(Table(one, read, records, url=f"{where}{one}") for one in names)


MONDO_MAPPINGS = Importer(
    name="mondo-mappings",
    title="MONDO mappings",
    description="What diseases are called in MONDO, the Disease Ontology and UMLS.",
    publisher="Monarch Initiative",
    release="2026-08-04",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://mondo.monarchinitiative.org/",
    folder="mondo",
    tables=_tables(
        "mondo-mappings",
        "https://raw.githubusercontent.com/monarch-initiative/mondo/master/src/ontology/mappings/",
        "mondo_exactmatch_doid",
        "mondo_exactmatch_umls",
        "mondo_hasdbxref_doid",
    ),
)

BIOMAPPINGS = Importer(
    name="biomappings",
    title="Biomappings",
    description="What things are called in several vocabularies.",
    publisher="Biopragmatics",
    release="2026",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://biopragmatics.github.io/biomappings/",
    folder="biomappings",
    tables=_tables(
        "biomappings",
        "https://raw.githubusercontent.com/biopragmatics/biomappings/main/src/biomappings/resources/",
        "positive",
    ),
)

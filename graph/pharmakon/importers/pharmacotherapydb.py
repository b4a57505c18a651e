"""PharmacotherapyDB: what drugs are for, and what they are not for, as physicians judged it."""

from __future__ import annotations

from collections.abc import Iterator

from .importer import Importer, Table
from .record import Claim, RejectedError, Thing
from .rows import Row, delimited

__all__ = ["PHARMACOTHERAPYDB"]

_USE = ("useStatus", "pk:notStated")

#: What each category of theirs is here: the class, its slots, and how to say it.
_CATEGORIES = {
    "DM": ("Indication", (("intent", "pk:treatment"), _USE), "changes the course of"),
    "SYM": ("Indication", (("intent", "pk:symptomRelief"), _USE), "relieves symptoms of"),
    "NOT": (
        "NonIndication",
        (("intent", "pk:treatment"), ("negativeBasis", "pk:insufficientEvidence")),
        "is not for",
    ),
}


def _indication(row: Row) -> Iterator[Thing | Claim]:
    for column in _COLUMNS:
        if not row[column]:
            raise RejectedError(f"the {column} is empty")
    if row["category"] not in _CATEGORIES:
        raise RejectedError(f"{row['category']!r} is no category")
    drug = f"pharmacotherapydb.drug:{row['drugbank_id']}"
    disease = f"pharmacotherapydb.disease:{row['doid_id'].removeprefix('DOID:')}"
    yield Thing(drug, "substance", row["drug"], same=(f"drugbank:{row['drugbank_id']}",))
    yield Thing(disease, "condition", row["disease"], same=(row["doid_id"].casefold(),))
    kind, slots, says = _CATEGORIES[row["category"]]
    yield Claim(
        kind,
        drug,
        (("condition", disease), *slots),
        f"{row['doid_id']};{row['drugbank_id']}",
        f"Physicians judged that {row['drug']} {says} {row['disease']}.",
    )


def _mapping(row: Row) -> Iterator[Thing]:
    unii, number = row["fdasrs_id"], row["rxnorm_id"]
    if len(unii) != 10 or not number.isdigit():
        raise RejectedError(f"{unii!r} is no UNII, or {number!r} no number of RxNorm")
    key, same = f"pharmacotherapydb.rxcui:{number}", (f"unii:{unii}", f"rxnorm:{number}")
    yield Thing(key, "substance", "", same=same, is_mapping=True)


_COLUMNS = ("doid_id", "drugbank_id", "disease", "drug", "category")

_FILES = "https://raw.githubusercontent.com/dhimmel/indications/"

PHARMACOTHERAPYDB = Importer(
    name="pharmacotherapydb",
    title="PharmacotherapyDB",
    description="What drugs are for, and what they are not for, as physicians judged it.",
    publisher="PharmacotherapyDB",
    release="2016",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://doi.org/10.6084/m9.figshare.3103054",
    folder="pharmacotherapydb",
    tables=(
        Table(
            "catalog_indications.tsv",
            delimited(columns=_COLUMNS),
            _indication,
            url=f"{_FILES}gh-pages/catalog/indications.tsv",
            sha256="bc956b0092fab88975a07932b89382a0ed593d3d21df23395440cfd9a067a917",
        ),
        Table(
            "data_rxcui-unii-map.tsv",
            delimited(columns=("rxnorm_id", "fdasrs_id")),
            _mapping,
            url=f"{_FILES}3a6732ad700c5e76ee3be7deeb8e2236c2eb89ee/data/rxcui-unii-map.tsv",
            sha256="ba95df20b9cc8bd583fcfe5dacfe5cba67ce46d1a93deb51df1df8151f71a275",
        ),
    ),
)

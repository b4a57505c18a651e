"""HGNC: the names of human genes, each with the proteins that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["HGNC"]

_UNIPROT = "UniProt ID(supplied by UniProt)"


def _gene(row: Row) -> Iterator[Thing]:
    if not re.fullmatch(r"HGNC:[0-9]+", row["HGNC ID"]):
        raise RejectedError(f"{row['HGNC ID']!r} is no identifier of HGNC")
    label, symbol = row["Approved name"].strip(), row["Approved symbol"].strip()
    if not (label and symbol):
        raise RejectedError("the gene has no name")
    if row["Status"] != "Approved":
        raise SkippedError("the gene was withdrawn")
    proteins = [one.strip() for one in row[_UNIPROT].split(",") if one.strip()]
    if not proteins and row["Locus type"] != "gene with protein product":
        raise SkippedError("the gene makes no protein")
    # A gene and its product are one target; where it makes several, each is narrower. What else
    # a gene is called is left out: many an alias is the symbol of another gene.
    claimed = tuple(f"uniprot:{one}" for one in proteins)
    yield Thing(
        row["HGNC ID"].casefold(),
        "target",
        label,
        names=(symbol,),
        same=claimed if len(claimed) == 1 else (),
        near=tuple(("narrowMatch", one) for one in claimed) if len(claimed) > 1 else (),
    )


#: The columns that are read, of its custom downloads.
_FILE = (
    "https://www.genenames.org/cgi-bin/download/custom?col=gd_hgnc_id&col=gd_app_sym"
    "&col=gd_app_name&col=gd_status&col=md_prot_id&col=gd_locus_type&status=Approved"
    "&status=Entry%20Withdrawn&hgnc_dbtag=on&order_by=gd_app_sym_sort&format=text&submit=submit"
)

HGNC = Importer(
    name="hgnc",
    title="HGNC",
    description="The names and symbols of human genes, and the proteins that they make.",
    publisher="HUGO Gene Nomenclature Committee",
    release="2025-07",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://www.genenames.org/",
    folder="ontology_terms",
    tables=(
        Table(
            "hgnc_entries.tsv",
            delimited(
                columns=(
                    "HGNC ID",
                    "Approved symbol",
                    "Approved name",
                    "Status",
                    _UNIPROT,
                    "Locus type",
                ),
                quoted=False,
            ),
            _gene,
            url=_FILE,
        ),
    ),
)

"""RxNorm, the part that may be prescribed: ingredients, with their UNIIs, and brand names.

Its files have no header and end each row in a bar; what their columns are is said in the
technical documentation of the National Library of Medicine, sections 12.4 and 12.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .importer import Importer, Table
from .record import Claim, RejectedError, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["RXNORM"]

_NAMES = (
    *("RXCUI", "LAT", "TS", "LUI", "STT", "SUI", "ISPREF", "RXAUI", "SAUI", "SCUI", "SDUI"),
    *("SAB", "TTY", "CODE", "STR", "SRL", "SUPPRESS", "CVF", ""),
)
_RELATIONS = (
    *("RXCUI1", "RXAUI1", "STYPE1", "REL", "RXCUI2", "RXAUI2", "STYPE2", "RELA", "RUI", "SRUI"),
    *("SAB", "SL", "DIR", "RG", "SUPPRESS", "CVF", ""),
)

#: Of which kind a thing is, by the source of its name and the type of that.
_KINDS = {
    ("RXNORM", "IN"): "substance",
    ("RXNORM", "PIN"): "substance",
    ("MTHSPL", "SU"): "substance",
    ("RXNORM", "BN"): "product",
}

_UNII = re.compile(r"[0-9A-Z]{10}")


def _name(row: Row) -> Iterator[Thing]:
    kind = _KINDS.get((row["SAB"], row["TTY"]))
    if kind is None:
        raise SkippedError("the name is of no ingredient and no brand")
    if row["SUPPRESS"] != "N":
        raise SkippedError("the name is suppressed")
    if not row["RXCUI"].isdigit() or not row["STR"].strip():
        raise RejectedError("the concept has no number or no name")
    # What labels call a substance has its UNII for a code.
    is_known = row["SAB"] == "MTHSPL" and _UNII.fullmatch(row["CODE"])
    same = (f"unii:{row['CODE']}",) if is_known else ()
    yield Thing(f"rxnorm:{row['RXCUI']}", kind, row["STR"].strip(), same=same)


def _relation(row: Row) -> Iterator[Claim]:
    if row["RELA"] != "tradename_of":
        raise SkippedError("the relation is not that of a brand to what it is of")
    if row["SUPPRESS"] not in ("", "N"):
        raise SkippedError("the relation is suppressed")
    brand, substance = row["RXCUI2"], row["RXCUI1"]  # it is read from the second to the first
    if not brand.isdigit() or not substance.isdigit():
        raise RejectedError("the relation lacks one of its two concepts")
    yield Claim(
        "Relation",
        f"rxnorm:{brand}",
        (("relation", "pk:hasActiveIngredient"), ("object", f"rxnorm:{substance}")),
        f"RXNREL;{brand};tradename_of;{substance}",
        f"The brand name {brand} is a trade name of the ingredient {substance}.",
        about="product",
    )


#: The newest release; for this part of RxNorm nobody has to log in.
_ARCHIVE = "https://download.nlm.nih.gov/rxnorm/RxNorm_full_prescribe_current.zip"

RXNORM = Importer(
    name="rxnorm",
    title="RxNorm Prescribable Content",
    description="The names of ingredients, with their UNIIs, and which brand is of which.",
    publisher="US National Library of Medicine",
    release="2026",
    licences=("https://www.nlm.nih.gov/research/umls/rxnorm/docs/termsofservice.html",),
    homepage="https://www.nlm.nih.gov/research/umls/rxnorm/docs/rxnormfiles.html",
    folder="rxnorm",
    tables=(
        Table(
            "RXNCONSO.RRF",
            delimited("|", header=_NAMES, quoted=False),
            _name,
            url=_ARCHIVE,
            member="rrf/RXNCONSO.RRF",
        ),
        Table(
            "RXNREL.RRF",
            delimited("|", header=_RELATIONS, quoted=False),
            _relation,
            url=_ARCHIVE,
            member="rrf/RXNREL.RRF",
        ),
    ),
)

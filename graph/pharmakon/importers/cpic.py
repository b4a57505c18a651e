"""CPIC's table of drugs: what they are called in RxNorm, DrugBank and ATC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import LoadError
from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Broken, Row, delimited

__all__ = ["CPIC"]

_COLUMNS = ("drugId", "name", "rxnormId", "drugbankId", "atcId")

#: The line after which the rows stand, with the names of their columns.
_COPY = re.compile(rb"\\?copy \w+\s*\((.*?)\) from stdin;", re.IGNORECASE)

_CODE = re.compile(r"[A-Z]\d\d[A-Z]{2}\d\d")

#: ATC's codes of combinations, which belong to none of their parts: the numbers that it keeps
#: for them in every group, and the groups that have nothing else.
_COMBINATION = re.compile(
    r".{5}([23]0|[5-7]\d)"
    r"|(A02BD|A10BD|C02L|C03AB|C03AX|C03BB|C03CB|C03E|C07[B-G]|C08G|C09B|C09D[A-Z]|C10B|D07[BCX]"
    r"|G01AE10|J01EE|J01R|J05AR|M01B|N02AJ|N06CA|P01BF|R03A[KL]|S01C).*"
)


def _copied(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read the rows that PostgreSQL copies into the table."""
    name = str(getattr(file, "name", "file"))
    before, found = 0, None
    while found is None and (line := file.readline()):
        before, found = before + 1, _COPY.match(line)
    if found is None:
        raise LoadError(name, None, "no rows are copied into a table in it; get drug.sql of CPIC")
    header = tuple(column.strip() for column in found[1].decode("utf-8", "replace").split(","))
    ended = False
    for number, row in delimited(columns=_COLUMNS, header=header, quoted=False)(file):
        if isinstance(row, Broken) and row.text.strip() == "\\.":
            ended = True
        else:
            yield before + number, row
    if not ended:
        reason = "the rows end without a line of \\.; download the file again"
        raise LoadError(name, None, reason)


def _drug(row: Row) -> Iterator[Thing]:
    cells = {column: row[column].strip().removeprefix("\\N") for column in _COLUMNS}
    if not cells["drugId"] or not cells["name"]:
        raise RejectedError("the drug has no drugId or no name")
    if "/" in cells["name"]:
        raise SkippedError("it is a combination of substances")
    same = [
        f"{prefix}:{cells[column]}"
        for column, prefix in (("drugbankId", "drugbank"), ("rxnormId", "rxnorm"))
        if cells[column]
    ]
    if not same:
        raise SkippedError("it is a class, or has no identifier of a substance")
    codes = [f"atc:{code}" for code in filter(_is_one, cells["atcId"].split(","))]
    # Where a substance has a code for each use, none of them is the substance itself.
    is_exact = "," not in cells["atcId"]
    yield Thing(
        f"cpic:{cells['drugId'].replace(':', '-')}",
        "substance",
        cells["name"],
        same=(*same, *(codes if is_exact else ())),
        near=() if is_exact else tuple(("narrowMatch", code) for code in codes),
    )


def _is_one(code: str) -> bool:
    """Return whether a code of ATC is of one substance: of no class, and no combination."""
    return bool(_CODE.fullmatch(code)) and not _COMBINATION.fullmatch(code)


CPIC = Importer(
    name="cpic",
    title="CPIC drugs",
    description="What drugs are called in RxNorm, DrugBank and ATC.",
    publisher="Clinical Pharmacogenetics Implementation Consortium",
    release="2026-04",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://github.com/cpicpgx/cpic-data",
    folder="cpic",
    tables=(Table("drug.sql", _copied, _drug),),
)

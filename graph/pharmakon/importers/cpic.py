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
    # Where several codes are listed, some are of combinations, and the table does not say which.
    if _CODE.fullmatch(cells["atcId"]):
        same.append(f"atc:{cells['atcId']}")
    key = f"cpic:{cells['drugId'].replace(':', '-')}"
    yield Thing(key, "substance", cells["name"], same=tuple(same))


CPIC = Importer(
    name="cpic",
    title="CPIC drugs",
    description="What drugs are called in RxNorm, DrugBank and ATC.",
    publisher="Clinical Pharmacogenetics Implementation Consortium",
    release="2026-04",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://github.com/cpicpgx/cpic-data",
    folder="cpic",
    tables=(
        Table(
            "drug.sql",
            _copied,
            _drug,
            # Later commits keep the table in a database, and no file of it.
            url="https://raw.githubusercontent.com/cpicpgx/cpic-data/"
            "9f3828726fbc9f9adee89b9587fc5a705f2d7444/db/drug.sql",
            sha256="d91743f0bea09ee391373b823389968b611f395c5d17d51d0eed5c82647a75ae",
        ),
    ),
)

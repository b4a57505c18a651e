"""The FDA's list of substances: each name of a substance, with its UNII."""

from __future__ import annotations

from collections.abc import Iterator

from .importer import Importer, Table
from .record import RejectedError, Thing
from .rows import Row, delimited

__all__ = ["FDA_UNII"]


def _name(row: Row) -> Iterator[Thing]:
    if len(row["UNII"]) != 10:
        raise RejectedError(f"{row['UNII']!r} is no UNII")
    label = row["Display Name"].strip()
    if not label:
        raise RejectedError("the substance has no name")
    yield Thing(f"unii:{row['UNII']}", "substance", label, names=(row["Name"].strip(),))


FDA_UNII = Importer(
    name="fda-unii",
    title="FDA substance names",
    description="The names of substances, and the UNII of each.",
    publisher="US Food and Drug Administration",
    release="2025-06",
    licences=("https://creativecommons.org/publicdomain/mark/1.0/",),
    homepage="https://precision.fda.gov/uniisearch/archive",
    folder="fda_unii",
    tables=(
        Table(
            "UNII_Names.txt",
            delimited(columns=("Name", "UNII", "Display Name"), quoted=False),
            _name,
            url="https://precision.fda.gov/uniisearch/archive/latest/UNIIs.zip",
            member="UNII_Names*.txt",
        ),
    ),
)

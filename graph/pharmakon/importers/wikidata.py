"""Wikidata: what drugs are called elsewhere, and what they are said to treat.

Its file is the answer of the query service, as JSON, to the query that is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlencode

import ijson  # type: ignore[import-untyped]

from ..errors import LoadError
from .importer import Importer, Table
from .record import Claim, RejectedError, SkippedError, Thing
from .rows import Broken, Row

__all__ = ["WIKIDATA"]

_ENTITY = "http://www.wikidata.org/entity/"

_QUERY = """
SELECT ?item ?itemLabel ?unii ?inchikey ?drugbank ?chebi ?rxnorm
       ?condition ?conditionLabel ?mondo ?doid ?mesh
WHERE {
  ?item wdt:P652 ?unii ; rdfs:label ?itemLabel .
  FILTER(LANG(?itemLabel) = "en")
  OPTIONAL { ?item wdt:P235 ?inchikey . }
  OPTIONAL { ?item wdt:P715 ?drugbank . }
  OPTIONAL { ?item wdt:P683 ?chebi . }
  OPTIONAL { ?item wdt:P3345 ?rxnorm . }
  OPTIONAL {
    ?item wdt:P2175 ?condition .
    ?condition rdfs:label ?conditionLabel .
    FILTER(LANG(?conditionLabel) = "en")
    OPTIONAL { ?condition wdt:P5270 ?mondo . }
    OPTIONAL { ?condition wdt:P699 ?doid . }
    OPTIONAL { ?condition wdt:P486 ?mesh . }
  }
}"""

#: The variables of the query that are identifiers: of the item, and of the condition.
_ITEM = {
    "unii": "unii",
    "inchikey": "inchikey",
    "drugbank": "drugbank",
    "chebi": "chebi",
    "rxnorm": "rxnorm",
}
_CONDITION = {"mondo": "mondo", "doid": "doid", "mesh": "mesh"}

_VARIABLES = ("item", "itemLabel", *_ITEM, "condition", "conditionLabel", *_CONDITION)


def _solutions(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read the solutions of a query: the value of each variable that has one."""
    name = str(getattr(file, "name", "file"))
    variables: list[str] = []

    def events() -> Iterator[tuple[str, str, Any]]:
        for prefix, event, value in ijson.parse(file):
            if prefix == "head.vars.item":
                variables.append(value)
            yield prefix, event, value

    number = 0
    try:
        for number, found in enumerate(ijson.items(events(), "results.bindings.item"), start=1):
            yield number, _row(found)
    except ijson.JSONError as error:
        reason = f"the file is not whole JSON, after {number} solutions: {error}"
        raise LoadError(name, None, f"{reason}; ask the query service again") from error
    missing = [variable for variable in _VARIABLES if variable not in variables]
    if missing:
        reason = f"the answer has no variable {', '.join(missing)}; ask the query of this importer"
        raise LoadError(name, None, reason)


def _row(found: object) -> Row | Broken:
    try:
        return {name: term["value"] for name, term in found.items()}  # type: ignore[attr-defined]
    except (AttributeError, KeyError, TypeError):
        return Broken("the solution is not as SPARQL says", str(found)[:200])


def _treats(row: Row) -> Iterator[Thing | Claim]:
    item = _item(row["item"])
    yield Thing(item, "substance", _label(row["itemLabel"]), same=_identifiers(row, _ITEM))
    if not row.get("condition"):
        return
    condition = _item(row["condition"])
    label = _label(row["conditionLabel"])
    yield Thing(condition, "condition", label, same=_identifiers(row, _CONDITION))
    yield Claim(
        "Indication",
        item,
        (("condition", condition), ("intent", "pk:treatment"), ("useStatus", "pk:notStated")),
        f"{item.removeprefix('wikidata:')};P2175;{condition.removeprefix('wikidata:')}",
        f"{row['itemLabel']} is said to treat {label}.",
    )


def _item(address: str) -> str:
    local = address.removeprefix(_ENTITY)
    if "/.well-known/genid/" in local:
        raise SkippedError("the value is not known to Wikidata")
    if not (local.startswith("Q") and local[1:].isdigit()):
        raise RejectedError(f"{address!r} is no item of Wikidata")
    return f"wikidata:{local}"


def _label(printed: str) -> str:
    if not printed.strip():
        raise RejectedError("the item has no label")
    return printed.strip()


def _identifiers(row: Row, prefixes: dict[str, str]) -> tuple[str, ...]:
    found = []
    for variable, prefix in prefixes.items():
        local = re.sub("^(DOID:|MONDO[_:])", "", row.get(variable, "").strip())
        if prefix == "drugbank" and local[:2] != "DB" and local:
            local = f"DB{local}"  # so it was printed until 2023
        if local:
            found.append(f"{prefix}:{local}")
    return tuple(found)


WIKIDATA = Importer(
    name="wikidata",
    title="Wikidata",
    description="What drugs are called elsewhere, and what they are said to treat.",
    publisher="Wikimedia Foundation",
    release="2026",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://query.wikidata.org/",
    folder="wikidata",
    tables=(
        Table(
            "treats.srj",
            _solutions,
            _treats,
            url="https://query.wikidata.org/sparql?"
            + urlencode({"format": "json", "query": " ".join(_QUERY.split())}),
        ),
    ),
)

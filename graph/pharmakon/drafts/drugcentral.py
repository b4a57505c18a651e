"""What DrugCentral says of a substance: where it acts, what it is listed for, its classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..importers.drugcentral import action_type
from ..published import Files
from .known import Known

__all__ = ["Row", "rows"]

_CLASS_PREFIXES = {"PA": "mesh", "has role": "chebi"}


@dataclass(frozen=True)
class Row:
    """A row, as far as it is of use.

    Attributes:
        record: Its key.
        kind: The table.
        value: What it names, by the name that we have for it; empty where we have none.
        printed: What it names, as it is printed.
        qualifier: The action, where it is one.
        comment: What the row says, in words of our own.
        symbols: The genes of the target.
    """

    record: str
    kind: str
    value: str
    printed: str
    qualifier: str = ""
    comment: str = ""
    symbols: str = ""


def rows(drug: str, label: str, files: Files, known: Known) -> Iterator[Row]:
    """Yield what the three tables say of a drug, by its number there.

    Rows about proteins of other species are left out.
    """
    for row in _table(files, "drug_target").get(drug, ()):
        if row["SWISSPROT"].endswith("_HUMAN"):
            target = known.target(row["GENE"])
            kind = action_type(row["ACTION_TYPE"], row["GENE"], row["TARGET_FAMILY"])
            what = row["ACTION_TYPE"].lower() or "substance that binds"
            name = known.label(f"target:{target}") if target else row["TARGET_NAME"]
            article = "an" if what[0] in "aeiou" else "a"
            at = f"the {name}" if row["GENE"].count("|") == 0 else f"the {name} ({row['GENE']})"
            yield Row(
                f"drug_target;{drug};{row['UNIPROT']};{row['ACTION_TYPE']}",
                "drug_target",
                target or "",
                row["TARGET_NAME"],
                kind,
                f"{_capital(label)} is listed as {article} {what} at {at}.",
                row["GENE"],
            )
    for row in _table(files, "pharm_class").get(drug, ()):
        prefix = _CLASS_PREFIXES.get(row["TYPE"], "ndfrt")
        curie = f"{prefix}:{row['CLASS_SOURCE_ID'].removeprefix('CHEBI:')}"
        where = {"mesh": "MeSH", "chebi": "ChEBI"}.get(prefix, "The Food and Drug Administration")
        slug = known.outside.get(curie, "").removeprefix("substance:")
        name = known.label(f"substance:{slug}") if slug else row["CLASS"]
        yield Row(
            f"pharm_class;{drug};{row['TYPE']};{row['CLASS_SOURCE_ID']}",
            "pharm_class",
            slug,
            row["CLASS"],
            "",
            f"{where} counts {label} as {_article(name)}.",
        )
    for row in _table(files, "drug_indication").get(drug, ()):
        slug = known.outside.get(f"umls:{row['UMLS_CUI']}", "").removeprefix("condition:")
        yield Row(
            f"drug_indication;{drug};{row['INDICATION_FDB']}",
            "drug_indication",
            slug,
            row["INDICATION_FDB"],
            "",
            f"{_capital(label)} is listed for {row['INDICATION_FDB'].casefold()}.",
        )


@cache
def _table(files: Files, name: str) -> Mapping[str, list[dict[str, str]]]:
    """Return the rows of a table by the number of the drug."""
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in files.rows(f"drugcentral/{name}.tsv.gz"):
        clean = {column: (cell or "").strip('"') for column, cell in row.items() if column}
        found[clean["DRUG_ID"]].append(clean)
    return found


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _article(name: str) -> str:
    vowel = name[0].casefold() in "aeio" or name.startswith(("H1", "NMDA", "NSAID"))
    return f"{'an' if vowel else 'a'} {name}"

"""What the Guide to PHARMACOLOGY measured: a substance, a human target, an action, a number.

The Guide is share-alike: what is drafted from it goes into files of its own. What its terms are
called here is said where it is imported, :mod:`pharmakon.importers.gtopdb`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..importers.gtopdb import MEASURED, action_type, key, measured
from ..mappings import words
from ..published import Files
from ..published.markup import plain
from .known import Known

__all__ = ["Row", "key", "rows"]


@dataclass(frozen=True)
class Row:
    """A row, as far as it is of use.

    Attributes:
        record: Its key.
        target: Our target, by its slug; empty where we have none.
        printed: The target as the Guide calls it.
        action: Our type of the action.
        slot: The property that was measured; empty where none was.
        values: What was measured: one value, or the lowest and the highest.
        pubmed: The paper in which it was, by its number in PubMed; may be empty.
        symbols: The genes of the target.
    """

    record: str
    target: str
    printed: str
    action: str
    slot: str
    values: tuple[str, ...]
    pubmed: str
    symbols: str


def rows(called: Iterable[str], files: Files, known: Known) -> Iterator[Row]:
    """Yield what the Guide has on a substance at human targets.

    Args:
        called: The names of the substance.
        files: The published files.
        known: The ontology as it is.

    Raises:
        LoadError: The file is not there.
    """
    seen = set()
    for row in (row for name in called for row in _table(files).get(words(name), ())):
        record = key(row)
        if record in seen:
            continue
        seen.add(record)
        genes = row["target_gene_symbol"]
        printed = plain(row["target"])
        target = known.target(genes, printed) or ""
        action = action_type(row["type"], row["action"], genes)
        slot = f"pk:{row['affinity_units']}" if row["affinity_units"] in MEASURED else ""
        values = measured(row) if slot else ()
        yield Row(record, target, printed, action, slot, values, row["pubmed_id"], genes)


@cache
def _table(files: Files) -> Mapping[tuple[str, ...], list[dict[str, str]]]:
    """Return the rows about human targets by the words of the ligand's name."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in files.rows("gtopdb/interactions.csv.gz", ","):
        if row["target_species"] == "Human":
            found[words(row["ligand"])].append(row)
    return found

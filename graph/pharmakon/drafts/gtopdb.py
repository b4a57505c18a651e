"""What the Guide to PHARMACOLOGY measured: a substance, a human target, an action, a number.

The Guide is share-alike: what is drafted from it goes into files of its own.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..mappings import words
from ..published import Files
from .known import Known

__all__ = ["Row", "key", "rows"]

#: What a type and an action of the Guide are called here.
_ACTIONS = {
    ("Activator", "Activation"): "agonist",
    ("Activator", "None"): "agonist",
    ("Agonist", "Agonist"): "agonist",
    ("Agonist", "Biased agonist"): "biasedAgonist",
    ("Agonist", "Full agonist"): "fullAgonist",
    ("Agonist", "Partial agonist"): "partialAgonist",
    ("Allosteric modulator", "Antagonist"): "antagonist",
    ("Allosteric modulator", "Negative"): "negativeAllostericModulator",
    ("Allosteric modulator", "Partial agonist"): "allostericModulator",
    ("Allosteric modulator", "Positive"): "positiveAllostericModulator",
    ("Allosteric modulator", "Potentiation"): "positiveAllostericModulator",
    ("Antagonist", "Antagonist"): "antagonist",
    ("Antagonist", "Inverse agonist"): "inverseAgonist",
    ("Channel blocker", "Antagonist"): "channelBlocker",
    ("Channel blocker", "None"): "channelBlocker",
    ("Channel blocker", "Pore blocker"): "channelBlocker",
}

#: Which of the numbers of the Guide have a property here.
UNITS = {"pEC50": "pk:pEC50", "pIC50": "pk:pIC50", "pKd": "pk:pKd", "pKi": "pk:pKi"}

_REUPTAKE = frozenset({"SLC6A2", "SLC6A3", "SLC6A4"})
_TRANSPORTERS = re.compile(r"SLC|ABC")
_CHANNELS = re.compile(r"ANO|CACN|ITPR|KCN|RYR|SCN|TRP")
_RECEPTORS = re.compile(r"NR\d")


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


def key(row: dict[str, str]) -> str:
    """Return the key of a row: the columns that tell it from others, joined by semicolons."""
    columns = (
        *("target_id", "ligand_id", "target_species", "type", "action", "affinity_units"),
        *("affinity_low", "affinity_median", "affinity_high", "pubmed_id"),
    )
    return ";".join(row[column] for column in columns)


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
        printed = re.sub(r"<[^>]*>", "", html.unescape(row["target"])).strip()
        target = known.target(genes, printed) or ""
        action = _action(row["type"], row["action"], genes)
        slot = UNITS.get(row["affinity_units"], "")
        values = _values(row) if slot else ()
        yield Row(record, target, printed, action, slot, values, row["pubmed_id"], genes)


def _action(kind: str, action: str, genes: str) -> str:
    if kind == "Inhibitor":
        if genes in _REUPTAKE:
            return "reuptakeInhibitor"
        if _CHANNELS.match(genes):
            return "channelBlocker"
        return "transporterInhibitor" if _TRANSPORTERS.match(genes) else "enzymeInhibitor"
    if kind == "Activator" and not _RECEPTORS.match(genes):
        return "channelOpener" if _CHANNELS.match(genes) else "enzymeActivator"
    return _ACTIONS.get((kind, action), "binder")


def _values(row: dict[str, str]) -> tuple[str, ...]:
    ends = (row["affinity_low"], row["affinity_high"])
    found = [row["affinity_median"]] if row["affinity_median"] else list(ends)
    return tuple(dict.fromkeys(f"{round(float(one), 2):g}" for one in found if one))


@cache
def _table(files: Files) -> Mapping[tuple[str, ...], list[dict[str, str]]]:
    """Return the rows about human targets by the words of the ligand's name."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in files.rows("gtopdb/interactions.csv.gz", ","):
        if row["target_species"] == "Human":
            found[words(row["ligand"])].append(row)
    return found

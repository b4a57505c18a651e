"""The identifiers of a substance: looked up by its names, never carried over from another table.

A table's identifier is taken only where the table prints one of the names beside it. So a
salt is not taken for its base (DrugCentral gives naltrexone the UNII of its hydrochloride),
nor one drug for another (a MeSH number of naloxone that stands beside naltrexone).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from ..mappings import words
from ..published import Files, names

__all__ = ["identifiers"]

#: Where identifiers are looked up, the table that is preferred first.
_SOURCES = (
    "drugbank_vocabulary/drugbank_vocabulary.csv.gz",
    "ontology_terms/chebi.json.gz",
    "ontology_terms/mesh_id_label_mappings.tsv.gz",
    "ontology_terms/mesh_mappings.tsv.gz",
    "ontology_terms/drugbank_mappings.tsv.gz",
    "drugcentral/identifiers.tsv.gz",
    "cpic/drug.sql.gz",
    "fda_unii/UNII_Names.txt.gz",
)

#: Of these a substance has one; the first that is found is kept.
_SINGLE = ("cas", "chebi", "drugbank", "drugcentral", "inchikey", "mesh", "rxnorm", "unii")

#: What the other tables say better.
_IGNORED = {("drugcentral/identifiers.tsv.gz", "unii"), ("drugcentral/identifiers.tsv.gz", "mesh")}

Row = tuple[str, str, str]


def identifiers(called: Iterable[str], files: Files) -> list[Row]:
    """Return the identifiers of a substance: each as a CURIE, with the name and the file.

    Args:
        called: Its names, the label first.
        files: The published files.

    Raises:
        LoadError: A file is not there.
    """
    found: dict[str, Row] = {}
    taken: set[str] = set()
    for source in _SOURCES:
        for name in called:
            for curie, printed in _index(files, source).get(words(name), ()):
                prefix = curie.partition(":")[0]
                if (source, prefix) in _IGNORED or (prefix in _SINGLE and prefix in taken):
                    continue
                found.setdefault(curie, (curie, printed, source))
                taken.add(prefix)
    own = {curie.removeprefix("unii:") for curie in found if curie.startswith("unii:")}
    joined = _joined(files)
    return [
        row
        for curie, row in sorted(found.items())
        # A concept of RxNorm whose UNII is another's is a salt's.
        if not (curie in joined and own and not own & joined[curie])
    ]


@cache
def _index(files: Files, source: str) -> Mapping[tuple[str, ...], tuple[tuple[str, str], ...]]:
    found: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for curie, printed in _printed(files, source):
        found[words(printed)].append((curie, printed))
    return {name: tuple(sorted(rows)) for name, rows in found.items()}


def _printed(files: Files, source: str) -> Iterator[tuple[str, str]]:
    for curie, printed in names(files, source).items():
        yield from ((curie, name) for name in printed)


@cache
def _joined(files: Files) -> Mapping[str, frozenset[str]]:
    return names(files, "pharmacotherapydb/data_rxcui-unii-map.tsv.gz")

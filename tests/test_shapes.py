"""Each shape lets through what is whole, and says of what is broken how to mend it.

The graphs are in ``data/shapes``, one file a topic. What is broken there says so itself: its
property ``breaks:SHAPE`` holds words of the message that must come. What has no such property
must pass.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import ontology, validation
from pharmakon.namespaces import CONDITION, RDF, RDFS, SKOS, SOURCE, XSD, shorten
from pharmakon.stores import Term

DATA = Path(__file__).parent / "data" / "shapes"
BREAKS = "https://example.org/breaks/"
PKSH = "https://w3id.org/pharmakon/shapes/"
SH = "http://www.w3.org/ns/shacl#"

#: A remedy is an order, and begins with one of these.
VERBS = ["add", "get", "give", "keep", "lower", "make", "mark", "mend", "remove", "use", "write"]

#: What a node shape may have that tests nothing by itself.
PASSIVE = {"property", "targetClass", "targetSubjectsOf", "severity", "message"}


def quads(paths: list[Path]) -> list[ox.Quad]:
    return [quad for path in paths for quad in ox.parse(path=str(path), format=ox.RdfFormat.TURTLE)]


def value(term: object) -> str:
    return getattr(term, "value", str(term))


@cache
def shapes() -> dict[str, dict[str, list[str]]]:
    """Every named shape: its local name, and what it has."""
    about: dict[str, dict[str, list[str]]] = {}
    for quad in quads(ontology.shapes()):
        if value(quad.subject).startswith(PKSH) and value(quad.subject) != PKSH:
            slots = about.setdefault(value(quad.subject).removeprefix(PKSH), {})
            slots.setdefault(quad.predicate.value, []).append(value(quad.object))
    return about


def of_type(name: str, kind: str) -> bool:
    return SH + kind in shapes()[name][RDF["type"].value]


def checks_something(name: str) -> bool:
    """A node shape with a target and a constraint of its own, or a property shape."""
    own = {slot.removeprefix(SH) for slot in shapes()[name] if slot.startswith(SH)}
    targeted = own & {"targetClass", "targetSubjectsOf"}
    return of_type(name, "PropertyShape") or bool(targeted and own - PASSIVE)


@cache
def kinds_below(kind: str) -> set[str]:
    """A class and all that are below it."""
    below = {
        value(quad.subject)
        for quad in VOCABULARY
        if quad.predicate == RDFS["subClassOf"] and value(quad.object) == kind
    }
    return {kind}.union(*(kinds_below(each) for each in below))


@cache
def instances(kind: str) -> list[ox.NamedNode]:
    kinds = kinds_below(kind)
    return sorted(
        {
            quad.subject
            for quad in [*GRAPH, *VOCABULARY]
            if quad.predicate == RDF["type"] and value(quad.object) in kinds
        },
        key=str,
    )


@cache
def targets(shape: str) -> list[str]:
    """What is whole and has the property that the shape is about."""
    slots = shapes()[shape]
    owners = [each for each in shapes().values() if PKSH + shape in each.get(SH + "property", [])]
    kinds = {kind for owner in owners for kind in owner.get(SH + "targetClass", [])}
    of_kind = {node.value for kind in kinds for node in instances(kind)}
    of_kind |= {
        value(quad.subject)
        for owner in owners
        for quad in GRAPH
        if quad.predicate.value in owner.get(SH + "targetSubjectsOf", [])
    }
    users = {value(quad.subject) for quad in GRAPH if quad.predicate.value in slots[SH + "path"]}
    return sorted(node for node in of_kind & users if shorten(node) in WHOLE)


def rights(shape: str) -> list[Term]:
    """The values that what is whole has, and those of the class that the shape asks for."""
    (path,) = shapes()[shape][SH + "path"]
    used = [
        quad.object
        for quad in GRAPH
        if quad.predicate.value == path and value(quad.subject) in targets(shape)
    ]
    classed = [node for kind in shapes()[shape].get(SH + "class", []) for node in instances(kind)]
    return sorted({*used, *classed}, key=str)


def wrongs(shape: str, constraint: str) -> list[Term] | None:
    """Values that break that constraint, or None where a node of the files has to."""
    right = rights(shape)
    language = next((each.language for each in right if isinstance(each, ox.Literal)), None)
    match constraint:
        case "minCount":
            return []
        case "maxCount":
            return right[:2]
        case "class":
            strangers = [SOURCE["paper"], CONDITION["itch"]]
            return [next(each for each in strangers if each not in right)]
        case "datatype" | "languageIn" | "nodeKind":
            return [ox.Literal("2013", datatype=XSD["gYear"])]
        case "minLength":
            return [ox.Literal("", language=language)]
        case "minInclusive":
            return [ox.Literal("-1", datatype=XSD["integer"])]
        case "maxInclusive":
            return [ox.Literal("1000", datatype=XSD["integer"])]
    return None


def variant(shape: str, constraint: str) -> list[ox.Quad] | None:
    """A copy of something whole that breaks one constraint."""
    values = wrongs(shape, constraint)
    if values is None:
        return None
    node = targets(shape)[0]
    copy = ox.NamedNode(f"{node}--{shape}-{constraint}")
    path = ox.NamedNode(shapes()[shape][SH + "path"][0])
    kept = [quad for quad in GRAPH if value(quad.subject) == node and quad.predicate != path]
    copied = [ox.Quad(copy, quad.predicate, quad.object) for quad in kept]
    return copied + [ox.Quad(copy, path, each) for each in values]


GRAPH = quads(sorted(DATA.glob("*.ttl")))
VOCABULARY = quads(ontology.vocabulary())
BROKEN = [
    (shorten(value(quad.subject)), quad.predicate.value.removeprefix(BREAKS), value(quad.object))
    for quad in GRAPH
    if quad.predicate.value.startswith(BREAKS)
]
WHOLE = sorted({shorten(value(quad.subject)) for quad in GRAPH} - {focus for focus, _, _ in BROKEN})
CHECKING = sorted(name for name in shapes() if checks_something(name))
#: For each shape and constraint, a copy of something whole that breaks it and no more.
VARIANTS = {
    (shape, slot.removeprefix(SH)): made
    for shape in CHECKING
    if of_type(shape, "PropertyShape")
    if shapes()[shape][SH + "path"][0].startswith("http")
    if shapes()[shape].get(SH + "maxCount") != ["0"]
    for slot in shapes()[shape]
    if (made := variant(shape, slot.removeprefix(SH)))
}


@cache
def variant_findings() -> list[validation.Finding]:
    return validation.check_shapes([*GRAPH, *(quad for made in VARIANTS.values() for quad in made)])


@cache
def findings() -> list[validation.Finding]:
    return validation.check_shapes(GRAPH)


def of(focus: str) -> list[validation.Finding]:
    return [finding for finding in findings() if finding.focus == focus]


@pytest.mark.parametrize("focus", WHOLE)
def test_what_is_whole_passes(focus: str) -> None:
    assert of(focus) == []


@pytest.mark.parametrize(("focus", "shape", "words"), BROKEN)
def test_what_is_broken_is_told_how_to_mend_it(focus: str, shape: str, words: str) -> None:
    messages = [finding.message for finding in of(focus) if finding.shape == f"pksh:{shape}"]

    assert messages, f"{focus} was to break pksh:{shape}; it has {of(focus)}"
    assert any(words in message for message in messages), f"{words!r} is not in {messages}"


@pytest.mark.parametrize("focus", sorted({focus for focus, _, _ in BROKEN}))
def test_what_is_broken_breaks_nothing_else(focus: str) -> None:
    expected = {f"pksh:{shape}" for broken, shape, _ in BROKEN if broken == focus}

    assert {finding.shape for finding in of(focus)} == expected


@pytest.mark.parametrize("shape", CHECKING)
def test_a_shape_has_a_graph_that_breaks_it(shape: str) -> None:
    assert shape in {each for _, each, _ in BROKEN}, (
        f"nothing breaks pksh:{shape}; add a node with breaks:{shape} to tests/data/shapes"
    )


@pytest.mark.parametrize(("shape", "constraint"), VARIANTS)
def test_a_constraint_is_felt_where_it_alone_is_broken(shape: str, constraint: str) -> None:
    focus = shorten(VARIANTS[shape, constraint][0].subject.value)

    found = {finding.shape for finding in variant_findings() if finding.focus == focus}
    assert f"pksh:{shape}" in found, (
        f"sh:{constraint} of pksh:{shape} lets {focus} through; mend the shape, or "
        "add a second right value to tests/data/shapes"
    )


@pytest.mark.parametrize("shape", sorted(shapes()))
def test_a_message_says_the_rule_then_the_remedy(shape: str) -> None:
    messages = shapes()[shape].get(SH + "message", [])
    reported = of_type(shape, "PropertyShape") or of_type(shape, "SPARQLConstraint")
    expected = 1 if reported else int(shape in CHECKING and SH + "sparql" not in shapes()[shape])

    assert len(messages) == expected, f"pksh:{shape} has {messages}"
    for message in messages:
        rule, _, remedy = message.rpartition(": ")
        assert re.match(r"[A-Z]", rule), f"pksh:{shape} begins with no rule: {message!r}"
        assert remedy.split()[0] in VERBS, f"pksh:{shape} ends with no remedy: {message!r}"
        assert message.endswith("."), f"pksh:{shape} is no sentence: {message!r}"


@pytest.mark.parametrize("shape", [name for name in shapes() if of_type(name, "NodeShape")])
def test_a_node_shape_says_in_a_sentence_what_it_demands(shape: str) -> None:
    targeted = {SH + "targetClass", SH + "targetSubjectsOf"} & set(shapes()[shape])
    definitions = shapes()[shape].get(SKOS["definition"].value, [])

    if targeted:
        assert len(definitions) == 1, f"pksh:{shape} has no skos:definition; add one"
        assert definitions[0].endswith("."), f"pksh:{shape}: {definitions[0]!r}"
    else:
        assert definitions == [], f"pksh:{shape} has no target and needs no skos:definition"


@pytest.mark.parametrize(
    "shape", [name for name in shapes() if {SH + "severity", SH + "sparql"} & set(shapes()[name])]
)
def test_a_severity_or_a_query_has_its_reason(shape: str) -> None:
    assert SKOS["editorialNote"].value in shapes()[shape], (
        f"pksh:{shape} has no skos:editorialNote; add why"
    )


@pytest.mark.parametrize("shape", sorted(shapes()))
def test_a_shape_is_in_the_file_of_its_topic(shape: str) -> None:
    topics = {path.name for path in ontology.vocabulary()}
    text = f"\npksh:{shape} a "
    homes = [path.name for path in ontology.shapes() if text in path.read_text("utf-8")]

    assert len(homes) == 1, f"pksh:{shape} is described in {homes}; keep one"
    assert homes[0] in topics, f"{homes[0]} is no topic of ontology/; move pksh:{shape}"


def test_every_property_with_a_scheme_has_its_values_checked() -> None:
    vocabulary = quads(ontology.vocabulary())
    schemes = {
        value(quad.subject)
        for quad in vocabulary
        if quad.predicate.value.endswith("#subClassOf") and value(quad.object).endswith("#Concept")
    }
    ranges = {
        (value(quad.subject), value(quad.object))
        for quad in vocabulary
        if quad.predicate.value.endswith("rangeIncludes") and value(quad.object) in schemes
    }
    checked = {
        (path, kind)
        for slots in shapes().values()
        for path in slots.get(SH + "path", [])
        for kind in slots.get(SH + "class", [])
    }

    assert len(ranges) > 15
    assert ranges - checked == set(), "add a property shape with sh:class for each"

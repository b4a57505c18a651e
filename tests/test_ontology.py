"""Every term is named once and defined once, in a sentence, and no term is used undeclared."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import ontology
from pharmakon.namespaces import PK, PREFIXES, expand, shorten
from pharmakon.resources import folder

DATA = Path(__file__).parent / "data"
CHECKOUT = Path(__file__).parents[1]

#: What carries a mapping to a term of others.
MAPPINGS = {
    expand(name)
    for name in (
        "rdfs:subClassOf",
        "rdfs:subPropertyOf",
        "skos:broadMatch",
        "skos:closeMatch",
        "skos:exactMatch",
        "skos:narrowMatch",
        "skos:relatedMatch",
    )
}

#: The languages that the vocabulary is written in, whose terms are no mappings.
LANGUAGES = tuple(PREFIXES[prefix] for prefix in ("rdf", "rdfs", "owl", "skos", "xsd"))


def listed(name: str) -> list[str]:
    """The lines of a list in the data folder, without headings."""
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def described() -> dict[str, dict[str, list[str]]]:
    """Every term of ours, and what is said of it."""
    terms: dict[str, dict[str, list[str]]] = {}
    for path in ontology.vocabulary():
        for quad in ox.parse(path=str(path), format=ox.RdfFormat.TURTLE):
            if isinstance(quad.subject, ox.NamedNode) and quad.subject.value.startswith(PK.base):
                slots = terms.setdefault(shorten(quad.subject.value), {})
                value = getattr(quad.object, "value", str(quad.object))
                slots.setdefault(shorten(quad.predicate.value), []).append(value)
    return terms


TERMS = described()
CLASSES = sorted(term for term in TERMS if expand("owl:Class") in TERMS[term]["rdf:type"])
PROPERTIES = sorted(
    term
    for term in TERMS
    if re.match(r"pk:[a-z]", term)
    and any(kind.endswith("Property") for kind in TERMS[term]["rdf:type"])
)
SCHEMES = [
    term for term in CLASSES if expand("skos:Concept") in TERMS[term].get("rdfs:subClassOf", [])
]
VALUES = sorted(set(TERMS) - set(CLASSES) - set(PROPERTIES))
MAPPED = sorted(
    {
        (term, shorten(value))
        for term, slots in TERMS.items()
        for slot, values in slots.items()
        for value in values
        if expand(slot) in MAPPINGS and not value.startswith(PK.base)
    }
)
WRITTEN = sorted(
    [
        *ontology.vocabulary(),
        *ontology.shapes(),
        *ontology.knowledge(),
        *ontology.rules(),
        *folder("queries").rglob("*.rq"),
    ]
)


@pytest.mark.parametrize("term", sorted(TERMS))
@pytest.mark.parametrize("name", ["rdfs:label", "skos:definition"])
def test_a_term_has_exactly_one(term: str, name: str) -> None:
    assert len(TERMS[term].get(name, [])) == 1, f"{term}: give it exactly one {name}"


@pytest.mark.parametrize("term", sorted(TERMS))
def test_a_definition_is_one_sentence(term: str) -> None:
    (definition,) = TERMS[term]["skos:definition"]

    assert re.fullmatch(r"[A-Z][^\n]*\.", definition), f"{term}: {definition!r}"
    assert not re.search(r"[.!?] [A-Z]", definition), f"{term}: two sentences in {definition!r}"


@pytest.mark.parametrize(
    "term", [term for term in PROPERTIES if expand("owl:ObjectProperty") in TERMS[term]["rdf:type"]]
)
def test_the_definition_of_an_object_property_says_what_it_relates(term: str) -> None:
    (definition,) = TERMS[term]["skos:definition"]

    assert definition.startswith("Relates "), f"{term}: begin {definition!r} with 'Relates …'"


@pytest.mark.parametrize("term", CLASSES)
def test_a_class_begins_with_a_capital(term: str) -> None:
    assert re.fullmatch(r"pk:[A-Z]\w*", term), f"{term}: write a class in UpperCamel"


@pytest.mark.parametrize("term", VALUES)
def test_what_is_neither_class_nor_property_is_of_a_scheme(term: str) -> None:
    kinds = {shorten(kind) for kind in TERMS[term]["rdf:type"]}

    assert kinds <= set(SCHEMES), f"{term} is {kinds}: give it the class of a value scheme"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_has_values(scheme: str) -> None:
    values = [term for term in VALUES if expand(scheme) in TERMS[term]["rdf:type"]]

    assert values, f"{scheme} has no values; add one, or remove the scheme"


@pytest.mark.parametrize("term", listed("designed-terms.txt"))
def test_a_term_that_the_design_asks_for_is_there(term: str) -> None:
    assert term in TERMS, f"{term} is not declared; add it to the file of its topic"


@pytest.mark.parametrize(("term", "outside"), MAPPED)
def test_a_term_is_mapped_to_one_that_was_looked_up(term: str, outside: str) -> None:
    allowed = expand(outside).startswith(LANGUAGES) or outside in listed("outside-terms.txt")

    assert allowed, (
        f"{term} is mapped to {outside}, which is not in tests/data/outside-terms.txt; "
        "look it up in the file of its publisher, then add it there, or remove the mapping"
    )


def test_a_kind_of_evidence_is_one_that_was_looked_up() -> None:
    text = (folder("ontology") / "shapes" / "evidence.ttl").read_text("utf-8")
    kinds = set(re.findall(r"obo:ECO_\d+", text))

    assert len(kinds) > 5
    assert kinds <= set(listed("outside-terms.txt"))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_term_that_a_file_uses_is_declared(path: Path) -> None:
    used = set(re.findall(r"(?<![\w-])pk:[A-Za-z]\w*", path.read_text("utf-8")))

    assert used <= set(TERMS), f"{path} uses {sorted(used - set(TERMS))}; declare or mend them"


@pytest.mark.parametrize("path", ontology.vocabulary(), ids=lambda path: path.name)
def test_a_term_is_described_in_one_file_in_the_order_of_names(path: Path) -> None:
    text = path.read_text("utf-8")
    sections = re.split(r"^# ── .*$", text, flags=re.MULTILINE)[1:]
    for section in sections:
        names = re.findall(r"^(pk:\w+) a ", section, re.MULTILINE)

        assert names == sorted(names, key=str), f"{path.name}: put {names} in order"
    for name in re.findall(r"^(pk:\w+) a ", text, re.MULTILINE):
        homes = [each.name for each in ontology.vocabulary() if f"\n{name} a " in _text(each)]

        assert homes == [path.name], f"{name} is described in {homes}; keep one"


@pytest.mark.parametrize("name", ["ontology", "tests/data/shapes"])
def test_turtle_is_in_its_canonical_form(name: str) -> None:
    turtlefmt = shutil.which("turtlefmt", path=str(Path(sys.executable).parent))
    assert turtlefmt, "turtlefmt is not installed; install the test extras"

    done = subprocess.run(  # noqa: S603 - our own command
        [turtlefmt, "--check", str(CHECKOUT / name)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, f"run 'turtlefmt {name}':\n{done.stdout}{done.stderr}"


def _text(path: Path) -> str:
    return path.read_text("utf-8")

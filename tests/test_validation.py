"""A broken knowledge file is found, with its file, its line and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import build, validation
from pharmakon.validation import Finding

HEAD = """\
@prefix condition: <https://w3id.org/pharmakon/condition/> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix oa: <http://www.w3.org/ns/oa#> .
@prefix paper: <https://w3id.org/pharmakon/source/paper#> .
@prefix pk: <https://w3id.org/pharmakon/ontology#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix source: <https://w3id.org/pharmakon/source/> .
@prefix statement: <https://w3id.org/pharmakon/statement/> .
@prefix substance: <https://w3id.org/pharmakon/substance/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

"""

WHOLE = """\
substance:one a pk:Substance ;
    rdfs:label "one"@en ;
    skos:definition "The first."@en ;
    pk:noMappingReason "It is made up." .

condition:itch a pk:Condition ;
    rdfs:label "itch"@en ;
    skos:definition "A wish to scratch."@en ;
    pk:noMappingReason "It is made up." .

statement:itches a pk:AdverseEffect ;
    pk:subject substance:one ;
    pk:condition condition:itch ;
    pk:direction pk:causes ;
    pk:certainty pk:established ;
    pk:supportedBy paper:e1 .

source:paper a pk:Source ;
    rdfs:label "paper"@en ;
    dcterms:title "On One"@en .

paper:e1 a pk:Evidence ;
    pk:source source:paper ;
    pk:section "2" ;
    rdfs:comment "It itches."@en .
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test writes its knowledge."""
    return tmp_path / "one.ttl"


def quads(path: Path) -> list[ox.Quad]:
    return list(ox.parse(path=str(path), format=ox.RdfFormat.TURTLE))


def validated(file: Path, turtle: str) -> list[Finding]:
    file.write_text(HEAD + turtle, "utf-8")
    return validation.validate([file], quads(file), None)


def line_of(file: Path, text: str) -> int:
    """The line of a file, counted from 1, that a text begins on."""
    before, found, _ = file.read_text("utf-8").partition(text)
    assert found, text
    return before.count("\n") + 1


def test_whole_knowledge_has_no_findings(file: Path) -> None:
    assert validated(file, WHOLE) == []


def test_the_packaged_knowledge_has_no_violations() -> None:
    findings = build.check(build.assemble())

    wrong = [str(finding) for finding in findings if finding.severity == "violation"]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(
    ("right", "wrong", "place", "focus", "words"),
    [
        # A shape is broken.
        (
            "    pk:direction pk:causes ;\n",
            "",
            "statement:itches a",
            "statement:itches",
            "An effect has one direction: give it one pk:direction",
        ),
        (
            "pk:condition condition:itch",
            "pk:condition substance:one",
            "statement:itches a",
            "statement:itches",
            "a pk:Condition. It has substance:one.",
        ),
        # A name is misspelled.
        (
            "pk:subject substance:one",
            "pk:subject substance:onne",
            "statement:itches a",
            "statement:itches",
            "substance:onne is not described anywhere: describe it, or write substance:one",
        ),
        (
            "a pk:AdverseEffect",
            "a pk:AdversEffect",
            "statement:itches a",
            "statement:itches",
            "or write pk:AdverseEffect if that is meant",
        ),
        (
            "pk:direction pk:causes",
            "pk:direktion pk:causes",
            "statement:itches a",
            "statement:itches",
            "pk:direktion is not described anywhere: describe it, or write pk:direction",
        ),
        # A property is used out of place.
        (
            "    pk:direction",
            "    pk:intent pk:prevention ;\n    pk:direction",
            "statement:itches a",
            "statement:itches",
            "pk:intent is for pk:Indication, pk:NonIndication, and this is pk:AdverseEffect",
        ),
        # The build's own work is typed.
        (
            '"The first."@en ;',
            '"The first."@en ;\n    pk:mayCause condition:itch ;',
            "substance:one a",
            "substance:one",
            "pk:mayCause is written by the build: remove it",
        ),
        (
            "pk:certainty pk:established ;",
            "pk:certainty pk:established ;\n    pk:confidence 0.9 ;",
            "statement:itches a",
            "statement:itches",
            "pk:confidence is written by the build: remove it, and type pk:certainty",
        ),
        (
            "    pk:condition condition:itch ;",
            "    pk:condition condition:itch ;\n    pk:object condition:itch ;",
            "statement:itches a",
            "statement:itches",
            "pk:object is typed on a pk:Relation only",
        ),
        (
            "substance:one a pk:Substance",
            "substance:one a pk:Substance , pk:Drug",
            "substance:one a",
            "substance:one",
            "pk:Drug is inferred",
        ),
        (
            '"The first."@en ;',
            '"The first."@en ;\n    dcterms:identifier "chebi:0" ;',
            "substance:one a",
            "substance:one",
            "dcterms:identifier comes from the mappings",
        ),
        # A literal would not be stored as it is written.
        (
            'pk:section "2"',
            "pk:section 2.50",
            "pk:section",
            "source:paper#e1 pk:section",
            "'2.50' is rewritten when it is stored: write '2.5', or a plain text",
        ),
        (
            '"It itches."@en',
            '"Es juckt."@de',
            "rdfs:comment",
            "source:paper#e1 rdfs:comment",
            "text is plain or English",
        ),
    ],
)
def test_what_is_broken_is_found_with_file_line_and_remedy(
    file: Path, right: str, wrong: str, place: str, focus: str, words: str
) -> None:
    assert right in WHOLE

    findings = validated(file, WHOLE.replace(right, wrong, 1))

    at = f"{file}:{line_of(file, place)}: {focus}: "
    told = [str(finding) for finding in findings]
    assert any(line.startswith(at) and words in line for line in told), "\n".join(told)
    assert all(len(line.splitlines()) == 1 for line in told)


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("pk:durationOfAction", "type it on a pk:Finding"),
        ("pk:dosingInterval", "type it on a pk:Finding"),
        ("pk:onset", "type it on a pk:Finding"),
    ],
)
def test_a_time_is_typed_on_a_finding_and_not_on_a_formulation(
    file: Path, typed: str, remedy: str
) -> None:
    time_of = f'{typed} "P30D"^^xsd:duration .\n'
    file.write_text(
        f"{HEAD}statement:time a pk:Finding ; {time_of}substance:form a pk:Formulation ; {time_of}"
    )

    (finding,) = validation.check_typed(file)

    assert finding.focus == "substance:form"
    assert remedy in finding.message


def test_a_relation_may_have_its_object_typed(file: Path) -> None:
    file.write_text(
        f"{HEAD}statement:r a pk:Relation ; pk:relation pk:hasMetabolite ; pk:object substance:a ."
    )

    assert validation.check_typed(file) == []


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("pk:inferredBy <urn:rule>", "pk:inferredBy is written by a rule"),
        ("pk:premise <urn:statement>", "pk:premise is written by a rule"),
        ("pk:useStatus pk:approved", "make a pk:RegulatoryStatus whose subject is the indication"),
    ],
)
def test_what_rules_conclude_is_not_typed(file: Path, typed: str, remedy: str) -> None:
    file.write_text(f"{HEAD}statement:use a pk:Indication ; {typed} .")

    (finding,) = validation.check_typed(file)

    assert remedy in finding.message


@pytest.mark.parametrize(
    "literal",
    ['"a"', '"a"@en', "7", "-7", "0", "0.95", "12.5", "true", '"20"^^xsd:decimal']
    + [f'"{date}"^^xsd:date' for date in ("2013-07-01", "2024-02-29")]
    + [f'"{time}"^^xsd:duration' for time in ("P30D", "P1M", "PT5M", "P1Y2M3DT4H5M6.5S")],
)
def test_a_literal_that_is_stored_as_written_passes(file: Path, literal: str) -> None:
    file.write_text(f"{HEAD}substance:one pk:x {literal} .")

    assert validation.check_literals(file) == []


@pytest.mark.parametrize(
    ("literal", "words"),
    [
        ("1.50", "write '1.5', or a plain text where the digits matter"),
        ("01", "write '1'"),
        ("+1", "write '1'"),
        ("2.0", "write '2'"),
        ('"P12M"^^xsd:duration', "write 'P1Y'"),
        ('"PT24H"^^xsd:duration', "write 'P1D'"),
        ('"1"^^xsd:boolean', "write 'true'"),
        # Stored as written, and without a meaning.
        ('"P4W"^^xsd:duration', "is no xsd:duration"),
        ('"P"^^xsd:duration', "is no xsd:duration"),
        ('"2013-13-01"^^xsd:date', "is no xsd:date"),
        ('"2013"^^xsd:date', "is no xsd:date"),
        ('"yes"^^xsd:boolean', "is no xsd:boolean"),
        ('"about 2"^^xsd:decimal', "is no xsd:decimal"),
        # Of a type that the contract does not have.
        ("1e3", "not as xsd:double"),
        ('"7"^^xsd:nonNegativeInteger', "not as xsd:nonNegativeInteger"),
        ('"2013"^^xsd:gYear', "not as xsd:gYear"),
        ('"a"@fr', "with @en, or without a language"),
        ('"a"@en-GB', "with @en, or without a language"),
    ],
)
def test_a_literal_that_is_not_is_named_with_its_line(file: Path, literal: str, words: str) -> None:
    file.write_text(f"{HEAD}substance:one\n    pk:x\n        {literal} .")

    (finding,) = validation.check_literals(file)

    assert words in finding.message
    assert (finding.path, finding.line) == (str(file), len(file.read_text().splitlines()))


def test_a_file_that_is_not_turtle_is_named_with_its_line(file: Path) -> None:
    file.write_text(f"{HEAD}substance:one pk:x 1 ;\n  pk:y ; oops .")

    findings = validation.validate([file], [], None)

    assert [finding.shape for finding in findings] == ["syntax"]
    assert str(findings[0]).startswith(f"{file}:{line_of(file, '  pk:y')}: ")


def test_a_passage_that_has_moved_is_found_with_file_line_and_remedy(file: Path) -> None:
    located = f'oa:start 3 ;\n    oa:end 7 ;\n    pk:passageDigest "sha256:{"0" * 64}"'
    file.write_text(HEAD + WHOLE.replace('pk:section "2"', located))
    (file.parent / "paper.txt").write_text("It itches.")

    findings = validation.validate([file], quads(file), file.parent)

    at = f"{file}:{line_of(file, 'paper:e1 a')}: source:paper#e1: "
    assert any(str(each).startswith(at) and "read the passage" in each.message for each in findings)


def test_a_source_whose_text_is_absent_is_a_warning(file: Path) -> None:
    located = f'oa:start 3 ;\n    oa:end 7 ;\n    pk:passageDigest "sha256:{"0" * 64}"'
    file.write_text(HEAD + WHOLE.replace('pk:section "2"', located))

    findings = validation.validate([file], quads(file), file.parent)

    assert [(each.severity, each.focus) for each in findings] == [("warning", "source:paper")]
    assert "its passages were not checked: put its text into" in findings[0].message


def test_violations_come_before_warnings(file: Path) -> None:
    hedged = WHOLE.replace('"It itches."@en', '"It itches."@en ;\n    pk:hedge "may"')
    broken = hedged.replace("    pk:direction pk:causes ;\n", "")

    severities = [finding.severity for finding in validated(file, broken)]

    assert severities == ["violation", "warning"]


def test_a_finding_without_a_place_begins_with_its_focus() -> None:
    finding = Finding("violation", "substance:one", "pksh:Entity-label", "add a name.")

    assert str(finding) == "substance:one: add a name."


def test_importing_pharmakon_does_not_import_what_only_validation_needs() -> None:
    program = "import sys, pharmakon; print(sorted({'pyshacl', 'rdflib'} & set(sys.modules)))"

    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"

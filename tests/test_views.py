"""Views say what the statements say: negatives apart, both sides, every place in a source."""

import pytest

from pharmakon import KnowledgeGraph
from pharmakon.namespaces import PK, expand
from pharmakon.views.references import Reference, kind_of
from pharmakon.views.sentences import sentence
from pharmakon.views.statements import Proof, Statement, statements

SENTENCES = [
    (
        "Membership",
        {"inClass": ["opioid antagonist"]},
        "naltrexone belongs to the class opioid antagonist",
    ),
    (
        "ReceptorAction",
        {"actionType": ["antagonist"], "target": ["μ-opioid receptor"], "site": ["brain"]},
        "naltrexone acts as antagonist at the μ-opioid receptor in the brain",
    ),
    (
        "ReceptorAction",
        {"actionType": ["metabolised by"], "target": ["cytochrome P450 2D6"]},
        "naltrexone is metabolised by cytochrome P450 2D6",
    ),
    (
        "Indication",
        {"condition": ["craving"], "intent": ["use reduction"], "requires": ["a", "b", "c"]},
        "naltrexone is used for craving (use reduction), only a, b and c",
    ),
    (
        "NonIndication",
        {"condition": ["withdrawal"], "negativeBasis": ["evidence of no effect"]},
        "naltrexone is not of use for withdrawal (evidence of no effect)",
    ),
    (
        "Effect",
        {"direction": ["decreases"], "condition": ["euphoria"], "modulates": ["opioid"]},
        "naltrexone decreases euphoria brought on by opioid",
    ),
    (
        "AdverseEffect",
        {"condition": ["nausea"], "frequency": ["common"]},
        "naltrexone can cause nausea (common)",
    ),
    ("NonEffect", {"condition": ["euphoria"]}, "naltrexone does not cause euphoria"),
    (
        "Contraindication",
        {"condition": ["dependence"], "withSubstance": ["opioid"]},
        "naltrexone must not be given in dependence with opioid",
    ),
    (
        "RegulatoryStatus",
        {"status": ["not controlled"], "jurisdiction": ["United States"]},
        "naltrexone: not controlled (United States)",
    ),
    (
        "Finding",
        {"measure": ["duration"], "comparator": ["≤"], "durationOfAction": ["P30D"]},
        "naltrexone: duration: at most 30 days",
    ),
    (
        "Finding",
        {"measure": ["interval"], "dosingInterval": ["P1D"]},
        "naltrexone: interval: 1 day",
    ),
    (
        "Finding",
        {"measure": ["number"], "comparator": [">"], "value": ["20"], "unit": ["times"]},
        "naltrexone: number: more than 20 times",
    ),
    (
        "Relation",
        {"relation": ["not to be confused with"], "object": ["naloxone"]},
        "naltrexone is not to be confused with naloxone",
    ),
]


@pytest.mark.parametrize(("kind", "slots", "expected"), SENTENCES)
def test_a_statement_has_a_plain_sentence(kind: str, slots: dict[str, list[str]], expected: str):
    values = {PK[name].value: texts for name, texts in slots.items()}

    assert sentence(PK[kind].value, "naltrexone", values) == expected


def all_statements(graph: KnowledgeGraph) -> list[Statement]:
    return statements(graph.store, "?statement a ?kind")


def test_every_statement_has_a_sentence_with_no_gap(graph: KnowledgeGraph):
    for one in all_statements(graph):
        assert one.sentence.startswith(one.subject.label), one.curie
        assert "  " not in one.sentence, f"{one.curie}: {one.sentence!r}"
        assert not one.sentence.endswith((" ", ":", " is used for", " at the")), (
            f"{one.curie}: {one.sentence!r} stops short; give the statement what it says"
        )


def test_every_negative_says_not(graph: KnowledgeGraph):
    negatives = [one for one in all_statements(graph) if one.negative]

    assert len(negatives) >= 5
    for one in negatives:
        assert " not " in one.sentence, f"{one.curie}: {one.sentence!r}"


def test_every_positive_sentence_of_use_or_cause_has_no_not(graph: KnowledgeGraph):
    kinds = {PK[name].value for name in ("Indication", "Effect", "AdverseEffect")}

    for one in all_statements(graph):
        if one.kind.iri in kinds:
            claim = one.sentence.removeprefix(one.subject.label).split("(")[0]
            assert not claim.startswith((" is not", " does not")), one.curie


def test_negatives_stand_in_a_section_of_their_own(graph: KnowledgeGraph):
    naltrexone = graph["naltrexone"]

    assert naltrexone.negatives is not None
    assert all(one.negative for one in naltrexone.negatives.statements)
    for section in naltrexone.sections:
        assert not any(one.negative for one in section.statements), section.heading


def test_what_sources_disagree_about_is_shown_from_both_sides(graph: KnowledgeGraph):
    contested = [one for one in all_statements(graph) if one.contested]

    assert contested
    for one in contested:
        assert one.supports, f"{one.curie} is contested and nobody affirms it"
        assert one.disputes, f"{one.curie} is contested and nobody denies it"
        assert one.confidence is None, f"{one.curie} is contested, so nothing may follow from it"


def test_what_sources_disagree_about_stands_in_no_plain_section(graph: KnowledgeGraph):
    for kind in ("substance", "class"):
        for thing in graph.names.of_kind(kind):
            entity = graph[thing.iri]
            for section in entity.sections:
                assert not any(one.contested for one in section.statements), thing.curie


def test_a_side_effect_of_the_injection_is_not_one_of_the_tablet(graph: KnowledgeGraph):
    tablet = graph["naltrexone-oral-tablet"]
    injection = graph["naltrexone-extended-release-injection"]

    def causes(entity_name: str) -> set[str]:
        found = graph[entity_name].all_sections
        return {one.sentence for section in found for one in section.statements}

    assert any("injection site" in text for text in causes(injection.reference.iri))
    assert not any("injection site" in text for text in causes(tablet.reference.iri))


def test_what_is_true_of_one_form_is_shown_on_the_substance_as_such(graph: KnowledgeGraph):
    forms = graph["naltrexone"].of_forms

    assert forms is not None
    assert {one.subject.kind for one in forms.statements} <= {"formulation", "product"}


def test_a_product_says_what_each_ingredient_is_for(graph: KnowledgeGraph):
    roles = {
        ingredient.substance.label: ingredient.role.label
        for composition in graph["Suboxone"].compositions
        for ingredient in composition.ingredients
    }

    assert roles == {"buprenorphine": "therapeutic agent", "naloxone": "abuse deterrent"}


def leaves(proof: Proof) -> list[Statement]:
    if not proof.premises:
        return [proof.statement]
    return [leaf for premise in proof.premises for leaf in leaves(premise)]


def test_every_inferred_statement_has_a_proof_that_ends_in_evidence(graph: KnowledgeGraph):
    inferred = [one for one in all_statements(graph) if one.rule]

    assert inferred
    for one in inferred:
        for leaf in leaves(graph.proof(one)):
            assert leaf.supports, f"{one.curie} rests on {leaf.curie}, which rests on nothing"


def test_a_comparison_leaves_nothing_out_and_keeps_negatives_apart(graph: KnowledgeGraph):
    compared = graph.compare(["naltrexone", "naloxone"])
    groups = {group.heading: group for group in compared.groups}

    assert [thing.reference.label for thing in compared.things] == ["naltrexone", "naloxone"]
    for group in compared.groups:
        for row in group.rows:
            assert len(row.cells) == 2
            assert any(row.cells), row.label
    negatives = groups["What it does not do"]
    used = groups["Used for"]
    assert all(one.negative for row in negatives.rows for cell in row.cells for one in cell)
    assert not any(one.negative for row in used.rows for cell in row.cells for one in cell)


def test_a_comparison_shows_what_naltrexone_and_naloxone_are_each_for(graph: KnowledgeGraph):
    compared = graph.compare(["naltrexone", "naloxone"])
    used = next(group for group in compared.groups if group.heading == "Used for")
    rows = {row.label: [bool(cell) for cell in row.cells] for row in used.rows}

    assert rows["opioid overdose"] == [False, True]
    assert rows["alcohol use disorder"] == [True, False]


def test_a_circumstance_shows_what_depends_on_it(graph: KnowledgeGraph):
    supervision = graph["medical-supervision"].depending

    assert supervision is not None
    assert "statement:naltrexone-opioid-use-disorder-relapse-prevention" in {
        one.curie for one in supervision.statements
    }
    assert not any(one.negative or one.contested for one in supervision.statements)


def test_a_thing_that_is_not_there_is_none(graph: KnowledgeGraph):
    assert graph.entity(expand("substance:phlogiston")) is None


@pytest.mark.parametrize(
    ("curie", "kind"),
    [("pk:treats", "term"), ("rule:class-chain", "rule"), ("statement:x", "statement")],
)
def test_the_form_of_an_iri_says_what_it_names(curie: str, kind: str):
    assert kind_of(expand(curie)) == kind


def test_an_iri_of_others_is_outside():
    assert Reference("x", "urn:x", kind_of("urn:x")).kind == "outside"

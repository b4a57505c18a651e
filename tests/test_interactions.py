"""A pair has one of four answers, and an interaction has a proof down to its sources."""

import json

import pytest

from pharmakon import KnowledgeGraph
from pharmakon.errors import NotFoundError
from pharmakon.interactions import Pair


def pair(graph: KnowledgeGraph, a: str, b: str) -> Pair:
    (found,) = graph.interactions([a, b])
    return found


EXPECTED = [
    ("naltrexone", "morphine", "receptorBlockade", "condition:blocked-opioid-effect", []),
    (
        "naltrexone",
        "methadone",
        "receptorDisplacement",
        "condition:precipitated-opioid-withdrawal",
        ["circumstance:opioid-dependence"],
    ),
    ("disulfiram", "ethanol", "metaboliteAccumulation", "condition:acetaldehyde-reaction", []),
]


@pytest.mark.parametrize(("a", "b", "mechanism", "outcome", "requires"), EXPECTED)
def test_two_substances_interact_by_a_mechanism_with_an_outcome(
    graph: KnowledgeGraph, a: str, b: str, mechanism: str, outcome: str, requires: list[str]
):
    answer = pair(graph, a, b)
    found = [(one["mechanism"], one["outcome"], one["requires"]) for one in plain(answer)]

    assert answer.answer == "interaction"
    assert (mechanism, outcome, requires) in found


def plain(answer: Pair) -> list[dict[str, object]]:
    return json.loads(json.dumps(answer.to_dict()))["interactions"]


def test_the_order_of_two_substances_does_not_matter(graph: KnowledgeGraph):
    one, other = pair(graph, "naltrexone", "morphine"), pair(graph, "morphine", "naltrexone")

    assert [i["id"] for i in plain(one)] == [i["id"] for i in plain(other)]


def test_an_interaction_has_the_shape_of_the_contract(graph: KnowledgeGraph):
    (first, *_) = plain(pair(graph, "naltrexone", "morphine"))

    assert set(first) == {
        "id",
        "subject",
        "affects",
        "mechanism",
        "outcome",
        "severity",
        "requires",
        "certainty",
        "confidence",
        "explanation",
        "proof",
    }
    assert set(first["proof"]) >= {"statement", "rule", "premises"}
    assert 0 < first["confidence"] <= 1


def test_every_premise_of_an_interaction_rests_on_evidence(graph: KnowledgeGraph):
    for interaction in pair(graph, "naltrexone", "fentanyl").interactions:
        stack = [interaction.proof]
        while stack:
            proof = stack.pop()
            stack.extend(proof.premises)
            assert proof.premises or proof.statement.supports, proof.statement.curie


def test_a_conclusion_is_worth_no_more_than_its_weakest_premise(graph: KnowledgeGraph):
    for interaction in pair(graph, "naltrexone", "morphine").interactions:
        premises = [premise.statement.confidence for premise in interaction.proof.premises]
        assert interaction.statement.confidence <= min(premises)


@pytest.mark.parametrize(
    ("deterrent", "opioid"), [("naloxone", "buprenorphine"), ("naltrexone", "morphine")]
)
def test_what_deters_misuse_precipitates_withdrawal_unless_the_product_is_used_as_meant(
    graph: KnowledgeGraph, deterrent: str, opioid: str
):
    found = [
        {one.curie for one in interaction.statement.values("unless")}  # type: ignore[union-attr]
        for interaction in pair(graph, deterrent, opioid).interactions
        if interaction.to_dict()["outcome"] == "condition:precipitated-opioid-withdrawal"
        and interaction.proof.premises
    ]

    assert found
    assert all("circumstance:used-as-prescribed" in excepted for excepted in found), found


def test_an_antagonist_that_stays_out_of_the_brain_does_not_precipitate_withdrawal(
    graph: KnowledgeGraph,
):
    outcomes = {one["outcome"] for one in plain(pair(graph, "methylnaltrexone", "morphine"))}

    assert outcomes == {None}


def test_what_is_not_known_is_called_so_and_never_safe(graph: KnowledgeGraph):
    answer = pair(graph, "acamprosate", "disulfiram")

    assert (answer.answer, answer.interactions) == ("not-known", ())


def test_three_substances_make_three_pairs(graph: KnowledgeGraph):
    found = graph.interactions(["naltrexone", "morphine", "ethanol"])

    assert [(one.a.label, one.b.label) for one in found] == [
        ("naltrexone", "morphine"),
        ("naltrexone", "ethanol"),
        ("morphine", "ethanol"),
    ]


def test_a_product_stands_for_the_substances_in_it(graph: KnowledgeGraph):
    found = graph.interactions(["Vivitrol", "morphine"])

    assert [(one.a.label, one.b.label, one.answer) for one in found] == [
        ("naltrexone", "morphine", "interaction")
    ]


def test_a_product_alone_is_asked_about_what_is_in_it(graph: KnowledgeGraph):
    found = graph.interactions(["Suboxone"])

    assert [(one.a.label, one.b.label) for one in found] == [("buprenorphine", "naloxone")]


def test_a_substance_and_a_product_of_it_make_no_pair(graph: KnowledgeGraph):
    assert graph.interactions(["Vivitrol", "naltrexone"]) == []


def test_a_condition_is_no_substance_and_not_an_unknown_interaction(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError, match="no substance or product is called 'nausea'"):
        graph.interactions(["naltrexone", "nausea"])


def test_an_unknown_substance_is_not_an_empty_answer(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError):
        graph.interactions(["naltrexone", "morphene"])

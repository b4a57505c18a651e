"""What is denied is never told as if it were affirmed.

The cases are the negatives that the graph holds, so a new one is tested by being there.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pharmakon import KnowledgeGraph


@dataclass(frozen=True)
class Negative:
    """One thing that the graph denies."""

    statement: str
    kind: str
    subject: str
    condition: str
    intent: str | None
    unless: str | None

    def __str__(self) -> str:
        return f"{self.statement} ({self.subject}, {self.condition}, {self.intent or self.kind})"


@pytest.fixture(scope="module")
def negatives(graph: KnowledgeGraph) -> list[Negative]:
    table = graph.query(
        """SELECT ?statement ?kind ?subject ?condition ?intent ?unless WHERE {
          VALUES ?kind { pk:NonIndication pk:NonEffect }
          ?statement a ?kind ; pk:subject ?subject ; pk:condition ?condition .
          OPTIONAL { ?statement pk:intent ?intent }
          OPTIONAL { ?statement pk:unless ?unless }
        } ORDER BY ?statement ?intent ?unless"""
    )
    return [
        Negative(
            str(row["statement"]),
            str(row["kind"]),
            str(row["subject"]),
            str(row["condition"]),
            str(row["intent"]) if "intent" in row else None,
            str(row["unless"]) if "unless" in row else None,
        )
        for row in table
    ]


#: The shortcuts that a negative of each kind denies.
PARTED = {"pk:NonIndication": {"pk:treats", "pk:usedFor"}, "pk:NonEffect": {"pk:mayCause"}}


def answers(graph: KnowledgeGraph, pattern: str) -> list[str]:
    return [str(row["found"]) for row in graph.query(f"SELECT ?found WHERE {{ {pattern} }}")]


def affirmed_otherwise(graph: KnowledgeGraph, no: Negative) -> list[str]:
    """The affirmations of the same subject and condition that do not clash with a negative.

    Another intent does not clash; nor does the very circumstance that the negative excepts.
    """
    other = [f"FILTER (?intent != {no.intent})"] if no.intent else []
    excepted = [f"{no.statement} pk:requires ?in . ?found pk:unless ?in ."]
    if no.unless:
        excepted.append(f"?found pk:requires {no.unless} .")
    return [
        found
        for condition in (*other, *excepted)
        for found in answers(
            graph,
            f"""?found a pk:Indication ; pk:subject {no.subject} ; pk:condition {no.condition} ;
            pk:intent ?intent ; pk:confidence ?confidence . {condition}""",
        )
    ]


def clashing(graph: KnowledgeGraph, no: Negative) -> list[str]:
    """The affirmations that a question for the denied use or effect would return.

    What is contested, on either side, is shown with both and affirms nothing.
    """
    both = f"{no.statement} pk:confidence ?sure . ?found pk:confidence ?surely"
    about = f"?found pk:subject {no.subject} ; pk:condition {no.condition}"
    if no.kind == "pk:NonEffect":
        return answers(
            graph,
            f"""VALUES ?kind {{ pk:Effect pk:AdverseEffect }}
            VALUES ?way {{ pk:causes pk:increases }}
            {both} . {about} ; a ?kind ; pk:direction ?way""",
        )
    intent = f"; pk:intent {no.intent}" if no.intent else ""
    unless = f"FILTER NOT EXISTS {{ ?found pk:requires {no.unless} }}" if no.unless else ""
    unless += f" FILTER NOT EXISTS {{ {no.statement} pk:requires ?in . ?found pk:unless ?in }}"
    return answers(graph, f"{both} . {about} ; a pk:Indication {intent} . {unless}")


def test_the_graph_holds_negatives_of_both_kinds(negatives: list[Negative]):
    assert {no.kind for no in negatives} == {"pk:NonIndication", "pk:NonEffect"}


def test_no_negative_is_also_a_positive(graph: KnowledgeGraph, negatives: list[Negative]):
    both = [
        f"{no}: also a {kind}; keep the negative, and make the other a statement of its own"
        for no in negatives
        for kind in answers(
            graph,
            f"""VALUES ?found {{ pk:Indication pk:Effect pk:AdverseEffect }}
            {no.statement} a ?found""",
        )
    ]

    assert both == []


def test_no_question_for_the_positive_returns_a_negative(
    graph: KnowledgeGraph, negatives: list[Negative]
):
    clashes = [
        f"{no} is denied, and affirmed by {found}; mark one as contested, "
        "or say by pk:unless and pk:requires when each holds"
        for no in negatives
        for found in clashing(graph, no)
    ]

    assert clashes == []


def test_no_shortcut_joins_what_a_negative_parts(graph: KnowledgeGraph, negatives: list[Negative]):
    joined = [
        f"{no.subject} {shortcut} {no.condition}, which {no.statement} denies; "
        "see which rule of ontology/rules wrote it"
        for no in negatives
        if not affirmed_otherwise(graph, no)
        for shortcut in answers(graph, f"?found a pk:Shortcut . {no.subject} ?found {no.condition}")
        # To warn of a thing is not to affirm it, and what does not treat a thing may cause it.
        if shortcut in PARTED[no.kind]
    ]

    assert joined == []

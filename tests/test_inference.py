"""What the packaged graph infers has a proof, and what it abbreviates has a statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from pharmakon import KnowledgeGraph, build
from pharmakon.inference import infer, rules
from pharmakon.namespaces import expand
from pharmakon.views.statements import Proof, Statement

#: What must stand behind an edge, by its shortcut: a pattern over ?subject and ?object.
BEHIND = {
    "pk:memberOf": "?s a pk:Membership ; pk:subject ?subject ; pk:inClass ?object",
    "pk:treats": "?s a pk:Indication ; pk:useStatus pk:approved ;"
    " pk:subject ?subject ; pk:condition ?object",
    "pk:usedFor": "?s a pk:Indication ; pk:subject ?subject ; pk:condition ?object",
    "pk:mayCause": "?s a ?kind ; pk:subject ?subject ; pk:condition ?object ;"
    " pk:direction ?direction . FILTER (?kind IN (pk:Effect, pk:AdverseEffect)"
    " && ?direction IN (pk:causes, pk:increases))",
    "pk:contraindicatedIn": "?s a pk:Contraindication ; pk:subject ?subject ; pk:condition ?object",
    "pk:hasMetabolite": "?s a pk:Relation ; pk:relation pk:hasMetabolite ;"
    " pk:subject ?subject ; pk:object ?object",
    "pk:notToBeConfusedWith": "?s a pk:Relation ; pk:relation pk:notToBeConfusedWith ;"
    " pk:subject | pk:object ?subject , ?object",
    "pk:durationOfAction": "?s a pk:Finding ; pk:subject ?subject ; pk:durationOfAction ?object",
    "pk:dosingInterval": "?s a pk:Finding ; pk:subject ?subject ; pk:dosingInterval ?object",
    "pk:onset": "?s a pk:Finding ; pk:subject ?subject ; pk:onset ?object",
}

#: Every way of acting on a target abbreviates a receptor action.
ACTION = "?s a pk:ReceptorAction ; pk:subject ?subject ; pk:target ?object"

#: Shortcuts of what is no statement, and so has no confidence.
DESCRIBED = {
    "pk:hasActiveIngredient": "?subject pk:hasFormulation? / pk:hasIngredient ?i ."
    " ?i pk:substance ?object ; pk:ingredientRole ?role . FILTER (?role != pk:excipient)",
    "pk:strengthValue": "?subject pk:strength ?printed",
}

#: What the article and the label make of naltrexone: edges that must be there, and must not.
EDGES = [
    ("substance:naltrexone", "pk:memberOf", "substance:opioid-antagonist", True),
    ("substance:naltrexone", "pk:antagonistOf", "target:mu-opioid-receptor", True),
    ("substance:naltrexone", "pk:actsOn", "target:mu-opioid-receptor", True),
    ("substance:naltrexone", "obo:RO_0018029", "target:mu-opioid-receptor", True),
    ("substance:naltrexone", "pk:treats", "condition:alcohol-use-disorder", True),
    ("substance:naltrexone", "pk:usedFor", "condition:internet-addiction", True),
    ("substance:naltrexone", "pk:treats", "condition:internet-addiction", False),
    ("substance:naltrexone", "pk:usedFor", "condition:opioid-withdrawal", False),
    ("substance:naltrexone", "pk:usedFor", "condition:opioid-overdose", False),
    ("substance:naltrexone", "pk:mayCause", "condition:nausea", True),
    ("substance:naltrexone", "pk:mayCause", "condition:euphoria", False),
    ("substance:naltrexone", "pk:agonistOf", "target:mu-opioid-receptor", False),
    ("substance:naloxone", "pk:usedFor", "condition:opioid-overdose", True),
    ("substance:naloxone", "pk:usedFor", "condition:opioid-use-disorder", False),
    ("substance:naloxone", "pk:notToBeConfusedWith", "substance:naltrexone", True),
    ("product:suboxone", "pk:hasActiveIngredient", "substance:naloxone", True),
    ("formulation:buprenorphine-naloxone-sublingual-film", "a", "pk:Combination", True),
    ("formulation:naltrexone-oral-tablet", "a", "pk:Combination", False),
    ("substance:naltrexone", "a", "pk:Drug", True),
    ("substance:opioid-antagonist", "a", "pk:Drug", False),
]


@pytest.fixture(scope="module")
def concluded(graph: KnowledgeGraph) -> list[Statement]:
    """Every statement that a rule concludes."""
    rows = graph.query("SELECT ?s WHERE { ?s pk:inferredBy ?rule } ORDER BY ?s")
    found = [graph.statement(str(row["s"])) for row in rows]
    assert found, "nothing is inferred"
    return found


@pytest.mark.parametrize(("subject", "edge", "target", "holds"), EDGES)
def test_an_edge_is_there_or_is_not(
    graph: KnowledgeGraph, subject: str, edge: str, target: str, holds: bool
):
    assert graph.store.ask(f"ASK {{ {subject} {edge} {target} }}") is holds


def test_naltrexone_is_an_opioid_antagonist_by_its_sources_and_by_a_rule(graph: KnowledgeGraph):
    rows = graph.named("class_members", **{"class": "opioid antagonist"})
    found = {
        row.get("ruleLabel"): graph.statement(str(row["statement"]))
        for row in rows
        if row["memberLabel"] == "naltrexone"
    }

    assert found.keys() == {None, "class from action"}
    assert found[None].supports
    proof = graph.proof(found["class from action"])
    assert [one.statement.sentence for one in proof.premises] == [
        "naltrexone acts as antagonist at the μ-opioid receptor"
    ]
    assert all(one.statement.supports for one in proof.premises)


def test_a_conclusion_says_by_which_rule_from_what_and_how_sure(
    graph: KnowledgeGraph, concluded: list[Statement]
):
    known = {rule.iri.value: rule for rule in rules()}
    for one in concluded:
        premises = [graph.statement(iri) for iri in one.premises]

        assert one.rule, f"{one.curie} has no rule"
        assert premises, f"{one.curie} has no premises"
        assert not one.supports, f"{one.curie} stands on a rule and on evidence"
        assert one.certainty, f"{one.curie} has no certainty"
        assert one.sentence.startswith(one.subject.label), one.curie
        assert one.comment.endswith("."), f"{one.curie} does not say why"
        lowest = min(premise.confidence or 0 for premise in premises)
        weight = known[one.rule.iri].confidence
        assert one.confidence == pytest.approx(lowest * weight, abs=1e-9), one.curie


def test_a_conclusion_is_as_certain_as_the_least_certain_of_its_premises(
    graph: KnowledgeGraph, concluded: list[Statement]
):
    rank = ["pk:suggested", "pk:probable", "pk:established"]
    for one in concluded:
        certainties = [graph.statement(iri).certainty for iri in one.premises]
        ranks = [rank.index(certainty.curie) for certainty in certainties if certainty]

        assert one.certainty
        assert rank.index(one.certainty.curie) == min(ranks), one.curie


def test_every_proof_ends_in_evidence_and_never_comes_back_to_itself(
    graph: KnowledgeGraph, concluded: list[Statement]
):
    for one in concluded:
        for way in ways(graph.proof(one)):
            iris = [statement.iri for statement in way]
            assert len(set(iris)) == len(iris), f"{one.curie} is proved by itself: {iris}"
            assert way[-1].supports, f"the proof of {one.curie} ends in {iris[-1]}, on no evidence"


def test_inferring_again_adds_nothing():
    store = build.assemble()
    # What is share-alike gives shortcuts and no statements of ours.
    shortcuts = [rule for rule in rules() if rule.kind == "shortcut"]

    assert infer(store, shortcuts) == 0


def test_confidence_is_given_to_what_is_sure_and_to_nothing_else(graph: KnowledgeGraph):
    expected = {"pk:established": 0.95, "pk:probable": 0.8, "pk:suggested": 0.5}
    rows = list(
        graph.query(
            """SELECT ?s ?certainty ?confidence ?later WHERE {
              ?s pk:subject ?x ; pk:supportedBy ?evidence ; pk:certainty ?certainty .
              OPTIONAL { ?s pk:confidence ?confidence }
              OPTIONAL { ?s pk:supersededBy ?later }
            }"""
        )
    )

    assert any(row["certainty"] == "pk:contested" for row in rows)
    for row in rows:
        sure = None if "later" in row else expected.get(str(row["certainty"]))
        assert row.get("confidence") == sure, row


# ── Shortcuts ────────────────────────────────────────────────────────────────


def shortcuts(graph: KnowledgeGraph) -> list[str]:
    return [str(row["p"]) for row in graph.query("SELECT ?p WHERE { ?p a pk:Shortcut }")]


def actions(graph: KnowledgeGraph) -> set[str]:
    rows = graph.query("SELECT ?p WHERE { ?p rdfs:subPropertyOf* pk:actsOn }")
    return {str(row["p"]) for row in rows}


def test_it_is_known_of_every_shortcut_what_stands_behind_it(graph: KnowledgeGraph):
    known = BEHIND.keys() | DESCRIBED.keys() | actions(graph)

    assert known == set(shortcuts(graph)), "add the shortcut to BEHIND or DESCRIBED"


def test_every_edge_of_a_shortcut_has_a_sure_statement_behind_it(graph: KnowledgeGraph):
    patterns = dict.fromkeys(actions(graph), ACTION) | BEHIND
    counted: dict[str, int] = defaultdict(int)
    for shortcut, pattern in patterns.items():
        # The times of a finding bear the same properties as the formulation's own.
        edges = graph.query(
            f"""SELECT ?subject ?object WHERE {{ ?subject {shortcut} ?object .
            FILTER NOT EXISTS {{ ?subject a pk:Finding }} }}"""
        ).rows
        for row in edges:
            values = f"VALUES (?subject ?object) {{ ({row['subject']} {row['object']}) }}"
            behind = f"{values} ?s pk:confidence ?confidence . {pattern}"
            counted[shortcut] += 1
            assert graph.store.ask(f"ASK {{ {behind} }}"), (
                f"{row['subject']} {shortcut} {row['object']} has no sure statement behind it"
            )

    assert {"pk:memberOf", "pk:treats", "pk:usedFor", "pk:mayCause", "pk:actsOn"} <= counted.keys()


@pytest.mark.parametrize("shortcut", DESCRIBED)
def test_every_edge_of_an_ingredient_is_described(graph: KnowledgeGraph, shortcut: str):
    edges = graph.query(f"SELECT ?subject ?object WHERE {{ ?subject {shortcut} ?object }}").rows

    assert edges
    for row in edges:
        values = f"VALUES (?subject ?object) {{ ({row['subject']} {row['object']}) }}"
        assert graph.store.ask(f"ASK {{ {values} {DESCRIBED[shortcut]} }}"), row


def test_a_shortcut_is_only_ever_inferred(graph: KnowledgeGraph):
    rows = graph.query(
        """SELECT ?graph ?subject ?p ?object WHERE {
          ?p a pk:Shortcut .
          GRAPH ?graph { ?subject ?p ?object }
          FILTER (?graph NOT IN (graph:inferred, graph:gtopdb-inferred))
          FILTER NOT EXISTS { ?subject a pk:Finding }
        }"""
    )

    assert list(rows) == [], "a shortcut is typed; state it, and let the build abbreviate it"


def test_every_edge_of_an_outside_relation_has_a_shortcut_below_it(graph: KnowledgeGraph):
    rows = graph.query(
        """SELECT ?subject ?above ?object WHERE {
          GRAPH graph:inferred { ?subject ?above ?object }
          FILTER (STRSTARTS(STR(?above), STR(obo:RO_)))
          FILTER NOT EXISTS {
            ?below rdfs:subPropertyOf ?above . ?subject ?below ?object .
          }
        }"""
    )

    assert list(rows) == []


def test_what_a_contested_indication_says_is_no_use(graph: KnowledgeGraph):
    contested = graph.query(
        """SELECT ?s WHERE {
          ?s pk:certainty pk:contested ; pk:subject ?subject ; pk:object ?object
        }"""
    )

    assert contested.rows
    for row in contested:
        assert graph.statement(expand(str(row["s"]))).confidence is None, row


def ways(proof: Proof) -> Iterator[list[Statement]]:
    """Every way from a conclusion down to what it rests on."""
    if not proof.premises:
        yield [proof.statement]
    for premise in proof.premises:
        yield from ([proof.statement, *way] for way in ways(premise))

"""Paths explain with shortcuts only, so no negative and nothing contested is ever a reason."""

from pharmakon import KnowledgeGraph
from pharmakon.namespaces import PK
from pharmakon.views.paths import Edge


def test_naltrexone_is_joined_to_respiratory_depression_through_a_receptor(graph: KnowledgeGraph):
    found = graph.paths("naltrexone", "respiratory depression")

    assert found
    kinds = [[thing.kind for thing in path.things] for path in found]
    assert ["substance", "target", "substance", "condition"] in kinds


def test_paths_are_simple_and_the_shortest_come_first(graph: KnowledgeGraph):
    found = graph.paths("naltrexone", "naloxone")
    lengths = [len(path) for path in found]

    assert lengths == sorted(lengths)
    for path in found:
        assert len(set(path.things)) == len(path.things)
        assert len(path.steps) == len(path.things) - 1


def test_of_paths_of_one_length_what_things_do_comes_first(graph: KnowledgeGraph):
    (first, *_) = graph.paths("naltrexone", "respiratory depression")

    assert [step[0].property.curie for step in first.steps] == [
        "pk:antagonistOf",
        "pk:agonistOf",
        "pk:mayCause",
    ]


def test_a_path_is_no_longer_than_asked_for(graph: KnowledgeGraph):
    assert all(len(path) <= 2 for path in graph.paths("naltrexone", "naloxone", most=2))


def test_a_thing_has_no_path_to_itself(graph: KnowledgeGraph):
    assert graph.paths("naltrexone", "naltrexone") == []


def test_what_deters_the_misuse_of_a_product_is_no_way_to_its_use(graph: KnowledgeGraph):
    for path in graph.paths("naloxone", "opioid use disorder"):
        first_step = {path.things[0].curie, path.things[1].curie}
        assert "product:suboxone" not in first_step, [thing.label for thing in path.things]


def test_an_approved_use_opens_to_statements_of_an_approved_use(graph: KnowledgeGraph):
    treats = [edge for edge in edges(graph) if edge.property.curie == "pk:treats"]

    assert treats
    for edge in treats:
        for iri in edge.statements:
            status = {v.curie for v in graph.statement(iri).values("useStatus")}
            assert "pk:approved" in status, iri


def test_two_look_alike_names_are_no_reason(graph: KnowledgeGraph):
    confusable = PK["notToBeConfusedWith"].value

    for path in graph.paths("naltrexone", "naloxone"):
        assert all(edge.property.iri != confusable for step in path.steps for edge in step)


def edges(graph: KnowledgeGraph) -> list[Edge]:
    everything = [thing.iri for kind in KINDS for thing in graph.names.of_kind(kind)]
    return graph.neighbours(*everything)


KINDS = ("substance", "class", "target", "condition", "product", "formulation")


def test_every_edge_opens_to_statements_that_affirm_it(graph: KnowledgeGraph):
    typed = {PK[name].value for name in ("hasFormulation", "hasSubunit", "hasActiveIngredient")}
    typed.add("http://www.w3.org/2004/02/skos/core#broader")
    symmetric = PK["notToBeConfusedWith"].value

    for edge in edges(graph):
        if edge.property.iri in typed or edge.property.iri == symmetric:
            continue
        assert edge.statements, f"{edge.subject.curie} {edge.property.curie} {edge.object.curie}"
        for iri in edge.statements:
            one = graph.statement(iri)
            assert not one.negative, f"{one.curie} is a negative behind an edge"
            assert not one.contested, f"{one.curie} is contested and behind an edge"


def test_no_edge_of_use_or_cause_joins_what_only_a_negative_joins(graph: KnowledgeGraph):
    affirming = {PK[name].value for name in ("usedFor", "treats", "mayCause")}
    joined = {
        (edge.subject.curie, edge.object.curie)
        for edge in edges(graph)
        if edge.property.iri in affirming
    }

    assert ("substance:naltrexone", "condition:opioid-use-disorder") in joined
    assert ("substance:naltrexone", "condition:euphoria") not in joined
    assert ("substance:naltrexone", "condition:opioid-withdrawal") not in joined
    assert ("substance:naloxone", "condition:opioid-use-disorder") not in joined


def test_only_the_most_specific_edge_of_a_pair_is_shown(graph: KnowledgeGraph):
    every = edges(graph)
    for edge in every:
        if edge.property.curie == "pk:actsOn":
            more = [
                other.property.curie
                for other in every
                if (other.subject, other.object) == (edge.subject, edge.object)
            ]
            assert more == ["pk:actsOn"]

"""The Python API is what the contract says."""

import networkx as nx
import pyoxigraph as ox
import pytest

import pharmakon
from pharmakon import KnowledgeGraph, tables
from pharmakon.errors import NotFoundError, QueryRefusedError


def test_what_is_visible_is_what_is_promised():
    assert pharmakon.__all__ == ["PREFIXES", "KnowledgeGraph", "PharmakonError", "open"]
    assert all(hasattr(pharmakon, name) for name in pharmakon.__all__)


def test_a_thing_is_had_by_its_name_brand_or_identifier(graph: KnowledgeGraph):
    things = {graph[name].reference.curie for name in ("naltrexone", "CHEBI:7465")}

    assert things == {"substance:naltrexone"}
    assert graph["vivitrol"].reference.kind == "product"


def test_a_thing_that_is_not_there_suggests_others(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError, match="did you mean 'naltrexone'"):
        graph["naltrexon"]


def test_a_query_of_ones_own_needs_no_prefixes(graph: KnowledgeGraph):
    table = graph.query("SELECT ?drug WHERE { ?drug pk:antagonistOf target:opioid-receptor }")

    assert {"drug": "substance:naltrexone"} in table.to_dicts()


def test_a_named_query_takes_names(graph: KnowledgeGraph):
    table = graph.named("antagonists", target="mu-opioid receptor")

    assert "naltrexone" in {value for row in table for value in row.values()}


def test_a_named_query_without_a_value_does_not_answer_for_its_example(graph: KnowledgeGraph):
    with pytest.raises(TypeError, match="query 'antagonists' needs a value for target"):
        graph.named("antagonists")


def test_a_substance_asked_about_as_a_target_is_no_empty_answer(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError, match="no target is called 'naltrexone'"):
        graph.named("antagonists", target="naltrexone")


def test_a_query_reaches_no_other_server(graph: KnowledgeGraph):
    with pytest.raises(QueryRefusedError, match="federation is off"):
        graph.query("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }")


def test_a_conclusion_about_a_pair_has_an_address(graph: KnowledgeGraph):
    [pair] = graph.interactions(["naltrexone", "morphine"])

    for one in pair.interactions:
        again = graph.statement(one.statement.curie)
        assert again == one.statement
        assert graph.proof(again) == one.proof
        assert any(quad.subject.value == again.iri for quad in graph.describe(again.iri))


def test_networkx_without_a_name_has_the_whole_graph(graph: KnowledgeGraph):
    whole = graph.networkx()

    assert {"substance:naltrexone", "substance:ethanol", "product:narcan"} <= set(whole)


def test_a_table_becomes_what_people_work_with(graph: KnowledgeGraph):
    table = graph.query("SELECT ?n WHERE { VALUES ?n { 1 2.5 true 'x' substance:naltrexone } }")

    assert [row["n"] for row in table] == [1, 2.5, True, "x", "substance:naltrexone"]
    assert "<td>substance:naltrexone</td>" in table._repr_html_()
    assert len(table) == 5


def test_a_table_has_the_columns_of_its_query_in_their_order(graph: KnowledgeGraph):
    table = graph.query("SELECT ?b ?none ?a WHERE { VALUES (?a ?b) { (1 2) } }")

    assert table.columns == ("b", "none", "a")
    assert str(table) == "b\tnone\ta\n2\t\t1"


def test_a_table_becomes_a_data_frame_of_pandas_or_polars(graph: KnowledgeGraph):
    table = graph.query("SELECT ?name ?n WHERE { VALUES (?name ?n) { ('a' 1) ('b' UNDEF) } }")

    pandas, polars = table.to_pandas(), table.to_polars()

    assert list(pandas.columns) == polars.columns == ["name", "n"]
    assert pandas["name"].tolist() == polars["name"].to_list() == ["a", "b"]
    assert polars["n"].to_list() == [1, None]


def test_an_empty_table_keeps_its_columns(graph: KnowledgeGraph):
    table = graph.query("SELECT ?a ?b WHERE { FILTER (false) }")

    assert list(table.to_pandas().columns) == table.to_polars().columns == ["a", "b"]


def test_a_table_escapes_what_it_draws():
    table = tables.Table(("x",), ({"x": ox.Literal("<script>")},), "SELECT ?x WHERE {}")

    assert "<script>" not in table._repr_html_()


def test_networkx_gets_labels_and_statements(graph: KnowledgeGraph):
    drawn = graph.networkx("naltrexone", hops=2)

    assert isinstance(drawn, nx.MultiDiGraph)
    assert drawn.nodes["substance:naltrexone"]["label"] == "naltrexone"
    assert nx.has_path(drawn.to_undirected(), "substance:naltrexone", "substance:naloxone")


def test_a_statement_that_is_not_there_is_not_found(graph: KnowledgeGraph):
    with pytest.raises(NotFoundError, match="no statement is called"):
        graph.statement("statement:nothing")


def test_a_graph_says_what_it_is(graph: KnowledgeGraph):
    assert repr(graph).startswith(f"<KnowledgeGraph {graph.release}: ")


@pytest.mark.parametrize("name", ["a-b-c", "a>-b-c", "-" * 400, "-".join("ab" * 99), ""])
def test_a_conclusion_that_no_rule_draws_is_not_found(graph: KnowledgeGraph, name: str):
    with pytest.raises(NotFoundError):
        graph.statement(f"statement:antagonist-blocks-agonist-{name}")

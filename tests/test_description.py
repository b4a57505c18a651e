"""The description of the endpoint says what is there, in the words of published vocabularies."""

from __future__ import annotations

import json
import re

import pyoxigraph as ox
import pytest
from rdflib import URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF, VOID

from pharmakon import KnowledgeGraph
from pharmakon.build import CC_BY, SHARE_ALIKE
from pharmakon.namespaces import BASE, PK, PREFIXES
from pharmakon.stores import OxigraphStore, text
from pharmakon_server.description import dataset, description

ENDPOINT = "https://example.org/sparql"
SD = "http://www.w3.org/ns/sparql-service-description#"

#: The terms of SPARQL 1.1 Service Description, section 3, that a description may use.
SD_TERMS = {
    *("Service", "Dataset", "Graph", "NamedGraph", "GraphCollection", "Feature", "Language"),
    *("endpoint", "feature", "supportedLanguage", "resultFormat", "inputFormat", "name", "graph"),
    *("defaultDataset", "defaultGraph", "namedGraph", "availableGraphs", "extensionFunction"),
    *("SPARQL10Query", "SPARQL11Query", "SPARQL11Update", "UnionDefaultGraph", "EmptyGraphs"),
    *("BasicFederatedQuery", "RequiresDataset", "DereferencesURIs"),
}

#: The IRIs of https://www.w3.org/ns/formats/.
FORMATS = {
    f"http://www.w3.org/ns/formats/{name}"
    for name in (
        *("SPARQL_Results_CSV", "SPARQL_Results_JSON", "SPARQL_Results_TSV", "SPARQL_Results_XML"),
        *("JSON-LD", "N-Quads", "N-Triples", "RDF_XML", "TriG", "Turtle"),
    )
}


def loaded(triples: list[ox.Triple]) -> ox.Store:
    """Return a description as whoever asked for it would have it, to be queried."""
    turtle = ox.serialize(triples, format=ox.RdfFormat.TURTLE)
    found = ox.Store()
    found.load(turtle, format=ox.RdfFormat.TURTLE)
    return found


def ask(found: ox.Store, query: str) -> list[list[str]]:
    """Return the values of each variable, in the order in which they stand in the pattern."""
    prefixes = PREFIXES | {"sd": SD}
    answer = found.query(f"SELECT * {{ {query} }}", prefixes=prefixes)
    body = json.loads(answer.serialize(format=ox.QueryResultsFormat.JSON))
    names = list(dict.fromkeys(re.findall(r"\?(\w+)", query)))
    return [[row[name]["value"] for name in names] for row in body["results"]["bindings"]]


@pytest.fixture(scope="module")
def described(graph: KnowledgeGraph) -> ox.Store:
    return loaded(description(ENDPOINT, dataset(graph.store, release=graph.release)))


@pytest.fixture(scope="module")
def empty() -> ox.Store:
    held = dataset(OxigraphStore(), union=False)
    return loaded(description(ENDPOINT, held, updated=True, federated=True))


@pytest.mark.parametrize("which", ["described", "empty"])
def test_it_has_the_shape_that_the_w3c_tests(which: str, request: pytest.FixtureRequest):
    found = request.getfixturevalue(which)

    assert len(ask(found, f"?service a sd:Service ; sd:endpoint <{ENDPOINT}>")) == 1
    assert len(ask(found, "?service sd:endpoint ?endpoint")) == 1
    assert len(ask(found, "?s sd:defaultDataset ?d . ?d a sd:Dataset ; sd:defaultGraph ?g")) == 1
    assert len(ask(found, "?d sd:defaultGraph ?g . ?g a sd:Graph ; void:triples ?n")) == 1
    for name in ("supportedLanguage", "feature", "resultFormat"):
        for (value,) in ask(found, f"[] sd:{name} ?value"):
            assert ox.NamedNode(value)
    graphs = ask(found, "?d sd:namedGraph ?named")
    whole = "?d sd:namedGraph ?named . ?named a sd:NamedGraph ; sd:name ?name ; sd:graph ?graph"
    assert len(ask(found, f"{whole} . ?graph a sd:Graph ; void:triples ?n")) == len(graphs)


@pytest.mark.parametrize("which", ["described", "empty"])
def test_every_term_is_in_its_vocabulary(which: str, request: pytest.FixtureRequest):
    found = request.getfixturevalue(which)
    used = {quad.predicate.value for quad in found}
    used |= {quad.object.value for quad in found if quad.predicate.value == str(RDF.type)}
    used |= {value for (value,) in ask(found, "[] sd:feature|sd:supportedLanguage ?value")}
    # DCAT 3 has the version of a dataset; what rdflib knows is DCAT 2.
    known = {f"{SD}{name}" for name in SD_TERMS} | {f"{DCAT}version", str(RDF.type)}

    for term in used - known:
        assert any(URIRef(term) in one for one in (VOID, DCAT, DCTERMS)), term


def test_the_forms_are_those_that_the_w3c_registered(described: ox.Store):
    assert {value for (value,) in ask(described, "[] sd:resultFormat ?form")} == FORMATS
    forms = {value for (value,) in ask(described, "[] void:feature ?form")}
    assert forms == {form for form in FORMATS if "SPARQL" not in form}


def test_the_triples_are_counted_right(described: ox.Store, graph: KnowledgeGraph):
    assert isinstance(graph.store, OxigraphStore)
    quads = list(graph.store.quads())
    sizes = {one.graph_name.value: 0 for one in quads}
    for one in quads:
        sizes[one.graph_name.value] += 1
    whole = str(len({one.triple for one in quads}))

    (counts,) = ask(described, "[] sd:defaultGraph/void:triples ?n ; void:triples ?m")
    assert counts == [whole, whole]
    named = ask(described, "[] sd:name ?name ; sd:graph/void:triples ?n")
    assert dict(named) == {name: str(size) for name, size in sizes.items()}
    properties = str(len({one.predicate for one in quads}))
    assert ask(described, "[] void:properties ?n") == [[properties]]


def test_the_catalogue_counts_the_same(described: ox.Store, graph: KnowledgeGraph):
    rows = graph.store.select("SELECT * { GRAPH graph:catalog { ?graph void:triples ?n } }")

    for row in rows:
        assert ask(described, f"{row['graph']} void:triples ?n") == [[text(row["n"])]]


def test_the_entities_of_each_class_are_counted_right(described: ox.Store, graph: KnowledgeGraph):
    parts = ask(described, "[] void:classPartition [ void:class ?class ; void:entities ?n ]")

    assert len(parts) == len(dict(parts)) > 20
    assert PK["Substance"].value in dict(parts)
    assert all(name.startswith(PK.base) for name, _ in parts)
    for name, count in parts:
        assert len(list(graph.store.select(f"SELECT DISTINCT ?s {{ ?s a <{name}> }}"))) == int(
            count
        )


def test_it_says_what_the_dataset_is(described: ox.Store, graph: KnowledgeGraph):
    about, *others = ask(
        described,
        "?d a dcat:Dataset, void:Dataset ; dcterms:title ?title ; dcterms:description ?text ;"
        " dcterms:license ?licence ; dcat:version ?version ; void:uriSpace ?space ;"
        f" void:sparqlEndpoint <{ENDPOINT}> ; void:exampleResource ?example"
        " FILTER(isBlank(?d))",
    )
    _, title, _, licence, version, space, example = about

    assert (title, version, space) == ("Pharmakon", graph.release, BASE)
    # That of the Guide to PHARMACOLOGY stands beside it.
    assert {licence, *(other[3] for other in others)} == {CC_BY, *SHARE_ALIKE}
    assert graph.store.ask(f"ASK {{ <{example}> a pk:Substance }}")
    vocabularies = {value for (value,) in ask(described, "[] void:vocabulary ?it")}
    assert {PK.base, PREFIXES["skos"], PREFIXES["rdfs"]} < vocabularies
    titles = ask(described, "?graph a sd:Graph ; dcterms:title ?t ; dcterms:license ?l")
    assert len({tuple(one) for one in titles}) == 8
    assert len(ask(described, f"[] a dcat:DataService ; dcat:endpointURL <{ENDPOINT}>")) == 1


def test_it_names_the_features_that_there_are(described: ox.Store, empty: ox.Store):
    def features(found: ox.Store) -> set[str]:
        return {v.removeprefix(SD) for (v,) in ask(found, "[] sd:feature ?v")}

    def languages(found: ox.Store) -> set[str]:
        return {v.removeprefix(SD) for (v,) in ask(found, "[] sd:supportedLanguage ?v")}

    assert features(described) == {"UnionDefaultGraph"}
    assert features(empty) == {"BasicFederatedQuery"}
    assert languages(described) == {"SPARQL11Query"}
    assert languages(empty) == {"SPARQL11Query", "SPARQL11Update"}


def test_an_empty_store_is_described_as_one(empty: ox.Store):
    assert ask(empty, "?any void:triples ?n FILTER(?n != 0)") == []
    assert ask(empty, "?d dcterms:title ?title") == []
    assert ask(empty, "?d sd:namedGraph ?named") == []


def test_the_default_graph_is_counted_apart_from_the_named_ones():
    store = OxigraphStore()
    triples = [ox.Triple(PK["a"], PK["b"], ox.Literal(number)) for number in range(3)]
    store.add(triples)
    store.add(triples[:2], PK["named"])
    store.add(triples[:1], ox.BlankNode())  # type: ignore[arg-type]

    apart = loaded(description(ENDPOINT, dataset(store, union=False)))
    union = loaded(description(ENDPOINT, dataset(store)))

    assert ask(apart, "[] sd:defaultGraph/void:triples ?n") == [["3"]]
    assert ask(union, "[] sd:defaultGraph/void:triples ?n") == [["3"]]
    assert ask(apart, "[] sd:name ?name ; sd:graph/void:triples ?n") == [[PK["named"].value, "2"]]

"""The vocabulary and the named graphs are at their own addresses, in every form."""

from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient

from pharmakon import KnowledgeGraph
from pharmakon.exports import RDF_FORMATS
from pharmakon.namespaces import GRAPH
from pharmakon.stores import OxigraphStore
from pharmakon.stores.sandbox import SandboxedQueries
from pharmakon.views.vocabulary import vocabulary
from pharmakon_server import create_app


@pytest.fixture(scope="module")
def client(graph: KnowledgeGraph) -> Iterator[FlaskClient]:
    assert isinstance(graph.store, OxigraphStore)
    with SandboxedQueries(graph.store) as queries:
        yield create_app(graph, queries).test_client()


def test_every_term_is_on_the_page_with_its_definition(graph: KnowledgeGraph, client: FlaskClient):
    page = client.get("/ontology").text

    for term in vocabulary(graph.store):
        assert f'id="{term.name}"' in page, f"pk:{term.name} is not on the page"
        assert term.reference.definition


@pytest.mark.parametrize("suffix", RDF_FORMATS)
def test_the_vocabulary_is_served_in_every_syntax(
    graph: KnowledgeGraph, client: FlaskClient, suffix: str
):
    response = client.get(f"/ontology.{suffix}")

    read = {str(quad.triple) for quad in ox.parse(response.data, format=RDF_FORMATS[suffix])}
    assert read == {str(q.triple) for q in graph.store.quads(graph=GRAPH["ontology"])}


def test_the_vocabulary_is_negotiated(client: FlaskClient):
    kinds = {
        accept: client.get("/ontology", headers={"Accept": accept}).mimetype
        for accept in ("text/turtle", "text/html", "application/json", "text/csv")
    }

    assert all(accept == kind for accept, kind in kinds.items()), kinds


def test_a_property_of_a_statement_leads_to_its_definition(client: FlaskClient):
    page = client.get("/statement/naltrexone-opioid-withdrawal-non-indication").text

    assert 'href="/ontology#negativeBasis"' in page


@pytest.mark.parametrize("name", ["curated", "inferred", "mappings", "ontology", "catalog"])
def test_a_named_graph_is_served_as_what_it_holds(
    graph: KnowledgeGraph, client: FlaskClient, name: str
):
    response = client.get(f"/graph/{name}.nq")

    held = sum(1 for _ in graph.store.quads(graph=GRAPH[name]))
    assert len(response.data.splitlines()) == held > 0


def test_people_are_led_to_what_the_graphs_are(client: FlaskClient):
    response = client.get("/graph/curated", headers={"Accept": "text/html"})

    assert (response.status_code, response.headers["Location"]) == (303, "/licences")


def test_a_graph_that_is_not_there_names_those_that_are(client: FlaskClient):
    response = client.get("/graph/nothing", headers={"Accept": "application/json"})

    assert response.status_code == 404
    assert "curated" in response.text


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("pk:treats", "/ontology#treats"),
        ("rule:class-chain", "/rule/class-chain"),
        ("statement:naltrexone-nausea", "/statement/naltrexone-nausea"),
        ("http://purl.obolibrary.org/obo/CHEBI_7465", "/substance/naltrexone"),
        ("chebi:7465", "/substance/naltrexone"),
    ],
)
def test_anything_that_has_an_address_resolves(client: FlaskClient, name: str, address: str):
    response = client.get(f"/resolve/{name}")

    assert (response.status_code, response.headers["Location"]) == (303, address)


def test_a_host_that_the_caller_names_is_not_redirected_to(client: FlaskClient):
    response = client.get("/substance//naltrexone", headers={"Host": "evil.example"})

    assert "evil.example" not in response.headers.get("Location", "")

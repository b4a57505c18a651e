"""The JSON-LD context covers the vocabulary, and what is written with it is read back."""

import json

import pyoxigraph as ox
import pytest

from pharmakon import KnowledgeGraph, resources
from pharmakon.namespaces import PREFIXES, expand

CONTEXT = json.loads((resources.folder("ontology") / "context.jsonld").read_text("utf-8"))[
    "@context"
]


def test_every_prefix_is_declared():
    assert {name: CONTEXT.get(name) for name in PREFIXES} == PREFIXES


def test_every_property_has_a_term_unless_its_name_is_a_prefix(graph: KnowledgeGraph):
    rows = graph.query(
        """SELECT ?property WHERE {
          VALUES ?kind { owl:ObjectProperty owl:DatatypeProperty }
          ?property a ?kind . FILTER (STRSTARTS(STR(?property), STR(pk:)))
        }"""
    )
    for row in rows:
        name = str(row["property"]).removeprefix("pk:")
        if name not in PREFIXES:
            assert CONTEXT[name]["@id"] == f"pk:{name}", f"add {name!r} to ontology/context.jsonld"


TERMS = [name for name, value in CONTEXT.items() if isinstance(value, dict)]


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_of_the_vocabulary_or_of_a_prefix(graph: KnowledgeGraph, term: str):
    iri = expand(CONTEXT[term]["@id"])

    assert iri.startswith("http")
    if iri.startswith(PREFIXES["pk"]):
        assert graph.store.ask(f"ASK {{ <{iri}> rdfs:label ?label }}"), f"{term} is no term"


def test_a_statement_written_with_the_context_says_what_it_should():
    document = {
        "@context": CONTEXT,
        "id": "statement:x",
        "type": "pk:NonEffect",
        "subject": "substance:naltrexone",
        "condition": "condition:euphoria",
        "certainty": "pk:established",
    }

    read = {
        (t.predicate.value, t.object.value)
        for t in ox.parse(json.dumps(document), format=ox.RdfFormat.JSON_LD)
    }

    assert (expand("pk:subject"), expand("substance:naltrexone")) in read
    assert (expand("pk:certainty"), expand("pk:established")) in read

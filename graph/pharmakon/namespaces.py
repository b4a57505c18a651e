"""The namespaces: those that Pharmakon owns, and those that it uses."""

from __future__ import annotations

from pyoxigraph import NamedNode

__all__ = [
    "CIRCUMSTANCE",
    "CONDITION",
    "DCTERMS",
    "ENTITY_TYPES",
    "FORMULATION",
    "GRAPH",
    "OA",
    "OWL",
    "PK",
    "PREFIXES",
    "PRODUCT",
    "RDF",
    "RDFS",
    "RULE",
    "SKOS",
    "SOURCE",
    "STATEMENT",
    "SUBSTANCE",
    "TARGET",
    "XSD",
    "Namespace",
    "expand",
    "shorten",
]

BASE = "https://w3id.org/pharmakon/"


class Namespace:
    """A base IRI, from which terms are made.

    Example:
        >>> PK["Substance"]
        <NamedNode value=https://w3id.org/pharmakon/ontology#Substance>
    """

    def __init__(self, base: str) -> None:
        """Start every term of this namespace with ``base``."""
        self.base = base

    def __getitem__(self, name: str) -> NamedNode:
        """Return the term of that local name.

        Raises:
            ValueError: The name has a character that an IRI may not have.
        """
        return NamedNode(self.base + name)


#: The vocabulary and its value schemes.
PK = Namespace(f"{BASE}ontology#")

SUBSTANCE = Namespace(f"{BASE}substance/")
TARGET = Namespace(f"{BASE}target/")
CONDITION = Namespace(f"{BASE}condition/")
PRODUCT = Namespace(f"{BASE}product/")
FORMULATION = Namespace(f"{BASE}formulation/")
CIRCUMSTANCE = Namespace(f"{BASE}circumstance/")
SOURCE = Namespace(f"{BASE}source/")
STATEMENT = Namespace(f"{BASE}statement/")
RULE = Namespace(f"{BASE}rule/")
GRAPH = Namespace(f"{BASE}graph/")

DCTERMS = Namespace("http://purl.org/dc/terms/")
OA = Namespace("http://www.w3.org/ns/oa#")
OWL = Namespace("http://www.w3.org/2002/07/owl#")
RDF = Namespace("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
RDFS = Namespace("http://www.w3.org/2000/01/rdf-schema#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")

#: The kinds of thing that have a page, and the first step of its path.
ENTITY_TYPES = (
    "substance",
    "target",
    "condition",
    "product",
    "formulation",
    "circumstance",
    "source",
)

#: Every prefix that a query may use without declaring it.
PREFIXES: dict[str, str] = {
    "biolink": "https://w3id.org/biolink/vocab/",
    "bioregistry": "https://bioregistry.io/",
    "circumstance": CIRCUMSTANCE.base,
    "condition": CONDITION.base,
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": DCTERMS.base,
    "formulation": FORMULATION.base,
    "graph": GRAPH.base,
    "oa": OA.base,
    "obo": "http://purl.obolibrary.org/obo/",
    "owl": OWL.base,
    "pk": PK.base,
    "product": PRODUCT.base,
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": RDF.base,
    "rdfs": RDFS.base,
    "rule": RULE.base,
    "schema": "https://schema.org/",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": SKOS.base,
    "source": SOURCE.base,
    "statement": STATEMENT.base,
    "substance": SUBSTANCE.base,
    "target": TARGET.base,
    "uniprot": "http://purl.uniprot.org/uniprot/",
    "void": "http://rdfs.org/ns/void#",
    "xsd": XSD.base,
}


def shorten(iri: str) -> str:
    """Return an IRI as a CURIE of :data:`PREFIXES`, or as it is where none fits.

    Example:
        >>> shorten("https://w3id.org/pharmakon/substance/naltrexone")
        'substance:naltrexone'
        >>> shorten("urn:isbn:0451450523")
        'urn:isbn:0451450523'
    """
    fitting = [(len(base), prefix) for prefix, base in PREFIXES.items() if iri.startswith(base)]
    if not fitting:
        return iri
    length, prefix = max(fitting)
    return f"{prefix}:{iri[length:]}"


def expand(curie: str) -> str:
    """Return a CURIE of :data:`PREFIXES` as an IRI, or as it is where it is none.

    Example:
        >>> expand("pk:treats")
        'https://w3id.org/pharmakon/ontology#treats'
        >>> expand("naltrexone")
        'naltrexone'
    """
    prefix, colon, local = curie.partition(":")
    return PREFIXES[prefix] + local if colon and prefix in PREFIXES else curie

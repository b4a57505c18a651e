"""What the endpoint says of itself: SPARQL 1.1 Service Description, with VoID and DCAT.

What the graph holds is counted once, when the server starts; a request only adds where the
endpoint is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyoxigraph as ox

from pharmakon.namespaces import BASE, DCTERMS, PREFIXES, RDF, XSD, Namespace, shorten
from pharmakon.stores import Store, Term, text

from .negotiation import GRAPHS, RESULTS

__all__ = ["dataset", "description"]

_Form = ox.QueryResultsFormat | ox.RdfFormat

_SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
_VOID = Namespace(PREFIXES["void"])
_DCAT = Namespace(PREFIXES["dcat"])

_SERVICE = ox.BlankNode("service")
_DATASET = ox.BlankNode("dataset")
_DEFAULT = ox.BlankNode("default")

#: What VoID says of a whole dataset, and the query that finds it.
_WHOLE = {
    "triples": "(COUNT(*) AS ?it) { SELECT DISTINCT ?s ?p ?o { ?s ?p ?o } }",
    "classes": "(COUNT(DISTINCT ?class) AS ?it) { [] a ?class }",
    "properties": "(COUNT(DISTINCT ?property) AS ?it) { [] ?property [] }",
    "exampleResource": "?it { ?it a pk:Substance } ORDER BY ?it LIMIT 1",
}

_GRAPHS = """SELECT ?graph (COUNT(*) AS ?triples) { GRAPH ?graph { ?s ?p ?o } }
GROUP BY ?graph ORDER BY ?graph"""

_CATALOG = """SELECT ?graph ?title ?description ?license {
  GRAPH graph:catalog {
    ?graph a dcat:Dataset ;
      rdfs:label ?title ;
      skos:definition ?description ;
      dcterms:license ?license .
  }
}
ORDER BY ?graph"""

_CLASSES = """SELECT ?class (COUNT(DISTINCT ?one) AS ?entities) {
  ?one a ?class
  FILTER(STRSTARTS(STR(?class), STR(pk:)))
}
GROUP BY ?class ORDER BY ?class"""

_TERMS = "SELECT DISTINCT ?term { { ?s ?term ?o } UNION { ?s a ?term } }"


def description(
    endpoint: str, held: Iterable[ox.Triple], *, federated: bool = False, updated: bool = False
) -> list[ox.Triple]:
    """Return the description of an endpoint.

    Args:
        endpoint: Its address.
        held: What :func:`dataset` says of what it answers from.
        federated: Whether it answers SERVICE.
        updated: Whether it takes updates.
    """
    address = ox.NamedNode(endpoint)
    languages = ["SPARQL11Query", *(["SPARQL11Update"] if updated else [])]
    features = ["BasicFederatedQuery"] if federated else []
    forms: list[_Form] = [*RESULTS.values(), *GRAPHS.values()]
    found = [
        ox.Triple(_SERVICE, RDF["type"], _SD["Service"]),
        ox.Triple(_SERVICE, RDF["type"], _DCAT["DataService"]),
        ox.Triple(_SERVICE, _SD["endpoint"], address),
        ox.Triple(_SERVICE, _DCAT["endpointURL"], address),
        *(ox.Triple(_SERVICE, _SD["supportedLanguage"], _SD[name]) for name in languages),
        *(ox.Triple(_SERVICE, _SD["feature"], _SD[name]) for name in features),
        *(ox.Triple(_SERVICE, _SD["resultFormat"], form) for form in _iris(forms)),
        ox.Triple(_SERVICE, _SD["defaultDataset"], _DATASET),
        ox.Triple(_SERVICE, _DCAT["servesDataset"], _DATASET),
        ox.Triple(_DATASET, _VOID["sparqlEndpoint"], address),
        *held,
    ]
    # What is about one thing stands together, which the serialiser leaves to us.
    order = {one.subject: number for number, one in reversed(list(enumerate(found)))}
    return sorted(found, key=lambda one: order[one.subject])


def dataset(store: Store | None, *, release: str = "", union: bool = True) -> list[ox.Triple]:
    """Return the description of what an endpoint answers from.

    Args:
        store: What is described. It is asked some queries over all that it holds; None
            where it changes, so that no count would hold.
        release: The name of the release, or the empty string where it is none.
        union: Whether the default graph is the union of the named ones.
    """
    found = [
        ox.Triple(_DATASET, RDF["type"], _SD["Dataset"]),
        ox.Triple(_DATASET, RDF["type"], _VOID["Dataset"]),
        ox.Triple(_DATASET, RDF["type"], _DCAT["Dataset"]),
        *(ox.Triple(_DATASET, _VOID["feature"], form) for form in _iris(GRAPHS.values())),
        ox.Triple(_DATASET, _SD["defaultGraph"], _DEFAULT),
        ox.Triple(_DEFAULT, RDF["type"], _SD["Graph"]),
        ox.Triple(_DEFAULT, RDF["type"], _VOID["Dataset"]),
    ]
    if store is not None:
        found += [
            *_whole(store),
            *_partitions(store),
            *_named_graphs(store),
            ox.Triple(_DEFAULT, _VOID["triples"], _in_default(store, union=union)),
            *_catalog(store),
        ]
    if union:
        found.append(ox.Triple(_SERVICE, _SD["feature"], _SD["UnionDefaultGraph"]))
    if release:
        found.append(ox.Triple(_DATASET, _DCAT["version"], ox.Literal(release)))
    return found


def _whole(store: Store) -> Iterator[ox.Triple]:
    for name, query in _WHOLE.items():
        for row in store.select(f"SELECT {query}"):
            yield ox.Triple(_DATASET, _VOID[name], row["it"])
    terms = (text(row["term"]) for row in store.select(_TERMS))
    prefixes = {shorten(term).partition(":")[0] for term in terms if shorten(term) != term}
    for prefix in sorted(prefixes):
        yield ox.Triple(_DATASET, _VOID["vocabulary"], ox.NamedNode(PREFIXES[prefix]))


def _partitions(store: Store) -> Iterator[ox.Triple]:
    """Yield how many things there are of each class of the vocabulary."""
    for number, row in enumerate(store.select(_CLASSES)):
        part = ox.BlankNode(f"class{number}")
        yield ox.Triple(_DATASET, _VOID["classPartition"], part)
        yield ox.Triple(part, _VOID["class"], row["class"])
        yield ox.Triple(part, _VOID["entities"], row["entities"])


def _named_graphs(store: Store) -> Iterator[ox.Triple]:
    for number, row in enumerate(store.select(_GRAPHS)):
        graph = row["graph"]
        if not isinstance(graph, ox.NamedNode):
            continue
        named = ox.BlankNode(f"graph{number}")
        yield ox.Triple(_DATASET, _SD["namedGraph"], named)
        yield ox.Triple(named, RDF["type"], _SD["NamedGraph"])
        yield ox.Triple(named, _SD["name"], graph)
        yield ox.Triple(named, _SD["graph"], graph)
        yield ox.Triple(graph, RDF["type"], _SD["Graph"])
        yield ox.Triple(graph, RDF["type"], _VOID["Dataset"])
        yield ox.Triple(graph, _VOID["triples"], row["triples"])


def _catalog(store: Store) -> Iterator[ox.Triple]:
    """Yield what the catalogue of a release says of its graphs, and so of them all."""
    licences: set[Term] = set()
    for row in store.select(_CATALOG):
        graph = row.pop("graph")
        licences.add(row["license"])
        yield ox.Triple(graph, RDF["type"], _DCAT["Dataset"])  # type: ignore[arg-type]
        for name, value in row.items():
            yield ox.Triple(graph, DCTERMS[name], value)  # type: ignore[arg-type]
    if licences:
        about = "An open knowledge graph of substances and treatments."
        yield ox.Triple(_DATASET, DCTERMS["title"], ox.Literal("Pharmakon", language="en"))
        yield ox.Triple(_DATASET, DCTERMS["description"], ox.Literal(about, language="en"))
        yield ox.Triple(_DATASET, _VOID["uriSpace"], ox.Literal(BASE))
    for licence in sorted(licences, key=str):
        yield ox.Triple(_DATASET, DCTERMS["license"], licence)


def _in_default(store: Store, *, union: bool) -> Term:
    """Return how many triples the default graph has."""
    if union:
        (row,) = store.select(f"SELECT {_WHOLE['triples']}")
        return row["it"]
    # Every query sees the union; what is in no named graph is what is left.
    named = sum(int(text(row["triples"])) for row in store.select(_GRAPHS))
    return ox.Literal(str(len(store) - named), datatype=XSD["integer"])


def _iris(forms: Iterable[_Form]) -> list[ox.NamedNode]:
    """Return the IRIs of some formats in the registry of the W3C, in order."""
    # Oxigraph has another IRI for JSON-LD than the one that the W3C registered.
    other, registered = "https://www.w3.org/ns/formats/data/", "http://www.w3.org/ns/formats/"
    return [ox.NamedNode(iri) for iri in sorted({f.iri.replace(other, registered) for f in forms})]

"""How much does a query cost in a worker process, against the same query in this one?"""

import asyncio

from measure import compare

import pharmakon
from pharmakon.stores import OxigraphStore
from pharmakon.stores.sandbox import SandboxedQueries

QUERIES = {
    "one thing": "SELECT * WHERE { substance:naltrexone ?property ?value }",
    "a join": "SELECT * WHERE { ?s pk:subject/pk:memberOf ?class ; pk:supportedBy/pk:source ?x }",
    "everything": "SELECT * WHERE { ?s ?p ?o }",
}

graph = pharmakon.open("packaged")
store = graph.store
assert isinstance(store, OxigraphStore)
with SandboxedQueries(store) as service, asyncio.Runner() as loop:
    for name, query in QUERIES.items():
        compare(
            name,
            lambda query=query: loop.run(service.answer_async(query)),
            lambda query=query: list(store.select(query)),
            times=100,
        )

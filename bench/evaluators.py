"""How much slower is rdflib's own evaluator than Oxigraph, on the packaged graph?"""

import rdflib
from measure import compare

import pharmakon
from pharmakon import exports, queries
from pharmakon.stores import OxigraphStore

NAMES = ("substance_actions", "condition_treatments", "contested_statements")

store = pharmakon.open("packaged").store
assert isinstance(store, OxigraphStore)
own = rdflib.Graph()
own.parse(data=exports.serialise(store.quads(), "nt"), format="nt")
for name in NAMES:
    text = queries.load(name).text
    compare(
        name,
        lambda text=text: list(own.query(text)),
        lambda text=text: list(store.select(text)),
        times=5,
    )

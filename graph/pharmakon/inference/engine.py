"""The engine: rules, run again and again until nothing new follows."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import PharmakonError
from ..namespaces import GRAPH
from ..stores import OxigraphStore
from .rule import Rule

__all__ = ["infer"]

#: More rounds than any chain of class membership is long.
_MOST_ROUNDS = 50


def infer(store: OxigraphStore, rules: Iterable[Rule]) -> int:
    """Add to ``graph:inferred`` all that follows by the rules, and return how many quads.

    Rules of kind ``"pair"`` are described and not run: see :mod:`pharmakon.interactions`.

    Raises:
        PharmakonError: The rules do not come to an end.
    """
    rules = list(rules)
    before = len(store)
    graph = GRAPH["inferred"]
    store.add((triple for rule in rules for triple in rule.triples()), graph)
    working = [rule for rule in rules if rule.kind != "pair"]
    for _ in range(_MOST_ROUNDS):
        size = len(store)
        # All rules of a round see the same graph, so that their order changes nothing: the
        # proof that a rule finds is the shortest, whichever rule was named first.
        found = [triple for rule in working for triple in store.construct(rule.text)]
        store.add(found, graph)
        if len(store) == size:
            return size - before
    names = ", ".join(rule.name for rule in working)
    raise PharmakonError(
        f"inference did not end after {_MOST_ROUNDS} rounds; a rule writes a new IRI each time "
        f"(make its IRI from its premises alone): {names}"
    )

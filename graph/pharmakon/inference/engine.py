"""The engine: rules, run again and again until nothing new follows."""

from __future__ import annotations

from collections.abc import Iterable

from pyoxigraph import NamedNode, Triple

from ..errors import PharmakonError
from ..namespaces import GRAPH
from ..stores import OxigraphStore
from .rule import Rule

__all__ = ["infer"]

#: More rounds than any chain of class membership is long.
_MOST_ROUNDS = 50


def infer(store: OxigraphStore, rules: Iterable[Rule], graph: NamedNode = GRAPH["inferred"]) -> int:
    """Add to a graph all that follows by the rules and is in no graph yet.

    Rules of kind ``"pair"`` are described and not run: see :mod:`pharmakon.interactions`.

    Args:
        store: What is reasoned over, and added to.
        rules: The rules.
        graph: The graph that gets the conclusions.

    Returns:
        How many quads were added.

    Raises:
        PharmakonError: The rules do not come to an end.
    """
    rules = list(rules)
    before = len(store)
    known = {quad.triple for quad in store.quads()}

    def add(triples: Iterable[Triple]) -> None:
        # A triple in two graphs would be found twice in their union.
        new = set(triples) - known
        known.update(new)
        store.add(new, graph)

    add(triple for rule in rules for triple in rule.triples())
    working = [rule for rule in rules if rule.kind != "pair"]
    for _ in range(_MOST_ROUNDS):
        size = len(store)
        # All rules of a round see the same graph, so that their order changes nothing: the
        # proof that a rule finds is the shortest, whichever rule was named first.
        found = [triple for rule in working for triple in store.construct(rule.text)]
        add(found)
        if len(store) == size:
            return size - before
    names = ", ".join(rule.name for rule in working)
    raise PharmakonError(
        f"inference did not end after {_MOST_ROUNDS} rounds; a rule writes a new IRI each time "
        f"(make its IRI from its premises alone): {names}"
    )

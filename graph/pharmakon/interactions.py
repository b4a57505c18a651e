"""Interactions: what happens when substances meet, derived when asked, with the proof."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import pyoxigraph as ox

from .inference import rules
from .namespaces import PK, STATEMENT, SUBSTANCE
from .stores import Store, text
from .views.references import Reference, references
from .views.statements import Proof, Statement, from_triples, proof, statements

__all__ = ["Interaction", "Pair", "derived", "interactions"]

_NAME = re.compile(r"[a-z0-9-]{1,200}")  # longer, it is no name of ours, and slow to take apart


@dataclass(frozen=True)
class Interaction:
    """One thing that happens between two substances, and why."""

    statement: Statement
    proof: Proof

    def to_dict(self) -> dict[str, object]:
        """Return the interaction as plain JSON, as the contract writes it."""
        one = self.statement
        return {
            "id": one.curie,
            "subject": one.subject.curie,
            "affects": _curie(one, "affects") or _curie(one, "withSubstance"),
            "mechanism": _name(one, "mechanism"),
            "outcome": _curie(one, "outcome"),
            "severity": _name(one, "severity"),
            "requires": [v.curie for v in one.values("requires") if isinstance(v, Reference)],
            "certainty": one.certainty.curie.removeprefix("pk:") if one.certainty else None,
            "confidence": round(one.confidence, 2) if one.confidence is not None else None,
            "explanation": one.explanation,
            "proof": self.proof.to_dict(),
        }


@dataclass(frozen=True)
class Pair:
    """Two substances, and what is known of them together.

    Attributes:
        a: The one.
        b: The other.
        answer: ``"interaction"``; ``"studied-none-found"``; ``"known-not"``; or
            ``"not-known"``, which never means safe.
        interactions: What happens, surest first; empty unless the answer is an interaction.
    """

    a: Reference
    b: Reference
    answer: str
    interactions: tuple[Interaction, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the pair as plain JSON, as the contract writes it."""
        return {
            "a": self.a.curie,
            "b": self.b.curie,
            "answer": self.answer,
            "interactions": [one.to_dict() for one in self.interactions],
        }


def interactions(store: Store, groups: Sequence[Sequence[str]]) -> list[Pair]:
    """Return what is known of each pair of substances from two different groups.

    Args:
        store: The graph.
        groups: IRIs of substances: a group for each thing that was asked about, which is
            one substance, or the substances of a product. A single group is paired in itself.

    Raises:
        ValueError: One of them is not an IRI.
    """
    if len(groups) == 1:
        groups = [[iri] for iri in groups[0]]
    pairs = dict.fromkeys(
        (a, b) for one, other in combinations(groups, 2) for a in one for b in other if a != b
    )
    kept = [(a, b) for a, b in pairs if (b, a) not in pairs or a < b]
    named = references(store, {iri for pair in kept for iri in pair})
    return [_pair(store, named[a], named[b]) for a, b in kept]


def _pair(store: Store, a: Reference, b: Reference) -> Pair:
    stated = [one for one in _stated(store, a, b) if not one.negative]
    derived = _derived(store, a, b)
    found = sorted((*stated, *derived), key=_order)
    kept = tuple(Interaction(one, proof(store, one)) for one in found)
    return Pair(a, b, "interaction" if kept else "not-known", kept)


def derived(store: Store, iri: str) -> list[ox.Triple]:
    """Return the triples of a conclusion about a pair, derived again from its IRI.

    Such a conclusion is not in the graph; its IRI names the rule and the pair.
    """
    name = iri.removeprefix(STATEMENT.base)
    if not _NAME.fullmatch(name):
        return []
    for rule in rules():
        if rule.kind != "pair" or not name.startswith(f"{rule.name}-"):
            continue
        parts = name.removeprefix(f"{rule.name}-").split("-")[:-1]
        cuts = (("-".join(parts[:at]), "-".join(parts[at:])) for at in range(1, len(parts)))
        pairs = " ".join(f"({SUBSTANCE[a]} {SUBSTANCE[b]})" for a, b in cuts)
        triples = store.construct(_bound(rule.text, f"VALUES (?a ?b) {{ {pairs} }}"))
        found = [triple for triple in triples if triple.subject == ox.NamedNode(iri)]
        if found:
            return [*found, *_implied(store, found)]
    return []


def _order(one: Statement) -> tuple[bool, float, str]:
    """Return what sorts a contraindication first, and then by confidence."""
    warns = one.kind.iri == PK["Contraindication"].value
    return (not warns, -(one.confidence or 0), one.sentence)


def _stated(store: Store, a: Reference, b: Reference) -> list[Statement]:
    one, other = ox.NamedNode(a.iri), ox.NamedNode(b.iri)
    return statements(
        store,
        f"""VALUES (?one ?other) {{ ({one} {other}) ({other} {one}) }}
        {{ ?statement a pk:Interaction ; pk:affects ?other }}
        UNION {{ ?statement a pk:Contraindication ; pk:withSubstance ?other }}
        ?statement pk:subject ?one .""",
    )


def _derived(store: Store, a: Reference, b: Reference) -> list[Statement]:
    """Return what the rules for pairs conclude, in either order."""
    pair = f"({ox.NamedNode(a.iri)} {ox.NamedNode(b.iri)})"
    turned = f"({ox.NamedNode(b.iri)} {ox.NamedNode(a.iri)})"
    block = f"VALUES (?a ?b) {{ {pair} {turned} }}"
    triples: list[ox.Triple] = []
    for rule in rules():
        if rule.kind == "pair":
            triples.extend(store.construct(_bound(rule.text, block)))
    return from_triples(store, [*triples, *_implied(store, triples)])


def _bound(text: str, block: str) -> str:
    """Return a rule with its example pair replaced."""
    start = text.index("VALUES (?a ?b)")
    return text[:start] + block + text[text.index("}", start) + 1 :]


def _implied(store: Store, triples: Iterable[ox.Triple]) -> list[ox.Triple]:
    """Return what the build would add to a conclusion: its certainty and its object."""
    levels = sorted(
        (float(text(row["level"])), row["certainty"])
        for row in store.select(
            "SELECT ?certainty ?level { ?certainty a pk:Certainty ; pk:confidence ?level }"
        )
    )
    found: list[ox.Triple] = []
    for triple in triples:
        if triple.predicate in (PK["affects"], PK["withSubstance"]):
            found.append(ox.Triple(triple.subject, PK["object"], triple.object))
        if triple.predicate == PK["confidence"]:
            # As the rule certainty-of-conclusion does it for what the build concludes.
            known = float(text(triple.object)) + 0.15
            certainty = max(
                ((level, word) for level, word in levels if level <= known), default=None
            )
            if certainty is not None:
                found.append(ox.Triple(triple.subject, PK["certainty"], certainty[1]))
    return found


def _curie(one: Statement, name: str) -> str | None:
    return next((v.curie for v in one.values(name) if isinstance(v, Reference)), None)


def _name(one: Statement, name: str) -> str | None:
    curie = _curie(one, name)
    return curie.removeprefix("pk:") if curie else None

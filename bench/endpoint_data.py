"""A drug graph of 575,000 triples, and questions about it: the same ones at every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from string import Template

__all__ = ["LOOK_UPS", "PREFIXES", "QUESTIONS", "TRIPLES", "make"]

TRIPLES = 575_000

_SUBSTANCES, _TARGETS, _CONDITIONS, _CLASSES, _SOURCES = 16_000, 2_000, 3_000, 400, 50
_CERTAINTIES = ("established", "probable", "suggested", "contested")

_PK = "https://w3id.org/pharmakon/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_DCTERMS = "http://purl.org/dc/terms/"

#: What every query begins with.
PREFIXES = f"""\
PREFIX pk: <{_PK}ontology#>
PREFIX rdfs: <{_RDFS}>
PREFIX skos: <{_SKOS}>
PREFIX substance: <{_PK}substance/>
PREFIX target: <{_PK}target/>
PREFIX condition: <{_PK}condition/>
"""

#: What is asked. A query with ORDER BY and LIMIT orders its rows completely, so that every
#: system has the same ones to give.
QUESTIONS = {
    "entity look-up": Template(
        "SELECT ?property ?value { substance:s$substance ?property ?value }"
    ),
    "name to class": Template("""\
SELECT ?substance ?class ?label {
  ?substance skos:altLabel "$name" ; pk:memberOf ?class .
  ?class rdfs:label ?label
}"""),
    "three-way join": Template("""\
SELECT ?substance ?class ?source {
  ?statement pk:condition condition:c$condition ; pk:certainty pk:$certainty ;
    pk:supportedBy ?source ; pk:subject ?substance .
  ?substance pk:memberOf ?class ; rdfs:label ?label
}"""),
    "shared targets": Template("""\
SELECT ?other (COUNT(DISTINCT ?target) AS ?shared) {
  substance:s$substance pk:actsOn ?target .
  ?other pk:actsOn ?target
  FILTER(?other != substance:s$substance)
} GROUP BY ?other ORDER BY DESC(?shared) ?other LIMIT 20"""),
    "class path": Template("""\
SELECT DISTINCT ?substance ?certainty {
  ?substance pk:memberOf/rdfs:subClassOf* substance:class$group .
  ?statement pk:subject ?substance ; pk:condition condition:c$condition ;
    pk:certainty ?certainty
}"""),
    "aggregation": Template("""\
SELECT ?class (COUNT(DISTINCT ?substance) AS ?substances) {
  ?action pk:target target:t$target ; pk:certainty pk:$certainty ; pk:subject ?substance .
  ?substance pk:memberOf ?class
} GROUP BY ?class"""),
}

#: Those that a page asks for one thing; the others are joins.
LOOK_UPS = ("entity look-up", "name to class")


def make(path: Path) -> dict[str, list[str]]:
    """Write the graph as N-Triples, and return the texts of each question, all different.

    They are made from what the graph says, so that nearly every one has an answer, and
    shuffled, so that any stretch of them is as hard as any other.
    """
    chance = random.Random(1)  # noqa: S311 - no secret
    asked: dict[str, dict[str, None]] = {kind: {} for kind in QUESTIONS}

    def ask(kind: str, **values: object) -> None:
        asked[kind][PREFIXES + QUESTIONS[kind].substitute(values)] = None

    with path.open("w", encoding="utf-8") as file:
        count = 0

        def say(subject: str, *pairs: tuple[str, str]) -> None:
            nonlocal count
            for property_, value in pairs:
                file.write(f"<{_PK}{subject}> <{property_}> {value} .\n")
            count += len(pairs)

        for subject, pairs in _things():
            say(subject, *pairs)
        groups = [chance.randrange(_CLASSES) for _ in range(_SUBSTANCES)]
        for number, group in enumerate(groups):
            names = [f"name {j} of substance {number}" for j in range(chance.randint(2, 8))]
            say(
                f"substance/s{number}",
                *_described("Substance", f"substance {number}"),
                (f"{_PK}ontology#memberOf", _iri(f"substance/class{group}")),
                *((f"{_DCTERMS}identifier", f'"id{j}:{number}"') for j in range(3)),
                *((f"{_SKOS}altLabel", f'"{name}"') for name in names),
            )
            ask("entity look-up", substance=number)
            ask("name to class", name=names[0])
        number = 0
        inferred = set()
        while count < TRIPLES:
            substance = _skewed(chance, _SUBSTANCES)
            certainty = chance.choices(_CERTAINTIES, (60, 25, 10, 5))[0]
            if chance.random() < 0.5:
                about, shortcut, kind = "target", "actsOn", "ReceptorAction"
                thing = _skewed(chance, _TARGETS)
                ask("aggregation", target=thing, certainty=certainty)
                ask("shared targets", substance=substance)
            else:
                about, shortcut, kind = "condition", "usedFor", "Indication"
                thing = _skewed(chance, _CONDITIONS)
                ask("three-way join", condition=thing, certainty=certainty)
                ask("class path", group=groups[substance] // 3, condition=thing)
            value = _iri(f"{about}/{about[0]}{thing}")
            say(
                f"statement/x{number}",
                (f"{_RDF}type", _iri(f"ontology#{kind}")),
                (f"{_PK}ontology#subject", _iri(f"substance/s{substance}")),
                (f"{_PK}ontology#{about}", value),
                (f"{_PK}ontology#certainty", _iri(f"ontology#{certainty}")),
                (f"{_PK}ontology#supportedBy", _iri(f"source/{chance.randrange(_SOURCES)}")),
            )
            if (substance, value) not in inferred:  # as a rule of the build would infer it
                inferred.add((substance, value))
                say(f"substance/s{substance}", (f"{_PK}ontology#{shortcut}", value))
            number += 1
    texts = {kind: list(found) for kind, found in asked.items()}
    for found in texts.values():
        chance.shuffle(found)
    return texts


def _things() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield what is there before the substances: classes, targets and conditions."""
    for i in range(_CLASSES):
        above = [(f"{_RDFS}subClassOf", _iri(f"substance/class{i // 3}"))] if i else []
        yield f"substance/class{i}", [*_described("SubstanceClass", f"class {i}"), *above]
    for i in range(_TARGETS):
        yield f"target/t{i}", _described("Target", f"target {i}")
    for i in range(_CONDITIONS):
        yield f"condition/c{i}", _described("Condition", f"condition {i}")


def _described(kind: str, label: str) -> list[tuple[str, str]]:
    return [(f"{_RDF}type", _iri(f"ontology#{kind}")), (f"{_RDFS}label", f'"{label}"@en')]


def _iri(path: str) -> str:
    return f"<{_PK}{path}>"


def _skewed(chance: random.Random, count: int) -> int:
    """Return a number below a count: half of the time any, else mostly one of the first."""
    if chance.random() < 0.5:
        return chance.randrange(count)
    return int(chance.paretovariate(1.2) * 20) % count

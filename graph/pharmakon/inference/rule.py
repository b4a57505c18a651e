"""A rule: one SPARQL CONSTRUCT in a file, with a header that says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyoxigraph as ox

from .. import ontology, queries
from ..errors import LoadError
from ..namespaces import PK, RDF, RDFS, RULE, SKOS, XSD

__all__ = ["KINDS", "Rule", "load", "rules"]

#: What a rule may be: see :class:`Rule`.
KINDS = ("shortcut", "statement", "pair")


@dataclass(frozen=True)
class Rule:
    """A way in which statements, or shortcuts, follow from statements.

    Attributes:
        name: The name of its file and the end of its IRI, with hyphens.
        kind: ``"shortcut"`` writes plain edges; ``"statement"`` writes statements about
            single substances and classes; both run when the graph is built. ``"pair"``
            writes an interaction of two substances, and runs when a pair is asked for.
        label: What it is called.
        definition: What follows from what, in a sentence.
        confidence: What its conclusions are worth beside their premises, from 0 to 1.
        text: The CONSTRUCT, which runs as it is.
    """

    name: str
    kind: str
    label: str
    definition: str
    confidence: float
    text: str

    @property
    def iri(self) -> ox.NamedNode:
        """The name of the rule in the graph."""
        return RULE[self.name]

    def triples(self) -> Iterator[ox.Triple]:
        """Yield the description of the rule, for the proof of a statement to point at."""
        yield ox.Triple(self.iri, RDF["type"], PK["Rule"])
        yield ox.Triple(self.iri, RDFS["label"], ox.Literal(self.label, language="en"))
        yield ox.Triple(self.iri, SKOS["definition"], ox.Literal(self.definition, language="en"))
        confidence = ox.Literal(f"{self.confidence:g}", datatype=XSD["decimal"])
        yield ox.Triple(self.iri, PK["confidence"], confidence)


@cache
def rules(root: Path | None = None) -> tuple[Rule, ...]:
    """Return all rules of an ontology, the packaged one unless told otherwise, by name.

    Example:
        >>> sorted({rule.kind for rule in rules()})
        ['pair', 'shortcut', 'statement']
    """
    return tuple(load(path) for path in ontology.rules(root))


def load(path: Path) -> Rule:
    """Return the rule in a file.

    Raises:
        LoadError: The header lacks something, or the kind is not one of :data:`KINDS`.
    """
    text = path.read_text("utf-8")
    about = queries.header(path, text)
    try:
        rule = Rule(
            name=path.stem.replace("_", "-"),
            kind=about["kind"],
            label=about["label"],
            definition=about["definition"].strip(),
            confidence=float(about.get("confidence", 1)),
            text=text,
        )
    except KeyError as error:
        raise LoadError(str(path), 1, f"the header has no {error}; add it as '#+ …'") from error
    if rule.kind not in KINDS:
        raise LoadError(str(path), 1, f"kind is {rule.kind!r}; use one of {', '.join(KINDS)}")
    return rule

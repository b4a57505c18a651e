"""What the ontology has already, by the names under which the tables know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from .. import mappings, ontology
from ..namespaces import CONDITION, GRAPH, PK, RDF, RDFS, SKOS, SUBSTANCE, TARGET
from ..stores import OxigraphStore

__all__ = ["Known", "slug_of"]


@dataclass(frozen=True)
class Known:
    """The ontology, as a draft needs it.

    Attributes:
        root: Its folder.
        graph: The curated graph as typed, without what follows from it.
        targets: The slug of each target by the symbol of its gene.
        named: The slug of each target by the words of its names.
        outside: The name of each of our things by an identifier that means the same, or
            nearly the same, outside.
        mapped: Each of our things with an identifier that anything is said of.
        excluded: The records of each source that are left out on purpose.
    """

    root: Path
    graph: ox.Store
    targets: Mapping[str, str]
    named: Mapping[tuple[str, ...], str]
    outside: Mapping[str, str]
    mapped: frozenset[tuple[str, str]]
    excluded: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, root: Path) -> Known:
        """Read the ontology of a folder.

        Raises:
            LoadError: A file of it is broken.
        """
        store = OxigraphStore()
        for path in [*ontology.vocabulary(root), *ontology.knowledge(root)]:
            store.add_file(path, GRAPH["curated"])
        for path in ontology.share_alike(root):
            store.add_file(path, GRAPH["gtopdb"])
        graph = ox.Store()
        graph.extend(ox.Quad(*quad.triple) for quad in store.quads())
        targets: dict[str, str] = {}
        named: dict[tuple[str, ...], str] = {}
        for target in _instances(graph, "Target"):
            slug = target.removeprefix(TARGET.base)
            names = [name for slot in _NAMES for name in _texts(graph, target, slot)]
            named |= {mappings.words(name): slug for name in names}
            if not any(graph.quads_for_pattern(ox.NamedNode(target), PK["hasSubunit"], None)):
                targets |= {name: slug for name in names if _SYMBOL.fullmatch(name)}
        rows = [row for path in ontology.mapping_sets(root) for row in mappings.load(path)]
        near = {
            row.object: row.subject
            for row in rows
            if row.predicate == "skos:closeMatch" and not row.negated
        }
        outside = near | {row.object: row.subject for row in rows if row.exact}
        mapped = frozenset((row.subject, row.object) for row in rows)
        return cls(root, graph, targets, named, outside, mapped, ontology.exclusions(root))

    def names(self, slug: str) -> tuple[str, ...]:
        """Return the label of a substance and its other names; none if it is not there."""
        subject = SUBSTANCE.base + slug
        return tuple(name for slot in _NAMES for name in _texts(self.graph, subject, slot))

    def label(self, curie: str) -> str:
        """Return what one of our things is called."""
        prefix, _, local = curie.partition(":")
        base = {"condition": CONDITION, "substance": SUBSTANCE, "target": TARGET, "pk": PK}[prefix]
        return next(iter(_texts(self.graph, base.base + local, RDFS["label"])), local)

    def target(self, genes: str, printed: str = "") -> str | None:
        """Return the target that genes encode together, by its slug.

        Args:
            genes: Their symbols, with bars between them.
            printed: What the target is called, where its genes are not known.
        """
        several = frozenset(genes.split("|")) - {""}
        if not several:
            return self.named.get(mappings.words(printed.partition("(")[0]))
        if len(several) == 1:
            return self.targets.get(genes)
        if all(gene.startswith("GABR") for gene in several):
            return "gaba-a-receptor"
        return _COMPLEXES.get(several) or next(
            (slug for part, slug in _FAMILIES.items() if several >= part), None
        )

    def statements(self, slug: str) -> Mapping[tuple[str, ...], str]:
        """Return the statements about a substance by what they say.

        The key is the kind, with the values of its slots: the action or the intent among them.
        Those of the Guide are left out, since nothing else may be added to them.
        """
        found: dict[tuple[str, ...], str] = {}
        subject = ox.NamedNode(SUBSTANCE.base + slug)
        for quad in self.graph.quads_for_pattern(None, PK["subject"], subject):
            if _value(quad.subject).endswith("-gtopdb"):
                continue
            slots = {
                one.predicate.value: _value(one.object)
                for one in self.graph.quads_for_pattern(quad.subject, None, None)
            }
            kind = _local(slots[RDF["type"].value])
            parts = [
                _local(slots[PK[name].value])
                for name in ("target", "inClass", "condition", "status", "actionType", "intent")
                if PK[name].value in slots
            ]
            found[(kind, *parts)] = f"statement:{_local(_value(quad.subject))}"
        return found

    def evidence(self) -> Mapping[tuple[str, str], str]:
        """Return the IRI of all evidence in tables by its source and its record."""
        return {
            (_local(_value(source.object)), _value(quad.object)): _value(quad.subject)
            for quad in self.graph.quads_for_pattern(None, PK["record"], None)
            for source in self.graph.quads_for_pattern(quad.subject, PK["source"], None)
        }


_NAMES = (RDFS["label"], SKOS["altLabel"])

#: The symbol of a gene, as the names of a target have it.
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{1,9}")

#: Complexes of which the tables name the genes, and families of them.
_COMPLEXES = {
    frozenset({"GABBR1", "GABBR2"}): "gaba-b-receptor",
    frozenset({"CHRNA4", "CHRNB2"}): "nicotinic-alpha4-beta2-receptor",
    frozenset({"HTR3A", "HTR3B"}): "5-ht3ab-receptor",
    frozenset({"SCN1A", "SCN2A", "SCN3A"}): "neuronal-sodium-channel",
    frozenset({"ADH1A", "ADH1B", "ADH1C"}): "alcohol-dehydrogenase",
    frozenset({"GRIN1", "GRIN2A"}): "nmda-receptor",
    frozenset({"GRIN1", "GRIN2B"}): "nmda-receptor",
}
_FAMILIES = {
    frozenset({"GABBR1", "GABBR2"}): "gaba-b-receptor",
    frozenset({"GRIN1", "GRIN2A"}): "nmda-receptor",
    frozenset({"GRIA1", "GRIA2"}): "ampa-receptor",
    frozenset({"GRIK1", "GRIK2"}): "kainate-receptor",
    frozenset({"CYP3A4", "CYP3A5"}): "cytochrome-p450-3a",
}


def slug_of(name: str) -> str:
    """Return the slug of a name.

    Example:
        >>> slug_of("4-hydroxybutyric acid"), slug_of("6β-naltrexol")
        ('4-hydroxybutyric-acid', '6-beta-naltrexol')
    """
    for letter, spelled in {"α": "-alpha-", "β": "-beta-", "γ": "-gamma-", "δ": "-delta-"}.items():
        name = name.replace(letter, spelled)
    return re.sub(r"[^a-z0-9]+", "-", name.casefold().replace("'", "")).strip("-")


def _value(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
    return str(term) if isinstance(term, ox.Triple) else term.value


def _local(iri: str) -> str:
    return re.split(r"[/#]", iri)[-1] if "#" not in iri else iri.rsplit("#", 1)[-1]


def _instances(graph: ox.Store, kind: str) -> list[str]:
    return [
        quad.subject.value
        for quad in graph.quads_for_pattern(None, RDF["type"], PK[kind])
        if isinstance(quad.subject, ox.NamedNode)
    ]


def _texts(graph: ox.Store, subject: str, predicate: ox.NamedNode) -> list[str]:
    found = graph.quads_for_pattern(ox.NamedNode(subject), predicate, None)
    return [quad.object.value for quad in found if isinstance(quad.object, ox.Literal)]

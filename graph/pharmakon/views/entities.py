"""An entity: its names, identifiers, and statements in sections, negatives apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyoxigraph as ox

from ..namespaces import GRAPH, PK, shorten
from ..stores import Store, text
from .contested import ContestedMapping, contested_mappings
from .references import Reference, references, values_of
from .statements import NEGATIVE, Evidence, Statement, read_evidence, statements

__all__ = ["SECTIONS", "Composition", "Entity", "Equivalent", "Section", "entity"]


#: The sections of a page in their order: key, heading, and the classes of statement in it.
SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("actions", "Actions", ("ReceptorAction",)),
    ("uses", "Used for", ("Indication",)),
    ("effects", "Effects", ("Effect",)),
    ("side-effects", "Side effects", ("AdverseEffect",)),
    ("interactions", "Interactions", ("Interaction",)),
    ("contraindications", "Contraindications", ("Contraindication",)),
    ("status", "Regulatory status", ("RegulatoryStatus",)),
    ("classes", "Classes", ("Membership",)),
    ("relations", "Related", ("Relation",)),
    ("findings", "Findings", ("Finding",)),
)

#: The graphs of what curators wrote, and of what follows from it.
_OWN = {GRAPH["curated"].value, GRAPH["inferred"].value}

#: So many places are cited for an ingredient, where not all are wanted: more than curators cite.
_PLACES = 20

_NEGATIVES = ("negatives", "What it does not do")
_CONTESTED = ("contested", "Where sources disagree")
_OF_FORMS = ("forms", "Of one form only")
_DEPENDING = ("depending", "What depends on it")
_NOT_HELD = ("not-held", "Refuted, unknown or superseded")
_OF_COMBINATIONS = ("combinations", "Of products that also hold it")


@dataclass(frozen=True)
class Section:
    """Statements of one kind, under a heading.

    Attributes:
        key: Its name in addresses and in JSON.
        heading: Its name for people.
        statements: The statements; never empty.
    """

    key: str
    heading: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Equivalent:
    """An equivalent outside.

    Attributes:
        relation: ``"exact"``, ``"close"``, ``"broad"``, ``"narrow"`` or ``"related"``.
        iri: The IRI of the equivalent.
        curie: Its identifier, such as ``"chebi:7465"``.
    """

    relation: str
    iri: str
    curie: str


@dataclass(frozen=True)
class Composition:
    """What is in a formulation, and why.

    Attributes:
        formulation: The formulation.
        products: The products that are sold in it.
        routes: The ways in which it is given.
        forms: Its physical forms.
        ingredients: What is in it.
    """

    formulation: Reference
    products: tuple[Reference, ...]
    routes: tuple[Reference, ...]
    forms: tuple[Reference, ...]
    ingredients: tuple[Ingredient, ...]


@dataclass(frozen=True)
class Ingredient:
    """A substance in a formulation.

    Attributes:
        iri: The IRI of its presence there, a fragment of that of the formulation.
        substance: The substance.
        role: What it is there for; None where no source says.
        strengths: The amounts in which it is sold, as printed; none where no source says.
        evidence: Where it is written.
    """

    iri: str
    substance: Reference
    role: Reference | None
    strengths: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Entity:
    """A thing that has a page.

    Attributes:
        reference: The thing itself.
        types: The labels of its classes.
        names: Its other names.
        mappings: Its equivalents outside.
        contested_mappings: What sources take it for, and it is not.
        no_mapping_reason: Why it has none, or the empty string.
        broader: The things that it is a kind of.
        narrower: The things that are a kind of it.
        sections: Positive statements that are held and not contested, by kind.
        negatives: Statements that say no, of it or of one of its forms, contested ones among
            them; None without any.
        contested: Positive statements about which sources disagree; None without any.
        of_forms: Statements about one formulation or product only; None without any.
        of_combinations: Statements about a form that holds other substances too, or holds
            this one for another purpose. They are not statements about the thing: that
            Suboxone is used for a disorder does not say so of the naloxone in it. None
            without any.
        depending: Statements that hold only, or not, or of people, in a circumstance that
            the thing is; None without any.
        not_held: Statements that are refuted, unknown or superseded, negatives among them,
            which stand in no other section; None without any.
        compositions: The formulations that it is, is sold in, or is an ingredient of.
        left_out: How many statements, formulations, products and places of ingredients, which
            only datasets have, there are besides.
    """

    reference: Reference
    types: tuple[str, ...]
    names: tuple[str, ...]
    mappings: tuple[Equivalent, ...]
    contested_mappings: tuple[ContestedMapping, ...]
    no_mapping_reason: str
    broader: tuple[Reference, ...]
    narrower: tuple[Reference, ...]
    sections: tuple[Section, ...]
    negatives: Section | None
    contested: Section | None
    of_forms: Section | None
    of_combinations: Section | None
    depending: Section | None
    not_held: Section | None
    compositions: tuple[Composition, ...]
    left_out: int = 0

    @property
    def all_sections(self) -> tuple[Section, ...]:
        """Every section that has statements, in the order of a page."""
        special = (
            self.negatives,
            self.contested,
            self.of_forms,
            self.of_combinations,
            self.depending,
            self.not_held,
        )
        return (*self.sections, *(section for section in special if section))

    def to_dict(self) -> dict[str, object]:
        """Return the entity as plain JSON."""
        return self.reference.to_dict() | {
            "definition": self.reference.definition or None,
            "types": list(self.types),
            "names": list(self.names),
            "identifiers": [m.curie for m in self.mappings if m.relation == "exact"],
            "mappings": [
                {"relation": m.relation, "id": m.curie, "iri": m.iri} for m in self.mappings
            ],
            "contested_mappings": [one.to_dict() for one in self.contested_mappings],
            "no_mapping_reason": self.no_mapping_reason or None,
            "broader": [one.to_dict() for one in self.broader],
            "narrower": [one.to_dict() for one in self.narrower],
            "products": [_composition_dict(one) for one in self.compositions],
            "sections": {
                section.key: [statement.to_dict() for statement in section.statements]
                for section in self.all_sections
            },
        }


def entity(store: Store, iri: str, most: int | None = None) -> Entity | None:
    """Return the entity of that IRI with what is stated of it, or None where there is none.

    Args:
        store: The graph.
        iri: The IRI.
        most: How many statements, and formulations, that only datasets have; None is all of
            them. What curators wrote and what says no is never left out.

    Raises:
        ValueError: It is not an IRI.
    """
    here = str(ox.NamedNode(iri))
    about = _about(store, here)
    if not about:
        return None
    choice = _Choice(store, most)
    stated = choice.statements(
        f"{{ ?statement pk:subject {here} }} UNION {{ ?statement pk:object {here} }}"
    )
    compositions = _compositions(choice, here)
    of_forms = _of_forms(choice, iri, compositions, {one.iri for one in stated})
    depending = [one for one in _depending(store, here) if one.held]
    of_all = [one for one in (*stated, *of_forms, *depending) if one.held]
    plain_of_forms = [one for one in of_forms if one.held and not one.negative | one.contested]
    shared = _shared(iri, compositions)
    linked = references(
        store, {value for name in ("broader", "narrower", "type") for value in about[name]} | {iri}
    )
    return Entity(
        reference=linked[iri],
        types=tuple(sorted(linked[one].label for one in about["type"])),
        names=tuple(sorted(about["altLabel"], key=str.casefold)),
        mappings=_mappings(about),
        contested_mappings=tuple(contested_mappings(store, f"?contested pk:claimedFor {here}")),
        no_mapping_reason=min(about["noMappingReason"], default=""),
        broader=tuple(sorted(linked[one] for one in about["broader"])),
        narrower=tuple(sorted(linked[one] for one in about["narrower"])),
        sections=_sections(stated),
        negatives=_section(_NEGATIVES, (one for one in of_all if one.negative)),
        contested=_section(
            _CONTESTED, (one for one in of_all if one.contested and not one.negative)
        ),
        of_forms=_section(
            _OF_FORMS, (one for one in plain_of_forms if one.subject.iri not in shared)
        ),
        of_combinations=_section(
            _OF_COMBINATIONS, (one for one in plain_of_forms if one.subject.iri in shared)
        ),
        depending=_section(
            _DEPENDING, (one for one in depending if not one.negative | one.contested)
        ),
        not_held=_section(_NOT_HELD, (one for one in (*stated, *of_forms) if not one.held)),
        compositions=compositions,
        left_out=choice.left_out,
    )


class _Choice:
    """Takes so many of what only datasets have, and counts the rest."""

    def __init__(self, store: Store, most: int | None) -> None:
        self.store = store
        self.left_out = 0
        self._most = most

    def statements(self, pattern: str) -> list[Statement]:
        """Return the statements that a pattern binds, as far as they are chosen."""
        if self._most is None:
            return statements(self.store, pattern)
        chosen = self.of("statement", pattern)
        return statements(self.store, values_of("statement", chosen)) if chosen else []

    def cited(self, rows: list[dict[str, str]]) -> set[str]:
        """Return the evidence of ingredients: a few places of each, or all."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row["property"] == "supportedBy":
                found[row["ingredient"]].append(row["value"])
        most = max(map(len, found.values()), default=0) if self._most is None else _PLACES
        self.left_out += sum(len(places[most:]) for places in found.values())
        return {one for places in found.values() for one in sorted(places)[:most]}

    def of(self, variable: str, pattern: str) -> list[str]:
        """Return the IRIs that a pattern binds to a variable, as far as they are chosen."""
        found = f"{{ SELECT DISTINCT ?{variable} WHERE {{ {pattern} }} }}"
        every = {text(row[variable]) for row in self.store.select(f"SELECT * {{ {found} }}")}
        if self._most is None:
            return sorted(every)
        own: set[str] = set()
        others: set[str] = set()
        for row in self.store.select(
            f"SELECT ?{variable} ?graph ?type {{ {found} GRAPH ?graph {{ ?{variable} a ?type }} }}"
        ):
            is_own = text(row["graph"]) in _OWN or text(row["type"]) in NEGATIVE
            (own if is_own else others).add(text(row[variable]))
        left_out = sorted(others - own)[self._most :]
        self.left_out += len(left_out)
        return sorted(every.difference(left_out))


def _depending(store: Store, here: str) -> list[Statement]:
    """Return what is stated under a circumstance."""
    slots = "VALUES ?slot { pk:requires pk:unless pk:inPopulation }"
    return statements(store, f"{slots} ?statement ?slot {here}")


def _about(store: Store, here: str) -> Mapping[str, set[str]]:
    rows = store.select(
        f"""SELECT ?property ?value WHERE {{
          {{ {here} ?property ?value }}
          UNION
          {{ ?value skos:broader {here} . BIND (skos:narrower AS ?property) }}
        }}"""
    )
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        name = text(row["property"]).replace("#", "/").rsplit("/", 1)[-1]
        found[name].add(text(row["value"]))
    return found


def _mappings(about: Mapping[str, set[str]]) -> tuple[Equivalent, ...]:
    identifiers = about["identifier"]
    found = []
    for relation in ("exact", "close", "broad", "narrow", "related"):
        for iri in sorted(about[f"{relation}Match"]):
            found.append(Equivalent(relation, iri, _identifier(iri, identifiers)))
    return tuple(found)


def _identifier(iri: str, identifiers: Iterable[str]) -> str:
    """Return the CURIE of an outside term: the one that is stored, or one read off the IRI."""
    local = iri.rsplit("/", 1)[-1]
    wanted = local.replace("_", ":", 1) if "/obo/" in iri else local
    for identifier in identifiers:
        if identifier.casefold() == wanted.casefold() or iri.endswith("/" + identifier):
            return identifier
    prefix, colon, rest = wanted.partition(":")
    return f"{prefix.lower()}:{rest}" if colon else shorten(iri)


def _sections(stated: Iterable[Statement]) -> tuple[Section, ...]:
    plain = [one for one in stated if one.held and not one.negative and not one.contested]
    found = []
    for key, heading, kinds in SECTIONS:
        wanted = {PK[kind].value for kind in kinds}
        section = _section((key, heading), (one for one in plain if one.kind.iri in wanted))
        if section:
            found.append(section)
    return tuple(found)


def _section(name: tuple[str, str], found: Iterable[Statement]) -> Section | None:
    kept = tuple(found)
    return Section(*name, kept) if kept else None


def _compositions(choice: _Choice, here: str) -> tuple[Composition, ...]:
    store = choice.store
    formulations = choice.of(
        "formulation",
        f"""{{ BIND ({here} AS ?formulation) ?formulation pk:hasIngredient ?any }}
          UNION {{ {here} pk:hasFormulation ?formulation }}
          UNION {{ ?formulation pk:hasActiveIngredient {here} ; pk:hasIngredient ?any }}""",
    )
    if not formulations:
        return ()
    products = choice.of(
        "product",
        f"{values_of('formulation', formulations)} ?product pk:hasFormulation ?formulation",
    )
    # Each part names the formulations, so that none is looked for among all there are.
    these = values_of("formulation", formulations)
    sold = values_of("value", {*products, here[1:-1]})
    parts = [
        *(
            f"{these} ?formulation pk:hasIngredient ?ingredient . ?ingredient pk:{name} ?value . "
            f"BIND ('{name}' AS ?property)"
            for name in ("substance", "ingredientRole", "strength", "supportedBy")
        ),
        *(
            f"{these} ?formulation pk:{name} ?value . BIND ('{name}' AS ?property)"
            for name in ("route", "doseForm")
        ),
        f"{these} {sold} ?value pk:hasFormulation ?formulation . "
        "BIND ('hasFormulation' AS ?property)",
    ]
    table = [
        {name: text(term) for name, term in row.items()}
        for row in store.select(f"SELECT * {{ {{ {' } UNION { '.join(parts)} }} }}")
    ]
    things = (row["value"] for row in table if row["property"] != "strength")
    named = references(store, {*things, *formulations})
    cited = choice.cited(table)
    evidence = read_evidence(store, values_of("evidence", cited)) if cited else {}
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in table:
        rows[row["formulation"]].append(row)
    return tuple(
        Composition(
            formulation=named[formulation],
            products=_named(rows[formulation], "hasFormulation", named),
            routes=_named(rows[formulation], "route", named),
            forms=_named(rows[formulation], "doseForm", named),
            ingredients=_ingredients(rows[formulation], named, evidence),
        )
        for formulation in sorted(rows, key=lambda one: named[one])
    )


def _ingredients(
    rows: list[dict[str, str]],
    named: Mapping[str, Reference],
    evidence: Mapping[str, Evidence],
) -> tuple[Ingredient, ...]:
    found = []
    for iri in sorted({row["ingredient"] for row in rows if "ingredient" in row}):
        own = [row for row in rows if row.get("ingredient") == iri]
        cited = sorted(_values(own, "supportedBy"))
        found.append(
            Ingredient(
                iri=iri,
                substance=_named(own, "substance", named)[0],
                role=next(iter(_named(own, "ingredientRole", named)), None),
                strengths=tuple(sorted(_values(own, "strength"))),
                evidence=tuple(evidence[one] for one in cited if one in evidence),
            )
        )
    return tuple(found)


def _values(rows: Iterable[Mapping[str, str]], name: str) -> set[str]:
    return {row["value"] for row in rows if row["property"] == name}


def _named(
    rows: Iterable[Mapping[str, str]], name: str, named: Mapping[str, Reference]
) -> tuple[Reference, ...]:
    return tuple(sorted({named[iri] for iri in _values(rows, name)}))


def _of_forms(
    choice: _Choice, iri: str, compositions: Iterable[Composition], known: set[str]
) -> list[Statement]:
    """Return what is stated of the formulations and products that a thing is part of."""
    parts = {
        str(ox.NamedNode(part.iri))
        for one in compositions
        for part in (one.formulation, *one.products)
        if part.iri != iri
    }
    if not parts:
        return []
    pattern = f"VALUES ?part {{ {' '.join(sorted(parts))} }} ?statement pk:subject ?part ."
    return [one for one in choice.statements(pattern) if one.iri not in known]


def _shared(iri: str, compositions: Iterable[Composition]) -> set[str]:
    """Return the forms and products in which a substance is not the one that acts, or not alone."""
    found: set[str] = set()
    for one in compositions:
        here = [part for part in one.ingredients if part.substance.iri == iri]
        roles = {part.role.iri for part in here if part.role}
        alone = all(part.substance.iri == iri for part in one.ingredients)
        if here and not (alone and PK["therapeuticAgent"].value in roles):
            found |= {one.formulation.iri, *(product.iri for product in one.products)}
    return found


def _composition_dict(one: Composition) -> dict[str, object]:
    return {
        "formulation": one.formulation.to_dict(),
        "products": [product.to_dict() for product in one.products],
        "routes": [route.label for route in one.routes],
        "forms": [form.label for form in one.forms],
        "ingredients": [
            {
                "substance": ingredient.substance.to_dict(),
                "role": ingredient.role.label if ingredient.role else None,
                "strengths": list(ingredient.strengths),
                "evidence": [evidence.to_dict() for evidence in ingredient.evidence],
            }
            for ingredient in one.ingredients
        ],
    }

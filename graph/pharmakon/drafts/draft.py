"""A draft: what the published tables say of a substance, as files that a curator goes on with.

Nothing that is there already is changed, but that evidence is added to a statement which says
the same. What a curator left out on purpose, in ``exclusions.tsv``, stays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyoxigraph as ox

from ..mappings import COLUMNS
from ..namespaces import FORMULATION, PK, PRODUCT, RDF, SOURCE, SUBSTANCE
from ..published import Files
from . import drugcentral, gtopdb, ndc
from .identifiers import identifiers
from .known import Known, slug_of
from .turtle import Paragraph, Slots, TurtleFile, iri, text

__all__ = ["Draft", "draft"]

_DRUGCENTRAL = "drugcentral-2016"
_GTOPDB = "gtopdb-2020"
_NDC = "fda-ndc-2019"

#: The short names of the tables as sources.
_PREFIXES = {
    "drugcentral": SOURCE[f"{_DRUGCENTRAL}#"].value,
    "gtopdb": SOURCE[f"{_GTOPDB}#"].value,
    "ndc": SOURCE[f"{_NDC}#"].value,
}

_NO_PRODUCT_MAPPING = (
    "RxNorm and DRON name products and dose forms, but neither is among the files in which "
    "identifiers were looked up."
)

#: How a name of a dose form or a route is said in a definition.
_IN_FORM = {
    "aerosolFoam": "a foam",
    "capsule": "a capsule",
    "chewableTablet": "a tablet to be chewed",
    "chewingGum": "a chewing gum",
    "cream": "a cream",
    "delayedReleaseCapsule": "a capsule that opens late",
    "delayedReleaseTablet": "a tablet that dissolves late",
    "emulsion": "an emulsion",
    "extendedReleaseCapsule": "a capsule that releases it slowly",
    "extendedReleaseTablet": "a tablet that releases it slowly",
    "film": "a film",
    "gel": "a gel",
    "implant": "an implant",
    "inhalant": "a vapour to be breathed in",
    "lotion": "a lotion",
    "lozenge": "a lozenge",
    "ointment": "an ointment",
    "orallyDisintegratingTablet": "a tablet that dissolves in the mouth",
    "patch": "a patch",
    "powder": "a powder",
    "shampoo": "a shampoo",
    "solution": "a solution",
    "spray": "a spray",
    "sublingualTablet": "a tablet that dissolves under the tongue",
    "suppository": "a suppository",
    "suspension": "a suspension",
    "suspensionForInjection": "a suspension for injection",
    "tablet": "a tablet",
}


@dataclass
class Draft:
    """What was drafted.

    Attributes:
        files: The Turtle files, as they would be.
        mappings: New rows of ``mappings/substances.sssom.tsv``.
        notes: What a curator has to decide.
    """

    files: dict[Path, TurtleFile] = field(default_factory=dict)
    mappings: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, root: Path) -> list[Path]:
        """Write the files and the mappings into an ontology, and return their paths."""
        written = []
        for path, file in self.files.items():
            if file.paragraphs:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(str(file), encoding="utf-8")
                written.append(path)
        table = root / "mappings" / "substances.sssom.tsv"
        if self.mappings:
            lines = table.read_text("utf-8").splitlines()
            head = [line for line in lines if line.startswith("#")]
            names, *body = [line for line in lines if not line.startswith("#")]
            body = sorted({*body, *("\t".join(row) for row in self.mappings)}, key=_order)
            table.write_text("\n".join([*head, names, *body]) + "\n", encoding="utf-8")
            written.append(table)
        return written


def draft(name: str, files: Files, known: Known, also: Sequence[str] = ()) -> Draft:
    """Return what the tables say of a substance, beside what the ontology has.

    Args:
        name: Its name: the INN, in English.
        files: The published files.
        known: The ontology as it is.
        also: Other names under which the tables may have it.

    Raises:
        LoadError: A file of the tables is missing.
    """
    slug = slug_of(name)
    called = list(dict.fromkeys([*known.names(slug), name, *also]))
    made = _Drafting(Draft(), known, files, slug, called)
    made.substance(also)
    made.identifiers()
    made.read_drugcentral()
    made.read_gtopdb()
    made.products()
    return made.draft


@dataclass
class _Drafting:
    """The making of one draft.

    Attributes:
        slug: The substance.
        called: Its names, the label first.
    """

    draft: Draft
    known: Known
    files: Files
    slug: str
    called: list[str]

    def __post_init__(self) -> None:
        """Look up what is said of the substance, and what evidence there is."""
        self.said = dict(self.known.statements(self.slug))
        self.evidence = dict(self.known.evidence())

    @property
    def label(self) -> str:
        return self.called[0]

    def file(self, *parts: str) -> TurtleFile:
        path = self.known.root.joinpath(*parts)
        if path not in self.draft.files:
            self.draft.files[path] = TurtleFile.read(path, _PREFIXES)
        return self.draft.files[path]

    def substance(self, also: Sequence[str]) -> None:
        """Describe the substance, where it is not described."""
        head: Slots = [("a", ("pk:Substance",)), ("rdfs:label", (text(self.label),))]
        head.append(("skos:definition", (text("To be written: what it is, in one sentence."),)))
        head.append(("skos:altLabel", tuple(text(other) for other in also)))
        own = self.file("knowledge", "substances", f"{self.slug}.ttl")
        if f"substance:{self.slug}" not in own.paragraphs:
            self.draft.notes.append("write what the substance is: its skos:definition is a gap")
        own.add([Paragraph(f"substance:{self.slug}", head)])

    def identifiers(self) -> None:
        subject = f"substance:{self.slug}"
        rows = {row for row, owner in self.known.outside.items() if owner == subject}
        kinds = {row.partition(":")[0] for row in rows}
        for curie, printed, source in identifiers(self.called, self.files):
            if (subject, curie) in self.known.mapped:
                continue
            owner = self.known.outside.get(curie)
            if owner not in (None, subject):
                self.draft.notes.append(f"{curie} ({printed}) is {owner} already: find out whose")
            elif owner is None and curie.partition(":")[0] not in kinds:
                cells = (subject, self.label, "skos:exactMatch", "", curie, printed)
                row = (*cells, "semapv:LexicalMatching", source, "")
                self.draft.mappings.append(row)
        assert all(len(row) == len(COLUMNS) for row in self.draft.mappings)  # noqa: S101

    # DrugCentral.

    def read_drugcentral(self) -> None:
        number = self._number()
        if number is None:
            self.draft.notes.append("DrugCentral has no drug of that name")
            return
        unknown: dict[str, list[str]] = {}
        for row in drugcentral.rows(number, self.label, self.files, self.known):
            if row.record in self.known.excluded.get(_DRUGCENTRAL, ()):
                continue
            if not row.value:
                unknown.setdefault(row.kind, []).append(row.printed)
            elif row.kind == "drug_target":
                self._action(row)
            elif row.kind == "pharm_class":
                self._membership(row)
            elif not self._indication(row):
                unknown.setdefault("alone", []).append(row.printed)
        if alone := unknown.pop("alone", None):
            self.draft.notes.append(
                "DrugCentral alone lists it for what may be true of a product that it is a part "
                f"of; state what a label says too: {'; '.join(alone)}"
            )
        self.draft.notes += [
            f"{kind} of DrugCentral: the ontology has nothing that is called, or mapped to, "
            f"{'; '.join(printed)}"
            for kind, printed in unknown.items()
        ]

    def _number(self) -> str | None:
        wanted = {name.casefold() for name in self.called}
        return next(
            (
                curie.removeprefix("drugcentral:")
                for curie, printed, _ in identifiers(self.called, self.files)
                if curie.startswith("drugcentral:") and printed.casefold() in wanted
            ),
            None,
        )

    def _action(self, row: drugcentral.Row) -> None:
        name = f"{self.slug}-{_kebab(row.symbols)}-{_kebab(row.qualifier)}"
        evidence = self._evidence(_DRUGCENTRAL, "drugcentral", name, row.record, row.comment)
        slots = [("pk:target", f"target:{row.value}"), ("pk:actionType", f"pk:{row.qualifier}")]
        certainty = "probable" if row.qualifier == "binder" else "established"
        subject = f"{self.slug}-{row.value}-{_kebab(row.qualifier)}"
        key = ("ReceptorAction", row.value, row.qualifier)
        partial = ("ReceptorAction", row.value, "partialAgonist")
        if row.qualifier == "agonist" and partial in self.said:
            self._substances().extend(self.said[partial], "pk:disputedBy", [evidence])
            return
        self._state("pk:ReceptorAction", subject, key, slots, evidence, certainty)

    def _membership(self, row: drugcentral.Row) -> None:
        name = f"{self.slug}-{row.value}-{_kebab(row.record.split(';')[3])}"
        evidence = self._evidence(_DRUGCENTRAL, "drugcentral", name, row.record, row.comment)
        slots = [("pk:inClass", f"substance:{row.value}")]
        key = ("Membership", row.value)
        said = f"{self.slug}-{row.value}"
        # A class may have the name of an action, as an NMDA receptor antagonist has.
        if f"statement:{said}" in {one for other, one in self.said.items() if other != key}:
            said += "-membership"
        self._state("pk:Membership", said, key, slots, evidence)

    def _indication(self, row: drugcentral.Row) -> bool:
        """Let a row stand beside the indication that another source has; return whether it does.

        It makes no indication of its own: the table gives a substance what products are listed
        for that it is only a part of, and mistakes names (codeine for sneezing, ethanol for
        an infection by HIV, morphine for what apomorphine is used for).
        """
        prevents = "prevent" in row.printed.casefold()
        same = [
            statement
            for key, statement in self.said.items()
            if key[:2] == ("Indication", row.value) and (key[-1] == "prevention") == prevents
        ]
        if same:
            name = f"{self.slug}-{slug_of(row.printed)}"
            evidence = self._evidence(_DRUGCENTRAL, "drugcentral", name, row.record, row.comment)
            self._substances().extend(same[0], "pk:supportedBy", [evidence])
        return bool(same)

    def _evidence(self, source: str, prefix: str, name: str, record: str, comment: str) -> str:
        """Return evidence in a table, which is made where there is none for that row yet."""
        base = _PREFIXES[prefix]
        there = self.evidence.get((source, record))
        if there is not None:
            return iri(prefix, base, there.removeprefix(base))
        evidence = iri(prefix, base, name)
        folder = ("gtopdb", "sources") if prefix == "gtopdb" else ("knowledge", "sources", source)
        own = self.file(*folder, f"{self.slug}.ttl")
        slots: Slots = [("a", ("pk:Evidence",)), ("pk:source", (f"source:{source}",))]
        slots += [("pk:record", (text(record, ""),)), ("rdfs:comment", (text(comment),))]
        own.add([Paragraph(evidence, slots)])
        self.evidence[(source, record)] = base + name
        return evidence

    def _state(
        self,
        kind: str,
        name: str,
        key: tuple[str, ...],
        slots: Iterable[tuple[str, str]],
        evidence: str,
        certainty: str = "established",
    ) -> None:
        """Make a statement about the substance, or add evidence to the one that says it."""
        own = self._substances()
        statement = self.said.get(key, f"statement:{name}")
        if statement in own.paragraphs:
            if evidence not in own.paragraphs[statement]:
                own.extend(statement, "pk:supportedBy", [evidence])
            return
        head: Slots = [("a", (kind,)), ("pk:subject", (f"substance:{self.slug}",))]
        tail: Slots = [("pk:supportedBy", (evidence,)), ("pk:certainty", (f"pk:{certainty}",))]
        own.add([Paragraph(statement, [*head, *((slot, (one,)) for slot, one in slots), *tail])])
        self.said[key] = statement

    def _substances(self) -> TurtleFile:
        return self.file("knowledge", "substances", f"{self.slug}.ttl")

    # The Guide to PHARMACOLOGY.

    def read_gtopdb(self) -> None:
        counts: dict[str, int] = {}
        own = self.file("gtopdb", "substances", f"{self.slug}.ttl")
        for row in gtopdb.rows(self.called, self.files, self.known):
            if row.record in self.known.excluded.get(_GTOPDB, ()):
                continue
            if not row.target:
                self.draft.notes.append(
                    f"gtopdb: {row.printed} is no target that the ontology has: describe it, or "
                    f"exclude {row.record}"
                )
                continue
            name = f"{self.slug}-{row.target}-{_kebab(row.action)}"
            counts[name] = counts.get(name, 0) + 1
            name = f"{name}-{counts[name]}"
            evidence = self._evidence(_GTOPDB, "gtopdb", name, row.record, self._measured(row))
            slots: Slots = [("a", ("pk:ReceptorAction",))]
            slots += [("pk:subject", (f"substance:{self.slug}",))]
            slots += [("pk:target", (f"target:{row.target}",))]
            slots += [("pk:actionType", (f"pk:{row.action}",))]
            tail: Slots = [("pk:supportedBy", (evidence,)), ("pk:certainty", ("pk:established",))]
            # An action has one number, so the two ends of a range are two statements.
            for value, end in zip(row.values or ("",), ("", "-highest"), strict=False):
                number: Slots = [(row.slot, (value,))] if value else []
                subject = f"statement:{name}{end}-gtopdb"
                own.add([Paragraph(subject, [*slots, *number, *tail])])

    def _measured(self, row: gtopdb.Row) -> str:
        action = self.known.label(f"pk:{row.action}")
        target = self.known.label(f"target:{row.target}")
        values = " to ".join(row.values)
        number = f", {row.slot.removeprefix('pk:')} {values}" if values else ""
        papers = [f"PubMed {one}" for one in row.pubmed.split("|") if one]
        cited = f", measured in {' and '.join(papers)}" if papers else ""
        name = f"{self.label[:1].upper()}{self.label[1:]}"
        return f"{name}: {action} at the human {target}{number}{cited}."

    # The National Drug Code Directory.

    def products(self) -> None:
        called = {
            quad.object.value.casefold(): quad.subject.value.removeprefix(SUBSTANCE.base)
            for quad in self.known.graph
            if quad.predicate.value.endswith(("#label", "#altLabel"))
            and quad.subject.value.startswith(SUBSTANCE.base)
            and ox.Quad(quad.subject, RDF["type"], PK["Substance"]) in self.known.graph
        }
        called |= {name.casefold(): self.slug for name in self.called}
        found = list(ndc.listings(self.slug, called, self.files))
        for (_, ingredients), several in sorted(ndc.brands(found, called).items()):
            # The product stands with the first of its ingredients, as the alphabet has them.
            if ingredients[0] == self.slug:
                self._product(several, ingredients)

    def _product(self, several: list[ndc.Listing], ingredients: tuple[str, ...]) -> None:
        brand = _brand(several[0].brand)
        slug = slug_of(brand)
        if any(self.known.graph.quads_for_pattern(PRODUCT[slug], None, None)):
            return
        own = self.file("knowledge", "products", f"{'-'.join(ingredients)}.ttl")
        formulations: dict[str, list[str]] = {}
        for one in several:
            name = self._formulation_name(one)
            formulations.setdefault(name, []).append(self._listing(one))
        names = " and ".join(self._called(one) for one in ingredients)
        evidence = sorted({e for each in formulations.values() for e in each})
        own.add(
            [
                Paragraph(
                    iri("product", PRODUCT.base, slug),
                    [
                        ("a", ("pk:Product",)),
                        ("pk:hasFormulation", tuple(f"formulation:{n}" for n in formulations)),
                        ("pk:noMappingReason", (text(_NO_PRODUCT_MAPPING),)),
                        ("rdfs:label", (text(brand),)),
                        ("skos:definition", (text(f"A brand of {names}."),)),
                        ("pk:supportedBy", tuple(evidence)),
                    ],
                )
            ]
        )
        for name, cited in formulations.items():
            rows = [one for one in several if self._formulation_name(one) == name]
            self._formulation(own, name, rows, cited)
        self._standing(own, slug, several)

    def _called(self, slug: str) -> str:
        return self.label if slug == self.slug else self.known.label(f"substance:{slug}")

    def _formulation_name(self, one: ndc.Listing) -> str:
        routes = [route for route in one.routes if route != "oral"]
        route = "" if len(routes) != 1 or one.form == "sublingualTablet" else routes[0]
        if one.form in ("solution", "emulsion", "powder") and set(one.routes) & _INJECTED:
            route, form = "", {"solution": "injection"}.get(one.form, f"{one.form}-for-injection")
        else:
            form = _kebab(one.form)
        return "-".join(part for part in (*one.ingredients, route, form) if part)

    def _formulation(
        self, own: TurtleFile, name: str, rows: list[ndc.Listing], cited: list[str]
    ) -> None:
        first = rows[0]
        names = " and ".join(self._called(one) for one in first.ingredients)
        form = self.known.label(f"pk:{first.form}")
        nodes = {one: f"<{FORMULATION.base}{name}#{one}>" for one in first.ingredients}
        what = f"{names[0].upper()}{names[1:]} in {_IN_FORM[first.form]}."
        routes = sorted({route for one in rows for route in one.routes})
        subject = f"formulation:{name}"
        if subject in own.paragraphs:
            own.extend(subject, "pk:supportedBy", cited)
            own.extend(subject, "pk:route", [f"pk:{route}" for route in routes])
        route = " ".join(name.split("-")[_parts(first.ingredients) :]).removesuffix(
            " ".join(_kebab(first.form).split("-"))
        )
        label = " ".join([names, route if route.endswith("injection") else f"{route}{form}"])
        own.add(
            [
                Paragraph(
                    subject,
                    [
                        ("a", ("pk:Formulation",)),
                        ("pk:doseForm", (f"pk:{first.form}",)),
                        ("pk:route", tuple(f"pk:{route}" for route in routes)),
                        ("pk:hasIngredient", tuple(nodes.values())),
                        ("pk:noMappingReason", (text(_NO_PRODUCT_MAPPING),)),
                        ("rdfs:label", (text(label),)),
                        ("skos:definition", (text(what),)),
                        ("pk:supportedBy", tuple(cited)),
                    ],
                )
            ]
        )
        for at, ingredient in enumerate(first.ingredients):
            strengths = list(dict.fromkeys(text(one.strengths[at], "") for one in rows))
            node = nodes[ingredient]
            if node in own.paragraphs:
                own.extend(node, "pk:supportedBy", cited)
                part = own.paragraphs[node]
                new = [one for one in strengths if one not in part]
                if new:
                    own.paragraphs[node] = part.replace(
                        "pk:strength ", f"pk:strength {' , '.join(new)} , ", 1
                    )
                continue
            own.add(
                [
                    Paragraph(
                        node,
                        [
                            ("a", ("pk:Ingredient",)),
                            ("pk:substance", (f"substance:{ingredient}",)),
                            ("pk:ingredientRole", ("pk:therapeuticAgent",)),
                            ("pk:strength", tuple(strengths)),
                            ("pk:supportedBy", tuple(cited)),
                        ],
                    )
                ]
            )
        if len(first.ingredients) > 1:
            self.draft.notes.append(f"formulation:{name}: say what each ingredient is there for")

    def _listing(self, one: ndc.Listing) -> str:
        amounts = " and ".join(
            f"{strength} of {self._called(slug)}"
            for slug, strength in zip(one.ingredients, one.strengths, strict=True)
        )
        sale = "without a prescription" if one.counter else "on prescription"
        schedule = "no DEA schedule"
        if one.schedule != "notControlled":
            schedule = f"schedule {one.schedule.removeprefix('schedule')} for the product"
        form = self.known.label(f"pk:{one.form}")
        comment = (
            f"{_brand(one.brand)}, {form}, {amounts}, sold {sale} under {one.application}, with "
            f"{schedule}."
        )
        return self._evidence(_NDC, "ndc", one.code, one.record, comment)

    def _standing(self, own: TurtleFile, slug: str, several: list[ndc.Listing]) -> None:
        """State how a product may be sold, where all its listings agree."""
        cited = tuple(
            sorted({self._evidence(_NDC, "ndc", one.code, one.record, "") for one in several})
        )
        said = [("fda-approval", "approved", "fda")]
        # An empty cell is no word that a product is free of control: some that are not have one.
        schedule = several[0].schedule
        if {one.schedule for one in several} == {schedule} and schedule != "notControlled":
            said.append((_kebab(schedule), schedule, "dea"))
        if len({one.counter for one in several}) == 1:
            sale = "overTheCounter" if several[0].counter else "prescriptionOnly"
            said.append((_kebab(sale), sale, "fda"))
        for name, status, agency in said:
            own.add(
                [
                    Paragraph(
                        f"statement:{slug}-{name}",
                        [
                            ("a", ("pk:RegulatoryStatus",)),
                            ("pk:subject", (iri("product", PRODUCT.base, slug),)),
                            ("pk:status", (f"pk:{status}",)),
                            ("pk:agency", (f"pk:{agency}",)),
                            ("pk:jurisdiction", ("pk:unitedStates",)),
                            ("pk:supportedBy", cited),
                            ("pk:certainty", ("pk:established",)),
                        ],
                    )
                ]
            )


_INJECTED = frozenset(
    {
        *("caudal", "epidural", "infiltration", "intradermal", "intramuscular", "intrathecal"),
        *("intravenous", "perineural", "subcutaneous"),
    }
)


def _kebab(name: str) -> str:
    """Return a name of the vocabulary, or symbols of genes, as part of a slug.

    Example:
        >>> _kebab("positiveAllostericModulator"), _kebab("GRIN1|GRIN2A"), _kebab("scheduleIV")
        ('positive-allosteric-modulator', 'grin1-grin2a', 'schedule-iv')
    """
    if name.upper() == name:
        return slug_of(name)
    head = name.removesuffix(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    rest = name[len(head) :]
    if rest.isupper():
        return f"{head}-{rest.lower()}"
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)


def _brand(printed: str) -> str:
    """Return a brand as it is written in a sentence.

    Example:
        >>> _brand("XANAX"), _brand("OxyContin"), _brand("MS CONTIN")
        ('Xanax', 'OxyContin', 'MS Contin')
    """
    if not printed.isupper() and not printed.islower():
        return printed
    return " ".join(
        part if part.isupper() and len(part) < 3 else part.capitalize() for part in printed.split()
    )


def _parts(ingredients: Iterable[str]) -> int:
    return sum(one.count("-") + 1 for one in ingredients)


def _order(line: str) -> tuple[str, str]:
    cells = line.split("\t")
    return cells[0], cells[4]

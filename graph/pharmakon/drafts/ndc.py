"""The products of a substance, as the National Drug Code Directory of the FDA lists them.

Only brands under an approved application are drafted, and only those whose every ingredient
is in the ontology. A schedule belongs to the product, whatever else is in it.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..mappings import words
from ..published import Files

__all__ = ["DOSE_FORMS", "ROUTES", "SCHEDULES", "Listing", "brands", "listings"]

_TABLE = "fda_ndc/product.txt.gz"

#: How the directory prints our dose forms.
DOSE_FORMS: Mapping[str, tuple[str, ...]] = {
    "aerosolFoam": ("AEROSOL, FOAM",),
    "capsule": (
        *("CAPSULE", "CAPSULE, COATED PELLETS", "CAPSULE, GELATIN COATED"),
        "CAPSULE, LIQUID FILLED",
    ),
    "chewableTablet": ("TABLET, CHEWABLE", "TABLET, CHEWABLE, EXTENDED RELEASE"),
    "chewingGum": ("GUM, CHEWING",),
    "cream": ("CREAM",),
    "delayedReleaseCapsule": ("CAPSULE, DELAYED RELEASE", "CAPSULE, DELAYED RELEASE PELLETS"),
    "delayedReleaseTablet": ("TABLET, COATED PARTICLES", "TABLET, DELAYED RELEASE"),
    "emulsion": ("EMULSION", "INJECTION, EMULSION"),
    "extendedReleaseCapsule": ("CAPSULE, COATED, EXTENDED RELEASE", "CAPSULE, EXTENDED RELEASE"),
    "extendedReleaseTablet": (
        *("TABLET, EXTENDED RELEASE", "TABLET, FILM COATED, EXTENDED RELEASE"),
        "TABLET, MULTILAYER, EXTENDED RELEASE",
    ),
    "film": ("FILM", "FILM, SOLUBLE"),
    "gel": ("GEL",),
    "implant": ("IMPLANT",),
    "inhalant": ("INHALANT",),
    "lotion": ("LOTION",),
    "lozenge": ("LOZENGE",),
    "ointment": ("OINTMENT",),
    "orallyDisintegratingTablet": ("TABLET, ORALLY DISINTEGRATING",),
    "patch": ("FILM, EXTENDED RELEASE", "PATCH", "PATCH, EXTENDED RELEASE", "SYSTEM"),
    "powder": (
        *("GRANULE", "POWDER", "POWDER, FOR SOLUTION", "POWDER, FOR SUSPENSION"),
        *("INJECTION, POWDER, FOR SOLUTION", "INJECTION, POWDER, LYOPHILIZED, FOR SOLUTION"),
    ),
    "shampoo": ("SHAMPOO",),
    "solution": (
        *("CONCENTRATE", "ELIXIR", "INJECTION", "INJECTION, SOLUTION", "LIQUID", "SOLUTION"),
        *("SOLUTION, CONCENTRATE", "SOLUTION/ DROPS", "SYRUP"),
    ),
    "spray": ("AEROSOL, SPRAY", "SPRAY", "SPRAY, METERED"),
    "suppository": ("SUPPOSITORY",),
    "suspension": ("SUSPENSION", "SUSPENSION, EXTENDED RELEASE", "SUSPENSION/ DROPS"),
    "tablet": ("TABLET", "TABLET, COATED", "TABLET, FILM COATED", "TABLET, MULTILAYER"),
}

#: How it prints our routes.
ROUTES: Mapping[str, str] = {
    "BUCCAL": "buccal",
    "CUTANEOUS": "topical",
    "EPIDURAL": "epidural",
    "INFILTRATION": "infiltration",
    "INTRACAUDAL": "caudal",
    "INTRADERMAL": "intradermal",
    "INTRAMUSCULAR": "intramuscular",
    "INTRATHECAL": "intrathecal",
    "INTRAVENOUS": "intravenous",
    "NASAL": "nasal",
    "OPHTHALMIC": "ophthalmic",
    "ORAL": "oral",
    "PERINEURAL": "perineural",
    "RECTAL": "rectal",
    "RESPIRATORY (INHALATION)": "inhaled",
    "SUBCUTANEOUS": "subcutaneous",
    "SUBLINGUAL": "sublingual",
    "TOPICAL": "topical",
    "TRANSDERMAL": "transdermal",
    "TRANSMUCOSAL": "transmucosal",
    "VAGINAL": "vaginal",
}

#: How it prints our schedules.
SCHEDULES: Mapping[str, str] = {
    "": "notControlled",
    "CII": "scheduleII",
    "CIII": "scheduleIII",
    "CIV": "scheduleIV",
    "CV": "scheduleV",
}

#: Under which a product is on the market by an approval of its own.
_APPROVED = frozenset({"BLA", "NDA"})

#: Words that say in what form a brand comes, and not which it is.
_FORM = frozenset({"injection", "tablet", "capsule", "and", "hcl", "hydrochloride", "sodium"})


@dataclass(frozen=True)
class Listing:
    """A row of the directory.

    Attributes:
        record: Its key.
        code: The National Drug Code, without the package.
        brand: The name under which it is sold.
        ingredients: Our substances in it, by their slugs, in the order of the alphabet.
        strengths: The amount of each of these in one unit, as printed.
        form: Our dose form.
        routes: Our routes.
        schedule: Our schedule.
        counter: Whether it is sold without a prescription.
        application: The number of the application under which it was approved.
    """

    record: str
    code: str
    brand: str
    ingredients: tuple[str, ...]
    strengths: tuple[str, ...]
    form: str
    routes: tuple[str, ...]
    schedule: str
    counter: bool
    application: str


def listings(slug: str, called: Mapping[str, str], files: Files) -> Iterator[Listing]:
    """Yield the listings of a substance, alone or with others that are known.

    Args:
        slug: The substance.
        called: The slug of every substance that is known, by each of its names in lower case.
        files: The published files.

    Raises:
        LoadError: The file is not there.
    """
    own = [name for name, other in called.items() if other == slug]
    forms = {printed: form for form, several in DOSE_FORMS.items() for printed in several}
    for row in _table(files):
        if not any(name in row["SUBSTANCENAME"].casefold() for name in own):
            continue
        substances = [_base(name, called) for name in row["SUBSTANCENAME"].split(";")]
        if slug not in substances or None in substances:
            continue
        form, routes = forms.get(row["DOSAGEFORMNAME"]), row["ROUTENAME"].split("; ")
        if form is None or not all(route in ROUTES for route in routes):
            continue
        if row["MARKETINGCATEGORYNAME"] not in _APPROVED or row["DEASCHEDULE"] not in SCHEDULES:
            continue
        amounts = zip(
            row["ACTIVE_NUMERATOR_STRENGTH"].split("; "),
            row["ACTIVE_INGRED_UNIT"].split("; "),
            strict=True,
        )
        parts = sorted(
            (str(name), f"{number} {unit}")
            for name, (number, unit) in zip(substances, amounts, strict=True)
        )
        if len({name for name, _ in parts}) < len(parts):  # two salts of one
            continue
        if form == "tablet" and routes == ["SUBLINGUAL"]:
            form = "sublingualTablet"
        yield Listing(
            record=row["PRODUCTID"],
            code=row["PRODUCTNDC"],
            brand=row["PROPRIETARYNAME"].strip(),
            ingredients=tuple(name for name, _ in parts),
            strengths=tuple(strength for _, strength in parts),
            form=form,
            routes=tuple(sorted({ROUTES[route] for route in routes})),
            schedule=SCHEDULES[row["DEASCHEDULE"]],
            counter=row["PRODUCTTYPENAME"] == "HUMAN OTC DRUG",
            application=row["APPLICATIONNUMBER"],
        )


def brands(
    found: Iterable[Listing], called: Mapping[str, str]
) -> Mapping[tuple[str, tuple[str, ...]], list[Listing]]:
    """Return listings by brand and ingredients, one for each form, route and strength.

    A name that is that of the substances, or has it in it, is no brand.
    """
    generic = {word for name in called for word in words(name)} | _FORM
    kept: dict[tuple[str, tuple[str, ...]], dict[object, Listing]] = defaultdict(dict)
    for one in sorted(found, key=lambda each: each.record):
        if set(words(one.brand)) & (generic - _FORM) or set(words(one.brand)) <= _FORM:
            continue
        name = re.sub(r"\s+", " ", one.brand)
        own = (one.form, one.routes, one.strengths)
        kept[(name.casefold(), one.ingredients)].setdefault(own, one)
    return {brand: list(several.values()) for brand, several in kept.items()}


def _base(printed: str, called: Mapping[str, str]) -> str | None:
    """Return the substance that a printed name begins with: a salt is named after its base."""
    parts = printed.strip().casefold().split()
    for count in range(len(parts), 0, -1):
        if slug := called.get(" ".join(parts[:count]).strip(",")):
            return slug
    return None


@cache
def _table(files: Files) -> tuple[dict[str, str], ...]:
    with files.open(_TABLE, "latin-1") as text:
        rows = csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            {name: (cell or "").strip('"') for name, cell in row.items() if name}
            for row in rows
            if row["SUBSTANCENAME"]
        )

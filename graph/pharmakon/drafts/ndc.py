"""The products of a substance, as the National Drug Code Directory of the FDA lists them.

Only brands under an approved application are drafted, and only those whose every ingredient
is in the ontology. A schedule belongs to the product, whatever else is in it. What its terms are
called here is said where it is imported, :mod:`pharmakon.importers.fda_ndc`.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..importers.fda_ndc import APPROVED, DOSE_FORMS, ROUTES, SCHEDULES, dose_form, ingredients
from ..mappings import words
from ..published import Files

__all__ = ["DOSE_FORMS", "ROUTES", "SCHEDULES", "Listing", "brands", "listings"]

_TABLE = "fda_ndc/product.txt.gz"

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
    for row in _table(files):
        if not any(name in row["SUBSTANCENAME"].casefold() for name in own):
            continue
        substances = [_base(name, called) for name in row["SUBSTANCENAME"].split(";")]
        if slug not in substances or None in substances:
            continue
        if not all(route in ROUTES for route in row["ROUTENAME"].split("; ")):
            continue
        routes = tuple(sorted({ROUTES[route] for route in row["ROUTENAME"].split("; ")}))
        form = dose_form(row["DOSAGEFORMNAME"], routes)
        if form is None:
            continue
        if row["MARKETINGCATEGORYNAME"] not in APPROVED or row["DEASCHEDULE"] not in SCHEDULES:
            continue
        parts = sorted((str(_base(name, called)), amount) for name, amount in ingredients(row))
        if len({name for name, _ in parts}) < len(parts):  # two salts of one
            continue
        yield Listing(
            record=row["PRODUCTID"],
            code=row["PRODUCTNDC"],
            brand=row["PROPRIETARYNAME"].strip(),
            ingredients=tuple(name for name, _ in parts),
            strengths=tuple(strength for _, strength in parts),
            form=form,
            routes=routes,
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

"""The FDA's directory of products: what is in each, in which form, and how it may be sold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from .importer import Importer, Table
from .record import Claim, Composition, Ingredient, RejectedError, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["APPROVED", "DOSE_FORMS", "FDA_NDC", "ROUTES", "SCHEDULES", "dose_form", "ingredients"]

#: How the directory prints our dose forms.
DOSE_FORMS: Mapping[str, tuple[str, ...]] = {
    "aerosolFoam": ("AEROSOL, FOAM",),
    "capsule": (
        *("CAPSULE", "CAPSULE, COATED PELLETS", "CAPSULE, GELATIN COATED"),
        *("CAPSULE, COATED", "CAPSULE, LIQUID FILLED"),
    ),
    "chewableTablet": ("TABLET, CHEWABLE", "TABLET, CHEWABLE, EXTENDED RELEASE"),
    "chewingGum": ("GUM, CHEWING",),
    "cream": ("CREAM", "CREAM, AUGMENTED"),
    "delayedReleaseCapsule": ("CAPSULE, DELAYED RELEASE", "CAPSULE, DELAYED RELEASE PELLETS"),
    "delayedReleaseTablet": ("TABLET, COATED PARTICLES", "TABLET, DELAYED RELEASE"),
    "emulsion": ("EMULSION", "INJECTION, EMULSION"),
    "extendedReleaseCapsule": ("CAPSULE, COATED, EXTENDED RELEASE", "CAPSULE, EXTENDED RELEASE"),
    "extendedReleaseTablet": (
        *("TABLET, EXTENDED RELEASE", "TABLET, FILM COATED, EXTENDED RELEASE"),
        "TABLET, MULTILAYER, EXTENDED RELEASE",
    ),
    "film": ("FILM", "FILM, SOLUBLE"),
    "gel": ("GEL", "GEL, METERED", "JELLY"),
    "implant": ("IMPLANT",),
    "inhalant": ("INHALANT",),
    "lotion": ("LOTION", "LOTION, AUGMENTED"),
    "lozenge": ("LOZENGE",),
    "ointment": ("OINTMENT", "OINTMENT, AUGMENTED"),
    "orallyDisintegratingTablet": (
        *("TABLET, ORALLY DISINTEGRATING", "TABLET, ORALLY DISINTEGRATING, DELAYED RELEASE"),
    ),
    "patch": ("FILM, EXTENDED RELEASE", "PATCH", "PATCH, EXTENDED RELEASE", "SYSTEM"),
    "powder": (
        *("FOR SOLUTION", "FOR SUSPENSION", "GRANULE", "GRANULE, FOR SOLUTION"),
        *("GRANULE, FOR SUSPENSION", "POWDER", "POWDER, FOR SOLUTION", "POWDER, FOR SUSPENSION"),
        *("INJECTION, POWDER, FOR SOLUTION", "INJECTION, POWDER, LYOPHILIZED, FOR SOLUTION"),
        "INJECTION, POWDER, LYOPHILIZED, FOR SUSPENSION",
    ),
    "shampoo": ("SHAMPOO", "SHAMPOO, SUSPENSION"),
    "solution": (
        *("CONCENTRATE", "ELIXIR", "INJECTION", "INJECTION, SOLUTION"),
        *("INJECTION, SOLUTION, CONCENTRATE", "LIQUID", "SOLUTION", "SOLUTION, CONCENTRATE"),
        *("SOLUTION/ DROPS", "SYRUP", "TINCTURE"),
    ),
    "spray": ("AEROSOL, SPRAY", "SPRAY", "SPRAY, METERED", "SPRAY, SUSPENSION"),
    "suppository": ("SUPPOSITORY",),
    "suspension": ("SUSPENSION", "SUSPENSION, EXTENDED RELEASE", "SUSPENSION/ DROPS"),
    "suspensionForInjection": (
        *("INJECTION, SUSPENSION", "INJECTION, SUSPENSION, EXTENDED RELEASE"),
        "INJECTION, SUSPENSION, LIPOSOMAL",
    ),
    "tablet": (
        *("TABLET", "TABLET, COATED", "TABLET, EFFERVESCENT", "TABLET, FILM COATED"),
        *("TABLET, FOR SUSPENSION", "TABLET, MULTILAYER", "TABLET, SOLUBLE"),
        "TABLET, SUGAR COATED",
    ),
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
APPROVED = frozenset({"BLA", "NDA"})

#: Under which it is by an approval: of its own, or as the equal of one that has it.
_APPROVALS = APPROVED | {"ANDA", "NDA AUTHORIZED GENERIC"}

#: How a product is sold, by its type. Of vaccines, allergens and what is made of plasma or cells
#: the directory does not say it.
_SALES = {"HUMAN OTC DRUG": "overTheCounter", "HUMAN PRESCRIPTION DRUG": "prescriptionOnly"}

_FORMS = {printed: form for form, several in DOSE_FORMS.items() for printed in several}

#: The label of a formulation names so many ingredients, of the dozens that some have.
_NAMED = 3


def dose_form(printed: str, routes: Iterable[str]) -> str | None:
    """Return our dose form, or None where we have none.

    Args:
        printed: The form as the directory prints it.
        routes: Our routes.

    Example:
        >>> dose_form("TABLET, FILM COATED", ["oral"]), dose_form("TABLET", ["sublingual"])
        ('tablet', 'sublingualTablet')
    """
    form = _FORMS.get(printed)
    return "sublingualTablet" if form == "tablet" and list(routes) == ["sublingual"] else form


def ingredients(row: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the substances in a product, each with its amount in one unit, as printed.

    Raises:
        ValueError: There are more or fewer amounts than substances.
    """
    # A semicolon in brackets is part of a name.
    names = re.split(r"; (?![^(]*\))", row["SUBSTANCENAME"])
    if not row["ACTIVE_NUMERATOR_STRENGTH"]:
        return [(name, "") for name in names]
    numbers = row["ACTIVE_NUMERATOR_STRENGTH"].split("; ")
    units = row["ACTIVE_INGRED_UNIT"].split("; ")
    if not len(names) == len(numbers) == len(units):
        raise ValueError(f"it has {len(numbers)} amounts of {len(names)} substances")
    return [
        (name, f"{number} {unit}") for name, number, unit in zip(names, numbers, units, strict=True)
    ]


def _product(row: Row) -> Iterator[Thing | Claim | Composition]:
    brand = " ".join(f"{row['PROPRIETARYNAME']} {row['PROPRIETARYNAMESUFFIX']}".split())
    if not row["PROPRIETARYNAME"].strip() or not row["PRODUCTNDC"] or not row["PRODUCTID"]:
        raise RejectedError("the product has no name, no code or no key")
    if not row["SUBSTANCENAME"]:
        raise SkippedError("the listing names no substance, as those of kits do not")
    if row["DEASCHEDULE"] not in SCHEDULES:
        raise RejectedError(f"{row['DEASCHEDULE']!r} is no schedule")
    parts = sorted(ingredients(row))  # rows that hold the same list it in any order
    for name in dict.fromkeys(name for name, _ in parts):
        if not name.strip():
            raise RejectedError("an ingredient has no name")
        yield Thing(_substance(name), "substance", name, by_name=("fda-unii",))
    category = row["MARKETINGCATEGORYNAME"]
    if category == "UNAPPROVED HOMEOPATHIC":
        return  # they are diluted, often until nothing is left: it is no formulation of them
    product, formulation = f"ndc:{row['PRODUCTNDC']}", _formulation(row, parts)
    yield Thing(product, "product", brand)
    yield Thing(formulation, "formulation", _label(row, parts))
    routes = [ROUTES[one] for one in row["ROUTENAME"].split("; ") if one in ROUTES]
    form = dose_form(row["DOSAGEFORMNAME"], routes)
    comment = _comment(row, brand, parts)
    # Of a combination the directory does not say to what end each is in it.
    role = "pk:therapeuticAgent" if len(parts) == 1 else ""
    yield Composition(
        product,
        formulation,
        f"pk:{form}" if form else "",
        tuple(f"pk:{route}" for route in dict.fromkeys(routes)),
        tuple(Ingredient(_substance(name), strength, role) for name, strength in parts),
        row["PRODUCTID"],
        comment,
    )
    for status, agency in _statuses(row):
        yield Claim(
            "RegulatoryStatus",
            product,
            (
                ("status", f"pk:{status}"),
                ("agency", f"pk:{agency}"),
                ("jurisdiction", "pk:unitedStates"),
            ),
            row["PRODUCTID"],
            comment,
            about="product",
        )


def _statuses(row: Row) -> Iterator[tuple[str, str]]:
    """Yield each status of a product, and who decided it."""
    if row["MARKETINGCATEGORYNAME"] in _APPROVALS:
        yield "approved", "fda"
    if row["PRODUCTTYPENAME"] in _SALES:
        yield _SALES[row["PRODUCTTYPENAME"]], "fda"
    # An empty cell is no word that a product is free of control: some that are not have one.
    if row["DEASCHEDULE"]:
        yield SCHEDULES[row["DEASCHEDULE"]], "dea"


def _substance(name: str) -> str:
    return f"ndc.substance:{name}"


def _formulation(row: Row, parts: list[tuple[str, str]]) -> str:
    """Return the key of what products share that hold the same in the same form."""
    routes = sorted(row["ROUTENAME"].split("; "))
    said = repr((parts, row["DOSAGEFORMNAME"], routes))
    return f"ndc.formulation:{hashlib.blake2b(said.encode(), digest_size=8).hexdigest()}"


def _label(row: Row, parts: list[tuple[str, str]]) -> str:
    names = [f"{name} {strength}".strip() for name, strength in parts]
    if len(names) > _NAMED:
        names[_NAMED:] = [f"{len(names) - _NAMED} more"]
    form, routes = row["DOSAGEFORMNAME"].lower(), row["ROUTENAME"].lower()
    return ", ".join(one for one in (" + ".join(names), form, routes.replace("; ", " or ")) if one)


def _comment(row: Row, brand: str, parts: list[tuple[str, str]]) -> str:
    held = "; ".join(f"{name.lower()} {strength}".strip() for name, strength in parts)
    category = f"{row['MARKETINGCATEGORYNAME']} {row['APPLICATIONNUMBER']}".strip()
    schedule = f", {row['DEASCHEDULE']} for the product" if row["DEASCHEDULE"] else ""
    kind = row["PRODUCTTYPENAME"].lower()
    return (
        f"{brand}, {row['DOSAGEFORMNAME'].lower()}, with {held}, listed as {kind} under "
        f"{category}{schedule}."
    )


FDA_NDC = Importer(
    name="fda-ndc",
    title="National Drug Code Directory",
    description="Products, what is in each, in which form, and how it may be sold in the United "
    "States; of homeopathic listings the names of their substances only.",
    publisher="US Food and Drug Administration",
    release="2019-05",
    licences=("https://creativecommons.org/publicdomain/mark/1.0/",),
    homepage="https://www.fda.gov/drugs/drug-approvals-and-databases/national-drug-code-directory",
    folder="fda_ndc",
    tables=(
        Table(
            "product.txt",
            delimited(
                columns=(
                    *("PRODUCTID", "PRODUCTNDC", "PRODUCTTYPENAME", "PROPRIETARYNAME"),
                    *("PROPRIETARYNAMESUFFIX", "DOSAGEFORMNAME", "ROUTENAME"),
                    *("MARKETINGCATEGORYNAME", "APPLICATIONNUMBER", "SUBSTANCENAME"),
                    *("ACTIVE_NUMERATOR_STRENGTH", "ACTIVE_INGRED_UNIT", "DEASCHEDULE"),
                ),
                quoted=False,
                encoding="latin-1",
            ),
            _product,
            url="https://www.accessdata.fda.gov/cder/ndctext.zip",
            member="product.txt",
        ),
    ),
)

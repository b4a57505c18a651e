"""The products: what is said of them is what the National Drug Code Directory prints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pyoxigraph as ox
import pytest

from pharmakon.drafts.ndc import DOSE_FORMS, ROUTES
from pharmakon.namespaces import PREFIXES, RDF, SOURCE, shorten
from pharmakon.resources import folder

from . import shared_data

DIRECTORY = "fda_ndc/product.txt.gz"


@cache
def graph() -> ox.Store:
    store = ox.Store()
    for path in (folder("ontology") / "knowledge").glob("**/*.ttl"):
        store.load(path=str(path), format=ox.RdfFormat.TURTLE)
    return store


@cache
def directory() -> Mapping[str, dict[str, str]]:
    wanted = {row["record"] for row in select("?evidence pk:record ?record . " + OURS)}
    return {
        row["PRODUCTID"]: row
        for row in shared_data.rows(DIRECTORY, encoding="latin-1")
        if row["PRODUCTID"] in wanted
    }


OURS = f"?evidence pk:source <{SOURCE['fda-ndc-2019'].value}> ."


def select(pattern: str) -> list[dict[str, str]]:
    answer = graph().query(f"SELECT * WHERE {{ {pattern} }}", prefixes=PREFIXES)
    assert isinstance(answer, ox.QuerySolutions)
    return [
        {variable.value: solution[variable.value].value for variable in answer.variables}
        for solution in answer
    ]


@pytest.mark.parametrize(
    "record", [row["record"] for row in select("?evidence pk:record ?record . " + OURS)]
)
def test_a_record_is_in_the_directory(record: str) -> None:
    assert record in directory(), (
        f"{record} is no PRODUCTID of {DIRECTORY}; mend it in sources/fda-ndc-2019.ttl"
    )


INGREDIENTS = select(
    "?ingredient a pk:Ingredient ; pk:substance ?substance ; pk:supportedBy ?evidence . " + OURS
)

NAMES: dict[str, list[str]] = {}
for _row in select("?substance a pk:Substance ; rdfs:label|skos:altLabel ?name"):
    NAMES.setdefault(_row["substance"], []).append(_row["name"].casefold())


@pytest.mark.parametrize("ingredient", sorted({row["ingredient"] for row in INGREDIENTS}))
def test_a_strength_is_as_the_directory_prints_it(ingredient: str) -> None:
    own = [row for row in INGREDIENTS if row["ingredient"] == ingredient]
    printed = set()
    for cited in own:
        (key,) = select(f"<{cited['evidence']}> pk:record ?record")
        row = directory()[key["record"]]
        cells = (row["SUBSTANCENAME"], row["ACTIVE_NUMERATOR_STRENGTH"], row["ACTIVE_INGRED_UNIT"])
        for substance, number, unit in zip(*(cell.split("; ") for cell in cells), strict=True):
            if any(substance.casefold().startswith(name) for name in NAMES[cited["substance"]]):
                printed.add(f"{number} {unit}")
    said = {row["strength"] for row in select(f"<{ingredient}> pk:strength ?strength")}
    cited = select(f"<{ingredient}> pk:supportedBy ?evidence . ?evidence pk:source ?source")
    others = {row["source"] for row in cited} - {SOURCE["fda-ndc-2019"].value}
    missing = printed - said
    assert not missing, f"{ingredient}: write the strengths as printed, {sorted(missing)}"
    # A label, here or in another country, has strengths that the directory has not.
    assert said == printed or others, f"{ingredient}: no source has {sorted(said - printed)}"


FORMULATIONS = select(
    "?formulation a pk:Formulation ; pk:doseForm ?form ; pk:supportedBy ?evidence . " + OURS
)


@pytest.mark.parametrize("formulation", sorted({row["formulation"] for row in FORMULATIONS}))
def test_a_form_and_its_routes_are_those_of_the_directory(formulation: str) -> None:
    routes = {shorten(row["route"]) for row in select(f"<{formulation}> pk:route ?route")}
    listed = set()
    for cited in (row for row in FORMULATIONS if row["formulation"] == formulation):
        (key,) = select(f"<{cited['evidence']}> pk:record ?record")
        row = directory()[key["record"]]
        form = shorten(cited["form"]).removeprefix("pk:")
        under = "tablet" if form == "sublingualTablet" else form
        assert row["DOSAGEFORMNAME"] in DOSE_FORMS[under], cited
        listed |= {f"pk:{ROUTES[route]}" for route in row["ROUTENAME"].split("; ")}
    assert routes == listed, f"{formulation}: write the routes that are listed"


def test_every_strength_has_evidence_that_prints_one() -> None:
    """A kit, such as Vivitrol, prints none: its strength stands on its label."""
    assert any(graph().quads_for_pattern(None, RDF["type"], None))
    kits = [key for key, row in directory().items() if not row["ACTIVE_NUMERATOR_STRENGTH"]]
    assert kits, "the kit of Vivitrol should be among the rows"
    cited = {row["evidence"] for row in INGREDIENTS}
    records = {row["evidence"]: row["record"] for row in select("?evidence pk:record ?record")}
    assert not [evidence for evidence in cited if records[evidence] in kits]

"""Every fact of the naltrexone article is answered: one question a file, with all its rows.

A file of `tests/competency/` runs as it is in any SPARQL client. Its header says the question, the
answer in words, and the rows that are expected: all of them, in any order.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pharmakon import KnowledgeGraph, queries

from .shared_data import SHARED, require

QUESTIONS = Path(__file__).parent / "competency"

Row = frozenset[tuple[str, str | int | float | bool]]


@cache
def header(name: str) -> Mapping[str, Any]:
    path = QUESTIONS / f"{name}.rq"
    return queries.header(path, path.read_text("utf-8"))


def names() -> list[str]:
    return sorted((path.stem for path in QUESTIONS.glob("*.rq")), key=lambda name: int(name[1:]))


def asked() -> dict[str, str]:
    """The questions of the article, by number, as they were put."""
    path = require(SHARED / "competency.tsv")
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text, delimiter="\t")
        return {row["id"]: row["question"] for row in rows if row["set"] == "article"}


def rows_of(found: Iterable[Mapping[str, str | int | float | bool]]) -> set[Row]:
    return {frozenset(row.items()) for row in found}


def shown(rows: set[Row]) -> str:
    lines = sorted(", ".join(f"{name}: {value}" for name, value in sorted(row)) for row in rows)
    return "\n".join(f"    {line}" for line in lines) or "    none"


@pytest.mark.parametrize("name", names())
def test_a_question_has_the_answer_that_is_expected(graph: KnowledgeGraph, name: str):
    about = header(name)
    expected = rows_of(about["expected"])

    found = rows_of(graph.query((QUESTIONS / f"{name}.rq").read_text("utf-8")).to_dicts())

    assert found == expected, (
        f"tests/competency/{name}.rq: {about['question']}\n"
        f"  missing:\n{shown(expected - found)}\n"
        f"  unexpected:\n{shown(found - expected)}\n"
        "  Mend the statement in ontology/knowledge, or the row in the header if it was wrong."
    )


@pytest.mark.parametrize("name", names())
def test_a_question_is_complete(name: str):
    about = header(name)
    rows = [frozenset(row.items()) for row in about["expected"]]

    assert about["id"] == name, f"tests/competency/{name}.rq calls itself {about['id']}"
    assert about["question"].endswith("?"), f"{name} asks nothing: end its question with '?'"
    assert about["answer"].endswith("."), f"{name} has no answer in words that ends in a full stop"
    assert rows, f"{name} expects nothing, so it cannot fail: write the rows of its answer"
    assert len(rows) == len(set(rows)), f"{name} expects a row twice"


@pytest.mark.parametrize("name", names())
def test_a_question_runs_anywhere_and_in_one_order(name: str):
    text = (QUESTIONS / f"{name}.rq").read_text("utf-8")
    prologue, body = text.split("\n\nSELECT", 1)
    declared = set(re.findall(r"^PREFIX (\w+): ", prologue, re.MULTILINE))
    used = set(re.findall(r"(?<![\w?])(\w+):", body))

    assert declared == used, f"{name} must declare the prefixes that it uses, and no others"
    assert "\nORDER BY " in body, f"{name} has no ORDER BY"


def test_every_fact_of_the_article_has_its_question():
    facts = asked()

    assert set(names()) == set(facts)
    assert {name: header(name)["question"] for name in names()} == facts

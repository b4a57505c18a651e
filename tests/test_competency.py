"""Every fact of the naltrexone article, and what people ask beyond it, is answered: one file each.

A file of `tests/competency/` runs as it is in any SPARQL client. Its header says the question, the
answer in words, and the rows that are expected: all of them, in any order. F are the facts of the
article. Q go beyond it: there each row opens to what it rests on, and the header names the command
that asks the same, or shows the whole of it.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pharmakon import PREFIXES, KnowledgeGraph, queries

from .shared_data import SHARED, require

QUESTIONS = Path(__file__).parent / "competency"

Row = frozenset[tuple[str, str | int | float | bool]]


@cache
def header(name: str) -> Mapping[str, Any]:
    path = QUESTIONS / f"{name}.rq"
    return queries.header(path, path.read_text("utf-8"))


def names(letter: str = "") -> list[str]:
    """The names of the files, or of those of one set: F of the article, Q beyond it."""
    found = (path.stem for path in QUESTIONS.glob(f"{letter}*.rq"))
    return sorted(found, key=lambda name: (name[0], int(name[1:])))


def asked(several: str) -> dict[str, str]:
    """The questions of a set, by number, as they were put."""
    path = require(SHARED / "competency.tsv")
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text, delimiter="\t")
        return {row["id"]: row["question"] for row in rows if row["set"] == several}


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
    # Of what was asked beyond the article, some was put as a task: "Rank …", "Give …".
    assert about["question"].endswith("?") or name.startswith("Q"), (
        f"{name} asks nothing: end its question with '?'"
    )
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


@pytest.mark.parametrize("name", names("Q"))
def test_a_row_beyond_the_article_opens_to_what_it_rests_on(graph: KnowledgeGraph, name: str):
    for row in header(name)["expected"]:
        places = {value for value in row.values() if opens(value)}
        assert places, f"{name}: no statement or ingredient in {row}, so nothing can be checked"
        for place in places:
            assert rests_on(graph, place), f"{name}: {place} rests on no evidence and no premise"


def opens(value: str | int | float | bool) -> bool:
    """Whether a value of a row is a statement or an ingredient, which has evidence of its own."""
    text = str(value)
    return text.startswith("statement:") or (text.startswith("formulation:") and "#" in text)


def rests_on(graph: KnowledgeGraph, place: str) -> list[dict[str, str | int | float | bool]]:
    """The sources of the evidence for a statement or ingredient, or the premises of it."""
    prefix, _, local = place.partition(":")
    return graph.query(
        f"""SELECT ?ground WHERE {{
          {{ <{PREFIXES[prefix]}{local}> pk:supportedBy / pk:source ?ground }}
          UNION {{ <{PREFIXES[prefix]}{local}> pk:premise ?ground }}
        }}"""
    ).to_dicts()


@pytest.mark.parametrize("name", names("Q"))
def test_the_command_beside_a_question_beyond_the_article_can_be_given(name: str):
    program, command, *rest = shlex.split(header(name)["command"])

    assert program == "pharmakon"
    if command != "query":
        assert command in ("export", "interactions", "path"), f"{name} names no command of ours"
        return
    query, *options = rest
    given = {option.removeprefix("--") for option in options if option.startswith("--")}
    assert given == set(queries.load(query).params), f"{name}: give {query} its parameters"


@pytest.mark.parametrize(("several", "letter"), [("article", "F"), ("beyond", "Q")])
def test_every_question_of_a_set_has_its_file(several: str, letter: str):
    questions = asked(several)

    assert set(names(letter)) == set(questions)
    assert {name: header(name)["question"] for name in names(letter)} == questions


def test_every_file_is_of_a_set():
    assert names() == names("F") + names("Q")

"""A malformed query is answered with the place of the fault and what to change."""

from __future__ import annotations

import pytest

from pharmakon.errors import QuerySyntaxError
from pharmakon.stores import OxigraphStore

# The caret stands under the fault in the query's second line.
CASES = [
    ("SELEC * { ?s ?p ?o }", "^", "'SELEC' is not expected", "did you mean SELECT?"),
    ("FOO { ?s ?p ?o }", "^", "'FOO' is not expected", "start with SELECT, ASK"),
    ("INSERT DATA {}", "^", "'INSERT' is not expected", "start with SELECT, ASK"),
    (
        "SELECT * WHER { ?s ?p ?o }",
        "         ^",
        "'WHER' is not expected",
        "did you mean WHERE?",
    ),
    (
        "SELECT * { ?s ?p ?o FILTR(?o > 1) }",
        "                    ^",
        "'FILTR' is not expected",
        "did you mean FILTER?",
    ),
    (
        "SELECT * { ?s foo:bar ?o }",
        "              ^",
        "prefix 'foo' is not declared",
        "add PREFIX foo: <…>",
    ),
    (
        "SELECT * { substanc:x ?p ?o }",
        "           ^",
        "prefix 'substanc' is not declared",
        "did you mean 'substance'?",
    ),
    (
        "SELECT ?x { ?x ?y }",
        "                  ^",
        "'}' is not expected",
        "expected a variable, an IRI or a literal",
    ),
    (
        "SELECT (COUNT(?s) ?n) {}",
        "                  ^",
        "'?n' is not expected",
        "expected an operator, or AS and a variable",
    ),
    ("SELECT ?s, ?p {}", "         ^", "',' is not expected", "expected a variable"),
    (
        "SELECT * { ?s ?p ",
        "                ^",
        "the query ends too early",
        "close the '{' of line 2, column 10",
    ),
    (
        "SELECT * { ?s rdfs:label ?o } GROUP BY ?s",
        "                                         ^",
        "SELECT * cannot stand with GROUP BY",
        "",
    ),
    (
        "SELECT * { <naltrexone> ?p ?o }",
        "           ^",
        "the IRI <naltrexone> is not absolute",
        "write it in full",
    ),
    ("ASK { ?s ?p 'x }", "            ^", "a string has no end", "close it with"),
    ("ASK { ?s ?p 'x\\y' }", "            ^", "a string has no end, or an escape", "escapes are"),
    ("ASK { VALUES (?a ?b) { (1) } }", "                           ^", "same number of values", ""),
    ("SELECT * {} LIMIT x", "                  ^", "'x' is not expected", ""),
    ("ASK {}}", "      ^", "'}' is not expected", ""),
]


@pytest.mark.parametrize(("line", "caret", "reason", "hint"), CASES)
def test_the_fault_is_found(line: str, caret: str, reason: str, hint: str):
    with pytest.raises(QuerySyntaxError) as caught:
        OxigraphStore().select(f"# A comment, to begin with\n{line}")

    error = caught.value
    assert error.excerpt == f"{line.rstrip()}\n{caret}" or error.excerpt == f"{line}\n{caret}"
    assert (error.line, error.column) == (2, len(caret))
    assert reason in error.reason
    assert hint in error.hint


@pytest.mark.parametrize("query", ["", "  \n", "# nothing"])
def test_an_empty_query_is_called_so(query: str):
    with pytest.raises(QuerySyntaxError, match="the query is empty"):
        OxigraphStore().select(query)


def test_a_predeclared_prefix_that_is_asked_of_nobody_is_given_in_full():
    with pytest.raises(QuerySyntaxError) as caught:
        OxigraphStore().ask("ASK { ?s Pk:treats ?o }")

    assert "add PREFIX Pk:" in caught.value.hint


def test_a_long_line_is_shown_around_its_fault():
    query = "ASK { " + "?s pk:treats ?o . " * 500 + "} oops"

    with pytest.raises(QuerySyntaxError) as caught:
        OxigraphStore().ask(query)

    text, caret = caught.value.excerpt.split("\n")
    assert len(text) <= 120
    assert text[len(caret) - 1 :] == "oops"
    assert caught.value.column == query.index("oops") + 1


def test_a_very_long_query_is_refused_without_being_taken_apart():
    with pytest.raises(QuerySyntaxError, match="the query is not SPARQL"):
        OxigraphStore().ask("ASK { " + "?s ?p ?o . " * 20_000 + "oops")

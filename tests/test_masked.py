"""Whether a query asks another server is what the parser says, and not what its text looks like."""

from __future__ import annotations

import re

import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pharmakon.namespaces import PREFIXES
from pharmakon.stores.syntax import masked, uses_service

from .test_syntax import HARMLESS, PIECES, SERVICES

steady = settings(deadline=None)

#: Nothing listens there: a query that is parsed begins to run, and must not wait for a name.
NOWHERE = "http://127.0.0.1:1/"
PROLOGUE = "PREFIX ex: <http://example.org/> "


def parses(query: str) -> bool:
    """Return whether Oxigraph takes a query, whatever becomes of it then."""
    prefixes = PREFIXES | {"ex": "http://example.org/"}
    try:
        ox.Store().query(query, prefixes=prefixes, base_iri=NOWHERE)
    except SyntaxError:
        return False
    except (OSError, RuntimeError, ValueError):
        return True
    return True


def asks_service(query: str) -> bool:
    """Return what the parser says of a query and of its masked form."""
    other = masked(query)
    return other is not None and parses(query) and not parses(other)


def local(query: str) -> str:
    return query.replace("http://x/", NOWHERE)


#: Oxigraph knows no escapes outside strings and IRIs, so to it these are no queries at all.
ESCAPED = [query for query in SERVICES if re.search(r"[\\][uU]", query)]


@pytest.mark.parametrize("query", [query for query in SERVICES if query not in ESCAPED])
def test_a_clause_is_told_by_the_parser(query: str):
    assert asks_service(local(query)) == parses(local(query))


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_alone_is_none_to_the_parser(query: str):
    query = local(query).replace("sd:Service", "<http://example.org/Service>")

    assert not asks_service(query)
    assert parses(query) == (parses(masked(query) or query))


def test_most_of_the_examples_are_queries():
    assert sum(map(parses, map(local, SERVICES))) >= 15
    assert sum(map(parses, map(local, HARMLESS))) >= 12


WORDS = st.lists(
    st.tuples(*(st.sampled_from([x, x.upper()]) for x in "service")).map("".join),
    min_size=1,
    max_size=1,
).map("".join)


def escaped(draw: st.DrawFn, word: str) -> str:
    """Return a word with some of its letters as escapes."""
    forms = ["{}", "\\u{:04X}", "\\U{:08x}"]
    chosen = [draw(st.sampled_from(forms)) for _ in word]
    return "".join(
        form.format(letter if form == "{}" else ord(letter))
        for form, letter in zip(chosen, word, strict=True)
    )


#: Where the word may stand in a group without a clause: ``W`` as it is, ``E`` with escapes.
HARMLESS_PARTS = [
    "?W ex:p $W .",
    "?s ex:W ex:W.x .",
    "?s ex:aWb ex:p.W .",
    "W:a W:b W:c .",
    "GRAPH W:a { ?s ?p ?o }",
    "GRAPH ?W { ?W ?p ?o }",
    "?s ?p 'E <http://x/> {}' .",
    '?s ?p "E" , """E "E" E""" , \'\'\'E\'\'\' .',
    "?s ?p '\\\\W' , '\\\\E' .",
    "?s ?p 'x'@W , 'x'@en-W .",
    "?s ?p 'x'^^W:W .",
    "?s ?p 'x'^^<http://example.org/E> .",
    "_:W ?p _:a.W .",
    "?s <http://example.org/E#E> <http://E.example.org/?E=E> .",
    "<E> <E:E> <#E> .",
    "# W <http://x/> {}\n",
    "FILTER(?W<?b && ?c>?W)",
    "FILTER(W:f(?W) = <http://example.org/E>(?W))",
    "BIND(1 AS ?WW)",
    "VALUES (?aW ?Wa) { (W:a 'E') }",
    "{ SELECT ?W (COUNT(?W) AS ?Wn) { ?W ?p ?o } GROUP BY ?W ORDER BY ?W }",
    "OPTIONAL { ?s W:p [ W:q 'E' ] }",
    "?s ?p true . ?s ?p 1.5e3 , 1e3 .",
    "?qbbbbbb ex:qbbbbbb ?qbbbbbd .",
]
CLAUSES = [
    "W <HERE> { ?s ?p ?o }",
    "W SILENT <HERE> {}",
    "W<HERE>{}",
    "WSILENT<HERE>{}",
    "W#W\n<HERE> {}",
    "W ?W {}",
    "W W:a { ?s W:b 'E' }",
    "W ex:W {}",
    "?s ?p 1W <HERE> {}",
    "?s ?p trueW <HERE> {}",
    "?s ?p 'x'W <HERE> {}",
    "OPTIONAL { W <HERE> { GRAPH W:a { ?s ?p ?o } } }",
    "{ { W <HERE> {} } UNION { } }",
    "FILTER(1<2)W#>\n<HERE>{}",
    "FILTER EXISTS { W <HERE> {} }",
]


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, bool]:
    """A query, and whether it has a clause."""
    clauses = draw(st.lists(st.sampled_from(CLAUSES), max_size=2))
    harmless = draw(st.lists(st.sampled_from(HARMLESS_PARTS), max_size=5))
    parts = draw(st.permutations([*clauses, *harmless]))
    # A prefix is one word in one case; elsewhere each may be in another.
    prefix = draw(WORDS)
    text = " ".join(parts).replace("HERE", NOWHERE).replace("http://x/", NOWHERE)
    text = text.replace("W:", f"{prefix}:")
    text = re.sub(r"E(?![A-Z])(?<![A-Z]E)", lambda _: escaped(draw, draw(WORDS)), text)
    text = re.sub(r"W", lambda _: draw(WORDS), text)
    head = f"{PROLOGUE}PREFIX {prefix}: <http://example.org/{draw(WORDS)}/> "
    return f"{head} SELECT * {{ {text} }}", bool(clauses)


@settings(deadline=None, max_examples=400)
@given(queries())
def test_the_parser_says_exactly_whether_there_is_a_clause(made: tuple[str, bool]):
    query, has_clause = made

    if parses(query):
        assert asks_service(query) == has_clause
        assert uses_service(query) or not has_clause
    else:
        assert not asks_service(query)


@steady
@given(st.data())
def test_almost_everything_that_is_made_here_is_a_query(data: st.DataObject):
    part = data.draw(st.sampled_from([*HARMLESS_PARTS, *CLAUSES]))
    text = part.replace("HERE", NOWHERE).replace("http://x/", NOWHERE)
    text = re.sub(r"E(?![A-Z])(?<![A-Z]E)", "service", text).replace("W", "service")

    assert parses(f"{PROLOGUE} PREFIX service: <{NOWHERE}> SELECT * {{ {text} }}"), part


@steady
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(HARMLESS))
@example("} SERVICE <x> {", "SELECT * { ?s ?p ?o }")
def test_nothing_that_the_parser_reads_is_missed(piece: str, query: str):
    for text in (
        piece,
        query.replace("}", f"{piece} }}", 1),
        query.replace("{", f"{{ {piece} ", 1),
    ):
        if asks_service(local(text)):
            assert uses_service(local(text))


@steady
@given(st.lists(st.sampled_from([*PIECES, "qbbbbbb", "\\u0071bbbbbb"]), max_size=20).map("".join))
def test_a_masked_query_is_as_long_and_has_the_word_nowhere(query: str):
    other = masked(query)

    if other is None:
        assert "service" not in query.lower()
    else:
        assert len(other) == len(query)
        assert masked(other) is None
        assert {x for x in range(len(query)) if query[x] != other[x]}
        assert query.count("qbbbbbb") == other.count("qbbbbbb")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ASK {}", None),
        ("ASK { ?servic ?ervice ?ſervice }", None),
        ("?Service ?sERVICE", "?Qbbbbbb ?qBBBBBB"),
        ("\\u0053ervic\\U00000065", "\\u0051bbbbb\\U00000062"),
        ("?service ?qbbbbbb", "?qbbbbbd ?qbbbbbb"),
        ("?service \\u0071bbbbbb", "?qbbbbbd \\u0071bbbbbb"),
        ("?service ?QBBBBBB ?aqbbbbbdb", "?qbbbbbf ?QBBBBBB ?aqbbbbbdb"),
    ],
)
def test_the_word_is_new_and_keeps_its_form(query: str, expected: str | None):
    assert masked(query) == expected

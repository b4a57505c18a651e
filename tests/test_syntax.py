"""Federation and updates are seen in the tokens of a query, and only there."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pharmakon.errors import QueryRefusedError, QuerySyntaxError
from pharmakon.stores.syntax import (
    canonical,
    check,
    declared_prefixes,
    gives_graph,
    is_changing,
    names_graphs,
    tokens,
    update_keyword,
    uses_service,
)

#: A machine that is busy with other tests is no reason to fail.
steady = settings(deadline=None)

SERVICES = [
    "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { service <http://x/> {} }",
    "SELECT * { SeRvIcE SILENT <http://x/> {} }",
    "SELECT*{SERVICE<http://x/>{}}",
    "SELECT*{SERVICESILENT<http://x/>{}}",
    "SELECT * { SERVICE#\n<http://x/> {} }",
    "SELECT * { SERVICE # <http://x/>\r\n?where {} }",
    "SELECT * { ?s ?p 1SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p 1.5e3SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p trueSERVICE <http://x/> {} }",
    "PREFIX : <http://x/> SELECT * { SERVICE:y {} }",
    "PREFIX : <http://x/> SELECT * { ?s ?p trueSERVICE:y {} }",
    "PREFIX : <http://x/> SELECT * { SERVICE SILENT:y {} }",
    "SELECT * { \\u0053ERVICE <http://x/> {} }",
    "SELECT * { S\\U00000045RVICE <http://x/> {} }",
    "SELECT * { SERVI\\u0043\\u0045 <http://x/> {} }",
    "SELECT * { FILTER(1<2)SERVICE#>\n<http://x/>{} }",
    "SELECT * { BIND(1<2AS?b)SERVICE#>\n<http://x/>{} }",
    "SELECT * { ex:a\\' ?p ?o . SERVICE <http://x/> {} # '\n }",
    "SELECT * { ?s ?p '' . SERVICE <http://x/> {} . ?a ?b '' }",
    "SELECT * { ?s ?p '\\'' . SERVICE <http://x/> {} . ?a ?b '\\'' }",
    "SELECT * { ?s ?p '''a''' . SERVICE <http://x/> {} . ?a ?b '''b''' }",
    "SELECT * { ?s ?p 'x'@en . SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p 'x'^^xsd:string SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p <http://x/#a> . SERVICE <http://x/> {} }",
]

HARMLESS = [
    "SELECT ?service { ?service ?p $SERVICE }",
    "SELECT * { ex:SERVICE ex:service.x ex:a.SERVICE }",
    "PREFIX service: <http://x/> SELECT * { service:a a service:b }",
    "PREFIX SERVICE: <http://x/> SELECT * { GRAPH SERVICE:a { ?s ?p ?o } }",
    "SELECT * FROM service:a { ?s ?p ?o }",
    "SELECT * FROM NAMED service:a { ?s ?p ?o }",
    "SELECT * { ?s ?p 'SERVICE <http://x/> {}' }",
    'SELECT * { ?s ?p "SERVICE <http://x/> {}" }',
    "SELECT * { ?s ?p '''it's ''SERVICE'' \\''' here''' }",
    'SELECT * { ?s ?p """"SERVICE" ""SERVICE"" \\""" here""" }',
    "SELECT * { ?s ?p 'x'@en-SERVICE }",
    "SELECT * { _:SERVICE ?p _:a.SERVICE }",
    "SELECT * { ?s <http://x/SERVICE#SERVICE> ?o }",
    "PREFIX sd: <http://www.w3.org/ns/sparql-service-description#> ASK { ?s a sd:Service }",
    "SELECT * { ?s ?p ?o } # SERVICE <http://x/> {}",
    "# SERVICE\nSELECT * { ?s ?p ?o }",
    "SELECT * { FILTER(?a<?b && ?c>?d) FILTER(1 <2) }",
]


@pytest.mark.parametrize("query", SERVICES)
def test_federation_is_seen(query: str):
    assert uses_service(query)
    with pytest.raises(QueryRefusedError, match="federation is off"):
        check(query)


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_alone_is_not_federation(query: str):
    assert not uses_service(query)
    check(query)


ESCAPES = {"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\r": "\\r"}
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs"])
WITH_WORD = st.builds("{}SERVICE <x> {{}}{}".format, st.text(CHARACTERS), st.text(CHARACTERS))


@steady
@given(WITH_WORD)
@example("SERVICE <x> {}\\")
@example("\\u0027 SERVICE <x> {}")
def test_a_string_may_say_anything(text: str):
    escaped = "".join(ESCAPES.get(character, character) for character in text)

    for quote in ('"', "'", '"""', "'''"):
        query = f"SELECT * {{ ?s ?p {quote}{escaped}{quote} }}"
        assert not uses_service(query)
        check(query)


@steady
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")))
def test_a_comment_may_say_anything(text: str):
    assert not uses_service(f"ASK {{}} #{text} SERVICE <x> {{}}".replace("\\", ""))


@steady
@given(
    st.text(st.sampled_from(" \t\n"), min_size=1),
    st.sampled_from(["SERVICE", "service", "Service", "sErViCe"]),
    st.sampled_from(["", " SILENT", "\nsilent", "#c\nSilent"]),
    st.sampled_from([" ?x", "<http://x/>", " ex:y", "#>\n<http://x/>"]),
    st.sampled_from(
        ["?s ?p ?o .", "?s ?p 'a#b'", '?s ?p """a" SERVICE""" ;', "FILTER(?a<?b)", "{}"]
    ),
)
def test_federation_is_seen_wherever_it_stands(
    space: str, keyword: str, silent: str, target: str, before: str
):
    assert uses_service(f"SELECT * {{ {before}{space}{keyword}{silent}{target}{space}{{}} }}")


PIECES = [
    *"{}()<>.;,#'\"\\?:@^&|-_ \n\ra1é",
    *("'''", '"""', "SERVICE", "\\u0027", "\\x", "<x>", "ex:", "true", "1<2)", "PREFIX", "?s"),
]


@steady
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_every_character_is_in_a_token_or_between_two(query: str):
    found = list(tokens(query))

    end = 0
    for token in found:
        between = query[end : token.start]
        assert not between.strip(" \t\r\n") or between.lstrip(" \t\r\n").startswith("#")
        assert query.startswith(token.text, token.start)
        end = token.start + len(token.text)


@steady
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_a_check_ends_in_an_answer_or_a_refusal(query: str):
    with contextlib.suppress(QueryRefusedError, QuerySyntaxError):
        check(query)


@pytest.mark.parametrize(
    "piece", ["a.", "'\\'", "<a", "'''", "a:....", "_:a.", "((((", "service ", "a.a:"]
)
def test_a_megabyte_is_read_in_proportion(piece: str):
    def seconds(size: int) -> float:
        query = piece * (size // len(piece))
        start = time.process_time()
        with contextlib.suppress(QueryRefusedError, QuerySyntaxError):
            check(query)
        return time.process_time() - start

    assert seconds(1_000_000) < 60 * max(seconds(50_000), 0.02), "the time is not linear"


def test_deep_nesting_is_only_tokens():
    check("ASK " + "{" * 200_000 + "}" * 200_000)


@pytest.mark.parametrize(
    ("query", "keyword"),
    [
        ("INSERT DATA { <a> <b> <c> }", "INSERT"),
        ("PREFIX a: <http://x/>\nBASE <http://x/> delete where { ?s ?p ?o }", "DELETE"),
        ("# SELECT\nLOAD <http://x/>", "LOAD"),
        ("DROP ALL", "DROP"),
        ("WITH <http://x/> DELETE { ?s ?p ?o } WHERE {}", "WITH"),
        ("VERSION '1.2' CLEAR ALL", "CLEAR"),
        ("SELECT ?drop { ?insert ?delete 'LOAD' }", None),
        ("PREFIX load: <http://x/> ASK { load:a load:b load:c }", None),
        ("", None),
    ],
)
def test_an_update_is_told_from_a_query(query: str, keyword: str | None):
    assert update_keyword(query) == keyword
    if keyword:
        with pytest.raises(QueryRefusedError, match=f"this is an update \\({keyword}\\)"):
            check(query)


@pytest.mark.parametrize(
    "query", ["ASK { ?s ?p 'x }", 'ASK { ?s ?p "x\ny" }', "ASK { ?s ?p '''x' }"]
)
def test_a_string_without_an_end_is_shown(query: str):
    with pytest.raises(QuerySyntaxError) as caught:
        check(query)

    assert (caught.value.line, caught.value.column) == (1, 13)


def test_half_a_character_is_refused():
    with pytest.raises(QuerySyntaxError, match="not valid Unicode"):
        check("ASK { ?s ?p '\ud800' }")


def test_forms_graphs_and_prefixes_are_told():
    assert gives_graph("PREFIX a: <http://x/> construct where { ?s ?p ?o }")
    assert not gives_graph("SELECT ?construct { ?construct ?p 'DESCRIBE' }")
    assert names_graphs("SELECT*FROM<http://x/>{}")
    assert not names_graphs("SELECT ?from { ?from ?p 'FROM' }")
    assert declared_prefixes("PREFIX a: <http://x/> prefix : <http://y/> ASK {}") == {"a", ""}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT ((?x<'a&>  b<c')>?y AS ?n) {}", "SELECT ((?x<'a&> b<c')>?y AS ?n) {}"),
        ("ASK { FILTER(1<2#>  x\n) }", "ASK { FILTER(1<2#> x\n) }"),
        ("ASK { ?s ?p 'a  b' }", "ASK { ?s ?p 'a b' }"),
        ("ASK { FILTER(?a -1) }", "ASK { FILTER(?a - 1) }"),
    ],
)
def test_what_a_parser_may_tell_apart_stays_apart(one: str, other: str):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT (now() AS ?n) {}",
        "SELECT (0.0<RAND()&&(2>1) AS ?r) {}",
        "SELECT (IF(0.5<RAND()&&2>1,'hi','lo') AS ?r) {}",
        "SELECT (1<NOW()&&2>1 AS ?r) {}",
        "SELECT (\\u004EOW() AS ?n) {}",
        "PREFIX : <http://x/> SELECT * { SERVICE:y {} }",
    ],
)
def test_what_changes_by_itself_is_seen(query: str):
    assert is_changing(query)

"""The Accept header is read as RFC 9110 has it, and never makes trouble."""

from __future__ import annotations

import pytest

from pharmakon_server.negotiation import GRAPHS, RESULTS, SUFFIXES, best

JSON, TURTLE, HTML, CSV = "application/json", "text/turtle", "text/html", "text/csv"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "offered", "chosen"),
    [
        # Nothing asked for: the server's own preference.
        (None, [TURTLE, HTML], TURTLE),
        ("", [TURTLE, HTML], TURTLE),
        ("*/*", [TURTLE, HTML], TURTLE),
        # What is asked for, whatever the server prefers.
        ("text/html", [TURTLE, HTML], HTML),
        ("TEXT/HTML", [TURTLE, HTML], HTML),
        (BROWSER, [TURTLE, HTML, JSON], HTML),
        ("application/json", [TURTLE, HTML], None),
        # Qualities.
        ("text/turtle;q=0.2, text/html;q=0.9", [TURTLE, HTML], HTML),
        ("text/turtle;q=0.2, text/html; Q=0.1", [TURTLE, HTML], TURTLE),
        ("text/turtle;q=0, */*", [TURTLE, HTML], HTML),
        ("text/turtle;q=0", [TURTLE], None),
        ("*/*;q=0", [TURTLE, HTML], None),
        ("text/turtle;q=0.000", [TURTLE], None),
        ("text/turtle, text/html", [HTML, TURTLE], HTML),
        # The most specific range holds, in any order.
        ("text/*;q=0.1, text/html;q=0.5, application/json;q=0.3", [TURTLE, HTML, JSON], HTML),
        ("text/html;q=0.1, text/*, */*;q=0.5", [HTML, TURTLE, JSON], TURTLE),
        ("text/*", [JSON, CSV], CSV),
        ("text/*;q=0, */*", [TURTLE, CSV], None),
        # Parameters do not matter.
        ("text/turtle;charset=utf-8;q=0.4, text/html;level=1;q=0.3", [HTML, TURTLE], TURTLE),
        # What cannot be read is left out; nothing left is nothing asked for.
        (";;;", [TURTLE], TURTLE),
        ("text/", [TURTLE], TURTLE),
        (",", [TURTLE], TURTLE),
        ("/;q=foo", [TURTLE], TURTLE),
        ("text/csv;q=-1, text/html", [CSV, HTML], HTML),
        ("text/csv;q=1e309, text/html;q=0.1", [CSV, HTML], HTML),
        ("text/csv;q=7, text/html;q=0.1", [CSV, HTML], HTML),
        ("a" * 5000, [TURTLE], TURTLE),
        ("\x7f", [TURTLE], TURTLE),
        ("text/html", [], None),
    ],
)
def test_the_form_is_chosen(accept: str | None, offered: list[str], chosen: str | None):
    assert best(accept, offered) == chosen


def test_each_suffix_asks_for_a_form_that_there_is():
    assert set(SUFFIXES.values()) <= {*GRAPHS, *RESULTS, HTML}
    assert {"ttl", "jsonld", "nt", "nq", "trig", "rdf", "json", "xml", "csv", "tsv"} < set(SUFFIXES)
    assert [SUFFIXES["ttl"], SUFFIXES["rdf"]] == ["text/turtle", "application/rdf+xml"]

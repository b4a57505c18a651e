"""What is wrong with a query, in words that help: the place, a caret, a hint.

Oxigraph's parser says the furthest place that it looked at, and it looks as many
characters ahead as its longest keyword has: ``SELEC * {`` fails "at 1:10, expected
CONSTRUCT". So it is asked again, with more space between the tokens than any keyword can
cross, and then with only what stands before the fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from ..errors import QueryError, QuerySyntaxError
from ..namespaces import PREFIXES
from .syntax import Token, place, string_error, tokens

__all__ = ["diagnose", "wrong_form"]

#: More than the longest keyword, so that a keyword tried at one token ends before the next.
_GAP = " " * 32

#: Marks that may have white space on either side, wherever they stand.
_APART = frozenset("{}()[];,.")

#: Far more than a person writes; a longer query is not taken apart.
_LONGEST = 100_000

# fmt: off
_KEYWORDS = (
    "AS", "ASC", "ASK", "AVG", "BASE", "BIND", "BOUND", "BY", "COALESCE", "CONCAT", "CONSTRUCT",
    "CONTAINS", "COUNT", "DATATYPE", "DESC", "DESCRIBE", "DISTINCT", "EXISTS", "FILTER", "FROM",
    "GRAPH", "GROUP", "GROUP_CONCAT", "HAVING", "IF", "IN", "IRI", "ISBLANK", "ISIRI",
    "ISLITERAL", "LANG", "LANGMATCHES", "LCASE", "LIMIT", "MAX", "MIN", "MINUS", "NAMED", "NOT",
    "OFFSET", "OPTIONAL", "ORDER", "PREFIX", "REDUCED", "REGEX", "REPLACE", "SAMETERM", "SAMPLE",
    "SELECT", "STR", "STRAFTER", "STRBEFORE", "STRENDS", "STRLEN", "STRSTARTS", "SUBSTR", "SUM",
    "UCASE", "UNDEF", "UNION", "VALUES", "WHERE",
)
# fmt: on

_HOW_TO_START = "start with SELECT, ASK, CONSTRUCT or DESCRIBE"

#: One of the things that the parser expected: a mark, a class of characters, or words.
_EXPECTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(?:\'[^\']*\'|[^\]\'])*\]|([^,"\[]+)')

#: What a set of expected marks means together, the most telling first.
_MEANINGS = (
    ({"&&", "||"}, "an operator, or AS and a variable"),
    ({'"', "?", "<"}, "a variable, an IRI or a literal"),
    ({"?", "<"}, "a variable or an IRI"),
    ({"?", "$"}, "a variable"),
)

#: The parser's words where it refuses what is well formed, in plainer ones.
_PLAINER = {
    "IRI parsing failed": "the IRI is not valid",
    "language tag parsing failed": "the language tag is not valid",
    "SELECT * is not authorized with GROUP BY": "SELECT * cannot stand with GROUP BY",
}


def diagnose(query: str, message: str, parse: Callable[[str], str | None]) -> QuerySyntaxError:
    """Return the error for a query that the parser refused.

    Args:
        query: The query.
        message: What the parser said.
        parse: A function that returns what the parser says of another text, or None
            where that is well formed.
    """
    error = string_error(query)
    if error is not None:
        return error
    if len(query) > _LONGEST:
        return QuerySyntaxError("the query is not SPARQL")
    found = list(tokens(query))
    if not found:
        return QuerySyntaxError("the query is empty", hint=_HOW_TO_START)
    text, starts = _spread(found)
    said = parse(text) or message
    offset = _offset(said)
    at = max((i for i, start in enumerate(starts) if start <= offset), default=0)
    if offset >= len(text):
        return _unfinished(query, found, said)
    return _unexpected(query, found, at, said, parse)


def wrong_form(wanted: str, found: str) -> QueryError:
    """Return the error for a query of another form than the one that is needed."""
    return QueryError(f"the query has to be {wanted}, and is {found}")


def _spread(found: list[Token]) -> tuple[str, list[int]]:
    """Return the tokens further apart, and where each of them now starts."""
    text, starts, end, before = "", [], 0, ""
    for token in found:
        if token.start > end or token.text in _APART or before in _APART:
            text += _GAP
        starts.append(len(text))
        text += token.text
        end, before = token.start + len(token.text), token.text
    return text + _GAP, starts


def _offset(said: str) -> int:
    """Return where in a text of one line the parser stopped, counted from 0."""
    found = re.match(r"error at 1:(\d+)", said)
    return int(found[1]) - 1 if found else 0


def _unfinished(query: str, found: list[Token], said: str) -> QuerySyntaxError:
    last = found[-1]
    where = place(query, last.start + len(last.text))
    refusal = _refusal(said)
    if refusal:
        return QuerySyntaxError(refusal, *where)
    opened = _opened(found)
    if opened is None:
        return QuerySyntaxError("the query ends too early", *where, _hint(said))
    line, column, _ = place(query, opened.start)
    hint = f"close the {opened.text!r} of line {line}, column {column}"
    return QuerySyntaxError("the query ends too early", *where, hint)


def _unexpected(
    query: str, found: list[Token], at: int, said: str, parse: Callable[[str], str | None]
) -> QuerySyntaxError:
    token = found[at]
    where = place(query, token.start)
    prefix = token.text.partition(":")[0]
    if token.kind == "name" and "Prefix not found" in said:
        return QuerySyntaxError(f"prefix {prefix!r} is not declared", *where, _declare(prefix))
    if token.kind == "iri" and not re.match(r"<[A-Za-z][A-Za-z0-9+.-]*:", token.text):
        hint = "write it in full, as <https://…>, or start the query with BASE <https://…>"
        return QuerySyntaxError(f"the IRI {token.text} is not absolute", *where, hint)
    refusal = _refusal(said)
    if refusal:
        return QuerySyntaxError(refusal, *where)
    shown = token.text if len(token.text) <= 40 else f"{token.text[:40]}…"
    reason = f"{shown!r} is not expected here"
    if token.kind == "word" and token.text.upper() not in _KEYWORDS:
        near = get_close_matches(token.text.upper(), _KEYWORDS, n=1, cutoff=0.75)
        if near:
            return QuerySyntaxError(reason, *where, f"did you mean {near[0]}?")
    if at == 0:
        return QuerySyntaxError(reason, *where, _HOW_TO_START)
    before = found[:at]
    # A whole query would not only be parsed but planned, which takes long for a long one.
    whole = _opened(before) is None and any(token.text == "}" for token in before)
    said_before = None if whole else parse(_spread(before)[0])
    return QuerySyntaxError(reason, *where, _hint(said_before or ""))


def _expected(said: str) -> tuple[set[str], set[str]]:
    """Return the marks and the words that the parser expected, without its noise."""
    marks, words = set(), set()
    _, _, listed = said.partition(": expected ")
    for found in _EXPECTED.finditer(listed.removeprefix("one of ")):
        if found[1]:
            marks.add(found[1].replace('\\"', '"'))
        elif found[2] and found[2].strip():
            words.add(found[2].strip())
    return marks, words


def _refusal(said: str) -> str:
    """Return why the parser refuses what is well formed, or the empty string."""
    _, words = _expected(said)
    sentences = sorted(word for word in words if " " in word and word != "Prefix not found")
    if not sentences:
        return ""
    reason = _PLAINER.get(sentences[0], sentences[0]).rstrip(".")
    return reason[0].lower() + reason[1:] if reason[1:2].islower() else reason


def _hint(said: str) -> str:
    """Return what may stand where the parser stopped, or the empty string."""
    marks, _ = _expected(said)
    for some, meaning in _MEANINGS:
        if some <= marks:
            return f"expected {meaning}"
    plain = sorted(mark for mark in marks if mark in _APART)
    return f"expected {' or '.join(map(repr, plain))}" if plain else ""


def _declare(prefix: str) -> str:
    near = get_close_matches(prefix, PREFIXES, n=1, cutoff=0.75)
    if prefix in PREFIXES:
        return f"add PREFIX {prefix}: <{PREFIXES[prefix]}>"
    guess = f"did you mean {near[0]!r}? Otherwise " if near else ""
    return f"{guess}add PREFIX {prefix}: <…>"


def _opened(found: list[Token]) -> Token | None:
    """Return the last bracket that is not closed, or None."""
    opened: list[Token] = []
    for token in found:
        if token.text in ("{", "(", "["):
            opened.append(token)
        elif token.text in ("}", ")", "]") and opened:
            opened.pop()
    return opened[-1] if opened else None

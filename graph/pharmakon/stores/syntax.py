"""The tokens of a SPARQL query, and what they show before anything is parsed.

Strangers' text never reaches the parser in this process, since a few kilobytes of nested
brackets end it. A tokenizer needs no stack, and takes time in proportion to the text.

It refuses federation and updates with a clear message. It is not what stops them: a
worker cannot open a socket, and its store cannot be written (``sandbox.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise, product

from ..errors import QueryRefusedError, QuerySyntaxError

__all__ = [
    "FEDERATION_IS_OFF",
    "Token",
    "canonical",
    "check",
    "is_changing",
    "masked",
    "names_graphs",
    "place",
    "string_error",
    "tokens",
    "update_keyword",
    "uses_service",
]


@dataclass(frozen=True)
class Token:
    """A token of a query.

    Attributes:
        kind: ``iri``, ``string``, ``variable``, ``blank``, ``name`` (a prefixed name),
            ``language``, ``number``, ``word`` (a bare one, such as a keyword), ``mark``,
            or ``unclosed`` (a string with no end, and all that follows it).
        text: The token as it is written.
        start: Where it starts in the query, counted from 0.
    """

    kind: str
    text: str
    start: int


def _grammar() -> re.Pattern[str]:
    base = (
        r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C\u200D"
        r"\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
    )
    char = rf"{base}_0-9\-\u00B7\u0300-\u036F\u203F\u2040"
    code = (  # a code point that is a character: neither a surrogate nor beyond Unicode
        r"\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
        r"|\\U00(?!00[dD][89a-fA-F])(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}"
    )
    # A parser that meets an escape it does not know may read ''' as '' and go on from
    # there, so a string with such an escape must not count as a string here.
    escape = rf"\\[tbnrf\"'\\]|{code}"
    local = r"%[0-9a-fA-F]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
    kinds = {
        "space": r"[ \t\r\n]+|\#[^\r\n]*",
        "string": (
            rf"\"\"\"(?:[^\"\\]|{escape}|\"(?!\"\"))*+\"\"\"|'''(?:[^'\\]|{escape}|'(?!''))*+'''"
            rf"|\"(?!\"\")(?:[^\"\\\r\n]|{escape})*+\"|'(?!'')(?:[^'\\\r\n]|{escape})*+'"
        ),
        "unclosed": r"[\"'](?s:.*)",
        "iri": rf"<(?:[^\x00-\x20<>\"{{}}|^`\\]|{code})*+>",
        "variable": rf"[?$][{base}_0-9](?:[{base}_0-9\u00B7\u0300-\u036F\u203F\u2040])*",
        "blank": rf"_:[{base}_0-9](?:[{char}.]*[{char}])?",
        "language": r"@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--[A-Za-z]+)?",
        "number": r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?",
        # The run of a word is matched once, dots and all, whether or not a colon follows
        # it: to try again after each dot would take quadratic time.
        "run": rf"[{base}_][{char}.]*+",
        "colon": r":",
        "mark": r"\^\^|&&|\|\||!=|<=|>=|<<\(|\)>>|<<|>>|(?s:.)",
    }
    after = rf"(?:[{base}_0-9:]|{local})(?:(?:[{char}.:]|{local})*(?:[{char}:]|{local}))?"
    kinds["run"] = rf"{kinds['run']}(?P<prefixed>:(?:{after})?)?"
    kinds["colon"] = rf":(?:{after})?"
    return re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in kinds.items()))


_TOKEN = _grammar()

FEDERATION_IS_OFF = (
    "federation is off: this server follows no SERVICE clause to another one; "
    "ask that server itself, or leave the clause out"
)

#: Far more tokens than a person declares prefixes with; what follows is for the parser.
_LONGEST_PROLOGUE = 10_000

_PROLOGUE = {"PREFIX", "BASE", "VERSION"}
_UPDATES = {
    *("ADD", "CLEAR", "COPY", "CREATE", "DELETE", "DROP", "INSERT", "LOAD", "MOVE", "WITH"),
}
_OPERANDS = {"blank", "iri", "language", "name", "number", "string", "variable", "word"}

#: What gives another value at each call, or asks another server.
_CHANGING = re.compile(r"now|rand|uuid|service", re.IGNORECASE)

#: The word in any case, each letter as it is or as an escape; and what could stand for it.
_SERVICE = re.compile(
    "".join(
        rf"(?:[{x}{x.upper()}]|(?:\\u|\\U0000)00(?:{ord(x):X}|{ord(x.upper()):X}))"
        for x in "service"
    )
)
_LETTER = re.compile(r"\\u.{4}|\\U.{8}|.")
_NONSENSE = re.compile(r"(?=(q[a-z]{6}))")

#: An IRI that has an authority.
_LOCATED = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*://")

#: What an IRI must have in it to be a comparison, the end of it, and a SERVICE clause.
_HIDDEN = re.compile(r"\).*service", re.IGNORECASE)


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of a query; white space and comments are none.

    Example:
        >>> [token.kind for token in tokens("ASK { ?x pk:treats <http://a/#b> } # SERVICE")]
        ['word', 'mark', 'variable', 'name', 'iri', 'mark']
    """
    for found in _TOKEN.finditer(query):
        kind = found.lastgroup or ""
        if kind == "space":
            continue
        if kind in ("run", "prefixed"):
            kind = "name" if found["prefixed"] else "word"
        elif kind == "colon":
            kind = "name"
        yield Token(kind, found[0], found.start())


def uses_service(query: str) -> bool:
    """Return whether a query asks another server: ``SERVICE``, however it is written.

    The word in a string, an IRI, a comment, a variable or a prefixed name does not count.
    In doubt the answer is yes.

    Example:
        >>> uses_service("SELECT * { service silent <http://example.org/> { ?s ?p ?o } }")
        True
        >>> uses_service("SELECT ?service { ?s ex:SERVICE 'SERVICE <x> {}' } # SERVICE")
        False
    """
    # Some engines replace escapes as \\u0053 before they read tokens, others inside tokens.
    forms = {query, _unescape(query)} if "\\" in query else {query}
    return any("service" in form.lower() and _asks_service(form) for form in forms)


def masked(query: str) -> str | None:
    r"""Return a query with another word for "service" throughout, or None where it has none.

    In strings, IRIs, names and comments one word is as good as another; as a keyword it is
    not. So a parser that takes a query and not its masked form reads a SERVICE clause in it.
    The word is as long, keeps the case and the escape of each letter, and stands nowhere else
    in the query: names that were the same stay so, and those that differed still differ.

    Example:
        >>> masked(r"SELECT ?service { \u0053ervice <http://example.org/Service> {} }")
        'SELECT ?qbbbbbb { \\u0051bbbbbb <http://example.org/Qbbbbbb> {} }'
        >>> masked("ASK { ?s ?p ?o }")
    """
    if not _SERVICE.search(query):
        return None
    forms = (query.lower(), _unescape(query).lower())
    taken = {word for form in forms for word in _NONSENSE.findall(form)}
    # No keyword has a q in it, and there are more of these words than a query can hold.
    words = ("q" + "".join(letters) for letters in product("bdfghjklmnopqtuwxyz", repeat=6))
    word = next(word for word in words if word not in taken)

    def other(found: re.Match[str]) -> str:
        letters = _LETTER.findall(found[0])
        return "".join(map(_in_place_of, letters, word))

    return _SERVICE.sub(other, query)


def gives_graph(query: str) -> bool:
    """Return whether a query asks for a graph: CONSTRUCT or DESCRIBE, not SELECT or ASK.

    Example:
        >>> gives_graph("PREFIX ex: <http://example.org/> DESCRIBE ex:a")
        True
    """
    return (_first_word(query) or "").startswith(("CONSTRUCT", "DESCRIBE"))


def update_keyword(query: str) -> str | None:
    """Return the first keyword of an update, or None where the text is no update.

    Example:
        >>> update_keyword("PREFIX ex: <http://example.org/> drop ALL")
        'DROP'
        >>> update_keyword("SELECT ?drop { ?drop ?p ?o }")
    """
    word = _first_word(query)
    return word if word in _UPDATES else None


def is_changing(query: str) -> bool:
    """Return whether a query may have another answer the next time, over the same graph.

    In doubt the answer is yes.

    Example:
        >>> is_changing("SELECT (NOW() AS ?now) {}"), is_changing("SELECT ?now { ?now ?p ?o }")
        (True, False)
    """
    if "\\u" in query or "\\U" in query:
        return True
    if not _CHANGING.search(query):
        return False
    before: Token | None = None
    for token in tokens(query):
        read = token.kind in ("word", "unclosed") or _may_hide(token, before)
        if read and _CHANGING.search(token.text):
            return True
        if token.kind == "name" and "service" in token.text.lower():  # SERVICE:x {} is a clause
            return True
        before = token
    return False


def canonical(query: str) -> str:
    r"""Return a query without what does not matter: its comments and most of its white space.

    Where a parser could read the text in another way than these tokens, it is left as it is.

    Example:
        >>> canonical("  ASK { # all of it\n   ?s ?p 'a  b' }")
        "ASK { ?s ?p 'a  b' }"
    """
    parts: list[str] = []
    before: Token | None = None
    for found in _TOKEN.finditer(query):
        kind = found.lastgroup
        if kind == "space":
            if parts and parts[-1] != " ":
                parts.append(" ")
            continue
        token = Token("word" if kind in ("run", "prefixed") else kind or "", found[0], 0)
        if kind == "unclosed" or _may_hide(token, before):
            return query
        parts.append(found[0])
        before = token
    return "".join(parts).rstrip(" ")


def names_graphs(query: str) -> bool:
    """Return whether a query says itself which graphs it asks, by ``FROM``.

    Example:
        >>> names_graphs("SELECT * FROM graph:curated { ?s ?p ?o }")
        True
    """
    if "from" not in query.lower():
        return False
    return any(t.kind == "word" and "FROM" in t.text.upper() for t in tokens(query))


def declared_prefixes(query: str) -> set[str]:
    """Return the prefixes that a query declares itself.

    Example:
        >>> declared_prefixes("PREFIX ex: <http://example.org/> ASK { ex:a pk:treats ?x }")
        {'ex'}
    """
    found = list(tokens(query))
    return {
        name.text.removesuffix(":")
        for word, name in pairwise(found)
        if word.text.upper() == "PREFIX" and name.kind == "name" and name.text.endswith(":")
    }


def check(query: str, *, service: bool = False) -> None:
    """Refuse what a stranger's query may not ask, before anything parses it.

    Args:
        query: The text.
        service: Whether SERVICE is let through, because whoever runs the query decides.

    Raises:
        QuerySyntaxError: A string has no end, or the text is not Unicode.
        QueryRefusedError: It is an update, or asks another server.
    """
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QuerySyntaxError(
            "the query is not valid Unicode", *place(query, error.start)
        ) from error
    unclosed = string_error(query)
    if unclosed is not None:
        raise unclosed
    keyword = update_keyword(query)
    if keyword is not None:
        raise QueryRefusedError(
            f"this is an update ({keyword}), and only queries are answered here; "
            "ask with SELECT, ASK, CONSTRUCT or DESCRIBE"
        )
    if not service and uses_service(query):
        raise QueryRefusedError(FEDERATION_IS_OFF)


def string_error(query: str) -> QuerySyntaxError | None:
    """Return the error for a string that has no end, or None where all have one."""
    if '"' not in query and "'" not in query:
        return None
    for found in _TOKEN.finditer(query):
        if found.lastgroup == "unclosed":
            return QuerySyntaxError(
                "a string has no end, or an escape that is not known",
                *place(query, found.start()),
                "close it with the quotation mark that it starts with; escapes are "
                r"""\t \b \n \r \f \" \' \\ \u and \U""",
            )
    return None


def place(query: str, start: int) -> tuple[int, int, str]:
    r"""Return the line and column of a position, and its line with a caret under it.

    Example:
        >>> place("ASK {\n  oops }", 8)
        (2, 3, '  oops }\n  ^')
    """
    before = query[:start]
    line = before.count("\n") + 1
    first = before.rfind("\n") + 1
    column = start - first + 1
    text = query[first:].partition("\n")[0].rstrip("\r")
    # A query may be one line of a megabyte: keep what is near the fault.
    cut = max(0, column - 1 - 60)
    shown = text[cut : cut + 120].replace("\t", " ")
    return line, column, f"{shown}\n{' ' * (column - 1 - cut)}^"


@lru_cache(maxsize=8)  # it is asked for more than once for each query
def _first_word(query: str) -> str | None:
    """Return the first keyword after the declarations, in capitals, or None."""
    first = islice(tokens(query), _LONGEST_PROLOGUE)
    words = (token.text.upper() for token in first if token.kind == "word")
    return next((word for word in words if word not in _PROLOGUE), None)


def _asks_service(query: str) -> bool:
    """Return whether some parser could read a SERVICE clause in these tokens.

    Oxigraph needs no space between a keyword and what stands beside it, and tries
    another reading where one fails. So each of these can be a SERVICE clause:

    * ``trueSERVICE <x> {}``: a word that only ends in it;
    * ``SERVICE:x {}``: the keyword and the name ``:x``, if a group follows;
    * ``FILTER(1<2)SERVICE#>``: not an IRI, but a comparison, the keyword and a comment.
    """
    before: Token | None = None
    named: Token | None = None  # a name as in SERVICE:x, if the token before is one
    for token in tokens(query):
        if token.kind == "unclosed":
            return False
        if named and token.text == "{":
            return True
        named = None
        if "service" in token.text.lower():
            if token.kind == "word":
                return True
            if token.kind == "name" and "service" in token.text.partition(":")[0].lower():
                named = None if _names_a_graph(before) else token
            if token.kind == "iri" and _may_be_compared(before) and _HIDDEN.search(token.text):
                return True
        before = token
    return False


def _names_a_graph(before: Token | None) -> bool:
    words = ("GRAPH", "FROM", "NAMED", "DESCRIBE")
    return before is not None and before.kind == "word" and before.text.upper().endswith(words)


def _may_be_compared(before: Token | None) -> bool:
    return before is not None and (before.kind in _OPERANDS or before.text == ")")


def _may_hide(token: Token, before: Token | None) -> bool:
    """Return whether what looks like an IRI may be a comparison, and what follows it.

    What has a scheme and two slashes is none: no expression has two slashes in a row.
    """
    return token.kind == "iri" and _may_be_compared(before) and not _LOCATED.match(token.text)


def _in_place_of(letter: str, other: str) -> str:
    """Return a letter in the case and the escape of another, which it is to replace."""
    escaped = len(letter) > 1
    character = chr(int(letter[2:], 16)) if escaped else letter
    if character.isupper():
        other = other.upper()
    return f"{letter[:2]}{ord(other):0{len(letter) - 2}X}" if escaped else other


def _unescape(query: str) -> str:
    r"""Replace ``\uXXXX`` and ``\UXXXXXXXX`` by their characters."""

    def character(found: re.Match[str]) -> str:
        digits = found[1] or found[2]
        code = int(digits, 16) if digits else 0x110000
        is_character = code < 0xD800 or 0xDFFF < code < 0x110000
        return chr(code) if is_character else found[0]

    return re.sub(r"\\\\|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})", character, query)

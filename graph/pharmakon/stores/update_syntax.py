"""What the tokens of a SPARQL update show before anything is parsed.

As with a query (``syntax.py``), the refusals here are words for people. What keeps an
update from other servers is that its process cannot open a socket (``writer.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyoxigraph as ox

from ..errors import QueryError, QueryRefusedError, QuerySyntaxError
from .syntax import Token, place, string_error, tokens, uses_service

__all__ = ["check_update", "with_graphs"]

#: How many tokens a declaration has.
_PROLOGUE = {"PREFIX": 3, "BASE": 2, "VERSION": 2}

#: The operations that have a WHERE: how their tokens outside of all braces read.
_DELETE_WHERE = "DELETE WHERE {}"
_MODIFY = re.compile(r"(DELETE \{\} (INSERT \{\} )?|INSERT \{\} )WHERE \{\}")

#: The operations on data, and on whole graphs, have none.
_NO_WHERE = re.compile(r"(INSERT|DELETE) DATA \{\}|[^{]*")


def check_update(text: str) -> None:
    """Refuse what an update may not ask, before anything parses it.

    Raises:
        QuerySyntaxError: The text is not Unicode.
        QueryRefusedError: It asks another server.

    Example:
        >>> check_update("INSERT DATA { ex:load ex:service 'LOAD <http://example.org/>' }")
        >>> check_update("load silent <http://example.org/>")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        pharmakon.errors.QueryRefusedError: LOAD is off: ...
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QuerySyntaxError(
            "the update is not valid Unicode", *place(text, error.start)
        ) from error
    if "load" in text.lower() and any(
        operation and operation[0].text.upper().startswith("LOAD")
        for operation in _operations(text)
    ):
        raise QueryRefusedError(
            "LOAD is off: this server fetches nothing; send the data itself to /store"
        )
    if uses_service(text):
        raise QueryRefusedError(
            "federation is off: this server follows no SERVICE clause to another one; "
            "ask that server itself, and send what it answers"
        )


def with_graphs(text: str, default_graphs: Sequence[str], named_graphs: Sequence[str]) -> str:
    """Return an update whose WHERE clauses read these graphs, and no others.

    It is what ``using-graph-uri`` and ``using-named-graph-uri`` ask for (SPARQL 1.1
    Protocol, section 2.2.3). Without any, the update stays as it is.

    Raises:
        QueryError: The update names graphs itself, or one of these is not an IRI.

    Example:
        >>> with_graphs("DELETE WHERE { ?s ?p 1 }", ["http://example.org/g"], [])
        'DELETE { ?s ?p 1 } USING <http://example.org/g> WHERE { ?s ?p 1 }'
    """
    if not default_graphs and not named_graphs:
        return text
    unclosed = string_error(text)
    if unclosed is not None:
        raise unclosed
    try:
        using = [f"USING {ox.NamedNode(iri)} " for iri in default_graphs]
        using += [f"USING NAMED {ox.NamedNode(iri)} " for iri in named_graphs]
    except ValueError as error:
        raise QueryError(f"a graph of the update is not an absolute IRI ({error})") from error
    clauses = "".join(using)
    parts, done = [], 0
    for operation in _operations(text):
        shape = " ".join("{}" if t.kind == "group" else t.text.upper() for t in operation)
        if shape == _DELETE_WHERE:
            added = f"{operation[-1].text} {clauses}"
        elif _MODIFY.fullmatch(shape):
            added = clauses
        elif _NO_WHERE.fullmatch(shape):
            continue
        else:
            line, column, _ = place(text, operation[0].start)
            raise QueryError(
                f"the request names the graphs to read, so the update at line {line}, column "
                f"{column}, can have neither USING nor WITH; name the graphs in one place"
            )
        where = operation[-2].start
        parts += [text[done:where], added]
        done = where
    return "".join([*parts, text[done:]])


def _operations(text: str) -> list[list[Token]]:
    """Return the tokens of each operation, without its declarations.

    All from a brace to the one that closes it is a single token, a ``group``.
    """
    found: list[list[Token]] = [[]]
    depth = start = 0
    for token in tokens(text):
        if token.text == "{":
            start = start if depth else token.start
            depth += 1
        elif token.text == "}":
            depth -= 1
            if depth == 0:
                found[-1].append(Token("group", text[start : token.start + 1], start))
        elif depth == 0 and token.text == ";":
            found.append([])
        elif depth == 0:
            found[-1].append(token)
    return [_without_declarations(operation) for operation in found]


def _without_declarations(operation: list[Token]) -> list[Token]:
    start = 0
    while start < len(operation) and operation[start].text.upper() in _PROLOGUE:
        start += _PROLOGUE[operation[start].text.upper()]
    return operation[start:]

"""Federation: SERVICE for the hosts that the operator allowed.

A worker has no network, so it is this process that asks the other server, and writes what
that answers into the query as inline data. What a clause is, the tokens of the query say,
and not the parser, which strangers' text does not reach here. A clause that they do not
show reaches nobody: the worker that runs the resolved query cannot open a socket.

The other server is no friend either: its answer is limited in size, depth and time, and
only whole terms that Oxigraph's own parser accepted come into the query, written anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import pyoxigraph as ox

from ..errors import QueryError, QueryRefusedError, QuerySyntaxError, RemoteError
from ..namespaces import BASE, PREFIXES
from .base import Term
from .remote import RemoteStore
from .syntax import Token, place, tokens, uses_service

__all__ = ["Federation"]

#: So many clauses a query may have: one request must not become thousands of them.
_MOST = 16

_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_-]{1,63}"
_AUTHORITY = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?",
    re.ASCII | re.IGNORECASE,
)


class Federation:
    """Asks other servers what the SERVICE clauses of a query ask them.

    Example:
        >>> federation = Federation(["query.wikidata.org", "localhost:7878"])
        >>> federation.resolve("ASK { ?s ?p ?o }")
        'ASK { ?s ?p ?o }'
        >>> federation.resolve("ASK { SERVICE <http://a/> {} }")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        pharmakon.errors.QueryRefusedError: line 1: SERVICE <http://a/> asks ...
    """

    def __init__(
        self, hosts: Collection[str], *, timeout: float = 30.0, size: int = 8 << 20
    ) -> None:
        """Allow some hosts; nothing is sent before the first query.

        Args:
            hosts: Names or addresses, as they stand in an IRI: ``example.org`` for the usual
                port of http and https, ``example.org:8080`` for that port alone.
            timeout: The time limit of all the clauses of a query together, in seconds.
            size: How many bytes the answers of a query may have, together.

        Raises:
            ValueError: One is not a host.
        """
        self.timeout = timeout
        self.size = size
        self._allowed: set[tuple[str, int]] = set()
        for host in hosts:
            found = _AUTHORITY.fullmatch(host)
            if found is None or (found["port"] and not 0 < int(found["port"]) < 65536):
                raise ValueError(
                    f"{host!r} is not a host; give one such as query.wikidata.org, "
                    "localhost:7878 or [::1]:7878"
                )
            ports = [int(found["port"])] if found["port"] else list(_PORTS.values())
            self._allowed |= {(found["host"].lower(), port) for port in ports}

    def resolve(self, query: str, timeout: float | None = None) -> str:
        """Return a query with the answers of other servers in place of its SERVICE clauses.

        Nobody is asked before every clause is allowed, those within others too. Lines keep
        their numbers. With SILENT, a server that fails gives one empty solution.

        Args:
            query: SPARQL 1.1 Query text from a stranger.
            timeout: The time limit in seconds; None, or more than the own one, means that.

        Raises:
            QueryRefusedError: It asks a host that is not allowed.
            QuerySyntaxError: A clause has no end, or a prefix that is not declared.
            QueryError: An answer has blank nodes.
            RemoteError: A server did not answer, or not as it should.
        """
        if not uses_service(query):
            return query
        limit = self.timeout if timeout is None else min(timeout, self.timeout)
        end = time.monotonic() + limit
        found = list(tokens(query))
        prologue = _Prologue(found)
        asked = [(one, self._address(one, prologue)) for one in _clauses(query, found)]
        parts, last, room = [], 0, self.size
        for clause, address in asked:
            if clause.nested:
                continue
            text = f"{prologue.text} SELECT * WHERE {query[clause.brace : clause.end]}"
            try:
                data = _Server(address, end - time.monotonic(), room).data(text)
            except RemoteError:
                if not clause.silent:
                    raise
                data = "{ }"
            room = max(room - len(data), 0)
            lines = query.count("\n", clause.start, clause.end)
            parts += [query[last : clause.start], f" {data} ", "\n" * lines]
            last = clause.end
        return "".join([*parts, query[last:]])

    def _address(self, clause: _Clause, prologue: _Prologue) -> str:
        """Return where a clause is to be asked.

        Raises:
            QueryRefusedError: Its host is not allowed.
            QuerySyntaxError: Its prefix is not declared.
        """
        if clause.target.kind == "variable":
            raise QueryRefusedError(
                f"line {clause.line}: SERVICE {clause.target.text} leaves open whom it asks; name "
                "the server by its IRI, on a host that was allowed with --allow-federation HOST"
            )
        iri = prologue.iri(clause)
        try:
            parts = urlsplit(ox.NamedNode(iri).value)
        except ValueError as error:
            raise _refused(clause, iri, f"is no address of a server ({error})") from error
        if parts.scheme not in _PORTS:
            raise _refused(clause, iri, f"asks by {parts.scheme}, not by http or https")
        found = _AUTHORITY.fullmatch(parts.netloc)
        host = found["host"].lower() if found else ""
        port = int(found["port"] or _PORTS[parts.scheme]) if found else 0
        if (host, port) not in self._allowed:
            raise _refused(clause, iri, f"asks {parts.netloc!r}, which is not allowed here")
        # The port is always named: Python's client would read one out of a bare [::1].
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        search = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
        return f"{parts.scheme}://{host}:{port}{path}" + (f"?{search}" if search else "")


@dataclass
class _Clause:
    """A SERVICE clause.

    Attributes:
        line: Its line, counted from 1.
        start: Where it starts.
        silent: Whether its server may fail.
        target: The token that names its server.
        brace: Where its group starts.
        end: Where its group ends, after the brace; 0 before that is known.
        nested: Whether it stands in another clause, with which it goes to that one's server.
    """

    line: int
    start: int
    silent: bool
    target: Token
    brace: int
    end: int = 0
    nested: bool = False


class _Prologue:
    """The declarations of a query: what it means by a name, and what is sent along."""

    def __init__(self, found: list[Token]) -> None:
        self.base = BASE
        self.prefixes = dict(PREFIXES)
        # What is relative must be to the other server what it is to our own workers.
        kept = [f"BASE <{BASE}>"]
        rest = iter(found)
        for word in rest:
            keyword = word.text.upper() if word.kind == "word" else ""
            if keyword not in ("BASE", "PREFIX", "VERSION"):
                break
            name = next(rest, word) if keyword == "PREFIX" else word
            value = next(rest, word)
            if keyword == "VERSION":
                continue
            kept += [keyword, name.text, value.text] if name is not word else [keyword, value.text]
            iri = self._absolute(value.text)
            if keyword == "BASE":
                self.base = iri
            else:
                self.prefixes[name.text.removesuffix(":")] = iri
        self.text = " ".join(kept)

    def iri(self, clause: _Clause) -> str:
        """Return the IRI that names the server of a clause.

        Raises:
            QuerySyntaxError: Its prefix is not declared, or it is no IRI.
        """
        text = clause.target.text
        if clause.target.kind == "iri":
            return self._absolute(text)
        prefix, _, local = text.partition(":")
        if prefix not in self.prefixes:
            raise QuerySyntaxError(
                f"line {clause.line}: the prefix of SERVICE {text} is not declared; "
                f"begin the query with PREFIX {prefix}: <…>"
            )
        return self.prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)

    def _absolute(self, token: str) -> str:
        try:
            return urljoin(self.base, token[1:-1])
        except ValueError as error:
            raise QuerySyntaxError(f"{token} is not an IRI ({error})") from error


class _Server(RemoteStore):
    """Another server, whose answer is read as inline data."""

    def data(self, query: str) -> str:
        """Return the solutions of a query as a VALUES block.

        Raises:
            QueryError: There are blank nodes among them.
            RemoteError: The server did not answer, or not as it should.
        """
        if self.timeout <= 0:
            raise RemoteError(f"{self.url} was not asked: the time limit is over; ask for less")
        try:
            result = self._results(query)
        except QueryError as error:
            raise RemoteError(f"{self.url} gave no solutions: {error}") from error
        if isinstance(result, ox.QueryBoolean):
            raise RemoteError(f"{self.url} answered yes or no in place of solutions")
        names = " ".join(f"?{variable.value}" for variable in result.variables)
        parts = [f"VALUES ({names}) {{"]
        length = 0
        with self._believing():
            for solution in result:
                row = f"({' '.join(map(self._written, solution))})"
                length += len(row)
                if length > self.size:
                    break
                parts.append(row)
        if length > self.size:
            raise RemoteError(
                f"{self.url} gave more than {self.size} bytes; add a LIMIT to the clause"
            )
        return " ".join([*parts, "}"])

    def _written(self, term: Term | None) -> str:
        """Return a term as SPARQL has it."""
        if term is None:
            return "UNDEF"
        if isinstance(term, ox.BlankNode):
            raise QueryError(
                f"{self.url} answered with blank nodes, which have no name that two servers share; "
                "select only the variables that you need: SERVICE <…> { SELECT ?a ?b { … } }"
            )
        if isinstance(term, ox.Triple):
            return f"<<( {' '.join(map(self._written, term))} )>>"
        return str(term)


def _clauses(query: str, found: list[Token]) -> list[_Clause]:
    """Return the SERVICE clauses of a query, in the order in which they start.

    Raises:
        QueryRefusedError: There are too many, or one is not written as a clause.
        QuerySyntaxError: One has no end.
    """
    heads: dict[int, _Clause] = {}
    opened: list[_Clause | None] = []  # for each open brace, the clause that it belongs to
    around = 0
    for position, token in enumerate(found):
        if token.kind == "word" and token.text.upper() == "SERVICE":
            head = _head(query, found[position : position + 4])
            heads |= {head.brace: head} if head else {}
            if len(heads) > _MOST:
                raise QueryRefusedError(
                    f"the query has more than {_MOST} SERVICE clauses; ask several queries"
                )
        elif token.text == "{":
            clause = heads.get(token.start)
            opened.append(clause)
            if clause:
                clause.nested = around > 0
                around += 1
        elif token.text == "}" and opened:
            clause = opened.pop()
            if clause:
                clause.end = token.start + 1
                around -= 1
    clauses = list(heads.values())
    for clause in clauses:
        if not clause.end:
            reason = "the group of this SERVICE clause has no end"
            raise QuerySyntaxError(reason, *place(query, clause.start), "close it with }")
    _check_rest(query, clauses)
    return clauses


def _head(query: str, head: list[Token]) -> _Clause | None:
    """Return the clause that some tokens begin, the first of which is SERVICE, if they do."""
    service, *rest = head
    silent = bool(rest) and rest[0].kind == "word" and rest[0].text.upper() == "SILENT"
    match rest[silent:]:
        case [Token("iri" | "name" | "variable") as target, Token("mark", "{", brace), *_]:
            line = query.count("\n", 0, service.start) + 1
            return _Clause(line, service.start, silent, target, brace)
    return None


def _check_rest(query: str, clauses: list[_Clause]) -> None:
    """Refuse a query that asks another server, besides its clauses, in some other form.

    Raises:
        QueryRefusedError: It does, or may do so.
    """
    parts, last = [], 0
    for clause in clauses:
        parts.append(query[last : clause.start])
        last = clause.brace
    if uses_service(" ".join([*parts, query[last:]])):
        raise QueryRefusedError(
            "the query has a SERVICE that cannot be read for certain; write it without escapes, "
            "with a space on either side, as SERVICE <http://…> { … }"
        )


def _refused(clause: _Clause, iri: str, reason: str) -> QueryRefusedError:
    return QueryRefusedError(
        f"line {clause.line}: SERVICE <{iri}> {reason}; this server asks only the hosts that "
        "were named with --allow-federation HOST when it was started: leave the clause out, "
        "or ask that server itself"
    )

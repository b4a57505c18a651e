"""The query library: questions to the graph, one SPARQL file each.

A file runs as it is in any SPARQL client. Its header, in lines that start with
``#+``, is YAML in the form that grlc reads. A parameter is a variable that the query
gives an example value in one ``VALUES`` block; :meth:`Query.bind` changes that value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pyoxigraph import Literal, NamedNode

from .errors import LoadError, NotFoundError
from .resources import folder

__all__ = ["Parameter", "Query", "header", "load", "names"]


@dataclass(frozen=True)
class Parameter:
    """A value that the caller may give a query.

    Attributes:
        name: The variable, without its question mark.
        type: ``"iri"`` for an entity, ``"text"`` for a string.
        description: What the value means.
        example: The value in the file, as SPARQL writes it.
    """

    name: str
    type: str
    description: str
    example: str


@dataclass(frozen=True)
class Query:
    """A named SPARQL query, and what its header says about it.

    Attributes:
        name: The name of its file in ``queries/``, without ``.rq``.
        summary: The question, as a noun phrase.
        description: What a row of the answer is.
        tags: What it is about.
        params: Its parameters by name.
        text: SPARQL that runs as it is.
    """

    name: str
    summary: str
    description: str
    tags: tuple[str, ...]
    params: Mapping[str, Parameter]
    text: str

    def bind(self, **values: NamedNode | Literal) -> Query:
        """Return the query with other values for its parameters.

        Values are RDF terms, never text, so that no value can change the query's form.

        Raises:
            TypeError: A value was given for a name that is not a parameter.

        Example:
            >>> query = load("substance_actions")
            >>> tea = NamedNode("https://example.org/theanine")
            >>> "VALUES ?substance { <https://example.org/theanine> }" in query.bind(
            ...     substance=tea
            ... ).text
            True
        """
        text = self.text
        for name, value in values.items():
            if name not in self.params:
                known = ", ".join(self.params) or "none"
                raise TypeError(f"query {self.name!r} has no parameter {name!r} (it has: {known})")
            start, end = _values_block(name, text).span()
            text = f"{text[:start]}VALUES ?{name} {{ {value} }}{text[end:]}"
        return replace(self, text=text)


def names() -> list[str]:
    """Return the names of all queries, sorted.

    Example:
        >>> "substance_actions" in names()
        True
    """
    return sorted(_files())


def load(name: str) -> Query:
    """Return the query of that name: its file in ``queries/``, without ``.rq``.

    Raises:
        NotFoundError: No query has that name.
        LoadError: Its header is not what it should be.

    Example:
        >>> load("substance_actions").summary
        'The targets that a substance acts on'
    """
    found = _files()
    if name not in found:
        raise NotFoundError("query", name, get_close_matches(name, found, n=3))
    path = found[name]
    text = path.read_text("utf-8")
    about = header(path, text)
    try:
        return Query(
            name=name,
            summary=about["summary"],
            description=about["description"].strip(),
            tags=tuple(about["tags"]),
            params={
                key: Parameter(key, value["type"], value["description"], _example(key, text))
                for key, value in about.get("params", {}).items()
            },
            text=text,
        )
    except KeyError as error:
        raise LoadError(str(path), 1, f"the header has no {error}; add it as '#+ …'") from error


def header(path: Path, text: str) -> dict[str, Any]:
    """Return the YAML header of a SPARQL file: its lines that start with ``#+``.

    Raises:
        LoadError: The header is not a YAML mapping.
    """
    lines = [line[2:] for line in text.splitlines() if line.startswith("#+")]
    try:
        found = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError as error:
        raise LoadError(str(path), 1, f"the header is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise LoadError(str(path), 1, "there is no header; start the file with lines of '#+ …'")
    return found


def _files() -> dict[str, Path]:
    return {path.stem: path for path in folder("queries").glob("*.rq")}


def _example(name: str, text: str) -> str:
    return _values_block(name, text)["value"].strip()


def _values_block(name: str, text: str) -> re.Match[str]:
    """Return where in the text the parameter's example stands."""
    found = re.search(rf"VALUES\s+\?{re.escape(name)}\s*\{{(?P<value>[^}}]*)\}}", text)
    if found is None:
        raise ValueError(f"parameter {name!r} has no block: VALUES ?{name} {{ … }}")
    return found

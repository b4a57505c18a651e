"""A table: the answer of a SELECT query, in the forms that people work with."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyoxigraph as ox

from .namespaces import shorten
from .stores import Row, Solutions

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Table", "plain"]


def plain(term: object) -> str | int | float | bool:
    """Return a term as Python has it: an IRI shortened, a number as a number.

    Example:
        >>> plain(ox.Literal("1.5", datatype=ox.NamedNode(
        ...     "http://www.w3.org/2001/XMLSchema#decimal")))
        1.5
    """
    if isinstance(term, ox.NamedNode):
        return shorten(term.value)
    if not isinstance(term, ox.Literal):
        return str(term)
    kind = term.datatype.value.rsplit("#", 1)[-1]
    if kind == "integer":
        return int(term.value)
    if kind in ("decimal", "double", "float"):
        return float(term.value)
    return term.value == "true" if kind == "boolean" else term.value


@dataclass(frozen=True)
class Table:
    """Rows of terms under named columns; immutable.

    Attributes:
        columns: The variables, in the order in which the query names them.
        rows: The solutions; a variable with no value is left out.
        sparql: The query.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sparql: str

    @classmethod
    def of(cls, solutions: Solutions, sparql: str) -> Table:
        """Return the table of the solutions of a query."""
        return cls(solutions.variables, tuple(solutions), sparql)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, str | int | float | bool]]:
        """Yield each row with plain values."""
        return iter(self.to_dicts())

    def to_dicts(self) -> list[dict[str, str | int | float | bool]]:
        """Return the rows with plain values: IRIs shortened, numbers as numbers."""
        return [{name: plain(term) for name, term in row.items()} for row in self.rows]

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a pandas data frame (n, len(columns)).

        Raises:
            ImportError: pandas is not installed; ``pip install pharmakon[pandas]``.
        """
        import pandas as pd

        return pd.DataFrame(self.to_dicts(), columns=list(self.columns))

    def to_polars(self) -> pl.DataFrame:
        """Return the table as a polars data frame (n, len(columns)).

        Raises:
            ImportError: polars is not installed; ``pip install pharmakon[polars]``.
        """
        import polars as pl

        dicts = [{name: row.get(name) for name in self.columns} for row in self.to_dicts()]
        return pl.DataFrame(dicts, schema=list(self.columns) if not dicts else None)

    def __str__(self) -> str:
        """Draw the table as tab-separated text."""
        rows = [[str(row.get(name, "")) for name in self.columns] for row in self.to_dicts()]
        return "\n".join("\t".join(row) for row in [list(self.columns), *rows])

    def _repr_html_(self) -> str:
        """Draw the table in Jupyter."""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(str(row.get(n, '')))}</td>" for n in self.columns)
            + "</tr>"
            for row in self.to_dicts()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

"""Where answers go: tables for people, TSV and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

import click

from . import marks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Output", "table"]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

#: How wide a table is that is not drawn on a terminal.
_WIDTH = 100


@dataclass
class Output:
    """Standard output, in the form that was asked for.

    Attributes:
        form: ``"table"``, ``"tsv"``, ``"json"`` or another that a command knows; None is a
            table on a terminal and TSV elsewhere.
        ascii: Whether to draw with ASCII alone.
    """

    form: str | None = None
    ascii: bool = False

    @property
    def chosen(self) -> str:
        """The form, after looking at where the answer goes."""
        return self.form or ("table" if sys.stdout.isatty() else "tsv")

    def answer(
        self,
        *,
        draw: Callable[[Console], None],
        columns: Sequence[str],
        rows: Callable[[], Iterable[Sequence[object]]],
        value: Callable[[], object],
    ) -> None:
        """Write an answer in the form that was asked for.

        Args:
            draw: Draws it for people.
            columns: The names of the columns, for TSV.
            rows: The rows, for TSV.
            value: The same as plain JSON.
        """
        if self.chosen == "json":
            self.json(value())
        elif self.chosen == "tsv":
            self.tsv(columns, rows())
        else:
            draw(self.console())

    def json(self, value: object) -> None:
        """Write a value as JSON."""
        click.echo(json.dumps(value, ensure_ascii=self.ascii or not _is_utf8(), indent=2))

    def tsv(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write rows as TSV under the names of their columns, tabs and line feeds escaped."""
        _lenient(sys.stdout)
        for row in (columns, *rows):
            click.echo("\t".join(_cell(value) for value in row))

    def raw(self, body: bytes) -> None:
        """Write bytes as they are, with a line feed at the end on a terminal."""
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        if sys.stdout.isatty() and not body.endswith(b"\n"):
            click.echo()

    def console(self) -> Console:
        """Return what tables are drawn on: in colour on a terminal without NO_COLOR."""
        from rich.console import Console

        _lenient(sys.stdout)
        plain = self.ascii or not _is_utf8()
        return Console(
            file=cast(TextIO, _Ascii(sys.stdout)) if plain else sys.stdout,
            emoji=False,
            highlight=False,
            markup=False,
            width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH,
        )


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give what is called with each step as it begins; shown on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status("starting") as status:
        yield status.update


def table(*headings: str) -> Table:
    """Return an empty table without lines, as all tables here are."""
    from rich.table import Table

    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(headings))
    for heading in headings:
        found.add_column(marks.text(heading, "dim"), overflow="fold")
    return found


class _Ascii:
    """A stream that takes any text and writes ASCII; rich draws trees by its encoding."""

    encoding = "ascii"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, value: str) -> int:
        return self._stream.write(marks.to_ascii(value))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


def _cell(value: object) -> str:
    if value is None:
        return ""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return marks.printable(shown.translate(_ESCAPES))


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"


def _lenient(stream: object) -> None:
    """Let a stream replace what its encoding has no letter for, and not fail."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")

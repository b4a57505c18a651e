"""The rows of a file, one after another, each with its line; plain or gzipped alike.

A reader yields a row as soon as it has read it. A row that cannot be read is yielded as a
:class:`Broken` one, so that those after it are read all the same.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from ..errors import LoadError

__all__ = ["Broken", "Reader", "Row", "delimited", "json_array", "json_lines", "opened", "stanzas"]

#: What a row holds, by the names of its columns or members.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read.

    Attributes:
        reason: What is wrong with it.
        text: What of it could be read.
    """

    reason: str
    text: str


#: Reads a file: yields the number of the line at which each row starts, and the row.
Reader = Callable[[BinaryIO], Iterator[tuple[int, Row | Broken]]]

#: A longer line is no row of any source that we read, but a file of another kind.
_LONGEST = 16 << 20


@contextlib.contextmanager
def opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file of a folder, gzipped or not, by its name without ``.gz``.

    Raises:
        LoadError: It is not there, or ends before it is whole.
    """
    path = next((one for one in (folder / name, folder / f"{name}.gz") if one.is_file()), None)
    if path is None:
        reason = "no such file, plain or as .gz; get it from its publisher, or leave the source out"
        raise LoadError(str(folder / name), None, reason)
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if gzipped:
                with gzip.open(raw) as inner:
                    yield inner  # type: ignore[misc]
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = f"the file is cut or damaged ({error}); download it again"
        raise LoadError(str(path), None, reason) from error


def delimited(
    delimiter: str = "\t",
    *,
    columns: tuple[str, ...] = (),
    header: tuple[str, ...] | None = None,
    quoted: bool = True,
    encoding: str = "utf-8",
    comment: str = "",
) -> Reader:
    """Return a reader of a table.

    Args:
        delimiter: What is between two cells.
        columns: The columns that it must have.
        header: The names of its columns, where it has no line of them.
        quoted: Whether a cell in quotation marks may hold what else would end it.
        encoding: How it is encoded.
        comment: What the lines begin with that are no rows.

    Raises:
        LoadError: From the reader: the file lacks a column.
    """

    def read(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
        lines = _Lines(file, encoding, comment)
        if quoted:
            cells = csv.reader(lines, delimiter=delimiter)
        else:
            cells = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        names = list(header or next(cells, ()))
        missing = [name for name in columns if name not in names]
        if missing:
            reason = (
                f"the file has no column {', '.join(missing)}; it is of another kind or release"
            )
            raise LoadError(getattr(file, "name", "file"), 1, reason)
        while True:
            start = lines.number + 1
            try:
                found = next(cells)
            except StopIteration:
                return
            except csv.Error as error:
                yield start, Broken(f"the row cannot be read: {error}", lines.text)
                continue
            if lines.broken:
                yield start, Broken(lines.broken, lines.text)
            elif len(found) != len(names):
                reason = f"the row has {len(found)} cells where there are {len(names)} columns"
                yield start, Broken(reason, lines.text)
            else:
                yield start, dict(zip(names, found, strict=True))
            lines.broken = ""

    return read


def json_lines(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read a file that has an object of JSON on each line."""
    lines = _Lines(file, "utf-8")
    for text in lines:
        if lines.broken:
            yield lines.number, Broken(lines.broken, text)
            lines.broken = ""
            continue
        try:
            found = json.loads(text)
        except ValueError as error:
            yield lines.number, Broken(f"the line is not JSON: {error}", text)
            continue
        if isinstance(found, dict):
            yield lines.number, found
        else:
            yield lines.number, Broken("the line is not an object", text)


def json_array(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read a file that is one array of objects; the number is that of the object.

    Raises:
        LoadError: It is not JSON, or ends before it is whole.
    """
    number = 0
    try:
        for number, found in enumerate(ijson.items(file, "item"), start=1):
            if isinstance(found, dict):
                yield number, found
            else:
                yield number, Broken("the item is not an object", str(found)[:200])
    except ijson.JSONError as error:
        name, reason = getattr(file, "name", "file"), f"after {number} objects: {error}"
        raise LoadError(str(name), None, f"the file is not whole JSON, {reason}") from error


def stanzas(file: BinaryIO) -> Iterator[tuple[int, Row | Broken]]:
    """Read the terms of a file in OBO format: each tag with the list of its values.

    A line that is no tag and value is a row of its own, which is broken; its term is read
    without it.

    Raises:
        LoadError: It does not begin as such a file must.
    """
    found: dict[str, list[str]] | None = None
    start = 0
    is_first = True
    lines = _Lines(file, "utf-8")
    for text in lines:
        line = text.strip()
        tag, colon, value = line.partition(":")
        if is_first and line:
            if tag != "format-version":
                reason = "the file does not begin with its format-version, as one in OBO must"
                raise LoadError(str(getattr(file, "name", "file")), lines.number, reason)
            is_first = False
        if line.startswith("["):
            if found is not None:
                yield start, found
            found, start = ({} if line == "[Term]" else None), lines.number
        elif lines.broken or (line and not colon and not line.startswith("!")):
            yield lines.number, Broken(lines.broken or "the line is no tag and value", text)
        elif found is not None and line and colon:
            found.setdefault(tag, []).append(value.strip())
        lines.broken = ""
    if found is not None:
        yield start, found


class _Lines:
    """The lines of a file as text, with the number of the last one."""

    def __init__(self, file: BinaryIO, encoding: str, comment: str = "") -> None:
        self.number = 0
        self.text = ""
        self.broken = ""
        self._file = file
        self._encoding = encoding
        self._comment = comment

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST):
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                text = line.decode(self._encoding)
            except UnicodeDecodeError as error:
                self.broken = f"it is not {self._encoding} from byte {error.start} on"
                text = line.decode(self._encoding, "replace")
            if "\0" in text:
                self.broken, text = "it has a null character", text.replace("\0", "\ufffd")
            if self._comment and text.startswith(self._comment):
                continue
            self.text = text
            yield text

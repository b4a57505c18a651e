"""An importer: which files a source has, and what each row of them says.

To add one, copy the shortest (``pharmacotherapydb.py``): a function for each kind of row, and
the description of the source. Then name it in ``__init__.py``; the tests of all importers run
over it from then on. The keys of its things are its own: another source's identifier, even
where it is all that a row has, is something that the row claims, and may have wrong.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import PharmakonError
from .record import Claim, Composition, RejectedError, SkippedError, Thing
from .rows import Broken, Reader, Row, opened

__all__ = [
    "Importer",
    "Record",
    "Rejection",
    "Report",
    "Table",
    "TooManyRejectedError",
    "digests",
    "run",
]

Record = Thing | Claim | Composition

#: An identifier elsewhere, of which an IRI can be made.
_CURIE = re.compile(r"[a-z][a-z0-9._-]*:[^\s<>\"{}|^`\\]+")

#: The part of rows that may be rejected before the import stops, and the fewest rows to say.
_MOST_REJECTED = 0.05
_FEW = 20


@dataclass(frozen=True)
class Table:
    """A file of a source.

    Attributes:
        name: What it is called, without ``.gz``.
        read: Reads its rows.
        records: Returns what a row says; raises :class:`SkippedError` or
            :class:`RejectedError` where it says nothing here.
        url: Where its publisher serves it, or the empty string where that is not in this form.
        member: What it is called in the zip archive that is there, with ``*`` for what
            changes from release to release; the empty string where it is no archive.
        sha256: The digest of what is there, where that never changes.
    """

    name: str
    read: Reader
    records: Callable[[Row], Iterable[Record]]
    url: str = ""
    member: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Importer:
    """A source that can be imported.

    Attributes:
        name: The name of its graph: ``graph:drugcentral``.
        title: What it is called.
        description: What is taken from it.
        publisher: Who publishes it.
        release: Which release the files are that it was tried on.
        licences: The addresses of its licences.
        homepage: Where it is published.
        folder: The folder in which its files are, among those of other sources.
        tables: Its files, in the order in which they are read.
        share_alike: Whether what is taken from it must stay in its graph.
        by_hand: How to come by the files whose publisher does not serve them in this form.
    """

    name: str
    title: str
    description: str
    publisher: str
    release: str
    licences: tuple[str, ...]
    homepage: str
    folder: str
    tables: tuple[Table, ...]
    share_alike: bool = False
    by_hand: str = ""

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder has any of its files, so that all of them are expected."""
        names = (name for table in self.tables for name in (table.name, f"{table.name}.gz"))
        return any((folder / name).is_file() for name in names)


@dataclass(frozen=True)
class Rejection:
    """A row that was rejected: where it is, why, and what of it could be read."""

    file: str
    line: int
    reason: str
    text: str


@dataclass
class Report:
    """What became of the rows of a source. What was read is the sum of the others.

    Attributes:
        read: How many rows there were.
        used: How many said something.
        skipped: How many were of no use here, by the reason.
        rejected: Those that are broken.
    """

    read: int = 0
    used: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejection] = field(default_factory=list)


class TooManyRejectedError(PharmakonError):
    """So many rows are broken that the file is not what it should be."""

    def __init__(self, importer: Importer, report: Report) -> None:
        """Say how many, and the first of them."""
        first = report.rejected[0]
        super().__init__(
            f"{first.file}:{first.line}: {first.reason}; {len(report.rejected)} of {report.read} "
            f"rows of {importer.title} are broken like that. Get the release "
            f"{importer.release} of it, or let them be left out with --keep-going"
        )


def run(
    importer: Importer,
    folder: Path,
    use: Callable[[list[Record]], None],
    *,
    keep_going: bool = False,
) -> Report:
    """Read the files of a source row by row, and hand on what each row says.

    Args:
        importer: The source.
        folder: The folder of its files.
        use: Takes what a row says; may raise :class:`SkippedError`.
        keep_going: Whether to go on where more than a twentieth of the rows is broken.

    Returns:
        What became of the rows.

    Raises:
        LoadError: A file is not there, is cut, or lacks a column.
        TooManyRejectedError: More than a twentieth of the rows is broken.
    """
    report = Report()
    for table in importer.tables:
        with opened(folder, table.name) as file:
            for line, row in table.read(file):
                report.read += 1
                try:
                    use(_said(table, row))
                except SkippedError as error:
                    report.skipped[str(error)] += 1
                except RejectedError as error:
                    text = row.text if isinstance(row, Broken) else str(dict(row))
                    rejection = Rejection(table.name, line, str(error), text[:500])
                    report.rejected.append(rejection)
                else:
                    report.used += 1
        many = len(report.rejected) > max(_FEW, _MOST_REJECTED * report.read)
        if many and not keep_going:
            raise TooManyRejectedError(importer, report)
    return report


def digests(importer: Importer, folder: Path) -> Iterator[str]:
    """Yield the digest of each file of a source, without its compression."""
    for table in importer.tables:
        digest = hashlib.sha256()
        with opened(folder, table.name) as file:
            while block := file.read(1 << 20):
                digest.update(block)
        yield f"sha256:{digest.hexdigest()}"


def _said(table: Table, row: Row | Broken) -> list[Record]:
    """Return what a row says.

    Raises:
        RejectedError: It is broken.
        SkippedError: It says nothing that is of use.
    """
    if isinstance(row, Broken):
        raise RejectedError(row.reason)
    try:
        found = list(table.records(row))
    except KeyError as error:
        raise RejectedError(f"the row has no {error.args[0]}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RejectedError(f"the row is not as it should be: {error}") from error
    for record in found:
        if isinstance(record, Thing):
            for identifier in (*record.same, *(one for _, one in record.near)):
                if not _CURIE.fullmatch(identifier):
                    raise RejectedError(f"{identifier!r} is no identifier")
    return found

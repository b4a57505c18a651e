"""The published data files, as their publishers wrote them, each gzipped."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..errors import LoadError

__all__ = ["Files"]


@dataclass(frozen=True)
class Files:
    """A folder with the files, by publisher: ``drugcentral/drug_target.tsv.gz`` and so on."""

    folder: Path

    def open(self, source: str, encoding: str = "utf-8") -> TextIO:
        """Open a file, by its path in the folder.

        Raises:
            LoadError: It is not there.
        """
        path = self.folder / source
        if not path.is_file():
            reason = "no such file; get it from its publisher, and give the folder that holds it"
            raise LoadError(str(path), None, reason)
        return gzip.open(path, "rt", encoding=encoding, newline="")

    def rows(
        self, source: str, delimiter: str = "\t", encoding: str = "utf-8"
    ) -> Iterator[dict[str, str]]:
        """Yield the rows of a table by the names of its columns, without quotes and comments.

        Raises:
            LoadError: The file is not there.
        """
        with self.open(source, encoding) as text:
            lines = (line for line in text if not line.startswith("#"))
            yield from csv.DictReader(lines, delimiter=delimiter)

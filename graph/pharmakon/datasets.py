"""Datasets: the files of the sources that can be imported, fetched to where a build looks.

Most publishers serve their files as they are read, or in a zip archive. What none serves in
that form has to be got by hand, and is said to be.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from hashlib import file_digest
from pathlib import Path

from . import downloads
from .downloads import Fetched
from .errors import LoadError, NotFoundError, RemoteError
from .importers import IMPORTERS, Importer, Table

__all__ = ["Remote", "are_there", "by_hand", "fetch", "named", "remotes"]

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """What is fetched at once.

    Attributes:
        importer: The source.
        url: Where its publisher serves it.
        tables: The files of the source that it is, or that are in its archive.
    """

    importer: Importer
    url: str
    tables: tuple[Table, ...]


def named(name: str) -> Importer:
    """Return the source of a name, or of a title.

    Raises:
        NotFoundError: There is none; it holds the nearest names.

    Example:
        >>> named("DrugCentral").name
        'drugcentral'
    """
    wanted = name.strip().casefold()
    for one in IMPORTERS.values():
        if wanted in (one.name, one.title.casefold()):
            return one
    raise NotFoundError("source", name, get_close_matches(wanted, IMPORTERS, 2))


def remotes(importer: Importer) -> list[Remote]:
    """Return what is to be fetched of a source: each address once."""
    urls = dict.fromkeys(table.url for table in importer.tables if table.url)
    return [
        Remote(importer, url, tuple(table for table in importer.tables if table.url == url))
        for url in urls
    ]


def are_there(importer: Importer, folder: Path) -> bool:
    """Return whether a folder has all the files of a source, gzipped or not."""
    return all(
        any((folder / name).is_file() for name in (table.name, f"{table.name}.gz"))
        for table in importer.tables
    )


def by_hand(importer: Importer, folder: Path) -> str:
    """Return what to do about the files that no publisher serves, or the empty string.

    Args:
        importer: The source.
        folder: The folder that its files belong to.
    """
    names = [table.name for table in importer.tables if not table.url]
    if not names or are_there(importer, folder):
        return ""
    return (
        f"put {_listed(names)} of {importer.title} into {folder} by hand: {importer.by_hand} "
        f"({importer.homepage})"
    )


def fetch(
    remote: Remote,
    folder: Path,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> list[Fetched]:
    """Fetch files of a source into a folder, or find them there as their records say.

    Args:
        remote: What to fetch.
        folder: Where the files go, each under the name by which a build finds it.
        progress: Called as bytes arrive.

    Raises:
        RemoteError: The server did not answer, or not with the whole file; the next call goes
            on from there. It says how to do without.
        LoadError: The archive does not hold what it should.
        OSError: The folder cannot be written.
    """
    paths = {table.name: folder / table.name for table in remote.tables}
    known = [downloads.recorded(path, remote.url) for path in paths.values()]
    there = [one for one in known if one is not None]
    first = remote.tables[0]
    if first.member and len(there) == len(known):
        return there
    try:
        fetched = downloads.fetch(
            remote.url,
            folder,
            progress,
            name="" if first.member else first.name,
            sha256=first.sha256,
            licences=remote.importer.licences,
        )
    except RemoteError as error:
        raise RemoteError(
            f"{error}; or get {_listed(list(paths))} by hand from {remote.importer.homepage}, "
            f"and put it into {folder}"
        ) from error
    if not first.member:
        return [fetched]
    try:
        return [_unpacked(fetched, table, paths[table.name]) for table in remote.tables]
    finally:
        downloads.forget(fetched)


def _unpacked(archive: Fetched, table: Table, path: Path) -> Fetched:
    """Unpack a file of an archive, and record where it came from.

    What it is called in the archive never says where it goes.
    """
    aside = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(archive.path) as packed:
            member = _member(packed, table, archive)
            with packed.open(member) as inner, aside.open("wb") as outer:
                shutil.copyfileobj(inner, outer, _CHUNK)
        with aside.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        size = aside.stat().st_size
        aside.replace(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        reason = f"{archive.url} is no zip archive that can be read ({error}); run the same again"
        raise LoadError(archive.path, None, reason) from error
    finally:
        aside.unlink(missing_ok=True)
    found = replace(archive, path=str(path), bytes=size, sha256=digest, member=member.filename)
    downloads.keep(found)
    return found


def _member(packed: zipfile.ZipFile, table: Table, archive: Fetched) -> zipfile.ZipInfo:
    """Return the one file of an archive that a table is.

    Raises:
        LoadError: There is none, or there are several.
    """
    found = [one for one in packed.infolist() if fnmatchcase(one.filename, table.member)]
    if len(found) != 1:
        reason = (
            f"{archive.url} has {len(found)} files called {table.member!r} where there should be "
            f"one; unpack {table.name} by hand"
        )
        raise LoadError(archive.path, None, reason)
    return found[0]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

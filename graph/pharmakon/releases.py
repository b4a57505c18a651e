"""A release: one immutable directory that holds a whole graph.

    manifest.json     what it is: id, counts, the digest and size of every other file
    graph.nq          every quad: the same bytes for the same content. What curators wrote comes
                      first, sorted, and then each source that was imported, in its own order
    store/            the same quads as Oxigraph's database, opened read-only
    names/            the index of what its entities are called
    imports/          where sources were imported: what became of their rows

The id of a release is the digest of ``graph.nq``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs
import pyoxigraph as ox

from .errors import ReleaseError
from .names import NameIndex
from .stores import OxigraphStore

__all__ = [
    "MANIFEST",
    "Release",
    "identify",
    "identity",
    "newest",
    "open_release",
    "write",
]

MANIFEST = "manifest.json"
_FORMAT = 2

#: Of how many releases it is known that they are whole.
_REMEMBERED = 20


@dataclass(frozen=True)
class Release:
    """What a manifest says.

    Attributes:
        id: The digest of the content: 64 hexadecimal digits.
        quads: The number of quads.
        files: The digest and the size in bytes of each file, by its path in the release.
        format: The number of this layout.
    """

    id: str
    quads: int
    files: dict[str, dict[str, str | int]]
    format: int = _FORMAT


#: Writes more quads to a release, and files beside them to its directory.
More = Callable[[Path, BinaryIO], None]

Progress = Callable[[str], None]


def write(
    store: OxigraphStore,
    folder: Path,
    more: More = lambda directory, quads: None,
    progress: Progress = lambda step: None,
) -> Path:
    """Write a release of what a store holds into a folder, and return its directory.

    It is written aside and renamed at the end: killed at any moment, what was there before
    is untouched. A release that is there already is left as it is, unless it is damaged.

    Args:
        store: What it holds.
        folder: Where it goes.
        more: Called with the directory of the release and the file of its quads, to add to
            both; it must write the same each time.
        progress: Called with the name of each step as it begins.

    Raises:
        ReleaseError: The folder cannot be written: no room, no permission, not a folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _aside(folder) as aside:
            digest = _fill(aside / "release", store, more, progress)
            final = folder / digest[:16]
            if final.exists() and not _is_whole(final):
                final.rename(aside / "damaged")
            if not final.exists():
                (aside / "release").rename(final)
                _remember(final, _manifest(final))
        _flush(folder)
    except OSError as error:
        raise ReleaseError(
            f"{folder}: the release was not written: {error.strerror or error}; "
            "what was there before is untouched. Make room or choose another folder with --output"
        ) from error
    return final


def identify(store: OxigraphStore) -> str:
    """Return the id that a release of what a store holds would have."""
    return identity(store.dump())


def open_release(directory: Path) -> tuple[Release, OxigraphStore]:
    """Return the manifest of a release and its store, opened read-only.

    Its files are compared with their digests when it is opened first, and again when one was
    changed since; the whole takes seconds a gigabyte.

    Raises:
        ReleaseError: There is no release there, or a file of it is missing, cut or changed.
    """
    release = _manifest(directory)
    if not _is_as_remembered(directory, release):
        _compare(directory, release)
        _remember(directory, release)
    try:
        return release, OxigraphStore.read_only(directory / "store")
    except OSError as error:
        raise ReleaseError(f"{directory / 'store'}: {error}; {_REMEDY}") from error


def newest(folder: Path) -> Path | None:
    """Return the release in a folder that was written last, or None where there is none."""
    found = [path.parent for path in folder.glob(f"[!.]*/{MANIFEST}")]
    return max(found, key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path), default=None)


_REMEDY = "the release is damaged: build it again with 'pharmakon build'"


def _fill(directory: Path, store: OxigraphStore, more: More, progress: Progress) -> str:
    """Write a release into a directory of its own, wait until it is on the disk, return its id."""
    directory.mkdir()
    content = directory / "graph.nq"
    with content.open("wb") as quads:
        quads.write(store.dump())
        more(directory, quads)
    progress("writing the store")
    database = ox.Store(str(directory / "store"))
    database.bulk_load(path=str(content), format=ox.RdfFormat.N_QUADS)
    database.flush()
    database.optimize()
    release = Release(_digest(content), len(database), {})
    progress("indexing the names")
    NameIndex.write(OxigraphStore(database), directory / "names")
    del database
    # Oxigraph's own log differs from run to run and is not needed to read the store.
    for log in (
        *(directory / "store").glob("LOG*"),
        *directory.glob("*/*LOCK"),
        *directory.glob("names/.*.lock"),
    ):
        log.unlink(missing_ok=True)
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            about: dict[str, str | int] = {"sha256": _digest(path), "bytes": path.stat().st_size}
            release.files[str(path.relative_to(directory))] = about
    text = json.dumps(asdict(release), indent=1)
    (directory / MANIFEST).write_text(text + "\n", "utf-8")
    for path in (*directory.rglob("*"), directory):
        _flush(path)
    return release.id


def _is_whole(directory: Path) -> bool:
    try:
        _compare(directory, _manifest(directory))
    except ReleaseError:
        return False
    return True


def _compare(directory: Path, release: Release) -> None:
    """Compare the files of a release with what its manifest says.

    Raises:
        ReleaseError: One is missing, cut or changed.
    """
    for name, known in release.files.items():
        path = directory / name
        if not path.is_file():
            raise ReleaseError(f"{path}: the file is missing; {_REMEDY}")
        if path.stat().st_size != known["bytes"] or _digest(path) != known["sha256"]:
            raise ReleaseError(f"{path}: the file is not what the manifest says; {_REMEDY}")


def _remember(directory: Path, release: Release) -> None:
    """Keep how the files of a release are, as far as is seen without reading them."""
    path = _memory(directory)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_look(directory, release), "utf-8")
        others = sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        for old in others[:-_REMEMBERED]:
            old.unlink(missing_ok=True)


def _is_as_remembered(directory: Path, release: Release) -> bool:
    with contextlib.suppress(OSError):
        return _memory(directory).read_text("utf-8") == _look(directory, release)
    return False


def _memory(directory: Path) -> Path:
    place = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:32]
    return platformdirs.user_cache_path("pharmakon", appauthor=False) / "compared" / place


def _look(directory: Path, release: Release) -> str:
    """Return the sizes and times of the files of a release, and which files those are.

    Raises:
        OSError: One is missing.
    """
    seen = []
    for name in release.files:
        about = (directory / name).stat()
        seen.append((name, about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns))
    return json.dumps([release.id, seen])


def _manifest(directory: Path) -> Release:
    path = directory / MANIFEST
    if not path.is_file():
        raise ReleaseError(
            f"{directory}: there is no release here (no {MANIFEST}); "
            "write one with 'pharmakon build', or leave out --release for the packaged graph"
        )
    try:
        found = Release(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise ReleaseError(f"{path}: this is not a manifest: {error}; {_REMEDY}") from error
    if found.format != _FORMAT:
        raise ReleaseError(
            f"{path}: the release has format {found.format}, and this program reads {_FORMAT}; "
            "build it again with 'pharmakon build'"
        )
    return found


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Give a directory beside the final one, and remove it in the end.

    A process that was killed could not do so; what it left is removed by the next.
    """
    for left in folder.glob(".building-*"):
        if not _is_alive(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f".building-{os.getpid()}-", dir=folder))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        pass
    return True


def identity(content: bytes) -> str:
    """Return the id of a release with that content: the digest of its sorted N-Quads."""
    return hashlib.sha256(content).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

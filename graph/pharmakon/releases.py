"""A release: one immutable directory that holds a whole graph.

    manifest.json     what it is: id, counts, the digest and size of every other file
    graph.nq          every quad, sorted: the same bytes for the same content
    store/            the same quads as Oxigraph's database, opened read-only

The id of a release is the digest of ``graph.nq``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyoxigraph as ox

from .errors import ReleaseError
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
_FORMAT = 1


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


def write(store: OxigraphStore, folder: Path) -> Path:
    """Write a release of what a store holds into a folder, and return its directory.

    It is written aside and renamed at the end: killed at any moment, what was there before
    is untouched. A release that is there already is left as it is, unless it is damaged.

    Raises:
        ReleaseError: The folder cannot be written: no room, no permission, not a folder.
    """
    content = store.dump()
    digest = identity(content)
    final = folder / digest[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _aside(folder) as aside:
            _fill(aside / "release", content, Release(digest, len(store), {}))
            if final.exists() and not _is_whole(final):
                final.rename(aside / "damaged")
            if not final.exists():
                (aside / "release").rename(final)
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

    Raises:
        ReleaseError: There is no release there, or a file of it is missing, cut or changed.
    """
    release = _manifest(directory)
    for name, known in release.files.items():
        path = directory / name
        if not path.is_file():
            raise ReleaseError(f"{path}: the file is missing; {_REMEDY}")
        if path.stat().st_size != known["bytes"] or _digest(path) != known["sha256"]:
            raise ReleaseError(f"{path}: the file is not what the manifest says; {_REMEDY}")
    try:
        return release, OxigraphStore.read_only(directory / "store")
    except OSError as error:
        raise ReleaseError(f"{directory / 'store'}: {error}; {_REMEDY}") from error


def newest(folder: Path) -> Path | None:
    """Return the release in a folder that was written last, or None where there is none."""
    found = [path.parent for path in folder.glob(f"[!.]*/{MANIFEST}")]
    return max(found, key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path), default=None)


_REMEDY = "the release is damaged: build it again with 'pharmakon build'"


def _fill(directory: Path, content: bytes, release: Release) -> None:
    """Write a release into a directory of its own, and wait until it is on the disk."""
    directory.mkdir()
    (directory / "graph.nq").write_bytes(content)
    database = ox.Store(str(directory / "store"))
    database.bulk_load(content, format=ox.RdfFormat.N_QUADS)
    database.flush()
    database.optimize()
    del database
    # Oxigraph's own log differs from run to run and is not needed to read the store.
    for log in (*(directory / "store").glob("LOG*"), directory / "store" / "LOCK"):
        log.unlink(missing_ok=True)
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            about: dict[str, str | int] = {"sha256": _digest(path), "bytes": path.stat().st_size}
            release.files[str(path.relative_to(directory))] = about
    text = json.dumps(asdict(release), indent=1)
    (directory / MANIFEST).write_text(text + "\n", "utf-8")
    for path in (*directory.rglob("*"), directory):
        _flush(path)


def _is_whole(directory: Path) -> bool:
    try:
        open_release(directory)
    except ReleaseError:
        return False
    return True


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


@contextmanager
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

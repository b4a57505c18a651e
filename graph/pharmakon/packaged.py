"""The packaged graph: assembled once, and kept until a file that it is made of changes.

Rules take seconds over the whole ontology, and a command should answer at once. What was
assembled is kept in the user's cache folder, under a digest of every file that it is made of;
where nothing can be kept there, it is assembled each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pyoxigraph as ox

from . import build, releases
from .errors import LoadError
from .resources import folder
from .stores import OxigraphStore

__all__ = ["packaged"]

#: How many graphs are kept: that of this version, and that of one beside it.
_KEPT = 2


def packaged() -> tuple[OxigraphStore, str]:
    """Return the curated graph that ships in the package, and the id of its content.

    Raises:
        LoadError: A file of the package is broken.

    Example:
        >>> store, identity = packaged()
        >>> len(identity)
        64
    """
    path = _place()
    with contextlib.suppress(OSError, LoadError):
        first, _, content = path.read_bytes().partition(b"\n")
        identity = releases.identity(content)
        if first == _first_line(identity):
            store = OxigraphStore()
            store.add_quads(content)
            return store, identity
    store = build.assemble()
    content = store.dump()
    identity = releases.identity(content)
    with contextlib.suppress(OSError):
        _keep(path, _first_line(identity) + b"\n" + content)
    return store, identity


def _first_line(identity: str) -> bytes:
    """Return what a kept graph begins with, so that one that was cut is not taken for whole."""
    return f"# {identity}".encode()


def _place() -> Path:
    """Return where the graph of these files is kept, or would be."""
    digest = hashlib.sha256(ox.__version__.encode())
    for path in _files():
        digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    cache = platformdirs.user_cache_path("pharmakon", appauthor=False)
    return cache / "packaged" / f"{digest.hexdigest()[:32]}.nq"


def _files() -> Iterator[Path]:
    """Yield the files of the ontology, and the code that makes the graph of them."""
    root = folder("ontology")
    for pattern in ("*.ttl", "knowledge/**/*.ttl", "gtopdb/**/*.ttl", "mappings/*", "rules/*"):
        yield from sorted(root.glob(pattern))
    code = Path(__file__).parent
    for pattern in ("*.py", "inference/*.py"):
        yield from sorted(code.glob(pattern))


def _keep(path: Path, content: bytes) -> None:
    """Write a graph aside and rename it, and remove those that are older."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    others = sorted(path.parent.glob("*.nq"), key=lambda one: one.stat().st_mtime)
    for old in others[:-_KEPT]:
        old.unlink(missing_ok=True)

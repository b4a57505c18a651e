"""Downloads: the files that sources state, fetched whole, with their digests on record.

A file is fetched into ``NAME.part`` and renamed when all of it is there. A fetch that was
cut goes on where it stopped, if the server vouches that the file is still the same. Beside
the file, ``NAME.json`` says where it came from, when, which digest it had, and under which
licences it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib import error as urllib_error
from urllib import request as urllib_request
from urllib.parse import unquote, urlsplit

import platformdirs

from .errors import RemoteError
from .stores import Store
from .views.references import Reference, references

__all__ = [
    "Download",
    "Fetched",
    "downloads",
    "fetch",
    "folder_of",
    "forget",
    "keep",
    "name_of",
    "recorded",
    "sources_folder",
]

#: Called with the bytes that are there, and how many there will be where that is known.
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18
_PATIENCE = 30.0

#: Servers such as Wikidata's want to know who asks, and turn away who does not say.
_WHO = "pharmakon (https://w3id.org/pharmakon/ontology)"

#: So much of an address is said: one may hold a whole query.
_SAID = 120


@dataclass(frozen=True)
class Download:
    """A file that a source states.

    Attributes:
        source: The source.
        url: Where the file is.
        licence: The IRI of the source's licence, or the empty string where none is stated.
    """

    source: Reference
    url: str
    licence: str

    def to_dict(self) -> dict[str, object]:
        """Return the download as plain JSON."""
        return {
            "source": self.source.to_dict(),
            "url": self.url,
            "licence": self.licence or None,
        }


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched: what its record says.

    Attributes:
        path: Where it is.
        url: What was asked for.
        address: Where it came from in the end, after redirections.
        retrieved: When, in UTC, as ISO 8601 writes it.
        bytes: How long it is.
        sha256: Its digest, in hexadecimal digits.
        etag: What the server calls this version, or the empty string.
        last_modified: When the server says that it changed last, or the empty string.
        licences: The addresses of its licences; none is not stated.
        member: What it was called in the archive that was fetched, or the empty string.
    """

    path: str
    url: str
    address: str
    retrieved: str
    bytes: int
    sha256: str
    etag: str
    last_modified: str
    licences: tuple[str, ...] = ()
    member: str = ""


def sources_folder() -> Path:
    """Return the folder in which the files of sources are, each source in one of its own."""
    return platformdirs.user_data_path("pharmakon", appauthor=False) / "sources"


def downloads(store: Store) -> list[Download]:
    """Return the files that the sources of a graph state, in order of source and address."""
    rows = list(
        store.select(
            """SELECT ?source ?url ?licence WHERE {
              ?source a pk:Source ; dcat:downloadURL ?url .
              OPTIONAL { ?source dcterms:license ?licence }
            }"""
        )
    )
    table = [{name: str(getattr(term, "value", "")) for name, term in row.items()} for row in rows]
    named = references(store, {row["source"] for row in table})
    found = {Download(named[r["source"]], r["url"], r.get("licence", "")) for r in table}
    return sorted(found, key=lambda one: (one.source, one.url))


def folder_of(url: str, folder: Path) -> Path:
    """Return the folder for what comes from an address: one for each host.

    Example:
        >>> folder_of("https://example.org/data/a.csv", Path("data")).as_posix()
        'data/example.org'
    """
    return folder / _safe(urlsplit(url).netloc)


def fetch(
    url: str,
    folder: Path,
    progress: Progress = lambda done, total: None,
    *,
    name: str = "",
    sha256: str = "",
    licences: Sequence[str] = (),
) -> Fetched:
    """Fetch a file into a folder, or find it there as its record says.

    Args:
        url: Where it is; ``http`` or ``https``.
        folder: Where it goes; made where it is not there.
        progress: Called as bytes arrive.
        name: What to call it; what the address calls it unless given.
        sha256: The digest that it must have, in hexadecimal digits; any unless given.
        licences: The addresses of its licences, for the record.

    Raises:
        RemoteError: The server did not answer, or not with the whole file; what has come is
            kept, and the next call goes on from there. Or the file has another digest, and
            nothing of it is kept.
        OSError: The folder cannot be written.
    """
    _check_scheme(url)
    path = folder / (_safe(name) if name else name_of(url))
    if (known := recorded(path, url)) is not None and sha256 in ("", known.sha256):
        return known
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(path, url)
    try:
        response = _open(url, part.conditions())
        with response:
            part.begin(response.status, response.headers)
            part.take(response, progress)
            address = response.url
    except RemoteError:
        raise
    except urllib_error.HTTPError as error:
        error.close()
        if error.code != 416:
            raise RemoteError(
                f"{_said(url)}: the server answered {error.code} {error.reason}; "
                "look at the address, or try again later"
            ) from error
        # It has no more than what is there already: not what was begun. Begin again.
        part.drop()
        return fetch(url, folder, progress, name=name, sha256=sha256, licences=licences)
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # of the folder, not of the network
        reason = getattr(error, "reason", None) or error
        raise RemoteError(
            f"{_said(url)}: there is no answer ({reason}); look at the address and at the network, "
            "and run the same again"
        ) from error
    fetched = replace(part.finish(address, sha256), licences=tuple(licences))
    keep(fetched)
    return fetched


def recorded(path: Path, url: str) -> Fetched | None:
    """Return the record of a file that is there, whole and from that address, or None."""
    record = _read(_record(path))
    if not path.is_file() or record.get("url") != url or record.get("sha256") != _digest(path):
        return None
    licences = record.pop("licences", ())
    try:
        found = Fetched(path=str(path), **record)  # type: ignore[arg-type]
    except TypeError:
        return None
    return replace(found, licences=tuple(licences) if isinstance(licences, list) else ())


def keep(fetched: Fetched) -> None:
    """Write the record of a file beside it."""
    record = asdict(fetched)
    del record["path"]  # the two files may be moved together
    _write(_record(Path(fetched.path)), record)


def forget(fetched: Fetched) -> None:
    """Delete a file and its record."""
    Path(fetched.path).unlink(missing_ok=True)
    _record(Path(fetched.path)).unlink(missing_ok=True)


class _Part:
    """A file that is not all there yet, and what is known of the whole."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._url = url
        self._part = path.with_name(f"{path.name}.part")
        self._notes = path.with_name(f"{path.name}.part.json")
        self._about = {"url": url, "etag": "", "last_modified": ""}
        self._total: int | None = None
        self._have = 0
        if self._part.exists() and (notes := _read(self._notes)).get("url") == url:
            self._about |= {name: str(notes.get(name, "")) for name in ("etag", "last_modified")}
            self._have = self._part.stat().st_size if self._validator else 0

    @property
    def _validator(self) -> str:
        """What proves to the server that it is the same file; a weak tag does not."""
        strong = "" if self._about["etag"].startswith("W/") else self._about["etag"]
        return strong or self._about["last_modified"]

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for the rest, or none where there is nothing yet."""
        if not self._have:
            return {}
        return {"Range": f"bytes={self._have}-", "If-Range": self._validator}

    def begin(self, status: int, headers: Message) -> None:
        """Make ready for the body of a response: to go on, or from the start."""
        if status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
            if found is None or int(found[1]) != self._have:
                self.drop()
                raise RemoteError(
                    f"{_said(self._url)}: the server sent another part of the file than was asked "
                    "for; "
                    "run the same again to begin anew"
                )
            self._total = None if found[2] == "*" else int(found[2])
            return
        self._have = 0
        length = headers.get("Content-Length", "")
        self._total = int(length) if length.isdigit() else None
        self._about |= {
            "etag": headers.get("ETag", ""),
            "last_modified": headers.get("Last-Modified", ""),
        }
        _write(self._notes, self._about)

    def take(self, response: HTTPResponse, progress: Progress) -> None:
        """Write the body of a response after what is there.

        Raises:
            RemoteError: The connection was cut, or the length is not what was announced.
        """
        if response.length is None and not response.chunked:
            raise RemoteError(
                f"{_said(self._url)}: the server does not say how long the file is, so that a cut "
                "would not be seen; run the same again, or fetch it by other means"
            )
        with self._part.open("r+b" if self._have else "wb") as file:
            file.seek(self._have)
            file.truncate()
            progress(self._have, self._total)
            try:
                while chunk := response.read(_CHUNK):
                    self._put(file, chunk)
                    progress(self._have, self._total)
            except (HTTPException, OSError) as error:
                if isinstance(error, OSError) and error.filename is not None:
                    raise
                raise self._cut(str(error)) from error
            file.flush()
            os.fsync(file.fileno())
        if self._total is not None and self._have < self._total:
            raise self._cut("the connection was closed")

    def finish(self, address: str, sha256: str) -> Fetched:
        """Give the file its name, and return its record.

        Raises:
            RemoteError: It has another digest than it must have.
        """
        found = _digest(self._part)
        if sha256 not in ("", found):
            self.drop()
            raise RemoteError(
                f"{_said(self._url)}: the file has the digest {found} where {sha256} was expected: "
                "it was changed, there or on its way, and is thrown away; look at the address"
            )
        fetched = Fetched(
            path=str(self._path),
            url=self._url,
            address=address,
            retrieved=datetime.now(UTC).isoformat(timespec="seconds"),
            bytes=self._have,
            sha256=found,
            etag=self._about["etag"],
            last_modified=self._about["last_modified"],
        )
        self._part.replace(self._path)
        self._notes.unlink(missing_ok=True)
        return fetched

    def drop(self) -> None:
        """Forget what has come."""
        self._part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _put(self, file: IO[bytes], chunk: bytes) -> None:
        try:
            file.write(chunk)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._part)) from error
        self._have += len(chunk)

    def _cut(self, reason: str) -> RemoteError:
        whole = "" if self._total is None else f" of {self._total}"
        again = "it goes on from there" if self._validator else "it begins anew"
        return RemoteError(
            f"{_said(self._url)}: cut after {self._have}{whole} bytes ({reason}); "
            f"run the same again: {again}"
        )


class _Redirections(urllib_request.HTTPRedirectHandler):
    """Follows redirections, but never to another scheme than http and https, nor out of TLS."""

    def redirect_request(
        self,
        req: urllib_request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib_request.Request | None:
        _check_scheme(newurl)
        if req.type == "https" and urlsplit(newurl).scheme == "http":
            raise RemoteError(
                f"{req.full_url}: the server leads to {newurl}, which is not encrypted; "
                "give that address yourself if you trust it"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _open(url: str, headers: dict[str, str]) -> HTTPResponse:
    # Not build_opener, which would also read file:, ftp: and data: addresses.
    opener = urllib_request.OpenerDirector()
    for handler in (
        urllib_request.ProxyHandler,
        urllib_request.UnknownHandler,
        urllib_request.HTTPHandler,
        urllib_request.HTTPSHandler,
        urllib_request.HTTPDefaultErrorHandler,
        _Redirections,
        urllib_request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    wanted = {"User-Agent": _WHO, "Accept-Encoding": "identity"} | headers
    asked = urllib_request.Request(url, headers=wanted)  # noqa: S310 - the scheme is checked
    response = opener.open(asked, timeout=_PATIENCE)
    assert isinstance(response, HTTPResponse)  # noqa: S101 - it speaks HTTP only
    return response


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RemoteError(f"{url}: only http and https addresses are fetched; give one of those")


def name_of(url: str) -> str:
    """Return the name of the file of an address, with nothing that a folder could mistake.

    Example:
        >>> name_of("https://example.org/a/drugs%20v2.csv?x=1")
        'drugs_v2.csv_x=1'
    """
    parts = urlsplit(url)
    last = unquote(parts.path).rstrip("/").rsplit("/", 1)[-1]
    return _safe(f"{last}_{parts.query}" if parts.query else last)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.=+-]", "_", name).lstrip(".")[:120] or "index"


def _said(url: str) -> str:
    return url if len(url) <= _SAID else f"{url[:_SAID]}…"


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: object) -> None:
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
    aside.replace(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

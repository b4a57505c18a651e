"""``pharmakon get``: a file comes whole or not at all, and its digest is on record."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result

from pharmakon import downloads, namespaces, releases
from pharmakon.errors import RemoteError
from pharmakon.stores import OxigraphStore
from pharmakon_server.cli import failures, program

from .serving import answering

CONTENT = bytes(range(256)) * 4000  # more than a megabyte, so that it comes in several parts
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What a server does with the requests for one file.

    Attributes:
        content: The file.
        tag: Its ETag; empty is none.
        modified: Its Last-Modified; empty is none.
        cut: After how many bytes of a body the connection ends; None is never.
        length: The length that is announced instead of the true one.
        chunked: Whether the length is not announced at all.
        ranges: Whether it answers ranges.
        shift: How many bytes off a range begins.
        status: The status instead of 200; with ``location``, where it leads.
        asked: The headers of each request, in order.
    """

    content: bytes = CONTENT
    tag: str = '"one"'
    modified: str = ""
    cut: int | None = None
    length: int | None = None
    chunked: bool = False
    ranges: bool = True
    shift: int = 0
    status: int = 200
    location: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's behaviour says."""

    protocol_version = "HTTP/1.1"
    behaviours: ClassVar[dict[str, Behaviour]] = {}

    def do_GET(self) -> None:
        does = self.behaviours[self.path]
        does.asked.append(dict(self.headers))
        self.close_connection = True
        if does.status != 200:
            self.send_response(does.status)
            if does.location:
                self.send_header("Location", does.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self._start(does)
        if start > len(does.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(does.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(does, start)

    def _start(self, does: Behaviour) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (does.tag, does.modified)
        return int(found[1]) if found and same and does.ranges else 0

    def _send(self, does: Behaviour, start: int) -> None:
        body = does.content[start + does.shift if start else 0 :]
        self.send_response(206 if start else 200)
        if start:
            first, last = start + does.shift, len(does.content) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(does.content)}")
        for name, value in (("ETag", does.tag), ("Last-Modified", does.modified)):
            if value:
                self.send_header(name, value)
        if does.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(body), 100_000):
                part = body[at : at + 100_000]
                if does.cut is not None and at >= does.cut:
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body) if does.length is None else does.length))
        self.end_headers()
        self.wfile.write(body if does.cut is None else body[: does.cut])

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving(does: Behaviour, path: str = "/data/drugs.csv") -> Iterator[str]:
    """Serve one file on the loopback interface; yield its address."""
    handler = type("OneFile", (Handler,), {"behaviours": {path: does}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{path}"
        finally:
            server.shutdown()
            thread.join()


def get(*args: str, home: Path) -> Result:
    """Run ``pharmakon get`` for a user whose files are in a folder."""
    return CliRunner().invoke(program, ["get", *args], env={"XDG_DATA_HOME": str(home)})


def record(path: Path) -> dict[str, object]:
    """Return the record beside a file."""
    found = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_a_file_comes_whole_with_its_digest_on_record(tmp_path: Path):
    does = Behaviour(modified="Wed, 01 Jan 2020 00:00:00 GMT")
    with serving(does) as url:
        result = get(url, home=tmp_path)

    assert result.exit_code == 0, result.stderr
    (path,) = tmp_path.rglob("drugs.csv")
    assert path.read_bytes() == CONTENT
    about = record(path)
    assert {name: about[name] for name in ("url", "sha256", "bytes", "etag", "last_modified")} == {
        "url": url,
        "sha256": DIGEST,
        "bytes": len(CONTENT),
        "etag": '"one"',
        "last_modified": "Wed, 01 Jan 2020 00:00:00 GMT",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", str(about["retrieved"]))
    assert DIGEST in result.stdout
    assert str(path) in result.stdout
    assert sorted(one.name for one in path.parent.iterdir()) == ["drugs.csv", "drugs.csv.json"]


def test_a_file_goes_where_it_is_told(tmp_path: Path):
    with serving(Behaviour()) as url:
        assert get(url, "--output", str(tmp_path / "here"), home=tmp_path).exit_code == 0

    assert (tmp_path / "here" / "drugs.csv").read_bytes() == CONTENT


def test_the_digest_is_in_the_json(tmp_path: Path):
    with serving(Behaviour()) as url:
        result = get(url, "--json", home=tmp_path)

    (one,) = json.loads(result.stdout)
    assert one["sha256"] == DIGEST
    assert Path(one["path"]).read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path):
    does = Behaviour()
    with serving(does) as url:
        first = downloads.fetch(url, tmp_path)
        second = downloads.fetch(url, tmp_path)

    assert first == second
    assert len(does.asked) == 1


def test_a_file_that_was_changed_here_is_fetched_again(tmp_path: Path):
    does = Behaviour()
    with serving(does) as url:
        path = Path(downloads.fetch(url, tmp_path).path)
        path.write_bytes(b"changed")
        downloads.fetch(url, tmp_path)

    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("chunked", [False, True], ids=["length announced", "chunked"])
def test_a_cut_download_says_so_and_goes_on_from_there(tmp_path: Path, chunked: bool):
    does = Behaviour(cut=300_000, chunked=chunked)
    with serving(does) as url:
        cut = get(url, home=tmp_path)
        does.cut = None
        again = get(url, home=tmp_path)

    assert cut.exit_code == failures.NETWORK
    assert "cut after" in cut.stderr
    assert "it goes on from there" in cut.stderr
    assert cut.stdout == ""
    assert again.exit_code == 0, again.stderr
    assert does.asked[1]["If-Range"] == '"one"'
    begun = int(does.asked[1]["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun <= 300_000, "what had come is not asked for again"
    (path,) = tmp_path.rglob("drugs.csv")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == DIGEST == record(path)["sha256"]
    assert not list(tmp_path.rglob("*.part*"))


def test_nothing_bears_the_name_of_the_file_before_it_is_whole(tmp_path: Path):
    with serving(Behaviour(cut=300_000)) as url, pytest.raises(RemoteError):
        downloads.fetch(url, tmp_path)

    assert not (tmp_path / "drugs.csv").exists()
    assert (tmp_path / "drugs.csv.part").stat().st_size == 300_000


def _begun(tmp_path: Path, does: Behaviour, url: str) -> None:
    """Leave the first part of a download in a folder."""
    does.cut = 300_000
    with pytest.raises(RemoteError):
        downloads.fetch(url, tmp_path)
    does.cut = None


#: What has changed at the server since the first part came, and whether a part is of use.
CHANGES: list[tuple[str, dict[str, object]]] = [
    ("the file is another now", {"content": CONTENT[::-1], "tag": '"two"'}),
    ("the file is shorter now", {"content": CONTENT[:1000], "tag": '"two"'}),
    ("the server answers no ranges", {"ranges": False}),
]


@pytest.mark.parametrize("change", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_part_of_another_file_is_never_gone_on_with(tmp_path: Path, change: dict[str, object]):
    does = Behaviour()
    with serving(does) as url:
        _begun(tmp_path, does, url)
        for name, value in change.items():
            setattr(does, name, value)

        fetched = downloads.fetch(url, tmp_path)

    assert Path(fetched.path).read_bytes() == does.content
    assert fetched.etag == does.tag


@pytest.mark.parametrize(("tag", "modified"), [("", ""), ('W/"one"', "")])
def test_without_a_strong_validator_a_download_begins_anew(tmp_path: Path, tag: str, modified: str):
    does = Behaviour(tag=tag, modified=modified)
    with serving(does) as url:
        _begun(tmp_path, does, url)

        downloads.fetch(url, tmp_path)

    assert "Range" not in does.asked[1]
    assert (tmp_path / "drugs.csv").read_bytes() == CONTENT


def test_the_date_of_a_file_vouches_for_it_where_it_has_no_tag(tmp_path: Path):
    does = Behaviour(tag="", modified="Wed, 01 Jan 2020 00:00:00 GMT")
    with serving(does) as url:
        _begun(tmp_path, does, url)

        downloads.fetch(url, tmp_path)

    assert does.asked[1]["If-Range"] == does.modified
    assert (tmp_path / "drugs.csv").read_bytes() == CONTENT


def test_a_server_that_sends_another_part_is_refused_and_the_next_run_begins_anew(tmp_path: Path):
    does = Behaviour()
    with serving(does) as url:
        _begun(tmp_path, does, url)
        does.shift = 10
        wrong = get(url, "--output", str(tmp_path), home=tmp_path)
        does.shift = 0
        right = get(url, "--output", str(tmp_path), home=tmp_path)

    assert wrong.exit_code == failures.NETWORK
    assert "another part of the file" in wrong.stderr
    assert right.exit_code == 0
    assert (tmp_path / "drugs.csv").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(tmp_path: Path):
    does = Behaviour()
    with serving(does) as url:
        _begun(tmp_path, does, url)
        (tmp_path / "drugs.csv.part").write_bytes(CONTENT + b"more")

        downloads.fetch(url, tmp_path)

    assert (tmp_path / "drugs.csv").read_bytes() == CONTENT


def test_a_body_shorter_than_announced_is_no_file(tmp_path: Path):
    with serving(Behaviour(length=len(CONTENT) + 1)) as url:
        result = get(url, home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert f"cut after {len(CONTENT)} of {len(CONTENT) + 1} bytes" in result.stderr
    assert not list(tmp_path.rglob("drugs.csv"))


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BREAKS: dict[str, Callable[[socket.socket], None]] = {
    "nothing is sent": lambda connection: connection.close(),
    "the connection is reset": _reset,
    "what is sent is no HTTP": lambda connection: connection.sendall(b"hello\r\n\r\n"),
    "the length is not said": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\nbody"),
    "the head is cut": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-"),
}


@pytest.mark.parametrize("behave", BREAKS.values(), ids=BREAKS.keys())
def test_a_server_that_breaks_off_is_a_network_error(
    tmp_path: Path, behave: Callable[[socket.socket], None]
):
    with answering(behave) as url:
        result = get(url, home=tmp_path)

    assert result.exit_code == failures.NETWORK, result.stderr
    assert url in result.stderr
    assert "run the same again" in result.stderr


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_is_said_with_its_status(tmp_path: Path, status: int):
    with serving(Behaviour(status=status)) as url:
        result = get(url, home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert f"{url}: the server answered {status}" in result.stderr
    assert not list(tmp_path.rglob("drugs.csv*"))


def test_a_redirection_is_followed_and_recorded(tmp_path: Path):
    with (
        serving(Behaviour(), "/real/file.bin") as real,
        serving(Behaviour(status=302, location=real)) as url,
    ):
        fetched = downloads.fetch(url, tmp_path)

    assert (fetched.url, fetched.address) == (url, real)
    assert (tmp_path / "drugs.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirection_never_leads_out_of_http(tmp_path: Path, location: str):
    with serving(Behaviour(status=302, location=location)) as url:
        result = get(url, home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert "not allowed" in result.stderr or "only http and https" in result.stderr
    assert not list(tmp_path.rglob("drugs.csv"))


def test_redirections_without_end_are_ended(tmp_path: Path):
    does = Behaviour(status=302)
    with serving(does) as url:
        does.location = url
        result = get(url, home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert len(does.asked) < 30


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/drugs%20v2.csv", "drugs_v2.csv"),
        ("/a/..%2F..%2Fevil", "evil"),
        ("/%2e%2e", "index"),
        ("/.bashrc", "bashrc"),
        ("/", "index"),
        ("/get?file=../../x", "get_file=.._.._x"),
    ],
)
def test_no_address_can_name_a_file_elsewhere(tmp_path: Path, path: str, name: str):
    with serving(Behaviour(content=b"x"), path) as url:
        fetched = downloads.fetch(url, tmp_path / "in")

    assert Path(fetched.path) == tmp_path / "in" / name
    assert {one.parent for one in tmp_path.rglob("*") if one.is_file()} == {tmp_path / "in"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with serving(Behaviour()) as url:
        result = get(url, "--output", str(tmp_path / "file"), home=tmp_path)

    assert result.exit_code == failures.USAGE
    assert str(tmp_path / "file") in result.stderr


def test_progress_ends_with_the_whole(tmp_path: Path):
    told: list[tuple[int, int | None]] = []
    with serving(Behaviour()) as url:
        downloads.fetch(url, tmp_path, lambda done, total: told.append((done, total)))

    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


SOURCES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix pk: <https://w3id.org/pharmakon/ontology#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix source: <https://w3id.org/pharmakon/source/> .

source:table a pk:Source ; rdfs:label "a table"@en ; dcat:downloadURL <URL> ;
    dcterms:license <https://creativecommons.org/licenses/by/4.0/> .
source:book a pk:Source ; rdfs:label "a book"@en .
"""


@contextmanager
def stating(url: str, folder: Path) -> Iterator[str]:
    """Write a release whose one source states a file; yield its directory."""
    inner = ox.Store()
    text = SOURCES.replace("URL> ;", f"{url}> ;")
    inner.load(text, format=ox.RdfFormat.TURTLE, to_graph=namespaces.GRAPH["curated"])
    yield str(releases.write(OxigraphStore(inner), folder))


def test_the_files_that_sources_state_are_listed_with_their_licence(tmp_path: Path):
    with stating("https://example.org/t.csv", tmp_path) as release:
        tsv = get("--release", release, home=tmp_path)
        drawn = get("--release", release, "--format", "table", home=tmp_path)

    licence = "https://creativecommons.org/licenses/by/4.0/"
    assert tsv.stdout.startswith("source\tlicences\tdownloaded\turl\n")
    assert f"source:table\t{licence}\tno\thttps://example.org/t.csv\n" in tsv.stdout
    assert re.search(r"^source:table +a table +CC BY 4.0 +no *$", drawn.stdout, re.M)


def test_a_source_is_fetched_by_its_name_into_a_folder_of_its_own(tmp_path: Path):
    with serving(Behaviour()) as url, stating(url, tmp_path / "releases") as release:
        result = get("a table", "--release", release, home=tmp_path / "home")

    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "home").rglob("drugs.csv")
    assert path.parent.relative_to(tmp_path / "home").as_posix() == "pharmakon/sources/table"
    assert path.read_bytes() == CONTENT
    assert record(path)["licences"] == ["https://creativecommons.org/licenses/by/4.0/"]
    assert f"{url} is under CC BY 4.0" in result.stderr


def test_a_source_that_states_no_file_says_so(tmp_path: Path):
    with stating("https://example.org/t.csv", tmp_path) as release:
        result = get("book", "--release", release, home=tmp_path)

    assert result.exit_code == failures.NOT_FOUND
    assert "'a book' states no file to download" in result.stderr

"""``pharmakon get SOURCE``: from its publisher to where a build finds it, with its licence."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from pharmakon import datasets, releases
from pharmakon.errors import LoadError, RemoteError
from pharmakon.importers import IMPORTERS, Importer, Table
from pharmakon.importers.rows import opened
from pharmakon_server.cli import failures, program

from .shared_data import SHARED, require
from .test_get import CONTENT, DIGEST, Behaviour, get, record, serving
from .test_importers import SAMPLES

LICENCES = ("https://opendatacommons.org/licenses/odbl/1-0/",)

every = pytest.mark.parametrize("importer", IMPORTERS.values(), ids=list(IMPORTERS))
pinned = pytest.mark.parametrize(
    ("importer", "table"),
    [
        pytest.param(one, table, id=f"{one.name}-{table.name}")
        for one in IMPORTERS.values()
        for table in one.tables
        if table.sha256
    ],
)


def source(*tables: Table, by_hand: str = "") -> Importer:
    """A source with such files."""
    return Importer(
        name="made-up",
        title="A made-up source",
        description="Nothing.",
        publisher="Nobody",
        release="2026",
        licences=LICENCES,
        homepage="https://example.org/made-up",
        folder="made_up",
        tables=tables,
        by_hand=by_hand,
    )


def table(name: str, url: str = "", member: str = "", sha256: str = "") -> Table:
    """A file of a source, of which nothing is read here."""
    return Table(name, lambda file: iter(()), lambda row: (), url, member, sha256)


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of the made-up source go, for a user whose home is ``tmp_path``."""
    return tmp_path / "pharmakon" / "sources" / "made_up"


@contextmanager
def known(importer: Importer) -> Iterator[None]:
    """Have a source among those that can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(IMPORTERS, importer.name, importer)
        yield


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


# ── What is known of the sources ─────────────────────────────────────────────


@every
def test_a_source_has_an_address_or_says_what_to_do(importer: Importer):
    without = [one.name for one in importer.tables if not one.url]

    assert bool(without) == bool(importer.by_hand), f"{importer.name}: give url, or by_hand"
    for one in importer.tables:
        assert one.url.startswith("https://") or not one.url, one.name
        assert one.url or not (one.member or one.sha256), one.name
        assert re.fullmatch("([0-9a-f]{64})?", one.sha256), one.name


@pinned
def test_a_digest_is_that_of_the_published_file(importer: Importer, table: Table):
    with opened(require(SHARED / "data" / importer.folder), table.name) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]

    assert table.sha256 == found


# ── From the publisher to where a build looks ────────────────────────────────


def test_a_source_comes_with_its_licence_which_is_said_first(tmp_path: Path, folder: Path):
    with serving(Behaviour()) as url, known(source(table("rows.csv", url))):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        f"pharmakon: A made-up source (Nobody) is under ODbL 1.0 ({LICENCES[0]})\n"
    )
    assert names(folder) == ["rows.csv", "rows.csv.json"]
    assert (folder / "rows.csv").read_bytes() == CONTENT
    about = record(folder / "rows.csv")
    assert (about["sha256"], about["url"], about["licences"]) == (DIGEST, url, list(LICENCES))
    assert str(about["retrieved"]).endswith("+00:00")


def test_the_licence_is_said_although_nothing_comes(tmp_path: Path):
    with serving(Behaviour(status=503)) as url, known(source(table("rows.csv", url))):
        result = get("made-up", home=tmp_path)

    assert result.stderr.startswith("pharmakon: A made-up source (Nobody) is under ODbL 1.0")


@pytest.mark.parametrize("typed", ["made-up", "A MADE-UP source"])
def test_a_source_is_known_by_its_name_and_its_title(tmp_path: Path, folder: Path, typed: str):
    with serving(Behaviour()) as url, known(source(table("rows.csv", url))):
        assert get(typed, home=tmp_path).exit_code == 0

    assert (folder / "rows.csv").is_file()


def test_a_source_goes_where_it_is_told(tmp_path: Path):
    with serving(Behaviour()) as url, known(source(table("rows.csv", url))):
        get("made-up", "--output", str(tmp_path / "here"), home=tmp_path)

    assert names(tmp_path / "here") == ["rows.csv", "rows.csv.json"]


def test_a_build_reads_what_was_downloaded(tmp_path: Path, small_ontology: Path):
    real = IMPORTERS["drugbank-vocabulary"]
    sample = (SAMPLES / real.folder / real.tables[0].name).read_bytes()
    does = Behaviour(content=archive({"drugbank vocabulary.csv": sample}))
    with serving(does, "/all-drugbank-vocabulary") as url:
        here = dataclasses.replace(real.tables[0], url=url)
        with known(dataclasses.replace(real, tables=(here,))):
            got = get("drugbank-vocabulary", home=tmp_path)
    built = CliRunner().invoke(
        program,
        ["build", "--all-from", "--ontology", str(small_ontology), "--json"],
        env={"XDG_DATA_HOME": str(tmp_path)},
    )

    assert got.exit_code == 0, got.stderr
    assert built.exit_code == 0, built.stderr
    _, store = releases.open_release(Path(json.loads(built.stdout)["directory"]))
    assert store.ask("ASK { GRAPH graph:drugbank-vocabulary { ?drug a pk:Substance } }")


def test_a_build_of_what_was_never_downloaded_says_how(tmp_path: Path):
    result = CliRunner().invoke(
        program, ["build", "--all-from"], env={"XDG_DATA_HOME": str(tmp_path)}
    )

    assert result.exit_code == failures.USAGE
    assert "pharmakon get SOURCE" in result.stderr


def test_a_cut_download_goes_on_from_there(tmp_path: Path, folder: Path):
    does = Behaviour(cut=300_000)
    with serving(does) as url, known(source(table("rows.csv", url, sha256=DIGEST))):
        cut = get("made-up", home=tmp_path)
        does.cut = None
        again = get("made-up", home=tmp_path)

    assert cut.exit_code == failures.NETWORK
    assert "it goes on from there" in cut.stderr
    assert again.exit_code == 0, again.stderr
    assert does.asked[1]["Range"].startswith("bytes=")
    assert (folder / "rows.csv").read_bytes() == CONTENT
    assert names(folder) == ["rows.csv", "rows.csv.json"]


def test_a_file_with_another_digest_is_thrown_away(tmp_path: Path, folder: Path):
    with (
        serving(Behaviour(content=b"other")) as url,
        known(source(table("rows.csv", url, sha256=DIGEST))),
    ):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert f"where {DIGEST} was expected" in result.stderr
    assert names(folder) == []


def test_a_file_that_is_not_there_any_more_is_got_by_hand(tmp_path: Path, folder: Path):
    with serving(Behaviour(status=404)) as url, known(source(table("rows.csv", url))):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == failures.NETWORK
    assert "the server answered 404" in result.stderr
    assert f"get rows.csv by hand from https://example.org/made-up, and put it into {folder}" in (
        result.stderr
    )


def test_a_long_address_is_not_said_whole(tmp_path: Path):
    path = f"/sparql?query={'x' * 500}"
    with serving(Behaviour(status=500), path) as url, pytest.raises(RemoteError) as caught:
        datasets.fetch(datasets.remotes(source(table("rows.csv", url)))[0], tmp_path)

    assert "x" * 130 not in str(caught.value)


# ── Archives ─────────────────────────────────────────────────────────────────


def test_the_files_of_an_archive_are_fetched_at_once(tmp_path: Path, folder: Path):
    does = Behaviour(content=archive({"rrf/A.RRF": b"a" * 999, "rrf/B.RRF": b"b", "readme": b""}))
    with serving(does, "/all.zip") as url:
        two = (table("A.RRF", url, "rrf/A.RRF"), table("B.RRF", url, "rrf/B.RRF"))
        with known(source(*two)):
            first = get("made-up", "--json", home=tmp_path)
            again = get("made-up", "--json", home=tmp_path)

    assert first.exit_code == 0, first.stderr
    assert len(does.asked) == 1
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert names(folder) == ["A.RRF", "A.RRF.json", "B.RRF", "B.RRF.json"]
    assert (folder / "A.RRF").read_bytes() == b"a" * 999
    about = record(folder / "A.RRF")
    assert (about["member"], about["bytes"], about["url"]) == ("rrf/A.RRF", 999, url)
    assert about["sha256"] == hashlib.sha256(b"a" * 999).hexdigest()
    assert about["licences"] == list(LICENCES)


def test_a_file_of_an_archive_that_was_changed_here_is_fetched_again(tmp_path: Path):
    does = Behaviour(content=archive({"a.csv": b"published"}))
    with serving(does, "/all.zip") as url:
        (remote,) = datasets.remotes(source(table("a.csv", url, "a.csv")))
        datasets.fetch(remote, tmp_path)
        (tmp_path / "a.csv").write_bytes(b"changed")
        datasets.fetch(remote, tmp_path)

    assert (tmp_path / "a.csv").read_bytes() == b"published"


def test_a_cut_archive_goes_on_from_there(tmp_path: Path):
    packed = archive({"a.csv": CONTENT})
    does = Behaviour(content=packed, cut=len(packed) // 2)
    with serving(does, "/all.zip") as url:
        (remote,) = datasets.remotes(source(table("a.csv", url, "a.csv")))
        with pytest.raises(RemoteError, match="it goes on from there"):
            datasets.fetch(remote, tmp_path)
        does.cut = None
        datasets.fetch(remote, tmp_path)

    assert does.asked[1]["Range"].startswith("bytes=")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "called",
    ["Names_2026.txt", "Names_/../../../evil.txt", "Names_/etc/evil.txt", "Names_\\..\\evil.txt"],
)
def test_no_archive_can_name_a_file_elsewhere(tmp_path: Path, called: str):
    home = tmp_path / "in" / "here"
    does = Behaviour(content=archive({called: b"rows", "other.txt": b""}))
    with serving(does, "/all.zip") as url:
        (remote,) = datasets.remotes(source(table("names.txt", url, "Names_*.txt")))
        datasets.fetch(remote, home)

    files = {one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*") if one.is_file()}
    assert files == {"in/here/names.txt", "in/here/names.txt.json"}
    assert (home / "names.txt").read_bytes() == b"rows"


def _damaged() -> bytes:
    """An archive whose one member is not what its checksum says."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.csv", b"published")
    return out.getvalue().replace(b"published", b"publishes")


BROKEN: dict[str, tuple[bytes, str]] = {
    "it is no archive": (b"<html>Please log in</html>", "no zip archive that can be read"),
    "it is cut": (archive({"a.csv": CONTENT})[:-40], "no zip archive that can be read"),
    "its member is damaged": (_damaged(), "no zip archive that can be read"),
    "it has no such member": (archive({"b.csv": b""}), "0 files called 'a*.csv'"),
    "it has several": (archive({"a1.csv": b"", "a2.csv": b""}), "2 files called 'a*.csv'"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_an_archive_that_is_broken_is_no_file(tmp_path: Path, content: bytes, said: str):
    with serving(Behaviour(content=content), "/all.zip") as url:
        (remote,) = datasets.remotes(source(table("a.csv", url, "a*.csv")))
        with pytest.raises(LoadError, match=re.escape(said)):
            datasets.fetch(remote, tmp_path)

    assert names(tmp_path) == []


# ── What no publisher serves ─────────────────────────────────────────────────


def test_a_source_without_an_address_says_what_to_do(tmp_path: Path, folder: Path):
    with known(source(table("a.csv"), table("b.csv"), by_hand="copy it out of the book")):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == failures.NOT_FOUND
    assert "is under ODbL 1.0" in result.stderr
    assert (
        f"put a.csv and b.csv of A made-up source into {folder} by hand: copy it out of the book "
        "(https://example.org/made-up)"
    ) in result.stderr


def test_what_has_an_address_comes_all_the_same(tmp_path: Path, folder: Path):
    with (
        serving(Behaviour()) as url,
        known(source(table("a.csv", url), table("b.csv"), by_hand="copy it")),
    ):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == failures.NOT_FOUND
    assert f"put b.csv of A made-up source into {folder} by hand" in result.stderr
    assert (folder / "a.csv").read_bytes() == CONTENT


def test_what_was_put_there_by_hand_is_enough(tmp_path: Path, folder: Path):
    folder.mkdir(parents=True)
    (folder / "a.csv.gz").write_bytes(b"")
    with known(source(table("a.csv"), by_hand="copy it")):
        result = get("made-up", home=tmp_path)

    assert result.exit_code == 0, result.stderr


def test_a_source_that_nobody_knows_has_its_neighbours_named(tmp_path: Path):
    result = get("drugcentrol", "--release", "packaged", home=tmp_path)

    assert result.exit_code == failures.NOT_FOUND
    assert "'drugcentral'" in result.stderr


# ── The list ─────────────────────────────────────────────────────────────────


def test_the_sources_are_listed_with_what_is_downloaded(tmp_path: Path):
    real = IMPORTERS["cpic"]
    there = tmp_path / "pharmakon" / "sources" / real.folder
    there.mkdir(parents=True)
    (there / "drug.sql.gz").write_bytes(b"")

    result = get("--release", "packaged", "--json", home=tmp_path)

    found = {one["source"]: one for one in json.loads(result.stdout)}
    assert set(IMPORTERS) <= set(found)
    assert found["cpic"] == {
        "source": "cpic",
        "label": real.title,
        "licences": list(real.licences),
        "downloaded": "yes",
        "url": real.homepage,
    }
    assert found["fda-ndc"]["downloaded"] == "no"
    assert found["gtopdb"]["downloaded"] == "by hand"


def test_the_list_is_drawn_with_the_names_of_licences(tmp_path: Path):
    drawn = get("--release", "packaged", "--format", "table", home=tmp_path).stdout

    assert re.search(r"^drugcentral +DrugCentral +CC BY 4.0 +no *$", drawn, re.M)
    assert "ODbL 1.0, CC BY-SA 4.0" in drawn
    assert re.search(r"^statements .* not stated +by hand *$", drawn, re.M)

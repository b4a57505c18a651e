"""A release is whole or it is not there, and a damaged one says what is wrong with it."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pharmakon
from pharmakon import KnowledgeGraph, build, releases
from pharmakon.errors import ReleaseError


@pytest.fixture(scope="module")
def release(graph: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return releases.write(graph.store, tmp_path_factory.mktemp("releases"))


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(release, tmp_path / release.name))


def test_a_release_holds_what_the_store_held(graph: KnowledgeGraph, release: Path):
    opened = pharmakon.open(release)

    assert len(opened.store) == len(graph.store)
    assert opened.release == graph.release
    assert opened["naltrexone"] == graph["naltrexone"]


def test_the_id_of_a_release_is_the_digest_of_its_content(graph: KnowledgeGraph, release: Path):
    manifest = json.loads((release / releases.MANIFEST).read_text("utf-8"))

    assert manifest["id"] == releases.identify(graph.store)
    assert manifest["files"]["graph.nq"]["sha256"] == manifest["id"]
    assert release.name == manifest["id"][:16]


def test_the_same_content_gives_the_same_bytes(graph: KnowledgeGraph):
    assert build.assemble().dump() == graph.store.dump()


def test_writing_a_release_twice_changes_nothing(graph: KnowledgeGraph, release: Path):
    before = sorted((path, path.stat().st_mtime_ns) for path in release.rglob("*"))

    again = releases.write(graph.store, release.parent)

    assert again == release
    assert sorted((path, path.stat().st_mtime_ns) for path in release.rglob("*")) == before
    assert [path.name for path in release.parent.iterdir()] == [release.name]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _store_file(release: Path) -> Path:
    return max((release / "store").iterdir(), key=lambda path: path.stat().st_size)


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("a file changed", lambda r: _flip(r / "graph.nq"), "graph.nq: the file is not what"),
    ("the store changed", lambda r: _flip(_store_file(r)), "the file is not what the manifest"),
    ("a file cut", lambda r: os.truncate(r / "graph.nq", 100), "graph.nq: the file is not what"),
    ("a file gone", lambda r: (r / "graph.nq").unlink(), "graph.nq: the file is missing"),
    (
        "an index cut",
        lambda r: os.truncate(r / "names" / "meta.json", 9),
        "meta.json: the file is not",
    ),
    ("no manifest", lambda r: (r / releases.MANIFEST).unlink(), "there is no release here"),
    ("a cut manifest", lambda r: os.truncate(r / releases.MANIFEST, 50), "this is not a manifest"),
    (
        "a manifest of another kind",
        lambda r: (r / releases.MANIFEST).write_text("[]"),
        "this is not a manifest",
    ),
    (
        "a later format",
        lambda r: (r / releases.MANIFEST).write_text(
            json.dumps(json.loads((r / releases.MANIFEST).read_text()) | {"format": 99})
        ),
        "has format 99",
    ),
]


@pytest.mark.parametrize(
    ("damage", "message"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES]
)
def test_a_damaged_release_says_what_is_wrong_and_what_to_do(
    copy: Path, damage: Callable[[Path], object], message: str
):
    damage(copy)

    with pytest.raises(ReleaseError, match=message) as caught:
        pharmakon.open(copy)

    assert "pharmakon build" in str(caught.value)


def test_a_release_that_was_compared_is_not_read_whole_again(
    copy: Path, monkeypatch: pytest.MonkeyPatch
):
    pharmakon.open(copy)
    monkeypatch.setattr(releases, "_digest", lambda path: pytest.fail(f"{path} is read"))

    assert len(pharmakon.open(copy).store) > 0


def test_damage_after_it_was_compared_is_found_though_size_and_time_are_the_same(copy: Path):
    pharmakon.open(copy)
    path = copy / "graph.nq"
    before = path.stat()
    _flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(ReleaseError, match=r"graph\.nq: the file is not what"):
        pharmakon.open(copy)


def test_building_again_mends_a_damaged_release(graph: KnowledgeGraph, copy: Path):
    _flip(copy / "graph.nq")

    mended = releases.write(graph.store, copy.parent)

    assert mended == copy
    assert pharmakon.open(copy).release == graph.release
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_what_a_killed_build_left_is_no_release_and_goes(graph: KnowledgeGraph, copy: Path):
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    left = copy.parent / f".building-{int(gone.stdout)}-x"
    left.mkdir()
    (copy / releases.MANIFEST).rename(left / releases.MANIFEST)

    assert releases.newest(copy.parent) is None
    releases.write(graph.store, copy.parent)
    assert not left.exists()


def test_a_folder_that_is_no_release_is_named(tmp_path: Path):
    with pytest.raises(ReleaseError, match="there is no release here"):
        pharmakon.open(tmp_path)


def test_a_full_disk_leaves_what_was_there(graph: KnowledgeGraph, tmp_path: Path):
    """A limit on the size of files stands in for a disk without room: writing fails alike."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pharmakon import build, releases\n"
        "store = build.assemble()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    releases.write(store, Path(sys.argv[1]))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    assert resource.RLIMIT_FSIZE is not None
    (tmp_path / "kept").mkdir()

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("ReleaseError"), done.stdout + done.stderr
    assert "what was there before is untouched" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_build_that_is_killed_leaves_no_release(tmp_path: Path):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pharmakon import build, releases\n"
        "store = build.assemble()\n"
        "print('writing', flush=True)\n"
        "releases.write(store, Path(sys.argv[1]))\n"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.005)
        process.send_signal(signal.SIGKILL)

    found = releases.newest(tmp_path)
    assert found is None or pharmakon.open(found)


def test_the_newest_release_of_a_folder_is_found(release: Path, tmp_path: Path):
    assert releases.newest(release.parent) == release
    assert releases.newest(tmp_path) is None

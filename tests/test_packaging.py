"""What is installed has the project's names and no others, and carries its data with it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import urllib.request
from importlib.metadata import distribution
from itertools import takewhile
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from pharmakon import KnowledgeGraph, ontology, queries

ROOT = Path(__file__).parents[1]
FOLDERS = ("graph", "ontology", "queries", "server", "tests", "bench")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_the_repository_is_not_a_module(folder: str):
    found = importlib.util.find_spec(folder)

    assert found is None or found.origin is None, f"{folder} is importable from {found.origin}"


def test_the_installed_names_are_those_of_the_project():
    top = {file.parts[0] for file in distribution("pharmakon").files or []}

    assert top
    assert not top & {*FOLDERS, "data", "pharmakon.py"}


def test_the_data_is_found():
    assert ontology.vocabulary()
    assert ontology.shapes()
    assert ontology.rules()
    assert ontology.knowledge()
    assert ontology.mapping_sets()
    assert queries.names()


# ── The wheel ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.fail("hatchling builds the wheel; install it: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def held(wheel: Path) -> set[PurePosixPath]:
    """The files in the wheel."""
    with ZipFile(wheel) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


def test_a_wheel_holds_the_two_packages_and_nothing_else(held: set[PurePosixPath]):
    top = {path.parts[0] for path in held}
    info = {name for name in top if name.endswith(".dist-info")}

    assert top - info == {"pharmakon", "pharmakon_server"}
    assert len(info) == 1


def test_a_wheel_holds_every_file_of_the_data(held: set[PurePosixPath]):
    expected = {
        PurePosixPath("pharmakon/data", path.relative_to(ROOT).as_posix())
        for folder in ("ontology", "queries")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }

    assert {path for path in held if path.is_relative_to("pharmakon/data")} == expected


def test_a_wheel_holds_what_the_packages_need_beside_their_code(held: set[PurePosixPath]):
    names = {path.as_posix() for path in held}
    beside = [
        path.relative_to(ROOT / "server").as_posix()
        for folder in ("templates", "static")
        for path in (ROOT / "server/pharmakon_server" / folder).rglob("*")
        if path.is_file()
    ]

    assert beside
    assert {"pharmakon/py.typed", "pharmakon_server/py.typed", *beside} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_a_wheel_holds_both_licences(held: set[PurePosixPath]):
    licences = {path.as_posix() for path in held if "licenses" in path.parts}

    assert {name.partition("/licenses/")[2] for name in licences} == {"LICENSE", "ontology/LICENSE"}


def test_a_wheel_has_the_command(wheel: Path):
    with ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("entry_points.txt")]
        text = archive.read(name).decode()

    assert text.split() == ["[console_scripts]", "pharmakon", "=", "pharmakon_server.cli:main"]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked where no checkout is near."""
    site = tmp_path_factory.mktemp("site")
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def environment(site: Path) -> dict[str, str]:
    """Variables with which the unpacked wheel is found before everything else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHARMAKON_")}
    return kept | {"PYTHONPATH": str(site), "XDG_DATA_HOME": str(site / "none")}


COMMAND = "import sys; from pharmakon_server.cli import main; sys.exit(main())"


def run(site: Path, code: str, *arguments: str) -> str:
    """What a program prints that has the unpacked wheel, far from the checkout."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, *arguments],
        cwd=site.parent,
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_unpacked_wheel_opens_the_same_graph(unpacked: Path, graph: KnowledgeGraph):
    code = (
        "import pharmakon, pharmakon_server; kg = pharmakon.open();"
        "print(pharmakon.__file__); print(pharmakon_server.__file__);"
        "print(repr(kg)); print(len(kg.named('substance_uses', substance='naltrexone')))"
    )

    library, server, opened, uses = run(unpacked, code).splitlines()

    assert Path(library).is_relative_to(unpacked)
    assert Path(server).is_relative_to(unpacked)
    assert opened == repr(graph)
    assert int(uses) == len(graph.named("substance_uses", substance="naltrexone"))


def test_an_unpacked_wheel_answers_on_the_command_line(unpacked: Path):
    printed = run(unpacked, COMMAND, "query", "antagonists", "--target", "mu-opioid-receptor")

    assert "substance:naltrexone\tnaltrexone\tantagonist" in printed


def test_an_unpacked_wheel_serves_pages_and_queries(unpacked: Path):
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", COMMAND, "serve", "--port", "0"],
        cwd=unpacked.parent,
        env=environment(unpacked) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout
            greeting = "".join(takewhile(lambda line: "stops" not in line, server.stdout))
            base = re.findall(r"http://[^/]+", greeting)[0]
            page = fetch(f"{base}/substance/naltrexone", "text/html")
            answer = fetch(f"{base}/sparql?query=ASK%20%7B%7D", "application/sparql-results+json")
        finally:
            server.terminate()

    assert "<h1" in page
    assert '"boolean":true' in answer.replace(" ", "")


def fetch(address: str, accept: str) -> str:
    """What a server on this machine answers."""
    request = urllib.request.Request(address, headers={"Accept": accept})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return response.read().decode()

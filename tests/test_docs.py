"""What the documents show is what happens.

Every block of README.md and CONTRIBUTING.md is run. In a ``console`` block, lines that start
with ``$`` are commands, and the rest is what a terminal of 80 columns shows; ``...`` stands
for any text, and on a line of its own for any lines. A ``sparql`` block is followed by the
table of its answer. A ``python`` block is a session. A ``turtle`` block holds triples of the
packaged graph. A failure prints the block as it should be: paste it.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import walk_packages

import pyoxigraph as ox
import pytest

import pharmakon
import pharmakon_server
from pharmakon import PREFIXES, KnowledgeGraph
from pharmakon.tables import Table

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/endpoint.md")

MODULES = [
    found.name
    for package in (pharmakon, pharmakon_server)
    for found in walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__")
]


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str
    after: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@cache
def blocks(*languages: str) -> list[Block]:
    """The blocks of the documents in one of some languages; of all where none is given."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        for match in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```\n", text, re.M | re.S):
            line = text.count("\n", 0, match.start()) + 1
            inner = re.sub(rf"^{match[1]}", "", match[3], flags=re.M)
            block = Block(document, line, match[2], inner, text[match.end() :])
            if not languages or block.language in languages:
                found.append(block)
    return found


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who has built nothing, on a terminal of 80 columns without colours."""
    for name in list(os.environ):
        if name.startswith("PHARMAKON_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHONUTF8", "1")


# ── Docstrings ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str):
    result = doctest.testmod(importlib.import_module(name))

    assert result.failed == 0, f"{name}: the captured output says which example"


# ── Documents ────────────────────────────────────────────────────────────────


def test_every_block_says_what_it_is():
    unknown = [str(one) for one in blocks() if one.language not in CHECKED]

    assert not unknown, f"{unknown}: a block is one of {', '.join(CHECKED)}"


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_a_terminal_shows_what_is_printed(block: Block, tmp_path: Path):
    with Session(tmp_path) as session:
        found = [
            (command, expected, session.output(command)) for command, expected in commands(block)
        ]
    shown = "".join(f"$ {command}\n{printed}" for command, _, printed in found)

    for _, expected, printed in found:
        assert fits(expected, printed), f"{block}: replace the block by\n{shown}"


@pytest.mark.parametrize("block", blocks("sparql"), ids=str)
def test_a_query_has_the_answer_that_is_printed(graph: KnowledgeGraph, block: Block):
    printed = re.match(r"\n*((?:\|.*\|\n)+)", block.after)
    answer = table(graph.query(block.text))

    assert printed, f"{block}: put its answer under it\n{answer}"
    assert cells(printed[1]) == cells(answer), f"{block}: replace the table by\n{answer}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_session_goes_as_it_is_printed(document: str):
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    for block in blocks("python"):
        if block.document == document:
            test = doctest.DocTestParser().get_doctest(
                block.text, names, document, str(ROOT / document), block.line
            )
            runner.run(test, out=said.append, clear_globs=False)
            names = test.globs

    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("block", blocks("turtle"), ids=str)
def test_a_fact_that_is_printed_is_in_the_graph(graph: KnowledgeGraph, block: Block):
    text = "".join(f"@prefix {name}: <{base}> .\n" for name, base in printed_prefixes().items())
    triples = list(ox.parse(text + block.text, format=ox.RdfFormat.TURTLE))
    ask = " . ".join(f"{one.subject} {one.predicate} {one.object}" for one in triples)

    assert triples
    assert graph.store.ask(f"ASK {{ {ask} }}"), f"{block}: the graph does not say so any more"


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_file_that_is_named_exists(document: str):
    text = (ROOT / document).read_text("utf-8")
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)
    named = re.findall(r"`((?:ontology|queries|graph|server|tests|bench|docs)/[^`*]*)`", text)
    # A name in capitals is for the reader to choose.
    plain_names = [name for name in named if not re.search(r"\b[A-Z]{3,}\b", name)]

    missing = [name for name in [*linked, *plain_names] if not (ROOT / name).exists()]

    assert not missing, f"{document} names {missing}, which do not exist"


def test_the_readme_tells_what_each_folder_holds():
    text = (ROOT / "README.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z]+)/` \|", text, re.M))
    tracked = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a checkout: what is tracked is not known")
    folders = {
        name.partition("/")[0]
        for name in tracked.stdout.splitlines()
        if "/" in name and not name.startswith(".")
    }

    assert folders <= told, f"README.md: tell what {sorted(folders - told)} holds"


def test_the_readme_says_that_it_is_no_advice():
    text = (ROOT / "README.md").read_text("utf-8")

    assert "not medical advice" in " ".join(text.split())


def test_the_changelog_speaks_to_each_reader():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = re.findall(r"^### (.+)$", text, re.M)

    assert sections
    assert set(sections) <= {"Ontology", "Data", "Queries", "Library", "Server"}


# ── Commands ─────────────────────────────────────────────────────────────────


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a block, each with what is printed under it."""
    return [
        (command, expected)
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.M)
    ]


@dataclass
class Session:
    """A terminal in a folder of its own, and the server that was started in it, if one was."""

    folder: Path
    server: subprocess.Popen[str] | None = None
    address: str = ""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.communicate(timeout=10)

    def output(self, command: str) -> str:
        """What a command prints, or the empty string for one that is only looked up."""
        match shlex.split(command, comments=True):
            case ["pharmakon", "serve", *options]:
                return self.serve(options)
            case ["curl" | "python3", *_]:
                done = subprocess.run(  # noqa: S603 - what a document of ours says
                    ["bash", "-c", command.replace(USUAL, self.address)],  # noqa: S607
                    cwd=self.folder,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                return "".join(f"{line}\n" for line in done.stdout.splitlines())
        return output(command)

    def serve(self, options: list[str]) -> str:
        """What ``pharmakon serve`` prints, as if it were at its usual port."""
        assert self.server is None, "one server to a block"
        self.server = subprocess.Popen(  # noqa: S603 - what a document of ours says
            ["pharmakon", "serve", "--port", "0", *options],  # noqa: S607
            cwd=self.folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.server.stdout
        shown = "".join(until_ready(self.server.stdout))
        self.address = re.findall(r"http://(127\.0\.0\.1:\d+)/", shown)[0]
        return shown.replace(self.address, USUAL)


#: Where a server is unless it is told otherwise.
USUAL = "127.0.0.1:8080"


@cache
def output(command: str) -> str:
    """What a command prints that needs no server, or the empty string."""
    words = shlex.split(command, comments=True)
    match words:
        case ["make", *targets]:
            known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
            assert set(targets) <= set(known), f"the Makefile has no {targets}"
            return ""
        case ["pip", "install", "." | "'.[test]'" | ".[test]"]:
            assert (ROOT / "pyproject.toml").is_file()
            return ""
        case ["git", *_]:
            return ""
        case ["pharmakon", *_]:
            return terminal(words)
    raise AssertionError(f"it is not known how to check the command {command!r}")


def terminal(words: list[str]) -> str:
    """What a terminal shows of a command, without the space at the ends of lines."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603
        words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        read = b""
        # Linux tells of the end of a terminal by an error.
        with contextlib.suppress(OSError):
            while more := os.read(ours, 65536):
                read += more
    os.close(ours)
    return "".join(f"{line.rstrip()}\n" for line in read.decode().splitlines())


def until_ready(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if "Ctrl-C" in line:
            return


def fits(expected: str, found: str) -> bool:
    """Whether an output is the one printed; ``...`` stands for any text, or for any lines."""
    lines = [re.escape(part) for part in re.split(r"^\.\.\.\n", expected, flags=re.M)]
    pattern = "(?:.*\n)*?".join(line.replace(re.escape("..."), ".*") for line in lines)
    return re.fullmatch(pattern, found) is not None


# ── Tables ───────────────────────────────────────────────────────────────────


def table(found: Table) -> str:
    """An answer as a table of Markdown, its columns in the order of the query."""
    columns = re.findall(r"\?(\w+)", found.sparql.partition("WHERE")[0])
    rows = [[str(row.get(name, "")) for name in columns] for row in found.to_dicts()]
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(text: str) -> list[list[str]]:
    """A table of Markdown without its ruler, and without the space around what is in it."""
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines()]
    return [line for line in lines if not all(set(cell) <= set("-: ") for cell in line)]


def printed_prefixes() -> dict[str, str]:
    """The prefixes that need no declaration, and those of the evidence of each source."""
    evidence = (ROOT / "ontology/knowledge/sources").glob("*.ttl")
    declared = [
        found
        for path in evidence
        for found in re.findall(r"^@prefix (\w+): <([^>]+#)> \.$", path.read_text("utf-8"), re.M)
    ]
    return dict(declared) | PREFIXES


CHECKED = ("console", "sparql", "python", "turtle")

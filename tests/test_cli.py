"""The command line: every command, every form, every way to end."""

# Processes of our own, and answers of our own: nothing here comes from outside.
# ruff: noqa: S310, S314, S603, S607

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result

import pharmakon
from pharmakon import (
    KnowledgeGraph,
    errors,
    knowledge_graph,
    namespaces,
    queries,
    releases,
)
from pharmakon.stores import OxigraphStore
from pharmakon_server.cli import failures, marks, program
from pharmakon_server.cli.command import Command, Program, shared

from .serving import answering

#: The commands of the contract.
COMMANDS = (
    *("serve", "build", "query", "show", "search", "path", "compare", "interactions"),
    *("draft", "export", "get", "sources", "stats", "validate"),
)

NEGATIVE = "statement:naltrexone-opioid-withdrawal-non-indication"

Run = Callable[..., Result]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which this user has no release of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHARMAKON")}
    return kept | {"XDG_DATA_HOME": str(tmp_path / "data"), "COLUMNS": "120"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs a command line in this process."""
    cleared = dict.fromkeys((n for n in os.environ if n.startswith("PHARMAKON")), None)

    def invoke(*args: str, stdin: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(program, args, input=stdin, env=cleared | environment | env)

    return invoke


@pytest.fixture(scope="module")
def release(graph: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the packaged graph."""
    assert isinstance(graph.store, OxigraphStore)
    return releases.write(graph.store, tmp_path_factory.mktemp("releases"))


def spawn(*args: str) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-m", "pharmakon_server.cli", *args]


def process(
    *args: str, env: dict[str, str], **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own, to its end."""
    return subprocess.run(
        spawn(*args), env=env, text=True, capture_output=True, timeout=60, check=False, **settings
    )


def walk(command: click.Command, path: str = "pharmakon") -> Iterator[tuple[str, click.Command]]:
    """Yield the program and each of its commands, by command line."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, f"{path} {name}")


def examples() -> list[str]:
    """Return every example of every help text, as it is printed there."""
    return [line for _, one in walk(program) for line, _ in getattr(one, "examples", ())]


# ── Help ─────────────────────────────────────────────────────────────────────


def test_the_commands_are_those_of_the_contract():
    assert set(program.commands) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_and_an_example(run: Run, name: str):
    result = run(name, "--help")

    assert result.exit_code == 0
    help_text = program.commands[name].help or ""
    assert help_text.splitlines()[0].endswith("."), f"{name}: the summary is one sentence"
    assert f"\n  pharmakon {name}" in result.stdout, f"{name}: give examples=… to its decorator"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_shown_whole_in_the_list_of_commands(run: Run, name: str):
    listed = run("--help").stdout

    line = next(line for line in listed.splitlines() if line.startswith(f"  {name} "))
    assert not line.endswith("..."), f"shorten the first line of the help of {name!r}: {line}"


READING = ("show", "search", "path", "compare", "interactions", "query", "sources")

#: What needs a release with datasets: `test_merge.py` runs it.
MERGED = "pharmakon sources why"


@pytest.mark.parametrize(
    "line",
    [e for e in examples() if shlex.split(e)[1] in READING and not e.startswith(MERGED)],
)
def test_an_example_that_reads_the_graph_works(run: Run, line: str, tmp_path: Path):
    words = shlex.split(line.partition(" | ")[0].partition(" < ")[0])[1:]
    (tmp_path / "question.rq").write_text("SELECT ?s { ?s a pk:Substance } LIMIT 1")
    words = [str(tmp_path / word) if word == "question.rq" else word for word in words]

    result = run(*words, stdin="ASK { ?s a pk:Substance }")

    assert result.exit_code == 0, f"{line}: {result.stderr}"
    assert result.stdout


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS)], ids=lambda a: " ".join(a))
def test_help_imports_nothing_but_click(args: tuple[str, ...], environment: dict[str, str]):
    heavy = [
        "flask",
        "rdflib",
        "networkx",
        "pyoxigraph",
        "rich",
        "pyshacl",
        "granian",
        "uvloop",
        "pharmakon",
    ]
    script = (
        "import sys\n"
        "from pharmakon_server.cli import main\n"
        f"sys.argv = ['pharmakon', *{args!r}, '--help']\n"
        "try:\n    main()\n"
        f"finally:\n    print([n for n in {heavy!r} if n in sys.modules], file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, text=True, capture_output=True, check=True
    )

    assert done.stdout.startswith("Usage: pharmakon")
    assert done.stderr.strip() == "[]", "import it where it is used, not at the top of a module"


def test_the_version_is_that_of_the_package(run: Run):
    assert re.fullmatch(r"pharmakon \d+\.\d+\.\d+\n", run("--version").stdout)


# ── How a run ends ───────────────────────────────────────────────────────────

#: A command line, its exit code, and words that stderr must have.
ENDINGS: list[tuple[str, int, str]] = [
    ("show naltrexone", failures.FINE, ""),
    ("", failures.USAGE, "Commands:"),
    ("sho naltrexone", failures.USAGE, "did you mean 'show'?"),
    ("show", failures.USAGE, "Try 'pharmakon show --help'"),
    ("show naltrexone --frobnicate", failures.USAGE, "--frobnicate"),
    ("--release x --endpoint http://localhost show a", failures.USAGE, "name two graphs"),
    ("--endpoint localhost show a", failures.USAGE, "http:// or https://"),
    ("--endpoint http:// show a", failures.USAGE, "http:// or https://"),
    ("compare naltrexone", failures.USAGE, "two things or more"),
    ("compare naltrexone substance:naltrexone", failures.USAGE, "two things or more"),
    ("interactions naltrexone", failures.USAGE, "two substances or more"),
    ("interactions naltrexone nausea", failures.NOT_FOUND, "no substance or product is called"),
    ("path naltrexone naltrexone", failures.USAGE, "give two things"),
    ("path naltrexone morphine --max 99", failures.USAGE, "--max"),
    ("query", failures.USAGE, "--list"),
    ("query -q 'ASK {}' substance_actions", failures.USAGE, "give one of"),
    ("query substance_actions --drug naltrexone", failures.USAGE, "--drug"),
    ("query -q 'ASK {}' --timeout 0", failures.USAGE, "--timeout"),
    ("query -q 'ASK {}' --format ttl", failures.USAGE, "--format is one of"),
    ("query -q 'CONSTRUCT {} {}' --format csv", failures.USAGE, "--format is one of"),
    ("query nowhere.rq", failures.USAGE, "nowhere.rq: No such file"),
    ("export naltrexone --format kgx -o x", failures.USAGE, "leave out the names"),
    ("export --format kgx", failures.USAGE, "-o DIR"),
    ("export naltrexone --format sssom", failures.USAGE, "leave out the names"),
    ("export naltrexone -o x.docx", failures.USAGE, "--format"),
    ("export naltrexone -o /nowhere/x.ttl", failures.USAGE, "/nowhere/x.ttl: No such file"),
    ("serve --port 70000", failures.USAGE, "--port"),
    ("serve --host 192.0.2.1 --port 0", failures.USAGE, "--host"),
    ("serve --writable data --port 0", failures.USAGE, "--token-file"),
    ("serve --writable data --token-file /dev/null --port 0", failures.USAGE, "at least 16"),
    ("serve --trusted-proxy nobody --port 0", failures.USAGE, "--trusted-proxy"),
    ("serve --allow-federation http://x/ --port 0", failures.USAGE, "--allow-federation"),
    ("validate --sources /nowhere", failures.USAGE, "/nowhere"),
    ("--release /nowhere show naltrexone", failures.NO_RELEASE, "there is no release here"),
    ("show naltrexon", failures.NOT_FOUND, "did you mean 'naltrexone'"),
    ("show naltrexon", failures.NOT_FOUND, 'pharmakon search "naltrexon"'),
    ("show statement:nothing", failures.NOT_FOUND, "no statement is called 'statement:nothing'"),
    ("path naltrexone morphin", failures.NOT_FOUND, "'morphine'"),
    ("compare naltrexone naloxon", failures.NOT_FOUND, "'naloxone'"),
    ("interactions naltrexone morphin", failures.NOT_FOUND, "'morphine'"),
    ("export naltrexon", failures.NOT_FOUND, "'naltrexone'"),
    ("search zzzzqqqq", failures.NOT_FOUND, "nothing is spelled like 'zzzzqqqq'"),
    ("search naltrexone --type target", failures.NOT_FOUND, "leave out --type"),
    ("query substance_action", failures.NOT_FOUND, "did you mean 'substance_actions'"),
    ("query substance_action", failures.NOT_FOUND, "pharmakon query --list"),
    ("query substance_actions --substance naltrexon", failures.NOT_FOUND, "'naltrexone'"),
    ("get nowhere", failures.NOT_FOUND, "no source is called 'nowhere'"),
    ("query -q 'SELEC ?s {}'", failures.BAD_QUERY, "line 1, column 1"),
    ("query -q 'ASK { SERVICE <http://127.0.0.1:9/> {} }'", failures.BAD_QUERY, "SERVICE"),
    ("query -q 'DROP ALL'", failures.BAD_QUERY, "pharmakon: "),
    ("get ftp://127.0.0.1/x", failures.NETWORK, "only http and https"),
    ("get file:///etc/passwd", failures.NETWORK, "only http and https"),
    ("get http://127.0.0.1:9/x", failures.NETWORK, "run the same again"),
    ("--endpoint http://127.0.0.1:9/ show naltrexone", failures.NETWORK, "127.0.0.1:9"),
]


@pytest.mark.parametrize(("line", "code", "words"), ENDINGS, ids=[e[0] for e in ENDINGS])
def test_a_run_ends_with_the_code_of_the_contract(run: Run, line: str, code: int, words: str):
    result = run(*shlex.split(line))

    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    if code and line:
        assert result.stderr.startswith("pharmakon: "), "say who speaks"


def test_a_query_is_ended_at_its_time_limit(run: Run):
    endless = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
    began = time.monotonic()

    result = run("query", "-q", endless, "--timeout", "0.4")

    assert result.exit_code == failures.TIME_LIMIT
    assert "0.4 s" in result.stderr
    assert "--timeout" in result.stderr
    assert time.monotonic() - began < 10


def test_every_error_of_the_library_has_a_code():
    left = set(errors.__all__) - {"PharmakonError"}
    known = {
        "AmbiguousNameError": (errors.AmbiguousNameError("x", ["a", "b"]), failures.NOT_FOUND),
        "LoadError": (errors.LoadError("x.ttl", 3, "bad"), failures.INVALID),
        "NotFoundError": (errors.NotFoundError("entity", "x"), failures.NOT_FOUND),
        "QueryBusyError": (errors.QueryBusyError("busy"), failures.TIME_LIMIT),
        "QueryError": (errors.QueryError("bad"), failures.BAD_QUERY),
        "QueryRefusedError": (errors.QueryRefusedError("no"), failures.BAD_QUERY),
        "QuerySyntaxError": (errors.QuerySyntaxError("no", 1, 1), failures.BAD_QUERY),
        "QueryTimeoutError": (errors.QueryTimeoutError(1), failures.TIME_LIMIT),
        "QueryTooComplexError": (errors.QueryTooComplexError("deep"), failures.BAD_QUERY),
        "QueryTooLargeError": (errors.QueryTooLargeError(9), failures.BAD_QUERY),
        "ReleaseError": (errors.ReleaseError("gone"), failures.NO_RELEASE),
        "RemoteError": (errors.RemoteError("gone"), failures.NETWORK),
        "ValidationError": (errors.ValidationError(["x"]), failures.INVALID),
    }
    assert left == set(known), "give the new error a code in failures.py, and a row here"

    for name, (error, code) in known.items():

        def fail(error: Exception = error) -> None:
            raise error

        assert failures.exit_code_of(fail, debug=lambda: False) == code, name


@pytest.fixture
def broken() -> Program:
    """A program with a command that has a bug."""

    def callback() -> None:
        raise KeyError("the bug")

    found = Program("pharmakon")
    found.add_command(Command("break", callback=callback))
    return found


def test_a_bug_is_one_line_that_says_how_to_report_it(broken: Program):
    result = CliRunner().invoke(broken, ["break"])

    assert result.exit_code == failures.BUG
    assert result.stderr.count("\n") == 1
    assert "KeyError: 'the bug' (test_cli.py:" in result.stderr
    assert "report" in result.stderr
    assert "--debug" in result.stderr


@pytest.mark.parametrize("args", [["--debug", "break"], ["break", "--debug"]])
def test_a_bug_shows_its_traceback_when_asked(broken: Program, args: list[str]):
    result = CliRunner().invoke(broken, args)

    assert result.exit_code == failures.BUG
    assert "Traceback (most recent call last)" in result.stderr


def test_whoever_reads_may_stop_reading(environment: dict[str, str]):
    line = f"{shlex.join(spawn('export', '--format', 'nq'))} | head -n 1"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "Error" not in done.stderr
    assert "Exception" not in done.stderr


# ── Which graph ──────────────────────────────────────────────────────────────


def test_a_release_is_named_before_the_command_or_after_it(run: Run, release: Path):
    before = run("--release", str(release), "search", "naltrexone")
    after = run("search", "naltrexone", "--release", str(release))

    assert before.exit_code == after.exit_code == 0
    assert before.stdout == after.stdout


def test_the_environment_names_a_release_and_the_command_line_comes_first(run: Run, release: Path):
    named = run("show", "naltrexone", PHARMAKON_RELEASE="/nowhere")
    overruled = run("--release", str(release), "show", "naltrexone", PHARMAKON_RELEASE="/nowhere")

    assert named.exit_code == failures.NO_RELEASE
    assert "/nowhere" in named.stderr
    assert overruled.exit_code == failures.FINE


def test_the_newest_build_of_the_user_is_asked_unless_told_otherwise(
    run: Run, release: Path, environment: dict[str, str]
):
    own = Path(environment["XDG_DATA_HOME"]) / "pharmakon" / "releases" / release.name
    shutil.copytree(release, own)
    (own / "graph.nq").unlink()

    assert run("show", "naltrexone").exit_code == failures.NO_RELEASE
    assert run("--release", "packaged", "show", "naltrexone").exit_code == failures.FINE


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte is flipped": lambda d: _flip(d / "graph.nq"),
    "a byte of the store is flipped": lambda d: _flip(max((d / "store").glob("*.sst"))),
    "a file is gone": lambda d: (d / "graph.nq").unlink(),
    "the manifest is cut": lambda d: os.truncate(d / "manifest.json", 40),
    "the manifest is gone": lambda d: (d / "manifest.json").unlink(),
    "the manifest is empty": lambda d: os.truncate(d / "manifest.json", 0),
    "the manifest is not text": lambda d: (d / "manifest.json").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("command", ["show naltrexone", "serve --port 0"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_release_is_not_asked(
    run: Run, release: Path, tmp_path: Path, damage: Callable[[Path], object], command: str
):
    copy = shutil.copytree(release, tmp_path / "copy")
    damage(copy)

    result = run("--release", str(copy), *command.split())

    assert result.exit_code == failures.NO_RELEASE, result.stderr
    assert result.stdout == ""
    assert str(copy) in result.stderr
    assert "pharmakon build" in result.stderr
    assert "Traceback" not in result.stderr


# ── Forms ────────────────────────────────────────────────────────────────────

ANSWERS = [
    "show naltrexone",
    f"show {NEGATIVE}",
    "search opioid",
    "path naltrexone morphine",
    "compare naltrexone naloxone",
    "interactions naltrexone morphine",
    "sources",
    "get",
    "query --list",
    "query substance_actions --substance naltrexone",
]


@pytest.mark.parametrize("line", ANSWERS)
def test_an_answer_in_a_pipe_is_tsv(run: Run, line: str):
    result = run(*shlex.split(line))

    rows = [row.split("\t") for row in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert {len(row) for row in rows} == {len(rows[0])}, "every row has every column"
    assert len(rows) > 1 or line == "get"


@pytest.mark.parametrize("line", ANSWERS)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_answer_is_json_when_asked(run: Run, line: str, before: bool):
    words = shlex.split(line)
    result = run("--json", *words) if before else run(*words, "--json")

    assert result.exit_code == 0
    json.loads(result.stdout)


@pytest.mark.parametrize("line", ANSWERS)
def test_an_answer_is_ascii_when_asked(run: Run, line: str):
    result = run(*shlex.split(line), "--format", "table", "--ascii")

    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert "?" not in re.sub(r"https?://\S+", "", result.stdout), "every sign has its letters"


@contextmanager
def terminal(*args: str, env: dict[str, str]) -> Iterator[str]:
    """Run a command line on a terminal of its own, and yield what is drawn there."""
    own, other = pty.openpty()
    with subprocess.Popen(
        spawn(*args), env=env, stdin=other, stdout=other, stderr=other
    ) as running:
        os.close(other)
        drawn = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and select.select([own], [], [], 30)[0]:
            try:
                part = os.read(own, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            drawn += part
        running.wait(30)
    os.close(own)
    yield drawn.decode()


def test_an_answer_on_a_terminal_is_a_table_in_colour(environment: dict[str, str]):
    env = {n: v for n, v in environment.items() if n != "NO_COLOR"} | {"TERM": "xterm-256color"}
    with terminal("search", "naltrexone", env=env) as drawn:
        assert "\x1b[" in drawn
        assert "● naltrexone" in drawn
        assert "\t" not in drawn


def test_no_color_is_heeded(environment: dict[str, str]):
    env = environment | {"TERM": "xterm-256color", "NO_COLOR": "1"}
    with terminal("search", "naltrexone", env=env) as drawn:
        assert "● naltrexone" in drawn
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", drawn), "no colour; bold may stay"


def test_progress_is_shown_on_a_terminal(environment: dict[str, str], small_ontology: Path):
    with terminal(
        "validate", "--ontology", str(small_ontology), env=environment | {"TERM": "xterm-256color"}
    ) as drawn:
        assert "validating" in drawn


def test_a_terminal_that_knows_ascii_only_gets_ascii(environment: dict[str, str]):
    env = environment | {"PYTHONIOENCODING": "ascii"}

    table = process("show", "naltrexone", "--format", "table", env=env)
    tsv = process("show", "naltrexone", env=env)

    assert table.returncode == tsv.returncode == 0, table.stderr + tsv.stderr
    assert "[T] mu-opioid receptor" in table.stdout


HOSTILE = """
@prefix pk: <https://w3id.org/pharmakon/ontology#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix substance: <https://w3id.org/pharmakon/substance/> .

substance:bad a pk:Substance ;
    rdfs:label "bad\\u001B]0;title\\u0007 [red]name\\tx"@en ;
    skos:definition "one\\u001B[2Jtwo\\nthree"@en .
"""


@pytest.mark.parametrize("form", ["table", "tsv", "json"])
@pytest.mark.parametrize("line", ["show substance:bad", "search bad", "show substance:baad"])
def test_no_label_can_move_the_cursor(run: Run, tmp_path: Path, form: str, line: str):
    inner = ox.Store()
    inner.load(HOSTILE, format=ox.RdfFormat.TURTLE, to_graph=namespaces.GRAPH["curated"])
    written = releases.write(OxigraphStore(inner), tmp_path)

    result = run(*line.split(), "--format", form, "--release", str(written))

    assert result.exit_code in (failures.FINE, failures.NOT_FOUND), result.stderr
    assert "\x1b" not in result.output
    assert "\x07" not in result.output


# ── show ─────────────────────────────────────────────────────────────────────


def block(drawn: str, heading: str) -> str:
    """Return the part of a card under a heading."""
    found = re.search(rf"^{re.escape(heading)}.*\n((?:.+\n)+)", drawn, re.MULTILINE)
    assert found, f"the card has no {heading!r}:\n{drawn}"
    return found[1]


def card(run: Run, *args: str) -> str:
    result = run("show", *args, "--format", "table")
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_card_has_what_a_reader_asks_first(run: Run):
    drawn = card(run, "naltrexone")

    assert drawn.startswith("● naltrexone  substance:naltrexone · ")
    assert "chebi:7465" in drawn
    assert re.search(r"■ +antagonist +⬢ μ-opioid receptor +established", drawn)
    assert "alcohol use disorder" in block(drawn, "used for")
    assert "nausea" in block(drawn, "side effects")
    assert "▣ Vivitrol" in block(drawn, "products and what is in them")
    assert "pharmakon show substance:naltrexone --all" in drawn


def test_a_no_stands_in_a_block_of_its_own_with_the_word_not(run: Run, graph: KnowledgeGraph):
    drawn = card(run, "naltrexone")
    negatives = block(drawn, "does NOT")

    section = graph["naltrexone"].negatives
    assert section is not None
    assert negatives.count(" NOT ") == len(section.statements), "none may be left out"
    assert "opioid withdrawal" in negatives
    assert "opioid withdrawal" not in block(drawn, "used for")


def test_a_disagreement_shows_both_sides_with_their_counts(run: Run, graph: KnowledgeGraph):
    section = graph["naltrexone"].contested
    assert section is not None

    drawn = " ".join(block(card(run, "naltrexone"), "sources disagree").split())

    assert drawn.count("≠") == len(section.statements)
    for one in section.statements:
        count = len({evidence.source.iri for evidence in one.disputes})
        assert f"against: {count} source" in drawn


def test_the_card_of_a_condition_says_whose_effect_it_is(run: Run, graph: KnowledgeGraph):
    drawn = " ".join(block(card(run, "nausea"), "side effects").split())

    section = next(one for one in graph["nausea"].sections if one.key == "side-effects")
    assert all(one.sentence in drawn for one in section.statements)


def test_an_inferred_statement_says_so(run: Run):
    assert "~ inferred" in card(run, "morphine")


def test_a_product_is_shown_with_its_substances_and_their_purpose(run: Run):
    drawn = card(run, "suboxone")

    assert "▣ Suboxone" in drawn
    inside = block(drawn, "products and what is in them")
    assert "● buprenorphine" in inside
    assert "● naloxone" in inside
    assert "abuse deterrent" in inside


def test_another_name_leads_to_the_thing(run: Run):
    assert card(run, "heroin").startswith("heroin → diamorphine (other name)")


@pytest.mark.parametrize(
    "words", [["naltrexone"], ["NALTREXONE"], ["chebi:7465"], ["substance:naltrexone"],
              ["https://w3id.org/pharmakon/substance/naltrexone"]]
)  # fmt: skip
def test_a_thing_has_many_names(run: Run, graph: KnowledgeGraph, words: list[str]):
    assert json.loads(run("show", *words, "--json").stdout) == graph["naltrexone"].to_dict()


def test_words_need_no_quotes(run: Run):
    assert "⬢ μ-opioid receptor" in card(run, "mu", "opioid", "receptor")


def test_all_shows_every_statement_with_every_piece_of_evidence(run: Run, graph: KnowledgeGraph):
    drawn = "".join(card(run, "naltrexone", "--all").split()).replace("│", "")

    for section in graph["naltrexone"].all_sections:
        for one in section.statements:
            assert one.curie in drawn, f"{one.curie} is not shown"
            for evidence in (*one.supports, *one.disputes):
                assert "".join(evidence.paraphrase.split()) in drawn, f"{evidence.iri} is not shown"


def test_the_rows_of_a_thing_are_its_statements(run: Run, graph: KnowledgeGraph):
    rows = list(csv.DictReader(io.StringIO(run("show", "naltrexone").stdout), delimiter="\t"))

    stated = [one for s in graph["naltrexone"].all_sections for one in s.statements]
    assert [row["statement"] for row in rows] == [one.curie for one in stated]
    assert {row["statement"] for row in rows if row["negative"] == "true"} == {
        one.curie for one in stated if one.negative
    }


def test_a_statement_is_shown_with_its_evidence(run: Run, graph: KnowledgeGraph):
    one = graph.statement(NEGATIVE)
    drawn = " ".join(card(run, NEGATIVE).split())

    assert "NOT of use for opioid withdrawal" in drawn
    assert all(evidence.source.label in drawn for evidence in one.supports)
    assert "established (0.95)" in drawn


def test_a_proof_goes_down_to_the_evidence(run: Run, graph: KnowledgeGraph):
    (inferred,) = graph.query(
        "SELECT ?s { ?s a pk:Membership ; pk:subject substance:morphine ; pk:premise ?p ;"
        " pk:inClass substance:opioid }"
    ).to_dicts()
    drawn = " ".join(card(run, str(inferred["s"])).split())

    assert "by rule: " in drawn
    assert "morphine acts as agonist at the μ-opioid receptor" in drawn
    assert "for: ▪" in drawn
    value = json.loads(run("show", str(inferred["s"]), "--json").stdout)
    assert value["proof"]["premises"][0]["supported_by"]


NOT_HELD = """
@prefix condition: <https://w3id.org/pharmakon/condition/> .
@prefix pk: <https://w3id.org/pharmakon/ontology#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix statement: <https://w3id.org/pharmakon/statement/> .
@prefix substance: <https://w3id.org/pharmakon/substance/> .

substance:examplol a pk:Substance ; rdfs:label "examplol"@en .
condition:exampleness a pk:Condition ; rdfs:label "exampleness"@en .
statement:x a pk:Indication ; pk:subject substance:examplol ; pk:certainty pk:CERTAINTY ;
    pk:condition condition:exampleness ; pk:object condition:exampleness MORE .
pk:refuted rdfs:label "refuted"@en .
pk:unknown rdfs:label "unknown"@en .
pk:established rdfs:label "established"@en .
"""


@pytest.mark.parametrize(
    ("certainty", "more"),
    [
        ("refuted", ""),
        ("unknown", ""),
        ("established", "; pk:confidence 0.95 ; pk:supersededBy statement:y"),
    ],
)
def test_what_is_not_held_is_never_among_what_is(
    run: Run, tmp_path: Path, certainty: str, more: str
):
    inner = ox.Store()
    text = NOT_HELD.replace("CERTAINTY", certainty).replace("MORE", more)
    inner.load(text, format=ox.RdfFormat.TURTLE, to_graph=namespaces.GRAPH["curated"])
    written = releases.write(OxigraphStore(inner), tmp_path)

    drawn = card(run, "examplol", "--release", str(written))

    assert "\nused for" not in drawn
    assert "exampleness" in block(drawn, "refuted, unknown or superseded")


# ── search, path, compare ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("naltrexone", "substance:naltrexone"),
        ("naltrexon", "substance:naltrexone"),
        ("heroin", "substance:diamorphine"),
        ("vivitrol", "product:vivitrol"),
        ("mu opioid receptor", "target:mu-opioid-receptor"),
        ("CHEBI:7465", "substance:naltrexone"),
    ],
)
def test_a_search_finds_first_what_is_meant(run: Run, asked: str, found: str):
    rows = run("search", *asked.split()).stdout.splitlines()

    assert rows[1].split("\t")[0] == found


def test_a_search_keeps_to_a_kind_and_a_number(run: Run):
    found = json.loads(
        run("search", "opioid", "--type", "condition", "--limit", "3", "--json").stdout
    )

    assert len(found) == 3
    assert {one["kind"] for one in found} == {"condition"}


def test_nothing_found_is_still_an_answer_for_a_program(run: Run):
    result = run("search", "zzzzqqqq", "--json")

    assert result.exit_code == failures.NOT_FOUND
    assert json.loads(result.stdout) == []


def test_a_path_is_drawn_with_verbs_in_their_direction(run: Run):
    drawn = run("path", "naltrexone", "morphine", "--format", "table").stdout

    assert "● naltrexone … ● morphine" in drawn
    assert "● naltrexone — antagonist of → ⬢ μ-opioid receptor ← agonist of — ● morphine" in drawn


def test_a_path_is_no_longer_than_asked(run: Run):
    found = json.loads(run("path", "naltrexone", "morphine", "--max", "2", "--json").stdout)

    assert found
    assert all(len(path["steps"]) <= 2 for path in found)


def test_no_path_is_not_found(run: Run):
    result = run("path", "condition:euphoria", "product:narcan", "--max", "1", "--json")

    assert result.exit_code == failures.NOT_FOUND
    assert "does not say that they are unrelated" in result.stderr
    assert json.loads(result.stdout) == []


def test_no_path_goes_through_a_no(run: Run, graph: KnowledgeGraph):
    rows = run("path", "naltrexone", "opioid withdrawal", "--limit", "25").stdout.splitlines()[1:]

    for statement in {s for row in rows for s in row.split("\t")[6].split()}:
        assert not graph.statement(statement).negative, f"{statement} is a no, and a step"


def test_a_comparison_leaves_nothing_blank(run: Run, graph: KnowledgeGraph):
    drawn = run("compare", "naltrexone", "naloxone", "--format", "table").stdout
    empty = sum(
        not cell
        for group in graph.compare(["naltrexone", "naloxone"]).groups
        for row in group.rows
        for cell in row.cells
    )

    assert drawn.count("nothing stated") == empty
    assert "NOT of use for" in " ".join(drawn.split())


def test_a_comparison_can_keep_to_differences(run: Run):
    found = json.loads(run("compare", "naltrexone", "naloxone", "--diff", "--json").stdout)

    rows = [row for group in found["groups"] for row in group["rows"]]
    assert rows
    assert all(row["differs"] for row in rows)


# ── interactions ─────────────────────────────────────────────────────────────


def test_an_interaction_in_json_has_the_shape_of_the_contract(run: Run, graph: KnowledgeGraph):
    names = ["naltrexone", "morphine", "acamprosate"]

    answer = json.loads(run("interactions", *names, "--json").stdout)

    assert answer == {"pairs": [pair.to_dict() for pair in graph.interactions(names)]}
    first = answer["pairs"][0]
    assert set(first) == {"a", "b", "answer", "interactions"}
    assert set(first["interactions"][0]) == {
        *("id", "subject", "affects", "mechanism", "outcome", "severity", "requires"),
        *("certainty", "confidence", "explanation", "proof"),
    }


@pytest.mark.parametrize("form", ["table", "tsv"])
def test_not_known_is_never_shown_as_safe(run: Run, form: str):
    result = run("interactions", "naltrexone", "acamprosate", "--format", form)

    assert "not known" in result.output or "not-known" in result.output
    assert "Not known is not safe" in " ".join(result.output.split())


def test_an_interaction_shows_its_proof_when_asked(run: Run):
    line = ("interactions", "naltrexone", "morphine", "--format", "table")
    short = run(*line).stdout
    long = run(*line, "--proof").stdout

    assert "naltrexone blocks what morphine does there" in " ".join(short.split())
    assert "└──" not in short
    assert "naltrexone acts as antagonist at the μ-opioid receptor" in " ".join(long.split())


def test_a_product_stands_for_the_substances_in_it(run: Run):
    result = run("interactions", "suboxone", "lorazepam", "--json")

    pairs = {(pair["a"], pair["b"]) for pair in json.loads(result.stdout)["pairs"]}
    assert pairs == {
        ("substance:buprenorphine", "substance:lorazepam"),
        ("substance:naloxone", "substance:lorazepam"),
    }
    assert "Suboxone stands for buprenorphine and naloxone" in result.stderr


# ── query ────────────────────────────────────────────────────────────────────


def test_every_query_is_listed(run: Run):
    rows = run("query", "--list").stdout.splitlines()[1:]

    assert [row.split("\t")[0] for row in rows] == queries.names()


@pytest.mark.parametrize("name", queries.names())
def test_a_query_has_help_with_its_parameters(run: Run, name: str):
    result = run("query", name, "--help")

    assert result.exit_code == 0
    assert queries.load(name).summary in " ".join(result.stdout.split())
    for parameter in queries.load(name).params.values():
        assert parameter.example in " ".join(result.stdout.split())


def test_no_parameter_hides_an_option():
    taken = {o for option in shared(graph=True, forms=("table", "json")) for o in option.opts}

    for name in queries.names():
        for parameter in queries.load(name).params:
            assert f"--{parameter}" not in {*taken, "--timeout", "--help"}, (
                f"rename it in {name}.rq"
            )


def test_a_named_query_answers_for_its_parameter(run: Run, graph: KnowledgeGraph):
    line = ("query", "substance_actions", "--substance", "morphine")
    result = run(*line)

    expected = graph.named("substance_actions", substance="morphine").to_dicts()
    rows = list(csv.DictReader(io.StringIO(result.stdout), delimiter="\t"))
    assert expected
    assert [row["statement"] for row in rows] == [row["statement"] for row in expected]
    assert result.stderr == ""


def test_a_parameter_that_is_not_given_is_the_example_and_that_is_said(run: Run):
    result = run("query", "substance_actions")

    assert result.exit_code == 0
    assert "the example is substance:naltrexone" in result.stderr


ONE = "SELECT ?s ?label { VALUES ?s { substance:naltrexone } ?s rdfs:label ?label }"


@pytest.mark.parametrize("how", ["-q", "-q -", "FILE.rq", "-"])
def test_a_query_comes_from_anywhere(run: Run, tmp_path: Path, how: str):
    path = tmp_path / "question.rq"
    path.write_text(ONE)
    words = {"-q": ["-q", ONE], "-q -": ["-q", "-"], "FILE.rq": [str(path)], "-": ["-"]}[how]

    result = run("query", *words, stdin=ONE)

    assert result.stdout == "s\tlabel\nsubstance:naltrexone\tnaltrexone\n", result.stderr


def test_a_file_that_is_no_text_is_refused(run: Run, tmp_path: Path):
    (tmp_path / "question.rq").write_bytes(b"\xff\xfe")

    result = run("query", str(tmp_path / "question.rq"))

    assert result.exit_code == failures.USAGE
    assert "it is not UTF-8" in result.stderr


IRI = "https://w3id.org/pharmakon/substance/naltrexone"


def _json_rows(body: str) -> list[str]:
    return [row["s"]["value"] for row in json.loads(body)["results"]["bindings"]]


def _xml_rows(body: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(body).iter() if one.tag.endswith("}uri")]


READERS: dict[str, Callable[[str], list[str]]] = {
    "json": _json_rows,
    "xml": _xml_rows,
    "csv": lambda body: [row["s"] for row in csv.DictReader(io.StringIO(body))],
    "tsv": lambda body: [namespaces.expand(body.splitlines()[1].split("\t")[0])],
    "table": lambda body: [namespaces.expand(body.splitlines()[1].split()[0])],
}


@pytest.mark.parametrize("form", READERS)
def test_rows_come_in_every_form(run: Run, form: str):
    assert READERS[form](run("query", "-q", ONE, "--format", form).stdout) == [IRI]


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("ttl", "text/turtle"),
        ("tsv", "text/turtle"),
        ("nt", "application/n-triples"),
        ("nq", "application/n-quads"),
        ("trig", "application/trig"),
        ("rdf", "application/rdf+xml"),
        ("jsonld", "application/ld+json"),
        ("json", "application/ld+json"),
    ],
)
def test_a_graph_comes_in_every_form(run: Run, form: str, media_type: str):
    text = "CONSTRUCT { ?s rdfs:label ?label } " + ONE.partition("?label ")[2]

    result = run("query", "-q", text, "--format", form)

    found = list(ox.parse(result.stdout, format=ox.RdfFormat.from_media_type(media_type)))
    assert [quad.subject.value for quad in found] == [IRI]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("ASK { ?s a pk:Substance }", "true"), ("ASK { ?s a pk:Nothing }", "false")],
)
def test_yes_and_no_are_words(run: Run, text: str, answer: str):
    assert run("query", "-q", text).stdout == f"{answer}\n"


def test_no_rows_keep_their_columns(run: Run):
    result = run("query", "-q", "SELECT ?s ?p { ?s ?p pk:nothing }")

    assert result.exit_code == 0
    assert result.stdout == "s\tp\n"


def test_a_fault_in_a_query_is_shown_where_it_is(run: Run):
    result = run("query", "-q", "SELECT ?s\nWHERE { ?s pk:treats }")

    assert result.exit_code == failures.BAD_QUERY
    assert "line 2" in result.stderr
    lines = result.stderr.splitlines()
    caret = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1] == "WHERE { ?s pk:treats }"


# ── export ───────────────────────────────────────────────────────────────────

RDF = {"ttl", "nt", "nq", "trig", "rdf", "jsonld"}


@pytest.mark.parametrize("form", sorted(RDF))
def test_a_thing_is_exported_in_every_syntax(
    run: Run, graph: KnowledgeGraph, tmp_path: Path, form: str
):
    path = tmp_path / f"naltrexone.{form}"

    result = run("export", "naltrexone", "-o", str(path))

    assert result.exit_code == 0, result.stderr
    found = {quad.triple for quad in ox.parse(path=str(path))}
    assert found == {quad.triple for quad in graph.describe(IRI)}
    assert f"wrote {path}" in result.stderr
    assert [path.name for path in tmp_path.glob("*naltrexone*")] == [path.name], "nothing left over"


def test_the_whole_graph_is_exported(run: Run, graph: KnowledgeGraph, tmp_path: Path):
    path = tmp_path / "all.nq"

    assert run("export", "-o", str(path)).exit_code == 0
    assert isinstance(graph.store, OxigraphStore)
    assert path.read_bytes() == graph.store.dump()


def test_an_export_states_its_licence_on_stderr(run: Run):
    result = run("export", "naltrexone")

    assert "https://creativecommons.org/licenses/by/4.0/" in result.stderr
    assert "Pharmakon, release" in result.stderr
    assert result.stdout.startswith("@prefix")


def test_kgx_keeps_negatives_apart(run: Run, tmp_path: Path):
    result = run("export", "--format", "kgx", "-o", str(tmp_path / "tables"))

    assert result.exit_code == 0
    assert NEGATIVE in (tmp_path / "tables" / "negatives.tsv").read_text()
    assert NEGATIVE not in (tmp_path / "tables" / "edges.tsv").read_text()


def test_graphml_has_the_edges_and_no_negatives(run: Run):
    whole = ET.fromstring(run("export", "--format", "graphml").stdout)
    part = ET.fromstring(run("export", "naltrexone", "--format", "graphml").stdout)

    def edges(found: ET.Element) -> int:
        return sum(one.tag.endswith("}edge") for one in found.iter())

    assert 0 < edges(part) < edges(whole)
    assert NEGATIVE.encode() not in ET.tostring(whole)


def test_csv_has_a_column_for_no(run: Run):
    rows = list(csv.DictReader(io.StringIO(run("export", "naltrexone", "--format", "csv").stdout)))

    (negative,) = (row for row in rows if row["statement"] == NEGATIVE)
    assert negative["negative"] == "true"


def test_sssom_is_one_table(run: Run, tmp_path: Path):
    assert run("export", "-o", str(tmp_path / "all.sssom.tsv")).exit_code == 0

    table = (tmp_path / "all.sssom.tsv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t"))
    assert {"subject_id", "predicate_id", "object_id"} <= set(rows[0])


# ── sources, build, validate ─────────────────────────────────────────────────


def test_sources_are_listed_with_what_rests_on_them(run: Run, graph: KnowledgeGraph):
    rows = {row["source"]: row for row in json.loads(run("sources", "--json").stdout)}

    assert set(rows) == {one.curie for one in graph.names.of_kind("source")}
    article = rows["source:naltrexone-article"]
    (counted,) = graph.query(
        """SELECT (COUNT(DISTINCT ?e) AS ?places) (COUNT(DISTINCT ?s) AS ?statements) {
             ?e pk:source source:naltrexone-article
             OPTIONAL { ?s pk:supportedBy|pk:disputedBy ?e ; pk:subject ?any }
           }"""
    ).to_dicts()
    assert (article["places"], article["statements"]) == (counted["places"], counted["statements"])
    assert article["kind"] == "text"
    assert rows["source:drugcentral-2016"]["kind"] == "table"


def test_a_build_is_where_serve_looks_for_it(
    run: Run, graph: KnowledgeGraph, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])

    (built,) = csv.DictReader(io.StringIO(run("build").stdout), delimiter="\t")

    assert Path(built["directory"]).parent == knowledge_graph.releases_folder()
    assert built["id"].startswith(graph.release), "the same content has the same id"
    assert int(built["quads"]) == len(graph.store)
    assert pharmakon.open().release == graph.release


@pytest.mark.parametrize("command", ["build", "validate"])
def test_a_bad_turtle_file_is_named_with_its_line(
    run: Run, small_ontology: Path, tmp_path: Path, command: str
):
    path = small_ontology / "knowledge" / "substances" / "naltrexone.ttl"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:20], "this is not Turtle", *lines[20:]]), "utf-8")
    output = ["--output", str(tmp_path / "out")] if command == "build" else []

    result = run(command, "--ontology", str(small_ontology), *output)

    assert result.exit_code == failures.INVALID
    assert f"{path}:21: " in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["build", "validate"])
def test_a_breach_of_a_rule_is_named_with_its_place(
    run: Run, small_ontology: Path, tmp_path: Path, command: str
):
    path = small_ontology / "knowledge" / "substances" / "naltrexone.ttl"
    text = path.read_text("utf-8")
    path.write_text(text + "\nsubstance:naltrexone pk:treats condition:nausea .\n", "utf-8")
    output = ["--output", str(tmp_path / "out")] if command == "build" else []

    result = run(command, "--ontology", str(small_ontology), *output)

    assert result.exit_code == failures.INVALID
    assert re.search(rf"{re.escape(str(path))}:\d+", result.output)
    assert "pk:treats is written by the build" in result.output
    assert not (tmp_path / "out").exists()


def test_validation_counts_and_prints_what_it_finds(run: Run, small_ontology: Path):
    fine = run("validate", "--ontology", str(small_ontology))
    path = small_ontology / "knowledge" / "substances" / "naltrexone.ttl"
    path.write_text(path.read_text("utf-8").replace("target:opioid-receptor", "target:nothing"))

    wrong = run("validate", "--ontology", str(small_ontology), "--json")

    assert fine.exit_code == 0, fine.output
    assert fine.stderr == "pharmakon: 0 errors, 0 warnings\n", "and no progress, off a terminal"
    assert wrong.exit_code == failures.INVALID
    findings = json.loads(wrong.stdout)["findings"]
    assert any(one["file"] == str(path) and one["line"] for one in findings)


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
from pharmakon_server.cli import main
main()
"""


def test_a_full_disk_is_said_and_the_old_release_still_serves(
    environment: dict[str, str], release: Path, small_ontology: Path, tmp_path: Path
):
    """A limit on the size of files stands in for a disk without room: writing fails alike."""
    folder = tmp_path / "releases"
    shutil.copytree(release, folder / "old")
    build = ["build", "--ontology", str(small_ontology), "--output", str(folder)]

    done = subprocess.run(
        [sys.executable, "-c", FULL, *build],
        env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == failures.NO_RELEASE, done.stderr
    assert "what was there before is untouched" in done.stderr
    assert "--output" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["old"]
    again = process("--release", str(folder / "old"), "show", "naltrexone", env=environment)
    assert again.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_without_room_is_said(
    environment: dict[str, str], small_ontology: Path, tmp_path: Path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a small disk")
    try:
        build = ["build", "--ontology", str(small_ontology), "--output", str(disk / "out")]
        done = process(*build, env=environment)

        assert done.returncode == failures.NO_RELEASE, done.stderr
        assert "No space left on device" in done.stderr
        assert list((disk / "out").iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_a_build_that_is_killed_leaves_the_old_release(
    environment: dict[str, str], release: Path, small_ontology: Path, tmp_path: Path, delay: float
):
    folder = tmp_path / "releases"
    shutil.copytree(release, folder / "old")
    build = ["build", "--ontology", str(small_ontology), "--output", str(folder)]
    with subprocess.Popen(spawn(*build), env=environment) as building:
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) == 1 and building.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(delay)
        building.kill()

    done = process("--release", str(folder / "old"), "search", "naltrexone", env=environment)
    assert done.returncode == 0, done.stderr
    newest = releases.newest(folder)
    assert newest is not None
    pharmakon.open(newest)


# ── serve ────────────────────────────────────────────────────────────────────


@contextmanager
def served(*args: str, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Serve from a process of its own; yield it, what it printed, and the address."""
    with subprocess.Popen(
        spawn("serve", "--port", "0", *args),
        env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout
        try:
            printed = ""
            while "Ctrl-C" not in printed:
                line = running.stdout.readline()
                assert line, f"it ended: {running.stderr and running.stderr.read()}"
                printed += line
            found = re.search(r"Browser +(http://\S+)/\n", printed)
            assert found, printed
            yield running, printed, found[1]
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGINT)
            running.wait(20)


def fetch(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.status, response.read().decode()


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], text=True, capture_output=True, check=False
    )
    return [int(line) for line in listed.stdout.split()]


def test_serve_shows_a_page_within_seconds_and_says_where(
    environment: dict[str, str], graph: KnowledgeGraph
):
    began = time.monotonic()

    with served(env=environment) as (_, printed, address):
        status, body = fetch(f"{address}/")
        took = time.monotonic() - began

    assert status == 200
    assert "<html" in body
    assert took < 10, f"the first page took {took:.1f} s; the goal is 2 s on a quiet machine"
    assert f"release {graph.release}" in printed
    assert f"SPARQL    {address}/sparql     limit 30 s, 2 workers, federation off" in printed
    assert f"API       {address}/api/v1" in printed


def test_serve_answers_from_a_release(environment: dict[str, str], release: Path):
    with served("--release", str(release), env=environment) as (_, printed, address):
        status, body = fetch(f"{address}/sparql?query=ASK%20%7B%7D")

    assert f"release {release.name}" in printed
    assert status == 200
    assert json.loads(body)["boolean"] is True


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_cleanly_with_its_workers(environment: dict[str, str], end: signal.Signals):
    with served(env=environment) as (running, _, address):
        fetch(f"{address}/sparql?query=ASK%20%7B%7D")
        started = children(running.pid)
        assert started, "a query runs in a process of its own"

        running.send_signal(end)
        output, complaint = running.communicate(timeout=20)

    assert running.returncode == 0
    assert output.endswith("Stopped.\n")
    assert "Traceback" not in complaint
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_port_in_use_is_named(environment: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = process("serve", "--port", str(port), env=environment)

    assert done.returncode == failures.USAGE
    assert f"port {port} is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


# ── another server ───────────────────────────────────────────────────────────

REMOTE = [
    "show naltrexone --json",
    "search naltrexon --json",
    "path naltrexone morphine --json",
    "compare naltrexone naloxone --json",
    "interactions naltrexone morphine --json",
    "query substance_actions --substance morphine --json",
    "query -q 'SELECT ?s { ?s a pk:Target } ORDER BY ?s' --format csv",
    "sources --json",
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an endpoint that holds the packaged graph."""
    with served("--release", "packaged", env=dict(os.environ)) as (_, _, address):
        yield f"{address}/sparql"


@pytest.mark.parametrize("line", REMOTE)
def test_an_endpoint_gives_the_same_answers(run: Run, endpoint: str, line: str):
    words = shlex.split(line)

    local = run(*words)
    remote = run(*words, "--endpoint", endpoint)

    assert remote.exit_code == 0, remote.stderr
    assert remote.stdout == local.stdout


def test_an_endpoint_can_be_served_again(environment: dict[str, str], endpoint: str):
    with served("--endpoint", endpoint, env=environment) as (_, _, address):
        status, body = fetch(f"{address}/substance/naltrexone")

    assert status == 200
    assert "naltrexone" in body


def test_an_endpoint_that_breaks_off_is_a_network_error(run: Run):
    with answering(lambda connection: connection.close()) as address:
        result = run("--endpoint", address, "show", "naltrexone")

    assert result.exit_code == failures.NETWORK
    assert address in result.stderr


# ── Marks ────────────────────────────────────────────────────────────────────


def test_every_kind_of_thing_has_a_mark():
    assert set(marks.KINDS) == {*namespaces.ENTITY_TYPES, "class"}


def test_every_type_of_action_has_a_mark(graph: KnowledgeGraph):
    types = graph.query("SELECT ?type { ?type a pk:ActionType }").to_dicts()

    assert types
    plain = [
        row["type"]
        for row in types
        if marks.action([graph.reference(namespaces.expand(str(row["type"])))]) == marks.action([])
    ]
    assert plain == ["pk:binder"], "give each of the others a glyph in marks.py"


def test_what_is_written_to_a_pipe_or_a_link_leaves_it_one(run: Run, tmp_path: Path):
    target, link = tmp_path / "real.nt", tmp_path / "link.nt"
    target.write_text("old")
    link.symlink_to(target)

    result = run("export", "naltrexone", "--format", "nt", "-o", str(link))

    assert result.exit_code == 0, result.stderr
    assert link.is_symlink()
    assert b"naltrexone" in target.read_bytes()


def test_a_full_device_is_no_bug(environment: dict[str, str]):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            spawn("show", "naltrexone", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            check=False,
        )

    assert done.returncode == 2, done.stderr
    assert "not written whole" in done.stderr

"""The endpoint passes the W3C's tests, but for failures that are known with their reason.

The suite and the tool that runs it lie beside the repository. The tool asks a real server;
what it finds is held against ``expected-failures.toml``: a failure that is not there fails,
and so does an entry that passes, because it is stale.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..serving import command
from ..shared_data import SHARED, require

EXPECTED = tomllib.loads((Path(__file__).parent / "expected-failures.toml").read_text("utf-8"))

#: How many tests of each group Oxigraph's own server passes; here it is no fewer
#: (``design/reliability.md``, section 1).
LEAST = {
    "sparql10-query-eval": 268,
    "sparql10-query-syntax": 191,
    "sparql11-query-eval": 215,
    "sparql11-query-syntax": 102,
    "sparql11-update-eval": 92,
    "sparql11-update-syntax": 58,
    "sparql11-results": 9,
    "sparql11-protocol": 33,
    "sparql11-gsp": 9,
    "sparql11-service-description": 3,
}


@dataclass(frozen=True)
class Report:
    """What the tool found.

    Attributes:
        outcomes: ``passed``, ``failed``, ``skipped`` or ``disputed``, by the id of the test.
        reasons: What it said to those that did not pass.
        passed: How many passed, by group.
    """

    outcomes: dict[str, str]
    reasons: dict[str, str]
    passed: Counter[str]

    def assert_as_expected(self, expected: dict[str, str]) -> None:
        failed = {name for name, outcome in self.outcomes.items() if outcome == "failed"}
        new = {name: self.reasons[name] for name in sorted(failed - expected.keys())}
        stale = sorted(name for name in expected if self.outcomes.get(name) == "passed")

        assert not new, f"mend these, or list them with the reason: {json.dumps(new, indent=1)}"
        assert not stale, f"these pass now; take them from expected-failures.toml: {stale}"


def conformance(tmp_path: Path, groups: str, *arguments: str) -> Report:
    """Run the tool over some groups of tests."""
    tool = require(SHARED / "tools" / "sparql_conformance.py")
    suite = require(SHARED / "w3c")
    report = tmp_path / "report.json"
    done = subprocess.run(  # noqa: S603 - the tool that lies beside the repository
        [
            *(sys.executable, str(tool), "--tests", str(suite), "--groups", groups),
            *("--json", str(report), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    tests = json.loads(report.read_text("utf-8"))["tests"]
    return Report(
        {test["id"]: test["status"] for test in tests},
        {test["id"]: test["message"] for test in tests},
        Counter(test["group"] for test in tests if test["status"] == "passed"),
    )


def test_queries_updates_and_the_graph_store(tmp_path: Path):
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(), "ascii")
    options = ("--writable", str(tmp_path / "data"), "--token-file", str(token))
    with command("serve", *options) as url:
        report = conformance(
            tmp_path,
            "sparql10,sparql11",
            *("--query-url", f"{url}/sparql", "--update-url", f"{url}/update"),
            *("--gsp-url", f"{url}/store", "--gsp-direct"),
            *("--header", f"Authorization: Bearer {token.read_text('ascii')}"),
        )

    report.assert_as_expected(EXPECTED["writable"])
    fewer = {name: report.passed[name] for name, n in LEAST.items() if report.passed[name] < n}
    assert not fewer, f"Oxigraph's own server passes more: {fewer}, {LEAST}"


@pytest.mark.parametrize("writable", [False, True])
def test_what_a_server_does_beyond_the_suite(tmp_path: Path, writable: bool):
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(), "ascii")
    store = ("--writable", str(tmp_path / "data"), "--token-file", str(token))
    with command("serve", "--query-timeout", "5", *(store if writable else ())) as url:
        report = conformance(
            tmp_path,
            "protocol-ext",
            *("--query-url", f"{url}/sparql", "--update-url", f"{url}/update"),
            *("--gsp-url", f"{url}/store", "--expect-update-auth"),
            *("--expect-no-service", "--expect-timeout", "5", "--timeout", "60"),
        )

    report.assert_as_expected({})
    assert report.passed["protocol-ext"] >= 50

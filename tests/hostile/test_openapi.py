"""The OpenAPI document is true: schemathesis asks all that it allows, and much that it forbids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from .outside import Server

SEED = 20_261_122

#: How many requests are made for each operation, at most.
EXAMPLES = 200

HERE = Path(__file__).parent


def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.ask("/api/v1/openapi.json").body)
    return found


def test_the_document_is_openapi(server: Server):
    found = document(server)

    assert found["openapi"] == "3.1.0"
    for path, item in found["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], f"{method} {path} has no summary; write one in api.py"
            for one in operation["parameters"]:
                jsonschema_rs.meta.validate(one["schema"])


def test_each_operation_has_a_name_of_its_own(server: Server):
    names = [
        one["operationId"] for item in document(server)["paths"].values() for one in item.values()
    ]

    assert len(set(names)) == len(names), sorted(names)


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        (
            "/sparql",
            {200, 304, 400, 403, 406, 413, 415, 422, 429, 503, 504},
        ),
        ("/livez", {200}),
        ("/readyz", {200, 503}),
        ("/metrics", {200}),
    ],
)
def test_it_says_how_each_address_may_answer(server: Server, path: str, statuses: set[int]):
    for operation in document(server)["paths"][path].values():
        assert statuses <= {int(status) for status in operation["responses"]}


def test_the_server_keeps_to_its_document(server: Server, tmp_path: Path):
    found = subprocess.run(  # noqa: S603 - our own command
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{server.url}/api/v1/openapi.json"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES)),
            *("--seed", str(SEED)),
            *("--continue-on-failure", "--no-shrink", "--workers", "1", "--no-color"),
            *("--generation-database", "none"),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    print(*(line for line in found.stdout.splitlines() if "generated" in line), sep="\n")
    assert found.returncode == 0, f"seed {SEED}: {found.stdout[-20_000:]}{found.stderr[-2000:]}"

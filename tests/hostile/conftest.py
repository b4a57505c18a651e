"""The servers that are put under strain, each started once for a file of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from .outside import Server, running

Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start a server with some options."""

    def starting(*options: str) -> AbstractContextManager[Server]:
        return running(tmp_path_factory.mktemp("server"), *options)

    return starting


@pytest.fixture(scope="module")
def server(start: Start) -> Iterator[Server]:
    """A server that ends a query after a second, or with 1000 MB."""
    with start("--query-timeout", "1", "--query-memory", "1000") as server:
        yield server

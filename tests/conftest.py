"""The fixtures that most tests ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

import pharmakon
from pharmakon import KnowledgeGraph

from .shared_data import SHARED, require


@pytest.fixture(scope="session")
def graph() -> KnowledgeGraph:
    """The curated graph that ships in the package, with all that follows from it."""
    return pharmakon.open("packaged")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data and texts of sources, which lies beside the repository."""
    return require(SHARED)

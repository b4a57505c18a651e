"""The fixtures that most tests ask for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pharmakon
from pharmakon import KnowledgeGraph, ontology, resources

from .shared_data import SHARED, require


@pytest.fixture(scope="session")
def graph() -> KnowledgeGraph:
    """The curated graph that ships in the package, with all that follows from it."""
    return pharmakon.open("packaged")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data and texts of sources, which lies beside the repository."""
    return require(SHARED)


@pytest.fixture
def small_ontology(tmp_path: Path) -> Path:
    """An ontology of one substance, which a test may break and is built in a second.

    The vocabulary, the shapes and the rules are those that ship; the knowledge is ours.
    """
    shipped, root = resources.folder("ontology"), tmp_path / "ontology"
    root.mkdir()
    for path in ontology.vocabulary():
        shutil.copy(path, root)
    for part in ("rules", "shapes"):
        shutil.copytree(shipped / part, root / part)
    shutil.copytree(Path(__file__).parent / "data" / "knowledge", root / "knowledge")
    return root

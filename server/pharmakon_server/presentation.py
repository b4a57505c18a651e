"""Presentation: the words, glyphs and marks that templates put on what the views return."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask

from pharmakon import KnowledgeGraph

from . import urls

__all__ = ["register_presentation"]

_HERE = Path(__file__).parent


def register_presentation(app: Flask, graph: KnowledgeGraph) -> None:
    """Give every template of an application its words."""
    app.config["BUILD"] = _digest()
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {"urls": urls, "release": graph.release, "alternates": ()}


def _digest() -> str:
    """Return a digest of our own files, so that a changed one is fetched again."""
    found = hashlib.sha256()
    for folder in ("static", "templates"):
        for path in sorted((_HERE / folder).iterdir()):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]

"""Where the ontology and the queries are.

A wheel holds them in this package's ``data`` folder. A checkout holds them at its root,
where they are read in place, so that an edit is seen at once.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder"]

_WHEEL = Path(__file__).parent / "data"
_CHECKOUT = Path(__file__).parents[2]


def folder(name: str) -> Path:
    """Return the folder of that name: ``ontology`` or ``queries``.

    Example:
        >>> (folder("ontology") / "pharmakon.ttl").is_file()
        True
    """
    return (_WHEEL if _WHEEL.is_dir() else _CHECKOUT) / name

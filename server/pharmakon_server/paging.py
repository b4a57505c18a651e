"""Paging: long lists in parts, by the parameter ``page``."""

from __future__ import annotations

import math

from flask import request

from pharmakon.errors import NotFoundError

__all__ = ["asked"]


def asked(total: int, size: int) -> tuple[int, int]:
    """Return which page of a list is asked for, and how many there are.

    Args:
        total: How many things the list has.
        size: How many are on a page.

    Raises:
        NotFoundError: There is no such page.
    """
    pages = max(1, math.ceil(total / size)) if size else 1
    page = request.args.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 0
    if not 1 <= number <= pages:
        raise NotFoundError("page of the list", page, [str(pages)])
    return number, pages

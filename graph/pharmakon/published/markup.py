"""The markup that some publishers leave in names."""

from __future__ import annotations

import html
import re

__all__ = ["plain"]

_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def plain(text: str) -> str:
    """Return a text without the HTML in it.

    Example:
        >>> plain("&delta; receptor"), plain("5-HT<sub>1A</sub> receptor")
        ('δ receptor', '5-HT1A receptor')
    """
    return html.unescape(_TAG.sub("", text)).strip()

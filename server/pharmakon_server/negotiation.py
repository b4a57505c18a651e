"""Which form the caller wants: the ``Accept`` header, and the forms there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import pyoxigraph as ox

from pharmakon.exports import RDF_FORMATS

__all__ = ["GRAPHS", "HTML", "RESULTS", "SUFFIXES", "best"]

HTML = "text/html"

#: The forms of an RDF graph by media type, the preferred first.
GRAPHS: Mapping[str, ox.RdfFormat] = {form.media_type: form for form in RDF_FORMATS.values()}

#: The forms of the solutions of a query by media type, the preferred first.
RESULTS: Mapping[str, ox.QueryResultsFormat] = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
    "application/json": ox.QueryResultsFormat.JSON,
    "application/xml": ox.QueryResultsFormat.XML,
}

#: The media type of each suffix, of graphs and of solutions.
SUFFIXES: Mapping[str, str] = {
    **{suffix: form.media_type for suffix, form in RDF_FORMATS.items()},
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "html": HTML,
}

#: A header that is longer, in characters, is not remembered.
_USUAL = 500

_RANGE = re.compile(r"\s*([^\s/;,]+)/([^\s/;,]+)\s*(?:;(.*))?", re.DOTALL)
_QUALITY = re.compile(r"(?:0(?:\.\d*)?|1(?:\.0*)?|\.\d+)")


def best(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type, of those offered, that an ``Accept`` header asks for.

    Args:
        accept: The header; none, or one with nothing in it that can be read, takes anything.
        offered: Media types, the preferred first: it wins where the caller does not mind.

    Returns:
        None where the caller takes none of them.

    Example:
        >>> best("text/csv;q=0.5, application/*", ["text/csv", "application/json"])
        'application/json'
    """
    accept = accept or ""
    find = _best if len(accept) <= _USUAL else _best.__wrapped__
    return find(accept, tuple(offered))


@lru_cache(maxsize=1000)
def _best(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = _ranges(accept) or {"*/*": 1.0}
    graded = {offer: _quality(ranges, offer.lower()) for offer in offered}
    wanted = max(graded.values(), default=0.0)
    return next((offer for offer in offered if graded[offer] == wanted), None) if wanted else None


def _ranges(accept: str) -> dict[str, float]:
    """Return each media range of a header with its quality; parameters do not matter."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            continue
        quality = 1.0
        for parameter in (match[3] or "").split(";"):
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                stated = value.strip()
                quality = float(stated) if _QUALITY.fullmatch(stated) else -1.0
        if quality >= 0:
            found[f"{match[1]}/{match[2]}"] = quality
    return found


def _quality(ranges: Mapping[str, float], offer: str) -> float:
    """Return the quality that the most specific of the ranges gives to a media type."""
    for range_ in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if range_ in ranges:
            return ranges[range_]
    return 0.0

"""Answers in gzip, for clients who take it."""

from __future__ import annotations

import re
import zlib

from .rsgi import Headers, Reply

__all__ = ["SMALL", "compressed", "is_compressible"]

#: A body of fewer bytes is sent as it is.
SMALL = 1000

_REFUSED = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")
_TEXT = re.compile(r"(?:text/|application/(?:json|xml|n-|trig|[a-z.-]+\+(?:json|xml)))")


def is_compressible(reply: Reply, accepted: str) -> bool:
    """Return whether an answer is worth to be compressed, and the client takes it.

    Args:
        reply: The answer.
        accepted: The ``Accept-Encoding`` header.

    Example:
        >>> is_compressible(Reply(200, [("content-type", "text/html")], b" " * 5000), "br, gzip")
        True
    """
    takes = "gzip" in accepted and not _REFUSED.search(accepted)
    if len(reply.body) < SMALL or not takes or reply.status == 206:
        return False
    names = [name for name, _ in reply.headers]
    media_type = next((value for name, value in reply.headers if name == "content-type"), "")
    return "content-encoding" not in names and _TEXT.match(media_type) is not None


def compressed(reply: Reply) -> Reply:
    """Return an answer in gzip."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = compressor.compress(reply.body) + compressor.flush()
    headers: Headers = [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]
    for name, value in reply.headers:
        if name == "content-length":
            headers.append((name, str(len(body))))
        elif name == "etag" and value.startswith('"'):  # the same content, not the same bytes
            headers.append((name, f"W/{value}"))
        else:
            headers.append((name, value))
    return Reply(reply.status, headers, body)

"""WSGI (PEP 3333): how the application is called, whatever received the request."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask

from .rsgi import Headers, Reply, Scope

__all__ = ["call", "environ"]


def environ(
    scope: Scope, headers: Mapping[str, str], *, client: str, scheme: str, host: str
) -> dict[str, Any]:
    """Return a request as WSGI has it, without its body.

    Args:
        scope: The request.
        headers: Its headers, by their names in lower case.
        client: The address of whoever asks.
        scheme: How they ask: ``http`` or ``https``.
        host: What they call this server.
    """
    server, _, port = scope.server.rpartition(":")
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "REQUEST_URI": quote(scope.path) + (f"?{scope.query_string}" if scope.query_string else ""),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        if name in ("content-type", "content-length"):
            found[name.upper().replace("-", "_")] = value
        elif "_" not in name:  # a name with one would look like another's
            found[f"HTTP_{name.upper().replace('-', '_')}"] = value
    found["HTTP_HOST"] = host
    return found


def call(app: Flask, environ: dict[str, Any]) -> Reply:
    """Call an application, and return its whole answer."""
    head: list[tuple[int, Headers]] = []

    def start(status: str, headers: Headers, _: object = None) -> Callable[[bytes], object]:
        head.append((int(status[:3]), [(name.lower(), value) for name, value in headers]))
        return lambda _: None

    parts = app.wsgi_app(environ, start)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return Reply(*head[-1], body)

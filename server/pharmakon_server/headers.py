"""What every answer says of itself: what a browser may do with it, and until when it holds."""

from __future__ import annotations

import hashlib

from flask import Flask, Response, request
from werkzeug.exceptions import PreconditionFailed

__all__ = ["register_headers", "secure"]

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

#: What changes without the release changing, so that it must be asked for each time.
_LIVE = ("/livez", "/readyz", "/metrics", "/sparql", "/store", "/update", "/.well-known/")


def secure() -> dict[str, str]:
    """Return what every answer tells a browser, so that nothing in it can do harm."""
    return {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def register_headers(app: Flask, release: str) -> None:
    """Add the headers of safety and of caching to every answer of an application.

    An entity tag is made of the release, of our own files, and of what was asked for: the
    same page of the same release is the same bytes, and is sent once. Without a release, what
    is shown may change at any time.
    """

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        for name, value in secure().items():
            headers.setdefault(name, value)
        response.vary.add("Accept")
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            if request.path.startswith(_LIVE):
                headers.setdefault("Cache-Control", "no-store")
            elif not release:
                headers.setdefault("Cache-Control", "no-cache")
            elif not request.path.startswith("/static/"):
                asked = f"{release} {app.config['BUILD']} {request.full_path} {response.mimetype}"
                response.set_etag(hashlib.sha256(asked.encode()).hexdigest()[:24])
                headers.setdefault("Cache-Control", "public, max-age=0, must-revalidate")
                # A star names what nobody has seen yet.
                if not request.if_none_match.star_tag:
                    response.make_conditional(request)
                if response.status_code == 412:  # it has the body of what was not wanted
                    error = PreconditionFailed(
                        "If-Match names another entity tag than this has; leave it out"
                    )
                    return add(app.make_response(app.handle_user_exception(error)))
        return response

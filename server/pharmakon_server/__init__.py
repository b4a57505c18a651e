"""The server: pages for people, and RDF and JSON for programs, at the same addresses."""

from .app import create_app

__all__ = ["create_app"]

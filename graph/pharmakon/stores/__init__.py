"""Where the graph is kept, and who answers queries to it.

Two interfaces (:class:`Store` for our own queries, :class:`QueryService` for a stranger's)
and three that implement them: :class:`OxigraphStore` in this process,
:class:`SandboxedQueries` in processes of their own, :class:`RemoteStore` on another server.
A :class:`WritableStore` can be changed, which the others cannot.
"""

from __future__ import annotations

from .base import Answer, QueryService, Row, Solutions, Store, Term, text
from .oxigraph import OxigraphStore
from .remote import RemoteStore
from .sandbox import SandboxedQueries
from .writable import WritableStore

__all__ = [
    "Answer",
    "OxigraphStore",
    "QueryService",
    "RemoteStore",
    "Row",
    "SandboxedQueries",
    "Solutions",
    "Store",
    "Term",
    "WritableStore",
    "text",
]

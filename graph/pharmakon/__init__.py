"""Pharmakon: an open knowledge graph of substances and treatments."""

from .errors import PharmakonError
from .knowledge_graph import KnowledgeGraph, open
from .namespaces import PREFIXES

__all__ = ["PREFIXES", "KnowledgeGraph", "PharmakonError", "open"]

"""The data that others publish: files, and what stands in them."""

from .files import Files
from .names import SOURCES, names

__all__ = ["SOURCES", "Files", "names"]

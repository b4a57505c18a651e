"""Drafts for curators: what the published tables say of a substance, to be read and mended."""

from .draft import Draft, draft
from .known import Known

__all__ = ["Draft", "Known", "draft"]

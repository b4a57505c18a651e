"""Paths: the ways from one thing to another, each step with the statement behind it."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from pharmakon import KnowledgeGraph

__all__ = ["ways"]

_STEPS = range(1, 7)


def ways(graph: KnowledgeGraph) -> Blueprint:
    """Return the route that looks for paths."""
    blueprint = Blueprint("ways", __name__)

    @blueprint.get("/paths")
    def paths() -> str:
        start, end = (request.args.get(name, "").strip() for name in ("from", "to"))
        most = _steps(request.args.get("max", ""))
        ends = [graph.names.resolve(name) for name in (start, end) if name]
        found = graph.paths(ends[0].iri, ends[1].iri, most) if len(ends) == 2 else []
        return render_template(
            "paths.html",
            start=ends[0] if start else None,
            end=ends[-1] if end else None,
            most=most,
            steps=_STEPS,
            asked_both=len(ends) == 2,
            paths=found,
        )

    return blueprint


def _steps(text: str) -> int:
    return int(text) if text in {str(number) for number in _STEPS} else 4

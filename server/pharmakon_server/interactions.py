"""Interactions: what is known of each pair of some substances, with the proof."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from pharmakon import KnowledgeGraph

from .compare import resolved

__all__ = ["ANSWERS", "interactions"]

#: The four answers: letters for the eye, and words.
ANSWERS = {
    "interaction": ("!", "interaction"),
    "studied-none-found": ("○", "studied, none found"),
    "known-not": ("−", "known not to interact"),
    "not-known": ("?", "not known"),
}

_EXAMPLE = ("substance:naltrexone", "substance:morphine")


def interactions(graph: KnowledgeGraph) -> Blueprint:
    """Return the route that asks for pairs."""
    blueprint = Blueprint("interactions", __name__)

    @blueprint.get("/interactions")
    def pairs() -> str:
        asked = [one.strip() for one in request.args.getlist("id") if one.strip()]
        things = resolved(graph, asked)
        found = graph.interactions([thing.iri for thing in things]) if len(things) > 1 else []
        return render_template(
            "interactions.html",
            things=things,
            pairs=found,
            answers=ANSWERS,
            example=_EXAMPLE,
        )

    return blueprint

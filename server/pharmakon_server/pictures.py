"""Pictures: a neighbourhood drawn on the server, so that it needs no script.

The layout is a radial tree: the things asked for in the middle, what they touch around them,
what those touch further out, each branch with as much of the circle as it has leaves. Names
that would cover one another are pushed apart. The same edges give the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin

from pharmakon.namespaces import PK, SKOS
from pharmakon.views.paths import Edge
from pharmakon.views.references import Reference

from .presentation import action_glyph

__all__ = ["Line", "Node", "Picture", "draw", "most_telling"]

#: Clockwise from the top, so that what is alike stands together.
_KINDS = (
    "target",
    "condition",
    "circumstance",
    "class",
    "substance",
    "formulation",
    "product",
    "source",
)

_EDGE_CLASSES = {
    PK["treats"].value: "use",
    PK["usedFor"].value: "use",
    PK["mayCause"].value: "cause",
    PK["contraindicatedIn"].value: "warn",
}

#: What an edge says is told best by the action, then by the use, then by the effect.
_TELLING = [PK["treats"].value, PK["usedFor"].value, PK["mayCause"].value]

_ALIKE = PK["notToBeConfusedWith"].value

#: How wide a letter of a name is drawn.
_LETTER = 6.1

#: How long a name may be, in a wide picture and in a narrow one.
_LONGEST, _SHORT = 24, 18


@dataclass(frozen=True)
class Node:
    """A thing in a picture.

    Attributes:
        thing: The thing.
        x: The middle of its shape, from the left.
        y: The middle of its shape, from the top.
        size: The width and height of its shape.
        label: Its name, cut where it is long.
    """

    thing: Reference
    x: float
    y: float
    size: float
    label: str


@dataclass(frozen=True)
class Line:
    """An edge, or several between the same two things, in a picture.

    Attributes:
        start: Where it starts, at the rim of a shape.
        end: Where it ends.
        tip: The three corners of its arrowhead, as SVG writes them.
        middle: Where its sign stands.
        style: ``"use"``, ``"cause"`` or the empty string.
        sign: The sign of its action, or the empty string.
        words: What it says.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    tip: str
    middle: tuple[float, float]
    style: str
    sign: str
    words: str


@dataclass(frozen=True)
class Picture:
    """A drawn neighbourhood."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]


def draw(centres: Sequence[Reference], edges: Iterable[Edge], width: int, height: int) -> Picture:
    """Return the picture of some edges around some things.

    Args:
        centres: What stands in the middle.
        edges: The edges; those that do not hang together with a centre are left out.
        width: The width of the picture.
        height: The height for a picture that is neither sparse nor crowded.
    """
    edges = list(edges)
    tree = _tree(centres, edges)
    things = {end.iri: end for edge in edges for end in (edge.subject, edge.object)}
    things |= {thing.iri: thing for thing in centres}
    central = {thing.iri for thing in centres}
    sizes = {iri: 30.0 if iri in central else 20.0 for iri in tree}
    longest = _LONGEST if width > 500 else _SHORT
    labels = {iri: _cut(things[iri].label, longest) for iri in tree}
    height = max(min(height, 110 + 24 * len(tree)), min(1100, 19 * len(tree)))
    places = _fit(_spread(centres, tree), labels, width, height)
    nodes = tuple(Node(things[i], *places[i], sizes[i], labels[i]) for i in tree)
    return Picture(width, height, nodes, tuple(_lines(edges, places, sizes)))


def most_telling(edges: Iterable[Edge], iri: str, most: int) -> list[Edge]:
    """Return the few edges of a thing that say most: one of each property before a second."""
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, Edge]] = []
    seen: set[str] = set()
    for edge in sorted(edges, key=_telling):
        other = edge.other(iri)
        if other.iri not in seen and other.iri != iri:
            seen.add(other.iri)
            turn = turns[edge.property.iri] = turns.get(edge.property.iri, 0) + 1
            ranked.append((turn, len(ranked), edge))
    return [edge for _, _, edge in sorted(ranked, key=lambda one: one[:2])[:most]]


def _telling(edge: Edge) -> tuple[int, str, str]:
    iri = edge.property.iri
    if action_glyph(iri):
        rank = 0
    elif iri in _TELLING:
        rank = 1 + _TELLING.index(iri)
    else:
        rank = 9 if iri in (_ALIKE, SKOS["broader"].value) else 5
    return (rank, edge.property.label, edge.object.label)


def _tree(centres: Sequence[Reference], edges: Iterable[Edge]) -> dict[str, list[str]]:
    """Return for each thing, from the middle outwards, the things that hang on it."""
    beside: dict[str, dict[str, Reference]] = {}
    for edge in edges:
        beside.setdefault(edge.subject.iri, {})[edge.object.iri] = edge.object
        beside.setdefault(edge.object.iri, {})[edge.subject.iri] = edge.subject
    tree: dict[str, list[str]] = {thing.iri: [] for thing in centres}
    frontier = list(tree)
    while frontier:
        following = []
        for iri in frontier:
            for other in sorted(beside.get(iri, {}).values(), key=_by_kind):
                if other.iri not in tree:
                    tree[other.iri] = []
                    tree[iri].append(other.iri)
                    following.append(other.iri)
        frontier = following
    return tree


def _by_kind(thing: Reference) -> tuple[int, str, str]:
    rank = _KINDS.index(thing.kind) if thing.kind in _KINDS else len(_KINDS)
    return (rank, thing.label, thing.iri)


def _spread(
    centres: Sequence[Reference], tree: dict[str, list[str]]
) -> dict[str, tuple[float, float]]:
    """Return a place for each thing, in rings around the origin."""
    places: dict[str, tuple[float, float]] = {}

    def leaves(iri: str) -> float:
        return sum(leaves(child) for child in tree[iri]) or 1

    def place(iri: str, start: float, end: float, radius: float) -> None:
        angle = (start + end) / 2
        reach = 1 - 0.5**radius  # so that what is far out does not squeeze what is near
        places[iri] = (reach * sin(angle), -reach * cos(angle))
        fan(tree[iri], start, end, radius + 1)

    def fan(children: list[str], start: float, end: float, radius: float) -> None:
        total = sum(leaves(child) for child in children)
        crowded = total > 11 * radius * (end - start) / (2 * pi)
        at = start
        for number, child in enumerate(children):
            width = (end - start) * leaves(child) / total
            inward = 0.36 * (number % 2) if crowded and not tree[child] else 0.0
            place(child, at, at + width, radius - inward)
            at += width

    roots = [thing.iri for thing in centres]
    if len(roots) == 1:
        places[roots[0]] = (0.0, 0.0)
        fan(tree[roots[0]], 0, 2 * pi, 1)
    else:
        fan(roots, -pi / 2, 3 * pi / 2, 0.7)
    return places


def _fit(
    places: dict[str, tuple[float, float]], labels: dict[str, str], width: int, height: int
) -> dict[str, tuple[float, float]]:
    """Return the places scaled into a frame, with names that do not cover one another."""
    half = {iri: max(20.0, len(label) * _LETTER / 2 + 3) for iri, label in labels.items()}
    middle = next(iter(half), "")
    half[middle] = half.get(middle, 0) * 1.2  # its name is drawn bold
    reach_x = max((abs(x) for x, _ in places.values()), default=1) or 1
    reach_y = max((abs(y) for _, y in places.values()), default=1) or 1
    margin = max(half.values(), default=0)
    found = {
        iri: [
            width / 2 + x / reach_x * (width / 2 - margin),
            height / 2 - 6 + y / reach_y * (height / 2 - 34),
        ]
        for iri, (x, y) in places.items()
    }
    order = list(found)
    for _ in range(80):
        moved = False
        for number, one in enumerate(order):
            for other in order[number + 1 :]:
                moved |= _part(found[one], found[other], half[one] + half[other], number == 0)
        for iri in order:
            found[iri][0] = min(max(found[iri][0], half[iri]), width - half[iri])
            found[iri][1] = min(max(found[iri][1], 18.0), height - 32.0)
        if not moved:
            break
    return {iri: (round(x), round(y)) for iri, (x, y) in found.items()}


def _part(one: list[float], other: list[float], room: float, pinned: bool) -> bool:
    """Push two names apart where they overlap, and return whether they did."""
    across, down = other[0] - one[0], other[1] - one[1]
    gap_x, gap_y = room - abs(across), 40 - abs(down)
    if gap_x <= 0 or gap_y <= 0:
        return False
    axis = 0 if gap_x < gap_y else 1
    by = (gap_x, gap_y)[axis] * (1 if (across, down)[axis] >= 0 else -1) * 0.52
    other[axis] += by * (2 if pinned else 1)
    one[axis] -= 0 if pinned else by
    return True


def _lines(
    edges: Iterable[Edge], places: dict[str, tuple[float, float]], sizes: dict[str, float]
) -> list[Line]:
    together: dict[tuple[str, str], list[Edge]] = {}
    for edge in sorted(edges, key=_telling):
        ends = (edge.subject.iri, edge.object.iri)
        if all(end in places for end in ends) and ends[0] != ends[1]:
            key = ends if (ends[1], ends[0]) not in together else (ends[1], ends[0])
            together.setdefault(key, []).append(edge)
    return [_line(found, places, sizes) for found in together.values()]


def _line(
    found: Sequence[Edge], places: dict[str, tuple[float, float]], sizes: dict[str, float]
) -> Line:
    first = found[0]
    one, other = places[first.subject.iri], places[first.object.iri]
    length = hypot(other[0] - one[0], other[1] - one[1]) or 1.0
    along = ((other[0] - one[0]) / length, (other[1] - one[1]) / length)
    start = _along(one, along, sizes[first.subject.iri] / 2 + 3)
    end = _along(other, along, -sizes[first.object.iri] / 2 - 4)
    base = _along(end, along, -8)
    tip = (end, (base[0] - along[1] * 4, base[1] + along[0] * 4))
    corners = (*tip, (base[0] + along[1] * 4, base[1] - along[0] * 4))
    return Line(
        start=start,
        end=base,
        tip=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners),
        middle=((start[0] + end[0]) / 2, (start[1] + end[1]) / 2),
        style=_style(found),
        sign=action_glyph(first.property.iri),
        words="; ".join(
            dict.fromkeys(f"{e.subject.label} {e.property.label} {e.object.label}" for e in found)
        ),
    )


def _style(edges: Iterable[Edge]) -> str:
    styles = (_EDGE_CLASSES.get(edge.property.iri, "") for edge in edges)
    return next((style for style in styles if style), "")


def _along(
    point: tuple[float, float], direction: tuple[float, float], by: float
) -> tuple[float, float]:
    return (round(point[0] + direction[0] * by), round(point[1] + direction[1] * by))


def _cut(label: str, longest: int) -> str:
    return label if len(label) <= longest else label[: longest - 1].rstrip() + "…"

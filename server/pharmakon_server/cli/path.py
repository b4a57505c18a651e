"""``pharmakon path``: how two things are related."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from . import marks
from .command import Command, Run, pass_run
from .failures import NothingFoundError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pharmakon.views.paths import Edge, Path
    from pharmakon.views.references import Reference

__all__ = ["path"]

_KINDS = {"class": "class of substances"}

#: Verbs of other vocabularies, which the graph has no label for.


@click.command(
    cls=Command,
    examples=(
        ("pharmakon path naltrexone morphine", "the ways from one to the other"),
        ('pharmakon path naltrexone "alcohol use disorder" --max 2', "two steps at the most"),
    ),
)
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO")
@click.option(
    "--max",
    "most",
    type=click.IntRange(1, 8),
    default=4,
    show_default=True,
    help="How many steps at most.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 25),
    default=10,
    show_default=True,
    help="How many ways at most.",
)
@pass_run
def path(run: Run, start: str, end: str, most: int, limit: int) -> None:
    """Show how two things are related.

    The ways from FROM to TO come shortest first. A way uses what is held to be true:
    negatives, and what sources disagree about, are never a step.
    """
    ends = [run.graph.names.resolve(name) for name in (start, end)]
    if ends[0] == ends[1]:
        raise click.UsageError(f"FROM and TO are both {ends[0].label!r}; give two things")
    began = time.perf_counter()
    found = run.graph.paths(start, end, most)[:limit]
    took = time.perf_counter() - began

    if found or run.out.chosen != "table":
        run.out.answer(
            draw=lambda console: _draw(console, ends, found, took),
            columns=["path", "step", "subject", "property", "object", "forward", "statements"],
            rows=lambda: _rows(found),
            value=lambda: [one.to_dict() for one in found],
        )
    if not found:
        steps = "1 step" if most == 1 else f"{most} steps"
        raise NothingFoundError(
            f"there is no way from {ends[0].label!r} to {ends[1].label!r} of at most {steps}, "
            "which does not say that they are unrelated; try a greater --max"
        )


def _draw(console: Console, ends: Sequence[Reference], found: Sequence[Path], took: float) -> None:
    from rich.tree import Tree

    shapes: dict[str, list[Path]] = {}
    for one in found:
        shapes.setdefault(_shape(one), []).append(one)
    title = marks.thing(ends[0]).append(" … ").append_text(marks.thing(ends[1]))
    counted = f"   {_many(len(found), 'path')}, {_many(len(shapes), 'shape')}, {took * 1000:.0f} ms"
    tree = Tree(title.append_text(marks.text(counted, "dim")))
    for shape, ways in shapes.items():
        branch = tree.add(marks.text(shape, "dim"))
        for one in ways:
            branch.add(_way(one))
    console.print(tree)


def _shape(one: Path) -> str:
    """Return the kinds of thing on a way, with the verbs between them."""
    parts = [_kind(one.things[0])]
    for step, thing in zip(one.steps, one.things[1:], strict=True):
        parts += [" / ".join(_verbs(step)), _kind(thing)]
    return " – ".join(parts)


def _way(one: Path) -> Text:
    line = marks.thing(one.things[0])
    for number, (step, thing) in enumerate(zip(one.steps, one.things[1:], strict=True)):
        here = one.things[number].iri
        forward = _verbs(edge for edge in step if edge.subject.iri == here)
        backward = _verbs(edge for edge in step if edge.subject.iri != here)
        if forward:
            line.append_text(marks.text(f" — {' / '.join(forward)} →", "dim"))
        if backward:
            line.append_text(marks.text(f" ← {' / '.join(backward)} —", "dim"))
        line.append(" ").append_text(marks.thing(thing))
    return line


def _verbs(step: Iterable[Edge]) -> list[str]:
    return sorted({edge.property.label for edge in step})


def _kind(thing: Reference) -> str:
    return _KINDS.get(thing.kind, thing.kind)


def _rows(found: Sequence[Path]) -> Iterator[Sequence[object]]:
    for number, one in enumerate(found, 1):
        for step, edges in enumerate(one.steps, 1):
            for edge in edges:
                yield (
                    number,
                    step,
                    edge.subject.curie,
                    edge.property.curie,
                    edge.object.curie,
                    edge.subject == one.things[step - 1],
                    " ".join(edge.statements),
                )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

"""The command ``pharmakon``: one command a question, the same words as everywhere else.

Nothing but click is imported until a command runs, so that ``--help`` is there at once.
"""

from __future__ import annotations

import click

from .command import Program
from .compare import compare
from .draft import draft
from .export import export
from .interactions import interactions
from .make import build, validate
from .path import path
from .query import query
from .search import search
from .serve import serve
from .show import show
from .sources import get, sources
from .stats import stats

__all__ = ["main", "program"]


@click.group(
    cls=Program,
    name="pharmakon",
    examples=(
        ("pharmakon serve", "browse the graph at http://127.0.0.1:8080/"),
        ("pharmakon show naltrexone", "all that is held of one thing"),
        ("pharmakon interactions naltrexone morphine", "what two substances do together"),
    ),
)
def program() -> None:
    """Ask an open knowledge graph of substances and treatments.

    It is reference knowledge with its sources, not advice for a person.
    """


# In the order in which a newcomer meets them; the help lists them so.
for _command in (
    serve,
    show,
    search,
    query,
    path,
    compare,
    interactions,
    export,
    sources,
    stats,
    get,
    draft,
    build,
    validate,
):
    program.add_command(_command)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    program.main()

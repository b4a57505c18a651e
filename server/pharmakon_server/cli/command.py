"""What every command has in common: its options, its examples, and how it ends."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import failures
from .output import Output

if TYPE_CHECKING:
    from pharmakon import KnowledgeGraph

__all__ = ["FORMS", "Command", "Program", "Run", "WithExamples", "kept", "pass_run", "shared"]

#: The forms that every command that reads the graph can answer in.
FORMS = ("table", "tsv", "json")


@dataclass
class Run:
    """One run of the program: what was asked for, and the graph to ask.

    Attributes:
        release: The directory of a release, ``"packaged"``, or None where none was named.
        endpoint: The URL of an endpoint, or None where none was named.
        out: Where answers go.
        timeout: The time limit of a query, in seconds.
        debug: Whether a bug shows its traceback.
    """

    release: str | None = None
    endpoint: str | None = None
    out: Output = field(default_factory=Output)
    timeout: float = 30.0
    debug: bool = False

    @property
    def where(self) -> str | Path | None:
        """What :func:`pharmakon.open` is given: the command line first, then the environment.

        Raises:
            click.UsageError: Both a release and an endpoint were named.
        """
        if self.release and self.endpoint:
            raise click.UsageError("--release and --endpoint name two graphs; give one of them")
        release, endpoint = self.release, self.endpoint
        if not release and not endpoint:
            endpoint = os.environ.get("PHARMAKON_ENDPOINT")
            release = None if endpoint else os.environ.get("PHARMAKON_RELEASE")
        if endpoint:
            if not re.match(r"https?://[^/]", endpoint):
                raise click.UsageError(
                    f"{endpoint!r} is no address; one starts with http:// or https://"
                )
            return endpoint
        return release if release in (None, "", "packaged") else Path(release)

    @cached_property
    def graph(self) -> KnowledgeGraph:
        """The graph that was asked for, opened when first needed."""
        import pharmakon

        return pharmakon.open(self.where or None)


pass_run = click.make_pass_decorator(Run)


class WithExamples(click.Command):
    """A command whose help ends with examples.

    Attributes:
        examples: Each a command line and what it does.
    """

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), **settings: Any
    ) -> None:
        """Keep the examples; the rest is click's."""
        super().__init__(*args, **settings)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for line, purpose in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
                    if purpose:
                        formatter.write(f"{'':>{formatter.current_indent + 4}}{purpose}\n")


class Command(WithExamples):
    """A command: with the options that it shares with others, after its own."""

    def __init__(
        self,
        *args: Any,
        graph: bool = True,
        forms: Sequence[str] = FORMS,
        params: Sequence[click.Parameter] = (),
        **settings: Any,
    ) -> None:
        """Make the command.

        Args:
            args: As for click.
            graph: Whether it asks a graph, and so is told which.
            forms: The forms that it answers in; none where it has only one.
            params: Its own options and arguments.
            settings: As for click, and ``examples``.
        """
        own = [*params, *shared(graph=graph, forms=forms)]
        super().__init__(*args, params=own, **settings)


class Program(WithExamples, click.Group):
    """The program: finds the command, and turns whatever happens into an exit code."""

    def __init__(self, *args: Any, params: Sequence[click.Parameter] = (), **settings: Any) -> None:
        """Make the program; the arguments are those of click, and ``examples``."""
        version = click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        )
        own = [*params, *shared(graph=True, forms=("json",)), version]
        super().__init__(*args, params=own, **settings)

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run a command line and end the process with its exit code."""
        if "_PHARMAKON_COMPLETE" in os.environ:
            return super().main(args, "pharmakon")
        given = sys.argv[1:] if args is None else list(args)
        run = extra.pop("obj", None) or Run()

        def work() -> None:
            with self.make_context("pharmakon", given, obj=run) as context:
                self.invoke(context)

        sys.exit(failures.exit_code_of(work, debug=lambda: run.debug))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of a name.

        Raises:
            click.UsageError: There is none; it holds the nearest.
        """
        if args and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self.commands, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.commands)}"
            )
            ctx.fail(f"no command is called {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def shared(*, graph: bool, forms: Sequence[str]) -> list[click.Option]:
    """Return the options that commands have in common.

    Args:
        graph: Those that say which graph.
        forms: Those that say in which of these forms to answer.
    """
    found = []
    if graph:
        found += [
            kept(
                ["--release"],
                metavar="DIR",
                help="Ask this release, or 'packaged'; else $PHARMAKON_RELEASE, your newest "
                "build, or the graph that ships in the package.",
            ),
            kept(
                ["--endpoint"],
                metavar="URL",
                help="Ask a SPARQL 1.1 endpoint that holds a release; else $PHARMAKON_ENDPOINT.",
            ),
        ]
    if len(forms) > 1:
        text = "The form of the answer: a table on a terminal and TSV in a pipe unless given."
        found.append(kept(["--format", "form"], type=click.Choice(forms), help=text))
    if "json" in forms:
        found += [kept(["--json"], is_flag=True, help="Answer in JSON.")]
    return [
        *found,
        kept(["--ascii"], is_flag=True, help="Draw with letters instead of symbols."),
        kept(["--debug"], is_flag=True, is_eager=True, help="Show where a bug is."),
    ]


def kept(names: Sequence[str], **settings: Any) -> click.Option:
    """Return an option whose value goes to the :class:`Run` and not to the command."""
    return click.Option(names, expose_value=False, callback=_keep, **settings)


def _keep(ctx: click.Context, param: click.Parameter, value: str | float | bool | None) -> None:
    """Keep an option that was given, before the command's name or after it."""
    if value is None or value is False:
        return
    run = ctx.find_object(Run)
    assert run is not None  # noqa: S101 - Program.main puts it there
    if param.name == "json":
        run.out.form = "json"
    elif param.name in ("form", "ascii"):
        setattr(run.out, param.name, value)
    else:
        setattr(run, str(param.name), value)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"pharmakon {version('pharmakon')}")
        ctx.exit()

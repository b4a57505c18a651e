"""How a run ends: an exit code, and a line on stderr that says what to do next.

0  fine              3  no release      6  time limit
1  a bug             4  not found       7  network
2  wrong usage       5  bad query       8  validation failed
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click

__all__ = [
    "BAD_QUERY",
    "BUG",
    "FINE",
    "INTERRUPTED",
    "INVALID",
    "NETWORK",
    "NOT_FOUND",
    "NO_RELEASE",
    "TIME_LIMIT",
    "USAGE",
    "NothingFoundError",
    "exit_code_of",
    "say",
]

FINE, BUG, USAGE, NO_RELEASE, NOT_FOUND, BAD_QUERY, TIME_LIMIT, NETWORK, INVALID = range(9)

#: Ended by Ctrl-C: the number that shells use.
INTERRUPTED = 130


class NothingFoundError(click.ClickException):
    """The names are known, and nothing was found for them."""

    exit_code = NOT_FOUND


def exit_code_of(work: Callable[[], None], debug: Callable[[], bool]) -> int:
    """Do the work and return the exit code, having said on stderr what went wrong.

    Args:
        work: What is to be done.
        debug: Whether to show the traceback of a bug; asked when there is one.
    """
    try:
        work()
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        say(_usage(error))
        return USAGE
    except click.ClickException as error:
        say(error.format_message())
        return error.exit_code if error.exit_code != BUG else USAGE
    except (click.Abort, KeyboardInterrupt, EOFError):
        say("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has seen enough of it. Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except Exception as error:
        return _of(error, debug())
    return FINE


def say(message: str) -> None:
    """Write a message on stderr, without what could move a terminal's cursor."""
    shown = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", message)
    click.echo(f"pharmakon: {shown}", err=True)


def _of(error: Exception, debug: bool) -> int:
    """Return the exit code of an error, having said what it is."""
    # Here and not at the top: ``--help`` needs nothing of the library.
    from pharmakon import errors

    codes: tuple[tuple[type[Exception], int], ...] = (
        (errors.NotFoundError, NOT_FOUND),
        (errors.AmbiguousNameError, NOT_FOUND),
        (errors.ReleaseError, NO_RELEASE),
        (errors.QueryTimeoutError, TIME_LIMIT),
        (errors.QueryBusyError, TIME_LIMIT),
        (errors.QueryError, BAD_QUERY),
        (errors.RemoteError, NETWORK),
        (errors.LoadError, INVALID),
        (errors.ValidationError, INVALID),
        (errors.PharmakonError, BUG),
    )
    for kind, code in codes:
        if isinstance(error, kind):
            say(str(error))
            for line in _next(error):
                click.echo(f"  {line}", err=True)
            return code
    if isinstance(error, OSError) and error.filename is not None:
        say(f"{os.fsdecode(error.filename)}: {error.strerror}; choose another place, or make room")
        return USAGE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        say(f"the output was not written whole: {error.strerror}; make room, or send it elsewhere")
        return USAGE
    return _bug(error, debug)


def _next(error: Exception) -> list[str]:
    """Return what to type next, where the message does not say so itself."""
    from pharmakon import errors

    if isinstance(error, errors.NotFoundError):
        if str(error).startswith("no query"):
            return ["Run 'pharmakon query --list' to see all."]
        if str(error).startswith("no statement"):
            return ["Run 'pharmakon show NAME --all' to see the statements about a thing."]
        return [f"Run 'pharmakon search \"{_one_line(error.name)}\"' to see more."]
    if isinstance(error, errors.QueryTimeoutError):
        return ["A longer limit is set with --timeout SECONDS."]
    return []


def _bug(error: Exception, debug: bool) -> int:
    where = "?"
    traceback = error.__traceback__
    while traceback is not None:
        where = f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    if debug:
        import traceback as tracebacks

        tracebacks.print_exception(error)
    again = "" if debug else " and what the same command prints with --debug"
    words = _one_line(f"{type(error).__name__}: {error}")
    say(f"this is a bug: {words} ({where}); please report it, with this line{again}")
    return BUG


def _usage(error: click.UsageError) -> str:
    text = error.format_message()
    if text[1:2].islower():  # a sentence, and not the name of an argument
        text = text[:1].lower() + text[1:]
    text = text.rstrip(".")
    help_ = f"{error.ctx.command_path} --help" if error.ctx else "pharmakon --help"
    return f"{text}\n  Try '{help_}'."


def _one_line(text: str) -> str:
    return " ".join(text.split())

"""The commands put together, and the one place where an error becomes a sentence."""

from __future__ import annotations

import errno
import io
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.exceptions import Abort, Exit, TyperException
from typer.main import get_command

from mlvajra_al.cli import (
    INTERRUPTED,
    accounts,
    data,
    demo,
    jobs,
    members,
    models,
    projects,
    reports,
    running,
    simulate,
    tokens,
    upkeep,
)
from mlvajra_al.errors import MlvajraError
from mlvajra_al.words import harmless

DEBUG = "--debug"
FAILED, MISUSED, BUG = 1, 2, 70

app = typer.Typer(
    name="mlvajra",
    help="Human-in-the-loop active learning: choose, label, retrain, explain, promote, serve.",
    epilog="Example: mlvajra run",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (
    running, demo, accounts, tokens, projects, members, data, models, reports, jobs, simulate,
    upkeep,
):  # fmt: skip
    room.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("mlvajra_al"))
        raise Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show where an error came from; works with every command.")
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is one sentence on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal cannot show stops no command
        sys.stdout.reconfigure(errors="backslashreplace")
    words = [word for word in arguments if word != DEBUG]
    return guarded(lambda: _invoke(words), debug=len(words) < len(arguments))


def _invoke(words: list[str]) -> int:
    command = _told_apart(get_command(app))
    code = command(words or ["--help"], standalone_mode=False, prog_name="mlvajra")
    if code == INTERRUPTED:  # Typer has swallowed Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _told_apart(command: Any) -> Any:
    """Let the help show no value where an option takes none: `--json` is given or left out."""
    for option in (*command.params, command.get_help_option(typer.Context(command))):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for inner in getattr(command, "commands", {}).values():
        _told_apart(inner)
    return command


def guarded(command: Callable[[], int | None], *, debug: bool = False) -> int:
    """Call `command` and turn whatever it raises into words and an exit code."""
    try:
        return command() or 0
    except Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, Abort):
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        return FAILED
    except Exception as error:  # the edge: nothing above this could answer
        if debug:
            traceback.print_exc()
        return _fail(*_words(error))


def _words(error: Exception) -> tuple[str, int]:
    if isinstance(error, TyperException):
        return f"{_sentence(_in_our_words(error))} ({_help_of(error)})", error.exit_code
    if isinstance(error, MlvajraError):
        return str(error), FAILED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "there is no room left on the disk it writes to; make some and try again", FAILED
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions", FAILED
    found = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"this is a mistake of ours: {found}; run it again with {DEBUG} and report it", BUG


def _in_our_words(error: TyperException) -> str:
    """Return what is wrong with an argument, with its value where Pydantic refused it."""
    from pydantic import ValidationError

    from mlvajra_al.config import WANTED, said

    cause = error.__cause__
    if isinstance(cause, ValidationError) and cause.errors()[0]["type"] in WANTED:
        error.message = said(cause.errors()[0])
    return error.format_message()


def _sentence(text: str) -> str:
    return " ".join(text.replace("Value error, ", "").split()).rstrip(".")


def _help_of(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path if context else 'mlvajra'} --help"


def _fail(text: str, code: int) -> int:
    sys.stderr.write("mlvajra: " + "\n".join(map(harmless, text.split("\n"))) + "\n")
    return code

from __future__ import annotations

import ast
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mlvajra_al.cli import data, refuse
from mlvajra_al.cli.application import app, guarded, run
from mlvajra_al.errors import BadSource, NotFound
from mlvajra_al.services.export_formats import FORMATS

SOURCES = Path(__file__).parents[2] / "mlvajra_al" / "cli"


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


EVERY = dict(walk(get_command(app)))
COMMANDS = [path for path, command in EVERY.items() if not hasattr(command, "commands")]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_says_what_it_does_and_gives_an_example_of_itself(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert EVERY[path].help.strip()
    assert EVERY[path].epilog.startswith("Example: ")
    assert " ".join(["mlvajra", *path]) in EVERY[path].epilog
    assert "Example: " in out


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_has_help(path: tuple[str, ...]) -> None:
    for parameter in EVERY[path].params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_example_of_a_command_is_understood_by_it(path: tuple[str, ...]) -> None:
    words = shlex.split(EVERY[path].epilog.removeprefix("Example: ").rstrip(")"))
    start = next(place for place, word in enumerate(words) if word.endswith("mlvajra"))
    rest = words[start + 1 + len(path) :]
    assert EVERY[path].make_context(path[-1], rest).params is not None


def test_a_terminal_obeys_nothing_that_stands_in_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise BadSource("a\x1b[2J.csv", "it holds \x9b2J", "look\nagain")

    assert guarded(fail) == 1
    assert capsys.readouterr().err == ("mlvajra: a\\x1b[2J.csv: it holds \\x9b2J; look\nagain\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "No such command"),
        (["project"], "Missing command"),
        (["export"], "Missing argument"),
        (["export", "spam", "--format", "xml"], "'xml' is not one of"),
        (["report", "spam", "two"], "Invalid value for 'number'"),
        (["run", "--colour"], "No such option"),
    ],
)
def test_a_misused_command_is_one_sentence_and_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.startswith("mlvajra: ")
    assert captured.err.count("\n") == 1
    assert "--help" in captured.err


def broken() -> int:
    raise ZeroDivisionError("two\nlines")


def missing() -> int:
    raise NotFound("project", "spam")


def unreadable() -> int:
    raise PermissionError(13, "Permission denied", "/some/file")


def full() -> int:
    raise OSError(28, "No space left on device")  # as a write says it, without the file's name


def interrupted() -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (missing, 1, "there is no project 'spam'"),
        (unreadable, 1, "/some/file: Permission denied"),
        (full, 1, "there is no room left on the disk it writes to"),
        (interrupted, 130, "interrupted"),
        (broken, 70, "ZeroDivisionError: two; run it again with --debug"),
    ],
)
def test_whatever_is_raised_becomes_one_sentence(
    command: Any, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(command) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_a_terminal_cannot_show_is_written_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlvajra_al.cli import workspace

    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(["--version"]) == 0
    sys.stdout.write("★ Zoë\n")
    workspace.put({"name": "★ Zoë"})
    terminal.flush()
    said = terminal.buffer.getvalue().decode("latin-1").split("\n", 2)  # type: ignore[attr-defined]
    assert said[1] == r"\u2605 Zoë"
    assert json.loads(said[2]) == {"name": "★ Zoë"}


def test_debug_shows_where_an_error_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(broken, debug=True) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("version", [(3, 10), (2, 7), (3, 14)])
def test_another_python_is_refused_in_a_sentence(version: tuple[int, int]) -> None:
    assert f"this is {version[0]}.{version[1]}" in refuse(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_python_that_fits_is_not_refused(version: tuple[int, int]) -> None:
    assert refuse(version) == ""


def test_the_entry_point_is_readable_by_an_old_python() -> None:
    source = (SOURCES / "__init__.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 7))


HEAVY = {"sqlalchemy", "pyarrow", "pandas", "numpy", "sklearn", "streamlit", "alembic"}


def test_help_loads_nothing_heavy_and_run_neither_web_nor_worker() -> None:
    code = (
        "import sys; from mlvajra_al.cli.application import run; run(['run', '--help']);"
        "print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stderr))
    assert not loaded & (HEAVY | {"pydantic_settings", "mlvajra_al.web", "mlvajra_al.worker"})


def test_export_formats_of_the_command_line_are_the_formats_there_are() -> None:
    assert [str(name) for name in data.Format] == list(FORMATS)

"""The documentation knows every command and option, and every command line in it is understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import mlvajra_al
from mlvajra_al.cli.application import app

ROOT = Path(mlvajra_al.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


COMMANDS = dict(_walk(get_command(app)))
SECTIONS = dict(
    re.findall(
        r"^### mlvajra (.+?)\n(.*?)(?=^##|\Z)",
        (ROOT / "docs" / "commands.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    command = COMMANDS[name]
    documented = set(re.findall(r"`(--[\w-]+)`", SECTIONS[name]))
    assert documented == {word for p in command.params for word in (*p.opts, *p.secondary_opts)} - {
        argument.name for argument in command.params if argument.param_type_name == "argument"
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_and_its_section_give_the_same_example(name: str) -> None:
    example = COMMANDS[name].epilog.removeprefix("Example: ")
    assert f"```console\n{example}\n```" in SECTIONS[name]


def _command_lines() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if re.search(r"(^|[ (/])mlvajra ", line):
                    yield page.name, line


@pytest.mark.parametrize(("page", "line"), list(_command_lines()))
def test_a_command_line_in_the_documentation_is_understood(page: str, line: str) -> None:
    words = shlex.split(re.sub(r"^.*?mlvajra ", "", line.rstrip(")")), comments=True)
    if words[0].startswith("--"):
        return
    name = next((n for n in (" ".join(words[:2]), words[0]) if n in COMMANDS), None)
    assert name, f"{page} names a command that does not exist: {line}"
    COMMANDS[name].make_context(name, words[len(name.split()) :])

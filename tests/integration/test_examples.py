"""The example of every command is run as it stands; only places and numbers are put in."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mlvajra_al.cli.application import app, run
from mlvajra_al.cli.workspace import opened
from tests.workers import a_worker

ELSEWHERE = {"run", "worker"}
"""They run until they are stopped: tests/integration/test_supervisor.py starts and stops them."""
IN_ORDER = (
    "project create",
    "import",
    "user add",
    "user invite",
    "user role",
    "user list",
    "user password",
    "token create",
    "token list",
    "token revoke",
    "user sign-out",
    "user disable",
    "user enable",
    "project list",
    "demo annotate",
    "train",
    "versions",
    "jobs",
    "rebuild",
    "report",
    "promote",
    "rollback",
    "explain",
    "predict",
    "export",
    "backup",
    "backups",
    "restore",
    "doctor",
    "simulate",
    "project set",
    "project members",
    "project archive",
    "demo create",
)


def _examples(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _examples(inner, (*path, name))
    if not hasattr(command, "commands"):
        words = shlex.split(command.epilog.removeprefix("Example: ").rstrip(")"))
        start = next(place for place, word in enumerate(words) if word.endswith("mlvajra"))
        yield " ".join(path), words[start + 1 :]


EXAMPLES = dict(_examples(get_command(app)))


def test_no_example_is_forgotten() -> None:
    assert {*IN_ORDER, *ELSEWHERE} == set(EXAMPLES)
    assert len(IN_ORDER) == len(set(IN_ORDER))


@pytest.fixture
def desk(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, a project `spam`, and a worker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", iter(()))
    for name, first in (("reviews", 0), ("mails", 0), ("more", 200), ("new", 400)):
        lines = ["id,title,body,truth"]
        for place in range(first, first + 200):
            words = "win a prize now" if place % 2 else "the minutes of our meeting"
            lines.append(f"m{place},{words},{words} number {place},{('ham', 'spam')[place % 2]}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    with opened() as store, a_worker(store):
        made = "project create spam --source mails.csv --text title,body --id id --labels ham,spam"
        assert run([*made.split(), "--gold", "truth", "--seed", "1", "--retrain-every", "50"]) == 0
        yield tmp_path


def said(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    capsys.readouterr()
    code = run(words)
    captured = capsys.readouterr()
    assert code == 0, f"{' '.join(words)}: {captured.err}"
    assert "Traceback" not in captured.err
    return captured.out


def test_every_example_works(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in = {"/mnt/backups": str(desk / "backups"), "/tmp/look": str(desk / "look")}  # noqa: S108
    for name in IN_ORDER:
        words = [_put(word, put_in) for word in EXAMPLES[name]]
        if name in ("user add", "user password"):
            monkeypatch.setattr(sys, "stdin", _Typed(f"a long enough secret for {name}\n"))
        out = said(capsys, words)
        if "--json" in words:
            document = json.loads(out)
        if name == "token list":
            put_in["7"] = str(document[0]["id"])
        if name == "backup":
            (kept,) = (path for path in (desk / "backups").iterdir() if path.name.startswith("2"))
            put_in[str(desk / "backups" / "2026-11-23T18-00-00Z")] = str(kept)
        if name == "demo annotate":
            put_in["b70ced841afe9e7f8f008d1d920d68c2"] = "m3"
    assert (desk / "labels.csv").read_text().count("\n") > 90
    assert (desk / "answers.csv").read_text().count("\n") == 201
    assert (desk / "look" / "mlvajra.db").is_file()


class _Typed:
    """What somebody types, where no terminal is."""

    def __init__(self, text: str) -> None:
        self._lines = iter(text.splitlines(keepends=True))

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return next(self._lines, "")


def _put(word: str, put_in: dict[str, str]) -> str:
    word = put_in.get(word, word)
    for before, after in put_in.items():
        if before.startswith("/") and word.startswith(f"{before}/"):
            word = after + word.removeprefix(before)
    return put_in.get(word, word)

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.cli.workspace import OPERATOR, now, opened
from mlvajra_al.services import people


def test_debug_is_understood_behind_the_command_too(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["project", "archive", "nothing", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_reports_are_one_json_document(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["project", "list", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert captured.err == ""


def test_people_are_added_listed_and_disabled(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "correct horse\n")
    assert run(["user", "add", "ada", "--role", "reviewer"]) == 0
    assert run(["user", "disable", "ada"]) == 0
    capsys.readouterr()
    assert run(["user", "list", "--json"]) == 0
    everybody = {person["name"]: person for person in json.loads(capsys.readouterr().out)}
    assert everybody["ada"]["role"] == "reviewer"
    assert everybody["ada"]["disabled"]
    assert everybody[OPERATOR]["role"] == "admin"


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_weak_password_is_refused_in_a_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "short\n")
    assert run(["user", "add", "ada"]) == 1
    assert "the password has 5 characters" in capsys.readouterr().err


def test_a_token_is_all_that_is_printed(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "correct horse\n")
    run(["user", "add", "ada"])
    capsys.readouterr()
    assert run(["token", "create", "--user", "ada"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.split()) == 1
    assert captured.err == ""
    assert signed_in(captured.out.strip()) == "ada"


def signed_in(token: str) -> str | None:
    with opened() as store:
        person = people.by_token(store, token, kind="token", now=now())
    return person.name if person else None

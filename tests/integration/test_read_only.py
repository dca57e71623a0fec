"""A workspace that can only be read is backed up and exported, and says that this is not noted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.services import workspaces
from mlvajra_al.store import processes

MLVAJRA = Path(sys.executable).with_name("mlvajra")
NOT_NOTED = "the audit trail does not tell of it: "


@pytest.fixture
def used(begun: Path) -> Iterator[Path]:
    """A workspace that somebody has open: its journal lies beside its database."""
    with closing(workspaces.opened(begun, f"sqlite:///{begun / 'mlvajra.db'}")) as store:
        with store.begin() as connection:
            processes.forget(connection, "nobody")
        yield begun


@pytest.fixture
def only_read(used: Path, tmp_path: Path) -> Path:
    """A workspace with a project, that nobody may write to any more."""
    source = tmp_path / "few.csv"
    source.write_text("id,body\n" + "".join(f"{row},some words {row}\n" for row in range(40)))
    words = ["project", "create", "few", "--source", str(source), "--text", "body"]
    assert run([*words, "--labels", "a,b", "--id", "id"]) == 0
    return _without_writing(used)


def _without_writing(home: Path) -> Path:
    for path in [*home.rglob("*"), home]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return home


def _humbly(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody who may write to nothing that forbids it, root or not."""
    humbly = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    command = [*humbly, MLVAJRA, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_backup_of_it_is_made_and_said_to_be(only_read: Path, tmp_path: Path) -> None:
    done = _humbly("backup", str(tmp_path / "backups"))
    assert done.returncode == 0, done.stderr
    made, noted = done.stderr.splitlines()
    assert "every checksum verified" in made
    assert noted.startswith(NOT_NOTED)
    assert len(list((tmp_path / "backups").glob("2*"))) == 1


def test_an_export_of_it_is_whole_and_said_to_be_unnoted(only_read: Path, tmp_path: Path) -> None:
    done = _humbly("export", "few", "--what", "history", "--out", str(tmp_path / "said.csv"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith(NOT_NOTED)
    assert (tmp_path / "said.csv").read_text().startswith('"seq",')


def test_one_that_no_command_has_touched_is_backed_up_too(used: Path, tmp_path: Path) -> None:
    _without_writing(used)
    done = _humbly("backup", str(tmp_path / "backups"))
    assert done.returncode == 0, done.stderr
    assert NOT_NOTED in done.stderr


def test_what_writes_says_that_it_can_only_be_read(only_read: Path) -> None:
    done = _humbly("project", "archive", "few")
    assert done.returncode == 1
    assert "it can only be read" in done.stderr
    assert "an admin should let this program write" in done.stderr
    assert "try again in a moment" not in done.stderr


@pytest.mark.parametrize(
    "words", [["doctor"], ["export", "few"], ["backup", "backups"], ["project", "list"]]
)
def test_one_that_nobody_has_open_says_what_its_journal_needs(
    begun: Path, tmp_path: Path, words: list[str]
) -> None:
    assert not (begun / "mlvajra.db-wal").exists()
    _without_writing(begun)
    done = _humbly(
        *words[:1], *(str(tmp_path / word) if word == "backups" else word for word in words[1:])
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert f"nobody has {begun / 'mlvajra.db'} open" in said
    assert "copy the folder to where it may and set MLVAJRA_HOME to the copy" in said


def test_a_copy_of_it_can_be_used(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_writing(begun)
    copy = tmp_path / "copy"
    shutil.copytree(begun, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    monkeypatch.setenv("MLVAJRA_HOME", str(copy))
    done = _humbly("doctor")
    assert done.returncode == 0, done.stdout + done.stderr

"""A workspace is begun by what is meant to begin one, and by nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlvajra_al import config
from mlvajra_al.cli.application import run
from mlvajra_al.errors import Setup
from mlvajra_al.services import workspaces
from mlvajra_al.store import presence
from mlvajra_al.store.database import Store
from tests.workers import a_due_retrain, url_of


@pytest.mark.parametrize(
    "line",
    [
        "backup backups",
        "backup backups --json",
        "doctor",
        "project list",
        "project archive spam",
        "project members spam",
        "import spam --source x.csv",
        "export spam",
        "train spam",
        "versions spam",
        "report spam 1",
        "promote spam 1",
        "rollback spam",
        "rebuild spam 1",
        "explain spam 1",
        "predict spam --pool --out x.csv",
        "user list",
        "user role ada admin",
        "user disable ada",
        "token list",
        "token create --user ada",
        "demo annotate spam",
    ],
)
def test_no_other_command_begins_a_workspace(
    tmp_path: Path,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "nows"
    for _ in range(2):  # not there, then an empty folder: a disk that is not mounted
        monkeypatch.setenv("MLVAJRA_HOME", str(home))
        assert run(line.split()) == 1
        assert capsys.readouterr().err == (
            f"mlvajra: there is no workspace in {home}; set MLVAJRA_HOME, or start it with "
            "'mlvajra run'\n"
        )
        home.mkdir(exist_ok=True)
    assert list(tmp_path.rglob("*")) == [home]


def test_a_worker_begins_none(tmp_path: Path) -> None:
    home = tmp_path / "nows"
    done = subprocess.run(
        [sys.executable, "-m", "mlvajra_al.worker"],
        env=os.environ | {"MLVAJRA_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"there is no workspace in {home}; set MLVAJRA_HOME")
    assert not home.exists()


def test_people_and_projects_may_be_the_first_of_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path / "new"))
    assert run(["user", "invite"]) == 0
    assert run(["user", "list"]) == 0


def test_a_server_whose_database_is_not_known_here_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    home = tmp_path / "elsewhere"
    with pytest.raises(Setup, match=f"there is no workspace in {home}"):
        workspaces.opened(home, database_url)
    assert not home.exists()
    workspaces.opened(home, database_url, begin=True).close()
    workspaces.opened(home, database_url).close()


def test_a_database_on_a_server_is_not_served_without_its_files(
    store: Store, tmp_path: Path
) -> None:
    a_due_retrain(store, tmp_path)
    empty = tmp_path / "unmounted"
    url = url_of(store)
    if store.is_file:  # the folder of the file of SQLite names it, and doctor says what it lacks
        workspaces.opened(empty, url, begin=True).close()
        return
    for begin in (True, False):
        with pytest.raises(Setup, match=r"unmounted holds none of their files; mount the folder"):
            workspaces.opened(empty, url, begin=begin)
    workspaces.opened(store.home, url).close()


@pytest.mark.parametrize("found", ["nothing", "an empty file"])
def test_no_database_is_begun_beside_pools_of_another(found: str, tmp_path: Path) -> None:
    home, url = tmp_path / "home", f"sqlite:///{tmp_path / 'home' / 'mlvajra.db'}"
    part = home / "shards" / "1" / f"{'0' * 64}.arrow"
    part.parent.mkdir(parents=True)
    part.touch()
    if found == "an empty file":
        (home / "mlvajra.db").touch()
    for attempt in (
        lambda: workspaces.opened(home, url, begin=True),
        lambda: workspaces.opened(home, url),
        lambda: workspaces.as_it_is(home, url),
    ):
        with pytest.raises(Setup, match=r"holds pools or models, but .* set MLVAJRA_DATABASE_URL"):
            attempt()
    assert (home / "mlvajra.db").exists() == (found == "an empty file")


def test_one_that_is_half_restored_says_so(tmp_path: Path) -> None:
    (tmp_path / presence.UNFINISHED).write_text("{}")
    with pytest.raises(Setup, match="was interrupted; give the same 'mlvajra restore' command"):
        workspaces.opened(tmp_path, f"sqlite:///{tmp_path / 'mlvajra.db'}")


def test_an_empty_setting_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in config.Settings.model_fields:
        monkeypatch.setenv(f"MLVAJRA_{name.upper()}", "")
    found = config.settings()
    assert found.home == config.CHECKOUT / "data" / "workspace"
    assert found == config.Settings.model_construct()


def test_outside_a_checkout_the_workspace_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CHECKOUT", tmp_path)
    assert config.default_home() == Path("data/workspace")

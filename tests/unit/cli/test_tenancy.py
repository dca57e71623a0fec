from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlvajra_al.cli.tenancy import tenancy
from mlvajra_al.errors import Setup
from mlvajra_al.store import presence

HOLD = """
import sys, time
from pathlib import Path
from mlvajra_al.cli.tenancy import tenancy
with tenancy(Path(sys.argv[1])) as place:
    place.note("http://127.0.0.1:8600")
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_on_a_workspace_is_told_where_the_first_answers(tmp_path: Path) -> None:
    with tenancy(tmp_path / "home") as place:
        place.note("http://127.0.0.1:8600")
        with pytest.raises(Setup) as refused, tenancy(tmp_path / "home"):
            pass
    said = str(refused.value)
    assert f"(process {os.getpid()}): open http://127.0.0.1:8600, stop it first" in said
    assert "'mlvajra worker' adds a worker" in said


def test_one_that_has_not_opened_yet_is_named_too(tmp_path: Path) -> None:
    with tenancy(tmp_path), pytest.raises(Setup, match="open the address it prints"):
        with tenancy(tmp_path):
            pass


@pytest.mark.parametrize("scrawl", ["", "{", "[]", "{}", '"x"'])
def test_a_lock_file_that_says_nothing_sensible_still_locks(tmp_path: Path, scrawl: str) -> None:
    with tenancy(tmp_path):
        (tmp_path / "run.lock").write_text(scrawl)
        with pytest.raises(Setup, match="another process"), tenancy(tmp_path):
            pass


def test_the_workspace_is_free_again_after_the_end(tmp_path: Path) -> None:
    for number in range(2):
        with tenancy(tmp_path) as place:
            place.note(f"http://127.0.0.1:{number}")
    assert json.loads((tmp_path / "run.lock").read_text())["url"] == "http://127.0.0.1:1"


def test_a_killed_holder_leaves_the_workspace_free(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Setup, match=f"process {holder.pid}"), tenancy(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with tenancy(tmp_path):
        pass


def test_other_workspaces_are_nobodys_business(tmp_path: Path) -> None:
    with tenancy(tmp_path / "one"), tenancy(tmp_path / "two"):
        assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


def test_a_workspace_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(Setup, match="cannot be written .*set MLVAJRA_HOME to a folder"):
        with tenancy(Path("/proc/nowhere")):
            pass


def test_nobody_restores_into_a_workspace_that_is_run(tmp_path: Path) -> None:
    with tenancy(tmp_path), pytest.raises(Exception, match="use"), presence.alone(tmp_path):
        pass

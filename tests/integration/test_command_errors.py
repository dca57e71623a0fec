"""Whatever goes wrong at the command line is one sentence and a code, never a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.cli.workspace import now, opened
from mlvajra_al.services import projects, training
from mlvajra_al.store import presence, processes
from tests.workers import a_worker, wait_until

MLVAJRA = Path(sys.executable).with_name("mlvajra")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Path:
    """One workspace for all commands that change nothing."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "home").mkdir()
    (folder / "home" / presence.IN_USE).touch()
    shutil.copy(migrated, folder / "home" / "mlvajra.db")
    (folder / "good.csv").write_text("id,body\n1,some words\n2,other words\n")
    (folder / "ragged.csv").write_text("id,body\n1,some words\n2\n")
    (folder / "empty.csv").write_text("")
    (folder / "folder").mkdir()
    (folder / "latin.md").write_bytes("Zoë".encode("latin-1"))
    return folder


@pytest.fixture
def said(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command that must fail with this code, and return its one sentence."""
    monkeypatch.setenv("MLVAJRA_HOME", str(shared / "home"))
    monkeypatch.chdir(shared)

    def fail(*words: str, code: int = 1) -> str:
        assert run(words) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert captured.err.startswith("mlvajra: ")
        return captured.err.removeprefix("mlvajra: ").rstrip()

    return fail


@pytest.mark.parametrize(
    "line",
    [
        "project archive nothing",
        "project members nothing",
        "import nothing --source good.csv",
        "export nothing",
        "train nothing",
        "versions nothing --json",
        "report nothing 1",
        "report nothing 1 --json",
        "promote nothing 1",
        "rollback nothing",
        "rebuild nothing 1",
        "explain nothing 1",
        "explain nothing 1 --sample x",
        "predict nothing --pool --out x.csv",
        "predict nothing --source good.csv --out x.csv",
        "demo annotate nothing --labels 1",
    ],
)
def test_a_project_that_is_not_there_is_named(said: Callable[..., str], line: str) -> None:
    assert said(*line.split()).startswith("there is no project 'nothing'; check the name")


@pytest.mark.parametrize(
    "line",
    [
        "user password nobody",
        "user disable nobody",
        "user enable nobody",
        "user role nobody reviewer",
        "user sign-out nobody",
        "token create --user nobody",
        "token list --user nobody",
    ],
)
def test_a_person_who_is_not_there_is_named(said: Callable[..., str], line: str) -> None:
    assert said(*line.split()).startswith("there is no person 'nobody'; check the name")


CREATE = "project create made --labels a,b --text body --id id --source"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (f"{CREATE} none.csv", "none.csv: there is no such file; check the path"),
        (f"{CREATE} folder", "folder: is a folder; name one file in it"),
        (f"{CREATE} empty.csv", "empty.csv: is empty; choose a file with rows"),
        (f"{CREATE} ragged.csv", "ragged.csv: line 3 has 1 fields where 2 are expected; quote"),
        (f"{CREATE} good.csv --guidelines none.md", "none.md: No such file or directory; check"),
        (f"{CREATE} good.csv --guidelines folder", "folder: Is a directory; check"),
        (
            f"{CREATE} good.csv --guidelines latin.md",
            "latin.md: byte 3 is not UTF-8; save the guidelines as UTF-8 text",
        ),
        (f"{CREATE} good.csv --title none", "good.csv: there is no column 'none'; choose from"),
        (f"{CREATE} good.csv --overlap 99", "overlap must be between"),
        (f"{CREATE} good.csv --holdout-share 2", "holdout"),
        (f"{CREATE} good.csv --labels a", "label"),
        (
            "simulate --source good.csv --label body --text body --out /no/such/x.json",
            "/no/such/x.json: there is no folder /no/such",
        ),
        (f"{CREATE} /no/such/none.csv", "/no/such/none.csv: there is no such file"),
        ("predict x --pool --out x.txt", "x.txt cannot be written; name a file that ends in .csv"),
        ("token revoke 99", "there is no token 99; 'mlvajra token list' shows"),
        ("predict x --out x.csv", "predict either the pool (--pool) or a file (--source FILE)"),
        ("restore none", "none"),
        ("backups good.csv", "good.csv"),
    ],
)
def test_what_cannot_be_used_is_named(said: Callable[..., str], line: str, sentence: str) -> None:
    assert sentence in said(*line.split())


@pytest.mark.parametrize(
    "line", [("backup", ""), ("backups", " "), ("restore", ""), ("restore", "x", "--into", "")]
)
def test_a_folder_without_a_name_is_not_the_one_a_command_is_called_in(
    said: Callable[..., str], line: tuple[str, ...]
) -> None:
    assert said(*line).startswith("no folder is named: the argument is empty; name one")


def test_an_export_into_a_folder_that_is_not_there_names_the_file_as_given(
    said: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["project", "create", "there", "--labels", "a,b", "--text", "body", "--source",
                "good.csv"]) == 0  # fmt: skip
    capsys.readouterr()
    words = said("export", "there", "--out", "/nonexist/x.csv")
    assert words.startswith("/nonexist/x.csv: there is no folder /nonexist")
    assert "partial" not in words


@pytest.mark.parametrize("command", [["project", "list"], ["run"]])
def test_a_workspace_that_is_a_file_is_called_one(
    said: Callable[..., str], shared: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", str(shared / "good.csv"))
    assert "good.csv is a file; set MLVAJRA_HOME to a folder" in said(*command)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "MLVAJRA_DATABASE_URL"),
        ("postgresql://host:port/x", "MLVAJRA_DATABASE_URL"),
        ("mysql://host/x", "MLVAJRA_DATABASE_URL names 'mysql', but only sqlite and postgresql"),
        ("postgresql://ada:secret@127.0.0.1:1/x", "ada:***@127.0.0.1:1/x cannot be used: "),
        ("sqlite:////proc/nowhere/x.db", "/proc/nowhere/x.db does not exist; set MLV"),
    ],
)
@pytest.mark.parametrize("line", ["project list --json", "user list", "versions x --json"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    said: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    url: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", url)
    told = said(*line.split())
    assert sentence in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("home", "sentence"),
    [("good.csv", "good.csv"), ("/proc/nowhere", "there is no workspace in /proc/nowhere; set")],
)
def test_a_workspace_that_is_no_folder_is_named(
    said: Callable[..., str], monkeypatch: pytest.MonkeyPatch, home: str, sentence: str
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", home)
    assert sentence in said("project", "list")
    assert "MLVAJRA_HOME" in said("run")


def test_a_database_file_that_is_none_is_named(
    said: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path))
    (tmp_path / "mlvajra.db").write_bytes(b"no database at all" * 100)
    assert "mlvajra.db cannot be used: file is not a database" in said("project", "list")


def test_a_project_whose_import_fails_says_how_to_go_on(
    begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "late.csv"
    path.write_text("id,body\n" + "".join(f"{row},words\n" for row in range(30_000)) + "1\n")
    with opened() as store, a_worker(store):
        assert run([*CREATE.split(), str(path)]) == 1
    err = capsys.readouterr().err
    assert "\nmlvajra: late.csv: " in f"\n{err}"
    assert "line 30,002 has 1 fields where 2 are expected" in err
    assert err.rstrip().endswith("; the project made was not made")
    assert run(["project", "list"]) == 0
    assert capsys.readouterr().err == "there are none\n"
    path.write_text("id,body\n" + "".join(f"{row},words {row}\n" for row in range(50)))
    with opened() as store, a_worker(store):
        assert run([*CREATE.split(), str(path)]) == 0
    assert "made: 50 samples added" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--labels-from", "kind"], "column 'kind' holds 'typo', which is no label"),
        (["--columns", "kind", "--labels-from", "kind"], "'kind' is an input of the model"),
    ],
)
def test_what_is_wrong_with_labels_is_said_before_a_project_is_made(
    begun: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    path = tmp_path / "labelled.csv"
    rows = "".join(f"{row},words {row},a\n" for row in range(50))
    path.write_text(f"id,body,kind\n{rows}50,more,typo\n")
    assert run([*CREATE.split(), str(path), *more]) == 1
    assert sentence in capsys.readouterr().err
    with opened() as store:
        assert projects.listed(store, None) == ()


def test_ctrl_c_is_one_word_and_the_job_goes_on_by_itself(begun: Path, tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("id,body\n1,some words\n")
    with opened() as store, store.begin() as connection:
        # Somebody else's worker seems to live, so the command waits for it; its clock is ahead,
        # that it does so for long enough.
        seen = now() + 0.9 * processes.SILENT
        processes.report(
            connection, "elsewhere", kind="worker", started_at=seen, now=seen, doing=""
        )
    waiting = subprocess.Popen(
        [MLVAJRA, *CREATE.split(), path],
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_listening,
    )
    wait_until(lambda: queued(begun) or waiting.poll() is not None)
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=240)
    assert (waiting.returncode, err) == (130, "mlvajra: interrupted\n")
    assert queued(begun)


def _listening() -> None:
    """Hear Ctrl-C even where the tests were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def queued(begun: Path) -> bool:
    with opened() as store:
        return any(
            training.jobs_of(store, None, item.name) for item in projects.listed(store, None)
        )

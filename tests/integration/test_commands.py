from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.cli.workspace import now, opened
from mlvajra_al.services import projects, sessions
from mlvajra_al.services.credentials import digest
from mlvajra_al.services.people import OPERATOR
from tests.workers import a_worker, living


def test_debug_is_understood_behind_the_command_too(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["project", "archive", "nothing", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_reports_are_one_json_document(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["project", "list", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert captured.err == ""


def test_people_are_added_listed_and_disabled(
    begun: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
    begun: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "short\n")
    assert run(["user", "add", "ada"]) == 1
    assert "the password has 5 characters" in capsys.readouterr().err


def test_a_token_is_all_that_is_printed(
    begun: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
        found = sessions.by_session(store, digest(token), kind="token", now=now())
    return found.person.name if found else None


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """A small CSV file of two kinds of text, with their labels."""
    lines = ["id,body,topic"]
    for place in range(150):
        topic = "pets" if place % 2 else "food"
        words = "the cat and the dog sleep" if place % 2 else "bread and cheese and soup"
        lines.append(f"m{place},{words} number {place},{topic}")
    path = tmp_path / "mails.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must succeed and return what it printed."""
    capsys.readouterr()
    code = run(words)
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


@pytest.fixture
def worker(begun: Path) -> Iterator[None]:
    """Somebody's worker on the workspace."""
    with opened() as store, a_worker(store):
        yield


@pytest.mark.usefixtures("worker")
def test_reasons_are_put_on_the_card_and_taken_off_by_command(
    mails: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food")
    for option, said, shown in (
        ("--explain-on-card", "on", True),
        ("--no-explain-on-card", "off", False),
    ):
        assert run(["project", "set", "topics", option]) == 0
        assert f"topics: explain on card {said}\n" in capsys.readouterr().err
        with opened() as store:
            assert projects.get(store, None, "topics").policy.explain_on_card is shown


@pytest.mark.usefixtures("worker")
def test_a_project_goes_from_a_file_to_predictions_by_command(
    begun: Path, mails: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    chosen = ["--gold", "topic", "--seed", "1", "--strategy", "entropy"]
    output(capsys, *made, "--labels", "pets,food", *chosen)
    (project,) = json.loads(output(capsys, "project", "list", "--json"))
    assert (project["name"], project["left"]) == ("topics", 150)

    assert run(["project", "set", "topics"]) == 1
    assert "give at least one of --strategy, --overlap" in capsys.readouterr().err
    assert run(["project", "set", "topics", "--strategy", "psychic"]) == 1
    capsys.readouterr()
    assert run(["project", "set", "topics", "--strategy", "margin", "--full-every", "9"]) == 0
    assert "topics: strategy margin, full every 9" in capsys.readouterr().err

    output(capsys, "import", "topics", "--source", str(mails))
    output(capsys, "demo", "annotate", "topics", "--labels", "45", "--seed", "2")
    found = json.loads(output(capsys, "versions", "topics", "--json"))
    assert [version["number"] for version in found] == [1, 2]
    assert [version["champion"] for version in found] == [True, False]
    assert found[0]["parent"] is None
    assert found[1]["parent"] == 1
    assert found[1]["mode"] == "warm_start"
    assert set(found[0]) == {
        *(
            "number",
            "created_at",
            "parent",
            "mode",
            "n_labels",
            "metrics",
            "champion",
            "asks",
            "drift",
            "estimator",
            "revision",
            "label_counts",
            "trigger",
            "duration_s",
        )
    }

    trained = json.loads(output(capsys, "train", "topics", "--full", "--json"))
    assert (trained["number"], trained["mode"]) == (3, "full")
    assert "f1" in output(capsys, "report", "topics", "3")
    assert json.loads(output(capsys, "report", "topics", "3", "--json"))["version"] == 3
    explained = json.loads(output(capsys, "explain", "topics", "3", "--sample", "m1", "--json"))
    assert explained["label"] == "pets"
    assert "cheese" in output(capsys, "explain", "topics", "3")

    output(capsys, "promote", "topics", "3", "--reason", "better")
    assert run(["promote", "topics", "3"]) == 1
    output(capsys, "rollback", "topics")
    found = json.loads(output(capsys, "versions", "topics", "--json"))
    assert [version["champion"] for version in found] == [True, False, False]

    out = tmp_path / "answers.csv"
    output(capsys, "predict", "topics", "--source", str(mails), "--version", "3", "--out", str(out))
    lines = out.read_text().splitlines()
    assert len(lines) == 151
    assert lines[1].startswith('"m0","food",')
    blank = tmp_path / "blank.csv"
    blank.write_text("body,note\na cheese,x\n,\na cat,y\n")
    output(capsys, "predict", "topics", "--source", str(blank), "--out", str(out))
    assert [line[:3] for line in out.read_text().splitlines()[1:]] == ['"1"', '"2"', '"3"']
    labels = output(capsys, "export", "topics", "--format", "jsonl").splitlines()
    assert len(labels) == 45


@pytest.mark.usefixtures("worker")
def test_an_export_into_a_file_says_how_many_rows_went_there_and_nothing_on_standard_output(
    begun: Path, mails: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food", "--labels-from", "topic")
    out = str(tmp_path / "labels")
    for what, file_format in (("labels", "csv"), ("history", "jsonl"), ("labels", "parquet")):
        assert run(["export", "topics", "--what", what, "--format", file_format, "--out", out]) == 0
        assert capsys.readouterr() == ("", f"{out}: 150 rows, the {what} of topics\n")
    assert run(["export", "topics"]) == 0
    assert capsys.readouterr().err == ""


def test_a_command_that_finds_no_worker_has_one_of_its_own_for_as_long(
    begun: Path, mails: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food")
    (project,) = json.loads(output(capsys, "project", "list", "--json"))
    assert project["left"] == 150
    assert "ingest 1: started" in (begun / "worker.log").read_text()
    with opened() as store:
        assert living(store) == ()


@pytest.mark.usefixtures("worker")
def test_labels_of_a_file_become_answers_of_a_named_source(
    begun: Path, mails: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food", "--labels-from", "topic")
    rows = output(capsys, "export", "topics", "--format", "jsonl").splitlines()
    assert len(rows) == 150
    assert {json.loads(row)["person"] for row in rows} == {"import: topic"}


@pytest.mark.usefixtures("worker")
def test_a_nested_column_is_refused_only_where_it_is_used(
    begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "b.jsonl"
    row = '{"subject": "one", "body": "mail %d", "meta": {"from": "ada"}}\n'
    source.write_text("".join(row % n for n in range(50)))
    words = ["project", "create", "mails", "--source", str(source), "--labels", "pets,food"]
    for options in (["--text", "subject,meta"], ["--text", "body", "--id", "meta"]):
        assert run([*words, *options]) == 1
        assert "line 1, key 'meta' holds a nested object; write" in capsys.readouterr().err
    output(capsys, *words, "--text", "subject,body")
    (project,) = json.loads(output(capsys, "project", "list", "--json"))
    assert project["left"] == 50


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", "nothing"], "there is no column 'nothing'; choose from id, body, topic"),
        (["--text", "any,body,where"], "mails.csv: there are no columns 'any', 'where'; choose"),
        (["--text", ""], "the model needs at least one input column"),
        (["--columns", "id"], "looks like a name of samples"),
        (["--text", "body", "--gold", "body"], "holds the answers"),
        (["--text", "body", "--overlap", "0"], "overlap must be between 1 and 20"),
        (["--text", "body", "--guidelines", "/no/such/file"], "/no/such/file: No such file"),
    ],
)
def test_a_project_that_cannot_be_made_is_one_sentence_and_leaves_nothing(
    begun: Path,
    mails: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    words = ["project", "create", "topics", "--source", str(mails), "--labels", "pets,food"]
    assert run([*words, *options]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert json.loads(output(capsys, "project", "list", "--json")) == []


def test_a_missing_file_is_named(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["project", "create", "x", "--source", "/no/such.csv", "--text", "a"]
    assert run([*words, "--labels", "a,b"]) == 1
    assert "such.csv: there is no such file" in capsys.readouterr().err


@pytest.mark.usefixtures("worker")
def test_archived_projects_are_listed_on_request_only(
    begun: Path, mails: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food")
    output(capsys, "project", "archive", "topics")
    assert run(["train", "topics"]) == 1
    assert "by `mlvajra project archive topics --undo`" in capsys.readouterr().err
    assert run(["project", "archive", "topics"]) == 0
    assert capsys.readouterr().err == "topics was archived already\n"
    assert json.loads(output(capsys, "project", "list", "--json")) == []
    (project,) = json.loads(output(capsys, "project", "list", "--archived", "--json"))
    assert project["archived"]
    output(capsys, "project", "archive", "topics", "--undo")
    assert run(["project", "archive", "topics", "--undo"]) == 0
    assert capsys.readouterr().err == "topics was not archived\n"
    assert len(json.loads(output(capsys, "project", "list", "--json"))) == 1


@pytest.mark.usefixtures("worker")
def test_the_jobs_of_a_project_are_shown_the_newest_first(
    mails: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body", "--id", "id"]
    output(capsys, *made, "--labels", "pets,food")
    *_, first = json.loads(output(capsys, "jobs", "topics", "--json"))
    assert (first["kind"], first["state"], first["error"]) == ("ingest", "done", None)
    assert first["person"] == OPERATOR
    head, *lines = output(capsys, "jobs", "topics", "--limit", "1000").splitlines()
    assert head.split() == ["id", "kind", "state", "asked", "by", "says"]
    assert "150 samples added" in lines[-1]


def test_an_export_is_what_its_file_says_it_is(
    begun: Path, mails: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["project", "create", "topics", "--source", str(mails), "--text", "body"]
    output(capsys, *made, "--labels", "pets,food", "--labels-from", "topic")
    out = tmp_path / "labels.parquet"
    output(capsys, "export", "topics", "--out", str(out))
    assert out.read_bytes()[:4] == b"PAR1"
    for name in ("labels.csv.gz", "labels.json", "labels.xlsx"):
        assert run(["export", "topics", "--out", str(tmp_path / name)]) == 1
        assert "would hold CSV, which no program takes for" in capsys.readouterr().err
        assert not (tmp_path / name).exists()
    assert run(["export", "topics", "--out", str(out), "--format", "csv"]) == 1
    assert "ends in .parquet, but --format is csv" in capsys.readouterr().err

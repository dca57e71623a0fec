"""The commands about models, in this process, with a worker in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from mlvajra_al import worker
from mlvajra_al.cli.application import app
from mlvajra_al.errors import BadSource, Invalid, NotEnoughLabels, NotFound
from mlvajra_al.services import training, versions
from mlvajra_al.store.schema import report
from tests.integration.chains import a_template, copied, opened
from tests.integration.test_loop import begin
from tests.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Two versions; the store is closed."""
    with a_template(tmp_path_factory, fits=2) as loop:
        return loop


def doing_jobs(home: Path, stop: threading.Event) -> None:
    """Be the worker of a workspace."""
    store = opened(home)
    at_work = worker.Worker(store, "thread")
    at_work.report()
    while not stop.wait(0.02):
        worker.run_once(store, "thread")
    store.close()


@pytest.fixture
def loop(template: Rehearsal, workspace: Path) -> Iterator[Rehearsal]:
    """The template in a workspace of one's own, with somebody who does its jobs."""
    with copied(template, workspace) as loop:
        worker.Worker(loop.store, "thread").report()
        stop = threading.Event()
        thread = threading.Thread(target=doing_jobs, args=(workspace, stop))
        thread.start()
        yield loop
        stop.set()
        thread.join()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> str:
    """Return what a command writes to standard output; it must end well."""
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def document(*words: str) -> Any:
    return json.loads(said(*words, "--json"))


def test_versions_are_listed_for_people_and_for_programs(loop: Rehearsal) -> None:
    found = document("versions", "texts")
    assert [row["number"] for row in found] == [1, 2]
    assert [row["champion"] for row in found] == [True, False]
    assert (found[1]["parent"], found[1]["mode"]) == (1, "warm_start")
    assert set(found[0]["metrics"]) >= {"accuracy", "macro F1"}
    shown = said("versions", "texts")
    assert "warm_start" in shown and "too few to say" in shown and "logistic_regression" in shown
    assert max(map(len, shown.splitlines())) <= 120 and "{" not in shown


def test_jobs_say_what_became_of_them_and_not_the_last_they_did(loop: Rehearsal) -> None:
    told = [job["message"] for job in document("jobs", "texts") if job["kind"] == "retrain"]
    assert [words.split(".")[0] for words in told] == ["Version 2", "Version 1"]
    shown = said("jobs", "texts")
    assert "Version 2. " in shown and "samples read" in shown and "Writing" not in shown


def test_a_full_retrain_waits_for_its_version(loop: Rehearsal) -> None:
    found = document("train", "texts", "--full")
    assert (found["number"], found["parent"], found["mode"]) == (3, 2, "full")
    assert "full" in said("train", "texts", "--full")


def test_a_retrain_with_nothing_new_says_that_nothing_was_trained(loop: Rehearsal) -> None:
    done = run("train", "texts")
    assert done.exit_code == 0, done.output
    assert "nothing was trained: no answer is new since version 2" in done.stderr
    assert len(document("versions", "texts")) == 2


def test_a_retrain_with_one_label_seen_names_the_other(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(workspace)
    waiting = begin(store, tmp_path, rows=60)
    waiting.work()
    waiting.answer(5, label="ham")
    worker.Worker(store, "thread").report()
    stop = threading.Event()
    thread = threading.Thread(target=doing_jobs, args=(workspace, stop))
    thread.start()
    done = run("train", "texts")
    stop.set()
    thread.join()
    store.close()
    assert isinstance(done.exception, NotEnoughLabels)
    assert str(done.exception) == (
        "two different labels are needed; there is 1: the model needs an example of: spam"
    )


def test_a_report_is_shown_and_measured_anew_on_request(loop: Rehearsal) -> None:
    before = document("report", "texts", "1")
    assert before["version"] == 1 and before["evaluation"]["n"] == before["answered"]
    loop.answer(10)
    again = document("report", "texts", "1", "--again")
    assert again["holdout_seq"] > before["holdout_seq"]
    shown = said("report", "texts", "1")
    assert shown.startswith("version 1: ") and "holdout samples (" in shown
    assert f"measured {again['created_at'][:16].replace('T', ' ')} UTC" in shown
    assert "LogisticRegression(C=10.0" in shown
    spam = next(line for line in shown.splitlines() if line.startswith("spam"))
    assert spam.count(" to ") == 3 or spam.count("too few") == 3
    assert "spam" in shown and "precision" in shown


def test_what_a_version_has_wrong_is_listed_and_written(loop: Rehearsal, tmp_path: Path) -> None:
    found = document("report", "texts", "1", "--mistakes")
    assert found["version"] == 1 and found["total"] == len(found["mistakes"])
    out = tmp_path / "wrong.csv"
    done = run("report", "texts", "1", "--mistakes", "--out", str(out))
    assert done.exit_code == 0 and f"{out}: {found['total']} mistake" in done.stderr
    assert len(out.read_text("utf-8").splitlines()) == found["total"] + 1
    said("report", "texts", "1", "--mistakes")
    assert isinstance(run("report", "texts", "1", "--out", str(out)).exception, Invalid)


def test_a_version_measured_before_there_were_lists_is_measured_again(loop: Rehearsal) -> None:
    before = document("report", "texts", "1", "--mistakes")
    with loop.store.begin() as connection:
        connection.execute(update(report).values(mistakes=None))
    assert document("report", "texts", "1", "--mistakes") == before


def test_promote_and_roll_back_say_who_answers_now(loop: Rehearsal) -> None:
    promoted = run("promote", "texts", "2", "--reason", "better")
    assert (promoted.exit_code, promoted.stderr) == (0, "version 2 is the champion of texts\n")
    back = run("rollback", "texts", "--reason", "worse")
    assert (back.exit_code, back.stderr) == (0, "version 1 is the champion of texts again\n")
    assert [row.is_champion for row in versions.listed(loop.store, None, "texts")] == [True, False]


def test_a_version_and_a_sample_are_explained(loop: Rehearsal) -> None:
    whole = document("explain", "texts", "1")
    assert whole["importances"]["spam"]
    assert said("explain", "texts", "1").startswith("\nspam, log-odds\n")
    one = document("explain", "texts", "2", "--sample", "t7")
    assert one["sample_key"] == "t7" and len(one["attributions"]) == 1
    assert said("explain", "texts", "2", "--sample", "t7").startswith("t7: ")


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_the_pool_is_predicted_into_a_file(loop: Rehearsal, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    done = run("predict", "texts", "--pool", "--out", str(out), "--version", "2")
    assert done.exit_code == 0, done.output
    assert f"{out}: 160 answers of version 2" in done.stderr
    if name.endswith("parquet"):
        assert pq.read_table(out).num_rows == 160
    else:
        assert len(out.read_text().splitlines()) == 161


def test_a_file_is_predicted(loop: Rehearsal, tmp_path: Path) -> None:
    source, out = tmp_path / "new ones.csv", tmp_path / "out.csv"
    source.write_text("id,body\nk1,win free pills\nk2,meeting at lunch\n")
    done = run("predict", "texts", "--source", str(source), "--out", str(out), "--probabilities")
    assert done.exit_code == 0, done.output
    assert "2 answers of version 1" in done.stderr
    assert [line.split(",")[0] for line in out.read_text().splitlines()[1:]] == ['"k1"', '"k2"']
    header = out.read_text().splitlines()[0].replace('"', "")
    assert header == "key,label,probability,version,p:ham,p:spam"
    job = training.jobs_of(loop.store, None, "texts", kinds=("predict",))[0]
    assert (job.state, job.message) == ("done", "Predicted 2 rows")


def test_a_file_with_other_names_is_predicted_by_row_or_told_what_it_means(
    loop: Rehearsal, tmp_path: Path
) -> None:
    source, out = tmp_path / "new.csv", tmp_path / "out.csv"
    source.write_text("ID,body\n7,win free pills\n9,meeting at lunch\n")
    done = run("predict", "texts", "--source", str(source), "--out", str(out))
    words = "version 1; the file has no column 'id', so each key is the number of a row"
    assert words in done.stderr
    assert [line.split(",")[0] for line in out.read_text().splitlines()[1:]] == ['"1"', '"2"']
    source.write_text("id,Body\n7,win free pills\n")
    done = run("predict", "texts", "--source", str(source), "--out", str(out))
    assert "did you mean 'Body'? If not, add it, or choose" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("versions", "nowhere"), NotFound, "there is no project 'nowhere'"),
        (("report", "texts", "9"), NotFound, "there is no version 9"),
        (("report", "texts", "9", "--again"), NotFound, "there is no version 9"),
        (("promote", "texts", "9"), NotFound, "there is no version 9"),
        (("rebuild", "texts", "9"), NotFound, "there is no version 9"),
        (("explain", "texts", "9"), NotFound, "there is no version 9"),
        (("explain", "texts", "1", "--sample", "no"), NotFound, "there is no sample 'no'"),
        (("predict", "texts", "--out", "x.csv"), Invalid, r"either the pool \(--pool\) or a file"),
        (("predict", "texts", "--out", "x.csv", "--pool", "--source", "a"), Invalid, "either"),
        (("predict", "texts", "--out", "x.csv", "--source", "no.csv"), BadSource, "no such file"),
        (("predict", "texts", "--out", "no/x.csv", "--pool"), Invalid, "there is no folder no; "),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    loop: Rehearsal, words: tuple[str, ...], error: type[Exception], message: str
) -> None:
    done = run(*words)
    assert done.exit_code != 0
    with pytest.raises(error, match=message):
        raise done.exception or AssertionError(done.output)

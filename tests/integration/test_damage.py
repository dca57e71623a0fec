"""Damaged files are named, the champion is replaced, and the loop goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlvajra_al import worker
from mlvajra_al.errors import Damaged
from mlvajra_al.records import Damage, Job, Revision
from mlvajra_al.services import champions, damage, exporting, predicting, training
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.jobs import mending, warm
from mlvajra_al.services.jobs.rebuilding import rebuild
from mlvajra_al.store import files as stored_files
from mlvajra_al.store import jobs, projects
from mlvajra_al.store import versions as stored
from mlvajra_al.store.database import Store
from mlvajra_al.store.shards import open_pool, pool_folder
from tests.factories import NOW, a_project
from tests.integration.chains import a_template, copied
from tests.rehearsal import Rehearsal


@pytest.fixture(autouse=True)
def _a_worker_that_was_just_started() -> None:
    """Nothing is remembered from before: what is damaged on disk is noticed."""
    for memory in (warm.preprocessing, warm.estimator, warm.features, open_pool):
        memory.cache_clear()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Three versions, the second of them champion after the first; the store is closed."""
    with a_template(tmp_path_factory) as loop:
        promote(loop, 2, expected=1)
        return loop


@pytest.fixture
def loop(template: Rehearsal, workspace: Path) -> Iterator[Rehearsal]:
    """The template, in a workspace of one's own."""
    with copied(template, workspace) as loop:
        yield loop


def promote(loop: Rehearsal, number: int, *, expected: int) -> None:
    now = worker.utc_now()
    champions.promote(
        loop.store, loop.admin, "texts", number=number, expected=expected, reason="", now=now
    )


def roll_back(loop: Rehearsal) -> int:
    now = worker.utc_now()
    return champions.rollback(loop.store, loop.admin, "texts", reason="", now=now)


def name_of(loop: Rehearsal, number: int) -> str:
    return str(estimators(loop)[number].relative_to(loop.store.home))


def artefact(loop: Rehearsal, digest: str) -> Path:
    return loop.store.home / "artefacts" / digest[:2] / digest


def spoil(path: Path) -> bytes:
    """Flip one bit in the middle of a file, and return what it held."""
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 1
    path.write_bytes(bytes(changed))
    return whole


def estimators(loop: Rehearsal) -> dict[int, Path]:
    return {version.number: artefact(loop, version.estimator) for version in loop.versions()}


def revision(loop: Rehearsal) -> Revision:
    with loop.store.read() as connection:
        found = stored.latest_revision(connection, loop.project.id)
    assert found is not None
    return found


def champion(loop: Rehearsal) -> int | None:
    return project_services.get(loop.store, loop.admin, "texts").champion


def said(loop: Rehearsal) -> list[str]:
    return [item.what for item in damage.listed(loop.store, loop.admin, "texts")]


def ask(loop: Rehearsal, mode: training.Mode = "incremental") -> Job:
    asked = training.request_retrain(
        loop.store, loop.admin, "texts", mode=mode, now=worker.utc_now()
    )
    loop.work()
    return training.job(loop.store, loop.admin, asked.id)


def predict(loop: Rehearsal, version: int | None = None) -> Job:
    asked = predicting.request(
        loop.store,
        loop.admin,
        "texts",
        question=predicting.Question(rows=[{"body": "win"}], version=version),
        now=worker.utc_now(),
    )
    loop.work_once()
    return training.job(loop.store, loop.admin, asked.id)


def test_another_champion_answers_for_a_damaged_one_and_a_warning_says_so(
    loop: Rehearsal,
) -> None:
    path = estimators(loop)[2]
    spoil(path)
    job = predict(loop)
    assert job.state == "done" and (job.result or {})["version"] == 1
    assert champion(loop) == 1
    name = str(path.relative_to(loop.store.home))
    assert said(loop) == [
        f"Version 2 is damaged ({name} does not match its SHA-256): version 1 answers instead. "
        "Restore that file from a backup and promote version 2 again, or stay with version 1."
    ]
    with loop.store.read() as connection:
        last = stored.promotions(connection, loop.project.id)[-1]
    assert (last.version, last.previous, last.person) == (1, 2, None)
    assert last.reason == f"version 2 is damaged: {name}"


def test_a_file_that_is_gone_is_as_damaged_as_one_that_differs(loop: Rehearsal) -> None:
    estimators(loop)[2].unlink()
    assert predict(loop).state == "done"
    assert champion(loop) == 1


def test_the_newest_good_version_answers_where_no_earlier_champion_is_good(
    loop: Rehearsal,
) -> None:
    for number in (1, 2):
        spoil(estimators(loop)[number])
    assert (predict(loop).result or {})["version"] == 3
    assert champion(loop) == 3
    assert len(said(loop)) == 2


def test_a_version_asked_for_by_number_is_not_answered_by_another(loop: Rehearsal) -> None:
    path = estimators(loop)[3]
    spoil(path)
    job = predict(loop, version=3)
    assert job.state == "failed"
    assert job.error is not None and path.name in job.error and "is damaged" in job.error
    assert champion(loop) == 2
    name = path.relative_to(loop.store.home)
    assert said(loop) == [
        f"Version 3 is damaged ({name} does not match its SHA-256) and cannot answer. Restore that "
        "file from a backup."
    ]


def test_with_nothing_left_the_job_fails_and_the_sentence_says_what_to_do(
    loop: Rehearsal,
) -> None:
    spoil(artefact(loop, revision(loop).preprocessing))
    job = predict(loop)
    assert job.state == "failed"
    assert champion(loop) == 2
    (what,) = said(loop)
    assert what.startswith("Versions 1, 2 and 3 are damaged (artefacts/")
    assert what.endswith(
        "and no other version is left to answer. Restore that file from a backup, or retrain."
    )


def test_a_retrain_reads_the_pool_anew_where_the_frozen_preprocessing_is_damaged(
    loop: Rehearsal,
) -> None:
    before = revision(loop)
    path = artefact(loop, before.preprocessing)
    path.write_bytes(b"")
    loop.answer(12)
    job = ask(loop)
    assert job.state == "done"
    newest = loop.versions()[-1]
    assert (newest.number, newest.parent, newest.mode) == (4, None, "full")
    name = path.relative_to(loop.store.home)
    assert newest.because == f"what samples were read with is damaged ({name})"
    assert (job.result or {})["because"] == newest.because
    assert revision(loop).id != before.id
    assert champion(loop) == 4, "no earlier version can answer"
    assert predict(loop).state == "done"
    loop.answer(12)
    assert (ask(loop).result or {})["mode"] == "warm_start"


def test_an_import_reads_the_pool_anew_too_and_asks_for_a_retrain(loop: Rehearsal) -> None:
    artefact(loop, revision(loop).preprocessing).unlink()
    with loop.store.begin() as connection:
        jobs.enqueue(connection, loop.project.id, "prepare", payload={}, now=worker.utc_now())
    done = loop.work()
    assert [job.kind for job in done] == ["prepare", "retrain", "explain"]
    assert "is damaged" in (done[0].result or {})["because"]
    assert loop.versions()[-1].parent is None
    assert len(said(loop)) == 1


def test_an_increment_becomes_a_full_fit_where_the_version_before_is_damaged(
    loop: Rehearsal,
) -> None:
    path = estimators(loop)[3]
    spoil(path)
    loop.answer(12)
    ask(loop)
    newest = loop.versions()[-1]
    assert (newest.number, newest.parent, newest.mode) == (4, 3, "full")
    name = path.relative_to(loop.store.home)
    assert newest.because == f"version 3, to continue from, is damaged ({name})"
    assert champion(loop) == 2


def test_with_nothing_new_to_learn_a_damaged_version_is_made_anew(loop: Rehearsal) -> None:
    spoil(estimators(loop)[3])
    assert (ask(loop).result or {})["version"] == 4
    assert loop.versions()[-1].label_fingerprint == loop.versions()[-2].label_fingerprint


def test_a_worker_that_has_a_version_in_memory_notices_that_its_file_is_damaged(
    loop: Rehearsal,
) -> None:
    assert predict(loop, version=3).state == "done"
    spoil(estimators(loop)[3])
    assert (ask(loop).result or {})["version"] == 4
    assert loop.versions()[-1].because == (
        f"version 3, to continue from, is damaged ({name_of(loop, 3)})"
    )


def test_a_worker_that_has_preprocessing_in_memory_makes_no_version_that_needs_its_lost_file(
    loop: Rehearsal,
) -> None:
    assert predict(loop).state == "done"
    artefact(loop, revision(loop).preprocessing).unlink()
    loop.answer(12)
    assert (ask(loop).result or {})["version"] == 4
    assert predict(loop, version=4).state == "done"
    assert champion(loop) == 4


def test_a_retrain_replaces_a_damaged_champion_by_the_one_before(loop: Rehearsal) -> None:
    spoil(estimators(loop)[2])
    loop.answer(12)
    ask(loop)
    assert champion(loop) == 1
    assert len(loop.versions()) == 4


def test_a_fall_back_is_no_rollback_and_the_line_goes_on(loop: Rehearsal) -> None:
    spoil(estimators(loop)[2])
    loop.answer(12)
    ask(loop)
    assert (loop.versions()[-1].parent, loop.versions()[-1].mode) == (3, "warm_start")


def test_a_file_that_was_restored_is_no_longer_warned_of(loop: Rehearsal) -> None:
    path = estimators(loop)[3]
    whole = spoil(path)
    predict(loop, version=3)
    assert len(said(loop)) == 1
    path.write_bytes(whole)
    assert predict(loop, version=3).state == "done"
    assert said(loop) == []


def test_a_version_in_memory_is_not_asked_once_its_file_is_damaged(loop: Rehearsal) -> None:
    assert (predict(loop).result or {})["version"] == 2
    estimators(loop)[2].unlink()
    assert (predict(loop).result or {})["version"] == 1
    assert said(loop)[0].startswith(f"Version 2 is damaged ({name_of(loop, 2)} is missing): ")


def test_a_damaged_version_is_not_promoted(loop: Rehearsal) -> None:
    whole = spoil(estimators(loop)[3])
    with pytest.raises(Damaged, match=f"{estimators(loop)[3].name} is damaged.* from a backup"):
        promote(loop, 3, expected=2)
    assert champion(loop) == 2
    estimators(loop)[3].write_bytes(whole)
    promote(loop, 3, expected=2)
    assert champion(loop) == 3


def test_a_rollback_leads_past_a_damaged_champion(loop: Rehearsal) -> None:
    promote(loop, 3, expected=2)
    assert champions.rollback_to(loop.store, loop.admin, "texts") == 2
    spoil(estimators(loop)[2])
    assert champions.rollback_to(loop.store, loop.admin, "texts") == 1
    assert roll_back(loop) == champion(loop) == 1


def test_there_is_no_rollback_where_all_champions_before_are_damaged(loop: Rehearsal) -> None:
    estimators(loop)[1].unlink()
    with pytest.raises(Damaged, match=f"{estimators(loop)[1].name} is missing"):
        roll_back(loop)
    assert champion(loop) == 2


def test_who_has_promoted_an_earlier_version_rolls_back_to_the_one_before(loop: Rehearsal) -> None:
    promote(loop, 1, expected=2)
    loop.answer(12)
    ask(loop)
    assert loop.versions()[-1].because == ""
    assert roll_back(loop) == 2
    loop.answer(12)
    ask(loop)
    assert loop.versions()[-1].because == "the champion was rolled back"
    assert roll_back(loop) == 1


def test_the_last_good_champion_answers_though_a_rollback_has_left_it(loop: Rehearsal) -> None:
    assert roll_back(loop) == 1
    spoil(estimators(loop)[1])
    assert (predict(loop).result or {})["version"] == 2


def test_where_no_champion_is_good_it_is_said_that_a_newcomer_answers(loop: Rehearsal) -> None:
    for number in (1, 2):
        spoil(estimators(loop)[number])
    predict(loop)
    assert any(
        "): version 3, which never was champion before, answers instead." in what
        for what in said(loop)
    )


def test_damaged_features_are_computed_again(loop: Rehearsal) -> None:
    before = revision(loop)
    (data,) = (loop.store.home / "features").glob(f"*/{before.preprocessing}/*/data")
    whole = data.read_bytes()
    data.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    loop.answer(12)
    assert ask(loop).state == "done"
    assert loop.versions()[-1].revision_id == before.id
    assert loop.versions()[-1].mode == "warm_start"
    (data,) = (loop.store.home / "features").glob(f"*/{before.preprocessing}/*/data")
    assert data.read_bytes() == whole


def shard(loop: Rehearsal) -> Path:
    with loop.store.read() as connection:
        (found,) = projects.shards(connection, loop.project.id)
    return pool_folder(loop.store.home, loop.project.id) / f"{found.sha256}.arrow"


def test_a_damaged_shard_is_named_and_the_job_fails_with_a_sentence(loop: Rehearsal) -> None:
    path = shard(loop)
    path.write_bytes(path.read_bytes()[:100])
    open_pool.cache_clear()
    asked = training.request_retrain(
        loop.store, loop.admin, "texts", mode="full", now=worker.utc_now()
    )
    loop.work_once()
    job = training.job(loop.store, loop.admin, asked.id)
    assert job.state == "failed" and job.error is not None and path.name in job.error
    (what,) = said(loop)
    assert what == (
        f"A part of the pool is damaged (shards/{loop.project.id}/{path.name} does not match its "
        "SHA-256): its samples can be neither shown nor learned. Restore that file from a backup."
    )
    assert len(loop.versions()) == 3


def test_one_bit_of_a_shard_is_noticed_when_the_pool_is_read(loop: Rehearsal) -> None:
    whole = spoil(shard(loop))
    with loop.store.begin() as connection:
        jobs.enqueue(connection, loop.project.id, "prepare", payload={}, now=worker.utc_now())
    job = loop.work_once()
    assert job is not None and (job.kind, job.state) == ("prepare", "failed")
    assert shard(loop).name in (job.error or "")
    assert len(said(loop)) == 1
    shard(loop).write_bytes(whole)
    open_pool.cache_clear()
    with loop.store.begin() as connection:
        jobs.enqueue(connection, loop.project.id, "prepare", payload={}, now=worker.utc_now())
    assert loop.work()[0].state == "done"
    assert said(loop) == []


def queue(loop: Rehearsal, what: str) -> Job:
    """Do a job that needs the whole pool, and return it as it ended."""
    now = worker.utc_now()
    if what == "retrain":
        job = training.request_retrain(loop.store, loop.admin, "texts", mode="full", now=now)
    else:
        question = predicting.Question(pool=True)
        job = predicting.request(loop.store, loop.admin, "texts", question=question, now=now)
    loop.work_once()
    return training.job(loop.store, loop.admin, job.id)


@pytest.mark.parametrize("what", ["retrain", "predict"])
def test_one_bit_of_a_shard_stops_every_job_that_needs_the_pool(loop: Rehearsal, what: str) -> None:
    spoil(shard(loop))
    job = queue(loop, what)
    assert job.state == "failed" and shard(loop).name in (job.error or "")
    assert len(said(loop)) == 1
    assert len(loop.versions()) == 3


def test_labels_are_not_exported_with_samples_of_a_damaged_shard(loop: Rehearsal) -> None:
    def exported(what: exporting.What) -> bytes:
        now = worker.utc_now()
        pieces = exporting.export(
            loop.store, loop.admin, "texts", what=what, file_format="csv", now=now
        )
        return b"".join(pieces)

    assert b"win" in exported("labels")
    whole = spoil(shard(loop))
    with pytest.raises(Damaged, match=f"{shard(loop).name} is damaged"):
        exported("labels")
    assert len(said(loop)) == 1
    assert exported("history"), "it holds no samples"
    shard(loop).write_bytes(whole)
    assert exported("labels")


def test_nothing_is_made_again_from_a_damaged_shard(loop: Rehearsal) -> None:
    spoil(shard(loop))
    with pytest.raises(Damaged, match=f"{shard(loop).name} is damaged"):
        rebuild(loop.store, loop.admin, "texts", number=3, now=worker.utc_now())
    assert len(said(loop)) == 1


def test_what_is_said_of_a_shard_changes_with_what_is_wrong(loop: Rehearsal) -> None:
    spoil(shard(loop))
    queue(loop, "predict")
    assert "does not match its SHA-256" in said(loop)[0]
    shard(loop).unlink()
    queue(loop, "predict")
    (what,) = said(loop)
    assert "is missing" in what and "SHA-256" not in what


def test_a_champion_that_has_moved_meanwhile_is_left_alone(loop: Rehearsal) -> None:
    spoil(estimators(loop)[2])
    promote(loop, 3, expected=2)
    error = Damaged(str(estimators(loop)[2]))
    assert mending.react(loop.store, loop.project.id, error, now=worker.utc_now()) is False
    assert champion(loop) == 3


def test_what_was_said_of_a_file_is_said_anew_and_once(store: Store) -> None:
    project = a_project(store)
    with store.begin() as connection:
        for what in ("first", "second"):
            stored_files.note_damage(
                connection, project.id, path="artefacts/ab", what=what, now=NOW
            )
        assert stored_files.damaged(connection, project.id) == (
            Damage("artefacts/ab", "second", NOW),
        )
        stored_files.forget_damage(connection, project.id, "artefacts/cd")
        assert len(stored_files.damaged(connection, project.id)) == 1
        stored_files.forget_damage(connection, project.id, "artefacts/ab")
        assert stored_files.damaged(connection, project.id) == ()

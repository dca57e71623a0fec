"""The doctor: each thing that can be wrong is made wrong, found, and named with its remedy."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import column, delete, insert, select, table, text, update

from mlvajra_al import config
from mlvajra_al.cli.application import run
from mlvajra_al.config import sqlite_url
from mlvajra_al.records import Finding, Project
from mlvajra_al.services import claiming, labelling
from mlvajra_al.services.checking import examination, machine
from mlvajra_al.store import (
    artefacts,
    checksums,
    features,
    files,
    job_leases,
    jobs,
    processes,
    shards,
)
from mlvajra_al.store.checks import broken
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import metadata
from mlvajra_al.store.staging import exclusive
from tests.factories import LEASE, a_person, a_pool, a_project, a_version, an_answer, rank
from tests.harms import flip

NOW = datetime.now(UTC)
"""Files have the time of the machine, so that rows must have it too."""
OLD = NOW.timestamp() - 2 * 86_400
MEMORY = Path("/proc/self/mem")
TABLES = metadata.tables
RNG = np.random.default_rng(0)


def examined(store: Store, *, fix: bool = False, now: datetime = NOW) -> list[Finding]:
    found = examination.examine(store, now=now, lease=LEASE, fix=fix)
    # The machine that runs the tests may be short of room.
    return [item for item in found if item.check != "disk"]


@pytest.fixture
def project(store: Store) -> Project:
    """A workspace in which something of most kinds has happened, and nothing is wrong."""
    store.home.chmod(0o700)
    project, ada = a_project(store), a_person(store)
    rank(store, project, 6)
    (shards.pool_folder(store.home, project.id) / "staging").rmdir()
    answers = [an_answer("p1"), an_answer("p2", "spam"), an_answer("p3", action="skip")]
    labelling.record(store, ada, "spam", answers=answers, now=NOW, lease=LEASE)
    a_version(store, project)
    with store.begin() as connection:
        connection.execute(update(TABLES["project"]).values(champion=1))
    return project


def execute(store: Store, *statements: Any) -> None:
    """Change rows behind everybody's back, foreign keys and all."""
    with store.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def test_nothing_is_wrong_with_a_workspace_at_work(store: Store, project: Project) -> None:
    assert examined(store) == []
    assert examined(store, fix=True) == []


def test_nothing_is_wrong_with_an_empty_workspace(store: Store) -> None:
    store.home.chmod(0o700)
    assert examined(store) == []


def the_shard(store: Store, project: Project) -> Path:
    (path,) = shards.pool_folder(store.home, project.id).glob("*.arrow")
    return path


def a_blob(store: Store, project: Project) -> Path:
    return sorted(store.home.glob("artefacts/*/*"))[0]


@pytest.mark.parametrize("which", [the_shard, a_blob])
@pytest.mark.parametrize(
    ("harm", "words"), [(flip, "is damaged: its SHA-256 does not match"), (Path.unlink, "missing")]
)
def test_a_file_that_is_not_what_was_written_is_named(
    store: Store,
    project: Project,
    which: Callable[[Store, Project], Path],
    harm: Callable[[Path], None],
    words: str,
) -> None:
    path = which(store, project)
    harm(path)
    (finding,) = examined(store, fix=True)
    assert (finding.check, finding.wrong, finding.fixed) == ("files", True, False)
    assert words in finding.what
    name = path.relative_to(store.home).as_posix()
    assert finding.what.startswith(name)
    assert f"copy BACKUP/{name} of a backup to its place" in finding.remedy
    assert ("train in full" in finding.remedy) == (which is a_blob)


@pytest.mark.skipif(not MEMORY.exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_its_disk_cannot_read_is_named_and_the_rest_examined(
    store: Store, project: Project
) -> None:
    shard, blob = the_shard(store, project), a_blob(store, project)
    shard.unlink()
    shard.symlink_to(MEMORY)
    blob.unlink()
    assert [item.what for item in examined(store)] == [
        f"{shard.relative_to(store.home)} cannot be read (Input/output error)",
        f"{blob.relative_to(store.home)} is missing",
    ]


def the_features(store: Store) -> Path:
    with store.read() as connection:
        (place,) = (features.folder(store.home, *item) for item in files.featured(connection))
    features.append(place, lambda _: [np.ones((6, 2), np.float32)])
    return place / "6" / "data"


def predictions(store: Store) -> Path:
    path = store.home / "results" / "a.csv"
    path.parent.mkdir()
    path.write_text("key,label\n")
    result = {"file": path.name, "sha256": checksums.sha256_of(path)}
    with store.begin() as connection:
        number = jobs.enqueue(connection, 1, "predict", payload={}, now=NOW)
        jobs.finish(connection, number or 0, state="done", now=NOW, result=result)
    return path


@pytest.mark.parametrize("which", [the_features, predictions])
def test_what_can_be_made_anew_is_removed_once_it_is_damaged(
    store: Store, project: Project, which: Callable[[Store], Path]
) -> None:
    path = which(store)
    assert examined(store) == []
    flip(path)
    name = path.relative_to(store.home).as_posix()
    (told,) = examined(store)
    assert (told.what, told.wrong) == (f"{name} is damaged", True)
    assert told.remedy.startswith("'mlvajra doctor --fix' removes it; ")
    (mended,) = examined(store, fix=True)
    assert (mended.what, mended.wrong) == (f"{name} is damaged, and was removed", False)
    assert not path.exists() and examined(store) == []


SLOT, ANNOTATION = TABLES["slot"], TABLES["annotation"]
PROJECT, VERSION, JOB = TABLES["project"], TABLES["version"], TABLES["job"]
A_JOB = {
    "id": 1,
    "project_id": 1,
    "kind": "retrain",
    "priority": 0,
    "payload": {},
    "created_at": NOW,
}


BROKEN: list[tuple[Any, str]] = [
    (
        update(SLOT).where(SLOT.c.sample_key == "p4").values(done=True, annotator_id=1),
        "samples are closed for a person who never answered them: 1, for instance spam: p4",
    ),
    (
        update(SLOT).where(SLOT.c.sample_key == "p4").values(done=True),
        "samples are closed for a person who never answered them: 1, for instance spam: p4",
    ),
    (
        update(SLOT).where(SLOT.c.sample_key == "p5").values(annotator_id=1),
        "claims are held by nobody, or by somebody without a token: 1, for instance spam: p5",
    ),
    (
        update(ANNOTATION).where(ANNOTATION.c.seq == 1).values(label=None),
        "answers have no label, or other events have one: 1, for instance spam: 1",
    ),
    (
        update(ANNOTATION).where(ANNOTATION.c.seq == 3).values(label="ham"),
        "answers have no label, or other events have one: 1, for instance spam: 3",
    ),
    (
        update(ANNOTATION)
        .where(ANNOTATION.c.seq == 2)
        .values(
            supersedes=select(ANNOTATION.c.event_id).where(ANNOTATION.c.seq == 1).scalar_subquery()
        ),
        "events supersede one about another sample or by a later one: 1, for instance spam: 2",
    ),
    (
        update(ANNOTATION).where(ANNOTATION.c.seq == 3).values(seq=4),
        "projects have events that are numbered beyond their counter: 1, for instance spam",
    ),
    (
        delete(ANNOTATION).where(ANNOTATION.c.seq == 3),
        "projects have fewer events than were numbered: 1, for instance spam",
    ),
    (
        update(PROJECT).values(champion=7),
        "projects have a champion that does not exist: 1, for instance spam: 7",
    ),
    (
        update(VERSION).values(label_seq=99),
        "versions learned from events that do not exist: 1, for instance spam: 1",
    ),
    (
        update(VERSION).values(shards=["0" * 64]),
        "versions learned from shards that do not exist: 1, for instance spam: 1",
    ),
    (
        update(TABLES["shard"]).values(start=1),
        "shards of pools overlap or leave a gap: 1, for instance spam: 0",
    ),
    (
        insert(JOB).values(**A_JOB, state="done"),
        "jobs have ended without an end, or run without a worker: 1, for instance spam: 1",
    ),
    (
        insert(JOB).values(**A_JOB, state="running"),
        "jobs have ended without an end, or run without a worker: 1, for instance spam: 1",
    ),
]


def test_rows_that_contradict_each_other_are_named(store: Store, project: Project) -> None:
    with store.engine.connect() as connection:
        for statement, words in BROKEN:
            connection.execute(statement)
            found = [f"{b.what}: {b.count}, for instance {b.example}" for b in broken(connection)]
            assert words in found
            connection.rollback()
        assert list(broken(connection)) == []
        connection.rollback()


def test_a_contradiction_is_wrong_and_never_mended(store: Store, project: Project) -> None:
    execute(store, update(PROJECT).values(champion=7))
    (finding,) = examined(store, fix=True)
    assert (finding.check, finding.wrong, finding.fixed) == ("rows", True, False)
    assert finding.what.endswith("champion that does not exist: 1, for instance spam: 7")
    assert "report it with the output of 'mlvajra doctor --json'" in finding.remedy


def test_a_project_of_one_label_is_named(store: Store, project: Project) -> None:
    a_project(store, "eggs")
    label = TABLES["label"]
    execute(store, delete(label).where(label.c.project_id == 2, label.c.name == "spam"))
    (finding,) = examined(store)
    assert "projects have fewer than two labels: 1, for instance eggs" in finding.what


def test_a_report_about_answers_that_are_not_there_is_named(store: Store, project: Project) -> None:
    values = {"asked": 1, "answered": 1, "skipped": 0, "evaluation": {}, "created_at": NOW}
    execute(
        store,
        insert(TABLES["report"]).values(project_id=project.id, version=1, holdout_seq=9, **values),
    )
    (finding,) = examined(store)
    assert "reports measure events that do not exist: 1, for instance spam: 1" in finding.what


def test_an_answer_about_a_sample_that_stands_elsewhere_is_noticed(
    store: Store, project: Project
) -> None:
    chosen = ANNOTATION.c.seq == 1
    for position in (0, 5, 6, -1):
        execute(store, update(ANNOTATION).where(chosen).values(position=position))
        (finding,) = examined(store)
        assert finding.what == (
            "spam: 1 answers or questions name a sample that does not stand where they say"
        )


def a_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "part").write_bytes(b"x" * 2**20)


def a_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 2**20)


STRAYS: dict[str, Callable[[Path], None]] = {
    "shards/1/" + "0" * 64 + ".arrow": a_file,
    "shards/1/staging": a_folder,
    "shards/77/" + "0" * 64 + ".arrow": a_file,
    "artefacts/00/" + "0" * 64: a_file,
    "artefacts/00/" + "0" * 64 + ".abc.partial": a_file,
    "features/1/" + "0" * 64: a_folder,
    "uploads/" + "a" * 32: a_folder,
    "results/predictions-9-version-1.csv": a_file,
    "results/predictions-9-version-1.csv.partial": a_file,
    ".restoring": a_folder,
}


def age(path: Path) -> None:
    for part in (*path.rglob("*"), path):
        os.utime(part, (OLD, OLD))


def test_what_nothing_mentions_is_found_and_removed_when_it_is_old(
    store: Store, project: Project
) -> None:
    paths = [store.home / name for name in STRAYS]
    for path, make in zip(paths, STRAYS.values(), strict=True):
        make(path)
    assert examined(store, fix=True) == []
    assert all(path.exists() for path in paths), "they may belong to something under way"
    for path in paths:
        age(path)
    (finding,) = examined(store)
    assert not finding.wrong
    assert finding.what == (
        f"{len(paths)} files or folders that nothing mentions ({len(paths):.1f} MB), "
        f"for instance {min(paths)}"
    )
    (finding,) = examined(store, fix=True)
    assert (finding.fixed, finding.what.split()[0]) == (True, "removed")
    assert not any(path.exists() for path in paths)
    assert examined(store) == []


def test_what_is_in_use_is_no_stray_however_old(store: Store, project: Project) -> None:
    upload, result = store.home / "uploads" / ("b" * 32), store.home / "results" / "a.csv"
    a_folder(upload)
    a_file(result)
    features = store.home / "features" / "1" / a_version_digest(store)
    a_folder(features)
    with store.begin() as connection:
        payload = {"uri": str(upload / "part")}
        jobs.enqueue(connection, project.id, "ingest", payload=payload, now=NOW)
        done = jobs.enqueue(connection, project.id, "predict", payload={}, now=NOW)
        assert done is not None
        jobs.finish(connection, done, state="done", now=NOW, result={"file": "a.csv"})
    for path in (upload, result, features, store.home / "artefacts", store.home / "shards"):
        age(path)
    assert examined(store, fix=True) == []
    assert upload.exists()
    assert result.exists()
    assert features.exists()


def a_version_digest(store: Store) -> str:
    with store.read() as connection:
        return str(connection.scalar(select(TABLES["revision"].c.preprocessing)))


def test_a_stray_of_a_pool_stays_while_an_import_is_under_way(
    store: Store, project: Project
) -> None:
    folder = shards.pool_folder(store.home, project.id)
    path = folder / ("0" * 64 + ".arrow")
    a_file(path)
    age(path)
    with exclusive(folder):
        (finding,) = examined(store, fix=True)
    assert not finding.fixed
    assert path.exists()


def test_a_blob_that_is_stored_again_is_no_stray_any_more(store: Store, project: Project) -> None:
    digest = artefacts.put(store.home, b"a model nobody mentions")
    (path,) = store.home.glob(f"artefacts/*/{digest}")
    age(path)
    assert len(examined(store)) == 1
    artefacts.put(store.home, b"a model nobody mentions")
    assert examined(store, fix=True) == []
    assert path.exists()


def test_what_a_restore_moved_aside_is_mentioned_and_kept(store: Store, project: Project) -> None:
    aside = store.home / "before-restore-2026"
    a_folder(aside)
    a_file(aside / "artefacts" / "x.partial")
    age(aside)
    (finding,) = examined(store, fix=True)
    assert not finding.wrong
    assert "holds what a restore has replaced (2.0 MB)" in finding.what
    assert aside.exists()


def test_leases_from_a_wrong_clock_are_found_and_ended(store: Store, project: Project) -> None:
    ada = a_person(store, "Grace")
    ahead = NOW + timedelta(hours=1)
    claiming.claim(store, ada, "spam", n=2, now=ahead, lease=LEASE, rng=RNG)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "retrain", payload={}, now=NOW)
        lease = timedelta(hours=2)
        assert job_leases.claim(connection, worker="w", now=NOW, lease=lease) is not None
    (finding,) = [item for item in examined(store) if item.check == "leases"]
    assert finding.what.startswith("2 claims and 1 jobs are leased for longer than anybody may")
    assert finding.wrong
    (finding,) = [item for item in examined(store, fix=True) if item.check == "leases"]
    assert (finding.wrong, finding.fixed) == (False, True)
    assert [item for item in examined(store) if item.check == "leases"] == []
    assert len(claiming.claim(store, ada, "spam", n=3, now=NOW, lease=LEASE, rng=RNG)) == 3


def test_a_clock_that_was_set_back_is_noticed(store: Store, project: Project) -> None:
    found = examined(store, now=NOW - timedelta(hours=1))
    assert [item.check for item in found] == ["clocks"]
    assert "the clock was set back, or two machines disagree" in found[0].remedy


def test_one_job_that_nobody_does_waits(store: Store, project: Project) -> None:
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "simulate", payload={}, now=NOW)
    (finding,) = examined(store, now=NOW + timedelta(hours=2))
    assert finding.what == "simulate 1 waits and no worker is running"


def test_jobs_that_nobody_does_are_told(store: Store, project: Project) -> None:
    with store.begin() as connection:
        for kind in ("retrain", "predict", "explain", "evaluate"):
            jobs.enqueue(connection, project.id, kind, payload={}, now=NOW)
        job_leases.claim(connection, worker="w", now=NOW, lease=LEASE)
    late = NOW + timedelta(hours=2)
    (finding,) = examined(store, now=late)
    assert not finding.wrong
    assert finding.what == (
        "retrain 1, predict 2, explain 3 and 1 more job wait and no worker is running"
    )
    assert finding.remedy == "start 'mlvajra run' or 'mlvajra worker'"
    with store.begin() as connection:
        report = {"kind": "worker", "started_at": late, "now": late, "doing": ""}
        processes.report(connection, "other", **report)
    (finding,) = examined(store, now=late)
    assert finding.wrong
    assert "retrain 1 lost their worker more than 5 minutes ago and 1 workers" in finding.what
    execute(store, update(JOB).where(JOB.c.id == 1).values(lease_until=late))
    (finding,) = examined(store, now=late)
    assert (finding.wrong, finding.remedy) == (False, "they are done in turn")


def test_a_worker_that_ended_without_a_word_is_forgotten(store: Store, project: Project) -> None:
    with store.begin() as connection:
        report = {"kind": "worker", "started_at": NOW, "now": NOW, "doing": ""}
        processes.report(connection, "host:17", **report)
        processes.report(connection, "web:1", **report | {"kind": "web"})
    late = NOW + timedelta(minutes=1)
    (finding,) = examined(store, now=late)
    assert (finding.wrong, finding.fixed) == (False, False)
    assert "1 worker ended without a word, for instance host:17" in finding.what
    (finding,) = examined(store, now=late, fix=True)
    assert finding.fixed
    assert examined(store, now=late) == []


def test_a_workspace_others_can_read_is_told(store: Store, project: Project) -> None:
    store.home.chmod(0o755)
    (finding,) = examined(store)
    assert not finding.wrong
    assert finding.remedy == f"chmod 700 {store.home}"


def test_what_cannot_be_written_is_named(
    store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = [store.home / "shards"]
    plain = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path not in closed and plain(path, mode))
    (finding,) = examined(store)
    assert finding.wrong
    assert finding.what == f"{store.home / 'shards'} cannot be written by this account"
    closed.append(store.home)
    (finding,) = examined(store)
    assert finding.what == f"{store.home} cannot be written by this account, and 1 more"


@pytest.mark.parametrize(("free", "told", "wrong"), [(2**31, 0, 0), (2**29, 1, 0), (2**26, 1, 1)])
def test_a_disk_that_is_nearly_full_is_told(
    store: Store, free: int, told: int, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "free_bytes", lambda _place: free)
    found = [
        item for item in examination.examine(store, now=NOW, lease=LEASE) if item.check == "disk"
    ]
    assert (len(found), sum(item.wrong for item in found)) == (told, wrong)


def test_a_schema_this_program_cannot_work_with_is_all_that_is_said(
    store: Store, project: Project
) -> None:
    revision = table("alembic_version", column("version_num"))
    for stored, words in (("0001", "is older than"), ("9999", "is newer than this program")):
        execute(store, update(revision).values(version_num=stored))
        (finding,) = examined(store)
        assert words in finding.what


def test_a_database_that_says_two_things_of_its_schema_is_told(
    store: Store, project: Project
) -> None:
    revision = table("alembic_version", column("version_num"))
    execute(store, insert(revision).values(version_num="0"))
    (finding,) = examined(store)
    execute(store, delete(revision).where(revision.c.version_num == "0"))
    assert finding.what.startswith("the database says of its schema that it is '0' and '0")
    assert finding.wrong


@pytest.mark.parametrize("name", ["uq_annotation_first", "ix_person_lower_name"])
def test_a_unique_index_that_is_gone_is_found_and_made_again_as_is_told(
    store: Store, project: Project, name: str
) -> None:
    execute(store, text(f"DROP INDEX {name}"))
    (finding,) = examined(store)
    assert finding.what.startswith("the table ") and f"its unique index {name}: " in finding.what
    execute(store, text(finding.remedy.partition("(")[2].partition("); where")[0]))
    assert examined(store) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_unique_constraint_that_is_gone_is_found(store: Store, project: Project) -> None:
    name = "uq_slot_project_id_sample_key_annotator_id"
    execute(store, text(f"ALTER TABLE slot DROP CONSTRAINT {name}"))
    (finding,) = examined(store)
    columns = "(project_id, sample_key, annotator_id)"
    execute(store, text(f"ALTER TABLE slot ADD CONSTRAINT {name} UNIQUE {columns}"))
    assert f"(CREATE UNIQUE INDEX {name} ON slot {columns})" in finding.remedy


def test_a_database_without_tables_is_told(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url, tmp_path / "home")
    (finding,) = examined(store)
    assert finding.what == "the database holds no tables of ours"
    assert finding.remedy.startswith("start 'mlvajra run'")
    model = store.home / "artefacts" / "ab" / "abc"
    model.parent.mkdir(parents=True)
    model.touch()
    (finding,) = examined(store)
    store.close()
    assert "belong to another database" in finding.remedy


@pytest.mark.parametrize("what", ["no database", "cut short"])
def test_a_file_that_is_no_database_any_more_is_told(what: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = home / "mlvajra.db"
    if what == "cut short":
        whole = Store.open(sqlite_url(file), home)
        whole.migrate()
        whole.close()
        file.write_bytes(file.read_bytes()[:50_000])
    else:
        home.mkdir()
        file.write_bytes(b"something else " * 1_000)
    store = Store.open(sqlite_url(file), home)
    found = [item for item in examined(store) if item.check == "database"]
    store.close()
    assert all(item.what.startswith("the database is damaged: ") for item in found) and found
    assert all("restore the newest good backup" in item.remedy for item in found)


UNREADABLE = {
    "project SET recipe = '{bad'": "project.recipe cannot be read (Expecting property name",
    "project SET recipe = '{\"columns\": 1}'": "project.recipe cannot be read (",
    "project SET policy = 'null'": "project.policy cannot be read (",
    "project SET name = CAST(x'ff' AS TEXT)": "project.name cannot be read (Could not decode",
    "annotation SET created_at = 'now'": "annotation.created_at cannot be read (Invalid iso",
    "annotation SET comment = x'ff'": "annotation.comment cannot be read (a cell holds bytes",
    "annotation SET position = 'p'": "annotation.position cannot be read (a cell holds str",
    "annotation SET labels = '[bad'": "annotation.labels cannot be read (Expecting value",
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("harm", UNREADABLE)
def test_a_cell_that_cannot_be_read_is_named_by_its_column(
    store: Store, project: Project, harm: str
) -> None:
    execute(store, text(f"UPDATE {harm}"))
    (finding,) = [item for item in examined(store) if item.check == "cells"]
    assert finding.what.startswith(f"the database is damaged: {UNREADABLE[harm]}")
    assert finding.wrong
    assert "restore the newest good backup" in finding.remedy


def test_a_table_that_lost_a_column_is_named(store: Store, project: Project) -> None:
    execute(store, text("ALTER TABLE audit DROP COLUMN detail"))
    (finding,) = [item for item in examined(store) if item.check == "cells"]
    assert finding.what.startswith("the database is damaged: audit.detail cannot be read (")


def test_a_damaged_sqlite_file_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mlvajra.db'}"
    store = Store.open(url, tmp_path)
    store.migrate()
    store.close()
    with sqlite3.connect(tmp_path / "mlvajra.db") as plain:
        plain.execute("PRAGMA foreign_keys=OFF")
        plain.execute("INSERT INTO membership (project_id, person_id, added_at) VALUES (7, 8, 0)")
        plain.commit()
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    plain.close()
    store = Store.open(url, tmp_path)
    found = [item.what for item in examined(store) if item.check == "database"]
    assert found == [
        "the database is damaged: 1 rows of membership mention a person that is not there",
        "the database is damaged: 1 rows of membership mention a project that is not there",
    ]
    store.close()
    with (tmp_path / "mlvajra.db").open("rb+") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 3 * 4096)
    store = Store.open(url, tmp_path)
    assert any(item.check == "database" for item in examined(store))
    store.close()


def test_an_invalid_index_of_postgresql_is_told(postgresql: str, tmp_path: Path) -> None:
    store = Store.open(f"{postgresql}/postgres", tmp_path)
    store.migrate()
    invalid = "UPDATE pg_index SET indisvalid = {} WHERE indexrelid = 'ix_job_state'::regclass"
    with store.begin() as connection:
        connection.exec_driver_sql(invalid.format("false"))
    found = [item.what for item in examined(store) if item.check == "database"]
    with store.begin() as connection:
        connection.exec_driver_sql(invalid.format("true"))
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    store.close()
    assert found == ["the database is damaged: the index ix_job_state is not valid"]


def test_pages_that_postgresql_found_damaged_are_told(postgresql: str, tmp_path: Path) -> None:
    # Our view stands before the one of the same name that only real damage would change.
    url = f"{postgresql}/postgres?options=-csearch_path%3Dpublic,pg_catalog"
    store = Store.open(url, tmp_path)
    store.migrate()
    view = "CREATE VIEW pg_stat_database AS SELECT current_database() datname, 3 checksum_failures"
    with store.begin() as connection:
        connection.exec_driver_sql(view)
    found = [item.what for item in examined(store) if item.check == "database"]
    with store.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    store.close()
    assert found == ["the database is damaged: PostgreSQL counted 3 pages whose checksum is wrong"]


def test_the_command_ends_with_1_when_something_is_wrong(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor"]) == 1
    assert "there is no workspace" in capsys.readouterr().err
    store = Store.open(f"sqlite:///{workspace / 'mlvajra.db'}", workspace)
    store.migrate()
    project = a_project(store)
    rank(store, project, 2)
    workspace.chmod(0o755)
    assert run(["doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["wrong"] == 0
    assert {"check", "what", "remedy", "wrong", "fixed"} == set(answer["findings"][0])
    the_shard(store, project).unlink()
    assert run(["doctor", "--fix"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("wrong | shards/1/")
    assert lines[-1] == "1 thing is wrong"
    store.close()


def test_a_database_on_a_server_is_examined_though_the_folder_is_gone(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", server_url)
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path / "lost"))
    config.settings.cache_clear()
    store = Store.open(server_url, tmp_path / "elsewhere")
    store.migrate()
    a_version(store, a_project(store))
    store.close()
    assert run(["doctor"]) == 1
    words = capsys.readouterr().out
    assert f"the folder of the workspace, {tmp_path / 'lost'}, did not exist" in words
    assert "is missing" in words, "the files that its rows mention"


def test_a_database_that_is_away_is_named_with_the_setting_to_check(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", "postgresql://ada:secret@127.0.0.1:1/x")
    config.settings.cache_clear()
    assert run(["doctor"]) == 1
    words = capsys.readouterr().err
    assert "the database postgresql+psycopg://ada:***@127.0.0.1:1/x cannot be used: " in words
    assert "check MLVAJRA_DATABASE_URL and MLVAJRA_HOME" in words


def test_a_project_without_a_holdout_is_pointed_out(store: Store, project: Project) -> None:
    same = a_project(store, "same")
    a_pool(store, same, 300, body="always the same")
    execute(store, update(TABLES["project"]).values(holdout_threshold=0.2))
    found = [item for item in examined(store) if item.check == "holdout"]
    assert [item.what.partition(",")[0] for item in found] == [
        "same: no holdout: of 300 samples none is held out"
    ]
    assert not found[0].wrong

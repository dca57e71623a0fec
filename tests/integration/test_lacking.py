"""Backups of a workspace that is damaged: what is whole is kept, what is not is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mlvajra_al import worker
from mlvajra_al.cli.application import run
from mlvajra_al.errors import UNLIKE, Damaged, Invalid
from mlvajra_al.services import damage, labelling, people, predicting, training
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.backup import Backup, Lacking, backup, listed
from mlvajra_al.services.checking import examination
from mlvajra_al.services.jobs import warm
from mlvajra_al.services.restoring import Place, lacking, restore
from mlvajra_al.store import artefacts, audit, backups, projects, restores, shards
from mlvajra_al.store import versions as stored
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, a_version, an_answer, rank
from tests.harms import flip, shorter
from tests.integration.chains import a_chain
from tests.rehearsal import Rehearsal

LATER = NOW + timedelta(days=1)


HARMS = [(flip, UNLIKE), (shorter, UNLIKE), (Path.unlink, "is missing")]


def the_shard(store: Store) -> Path:
    (path,) = store.home.glob("shards/*/*.arrow")
    return path


def an_old_model(store: Store) -> Path:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
        digest = stored.get(connection, project.id, 1).estimator
    return store.home / "artefacts" / digest[:2] / digest


def name_of(path: Path, store: Store) -> str:
    return path.relative_to(store.home).as_posix()


def filled(store: Store) -> None:
    """Give a workspace a pool, two versions with three files, and two answers."""
    grace = a_person(store, "Grace", role="admin")
    project = a_project(store)
    rank(store, project, 5)
    a_version(store, project, 1)
    a_version(store, project, 2, blob=b"another estimator")
    for key in ("p1", "p2"):
        labelling.record(store, grace, "spam", answers=[an_answer(key)], now=NOW, lease=LEASE)


def copied(store: Store, place: Path, *, now: datetime = NOW) -> Backup:
    return backup(store, people.get(store, "Grace"), place, now=now)


def put(source: Backup, place: Place) -> Store:
    """Restore a backup, and open what became of it."""
    restore(source.folder, place, overwrite=False, now=LATER)
    return Store.open(place.url, place.home)


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.mark.parametrize("which", [the_shard, an_old_model])
@pytest.mark.parametrize(("harm", "what"), HARMS)
def test_a_damaged_file_holds_no_backup_up_and_is_named_in_it(
    store: Store,
    place: Path,
    which: Callable[[Store], Path],
    harm: Callable[[Path], None],
    what: str,
) -> None:
    filled(store)
    path = which(store)
    harm(path)
    name = name_of(path, store)
    made = copied(store, place)
    assert made.manifest.lacking == (Lacking(name, path.stem, what),)
    assert (made.manifest.annotations, made.manifest.files) == (2, 4)
    assert lacking(made.folder) == made.manifest.lacking
    _, sums = backups.opened(made.folder)
    assert name not in sums and len(sums) == 4
    assert names(made.folder) == {*sums, "manifest.json", "SHA256SUMS"}
    for other, digest in sums.items():
        backups.verify(made.folder, other, digest)
    with store.read() as connection:
        (entry, *_) = audit.listed(connection, audit.Filter(), limit=1)
    assert entry.detail == f"{made.folder}, without 1 files"
    assert copied(store, place).manifest.lacking == made.manifest.lacking
    assert len(listed(place)) == 2


def test_though_every_file_is_gone_the_labels_are_kept(
    store: Store, place: Path, target: Place
) -> None:
    filled(store)
    for folder in ("shards", "artefacts"):
        shutil.rmtree(store.home / folder)
    made = copied(store, place)
    assert (made.manifest.files, len(made.manifest.lacking)) == (1, 4)
    restored = put(made, target)
    with restored.read() as connection:
        assert projects.by_name(connection, "spam").last_seq == 2
    restored.close()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_a_backup_that_lacks_files_can_be_checked_without_this_program(
    store: Store, place: Path
) -> None:
    filled(store)
    the_shard(store).unlink()
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(
        command, cwd=copied(store, place).folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, 5), done.stderr


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize(("harm", "_what"), HARMS)
def test_a_whole_copy_of_an_earlier_backup_is_taken_for_a_damaged_file(
    store: Store,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,
    harm: Callable[[Path], None],
    _what: str,
) -> None:
    def refusing(*_: object) -> None:
        raise OSError("no links here")

    filled(store)
    path = the_shard(store)
    name, whole = name_of(path, store), path.read_bytes()
    first = copied(store, place)
    harm(path)
    if not links:
        monkeypatch.setattr(os, "link", refusing)
    second = copied(store, place)
    assert second.manifest.lacking == ()
    assert second.manifest.files == first.manifest.files
    assert (second.folder / name).read_bytes() == whole
    assert (second.folder / name).samefile(first.folder / name) is links
    shutil.rmtree(first.folder)
    assert copied(store, place, now=LATER).manifest.lacking == ()


def test_a_copy_that_is_damaged_too_is_not_taken(store: Store, place: Path) -> None:
    filled(store)
    path = the_shard(store)
    first = copied(store, place)
    path.unlink()
    flip(first.folder / name_of(path, store))
    assert [item.path for item in copied(store, place).manifest.lacking] == [name_of(path, store)]


def test_a_file_that_is_whole_again_is_in_the_next_backup(store: Store, place: Path) -> None:
    filled(store)
    path = an_old_model(store)
    blob = path.read_bytes()
    path.write_bytes(b"rotten")
    assert len(copied(store, place).manifest.lacking) == 1
    path.write_bytes(blob)
    made = copied(store, place)
    assert made.manifest.lacking == ()
    assert artefacts.get(made.folder, path.name) == blob


@pytest.mark.parametrize("which", [the_shard, an_old_model])
def test_what_a_backup_lacks_is_missing_once_it_is_restored_and_nothing_else(
    store: Store, place: Path, target: Place, which: Callable[[Store], Path]
) -> None:
    filled(store)
    path = which(store)
    flip(path)
    name = name_of(path, store)
    restored = put(copied(store, place), target)
    there = {item for item in names(store.home) if item.startswith(("shards/", "artefacts/"))}
    kept = {item for item in names(target.home) if item.startswith(("shards/", "artefacts/"))}
    assert there - kept - {item for item in there if item.endswith("lock")} == {name}
    found = examination.examine(restored, now=LATER, lease=LEASE)
    said = [item.what for item in found if item.check in ("files", "rows", "database")]
    assert said == [f"{name} is missing"]
    with restored.read() as connection:
        (entry, *_) = audit.listed(connection, audit.Filter(), limit=1)
    assert ", without 1 files; 0 sessions" in entry.detail
    ada = a_person(restored, "Ada")
    labelling.record(restored, ada, "spam", answers=[an_answer("p3")], now=LATER, lease=LEASE)
    with restored.read() as connection:
        assert projects.by_name(connection, "spam").last_seq == 3
    assert copied(restored, place.parent / "again").manifest.lacking == (
        Lacking(name, path.stem, "is missing"),
    )
    restored.close()


@pytest.mark.parametrize(("harm", "_what"), HARMS)
@pytest.mark.parametrize("name", ["mlvajra.db", "manifest.json", "SHA256SUMS", "artefacts/*/*"])
def test_a_backup_that_lacks_a_file_is_refused_once_another_of_its_own_is_damaged(
    store: Store,
    place: Path,
    tmp_path: Path,
    name: str,
    harm: Callable[[Path], None],
    _what: str,
) -> None:
    filled(store)
    the_shard(store).unlink()
    made = copied(store, place)
    path = sorted(made.folder.glob(name))[0]
    harm(path)
    home = tmp_path / "target"
    with pytest.raises((Damaged, Invalid), match=path.name):
        restore(made.folder, Place(home, f"sqlite:///{home / 'x.db'}"), overwrite=True, now=LATER)
    assert not home.exists()


def test_a_file_is_lacking_only_where_the_manifest_says_so(
    store: Store, place: Path, tmp_path: Path
) -> None:
    filled(store)
    the_shard(store).unlink()
    made = copied(store, place)
    _, sums = backups.opened(made.folder)
    backups.seal(made.folder, replace(made.manifest, lacking=()), sums)
    home = tmp_path / "target"
    with pytest.raises(Damaged, match="arrow is damaged.*; use another backup"):
        restore(made.folder, Place(home, f"sqlite:///{home / 'x.db'}"), overwrite=True, now=LATER)
    assert restores.contents(home) == []


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Rehearsal:
    """Two versions that have learned, the first of them champion."""
    for memory in (warm.preprocessing, warm.estimator, warm.features, shards.open_pool):
        memory.cache_clear()
    return a_chain(store, tmp_path, fits=2)


def predicted_by(loop: Rehearsal) -> int:
    question = predicting.Question(rows=[{"body": "win"}])
    asked = predicting.request(
        loop.store, loop.admin, "texts", question=question, now=worker.utc_now()
    )
    loop.work_once()
    job = training.job(loop.store, loop.admin, asked.id)
    assert job.state == "done", job.error
    return int((job.result or {})["version"])


def test_the_last_good_version_answers_for_a_champion_that_was_lacking(
    loop: Rehearsal, place: Path, target: Place
) -> None:
    champion = loop.versions()[0].estimator
    name = f"artefacts/{champion[:2]}/{champion}"
    flip(loop.store.home / name)
    made = backup(loop.store, loop.admin, place, now=NOW)
    assert [item.path for item in made.manifest.lacking] == [name]
    store = put(made, target)
    shards.open_pool.cache_clear()
    restored = replace(loop, store=store)
    assert predicted_by(restored) == 2
    assert project_services.get(store, loop.admin, "texts").champion == 2
    assert [item.what for item in damage.listed(store, loop.admin, "texts")] == [
        f"Version 1 is damaged ({name} is missing): version 2, which never was champion before, "
        "answers instead. Restore that file from a backup and promote version 1 again, or stay "
        "with version 2."
    ]
    restored.answer(12)
    training.request_retrain(store, loop.admin, "texts", mode="incremental", now=worker.utc_now())
    restored.work()
    assert restored.versions()[-1].number == 3
    store.close()


def test_commands_say_what_is_lacking_and_end_with_a_code_of_their_own(
    workspace: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(f"sqlite:///{workspace / 'mlvajra.db'}", workspace)
    store.migrate()
    filled(store)
    model, shard = an_old_model(store), the_shard(store)
    store.close()
    flip(model)
    shard.unlink()
    named = f"  {name_of(shard, store)} is missing\n  {name_of(model, store)} {UNLIKE}\n"
    assert run(["backup", str(place)]) == 3
    words = capsys.readouterr().err
    assert "holds 2 annotations in 3 files" in words
    assert f"made, but without 2 files, of which no backup in {place} holds a whole copy" in words
    assert named in words
    assert run(["backup", str(place), "--json"]) == 3
    shown = capsys.readouterr()
    made = json.loads(shown.out)
    assert named in shown.err
    assert [item["path"] for item in made["lacking"]] == [
        name_of(shard, store),
        name_of(model, store),
    ]
    assert run(["backups", str(place)]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [
        "lacks",
        "2",
        "2",
    ]
    assert run(["restore", made["folder"]]) == 1
    words = capsys.readouterr().err
    assert words.startswith(f"{made['folder']} was made without 2 files, which will be missing:\n")
    assert words.index(named) < words.index("is not empty")
    assert run(["restore", made["folder"], "--into", str(tmp_path / "look"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lacking"] == made["lacking"]
    assert run(["restore", made["folder"], "--yes"]) == 0
    assert named in capsys.readouterr().err
    assert run(["doctor"]) == 1
    words = capsys.readouterr().out
    assert f"{name_of(shard, store)} is missing" in words
    assert f"{name_of(model, store)} is missing" in words

"""Restores: all verified first, nothing deleted, finished or not begun, on either database."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from mlvajra_al import config
from mlvajra_al.cli.application import run
from mlvajra_al.errors import Conflict, Damaged, DiskFull, Invalid, Setup
from mlvajra_al.services import labelling, links, people, sessions, tokens
from mlvajra_al.services.backup import Backup, backup
from mlvajra_al.services.credentials import digest
from mlvajra_al.services.restoring import Place, Restored, restore
from mlvajra_al.store import audit, backups, projects, restores, revisions
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import metadata
from tests.factories import LEASE, NOW, a_person, a_project, a_version, an_answer, rank
from tests.forks import Forks
from tests.harms import shorter

ROOT = Path(__file__).parents[2]
LATER = NOW + timedelta(days=1)
PASSWORD = "correct horse battery staple"
TOUCHED = {"session", "invitation", "process", "audit"}
"""Tables that a restore itself changes."""


def sqlite_place(home: Path) -> Place:
    return Place(home, f"sqlite:///{home / 'mlvajra.db'}")


def opened(place: Place) -> Store:
    return Store.open(place.url, place.home)


def filled(store: Store) -> None:
    """Give a workspace something of most kinds."""
    grace = a_person(store, "Grace", role="admin")
    project = a_project(store)
    rank(store, project, 5)
    a_version(store, project, 1)
    a_version(store, project, 2, blob=b"another estimator")
    first = an_answer("p1")
    labelling.record(store, grace, "spam", answers=[first], now=NOW, lease=LEASE)
    changed = replace(an_answer("p1", "spam"), supersedes=first.event_id)
    labelling.record(store, grace, "spam", answers=[changed, an_answer("p2")], now=NOW, lease=LEASE)


def rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    with store.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
            if table.name not in TOUCHED
        }


def files(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for folder in ("shards", "artefacts")
        for path in (home / folder).rglob("*")
        if path.is_file() and path.name != "lock"
    }


def copied(store: Store, place: Path) -> Backup:
    return backup(store, people.get(store, "Grace"), place, now=NOW)


def put(source: Backup, place: Place, *, overwrite: bool = False) -> Restored:
    return restore(source.folder, place, overwrite=overwrite, now=LATER)


@pytest.fixture
def made(tmp_path: Path) -> Backup:
    """A backup of an SQLite workspace that is closed again."""
    store = opened(sqlite_place(tmp_path / "origin"))
    store.migrate()
    filled(store)
    backed_up = copied(store, tmp_path / "backups")
    store.close()
    return backed_up


def test_a_backup_of_either_database_restores_into_either(
    store: Store, target: Place, tmp_path: Path
) -> None:
    filled(store)
    before = rows(store)
    done = put(copied(store, tmp_path / "backups"), target)
    assert (done.home, done.aside, done.resumed) == (target.home, None, False)
    restored = opened(target)
    assert rows(restored) == before
    assert files(target.home) == files(store.home)
    with restored.read() as connection:
        (entry, *_) = audit.listed(connection, audit.Filter(), limit=1)
    assert (entry.action, entry.at) == ("workspace restored", LATER)
    ada = a_person(restored, "Ada")
    assert ada.id > people.get(restored, "Grace").id
    labelling.record(restored, ada, "spam", answers=[an_answer("p3")], now=LATER, lease=LEASE)
    with restored.read() as connection:
        assert projects.by_name(connection, "spam").last_seq == 4
    restored.close()


def test_words_that_only_sqlite_can_store_stand_in_no_ones_way(
    tmp_path: Path, server_url: str
) -> None:
    store = opened(sqlite_place(tmp_path / "origin"))
    store.migrate()
    filled(store)
    with store.begin() as connection:
        connection.execute(update(metadata.tables["project"]).values(guidelines="be\x00 kind"))
    put(copied(store, tmp_path / "backups"), Place(tmp_path / "target", server_url))
    restored = opened(Place(tmp_path / "target", server_url))
    with restored.read() as connection:
        assert projects.by_name(connection, "spam").guidelines == "be kind"
    store.close()
    restored.close()


def test_a_restore_ends_every_way_in_that_the_backup_holds(
    store: Store, target: Place, tmp_path: Path
) -> None:
    grace = a_person(store, "Grace", role="admin")
    link = links.invite(store, grace, role="annotator", now=NOW)
    people.set_password(store, grace, name="Grace", password=PASSWORD, now=NOW)
    month = timedelta(days=30)
    cookie = sessions.sign_in(store, "Grace", password=PASSWORD, now=NOW, life=month)
    sessions.sign_in(store, "Grace", password=PASSWORD, now=NOW, life=timedelta(hours=1))
    token = tokens.create(store, grace, name="Grace", grant=tokens.Grant("backup"), now=NOW)
    backed_up = copied(store, tmp_path / "backups")
    sessions.revoke_everything(store, grace, name="Grace", now=NOW)
    done = put(backed_up, target)
    assert done.ended == restores.Ended(sessions=1, tokens=1, invitations=1)
    restored = opened(target)
    for kind, secret in (("browser", cookie), ("token", token)):
        for moment in (NOW, LATER):  # though the clock were set back
            found = sessions.by_session(restored, digest(secret), kind=kind, now=moment)
            assert found is None
    assert links.link_role(restored, link, purpose="invite", now=NOW) is None
    with restored.read() as connection:
        (entry, *_) = audit.listed(connection, audit.Filter(), limit=1)
    assert entry.detail.endswith("; 1 session, 1 API token and 1 invitation ended")
    again = sessions.sign_in(restored, "Grace", password=PASSWORD, now=LATER, life=month)
    assert sessions.by_session(restored, digest(again), kind="browser", now=LATER)
    restored.close()


def test_what_was_there_moves_aside_and_only_when_told(made: Backup, tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "target")
    old = opened(place)
    old.migrate()
    a_person(old, "Somebody")
    old.close()
    (place.home / "note").write_text("mine")
    before = sorted(path.name for path in place.home.iterdir())
    with pytest.raises(Conflict, match=r"not empty: it holds .* and \d more; say --yes"):
        put(made, place)
    assert sorted(path.name for path in place.home.iterdir()) == before
    done = put(made, place, overwrite=True)
    assert done.aside == place.home / "before-restore-2026-11-24T12-00-00Z"
    assert (done.aside / "note").read_text() == "mine"
    again = put(made, place, overwrite=True)
    assert again.aside == place.home / "before-restore-2026-11-24T12-00-00Z-again"
    with sqlite3.connect(done.aside / "mlvajra.db") as connection:
        names = connection.execute("SELECT name FROM person").fetchall()
    connection.close()
    assert names == [("Somebody",)]
    assert files(place.home) == files(tmp_path / "origin")


def test_a_workspace_in_use_is_left_alone(made: Backup, tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "target")
    store = opened(place)
    store.migrate()
    before = rows(store)
    with pytest.raises(Conflict, match="is in use; stop 'mlvajra run'"):
        put(made, place, overwrite=True)
    assert rows(store) == before
    store.close()


def test_a_database_on_a_server_must_be_empty_and_unused(
    made: Backup, tmp_path: Path, server_url: str
) -> None:
    place = Place(tmp_path / "target", server_url)
    store = Store.open(server_url, tmp_path / "elsewhere")
    store.migrate()
    with pytest.raises(Conflict, match=r"\d other connections to the database are open; stop"):
        put(made, place)
    a_person(store, "Somebody")
    store.close()
    with pytest.raises(Conflict, match=r"holds 1 people and 0 projects already; make an empty"):
        put(made, place, overwrite=True)
    assert restores.contents(place.home) == []
    assert not (place.home / restores.STAGING).exists()


def test_an_sqlite_file_outside_the_workspace_is_put_where_it_belongs(
    made: Backup, tmp_path: Path
) -> None:
    path = tmp_path / "databases" / "our.db"
    path.parent.mkdir()
    place = Place(tmp_path / "target", f"sqlite:///{path}")
    put(made, place)
    (path.parent / "our.db-wal").touch()
    with pytest.raises(Conflict, match="not empty"):
        put(made, place)
    done = put(made, place, overwrite=True)
    assert done.aside is not None
    assert sorted(item.name for item in (path.parent / done.aside.name).iterdir()) == [
        "our.db",
        "our.db-wal",
    ]
    assert sorted(item.name for item in path.parent.iterdir()) == [done.aside.name, "our.db"]
    store = opened(place)
    with store.read() as connection:
        assert projects.by_name(connection, "spam").last_seq == 3
    store.close()


def test_a_database_in_memory_cannot_be_restored(made: Backup, tmp_path: Path) -> None:
    with pytest.raises(Setup, match="in memory is kept nowhere; name a file"):
        put(made, Place(tmp_path / "target", "sqlite://"))


def test_a_backup_inside_its_own_target_is_refused(made: Backup, tmp_path: Path) -> None:
    for home in (made.folder.parent, made.folder / "deep"):
        with pytest.raises(Invalid, match="lie inside each other; move the backup elsewhere"):
            put(made, sqlite_place(home))


def test_a_folder_that_is_no_backup_says_what_to_name(made: Backup, tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "target")
    with pytest.raises(Invalid, match=f"holds 1 backups; name one .* newest is {made.folder}"):
        restore(made.folder.parent, place, overwrite=False, now=LATER)
    (tmp_path / "other").mkdir()
    for other in (tmp_path / "other", tmp_path / "nowhere"):
        with pytest.raises(Invalid, match="is no complete backup: it has no SHA256SUMS"):
            restore(other, place, overwrite=False, now=LATER)
    assert not place.home.exists()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A backup that each test breaks and mends again."""
    folder = tmp_path_factory.mktemp("sound")
    store = opened(sqlite_place(folder / "origin"))
    store.migrate()
    filled(store)
    backed_up = copied(store, folder / "backups")
    store.close()
    return backed_up


def refused(source: Backup, target: Path) -> str:
    """Return why a restore is refused; it must not have touched anything."""
    with pytest.raises((Damaged, Invalid)) as caught:
        restore(source.folder, sqlite_place(target), overwrite=True, now=LATER)
    assert not target.exists()
    return str(caught.value)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_bit_that_flipped_anywhere_is_noticed_and_its_file_named(
    sound: Backup, tmp_path: Path, data: st.DataObject
) -> None:
    everything = sorted(path for path in sound.folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(everything), label="file")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1), label="byte")
    bit = data.draw(st.integers(0, 7), label="bit")
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    try:
        words = refused(sound, tmp_path / "target")
    finally:
        path.write_bytes(whole)
    renamed = path.name == backups.SUMS and "is missing" in words
    assert "is damaged" in words or renamed
    assert "use another backup" in words
    assert path.name in words or path.name == backups.SUMS


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [shorter, empty, Path.unlink])
@pytest.mark.parametrize("name", ["mlvajra.db", "manifest.json", "SHA256SUMS", "*.arrow"])
def test_a_file_cut_short_or_gone_is_noticed(
    sound: Backup, tmp_path: Path, name: str, harm: Callable[[Path], None]
) -> None:
    (path,) = sound.folder.rglob(name)
    whole = path.read_bytes()
    harm(path)
    try:
        words = refused(sound, tmp_path / "target")
    finally:
        path.write_bytes(whole)
    assert path.name in words


@pytest.mark.parametrize("kept", range(6))
def test_a_list_of_files_that_lost_lines_is_noticed(
    sound: Backup, tmp_path: Path, kept: int
) -> None:
    path = sound.folder / backups.SUMS
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    assert kept < len(lines)
    path.write_text("".join(lines[:kept]))
    try:
        assert "SHA256SUMS is damaged" in refused(sound, tmp_path / "target")
    finally:
        path.write_text(whole)


@pytest.mark.parametrize("path", ["../../outside", "/etc/passwd", "a/../../b", "-rf", "a b", ""])
def test_a_list_of_files_never_names_one_outside(sound: Backup, tmp_path: Path, path: str) -> None:
    sums = sound.folder / backups.SUMS
    whole = sums.read_text()
    sums.write_text(whole.replace("mlvajra.db", path))
    try:
        assert "SHA256SUMS is damaged" in refused(sound, tmp_path / "target")
    finally:
        sums.write_text(whole)


def resealed(source: Backup, folder: Path, **changes: Any) -> Backup:
    """Return a backup with another database or manifest, its checksums right."""
    shutil.copytree(source.folder, folder)
    _, sums = backups.opened(folder)
    sums[backups.DATABASE] = sha256_of(folder / backups.DATABASE)
    manifest = replace(source.manifest, **changes)
    backups.seal(folder, manifest, sums)
    return Backup(folder, manifest)


def test_a_backup_of_a_newer_program_is_refused(sound: Backup, tmp_path: Path) -> None:
    newer = resealed(sound, tmp_path / "newer", revision="9999", program="9.0")
    words = refused(newer, tmp_path / "target")
    assert "made by mlvajra_al 9.0, whose schema '9999' this program does not know" in words


def test_a_backup_that_lacks_a_file_its_rows_mention_is_refused(
    sound: Backup, tmp_path: Path
) -> None:
    lacking = resealed(sound, tmp_path / "lacking")
    (shard,) = lacking.folder.rglob("*.arrow")
    _, sums = backups.opened(lacking.folder)
    del sums[shard.relative_to(lacking.folder).as_posix()]
    shard.unlink()
    backups.seal(lacking.folder, replace(lacking.manifest, files=len(sums)), sums)
    place = sqlite_place(tmp_path / "target")
    with pytest.raises(Damaged, match=shard.name):
        put(lacking, place)
    assert restores.contents(place.home) == []
    assert not (place.home / restores.STAGING).exists()


def test_a_database_that_is_none_is_refused_before_anything_moves(
    sound: Backup, tmp_path: Path
) -> None:
    shutil.copytree(sound.folder, tmp_path / "odd")
    (tmp_path / "odd" / backups.DATABASE).write_bytes(b"no database at all" * 100)
    odd = replace(sound, folder=tmp_path / "odd")
    _, sums = backups.opened(odd.folder)
    sums[backups.DATABASE] = sha256_of(odd.folder / backups.DATABASE)
    backups.seal(odd.folder, odd.manifest, sums)
    with pytest.raises(Damaged, match=r"mlvajra\.db is damaged"):
        put(odd, sqlite_place(tmp_path / "target"))
    assert restores.contents(tmp_path / "target") == []


def test_a_backup_of_an_older_schema_is_brought_to_todays(target: Place, tmp_path: Path) -> None:
    oldest = revisions.known()[-1]
    folder = tmp_path / "old"
    folder.mkdir()
    store = Store.open(f"sqlite:///{folder / 'mlvajra.db'}", tmp_path / "nowhere")
    config = Config()
    config.set_main_option("script_location", str(ROOT / "mlvajra_al/store/migrations"))
    with store.begin() as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, oldest)
        connection.exec_driver_sql(
            "INSERT INTO person (name, role, created_at) "
            "VALUES ('Ada', 'admin', '2026-01-01 00:00:00')"
        )
    store.close()
    with sqlite3.connect(folder / "mlvajra.db") as plain:
        plain.execute("PRAGMA journal_mode=DELETE")
    plain.close()
    manifest = backups.Manifest(NOW, "0.1", oldest, "sqlite", 0, 0, 0, 1, 1, 1, 1)
    backups.seal(folder, manifest, {"mlvajra.db": sha256_of(folder / "mlvajra.db")})
    done = put(Backup(folder, manifest), target)
    assert (done.backup.manifest.revision, done.revision) == (oldest, revisions.newest())
    restored = opened(target)
    with restored.read() as connection:
        assert revisions.stored(connection) == revisions.newest()
    assert people.get(restored, "Ada").role == "admin"
    restored.close()


KILLED = """
import os
from datetime import timedelta
from pathlib import Path
from mlvajra_al.services import restoring
from mlvajra_al.store import backups, copying, restores
from tests.factories import NOW

source, home, url, point = arguments
die = lambda *args, **kwargs: os._exit(9)
def after(plain, calls):
    left = [calls]
    def call(*args, **kwargs):
        if not left[0]:
            os._exit(9)
        left[0] -= 1
        return plain(*args, **kwargs)
    return call
setattr(*{
    "while files are copied": (backups, "copy_checked", after(backups.copy_checked, 2)),
    "before the journal": (restores, "begin", die),
    "before any move": (restores, "carry_out", die),
    "between two moves": (Path, "rename", after(Path.rename, 1)),
    "after the moves": (copying, "load", die),
    "before the journal goes": (restores, "end", die),
}[point])
place = restoring.Place(Path(home), url)
restoring.restore(Path(source), place, overwrite=True, now=NOW + timedelta(days=1))
"""


def killed(forks: Forks, source: Backup, place: Place, point: str) -> None:
    assert forks.run(KILLED, source.folder, place.home, place.url, point) == 9


@pytest.mark.parametrize("point", ["while files are copied", "before the journal"])
def test_a_restore_killed_before_its_journal_has_changed_nothing(
    made: Backup, tmp_path: Path, forks: Forks, point: str
) -> None:
    place = sqlite_place(tmp_path / "origin")
    (made.folder.parent.parent / "origin" / "note").write_text("mine")
    killed(forks, made, place, point)
    store = opened(place)
    a_person(store, "Ada")
    store.close()
    done = put(made, place, overwrite=True)
    assert done.aside is not None
    assert not done.resumed
    assert (done.aside / "note").read_text() == "mine"
    assert not (place.home / restores.STAGING).exists()


@pytest.mark.parametrize(
    "point", ["before any move", "between two moves", "before the journal goes"]
)
def test_a_restore_killed_after_its_journal_is_finished_by_giving_it_again(
    made: Backup, tmp_path: Path, forks: Forks, point: str
) -> None:
    place = sqlite_place(tmp_path / "origin")
    store = opened(place)
    before = rows(store)
    a_person(store, "Later")
    store.close()
    killed(forks, made, place, point)
    with pytest.raises(Setup, match="was interrupted; give the same 'mlvajra restore' command"):
        opened(place)
    other = resealed(made, tmp_path / "other", program="other")
    with pytest.raises(Conflict, match=f"a restore of {made.folder} into .* was interrupted"):
        put(other, place, overwrite=True)
    done = put(made, place)
    assert done.resumed
    assert done.aside is not None
    store = opened(place)
    assert rows(store) == before
    store.close()
    with sqlite3.connect(done.aside / "mlvajra.db") as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (2,)
    connection.close()
    assert files(place.home) == files(done.aside)
    assert not (place.home / restores.STAGING).exists()


@pytest.mark.parametrize("point", ["after the moves", "before the journal goes"])
def test_a_killed_restore_into_a_server_fills_it_once(
    made: Backup, tmp_path: Path, server_url: str, forks: Forks, point: str
) -> None:
    place = Place(tmp_path / "target", server_url)
    killed(forks, made, place, point)
    assert put(made, place).resumed
    store = opened(place)
    assert len(rows(store)["annotation"]) == 3
    store.close()


def test_a_full_disk_changes_nothing(made: Backup, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        (disk / "note").write_text("mine")
        with pytest.raises(DiskFull, match=f"no room left on the disk of {disk}"):
            put(made, sqlite_place(disk), overwrite=True)
        assert sorted(path.name for path in disk.iterdir()) == ["in-use", "note"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_commands_restore_here_and_elsewhere(
    made: Backup,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path / "origin"))
    source, look = str(made.folder), tmp_path / "look"
    assert run(["restore", source, "--into", str(look), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["home"], answer["aside"], answer["resumed"]) == (str(look), None, False)
    assert (answer["annotations"], answer["revision"]) == (3, revisions.newest())
    assert answer["ended"] == {"sessions": 0, "tokens": 0, "invitations": 0}
    assert run(["restore", source]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert run(["restore", source, "--yes"]) == 0
    words = capsys.readouterr().err
    assert "holds 3 annotations as of 2026-11-23 12:00 UTC" in words
    assert "0 sessions, 0 API tokens and 0 invitations have ended: sign in again" in words
    assert "what was there before lies in" in words
    assert run(["project", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "spam"


@pytest.mark.parametrize("name", ["100%25 done", "what?", "a#b@c:d"])
def test_folders_may_be_called_what_means_something_in_an_address(
    name: str, made: Backup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, place = tmp_path / name, tmp_path / "more" / name
    assert run(["restore", str(made.folder), "--into", str(home)]) == 0
    monkeypatch.setenv("MLVAJRA_HOME", str(home))
    config.settings.cache_clear()
    assert run(["backup", str(place)]) == 0
    (again,) = backups.listed(place)
    assert run(["restore", str(again.folder), "--yes"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"origin", "backups", name, "more"}
    assert (home / "mlvajra.db").is_file()
    store = opened(Place(home, config.settings().url))
    assert len(rows(store)["annotation"]) == 3
    store.close()

"""Backups: one moment of a workspace at work, complete or not there, and only what is new."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.errors import Conflict, Damaged, DiskFull, Invalid, NotAllowed
from mlvajra_al.records import Person
from mlvajra_al.services import labelling, people
from mlvajra_al.services.backup import backup, listed, unfinished
from mlvajra_al.store import annotations as events
from mlvajra_al.store import artefacts, audit, backups, projects, shards
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, a_revision, an_answer, rank
from tests.forks import Forks

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from mlvajra_al.services import labelling, people
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, an_answer
store = Store.open(sys.argv[1], Path(sys.argv[2]))
person = people.get(store, "Ada")
for place in range(2000):
    answers = [an_answer(f"p{place}")]
    labelling.record(store, person, "spam", answers=answers, now=NOW, lease=LEASE)
    print(place + 1, flush=True)
"""


@pytest.fixture
def admin(store: Store) -> Person:
    return a_person(store, "Grace", role="admin")


def opened(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'mlvajra.db'}", folder)


def keys_said(store: Store) -> list[str]:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
        return [item.sample_key for item in events.history(connection, project.id, events.Filter())]


def a_model(store: Store, blob: bytes) -> str:
    """Store a preprocessing of the project spam."""
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
    return a_revision(store, project, blob).preprocessing


def the_shard(store: Store) -> Path:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
    (file,) = shards.pool_folder(store.home, project.id).glob("*.arrow")
    return file


def visible(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("."))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_a_copy_made_while_another_process_writes_holds_one_moment(
    store: Store, database_url: str, admin: Person, place: Path
) -> None:
    a_person(store, "Ada")
    rank(store, a_project(store), 2000)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url, str(store.home)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    try:
        before = int(writer.stdout.readline())
        made = backup(store, admin, place, now=NOW)
        writer.stdout.readline()
        assert writer.poll() is None, "the writer must still be writing"
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    copy = opened(made.folder)
    said = keys_said(copy)
    assert said == [f"p{place}" for place in range(len(said))]
    assert before <= made.manifest.annotations == len(said) <= len(keys_said(store))
    with copy.read() as connection:
        project = projects.by_name(connection, "spam")
        assert project.last_seq == len(said)
        pool = labelling.project_pool(copy, connection, project)
        assert pool.take([7], ["body"]).to_pylist() == [{"body": "text number 7"}]
    copy.close()


def test_people_whose_names_begin_with_other_letters_are_backed_up(
    store: Store, admin: Person, place: Path
) -> None:
    a_person(store, "Žofie")
    copy = opened(backup(store, admin, place, now=NOW).folder)
    assert people.get(copy, "žofie").name == "Žofie"
    copy.close()


def test_a_backup_says_what_it_holds_and_names_every_file(
    store: Store, admin: Person, place: Path
) -> None:
    rank(store, a_project(store), 5)
    labelling.record(store, admin, "spam", answers=[an_answer("p1")], now=NOW, lease=LEASE)
    digest = a_model(store, b"a preprocessing")
    made = backup(store, admin, place, now=NOW)
    held = made.manifest
    assert artefacts.get(made.folder, digest) == b"a preprocessing"
    assert (held.projects, held.annotations, held.versions) == (1, 1, 0)
    assert (held.files, held.new_files, held.bytes) == (3, 3, held.new_bytes)
    assert (held.created_at, held.source) == (NOW, store.engine.dialect.name)
    assert backups.opened(made.folder)[0] == made
    assert made.folder.name == "2026-11-23T12-00-00Z"
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    there = {p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file()}
    assert there == {*backups.opened(made.folder)[1], "manifest.json", "SHA256SUMS"}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_a_backup_can_be_checked_without_this_program(
    store: Store, admin: Person, place: Path
) -> None:
    rank(store, a_project(store), 5)
    made = backup(store, admin, place, now=NOW)
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, 3), done.stderr


def test_a_second_backup_takes_room_for_what_is_new_only(
    store: Store, admin: Person, place: Path
) -> None:
    rank(store, a_project(store), 5)
    a_model(store, b"an old one")
    first = backup(store, admin, place, now=NOW)
    new = a_model(store, b"a new one")
    second = backup(store, admin, place, now=NOW + timedelta(days=1))
    held = second.manifest
    database = (second.folder / "mlvajra.db").stat().st_size
    assert (held.files, held.new_files) == (4, 2)
    assert held.new_bytes == database + len(b"a new one")
    assert held.bytes == held.new_bytes + first.manifest.bytes - (
        (first.folder / "mlvajra.db").stat().st_size
    )
    shard = the_shard(store).relative_to(store.home)
    assert (first.folder / shard).samefile(second.folder / shard)
    shutil.rmtree(first.folder)
    assert artefacts.get(second.folder, new) == b"a new one"
    for path, digest in backups.opened(second.folder)[1].items():
        backups.verify(second.folder, path, digest)


def test_a_damaged_file_of_an_earlier_backup_is_not_shared(
    store: Store, admin: Person, place: Path
) -> None:
    rank(store, a_project(store), 5)
    shard = the_shard(store).relative_to(store.home)
    first = backup(store, admin, place, now=NOW)
    (first.folder / shard).write_bytes(b"rotten")
    second = backup(store, admin, place, now=NOW)
    assert second.manifest.new_files == 2
    assert (second.folder / shard).read_bytes() == (store.home / shard).read_bytes()


def test_a_disk_without_hard_links_gets_copies(
    store: Store, admin: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refusing)
    rank(store, a_project(store), 5)
    made = [backup(store, admin, place, now=NOW) for _ in range(2)]
    assert [item.manifest.new_files for item in made] == [2, 2]
    assert [item.folder.name for item in made] == visible(place)


def test_backups_are_listed_oldest_first_with_what_they_hold(
    store: Store, admin: Person, place: Path
) -> None:
    rank(store, a_project(store), 5)
    late = backup(store, admin, place, now=NOW + timedelta(days=1))
    early = backup(store, admin, place, now=NOW)
    twin = backup(store, admin, place, now=NOW)
    assert (early.folder.name, twin.folder.name) == (
        "2026-11-23T12-00-00Z",
        "2026-11-23T12-00-00Z-2",
    )
    assert listed(place) == (early, twin, late)
    (late.folder / "manifest.json").write_text("{}")
    (place / "other").mkdir()
    assert listed(place) == (early, twin)


def test_no_folder_holds_no_backups(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="there is no folder .*nowhere; name the one"):
        listed(tmp_path / "nowhere")


@pytest.mark.parametrize("harmed", ["audit", "shard", "ix_job_state", "a row of nobody"])
def test_a_damaged_database_is_noticed_and_leaves_no_copy(
    workspace: Path, place: Path, harmed: str
) -> None:
    store = opened(workspace)
    store.migrate()
    admin = a_person(store, "Grace", role="admin")
    store.close()
    path = workspace / "mlvajra.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys=OFF")
    if harmed == "a row of nobody":
        connection.execute(
            "INSERT INTO membership (project_id, person_id, added_at) VALUES (7,8,0)"
        )
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
    root = connection.execute(query, [harmed]).fetchone()
    connection.close()
    if root is not None:
        with path.open("rb+") as file:
            file.seek((root[0] - 1) * size)
            file.write(b"\xff" * size)
    store = opened(workspace)
    with pytest.raises(Damaged, match=r"mlvajra\.db is damaged"):
        backup(store, admin, place, now=NOW)
    store.close()
    assert visible(place) == []


def test_a_place_that_cannot_hold_backups_is_refused(
    store: Store, admin: Person, place: Path, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="inside the workspace"):
        backup(store, admin, store.home / "copy", now=NOW)
    made = backup(store, admin, place, now=NOW)
    with pytest.raises(Conflict, match=f"is a backup itself; name .* {place}"):
        backup(store, admin, made.folder, now=NOW)
    (tmp_path / "file").touch()
    with pytest.raises(Conflict, match="is a file; name a folder"):
        backup(store, admin, tmp_path / "file", now=NOW)
    with backups.exclusive(place), pytest.raises(Conflict, match="another backup into"):
        backup(store, admin, place, now=NOW)
    assert listed(place) == (made,)


def test_other_things_in_the_folder_stay_as_they_are(
    store: Store, admin: Person, place: Path
) -> None:
    place.mkdir()
    (place / "precious").write_text("mine")
    backup(store, admin, place, now=NOW)
    assert visible(place) == ["2026-11-23T12-00-00Z", "precious"]
    assert (place / "precious").read_text() == "mine"


def test_only_an_admin_makes_a_backup(store: Store, place: Path) -> None:
    with pytest.raises(NotAllowed):
        backup(store, a_person(store), place, now=NOW)


def test_a_backup_is_in_the_audit_trail_of_the_workspace(
    store: Store, admin: Person, place: Path
) -> None:
    made = backup(store, admin, place, now=NOW)
    with store.read() as connection:
        entry = audit.listed(connection, audit.Filter(), limit=1)[0]
    assert (entry.person, entry.action, entry.detail) == (
        "Grace",
        "backup made",
        str(made.folder),
    )


KILLED = """
import os
from pathlib import Path
from mlvajra_al.services import backup, people
from mlvajra_al.store import backups, copying
from mlvajra_al.store.database import Store
from tests.factories import NOW

url, home, place, point = arguments
store = Store.open(url, Path(home))
plain = backups.place_file
def second(*args, **kwargs):
    if second.seen:
        os._exit(9)
    second.seen = True
    return plain(*args, **kwargs)
second.seen = False
die = lambda *args, **kwargs: os._exit(9)
points = {
    "before the database": (copying, "snapshot", die),
    "between two files": (backups, "place_file", second),
    "before the manifest": (backups, "seal", die),
    "before it bears its name": (Path, "rename", die),
}
if point in points:
    setattr(*points[point])
backup.backup(store, people.get(store, "Grace"), Path(place), now=NOW)
"""


@pytest.mark.parametrize(
    ("point", "reused"),
    [
        ("before the database", 0),
        ("between two files", 1),
        ("before the manifest", 2),
        ("before it bears its name", 2),
    ],
)
def test_a_killed_backup_is_none_and_the_next_one_goes_on_with_what_it_left(
    store: Store,
    database_url: str,
    admin: Person,
    place: Path,
    forks: Forks,
    point: str,
    reused: int,
) -> None:
    rank(store, a_project(store), 5)
    a_model(store, b"a preprocessing")
    assert forks.run(KILLED, database_url, store.home, place, point) == 9
    assert (visible(place), listed(place), unfinished(place)) == ([], (), 1)
    made = backup(store, admin, place, now=NOW + timedelta(minutes=1))
    assert (made.manifest.files, made.manifest.new_files) == (3, 3 - reused)
    assert (listed(place), unfinished(place)) == ((made,), 0)
    for path, digest in backups.opened(made.folder)[1].items():
        backups.verify(made.folder, path, digest)


def test_a_backup_killed_by_the_kernel_at_any_moment_never_looks_like_a_good_one(
    store: Store, database_url: str, admin: Person, place: Path, forks: Forks
) -> None:
    rank(store, a_project(store), 5)
    for number in range(20):
        a_model(store, b"x" * 100_000 + bytes([number]))
    for milliseconds in (1, 5, 20, 50, 100):
        killed = forks.start(KILLED, database_url, store.home, place, "at any moment")
        time.sleep(milliseconds / 1000)
        with suppress(ProcessLookupError):  # it was done before
            os.kill(killed, signal.SIGKILL)
        assert forks.ended() in (-signal.SIGKILL, 0)
        for item in listed(place) if place.exists() else ():
            for path, digest in backups.opened(item.folder)[1].items():
                backups.verify(item.folder, path, digest)
    assert backup(store, admin, place, now=NOW).manifest.files == 22
    assert unfinished(place) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 600 kB: an empty database, and nothing of some size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("filler", [400_000, 0], ids=["database", "files"])
def test_a_full_disk_is_one_sentence_and_leaves_no_copy(
    store: Store, admin: Person, small_disk: Path, filler: int
) -> None:
    rank(store, a_project(store), 5)
    a_model(store, b"x" * 500_000)
    (small_disk / "filler").write_bytes(b"x" * filler)
    with pytest.raises(DiskFull, match=f"no room left on the disk of {small_disk}"):
        backup(store, admin, small_disk, now=NOW)
    assert (listed(small_disk), unfinished(small_disk)) == ((), 0)
    assert visible(small_disk) == ["filler"]


def test_commands_make_and_list_backups(
    workspace: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = opened(workspace)
    store.migrate()
    rank(store, a_project(store), 5)
    store.close()
    assert run(["backup", str(place)]) == 0
    assert "0 annotations in 2 files" in capsys.readouterr().err
    assert run(["backup", str(place), "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (second["files"], second["new_files"]) == (2, 1)
    assert "T" in second["created_at"] and datetime.fromisoformat(second["created_at"]).tzinfo
    assert run(["backups", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1] == second
    (place / ".2026.partial").mkdir()
    assert run(["backups", str(place)]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["backup", *visible(place)]
    assert shown.err == "1 interrupted; the next backup removes what is left of it\n"

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlvajra_al.cli.application import run
from mlvajra_al.errors import Conflict, Damaged, Invalid, NotAllowed
from mlvajra_al.records import Person
from mlvajra_al.services import labelling
from mlvajra_al.services.backup import backup
from mlvajra_al.store import annotations as events
from mlvajra_al.store import artefacts, copying, projects, shards, versions
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

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


def test_a_copy_made_while_another_process_writes_holds_one_moment(
    store: Store, database_url: str, admin: Person, tmp_path: Path
) -> None:
    a_person(store, "Ada")
    rank(store, a_project(store), 2000)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url, str(store.home)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert writer.stdout is not None
    try:
        before = int(writer.stdout.readline())
        made = backup(store, admin, tmp_path / "copy", now=NOW)
        time.sleep(0.05)
        assert writer.poll() is None, "the writer must still be writing"
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    copy = opened(tmp_path / "copy")
    said = keys_said(copy)
    assert said == [f"p{place}" for place in range(len(said))]
    assert before <= made.annotations == len(said) <= len(keys_said(store))
    with copy.read() as connection:
        project = projects.by_name(connection, "spam")
        assert project.last_seq == len(said)
        pool = labelling.project_pool(copy, connection, project)
        assert pool.take([7], ["body"]).to_pylist() == [{"body": "text number 7"}]
    copy.close()


def test_a_copy_is_a_workspace_to_go_on_with(
    store: Store,
    admin: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rank(store, a_project(store), 5)
    labelling.record(store, admin, "spam", answers=[an_answer("p1")], now=NOW, lease=LEASE)
    backup(store, admin, tmp_path / "copy", now=NOW)
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path / "copy"))
    assert run(["export", "spam", "--format", "jsonl", "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out").read_text())["key"] == "p1"
    copy = opened(tmp_path / "copy")
    labelling.record(copy, admin, "spam", answers=[an_answer("p2")], now=NOW, lease=LEASE)
    assert keys_said(copy) == ["p1", "p2"]
    assert keys_said(store) == ["p1"]
    copy.close()


def test_models_are_copied_and_the_manifest_names_every_file(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    rank(store, project, 5)
    digest = artefacts.put(store.home, b"a preprocessing")
    with store.begin() as connection:
        versions.add_revision(
            connection,
            project.id,
            recipe=project.recipe,
            preprocessing=digest,
            samples=5,
            features=1,
            now=NOW,
        )
    folder = tmp_path / "copy"
    made = backup(store, admin, folder, now=NOW)
    assert artefacts.get(folder, digest) == b"a preprocessing"
    manifest = json.loads((folder / copying.MANIFEST).read_text())
    listed = {item["path"]: item for item in manifest["files"]}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == {*listed, copying.MANIFEST}
    assert len(listed) == made.files == 3
    for name, item in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == item["sha256"]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_damaged_pool_is_noticed_and_leaves_no_copy(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    rank(store, project, 5)
    (file,) = shards.pool_folder(store.home, project.id).glob("*.arrow")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged, match="does not match"):
        backup(store, admin, tmp_path / "copy", now=NOW)
    file.unlink()
    with pytest.raises(Damaged):
        backup(store, admin, tmp_path / "copy", now=NOW)
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_folder_in_use_or_inside_the_workspace_is_refused(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    with pytest.raises(Conflict, match="choose a new folder"):
        backup(store, admin, tmp_path / "full", now=NOW)
    assert (tmp_path / "full" / "precious").exists()
    with pytest.raises(Invalid, match="inside the workspace"):
        backup(store, admin, store.home / "copy", now=NOW)


def test_only_an_admin_makes_a_backup(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        backup(store, a_person(store), tmp_path / "copy", now=NOW)

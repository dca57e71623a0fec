"""What a folder of backups says of itself; the rest needs a workspace and is in integration."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlvajra_al.errors import Conflict, Damaged, Invalid
from mlvajra_al.store import backups
from mlvajra_al.store.backups import Manifest

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DATABASE = b"no database, but bytes"
SUM = hashlib.sha256(DATABASE).hexdigest()
MEMORY = Path("/proc/self/mem")


def a_manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "created_at": NOW,
        "program": "1.0",
        "revision": "0001",
        "source": "sqlite",
        "projects": 1,
        "annotations": 2,
        "versions": 3,
        "files": 1,
        "bytes": len(DATABASE),
        "new_files": 1,
        "new_bytes": len(DATABASE),
    }
    return Manifest(**(values | changes))  # type: ignore[arg-type]


def a_backup(place: Path, name: str = "one", *, now: datetime = NOW) -> Path:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / backups.DATABASE).write_bytes(DATABASE)
    backups.seal(folder, a_manifest(created_at=now), {backups.DATABASE: SUM})
    return folder


def test_what_was_sealed_is_read_back(tmp_path: Path) -> None:
    folder = a_backup(tmp_path)
    found, sums = backups.opened(folder)
    assert (found.folder, found.manifest) == (folder, a_manifest())
    assert sums == {backups.DATABASE: SUM}
    assert backups.verify(folder, backups.DATABASE, SUM) == len(DATABASE)


def test_backups_stand_in_order_of_their_moment_not_of_their_name(tmp_path: Path) -> None:
    newer = a_backup(tmp_path, "a", now=NOW + timedelta(seconds=1))
    older = a_backup(tmp_path, "b")
    assert [item.folder for item in backups.listed(tmp_path)] == [older, newer]


@pytest.mark.parametrize("there", [0, 1, 2])
def test_a_name_is_free(tmp_path: Path, there: int) -> None:
    for _ in range(there):
        (tmp_path / backups.free_name(tmp_path, NOW)).mkdir()
    names = ["2026-11-23T12-00-00Z", "2026-11-23T12-00-00Z-2", "2026-11-23T12-00-00Z-3"]
    assert backups.free_name(tmp_path, NOW) == names[there]


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_bytes_instead_of_the_list_of_files_are_taken_for_one(
    tmp_path: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "one"
    if not folder.exists():
        a_backup(tmp_path)
    path = folder / backups.SUMS
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, len(whole)))
    put = data.draw(st.binary(max_size=12))
    changed = whole[:start] + put + whole[end:]
    path.write_bytes(changed)
    try:
        if changed == whole:
            return
        with pytest.raises((Damaged, Invalid)):
            _, sums = backups.opened(folder)
            for name, digest in sums.items():
                backups.verify(folder, name, digest)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', "not json"])
def test_a_manifest_that_says_nothing_is_damaged(tmp_path: Path, text: str) -> None:
    folder = a_backup(tmp_path)
    (folder / backups.MANIFEST).write_text(text)
    with pytest.raises(Damaged, match=r"manifest\.json is damaged.*; use another backup"):
        backups.opened(folder)
    assert backups.listed(tmp_path) == ()


def test_a_manifest_that_counts_other_files_is_damaged(tmp_path: Path) -> None:
    folder = a_backup(tmp_path)
    backups.seal(folder, a_manifest(files=2), {backups.DATABASE: SUM})
    with pytest.raises(Damaged, match="SHA256SUMS is damaged"):
        backups.opened(folder)


def test_a_folder_of_backups_is_told_from_a_backup(tmp_path: Path) -> None:
    folder = a_backup(tmp_path)
    with pytest.raises(Invalid, match=f"holds 1 backups; name one of them, the newest is {folder}"):
        backups.opened(tmp_path)
    with pytest.raises(Invalid, match="it has no SHA256SUMS"):
        backups.opened(tmp_path / "nowhere")


def test_what_fails_leaves_nothing_and_what_ends_well_bears_its_name(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), backups.made_aside(tmp_path, "one") as folder:
        (folder / "part").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".other.partial").mkdir()
    assert backups.unfinished(tmp_path) == [tmp_path / ".other.partial"]
    with backups.made_aside(tmp_path, "one") as folder:
        (folder / "part").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["one", "part"]


def test_one_backup_at_a_time_is_made_into_a_folder(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "place"
    with backups.exclusive(place):
        with pytest.raises(Conflict, match="another backup into"), backups.exclusive(place):
            pass
    with backups.exclusive(place):
        pass


def test_a_file_that_differs_is_named_with_what_to_do(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"other")
    with pytest.raises(Damaged, match="source is damaged: .*; restore it from a backup"):
        backups.copy_checked(source, tmp_path / "target", SUM)
    with pytest.raises(Damaged, match="source is damaged: .*; use another backup"):
        backups.copy_checked(source, tmp_path / "target", SUM, backups.USE_ANOTHER)
    assert not (tmp_path / "target").exists()
    with pytest.raises(Damaged, match="nowhere is missing; restore it from a backup"):
        backups.place_file(tmp_path / "nowhere", tmp_path / "a" / "target", SUM)
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.skipif(not MEMORY.exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_its_disk_cannot_read_is_named_and_no_error_of_where_it_goes(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.symlink_to(MEMORY)
    with pytest.raises(Damaged, match=r"source cannot be read \(Input/output error\)"):
        backups.place_file(source, target, SUM)
    (tmp_path / "whole").write_bytes(DATABASE)
    backups.place_file(tmp_path / "whole", target, SUM, earlier=[source])
    assert target.read_bytes() == DATABASE
    with pytest.raises(Damaged, match="cannot be read .*; use another backup"):
        backups.verify(tmp_path, "source", SUM)


def test_a_manifest_of_before_files_could_be_lacking_lacks_none(tmp_path: Path) -> None:
    folder = a_backup(tmp_path)
    about = json.loads((folder / backups.MANIFEST).read_text())
    assert about.pop("lacking") == []
    (folder / backups.MANIFEST).write_text(json.dumps(about))
    assert backups.listed(tmp_path)[0].manifest == a_manifest()


def test_what_is_lacking_is_read_back(tmp_path: Path) -> None:
    lacking = (backups.Lacking("artefacts/ab/abc", SUM, "is missing"),)
    folder = a_backup(tmp_path)
    backups.seal(folder, a_manifest(lacking=lacking), {backups.DATABASE: SUM})
    assert backups.opened(folder)[0].manifest.lacking == lacking


def test_a_file_takes_room_once(tmp_path: Path) -> None:
    source, first, second = (tmp_path / name for name in ("source", "first", "second"))
    source.write_bytes(DATABASE)
    size = len(DATABASE)
    assert backups.place_file(source, first, SUM) == (size, True)
    elsewhere = tmp_path / "nowhere"
    assert backups.place_file(elsewhere, second, SUM, earlier=[elsewhere, first]) == (size, False)
    assert second.samefile(first)

from __future__ import annotations

import errno
import fcntl
import stat
from pathlib import Path
from typing import Any

import pytest

from mlvajra_al.errors import Conflict, Setup
from mlvajra_al.store import presence
from mlvajra_al.store.database import Store


def an_open_store(home: Path) -> Store:
    return Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)


def test_any_number_of_stores_share_a_workspace_and_keep_a_restore_out(tmp_path: Path) -> None:
    first, second = an_open_store(tmp_path), an_open_store(tmp_path)
    first.close()
    with pytest.raises(Conflict, match=r"is in use; stop 'mlvajra run'"), presence.alone(tmp_path):
        pass
    second.close()
    second.close()
    with presence.alone(tmp_path):
        pass


def test_nobody_opens_a_workspace_that_is_being_restored(tmp_path: Path) -> None:
    with presence.alone(tmp_path):
        with pytest.raises(Setup, match="is being restored from a backup; start again when"):
            an_open_store(tmp_path)
        with pytest.raises(Conflict, match="is in use"), presence.alone(tmp_path):
            pass
    an_open_store(tmp_path).close()


def test_nobody_opens_a_workspace_that_is_half_restored(tmp_path: Path) -> None:
    (tmp_path / presence.UNFINISHED).write_text("{}")
    with pytest.raises(Setup, match="was interrupted; give the same 'mlvajra restore' command"):
        an_open_store(tmp_path)
    with presence.alone(tmp_path):  # the restore that finishes it can
        pass


def test_a_new_workspace_is_for_its_owner_only(tmp_path: Path) -> None:
    an_open_store(tmp_path / "home").close()
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_folder_on_a_read_only_disk_is_used_without_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / presence.IN_USE).touch()
    plain = Path.open

    def refusing(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path.name == presence.IN_USE and "a" in mode:
            raise OSError(errno.EROFS, "Read-only file system")
        return plain(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refusing)
    joined = presence.join(tmp_path)
    assert joined is not None and joined.mode == "rb"
    with pytest.raises(Conflict), presence.alone(tmp_path):
        pass
    joined.close()
    (tmp_path / presence.IN_USE).unlink()
    assert presence.join(tmp_path) is None
    with pytest.raises(Setup, match="cannot be written"), presence.alone(tmp_path):
        pass


def test_a_disk_without_locks_can_be_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refusing)
    assert presence.join(tmp_path) is None


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        presence.join(tmp_path / "nowhere")

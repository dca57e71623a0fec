"""Checks of files: every pool and model against its SHA-256, and files nothing mentions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Conflict, Damaged
from mlvajra_al.records import Finding
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.services.holdouts import scarcity
from mlvajra_al.store import checks, features, files, projects
from mlvajra_al.store.checksums import fault, sha256_of
from mlvajra_al.store.files import Mentioned, Stray, featured, kept, mentioned
from mlvajra_al.store.restores import ASIDE
from mlvajra_al.store.shards import Pool, Positions, pool_folder
from mlvajra_al.store.staging import exclusive


def whole(visit: Visit) -> Iterator[Finding]:
    """Find shards and models that are not what was written, and answers that do not fit them."""
    with visit.store.read() as connection:
        files = list(mentioned(connection))
    bad = set()
    for done, item in enumerate(files):
        visit.watch(done, len(files))
        path = visit.store.home / item.path
        what = fault(path, item.sha256)
        if what is not None:
            yield _unlike(item, what)
            bad.add(path.parent)
    visit.watch(len(files), len(files))
    yield from _misplaced(visit, bad)


def _unlike(item: Mentioned, what: str) -> Finding:
    remedy = f"copy BACKUP/{item.path} of a backup to its place in the workspace"
    if item.made_anew:
        remedy += ", or measure its version again: it lists what that has wrong"
    elif item.path.startswith("artefacts/"):
        remedy += ", or train in full: the model is then replaced by a new version"
    return Finding("files", f"{item.path} {what}", remedy)


def made_anew(visit: Visit) -> Iterator[Finding]:
    """Find damaged features and predictions, which can be made anew; with `fix`, remove them."""
    with visit.store.read() as connection:
        places = [features.folder(visit.store.home, *item) for item in featured(connection)]
        results = list(kept(connection))
    for place in places:
        try:
            features.check(place)
        except Damaged as error:
            if visit.fix:
                features.forget_damaged(error)
            yield _damaged(visit, Path(error.path), "the next retrain computes it anew")
    for item in results:
        path = visit.store.home / item.path
        if path.is_file() and sha256_of(path) != item.sha256:
            if visit.fix:
                path.unlink(missing_ok=True)
            yield _damaged(visit, path, "ask for these predictions again")


def _damaged(visit: Visit, path: Path, remedy: str) -> Finding:
    name = path.relative_to(visit.store.home).as_posix()
    return Finding(
        "files",
        f"{name} is damaged" + (", and was removed" if visit.fix else ""),
        remedy if visit.fix else f"'mlvajra doctor --fix' removes it; {remedy}",
        wrong=not visit.fix,
        fixed=visit.fix,
    )


def _misplaced(visit: Visit, bad: set[Path]) -> Iterator[Finding]:
    """Find answers and questions about samples that stand elsewhere; read only whole pools."""
    with visit.store.read() as connection:
        for project in projects.listed(connection, archived=True):
            folder = pool_folder(visit.store.home, project.id)
            if folder in bad:
                continue
            pool = Pool(folder, projects.shards(connection, project.id))
            rows = checks.mentioned_positions(connection, project.id)
            wrong = sum(_elsewhere(pool, keys, places) for keys, places in rows)
            if wrong:
                yield Finding(
                    "files",
                    f"{project.name}: {wrong:,} answers or questions name a sample that does not "
                    "stand where they say",
                    "the pool is not the one they were given on; restore a backup",
                )


def scarce(visit: Visit) -> Iterator[Finding]:
    """Find projects that hold out hardly anything, because their samples are the same."""
    with visit.store.read() as connection:
        for project in projects.listed(connection):
            pool = Pool(
                pool_folder(visit.store.home, project.id), projects.shards(connection, project.id)
            )
            with suppress(Damaged):  # of which `whole` tells
                found = scarcity(project, pool)
                if found is not None:
                    what = f"{project.name}: {found.what}"
                    yield Finding("holdout", what, found.remedy, wrong=False)


def _elsewhere(pool: Pool, keys: NDArray[np.object_], places: Positions) -> int:
    inside = (places >= 0) & (places < len(pool))
    try:
        there = np.array(pool.keys(places[inside]), dtype=object)
    except IndexError:  # the shards leave a gap, which the check of rows tells
        return 0
    return int((~inside).sum() + (there != keys[inside]).sum())


def unmentioned(visit: Visit) -> Iterator[Finding]:
    """Find what killed work has left; with `fix`, remove what is older than a day."""
    with visit.store.read() as connection:
        found = files.strays(connection, visit.store.home)
    old = [item for item in found if item.old(visit.now)]
    removed = [item for item in old if visit.fix and _removed(visit, item)]
    if removed:
        yield _strays("removed ", removed, "nothing to do", fixed=True)
    left = [item for item in old if item not in removed]
    if left:
        yield _strays("", left, "they do no harm; 'mlvajra doctor --fix' removes them")


def _strays(verb: str, found: list[Stray], remedy: str, *, fixed: bool = False) -> Finding:
    size = sum(item.bytes for item in found)
    what = (
        f"{verb}{len(found):,} files or folders that nothing mentions ({size / 2**20:,.1f} MB), "
        f"for instance {found[0].path}"
    )
    return Finding("strays", what, remedy, wrong=False, fixed=fixed)


def _removed(visit: Visit, stray: Stray) -> bool:
    """Remove a stray, but nothing from a pool while an import is under way."""
    pool = _pool_of(stray.path, visit.store.home)
    if pool is None:
        return files.remove(stray)
    with suppress(Conflict), exclusive(pool):
        return files.remove(stray)
    return False


def _pool_of(path: Path, home: Path) -> Path | None:
    parts = path.relative_to(home).parts
    return home / "shards" / parts[1] if parts[0] == "shards" else None


def set_aside(visit: Visit) -> Iterator[Finding]:
    """Find what restores have moved aside."""
    for path in sorted(visit.store.home.glob(f"{ASIDE}*")):
        size = sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
        yield Finding(
            "strays",
            f"{path} holds what a restore has replaced ({size / 2**20:,.1f} MB)",
            "delete it when you are sure that nothing in it is missed",
            wrong=False,
        )

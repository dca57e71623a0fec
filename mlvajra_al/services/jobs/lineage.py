"""What the next version continues from, and when it starts anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlvajra_al.records import Gold, Project, Promotion, Revision, Version
from mlvajra_al.services.versions import rolled_back_at


@dataclass(frozen=True, slots=True)
class Fit:
    """How to fit: after which version, continuing from which one, and why it is a full fit."""

    parent: int | None
    previous: Version | None
    because: str


@dataclass(frozen=True, slots=True)
class Past:
    """What a project's versions, revisions and promotions say about the next fit."""

    versions: tuple[Version, ...]
    revision: Revision | None
    moves: tuple[Promotion, ...]


def next_fit(
    project: Project, past: Past, *, full: bool, relabelled: bool, reread: str = ""
) -> Fit:
    """Decide between a new root, a full fit, and an increment.

    A new root has no parent. It follows a changed recipe, a new revision (`reread` says why one
    was made just now), or a rollback: the champion going back to an earlier version after the
    last root was made.
    """
    if not past.versions:
        return Fit(None, None, "the first version")
    newest = past.versions[-1]
    root = reread or _new_root(project, past)
    if root:
        return Fit(None, None, root)
    if full:
        return Fit(newest.number, None, "a full fit was asked for")
    if since_full(past.versions) >= project.policy.full_every:
        return Fit(newest.number, None, f"every {project.policy.full_every}th fit is a full one")
    if relabelled and project.recipe.estimator == "complement_nb":
        return Fit(newest.number, None, "answers were changed")
    return Fit(newest.number, newest, "")


def _new_root(project: Project, past: Past) -> str:
    newest = past.versions[-1]
    if newest.recipe != project.recipe:
        return "the recipe was changed"
    if past.revision is None or newest.revision_id != past.revision.id:
        return "the pool was read anew"
    root = next(v for v in reversed(past.versions) if v.parent is None)
    rolled_back = rolled_back_at(past.moves)
    if rolled_back is not None and rolled_back > root.created_at:
        return "the champion was rolled back"
    return ""


def since_full(versions: Sequence[Version]) -> int:
    """Count the newest versions back to the last full fit, that one included."""
    for count, version in enumerate(reversed(versions), start=1):
        if version.mode == "full":
            return count
    return len(versions)


def changed(before: Sequence[Gold], now: Sequence[Gold]) -> bool:
    """Tell whether any label the previous version learned is gone or different."""
    labels = {item.position: item.label for item in now}
    return any(labels.get(item.position) != item.label for item in before)

"""What the next version continues from, and when it starts anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlvajra_al.records import EstimatorName, Gold, Project, Promotion, Revision, Version
from mlvajra_al.services.champions import rolled_back_at

FAR = 0.02
"""Share of answers that continuing may change beside a full fit; beyond it, those come sooner."""
SOONER = 3
UNABLE_TO_FORGET: tuple[EstimatorName, ...] = ("sgd", "complement_nb")
"""Estimators that learn by `partial_fit`: what was once learned, a retracted label too, stays."""


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
    was made just now), or a rollback after the last root was made.
    """
    if not past.versions:
        return Fit(None, None, "the first version")
    newest = past.versions[-1]
    root = reread or _new_root(project, past)
    if root:
        return Fit(None, None, root)
    if full:
        return Fit(newest.number, None, "a full fit was asked for")
    due = _due(project, past.versions)
    if due:
        return Fit(newest.number, None, due)
    if relabelled and project.recipe.estimator in UNABLE_TO_FORGET:
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


def _due(project: Project, made: Sequence[Version]) -> str:
    """Say why a full fit is due, or nothing; sooner where continuing had led far away."""
    every, count = project.policy.full_every, since_full(made)
    if count >= every:
        return f"every {every}th fit is a full one"
    last = next((one.drift for one in reversed(made) if one.drift is not None), None)
    if last is not None and last.differing > FAR and count >= max(1, every // SOONER):
        return f"continuing had changed {last.differing:.1%} of the answers"
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

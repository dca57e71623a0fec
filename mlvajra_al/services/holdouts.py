"""Whether enough is held out to measure anything: samples that are the same share one side."""

from __future__ import annotations

from dataclasses import dataclass

from mlvajra_al.records import Project
from mlvajra_al.store.shards import Pool
from mlvajra_al.words import plural

FEWEST = 20
"""Held out samples below which nothing is measured."""


@dataclass(frozen=True, slots=True)
class Scarcity:
    """Why hardly anything is held out of a pool that has enough samples, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def scarcity(project: Project, pool: Pool) -> Scarcity | None:
    """Say that fewer different samples are held out than it takes, though there should be more.

    None where that is so because the pool is small, or little was to be held out.
    """
    size, share = len(pool), project.holdout_threshold
    if size * share < 2 * FEWEST or (different := pool.different_held_out(share)) >= FEWEST:
        return None
    held = plural(len(pool.holdout_order(share)), "is", "are")
    found = f"hardly a holdout: of {size:,} samples {held} held out, {different:,} different"
    if not different:
        found = f"no holdout: of {size:,} samples none is held out"
    groups = project.group_column is not None
    whole = "samples of a group" if groups else "samples that are the same"
    return Scarcity(
        f"{found}, because {whole} are held out together or not at all",
        f"import more {'groups' if groups else 'samples that differ'}, or versions can hardly be "
        "measured",
    )

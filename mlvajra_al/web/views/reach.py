"""What a pool can never show, however much of it is labelled: said instead of what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mlvajra_al.records import Measure, Project
from mlvajra_al.services.holdouts import FEWEST
from mlvajra_al.services.versions import HoldOut
from mlvajra_al.web.widgets import plural

FEWEST_OF_A_LABEL = 5
"""So many of each label in use F1 takes; a test holds it and `FEWEST` to what the engine takes."""


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """Why what is too little measured stays so."""

    words: str
    brief: str = ""
    """The same for the cell of a table; empty where how much more it takes still says something."""


def out_of_reach(held: HoldOut) -> OutOfReach | None:
    """Say why no more can be measured; None while answers may still come that it takes."""
    if held.scarcity is not None:
        return OutOfReach(str(held.scarcity), held.scarcity.what.partition(":")[0])
    if held.size < FEWEST:
        has = plural(held.size, "sample is", "samples are") if held.size else "no sample is"
        return OutOfReach(
            f"the pool is too small to measure: {has} held out, and it takes {FEWEST}",
            "pool too small",
        )
    if held.asked >= held.size:
        return OutOfReach(
            f"all {held.size:,} held out samples are asked about: import more to go on"
        )
    return None


def still_missing(project: Project, learnt: Mapping[str, int], answers: Counter[str]) -> str:
    """Say what holdout answers lack to measure F1 of who has learnt such labels, or nothing."""
    if (more := FEWEST - answers.total()) > 0:
        return f"too few to say: {plural(more, 'more sample')} needed"
    if project.multilabel:
        return ""
    known = {label.name: label.display for label in project.labels}
    used = [n for n in known if answers[n] or learnt.get(n) or len(known) == 2]
    wanted = {name: FEWEST_OF_A_LABEL - answers[name] for name in used}
    missing = [f"{more} more of {known[name]}" for name, more in wanted.items() if more > 0]
    return f"too few to say: {', '.join(missing)} needed" if missing else ""


def lacking(measure: Measure, never: OutOfReach | None) -> str:
    """Say what a measure lacks: how much more it takes, or why that cannot come."""
    if never is None:
        return measure.lacks
    return never.words if never.brief else f"{measure.lacks}, but {never.words}"

"""Look at the labels themselves: which look wrong, how far people agree, what to ask again.

Held out samples are left out of all but agreement: a model must not choose whose labels there are
looked at twice, or what they measure would lean to what it thinks already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning import quality
from mlvajra_al.learning.agreement import Said, agreement
from mlvajra_al.learning.evaluation import aligned
from mlvajra_al.learning.rows import take
from mlvajra_al.records import Doubt, Examination, Gold, Job, Project, Ranked, Revision, Why
from mlvajra_al.services.jobs import revising, scoring
from mlvajra_al.services.jobs.label_checks import Floats, LabelChecks, Tick, label_checks
from mlvajra_al.services.jobs.telling import Later, Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import resolve
from mlvajra_al.store import doubts, projects, ranking, turns, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool
from mlvajra_al.words import plural

MOST_CHECKED = 20_000
"""Of more labels a random part is checked."""
MOST_DOUBTS = 200
"""So many a reviewer can look at; the next examination brings what is left."""
SHARE = 0.2
"""Second opinions that are asked for at most, of all answers."""
MOST_ANSWERS = 3
"""Who still disagrees then needs a reviewer, not another voice."""
FRONT = 100
"""New samples that labelled ones are weighed against."""
LOOK_AHEAD = 20


@dataclass(frozen=True)
class Seen:
    """Everything an examination looks at, read at once."""

    project: Project
    pool: Pool
    revision: Revision | None
    version: int | None
    told: Sequence[Any]
    """The answers that stand, about held out samples too."""
    front: tuple[Ranked, ...]
    people: int
    asked: int
    free: dict[int, list[Any]] = field(default_factory=dict)
    """The answers about samples that are not held out, by position."""
    gold: tuple[Gold, ...] = ()
    """What these come to, by position."""

    @cached_property
    def checks(self) -> LabelChecks:
        """How the labels are checked."""
        return label_checks(self.project)


@dataclass(frozen=True, slots=True)
class Checked:
    """Labelled samples, and what models say about them that they taught nothing."""

    gold: tuple[Gold, ...]
    probabilities: Floats
    model: Any
    """Taught by all of them."""
    features: Any


def examine(store: Store, job: Job, tell: Tell) -> Result:
    """Examine the labels of a project, and put what is found in the place of what was before."""
    tell(0.02, "Reading the labels")
    with store.read() as connection:
        seen = _seen(store, connection, job.project_id, now=tell.clock())
    seen = _resolved(seen)
    rng = np.random.default_rng([seen.project.seed, seen.project.last_seq])
    gold = _gold(seen, rng)
    found: list[Doubt] = []
    wanted: list[Ranked] = []
    note = _unready(seen, gold)
    ready = not note
    if ready:
        checked = _check(store, seen, gold, job_id=job.id, tell=tell)
        tick = _ticking(store, job.id, tell, "Choosing what to ask again", begin=0.85, end=0.98)
        tick(0.0)
        found = _doubts(seen, checked)
        wanted, note = _second_opinions(seen, checked, found, tick=tick)
        found = found[:MOST_DOUBTS]
    examined = Examination(
        seq=seen.project.last_seq,
        checked=len(gold) if ready else 0,
        doubted=len(found),
        second_opinions=len(wanted),
        agreement=agreement(_independent(seen), rng=rng),
        note=note,
        sure=sum(doubt.sure for doubt in found),
    )
    return _written(store, examined, found=found, wanted=wanted, project=seen.project, tell=tell)


def _seen(store: Store, connection: Connection, project_id: int, *, now: datetime) -> Seen:
    project = projects.get(connection, project_id)
    newest = versions.latest(connection, project_id)
    return Seen(
        project=project,
        pool=project_pool(store, connection, project),
        revision=versions.latest_revision(connection, project_id),
        version=newest.number if newest else None,
        told=doubts.told(connection, project_id, until_seq=project.last_seq),
        front=ranking.front(connection, project_id, limit=FRONT),
        people=doubts.answered_by(connection, project_id),
        asked=doubts.asked(connection, project_id, now=now),
    )


def _resolved(seen: Seen) -> Seen:
    """Sort out what was read, which takes a while with many answers."""
    free: dict[int, list[Any]] = defaultdict(list)
    for row in seen.told:
        if not row.holdout:
            free[row.position].append(row)
    gold, _ = resolve(seen.told, overlap=seen.project.policy.overlap)
    return replace(seen, free=free, gold=tuple(sorted(gold, key=lambda item: item.position)))


def _independent(seen: Seen) -> list[Said]:
    """Return who said what of which sample, as far as it tells how people agree as a rule.

    A reviewer has seen the other answers; whom the engine asks again are the hard cases.
    """
    return [
        (row.person, row.position, seen.checks.in_words(row.label))
        for row in seen.told
        if not row.adjudicates and row.strategy != doubts.SECOND_OPINION
    ]


def _gold(seen: Seen, rng: np.random.Generator) -> tuple[Gold, ...]:
    """Return the labels to check: those with enough examples, at most so many."""
    pool = seen.gold
    if len(pool) > MOST_CHECKED:
        kept = np.sort(rng.choice(len(pool), MOST_CHECKED, replace=False))
        pool = tuple(pool[place] for place in kept)
    return seen.checks.enough(pool)


def _unready(seen: Seen, gold: Sequence[Gold]) -> str:
    """Say why labels cannot be checked yet, or nothing."""
    if seen.version is None or seen.revision is None:
        return "there is no version yet"
    if seen.revision.recipe != seen.project.recipe:
        return "the recipe was changed, and no version has been made since"
    return seen.checks.unready(gold)


def _check(store: Store, seen: Seen, gold: tuple[Gold, ...], *, job_id: int, tell: Tell) -> Checked:
    prepared = revising.ready(store, seen.project, seen.pool, revision=seen.revision, tell=tell)
    X = take(prepared.features, [item.position for item in gold])
    message = f"Checking {plural(len(gold), 'label')}"
    tick = _ticking(store, job_id, tell, message, begin=0.1, end=0.8)
    p = seen.checks.out_of_sample(X, gold, tick=tick)
    tick(1.0)
    return Checked(gold, p, seen.checks.model(X, gold), prepared.features)


def _ticking(
    store: Store, job_id: int, tell: Tell, message: str, *, begin: float, end: float
) -> Tick:
    """Return what tells how far a part of the job is, and gives way to what is more urgent."""

    def tick(done: float) -> None:
        tell(begin + (end - begin) * done, message)
        with store.read() as connection:
            if turns.held_up(connection, job_id, now=tell.clock()):
                raise Later

    return tick


def _doubts(seen: Seen, checked: Checked) -> list[Doubt]:
    """Return the labels that look wrong, but for those that others have confirmed."""
    return [
        _doubt(checked.gold[suspect.row], suspect)
        for suspect in seen.checks.suspects(checked.gold, checked.probabilities)
        if not _settled(seen.free[checked.gold[suspect.row].position])
    ]


def _doubt(item: Gold, suspect: quality.Suspect) -> Doubt:
    return Doubt(
        sample_key=item.sample_key,
        position=item.position,
        seq=item.seq,
        label=item.label,
        likely=suspect.likely,
        probability=suspect.probability,
        quality=suspect.quality,
    )


def _settled(rows: Sequence[Any]) -> bool:
    """Tell whether a reviewer has decided, or several people say the same."""
    one_voice = len(rows) > 1 and len({row.label for row in rows}) == 1
    return one_voice or any(row.adjudicates for row in rows)


def _second_opinions(
    seen: Seen, checked: Checked, found: Sequence[Doubt], *, tick: Tick
) -> tuple[list[Ranked], str]:
    """Return what to ask again among the next new samples, or why nothing is."""
    left = int(SHARE * len(seen.told)) - seen.asked
    if seen.people < 2:
        return [], "nobody is asked again: only one person has answered so far"
    if left <= 0:
        return [], f"nobody is asked again: {SHARE:.0%} of all answers are second opinions already"
    positions, p = _open(seen, checked, {item.position for item in found})
    if not positions or not seen.front:
        return [], ""
    again, anew = _scores(seen, checked, positions, p, tick=tick)
    batch = max(seen.project.policy.retrain_every, LOOK_AHEAD)
    chosen = quality.places_to_ask_again(again, anew, batch=batch)[:left]
    return [
        Ranked(
            seen.free[positions[row]][0].sample_key,
            positions[row],
            Why(
                strategy=doubts.SECOND_OPINION,
                utility=float(1 - again[row]),
                rank=place,
                version=seen.version,
                inclusion_probability=None,
                holdout=False,
            ),
        )
        for row, place in chosen
    ], ""


def _scores(
    seen: Seen, checked: Checked, positions: Sequence[int], p: Floats, *, tick: Tick
) -> tuple[Floats, Floats]:
    """Score these samples and the new ones that come next: the lower, the sooner to ask."""
    answers = _answers(seen, positions)
    new = _probabilities(seen, checked, [r.position for r in seen.front])
    return seen.checks.worth_asking_again(checked.gold, answers, p, new, tick=tick)


def _open(seen: Seen, checked: Checked, doubted: Collection[int]) -> tuple[list[int], Floats]:
    """Return samples with a doubtful label or differing answers, and what models say of them."""
    most = min(seen.people, MOST_ANSWERS)
    may = {
        position
        for position, rows in seen.free.items()
        if len(rows) < most
        and not any(row.adjudicates for row in rows)
        and (position in doubted or len({row.label for row in rows}) > 1)
    }
    labelled = [place for place, item in enumerate(checked.gold) if item.position in may]
    known = {item.position for item in checked.gold}
    resolved = {item.position for item in seen.gold}
    torn = sorted(may - known - resolved)
    positions = [checked.gold[place].position for place in labelled] + torn
    p = np.concatenate([checked.probabilities[labelled], _probabilities(seen, checked, torn)])
    return positions, p


def _probabilities(seen: Seen, checked: Checked, positions: Sequence[int]) -> Floats:
    names = scoring.label_names(seen.project)
    if not positions:
        return np.empty((0, len(names)))
    proba = checked.model.predict_proba(take(checked.features, np.asarray(positions)))
    return aligned(proba, checked.model.classes_, names)


def _answers(seen: Seen, positions: Sequence[int]) -> NDArray[np.int64]:
    """Return who said what: a row a sample, a column a person, -1 where they said nothing."""
    voices = [(row, one) for row, position in enumerate(positions) for one in seen.free[position]]
    people = sorted({one.person for _, one in voices})
    said = [(row, people.index(one.person), one.label) for row, one in voices]
    return seen.checks.table(said, (len(positions), len(people)))


def _written(
    store: Store,
    examined: Examination,
    *,
    found: Sequence[Doubt],
    wanted: Sequence[Ranked],
    project: Project,
    tell: Tell,
) -> Result:
    """Write doubts, questions and the end of the job, all or nothing."""

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        versions.lock(connection, project.id)
        doubts.replace(connection, project.id, found)
        doubts.withdraw(connection, project.id, now=tell.clock())
        asked = doubts.ask(connection, project.id, wanted)
        written = replace(examined, second_opinions=asked)
        doubts.note(connection, project.id, written, now=tell.clock())
        result = {
            "checked": examined.checked,
            "doubted": examined.doubted,
            "sure": examined.sure,
            "asked": asked,
            "note": examined.note,
        }
        tell.settle(connection, result)
        return result

    return store.write(operation)

"""Model versions: listed, measured, compared, explained. Labels are never touched here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from mlvajra_al.errors import Invalid, NotAllowed, NotFound
from mlvajra_al.records import (
    GlobalExplanation,
    Job,
    JobKind,
    Person,
    Project,
    Report,
    SampleExplanation,
    Summary,
    Verdict,
    Version,
)
from mlvajra_al.services import access
from mlvajra_al.services.answers import may_see_opinion
from mlvajra_al.services.champions import is_provisional
from mlvajra_al.services.holdouts import Scarcity, scarcity
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.people import require
from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs, verdicts, versions
from mlvajra_al.store.codec import load
from mlvajra_al.store.database import Connection, Store

PAGE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version, what its newest report comes to, and whether it is the champion."""

    version: Version
    summary: Summary | None
    is_champion: bool
    revision: int
    """Which revision of the project's recipe it was made with, counted from 1."""

    def as_document(self) -> dict[str, Any]:
        """Return what programs are told of it as plain values, measures by their names."""
        version, measured = self.version, self.summary
        return {
            "number": version.number,
            "created_at": version.created_at,
            "parent": version.parent,
            "mode": version.mode,
            "n_labels": version.n_labels,
            "label_counts": version.label_counts,
            "metrics": measured and {item.name: asdict(item) for item in measured.ordered},
            "champion": self.is_champion,
            "trigger": version.trigger,
            "duration_s": version.duration_s,
            "asks": version.asks,
            "drift": version.drift and asdict(version.drift),
            "estimator": version.recipe.estimator,
            "revision": self.revision,
        }


def listed(
    store: Store,
    person: Person | None,
    project_name: str,
    *,
    after: int = 0,
    limit: int | None = None,
) -> tuple[VersionRow, ...]:
    """Return a project's versions, oldest first, of those behind the number `after`.

    Raises
    ------
    Invalid
        If `limit` is out of range.
    """
    if limit is not None and not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"asked for {limit} versions at once; ask for 1 to {PAGE_MAX}")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        found = versions.listed(connection, project.id, after=after, limit=limit)
        return _rows(connection, project, found)


def one(store: Store, person: Person | None, project_name: str, number: int) -> VersionRow:
    """Return one version as it stands in the list.

    Raises
    ------
    NotFound
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        (row,) = _rows(connection, project, [versions.get(connection, project.id, number)])
        return row


def foremost(store: Store, person: Person | None, project_name: str) -> tuple[VersionRow, ...]:
    """Return the champion and the newest version, oldest first; the one where they are the same."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        newest = versions.latest(connection, project.id)
        if newest is None:
            return ()
        numbers = {project.champion or newest.number, newest.number}
        found = [versions.get(connection, project.id, number) for number in sorted(numbers)]
        return _rows(connection, project, found)


def _rows(
    connection: Connection, project: Project, found: Sequence[Version]
) -> tuple[VersionRow, ...]:
    said = versions.summaries(connection, project.id, [item.number for item in found])
    revisions = versions.revision_numbers(connection, project.id)
    return tuple(
        VersionRow(
            item,
            said.get(item.number),
            item.number == project.champion,
            revisions[item.revision_id],
        )
        for item in found
    )


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What versions can be measured on: held out samples, and what has become of them."""

    size: int
    asked: int
    answered: int
    scarcity: Scarcity | None = None
    """Why there is next to none, where samples that are the same are the reason."""


def held_out(store: Store, person: Person | None, project_name: str) -> HoldOut:
    """Return how many samples are held out, and how many of them are answered."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        pool = project_pool(store, connection, project)
        asked, answered, _ = events.holdout_tally(connection, project.id)
        size = len(pool.holdout_order(project.holdout_threshold))
        return HoldOut(size, asked, answered, scarcity(project, pool))


def report(store: Store, person: Person | None, project_name: str, number: int) -> Report | None:
    """Return the newest report of a version; None where it was never evaluated."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        versions.get(connection, project.id, number)
        return next(reversed(versions.reports(connection, project.id, number)), None)


def request_evaluation(
    store: Store, person: Person, project_name: str, *, numbers: tuple[int, ...], now: datetime
) -> Job:
    """Queue an evaluation on today's holdout; of two versions, also which one is better.

    Where one of two is the champion the other one challenges it, and may be found worth promoting;
    nothing is advised of two others.
    """
    require(person, "reviewer", "evaluate a version")
    if not 1 <= len(set(numbers)) == len(numbers) <= 2:
        raise Invalid(f"evaluate one version, or two different ones, not {list(numbers)}")

    def operation(connection: Connection) -> Job:
        project = _with_versions(connection, person, project_name, numbers)
        return enqueue(
            connection,
            project,
            "evaluate",
            payload={"versions": list(numbers)},
            dedupe="evaluate:" + ":".join(map(str, numbers)),
            asked=(person, now),
        )

    return store.write(operation)


def verdict(job: Job) -> Verdict | None:
    """Return what a finished evaluation of two versions found; None for anything else."""
    found = (job.result or {}).get("verdict")
    return None if found is None else load(Verdict, found)


def last_verdict(
    store: Store, person: Person | None, project_name: str, *, champion: int, challenger: int
) -> Verdict | None:
    """Return what the newest comparison of two versions found, if it still holds.

    What was found plainly, of a champion that nobody had chosen, does not once somebody has, nor
    what was found with a champion that is none any more.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        first, second = champion_first((champion, challenger), project.champion)
        pair = (first, second)
        neutral = pair[0] != project.champion
        plain = is_provisional(versions.promotions(connection, project.id), pair[0])
        counted = None
        if not (plain or neutral):
            counted = verdicts.newest(connection, project.id, pair)
        if counted is not None:
            return counted
        done = jobs.comparison(connection, project.id, pair)
    found = verdict(done) if done else None
    if found is None or found.neutral != neutral or (found.provisional and not plain):
        return None
    return found


def champion_first(numbers: Sequence[int], champion: int | None) -> list[int]:
    """Return versions in the order they are given, but the champion before all others."""
    return sorted(numbers, key=lambda number: number != champion)


def request_explanation(
    store: Store,
    person: Person,
    project_name: str,
    *,
    number: int,
    sample_key: str = "",
    now: datetime,
) -> Job | None:
    """Queue the explanation of a version, or of one sample by it; None if it is there already.

    Raises
    ------
    NotAllowed
        If an annotator may still be asked about the sample: a model's opinion biases.
    """

    def operation(connection: Connection) -> Job | None:
        project = _with_versions(connection, person, project_name, (number,))
        if sample_key:
            _allow_opinion(connection, person, project, sample_key)
        if versions.has_explanation(connection, project.id, number, sample_key=sample_key):
            return None
        if sample_key and project_pool(store, connection, project).positions([sample_key])[0] < 0:
            raise NotFound("sample", sample_key)
        return enqueue(
            connection,
            project,
            "explain",
            payload={"version": number, "sample_key": sample_key},
            dedupe=explanation_name(number, sample_key),
            asked=(person, now),
        )

    return store.write(operation)


def explanation_name(number: int, sample_key: str = "") -> str:
    """Name the job that explains something, so that it waits only once."""
    short = blake2b(sample_key.encode(), digest_size=16).hexdigest() if sample_key else ""
    return f"explain:{number}:{short}"


def global_explanation(
    store: Store, person: Person | None, project_name: str, number: int
) -> GlobalExplanation | None:
    """Return what a version pays attention to; None until a job has computed it."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return versions.get_explanation(
            connection, project.id, number, sample_key="", kind=GlobalExplanation
        )


def sample_explanation(
    store: Store, person: Person | None, project_name: str, number: int, sample_key: str
) -> SampleExplanation | None:
    """Return why a version answers as it does for a sample; None until a job has computed it.

    Raises
    ------
    NotAllowed
        If an annotator may still be asked about the sample: a model's opinion biases.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        _allow_opinion(connection, person, project, sample_key)
        return versions.get_explanation(
            connection, project.id, number, sample_key=sample_key, kind=SampleExplanation
        )


def _allow_opinion(
    connection: Connection, person: Person | None, project: Project, sample_key: str
) -> None:
    if person is not None and not may_see_opinion(
        connection, person, project, sample_key=sample_key
    ):
        action = "see what a model says of a sample they have not answered"
        raise NotAllowed(action, "a reviewer")


def _with_versions(
    connection: Connection, person: Person, name: str, numbers: Sequence[int]
) -> Project:
    project = access.open_project(connection, person, name)
    for number in numbers:
        versions.get(connection, project.id, number)
    return project


def enqueue(
    connection: Connection,
    project: Project,
    kind: JobKind,
    *,
    payload: dict[str, Any],
    dedupe: str,
    asked: tuple[Person, datetime],
) -> Job:
    """Queue work on versions that somebody asked for; return what waits already, if it does."""
    person, now = asked
    job, _ = jobs.enqueue_once(
        connection,
        project.id,
        kind,
        payload=payload,
        now=now,
        dedupe=dedupe,
        person_id=person.id,
    )
    return job

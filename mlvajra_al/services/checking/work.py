"""Checks of work under way: clocks and leases, jobs that wait, workers that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from mlvajra_al.records import Finding
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.store import checks, processes
from mlvajra_al.words import plural

AHEAD = timedelta(minutes=1)
ABANDONED = timedelta(minutes=5)
WAITING = timedelta(hours=1)


def clocks(visit: Visit) -> Iterator[Finding]:
    """Find rows written by a clock that is ahead of this one."""
    with visit.store.read() as connection:
        newest = checks.newest_moment(connection)
    if newest is not None and newest > visit.now + AHEAD:
        yield Finding(
            "clocks",
            f"the newest row was written at {newest:%Y-%m-%d %H:%M:%S} UTC, but it is "
            f"{visit.now:%Y-%m-%d %H:%M:%S} UTC here",
            "the clock was set back, or two machines disagree; let a time service set them (NTP)",
        )


def far_leases(visit: Visit) -> Iterator[Finding]:
    """Find samples and jobs that a wrong clock has given away for hours."""
    with visit.store.read() as connection:
        slots, jobs = checks.far_leases(connection, now=visit.now, lease=visit.lease)
    if not slots and not jobs:
        return
    if visit.fix:
        visit.store.write(
            lambda connection: checks.end_far_leases(connection, now=visit.now, lease=visit.lease)
        )
    yield Finding(
        "leases",
        f"{slots:,} claims and {jobs:,} jobs are leased for longer than anybody may lease them: a "
        "clock was wrong",
        "nothing to do: they can be taken again"
        if visit.fix
        else "'mlvajra doctor --fix' ends these leases; answers that still come are kept",
        wrong=not visit.fix,
        fixed=visit.fix,
    )


def jobs(visit: Visit) -> Iterator[Finding]:
    """Find jobs that nobody does."""
    with visit.store.read() as connection:
        alive = processes.living(connection, "worker", now=visit.now)
        abandoned = checks.abandoned_jobs(connection, now=visit.now, since=ABANDONED)
        waiting = checks.waiting_jobs(connection, now=visit.now, since=WAITING)
    late = (*abandoned, *waiting)
    if abandoned and alive:
        yield Finding(
            "jobs",
            f"{_some(abandoned)} lost their worker more than 5 minutes ago and {len(alive)} "
            "workers have not taken them over",
            "see the workers' output, and stop and start them",
        )
    elif late:
        yield Finding(
            "jobs",
            f"{_some(late)} {'waits' if len(late) == 1 else 'wait'}"
            + ("" if alive else " and no worker is running"),
            "they are done in turn" if alive else "start 'mlvajra run' or 'mlvajra worker'",
            wrong=False,
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {plural(len(names) - 3, 'more job')}"


def silent(visit: Visit) -> Iterator[Finding]:
    """Find workers that ended without a word; with `fix`, forget them."""
    before = visit.now - processes.SILENT
    with visit.store.read() as connection:
        gone = checks.silent_workers(connection, before=before)
    if not gone:
        return
    if visit.fix:
        visit.store.write(lambda connection: processes.forget_silent(connection, before=before))
    who = "1 worker" if len(gone) == 1 else f"{len(gone):,} workers"
    yield Finding(
        "workers",
        f"{who} ended without a word, for instance {gone[0]}",
        "nothing to do: what they did is taken over by another one",
        wrong=False,
        fixed=visit.fix,
    )

"""Jobs under everything that workers and clocks can do, in any order: each ends once.

A machine of rules (hypothesis) drives the queue and holds it against a plain model.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mlvajra_al.records import Job
from mlvajra_al.store import job_leases, jobs
from mlvajra_al.store.database import Store
from tests.factories import NOW, a_project

LEASE = timedelta(seconds=15)
WORKERS = st.sampled_from(["w1", "w2", "w3"])
KINDS = st.sampled_from(["retrain", "prepare", "ingest", "explain"])
OVER = ("done", "failed", "cancelled")


class Queue(RuleBasedStateMachine):
    """Three workers, one project, a clock that goes forth and sometimes back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name)
        self.store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
        self.store.migrate()
        self.project = a_project(self.store)
        self.now = NOW
        self.holders: dict[int, str] = {}
        self.ended: dict[int, Job] = {}
        self.ids: list[int] = []

    def teardown(self) -> None:
        self.drain()
        self.store.close()
        self.folder.cleanup()

    def all(self) -> dict[int, Job]:
        with self.store.read() as connection:
            found = jobs.listed(connection, self.project.id, limit=1_000)
        return {job.id: job for job in found}

    @rule(kind=KINDS, once=st.booleans())
    def enqueue(self, kind: jobs.JobKind, once: bool) -> None:
        twin = [job for job in self.all().values() if (job.kind, job.state) == (kind, "queued")]
        with self.store.begin() as connection:
            made = jobs.enqueue(
                connection,
                self.project.id,
                kind,
                payload={},
                now=self.now,
                dedupe=kind if once else None,
            )
        if made is None:
            assert once and twin, "a job was refused that no other stood for"
        else:
            self.ids.append(made)

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        before = self.all()
        with self.store.begin() as connection:
            job = job_leases.claim(connection, worker=worker, now=self.now, lease=LEASE)
        if job is None:
            return
        assert before[job.id].state in ("queued", "running")
        assert (job.state, job.attempts) == ("running", before[job.id].attempts + 1)
        assert job.attempts <= job_leases.MAX_ATTEMPTS
        clashing = job_leases.CLASHES.get(job.kind, ())
        held = [other for other in self.held() if other.id != job.id and other.kind in clashing]
        assert not held, f"{job.kind} {job.id} was begun beside {held}"
        self.holders[job.id] = worker

    def held(self) -> list[Job]:
        """Return the jobs that somebody is at, by the leases in the table."""
        with self.store.read() as connection:
            alive = connection.exec_driver_sql(
                "SELECT id FROM job WHERE state = 'running' AND lease_until BETWEEN ? AND ?",
                tuple(str((self.now + span * LEASE).replace(tzinfo=None)) for span in (0, 2)),
            )
            return [jobs.get(connection, row.id) for row in alive]

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.holders)))
        worker = data.draw(WORKERS)
        until = self.now + LEASE
        with self.store.begin() as connection:
            is_theirs = job_leases.beat(
                connection, job_id, worker=worker, until=until, message="at it"
            )
            assert is_theirs == job_leases.is_mine(connection, job_id, worker)
        expected = self.holders[job_id] == worker and job_id not in self.ended
        assert is_theirs == expected, "who does a job is who claimed it last"

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), state=st.sampled_from(["done", "failed"]))
    def finish(self, data: st.DataObject, state: jobs.JobState) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.holders)))
        worker = data.draw(WORKERS)
        with self.store.begin() as connection:
            if job_leases.is_mine(connection, job_id, worker):
                jobs.finish(connection, job_id, state=state, now=self.now, result={"by": worker})
                del self.holders[job_id]

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), worker=WORKERS)
    def give_back(self, data: st.DataObject, worker: str) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.holders)))
        before = self.all()[job_id]
        with self.store.begin() as connection:
            job_leases.give_back(connection, job_id, worker=worker, now=self.now)
        after = self.all()[job_id]
        if self.holders[job_id] == worker and before.state == "running":
            assert after.state in ("queued", "cancelled")
            assert after.state == "cancelled" or after.attempts == before.attempts - 1
            del self.holders[job_id]
        else:
            assert after == before, "somebody else's job was given back"

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(self.ids))
        with self.store.begin() as connection:
            jobs.finish(connection, job_id, state="cancelled", now=self.now)

    @rule(seconds=st.sampled_from([1, 10, 16, 40]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_clock_is_set_back(self) -> None:
        self.now -= timedelta(hours=1)

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        found = self.all()
        for job_id, job in self.ended.items():
            assert found[job_id] == job
        self.ended |= {job.id: job for job in found.values() if job.state in OVER}
        assert set(found) == set(self.ids)

    def drain(self) -> None:
        """Let one worker that lives do all that is left."""
        for _ in range(4 * len(self.ids) + 1):
            self.now += timedelta(minutes=1)
            with self.store.begin() as connection:
                job = job_leases.claim(connection, worker="last", now=self.now, lease=LEASE)
                if job is not None:
                    jobs.finish(connection, job.id, state="done", now=self.now)
        left = [job for job in self.all().values() if job.state not in OVER]
        assert not left, f"these never end: {left}"


TestJobs = Queue.TestCase
TestJobs.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, derandomize=True, database=None
)

"""Jobs on a page: their words, their progress while they run, and finding them again."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mlvajra_al.errors import NotFound
from mlvajra_al.records import ACTIVE, ENDED, Job, Person
from mlvajra_al.services import overview, training
from mlvajra_al.services.job_words import KINDS, said_of
from mlvajra_al.services.overview import AtWork
from mlvajra_al.web.auth import live
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.widgets import plain

STATES = {
    "queued": ("Waiting", "gray"),
    "running": ("Running", "blue"),
    "done": ("Done", "green"),
    "failed": ("Failed", "red"),
    "cancelled": ("Cancelled", "gray"),
}


def took(job: Job) -> float | None:
    """Return how many seconds a job has run."""
    if job.started_at is None:
        return None
    return ((job.finished_at or now()) - job.started_at).total_seconds()


def job_words(job: Job, doing: Sequence[AtWork] = ()) -> str:
    """Say in one line what became of a job, or what the workers are `doing` while it waits."""
    if job.state == "failed":
        return sentence(job.error or "it failed without a word; see the worker's log")
    return said_of(job, doing)


def job_line(job: Job, doing: Sequence[AtWork] = ()) -> None:
    """Draw one job: its state, its progress, its words."""
    word, color = STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, color=color)  # type: ignore[arg-type]
        st.markdown(f"**{KINDS[job.kind]}** :small[{plain(job_words(job, doing))}]")
    if job.state in ACTIVE:
        st.progress(min(1.0, max(0.0, job.progress)))


def follow(job_id: int, *, done: str = "") -> None:
    """Show a job until it is over, then run the page again."""

    @live(every=0.7)
    def watch(person: Person) -> None:
        try:
            job = training.job(store(), person, job_id)
        except NotFound:
            return
        job_line(job, overview.ahead_of(store(), person, job, now=now()))
        if job.state in ENDED:
            if job.state == "done" and done:
                st.toast(done, icon=":material/check:")
            st.rerun(scope="app")

    watch()


def awaited(place: str) -> Job | None:
    """Return the last job this page started under a name, as it is now."""
    job_id = st.session_state.get(f"job:{place}")
    if job_id is None:
        return None
    try:
        return training.job(store(), None, int(job_id))
    except NotFound:
        return None


def await_job(place: str, job: Job | None) -> None:
    """Remember a job under a name, so that `awaited` finds it in the next run."""
    if job is not None:
        st.session_state[f"job:{place}"] = job.id


def forget_job(place: str) -> None:
    """Forget the job remembered under a name."""
    st.session_state.pop(f"job:{place}", None)


def watched(place: str, *, done: str = "") -> Job | None:
    """Show the job of `place` while it runs and its error once failed; return it once over."""
    job = awaited(place)
    if job is None:
        return None
    if job.state not in ENDED:
        follow(job.id, done=done)
        return None
    if job.state == "failed":
        st.error(plain(job_words(job)), icon=":material/error:")
    return job

"""Jobs on a page: their words, their progress while they run, and finding them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mlvajra_al.errors import NotFound
from mlvajra_al.records import ACTIVE, ENDED, Job, JobKind, Person
from mlvajra_al.services import training
from mlvajra_al.services.overview import AtWork
from mlvajra_al.services.progress import labels_needed
from mlvajra_al.web.auth import live
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.widgets import plain, plural

KINDS: dict[JobKind, str] = {
    "ingest": "Import",
    "prepare": "Prepare",
    "retrain": "Retrain",
    "evaluate": "Measure",
    "explain": "Explain",
    "predict": "Predict",
    "simulate": "Simulate",
    "examine": "Check labels",
}
STATES = {
    "queued": ("Waiting", "gray"),
    "running": ("Running", "blue"),
    "done": ("Done", "green"),
    "failed": ("Failed", "red"),
    "cancelled": ("Cancelled", "gray"),
}


def work_words(doing: Sequence[AtWork]) -> str:
    """Say what the workers do: this project's jobs as they are, of others hardly more than that."""
    said = []
    for one in doing:
        kind = KINDS[one.kind].lower()
        if one.own:
            said.append(f"{kind}: {one.message}" if one.message else kind)
        elif one.project is None:
            said.append("busy with another project")
        else:
            said.append(f"busy with another project: {one.project}, {kind}")
    return "; ".join(dict.fromkeys(said))


def took(job: Job) -> float | None:
    """Return how many seconds a job has run."""
    if job.started_at is None:
        return None
    return ((job.finished_at or now()) - job.started_at).total_seconds()


def job_words(job: Job) -> str:
    """Say in one line what became of a job."""
    if job.state == "failed":
        return sentence(job.error or "it failed without a word; see the worker's log")
    if job.state == "queued":
        return "Waits for the worker."
    if job.state == "done":
        return OUTCOMES[job.kind](job, job.result) if job.result else job.message
    return job.message


def _imported(_job: Job, result: dict[str, Any]) -> str:
    return str(result.get("message", ""))


def _prepared(_job: Job, result: dict[str, Any]) -> str:
    if not result.get("samples"):
        return "The pool is empty: there was nothing to read."
    samples, features = plural(result["samples"], "sample"), plural(result["features"], "feature")
    because = f": {result['because']}" if result["because"] else ""
    return f"{samples} read, {features} made{because}."


def _retrained(job: Job, result: dict[str, Any]) -> str:
    if needs := labels_needed(job):
        return f"No fit yet: the model {needs}."
    if result.get("nothing_new"):
        made = f"Nothing new to learn since version {result['version']}."
    else:
        made = f"Version {result['version']}."
    words = (made, result.get("asks"), result.get("note"))
    return " ".join(filter(None, words))


def _evaluated(job: Job, result: dict[str, Any]) -> str:
    if job.payload.get("each"):
        words = f"{plural(result['measured'], 'version')} measured"
        lost = ", ".join(str(number) for number in result["damaged"])
        return f"{words}; damaged and left out: {lost}." if lost else f"{words}."
    numbers = " and ".join(str(number) for number in job.payload["versions"])
    several = len(job.payload["versions"]) > 1
    return f"Versions {numbers} compared." if several else f"Version {numbers} measured."


def _explained(_job: Job, result: dict[str, Any]) -> str:
    what = f"Version {result['version']} explained"
    whole = f"{what} for the sample {result['sample_key']}." if result["sample_key"] else f"{what}."
    return f"{whole} {result.get('note', '')}".rstrip()


def _predicted(_job: Job, result: dict[str, Any]) -> str:
    count = result["rows"] if "rows" in result else len(result["predictions"])
    return f"{plural(count, 'prediction')} of version {result['version']}."


def _simulated(_job: Job, result: dict[str, Any]) -> str:
    return f"Run {result['run']}. {result['advice']} {result['note']}".rstrip()


def _examined(_job: Job, result: dict[str, Any]) -> str:
    if not result.get("checked"):
        return "Too few labels to check yet."
    sure = result.get("sure", 0)
    wrong = plural(sure, "looks wrong", "look wrong")
    words = f"Checked {plural(result['checked'], 'label')}: {wrong}"
    words += f", {result['doubted'] - sure:,} possibly"
    return words + (f", {result['asked']:,} asked again." if result["asked"] else ".")


OUTCOMES: dict[JobKind, Callable[[Job, dict[str, Any]], str]] = {
    "ingest": _imported,
    "prepare": _prepared,
    "retrain": _retrained,
    "evaluate": _evaluated,
    "explain": _explained,
    "predict": _predicted,
    "simulate": _simulated,
    "examine": _examined,
}
"""What became of a job that is done, by its kind."""


def job_line(job: Job) -> None:
    """Draw one job: its state, its progress, its words."""
    word, color = STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, color=color)  # type: ignore[arg-type]
        st.markdown(f"**{KINDS[job.kind]}** :small[{plain(job_words(job))}]")
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
        job_line(job)
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

"""Jobs in words: their kinds, what became of each, and what the workers do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlvajra_al.records import Job, JobKind
from mlvajra_al.services.overview import AtWork
from mlvajra_al.services.progress import labels_needed
from mlvajra_al.words import plural

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


def said_of(job: Job, doing: Sequence[AtWork] = ()) -> str:
    """Say in one line what became of a job that has not failed.

    Of one that waits, what the workers are `doing`; of one that is done, the last it said of itself
    where its result is not kept.
    """
    if job.state == "queued":
        busy = work_words(doing)
        return f"Waits for the worker. At work now: {busy}." if busy else "Waits for the worker."
    if job.state == "done" and job.result:
        return OUTCOMES[job.kind](job, job.result)
    return job.message


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
    return f"{plural(count, 'prediction')} of version {result['version']}{numbered(result)}."


def numbered(result: dict[str, Any]) -> str:
    """Say what the keys of predictions are, where they are not those of the project's samples.

    >>> numbered({"lacks_key": "id"}), numbered({})
    ("; the file has no column 'id', so each key is the number of a row", '')
    """
    lacks = result.get("lacks_key")
    return f"; the file has no column {lacks!r}, so each key is the number of a row" * bool(lacks)


def _simulated(_job: Job, result: dict[str, Any]) -> str:
    return f"Run {result['run']}. {result['advice']} {result['note']}".rstrip()


def _examined(_job: Job, result: dict[str, Any]) -> str:
    if not result.get("checked"):
        because = result.get("note")
        return f"Not checked yet: {because}." if because else "Too few labels to check yet."
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

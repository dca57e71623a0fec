"""Predictions for the pool or a file, and those made before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import streamlit as st

from mlvajra_al.records import Job, Person, Project
from mlvajra_al.services import predicting, versions
from mlvajra_al.services.job_words import numbered
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.context import now, store
from mlvajra_al.web.upload.upload import clear_upload, upload_field
from mlvajra_al.web.views.behind import champion_behind
from mlvajra_al.web.views.newest import newer
from mlvajra_al.web.watching import await_job, watched
from mlvajra_al.web.widgets import FORMATS, act, ago, clock, plain, plural, shorten

SHOWN = 5
WRITTEN: tuple[predicting.Format, ...] = get_args(predicting.Format)


def predictions(person: Person, project: Project) -> None:
    """Draw predictions for the pool or a file, and those made before."""
    with st.container(border=True):
        st.markdown("**Predictions** :small[:gray[label, probability and version per sample]]")
        champion_behind(person, project)
        place = f"predict:{project.id}"
        version = who_answers(versions.foremost(store(), person, project.name))
        kind = st.segmented_control(
            "As", WRITTEN, format_func=FORMATS.__getitem__, default="csv",
            required=True, key="predict-format",
        )  # fmt: skip

        every = st.checkbox("The probability of every label", key="predict-every")

        def ask(**what: Any) -> Callable[[], None]:
            return lambda: await_job(
                place,
                predicting.request(
                    store(),
                    person,
                    project.name,
                    question=predicting.Question(
                        version=version, file_format=kind, probabilities=every, **what
                    ),
                    now=now(),
                ),
            )

        if st.button("Predict the whole pool", icon=":material/play_arrow:"):
            act("", ask(pool=True))
        upload = upload_field(f"predict:{project.id}")
        if upload is not None and st.button(
            f"Predict {plain(shorten(upload.name, 40))}", icon=":material/play_arrow:"
        ):
            act("", ask(upload=upload.id))
            clear_upload(f"predict:{project.id}")
        watched(place, done="The predictions are ready")
        ready(person, project)


def who_answers(rows: Sequence[VersionRow]) -> int | None:
    """Draw the choice between the champion and a newer version; None leaves it to the service."""
    newest = newer(rows)
    if newest is None:
        return None
    champion = next(row.version for row in rows if row.is_champion)
    newer_one = newest.version
    names = {
        champion.number: f"The champion, version {champion.number} "
        f"({plural(champion.n_labels, 'label')})",
        newer_one.number: f"The newest, version {newer_one.number} "
        f"({plural(newer_one.n_labels, 'label')})",
    }
    chosen: int = st.segmented_control(
        "Who answers", list(names), format_func=names.__getitem__, default=champion.number,
        required=True, key=f"predict-version:{newer_one.project_id}:{champion.number}",
    )  # fmt: skip
    return chosen


def ready(person: Person, project: Project) -> None:
    """Draw the files of predictions that are there."""
    for job in predicting.with_files(store(), person, project.name, limit=SHOWN):
        name, what = file_words(job)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.link_button(plain(name), f"/api/v1/jobs/{job.id}/file", icon=":material/download:")
            st.caption(plain(f"{what}, {clock(job.finished_at)} ({ago(job.finished_at)})"))


def file_words(job: Job) -> tuple[str, str]:
    """Name what a file of predictions is of, and say what tells it from the others."""
    result, upload = job.result or {}, job.payload.get("uri")
    of = "The pool" if upload is None else shorten(Path(str(upload)).name, 40)
    every = " with all probabilities" if job.payload.get("probabilities") else ""
    written = FORMATS[job.payload.get("format", "csv")]
    rows = plural(result["rows"], "prediction")
    what = f"{rows} of version {result['version']}{every}{numbered(result)}"
    return f"{of}, {written}", what

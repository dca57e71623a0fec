"""Data in, what it holds, what is asked about it, and everything out again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from mlvajra_al.records import Job, Person, Project
from mlvajra_al.services import overview, projects, training
from mlvajra_al.services.progress import progress
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.charts import counts, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.held import held_words
from mlvajra_al.web.upload.new_project import (
    inspected,
    left_by,
    new_project,
    pick,
    set_up_anew,
    start,
)
from mlvajra_al.web.upload.upload import clear_upload, upload_field
from mlvajra_al.web.views.guidelines import guidelines_editor
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.label_editor import labels_view
from mlvajra_al.web.views.predictions import predictions
from mlvajra_al.web.views.warnings import hardly_a_holdout
from mlvajra_al.web.watching import job_words, watched
from mlvajra_al.web.widgets import (
    FORMATS,
    act,
    ago,
    api,
    chosen_project,
    clock,
    empty,
    flash,
    flashed,
    page_link,
    plain,
    side_by_side,
)

person = require_role("admin")
ANEW = "Set it up anew"


def import_more(person: Person, project: Project, last: Job | None) -> None:
    """Draw the import of more samples into the pool; one that failed is offered once more."""
    st.caption(
        f"Adds samples to {plain(project.name)}. What is there already is not added again, and "
        "nothing is added unless the whole file is good."
    )
    left = left_by(last) if last is not None and last.state == "failed" else None
    upload = upload_field(f"more:{project.id}", first=left)
    if upload is None:
        return
    if upload == left:
        st.caption(
            f"{plain(upload.name)} is still here. Import it again once the cause is gone, or "
            "choose the corrected file."
        )
    found = inspected(upload)
    if found is None:
        return
    path, schema = found
    names = [column.name for column in schema.columns]
    before = None if last is None else last.payload.get("labels_from")
    source = pick("Column with labels that exist already", names, before, "Become answers")
    if st.button("Import", type="primary", icon=":material/upload_file:") and act(
        "The import is queued", lambda: start(person, project.name, path, source)
    ):
        clear_upload(f"more:{project.id}")
        st.rerun()


def imports_view(person: Person, project: Project | None) -> None:
    """Draw what was imported and the ways to import more."""
    if project is None:
        new_project(person)
        return
    hardly_a_holdout(person, project)
    job = watched(f"import:{project.name}", done="The import is done")
    if job is not None and job.state == "done":
        st.success(f"Imported: {plain(job_words(job))}", icon=":material/check:")
        if progress(store(), person, project.name, now=now()).left:
            page_link("annotate", "Start labelling", icon=":material/edit:")
        else:
            page_link("home", "Every sample has an answer: go on", icon=":material/arrow_forward:")
    last = next(
        iter(training.jobs_of(store(), person, project.name, kinds=("ingest",), limit=1)), None
    )
    if job is None and last is not None and last.state == "failed":
        st.error(f"The last import failed: {plain(job_words(last))}", icon=":material/error:")
    empty_handed = last is not None and projects.came_to_nothing(store(), person, project.name)
    ways = ["This project", *([ANEW] if empty_handed else []), "A new project"]
    where = st.segmented_control(
        "Into", ways, default="This project", required=True,
        label_visibility="collapsed", key=f"into:{project.id}:{empty_handed}",
    )  # fmt: skip
    if where == "This project":
        if empty_handed:
            st.caption(f"Were columns, kinds or labels chosen wrongly? Choose *{ANEW}* above.")
        import_more(person, project, last)
        shards_table(person, project)
    elif where == ANEW and last is not None:
        set_up_anew(person, project, last)
    else:
        new_project(person)


def shards_table(person: Person, project: Project) -> None:
    """Draw the pieces the pool is made of."""
    pieces = overview.imports(store(), person, project.name)
    if not pieces:
        return
    st.markdown(f"**Imported so far** :gray[{sum(p.rows for p in pieces):,} samples]")
    st.dataframe(
        pd.DataFrame(
            {
                "Source": [piece.source for piece in pieces],
                "Samples": [piece.rows for piece in pieces],
                "When": [clock(piece.created_at) for piece in pieces],
                "SHA-256": [piece.sha256 for piece in pieces],
            }
        ),
        hide_index=True,
        column_config={"Samples": st.column_config.NumberColumn(format="localized")},
        alt="Imports of this project",
    )


def schema_view(person: Person, project: Project) -> None:
    """Draw the columns, the counts and the choices made at creation."""
    state = progress(store(), person, project.name, now=now())
    left, right = side_by_side(2, at_least=300)
    with left:
        st.markdown("**Columns the model sees**")
        st.dataframe(
            pd.DataFrame(
                {
                    "Column": [column.name for column in project.recipe.columns],
                    "Holds": [held_words(column) for column in project.recipe.columns],
                }
            ),
            hide_index=True,
            alt="Input columns",
        )
        page_link("train", "Change them on Train, under Settings", icon=":material/tune:")
    with right:
        with st.container(border=True):
            st.markdown(f"**Answers** :gray[{state.answered:,}, {state.left:,} samples left]")
            look.show(
                counts.label_counts(project.labels, state.counts), key="data-counts", alt="Counts"
            )
        st.table(
            {
                "Key": plain(project.key_column or "the content itself"),
                "Title": plain(project.title_column or "none"),
                "Groups": plain(project.group_column or "none"),
                "Held out": held_out(person, project),
                "Created": clock(project.created_at),
            },
            border="horizontal",
            alt="Choices made when the project was created",
        )


def held_out(person: Person, project: Project) -> str:
    """Say which share of the pool is held out, or will be once there is a pool."""
    if overview.imports(store(), person, project.name):
        return f"{project.holdout_threshold:.1%} of the pool"
    return f"{project.policy.holdout_share:.0%} of the first import"


def export_view(person: Person, project: Project) -> None:
    """Draw the ways out: labels, history, predictions."""
    for what, title, words in (
        ("labels", "Gold labels", "A row per labelled sample: its label, who, when, its columns."),
        ("history", "Full history", "A row per event: answers, skips, flags, corrections."),
    ):
        with st.container(border=True):
            st.markdown(f"**{title}** :small[:gray[{words}]]")
            with st.container(horizontal=True):
                for ending, name in FORMATS.items():
                    st.link_button(
                        name,
                        f"{api(project.name, what)}?format={ending}",
                        icon=":material/download:",
                    )
    st.caption("Streamed as they stand now. In CSV, text that looks like a formula is escaped.")
    predictions(person, project)


def archive_view(person: Person, project: Project) -> None:
    """Draw archiving, and what is in the archive."""
    st.markdown(
        "An archived project asks nobody and learns nothing; nothing is deleted, and it can be "
        "taken out again."
    )
    sure = st.checkbox(f"Yes, archive {plain(project.name)}", key=f"sure:{project.id}")
    if st.button("Archive", disabled=not sure, icon=":material/archive:") and act(
        f"{plain(project.name)} is archived",
        lambda: projects.set_archived(store(), person, project.name, archived=True, now=now()),
    ):
        st.rerun()  # and say that it is, where it was
    archived(person)


def archived(person: Person) -> None:
    """Draw the projects in the archive."""
    gone = [item for item in projects.listed(store(), person, archived=True) if item.archived_at]
    for item in gone:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(item.name)}** :gray[archived {ago(item.archived_at)}]")
            if st.button("Take out", key=f"out:{item.id}", icon=":material/unarchive:") and act(
                "",
                partial(
                    projects.set_archived, store(), person, item.name, archived=False, now=now()
                ),
            ):
                flash(f"{item.name} is out of the archive.")


def draw(person: Person) -> None:
    """Draw the page."""
    project = chosen_project(person)
    heading("Data", project)
    flashed()
    if project is None:
        empty(
            "No project yet",
            "Upload a file with a row per sample; you then say what its columns hold and what "
            "you want to know about each.",
            icon=":material/upload_file:",
        )
        new_project(person)
        archived(person)
        return
    views: dict[str, Callable[[Person, Project], None]] = {
        ":material/upload_file: Import": imports_view,
        ":material/table: Columns": schema_view,
        ":material/label: Labels": labels_view,
        ":material/menu_book: Guidelines": guidelines_editor,
        ":material/download: Export": export_view,
        ":material/archive: Archive": archive_view,
    }
    for tab, view in zip(
        st.tabs(list(views), on_change="rerun", key="data-tab", bind="query-params"),
        views.values(),
        strict=True,
    ):
        if tab.open:
            with tab:
                view(person, project)


draw(person)

"""From a file to a project in three steps: take it, say what it holds, say what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pandas as pd
import streamlit as st

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Column, Job, Person, Project, Recipe, Repeated, Schema
from mlvajra_al.services import importing, projects
from mlvajra_al.services.label_sets import MAX_LABELS, make_labels
from mlvajra_al.web.context import now, store
from mlvajra_al.web.held import column_of, held_choice, held_words
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.upload.beginning import Beginning, Special, as_before, guessed
from mlvajra_al.web.upload.upload import Uploaded, clear_upload, upload_field
from mlvajra_al.web.watching import await_job
from mlvajra_al.web.widgets import (
    FORMATS,
    act,
    errors_shown,
    go_to_project,
    height_of,
    plain,
    plural,
    shorten,
)

NONE = "(none)"
SHOWN_ROWS = 5


def inspected(upload: Uploaded) -> tuple[Path, Schema] | None:
    """Return what an uploaded file holds, or say in a sentence why it cannot be read."""
    try:
        path = importing.uploaded(store(), upload.id)
        return path, importing.inspect_upload(path, preview=SHOWN_ROWS)
    except MlvajraError as error:
        st.error(plain(sentence(error)), icon=":material/error:")
        return None


def new_project(person: Person) -> None:
    """Draw the steps to a new project: a file, what it holds, what is asked."""
    st.markdown("**1. The data** :gray[a row per sample]")
    upload = upload_field("new")
    found = None if upload is None else inspected(upload)
    if upload is None or found is None:
        return
    path, schema = found
    stem = PurePosixPath(upload.name).name.split(".")[0]
    draft_form(person, File("new", upload, path, schema), guessed(schema, stem))


def set_up_anew(person: Person, project: Project, last: Job) -> None:
    """Draw the same steps for a project of which nothing came: its file and choices once more."""
    st.markdown("**1. The data** :gray[nothing of it was imported, so all can be chosen anew]")
    place = f"anew:{project.id}"
    upload = upload_field(place, first=left_by(last))
    found = None if upload is None else inspected(upload)
    if upload is None or found is None:
        return
    path, schema = found
    draft_form(person, File(place, upload, path, schema), as_before(schema, project, last))


def left_by(last: Job) -> Uploaded | None:
    """Return the file that an import was to read, while it is kept."""
    left = importing.uploaded_for(store(), last)
    return Uploaded(left, PurePosixPath(left).name) if left else None


@dataclass(frozen=True, slots=True)
class File:
    """A file that a field took: where it is and what it holds."""

    field: str
    upload: Uploaded
    path: Path
    schema: Schema


def first_rows(schema: Schema) -> None:
    """Draw how much there is and the first rows as they are written."""
    rows = f"{plural(schema.rows, 'row')}, " if schema.rows is not None else ""
    columns = plural(len(schema.columns), "column")
    st.caption(f"{rows}{columns}, {FORMATS.get(schema.format, schema.format)}")
    st.dataframe(
        pd.DataFrame([{n: _shown(v, 120) for n, v in row.items()} for row in schema.preview]),
        hide_index=True,
        alt="The first rows of the file",
    )


def _shown(value: object, limit: int) -> str:
    return "" if value is None else shorten(value, limit)


def columns_editor(schema: Schema, *, place: str, uses: Mapping[str, str]) -> tuple[Column, ...]:
    """Draw the columns with what they hold, to be corrected, and what `uses` they have instead."""
    first = next(iter(schema.preview), {})
    shown = [Column(c.name, "ignored") if c.name in uses else c for c in schema.columns]
    frame = pd.DataFrame(
        {
            "Column": [column.name for column in shown],
            "Used as": [uses.get(column.name, "") for column in shown],
            "Holds": [held_words(column) for column in shown],
            "For example": [_shown(first.get(column.name), 70) for column in shown],
        }
    )
    edited = st.data_editor(
        frame,
        disabled=["Column", "Used as", "For example"],
        hide_index=True,
        height=height_of(len(frame)),
        column_config={"Holds": held_choice()},
        key=f"columns:{place}",
        alt="Columns and what they hold",
    )
    return tuple(column_of(row["Column"], row["Holds"]) for row in edited.to_dict("records"))


def draft_form(person: Person, file: File, begin: Beginning) -> None:
    """Draw what a project needs besides its file, and the button that makes it."""
    first_rows(file.schema)
    st.markdown("**2. What it holds** :gray[correct what was guessed wrongly]")
    special = special_columns(file.schema, begin.special)
    held = replace(file.schema, columns=begin.columns)
    columns = columns_editor(held, place=file.upload.id, uses=special.uses)
    inputs = inputs_of(columns, special)
    asked = asked_form(file, special.source, begin)

    def create() -> None:
        start(person, made(person, file, asked, special, inputs), file.path, special.source)

    if st.button("Create and import", type="primary", icon=":material/upload_file:") and act(
        "The project is made", create
    ):
        clear_upload(file.field)
        go_to_project(asked.name.strip())


@dataclass(frozen=True, slots=True)
class Asked:
    """What a project is called and asks, as it was typed."""

    name: str
    share: float
    several: bool
    labels: str


def asked_form(file: File, source: str | None, begin: Beginning) -> Asked:
    """Draw the name of the project, its holdout and its labels."""
    st.markdown("**3. What is asked** :gray[the answers, and how the model is measured]")
    left, right = st.columns(2)
    with left:
        name = st.text_input(
            "Name of the project", begin.name, max_chars=64, key=f"name:{file.upload.id}"
        )
    with right:
        share = st.slider(
            "Share of the pool held out", 0.0, 0.5, begin.share, 0.05,
            key=f"share:{file.upload.id}",
            help="Drawn at random, never trained on: what the model is measured by. Fixed from "
            "now on; at most 20,000 samples.",
        )  # fmt: skip
    several = st.checkbox(
        "A sample may have several labels, or none of them", begin.several,
        key=f"several:{file.upload.id}",
    )  # fmt: skip
    labels = labels_area(file, source, begin, several=several)
    return Asked(name, float(share), several, labels)


def made(
    person: Person, file: File, asked: Asked, special: Special, inputs: tuple[Column, ...]
) -> str:
    """Make the project and return its name."""
    labels = make_labels(asked.labels.splitlines())
    drafted = projects.draft(asked.name, labels=labels, recipe=Recipe(inputs), now=now())
    names = [label.name for label in labels]
    check_labels(file.path, special.source, names, several=asked.several)
    wanted = replace(
        drafted,
        key_column=special.key,
        group_column=special.group,
        title_column=special.title,
        policy=replace(drafted.policy, holdout_share=asked.share),
        multilabel=asked.several,
    )
    importing.require_no_input(wanted, special.source)
    return projects.create(store(), person, wanted).name


def special_columns(schema: Schema, begin: Special) -> Special:
    """Draw the choice of key, title, existing labels and groups."""
    names = [column.name for column in schema.columns]
    left, right = st.columns(2)
    with left:
        key = pick("Column that names samples", names, begin.key, "Without one, content does")
        if words := of_repeated(schema.repeated, key):
            st.caption(f":material/info: {plain(words)}")
        title = pick("Column shown as the title", names, begin.title, "For example the subject")
    with right:
        group = pick(
            "Column of groups", names, begin.group, "Equal values stay on one side of the holdout"
        )
        source = pick(
            "Column with labels that exist already", names, begin.source, "Become answers"
        )
        if source is not None and source == schema.answer:
            st.caption(
                f"{plain(source)} looks like the answer, so the model does not see it. If it is "
                f"none, choose {plain(NONE)}."
            )
    return Special(key, title, source, group)


def of_repeated(repeated: Repeated | None, key: str | None) -> str:
    """Say why a column named as keys are was not chosen as `key`, or will be refused as such.

    Examples
    --------
    >>> found = Repeated("id", "'r3' stands twice, on line 5 and line 31")
    >>> of_repeated(found, None)
    "id was not chosen: 'r3' stands twice, on line 5 and line 31."
    >>> of_repeated(found, "id")
    "id will be refused: 'r3' stands twice, on line 5 and line 31."
    >>> of_repeated(found, "number")
    ''
    """
    if repeated is None or key not in (None, repeated.column):
        return ""
    verb = "was not chosen" if key is None else "will be refused"
    return f"{repeated.column} {verb}: {repeated.words}."


def inputs_of(columns: tuple[Column, ...], special: Special) -> tuple[Column, ...]:
    """Return what the model sees, and say it."""
    inputs = tuple(
        column for column in columns if column.kind != "ignored" and column.name not in special.uses
    )
    words = ", ".join(plain(shorten(column.name, 30)) for column in inputs[:12])
    st.caption(
        f"The model sees {plural(len(inputs), 'column')}: {words}{', …' if inputs[12:] else ''}"
        if inputs
        else ":red[The model sees no column: say of at least one what it holds.]"
    )
    return inputs


def pick(label: str, names: list[str], first: str | None, words: str) -> str | None:
    """Draw the choice of a column, or of none."""
    options = [NONE, *names]
    chosen = st.selectbox(
        label, options, index=options.index(first) if first in options else 0, help=words
    )
    return None if chosen == NONE else chosen


def labels_area(file: File, column: str | None, begin: Beginning, *, several: bool) -> str:
    """Draw the label set to edit, which begins with the labels the whole file holds."""
    found = importing.FoundLabels(())
    if column is not None:
        with errors_shown(), st.spinner("Reading the labels in the file"):
            found = labels_in(file.path, column, several=several)
    fit = not found.more and len(found.names) <= MAX_LABELS
    if not fit:
        st.warning(
            f"{plain(column)} holds {'more than ' if found.more else ''}{len(found.names):,} "
            f"different values, and a project has at most {MAX_LABELS} labels. Choose "
            f"another column with labels, or {plain(NONE)}.",
            icon=":material/warning:",
        )
    before = begin.labels if (column, several) == (begin.special.source, begin.several) else ()
    labels = st.text_area(
        "Labels, one per line",
        "\n".join(before or (found.names if fit else ())),
        key=f"labels:{file.upload.id}:{column}:{several}",
        placeholder="ham\nspam",
        height=120,
    )
    if found.missing:
        st.caption(
            f"Read as empty: {', '.join(map(plain, found.missing))}. Where one is a label, add it."
        )
    return labels


@lru_cache(maxsize=32)
def labels_in(path: Path, column: str, *, several: bool) -> importing.FoundLabels:
    """Return the labels that a column of a whole file names; read once, as uploads never change."""
    return importing.labels_in(path, column, multilabel=several)


def check_labels(path: Path, column: str | None, names: list[str], *, several: bool) -> None:
    """Refuse labels that leave out what the file says, while no project is made yet."""
    if column is None:
        return
    found = labels_in(path, column, several=several)
    if found.more or not set(found.names) <= set(names):
        importing.require_labels(path, column, names=names, multilabel=several)


def start(person: Person, name: str, path: Path, labels_from: str | None) -> None:
    """Queue an import and remember it."""
    job = importing.start_import(
        store(), person, name, uri=path, labels_from=labels_from, now=now()
    )
    await_job(f"import:{name}", job)

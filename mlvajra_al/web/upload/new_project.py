"""From a file to a project in two steps: take it, then say what it holds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Column, Person, Project, Recipe, Schema
from mlvajra_al.services import importing, overview, projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.held import column_of, held_choice, held_words
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.upload.upload import Uploaded, clear_upload, upload_field
from mlvajra_al.web.watching import await_job
from mlvajra_al.web.widgets import FORMATS, act, errors_shown, go_to_project, plain, plural, shorten

NONE = "(none)"
PREVIEW = 500


def inspected(upload: Uploaded) -> tuple[Path, Schema] | None:
    """Return what an uploaded file holds, or say in a sentence why it cannot be read."""
    try:
        path = overview.uploaded(store(), upload.id)
        return path, importing.inspect_upload(path, preview=PREVIEW)
    except MlvajraError as error:
        st.error(plain(sentence(error)), icon=":material/error:")
        return None


def new_project(person: Person) -> None:
    """Draw the two steps to a new project: a file, then what it holds."""
    st.markdown("**1. The data** :gray[a row per sample]")
    upload = upload_field("new")
    if upload is None:
        return
    found = inspected(upload)
    if found is None:
        return
    path, schema = found
    rows = f"{schema.rows:,} rows, " if schema.rows is not None else ""
    st.caption(f"{rows}{len(schema.columns)} columns, {FORMATS.get(schema.format, schema.format)}")
    st.dataframe(
        pd.DataFrame([_shown(row) for row in schema.preview[:5]]),
        hide_index=True,
        alt="The first rows of the file",
    )
    st.markdown("**2. What it holds** :gray[correct what was guessed wrongly]")
    columns = columns_editor(schema, upload)
    draft_form(person, schema, columns, (upload, path))


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {name: shorten(value, 120) if value is not None else "" for name, value in row.items()}


def columns_editor(schema: Schema, upload: Uploaded) -> tuple[Column, ...]:
    """Draw the columns with their guessed kinds, to be corrected."""
    first = schema.preview[0] if schema.preview else {}
    frame = pd.DataFrame(
        {
            "Column": [column.name for column in schema.columns],
            "Holds": [held_words(column) for column in schema.columns],
            "For example": [shorten(first.get(column.name, ""), 70) for column in schema.columns],
        }
    )
    edited = st.data_editor(
        frame,
        disabled=["Column", "For example"],
        hide_index=True,
        column_config={"Holds": held_choice()},
        key=f"columns:{upload.id}",
        alt="Columns and what they hold",
    )
    return tuple(column_of(row["Column"], row["Holds"]) for row in edited.to_dict("records"))


def draft_form(
    person: Person, schema: Schema, columns: tuple[Column, ...], file: tuple[Uploaded, Path]
) -> None:
    """Draw the rest of what a project needs, and the button that makes it."""
    upload, path = file
    stem = PurePosixPath(upload.name).name.split(".")[0]
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name of the project", stem, max_chars=64, key=f"name:{upload.id}")
    special = special_columns(schema, left, right)
    with right:
        share = st.slider(
            "Share of the pool held out", 0.0, 0.5, 0.2, 0.05, key=f"share:{upload.id}",
            help="Drawn at random, never trained on: what the model is measured by. Fixed from "
            "now on; at most 20,000 samples.",
        )  # fmt: skip
    several = st.checkbox(
        "A sample may have several labels, or none of them", key=f"several:{upload.id}"
    )
    labels = labels_area(upload, path, special.source, several=several)
    inputs = inputs_of(columns, (special.key, special.source, special.group))

    def create() -> None:
        made = projects.make_labels(labels.splitlines())
        drafted = projects.draft(
            name,
            labels=made,
            recipe=Recipe(inputs),
            now=now(),
            seed=secrets.randbelow(projects.SEEDS),
        )
        wanted = replace(described(drafted, special, float(share)), multilabel=several)
        check_labels(path, special.source, [label.name for label in made], several=several)
        created = projects.create(store(), person, wanted)
        start(person, created.name, path, special.source)

    if st.button("Create and import", type="primary", icon=":material/upload_file:") and act(
        "The project is made", create
    ):
        clear_upload("new")
        go_to_project(name.strip())


@dataclass(frozen=True, slots=True)
class Special:
    """The columns that are more than input, each by name or none."""

    key: str | None
    title: str | None
    source: str | None
    group: str | None


def special_columns(schema: Schema, left: DeltaGenerator, right: DeltaGenerator) -> Special:
    """Draw the choice of key, title, existing labels and groups."""
    names = [column.name for column in schema.columns]
    with left:
        key = pick("Column that names samples", names, schema.key, "Without one, content does")
        title = pick("Column shown as the title", names, schema.title, "For example the subject")
    with right:
        source = pick(
            "Column with labels that exist already", names, schema.answer, "Become answers"
        )
        if source is not None and source == schema.answer:
            st.caption(
                f"{plain(source)} looks like the answer, so the model does not see it. If it is "
                f"none, choose {plain(NONE)}."
            )
        group = pick(
            "Column of groups", names, None, "Equal values stay on one side of the holdout"
        )
    return Special(key, title, source, group)


def described(drafted: Project, special: Special, share: float) -> Project:
    """Return a drafted project with its columns and its share of the pool held out."""
    return replace(
        drafted,
        key_column=special.key,
        group_column=special.group,
        title_column=special.title,
        policy=replace(drafted.policy, holdout_share=share),
    )


def inputs_of(columns: tuple[Column, ...], taken: tuple[str | None, ...]) -> tuple[Column, ...]:
    """Return what the model sees, and say it."""
    inputs = tuple(
        column for column in columns if column.kind != "ignored" and column.name not in taken
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


def labels_area(upload: Uploaded, path: Path, column: str | None, *, several: bool) -> str:
    """Draw the label set to edit, which begins with the labels the whole file holds."""
    found = importing.FoundLabels(())
    if column is not None:
        with errors_shown(), st.spinner("Reading the labels in the file"):
            found = labels_in(path, column, several=several)
    fit = not found.more and len(found.names) <= projects.MAX_LABELS
    if not fit:
        st.warning(
            f"{plain(column)} holds {'more than ' if found.more else ''}{len(found.names):,} "
            f"different values, and a project has at most {projects.MAX_LABELS} labels. Choose "
            f"another column with labels, or {plain(NONE)}.",
            icon=":material/warning:",
        )
    return st.text_area(
        "Labels, one per line",
        "\n".join(found.names) if fit else "",
        key=f"labels:{upload.id}:{column}:{several}",
        placeholder="ham\nspam",
        height=120,
    )


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

"""What to simulate: whose labels are the truth, what the model sees, which strategies play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from mlvajra_al.records import Column, Person, Plan, Project, Recipe, Run, Scenario, Truth
from mlvajra_al.services import overview, simulating
from mlvajra_al.services.progress import progress
from mlvajra_al.web.context import now, store
from mlvajra_al.web.upload.new_project import columns_editor, inspected
from mlvajra_al.web.upload.upload import upload_field
from mlvajra_al.web.widgets import act, plain, plural
from mlvajra_al.words import strategy_words

TRUTHS: dict[Truth, str] = {
    "file": "A labelled file",
    "pool": "A column of the pool",
    "answers": "The answers so far",
}
USUAL = Plan()


@dataclass(frozen=True, slots=True)
class Source:
    """Where the truth is, and what the model may see of it."""

    truth: Truth
    columns: tuple[Column, ...]
    label: str | None = None
    uri: str | None = None


def scenario_form(person: Person, project: Project) -> Run | None:
    """Draw the choices and the button; return the run once it is asked for."""
    place = f"{project.id}"
    with st.container(border=True):
        truth = st.segmented_control(
            "Whose labels are the truth", list(TRUTHS), format_func=TRUTHS.__getitem__,
            default="file", required=True, key=f"truth:{place}",
        )  # fmt: skip
        source = SOURCES[truth](person, project)
        if source is None:
            return None
        plan = plan_of(project)
        estimators = list(overview.ESTIMATORS)
        estimator = st.selectbox(
            "What learns",
            estimators,
            index=estimators.index(project.recipe.estimator),
            format_func=overview.ESTIMATORS.__getitem__,
            key=f"simulate-estimator:{place}",
        )
        games = plural(len(plan.games), "game")
        st.caption(
            f"{games}: each strategy once with each seed. 70% of the samples may be asked about, "
            "the others judge; a game ends at 98% of what all labels reach."
        )
        recipe = Recipe(source.columns, estimator)  # type: ignore[arg-type]
        scenario = Scenario(truth, project.name, recipe, plan, source.label, source.uri)
        return started(person, project, scenario)


def started(person: Person, project: Project, scenario: Scenario) -> Run | None:
    """Draw the button, and return the run it has begun."""
    runs: list[Run] = []

    def ask() -> None:
        runs.append(simulating.request(store(), person, project.name, scenario=scenario, now=now()))

    if st.button("Start", type="primary", icon=":material/play_arrow:", key="simulate"):
        act("The simulation is queued", ask)
    return runs[0] if runs else None


def plan_of(project: Project) -> Plan:
    """Draw which strategies play, and for how long."""
    place, names = f"{project.id}", list(overview.strategies_of(project))
    strategies = st.multiselect(
        "Strategies",
        names,
        default=simulating.usual(multilabel=project.multilabel),
        format_func=lambda name: strategy_words(name).capitalize(),
        key=f"simulate-strategies:{place}",
        help="random is the baseline; auto is what projects ask by unless told otherwise.",
    )
    left, middle, right = st.columns(3)
    with left:
        seeds = st.number_input(
            "Seeds", 1, simulating.MOST_SEEDS, USUAL.seeds, key=f"simulate-seeds:{place}",
            help="How often each strategy plays, each time on another split. More tell "
            "strategies apart that are close.",
        )  # fmt: skip
    with middle:
        batch = st.number_input(
            "Labels between two retrains", 1, simulating.MOST_BATCH, USUAL.batch_size,
            key=f"simulate-batch:{place}",
        )  # fmt: skip
    with right:
        most = st.number_input(
            "At most so many labels", 1, simulating.MOST_LABELS, USUAL.most, step=100,
            key=f"simulate-most:{place}",
        )  # fmt: skip
    return Plan(tuple(strategies), int(batch), int(seeds), int(most))


def of_file(_person: Person, project: Project) -> Source | None:
    """Draw the field for a file, what its columns hold, and which is the truth."""
    upload = upload_field(f"simulate:{project.id}")
    found = None if upload is None else inspected(upload)
    if upload is None or found is None:
        return None
    _, schema = found
    label = pick_label([column.name for column in schema.columns], None, place=upload.id)
    uses = {label: "labels"} if label else {}
    edited = columns_editor(schema, place=upload.id, uses=uses)
    columns = tuple(c for c in edited if c.kind != "ignored" and c.name != label)
    return Source("file", seen(columns), label, upload.id)


def of_pool(person: Person, project: Project) -> Source | None:
    """Draw which column of the pool is the truth."""
    names = list(overview.pool_columns(store(), person, project.name))
    if project.gold_column:
        names.append(project.gold_column)
    inputs = [column.name for column in project.recipe.columns if column.kind != "ignored"]
    free = [name for name in names if name not in inputs]
    if not free:
        st.info(
            "The model sees every column of the pool, so none of them can be the truth. "
            "Take a labelled file instead.",
            icon=":material/info:",
        )
        return None
    label = pick_label(free, project.gold_column, place=f"pool:{project.id}")
    return Source("pool", seen(project.recipe.columns), label)


def of_answers(person: Person, project: Project) -> Source | None:
    """Say how many answers there are."""
    state = progress(store(), person, project.name, now=now())
    st.caption(
        f"{plural(state.answered, 'answer')} so far; those about held-out samples do not play. "
        "They were asked for by a strategy, so the numbers are of samples like these, not of the "
        "whole pool."
    )
    return Source("answers", seen(project.recipe.columns))


SOURCES: dict[Truth, Any] = {"file": of_file, "pool": of_pool, "answers": of_answers}


def pick_label(names: list[str], first: str | None, *, place: str) -> str | None:
    """Draw the choice of the column of true labels."""
    return st.selectbox(
        "Column of true labels",
        names,
        index=names.index(first) if first in names else None,
        placeholder="Choose a column",
        key=f"simulate-label:{place}",
    )


def seen(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return what the model sees, and say it."""
    inputs = tuple(column for column in columns if column.kind != "ignored")
    words = ", ".join(plain(column.name) for column in inputs[:12])
    st.caption(
        f"The model sees {plural(len(inputs), 'column')}: {words}{', …' if inputs[12:] else ''}"
    )
    return inputs

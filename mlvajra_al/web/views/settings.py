"""How a project asks and retrains, and what its model is made of."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Person, Policy, Project, Recipe
from mlvajra_al.services import overview, projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.held import column_of, held_choice, held_words
from mlvajra_al.web.widgets import act, flash, follow
from mlvajra_al.words import strategy_words

FIELDS = {
    "retrain_every": "every",
    "full_every": "full",
    "overlap": "overlap",
    "holdout_rate": "rate",
    "explain_on_card": "explain",
    "strategy": "strategy",
}
"""What a policy has, and how the widget for it is called."""


def policy_form(person: Person, project: Project) -> None:
    """Draw how the project asks and retrains."""
    for field, name in FIELDS.items():
        follow(f"{name}:{project.id}", getattr(project.policy, field))
    with st.container(border=True):  # a form would not tell of a strategy that is being chosen
        st.markdown("**How it asks and retrains**")
        left, right = st.columns(2)
        with left:
            policy = counts_of(project.policy, project.id)
        with right:
            policy = shares_of(policy, project.id)
        policy = strategy_of(policy, project)
        held = asdict(project.policy)
        changes = {field: value for field, value in asdict(policy).items() if value != held[field]}
        if st.button("Save", type="primary", key="save-policy") and act(
            "",
            lambda: projects.change_policy(
                store(), person, project.name, changes=changes, now=now()
            ),
        ):
            flash("The policy is saved; it holds from the next question and retrain on.")


def counts_of(policy: Policy, place: int) -> Policy:
    """Draw how often the project retrains and how many people it asks."""
    every = st.number_input(
        "Answers until a retrain", 1, 100_000, policy.retrain_every, key=f"every:{place}"
    )
    full = st.number_input(
        "A full fit every so many retrains", 1, 1_000, policy.full_every, key=f"full:{place}"
    )
    overlap = st.number_input(
        "People asked about each sample", 1, 20, policy.overlap, key=f"overlap:{place}"
    )
    return replace(policy, retrain_every=int(every), full_every=int(full), overlap=int(overlap))


def shares_of(policy: Policy, place: int) -> Policy:
    """Draw how many questions measure, and whether the card shows reasons."""
    rate = st.slider(
        "Share of questions that measure instead of teach",
        0.0,
        0.9,
        policy.holdout_rate,
        step=0.05,
        key=f"rate:{place}",
        help="Holdout samples are drawn at random and never trained on. "
        "More of them: better known quality, slower learning.",
    )
    st.caption(f"Share of the pool held out: {policy.holdout_share:.0%}, fixed at the first import")
    explain = st.toggle(
        "Show the model's reasons on the card",
        policy.explain_on_card,
        key=f"explain:{place}",
        help="Seeing the model's opinion biases people; off is the safer choice.",
    )
    return replace(policy, holdout_rate=float(rate), explain_on_card=bool(explain))


def strategy_of(policy: Policy, project: Project) -> Policy:
    """Draw which samples are asked about next."""
    words = overview.strategies_of(project)
    key = f"strategy:{project.id}"
    if st.session_state[key] not in words:
        st.session_state[key] = next(iter(words))
    strategy = st.selectbox(
        "Which samples are asked about next",
        list(words),
        list(words).index(policy.strategy) if policy.strategy in words else 0,
        format_func=strategy_name,
        key=key,
    )
    st.caption(words[strategy])
    return replace(policy, strategy=str(strategy))


def strategy_name(name: str) -> str:
    """Return a strategy as the entry of a list; the first is for who does not want to choose."""
    return "Automatic (recommended)" if name == "auto" else strategy_words(name).capitalize()


def recipe_form(person: Person, project: Project) -> None:
    """Draw what the model is made of, and what changing it causes."""
    estimators = list(overview.ESTIMATORS)
    known = {column.name: held_words(column) for column in project.recipe.columns}
    unused = [n for n in overview.pool_columns(store(), person, project.name) if n not in known]
    held = known | dict.fromkeys(unused, "ignored")
    with st.form(f"recipe-form:{project.id}", border=True):
        st.markdown("**What the model is made of**")
        estimator = st.selectbox(
            "Estimator",
            estimators,
            index=estimators.index(project.recipe.estimator),
            format_func=overview.ESTIMATORS.__getitem__,
        )
        edited = st.data_editor(
            pd.DataFrame(
                {
                    "Column": list(held),
                    "Holds": list(held.values()),
                }
            ),
            disabled=["Column"],
            hide_index=True,
            column_config={"Holds": held_choice()},
            key=f"recipe:{project.id}:{hash(project.recipe)}",
            alt="Input columns and what they hold",
        )
        st.caption(
            "Saving a change reads the pool again with the new recipe and makes the next retrain "
            "a full fit without parent. Versions, reports and labels stay as they are."
        )
        if st.form_submit_button("Save", type="primary", key="save-recipe"):
            save_recipe(person, project, str(estimator), edited)


def save_recipe(person: Person, project: Project, estimator: str, edited: Any) -> None:
    """Store a changed recipe."""
    known = {column.name for column in project.recipe.columns}
    columns = tuple(
        column_of(row["Column"], row["Holds"])
        for row in edited.to_dict("records")
        if row["Holds"] != "ignored" or row["Column"] in known
    )
    recipe = Recipe(columns, estimator)  # type: ignore[arg-type]
    if recipe == project.recipe:
        st.info("Nothing was changed.", icon=":material/info:")
        return
    saved = act(
        "",
        lambda: projects.set_recipe(store(), person, project.name, recipe=recipe, now=now()),
    )
    if saved:
        flash("The recipe is saved; the pool is read again, and the next retrain is a full fit.")

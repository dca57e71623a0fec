"""Simulations: how far they are, their learning curves, what they advise, and all there were."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import ACTIVE, Game, Person, Run
from mlvajra_al.services import simulating, standings, training
from mlvajra_al.web.auth import live
from mlvajra_al.web.charts import look, simulations
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.watching import STATES
from mlvajra_al.web.widgets import act, ago, clock, duration, plain, plural
from mlvajra_al.words import strategy_words

BASELINE = "random"
LEVELS = {level: f"Labels to {level:.0%}" for level in standings.LEVELS}


def name_of(run: Run) -> str:
    """Return what a run is called in a list."""
    return f"Run {run.id} · {run.scenario.name}"


def follow_run(project: str, drawn: Run) -> None:
    """Draw a run while it is played; run the page again with each game that is over."""

    @live("admin", every=1)
    def watch(person: Person) -> None:
        run = simulating.glance(store(), person, project, drawn.id)
        played = len(run.games)
        if run.state not in ACTIVE or played != len(drawn.games):
            st.rerun(scope="app")
        headline(run)
        st.progress(
            played / len(run.scenario.plan.games), text=plain(run.message or "Waits for a worker.")
        )
        if st.button("Cancel", key=f"cancel-run:{run.id}", icon=":material/close:"):
            act("Cancelled", partial(training.cancel, store(), person, run.job_id, now=now()))

    watch()
    if level := standings.level(drawn.scenario.plan, drawn.games):
        st.caption(f"So far: {plain(advice(drawn, level))}")
    if drawn.games:
        figures([drawn])


def outcome(run: Run) -> None:
    """Draw what came of a run that is over."""
    headline(run)
    if run.state == "failed":
        st.error(plain(sentence(run.message)), icon=":material/error:")
    elif run.state == "cancelled":
        of = plural(len(run.scenario.plan.games), "game")
        st.info(f"Cancelled after {len(run.games)} of {of}.", icon=":material/info:")
    if run.games:
        st.markdown(f":material/lightbulb: **{plain(advice(run, run.games))}**")


def headline(run: Run) -> None:
    """Draw what a run is of, by whom, and how it ended."""
    word, color = STATES[run.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, color=color)  # type: ignore[arg-type]
        st.markdown(f"**{plain(name_of(run))}** :small[:gray[{plain(about(run))}]]")


def about(run: Run) -> str:
    """Say what a run was played on, and when."""
    words = [f"by {run.person}" if run.person else "", ago(run.created_at)]
    if run.facts is not None:
        drawn = run.facts.drawn_from > run.facts.samples
        of = f" drawn from {run.facts.drawn_from:,}" if drawn else ""
        samples = plural(run.facts.samples, "sample")
        words[:0] = [f"{samples}{of}, {plural(len(run.facts.labels), 'label')}"]
    if run.started_at and run.finished_at:
        words.append(f"took {duration((run.finished_at - run.started_at).total_seconds())}")
    return ", ".join(word for word in words if word)


def figures(runs: Sequence[Run]) -> None:
    """Draw the curves of runs in one chart, and the labels they needed in one table."""
    several = len(runs) > 1
    names = list(dict.fromkeys(name for run in runs for name in run.scenario.plan.strategies))
    lines = [
        simulations.Line(
            f"{run.id}: {said(name)}" if several else said(name),
            standings.curve(run.games, name),
            None if name == BASELINE else names.index(name),
            place,
        )
        for place, run in enumerate(runs)
        for name in run.scenario.plan.strategies
    ]
    full = None if several else standings.full_f1(runs[0].games)
    measure = "Micro F1" if runs[0].scenario.multilabel else "Macro F1"
    look.show(
        simulations.curves([line for line in lines if line.points], full=full, measure=measure),
        key="curves",
        alt=f"{measure} of each strategy against the number of labels, with 95% intervals",
    )
    st.dataframe(
        pd.DataFrame(
            [_row(run, name, several) for run in runs for name in run.scenario.plan.strategies]
        ),
        hide_index=True,
        alt="Labels each strategy needed",
    )
    st.caption(
        "Lines are means over seeds, bands the 95% interval of the mean; the lines across are the "
        "F1 of all labels, 98% and 95% of it. A game that reached 98% counts on with its last F1. "
        "Numbers are means ± standard error, of all seeds or none."
    )


def said(strategy: str) -> str:
    """Return a strategy's name as people read it."""
    return strategy_words(strategy).capitalize()


def advice(run: Run, games: Sequence[Game]) -> str:
    """Say what some games of a run come to."""
    return standings.advice(games, guess=standings.guess_of(run))


def _row(run: Run, strategy: str, several: bool) -> dict[str, Any]:
    mine = [game for game in run.games if game.strategy == strategy]
    needed = {
        words: standings.needed(mine, strategy, level=level).words
        for level, words in LEVELS.items()
    }
    full = standings.full_f1(mine)
    return (
        ({"Run": run.id} if several else {})
        | {"Strategy": said(strategy)}
        | (needed if mine else dict.fromkeys(needed, "not played yet"))
        | {"F1 with all labels": "" if full is None else f"{full:.3f}", "Games": len(mine)}
    )


def made_of(run: Run) -> None:
    """Draw what a run was played with, for whoever wants to repeat it."""
    scenario, facts = run.scenario, run.facts
    with st.expander("What it was played with", icon=":material/tune:"):
        inputs = ", ".join(column.name for column in scenario.recipe.columns)
        rows = {
            "True labels": scenario.label or "what people answered",
            "The model sees": inputs,
            "What learns": said(scenario.recipe.estimator),
            "Seeds": f"0 to {scenario.plan.seeds - 1}",
            "Labels between two retrains": str(scenario.plan.batch_size),
            "At most so many labels": f"{scenario.plan.most:,}",
        }
        if facts is not None:
            rows |= {
                "Labels": ", ".join(f"{name} {count:,}" for name, count in facts.labels[:12]),
                "SHA-256 of samples and labels": f"{facts.fingerprint[:16]}…",
                "Libraries": ", ".join(f"{name} {v}" for name, v in facts.libraries.items()),
                "Processor": facts.cpu,
            }
        st.table({name: plain(value) for name, value in rows.items()}, border="horizontal")


def all_runs(runs: Sequence[Run]) -> None:
    """Draw a line for each run there was."""
    st.subheader("Runs")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Run": run.id,
                    "Of": run.scenario.name,
                    "Strategies": ", ".join(map(said, run.scenario.plan.strategies)),
                    "What came of it": result_of(run),
                    "When": clock(run.created_at),
                    "By": run.person or "",
                }
                for run in runs
            ]
        ),
        hide_index=True,
        column_config={"What came of it": st.column_config.TextColumn(width="large")},
        alt="Simulations of this project, newest first",
    )


def result_of(run: Run) -> str:
    """Say in one line what came of a run."""
    if run.state == "failed":
        return sentence(run.message)
    if run.state != "done":
        return "Cancelled." if run.state == "cancelled" else "In progress."
    return advice(run, run.games) if run.games else ""

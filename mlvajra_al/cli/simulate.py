"""`mlvajra simulate`: which strategy would have needed fewer labels."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from mlvajra_al.cli.data import require_place, write_file
from mlvajra_al.cli.inputs import (
    Columns,
    Image,
    Inputs,
    Learner,
    Multilabel,
    Source,
    Text,
    located,
    looked_at,
    words,
)
from mlvajra_al.cli.waiting import finished
from mlvajra_al.cli.workspace import AsJson, now, opened, operator, progress, put
from mlvajra_al.errors import Invalid
from mlvajra_al.words import strategy_words

if TYPE_CHECKING:
    from mlvajra_al.records import Facts, Game, Plan, Scenario, Schema

    Played: TypeAlias = tuple[list[Game], Facts, str]
    """Games in order, what they were played on, and a note."""

KNOWN = (
    "auto, diversified_margin, focused_margin, margin, least_confident, entropy, "
    "information_density, ranked_batch, vote_entropy, consensus_entropy, disagreement, "
    "expected_error, rare_label, unseen_label, typiclust, cold_start, random, prob_cover (where "
    "scikit-activeml is installed); with several labels "
    "auto, diversified_doubt, focused_doubt, binary_doubt, mean_doubt, loss_reduction, "
    "unusual_count, unseen_label, typiclust, cold_start, random"
)
"""Written out, because nothing that knows them is loaded for --help."""
USUAL = "auto,margin,random; with several labels auto,binary_doubt,random"
Oracle = Annotated[str, typer.Option(help="The column of true labels: the oracle.")]
Strategies = Annotated[
    str, typer.Option(help=f"Query strategies, separated by commas. {KNOWN}.", show_default=USUAL)
]
KeptIn = Annotated[
    str | None,
    typer.Option(help="Keep it as a run of this project, as the page does; else none is kept."),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Write the JSON document, with every learning curve, into this file."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog="Example: mlvajra simulate --source reviews.csv --label truth --text title,body"
    )(simulate)


def simulate(
    source: Source,
    label: Oracle,
    text: Text = "",
    columns: Columns = "",
    image: Image = "",
    strategies: Strategies = "",
    batch: Annotated[int, typer.Option(help="Labels between two retrains.")] = 10,
    seeds: Annotated[int, typer.Option(help="How often each strategy plays.")] = 5,
    most: Annotated[int, typer.Option(help="Labels after which a run ends.")] = 500,
    estimator: Learner = "logistic_regression",
    multilabel: Multilabel = False,
    project: KeptIn = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Play strategies against the labels of a file, from zero labels on, and compare them.

    What is found is printed and not kept: --project saves it as a run, --out as a file.
    """
    from mlvajra_al.records import Plan, Recipe, Scenario
    from mlvajra_al.services import simulating

    if out is not None:  # before anything is played
        require_place(out)
    multilabel = multilabel if project is None else _of_several(project)
    names = tuple(words(strategies)) or simulating.usual(multilabel=multilabel)
    plan = Plan(names, batch, seeds, most)
    simulating.check(plan, multilabel=multilabel)
    place = located(source)
    schema, inputs = looked_at(place, source, Inputs(text, columns, image), also=[label])
    recipe, named = Recipe(inputs, estimator), PurePath(source).name
    scenario = Scenario("file", named, recipe, plan, label, place, multilabel)
    played = _played(scenario, schema) if project is None else _kept(project, scenario)
    _tell(scenario, played, out=out, as_json=as_json)


def _tell(scenario: Scenario, played: Played, *, out: Path | None, as_json: bool) -> None:
    """Write what was found into a file, if one is named, and print it."""
    from mlvajra_al.services import standings

    games, facts, note = played
    guess = standings.guessed(facts.labels, facts.samples, multilabel=scenario.multilabel)
    document = standings.document(games, guess=guess)
    if note:
        typer.echo(note, err=True)
    if out is not None:
        write_file(iter([json.dumps(document, indent=2).encode() + b"\n"]), out)
        typer.echo(f"{out}: {len(games)} games", err=True)
    if as_json:
        put(document)
    else:
        _show(scenario.plan, games, facts, advice=document["advice"])


def _of_several(project: str) -> bool:
    from mlvajra_al.services import projects

    with opened() as store:
        return projects.get(store, operator(store), project).multilabel


def _played(scenario: Scenario, schema: Schema) -> Played:
    """Play here and now; nothing is kept."""
    from mlvajra_al.config import settings
    from mlvajra_al.services import standings
    from mlvajra_al.services.jobs import oracles, playing

    oracle = oracles.of_file(
        str(scenario.uri),
        scenario.recipe,
        label=str(scenario.label),
        schema=schema,
        multilabel=scenario.multilabel,
    )
    games: list[Game] = []
    with progress(unit="games") as bar:
        task = bar.add_task("Playing", total=len(scenario.plan.games))

        def took(game: Game) -> None:
            games.append(game)
            bar.update(task, completed=len(games))

        note = playing.play(oracle, scenario.plan, took=took, processes=settings().processes)
    ordered = standings.ordered(scenario.plan, games)
    return ordered, oracle.facts, note


def _kept(project: str, scenario: Scenario) -> Played:
    """Play as a run of a project, and wait until it is over."""
    from mlvajra_al.services import simulating, standings, training

    with opened() as store:
        person = operator(store)
        run = simulating.queue(store, person, project, scenario=scenario, now=now())
        left = finished(store, training.job(store, person, run.job_id)).result or {}
        run = simulating.get(store, person, project, run.id)
    typer.echo(f"kept as run {run.id} of {project}", err=True)
    if run.facts is None:
        raise Invalid(f"run {run.id} ended before anything was read; play it again")
    return standings.ordered(scenario.plan, run.games), run.facts, str(left.get("note", ""))


def _show(plan: Plan, games: list[Game], facts: Facts, *, advice: str) -> None:
    from mlvajra_al.cli import tables

    if facts.drawn_from > facts.samples:
        typer.echo(f"{facts.samples:,} of {facts.drawn_from:,} samples play, drawn at random.")
    tables.show([_row(name, games) for name in plan.strategies])
    typer.echo(advice)


def _row(strategy: str, games: list[Any]) -> dict[str, Any]:
    from mlvajra_al.services import standings

    to_95, to_98 = (standings.needed(games, strategy, level=level) for level in standings.LEVELS)
    return {
        "strategy": strategy_words(strategy).capitalize(),
        "labels to 95%": to_95.words,
        "labels to 98%": to_98.words,
        "F1 with all labels": f"{standings.full_f1(games) or 0.0:.3f}",
    }

"""`mlvajra simulate`: which strategy would have needed fewer labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.inputs import (
    Columns,
    Image,
    Inputs,
    Learner,
    Multilabel,
    Source,
    Text,
    chosen,
    located,
    require_columns,
    words,
)
from mlvajra_al.cli.workspace import progress, put

if TYPE_CHECKING:
    from mlvajra_al.records import Game, Plan
    from mlvajra_al.services.jobs.oracles import Oracle

KNOWN = (
    "auto, diversified_margin, focused_margin, margin, least_confident, entropy, "
    "information_density, ranked_batch, vote_entropy, consensus_entropy, disagreement, "
    "expected_error, rare_label, typiclust, cold_start, random; with several labels auto, "
    "diversified_doubt, focused_doubt, binary_doubt, mean_doubt, loss_reduction, unusual_count, "
    "typiclust, cold_start, random"
)
"""Written out, because nothing that knows them is loaded for --help."""
USUAL = "auto,margin,random; with several labels auto,binary_doubt,random"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog="Example: mlvajra simulate --source reviews.csv --label truth --text title,body"
    )(simulate)


def simulate(
    source: Source,
    label: Annotated[str, typer.Option(help="The column of true labels: the oracle.")],
    text: Text = "",
    columns: Columns = "",
    image: Image = "",
    strategies: Annotated[
        str,
        typer.Option(help=f"Query strategies, separated by commas. {KNOWN}.", show_default=USUAL),
    ] = "",
    batch: Annotated[int, typer.Option(help="Labels between two retrains.")] = 10,
    seeds: Annotated[int, typer.Option(help="How often each strategy plays.")] = 5,
    most: Annotated[int, typer.Option(help="Labels after which a run ends.")] = 500,
    estimator: Learner = "logistic_regression",
    multilabel: Multilabel = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play strategies against the labels of a file, from zero labels on, and compare them."""
    from mlvajra_al.cli import tables
    from mlvajra_al.records import Plan, Recipe
    from mlvajra_al.services import importing, simulating, standings
    from mlvajra_al.services.jobs import oracles

    names = tuple(words(strategies)) or simulating.usual(multilabel=multilabel)
    plan = Plan(names, batch, seeds, most)
    simulating.check(plan, multilabel=multilabel)
    place = located(source)
    inputs = Inputs(text, columns, image)
    schema = importing.inspect_upload(place, preview=0, used=[label, *inputs.names])
    require_columns(schema, source, [label])
    recipe = Recipe(chosen(inputs, schema, source), estimator)
    oracle = oracles.of_file(place, recipe, label=label, schema=schema, multilabel=multilabel)
    games = standings.ordered(plan, _played(oracle, plan))
    if as_json:
        put(standings.document(games))
        return
    if oracle.drawn_from > len(oracle.labels):
        typer.echo(
            f"{len(oracle.labels):,} of {oracle.drawn_from:,} samples play, drawn at random."
        )
    tables.show([_row(name, games) for name in plan.strategies])
    typer.echo(standings.advice(games))


def _played(oracle: Oracle, plan: Plan) -> list[Game]:
    """Play every game, with a bar of those that are over."""
    from mlvajra_al.config import settings
    from mlvajra_al.services.jobs import playing

    games: list[Game] = []
    with progress(unit="games") as bar:
        task = bar.add_task("Playing", total=len(plan.games))

        def took(game: Game) -> None:
            games.append(game)
            bar.update(task, completed=len(games))

        note = playing.play(oracle, plan, took=took, processes=settings().processes)
    if note:
        typer.echo(note, err=True)
    return games


def _row(strategy: str, games: list[Any]) -> dict[str, Any]:
    from mlvajra_al.services import standings

    to_95, to_98 = (standings.needed(games, strategy, level=level) for level in standings.LEVELS)
    return {
        "strategy": strategy,
        "labels to 95%": to_95.words,
        "labels to 98%": to_98.words,
        "F1 with all labels": f"{standings.full_f1(games) or 0.0:.3f}",
    }

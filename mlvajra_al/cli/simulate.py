"""`mlvajra simulate`: which strategy would have needed fewer labels."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from mlvajra_al.cli.inputs import (
    Columns,
    Image,
    Inputs,
    Learner,
    Source,
    Text,
    chosen,
    located,
    require_columns,
    words,
)
from mlvajra_al.cli.workspace import progress, put


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
        str, typer.Option(help="Query strategies, separated by commas.")
    ] = "auto,margin,random",
    batch: Annotated[int, typer.Option(help="Labels between two retrains.")] = 10,
    seeds: Annotated[int, typer.Option(help="How often each strategy plays.")] = 5,
    most: Annotated[int, typer.Option(help="Labels after which a run ends.")] = 500,
    estimator: Learner = "logistic_regression",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play strategies against the labels of a file, from zero labels on, and compare them."""
    from mlvajra_al.cli import tables
    from mlvajra_al.records import Recipe
    from mlvajra_al.services import importing, simulating

    plan = simulating.Plan(
        tuple(words(strategies)), batch, seeds, most, min(seeds, os.cpu_count() or 1)
    )
    simulating.check(plan)
    place = located(source)
    schema = importing.inspect_upload(place, preview=0)
    require_columns(schema, source, [label])
    recipe = Recipe(chosen(Inputs(text, columns, image), schema, source), estimator)
    game = simulating.read(place, recipe, label=label, schema=schema)
    with progress(unit="seeds") as bar:
        task = bar.add_task("Playing", total=seeds)
        runs = simulating.play(
            game, plan, told=lambda over, of: bar.update(task, completed=over, total=of)
        )
    if as_json:
        put(simulating.document(runs))
        return
    tables.show([_row(name, runs) for name in plan.strategies])
    typer.echo(simulating.advice(runs))


def _row(strategy: str, runs: list[Any]) -> dict[str, Any]:
    mine = [run for run in runs if run.strategy == strategy]
    return {
        "strategy": strategy,
        "labels to 95%": _average([run.labels_to_95 for run in mine]),
        "labels to 98%": _average([run.labels_to_98 for run in mine]),
        "F1 with all labels": f"{sum(run.full_f1 for run in mine) / len(mine):.3f}",
    }


def _average(reached: list[int | None]) -> str:
    known = [value for value in reached if value is not None]
    if not known:
        return "not reached"
    average = f"{sum(known) / len(known):.0f}"
    missing = len(reached) - len(known)
    return average if not missing else f"{average} ({missing} of {len(reached)} not reached)"

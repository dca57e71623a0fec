"""Strategies play against the labels of a file: the same each time, in words, and by command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.csv as pv
import pytest
from sklearn.datasets import load_iris

from mlvajra_al.cli.application import run
from mlvajra_al.errors import BadSource, Invalid
from mlvajra_al.records import Column, Recipe
from mlvajra_al.services import importing, simulating
from mlvajra_al.services.simulating import Plan, Run

COLUMNS = ("length", "width", "petal length", "petal width")
RECIPE = Recipe(tuple(Column(name, "numeric") for name in COLUMNS))
SHORT = Plan(("margin", "random"), batch_size=5, seeds=2, most=30)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measurements of 150 flowers with their kinds; of two the kind is not known."""
    found = load_iris()
    kinds: list[str | None] = [str(found.target_names[kind]) for kind in found.target]
    kinds[3] = kinds[70] = None
    table = pa.table(
        {name: found.data[:, place] for place, name in enumerate(COLUMNS)} | {"kind": kinds}
    )
    path = tmp_path_factory.mktemp("flowers") / "flowers.csv"
    pv.write_csv(table, path)
    return path


def game(path: Path, *, recipe: Recipe = RECIPE, label: str = "kind") -> simulating.Game:
    schema = importing.inspect_upload(str(path), preview=0)
    return simulating.read(str(path), recipe, label=label, schema=schema)


def a_run(strategy: str, seed: int, to_95: int | None) -> Run:
    return Run(strategy, seed, 0.9, (10, 20), (0.5, 0.9), to_95, None)


def test_samples_without_a_label_do_not_play(flowers: Path) -> None:
    assert len(game(flowers).labels) == 148


def test_every_strategy_plays_every_seed_the_same_however_many_at_once(
    flowers: Path,
) -> None:
    told: list[tuple[int, int]] = []
    alone = simulating.play(game(flowers), SHORT, told=lambda over, of: told.append((over, of)))
    assert [(run.strategy, run.seed) for run in alone] == [
        ("margin", 0), ("margin", 1), ("random", 0), ("random", 1),
    ]  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    with joblib.parallel_config(backend="threading"):  # processes start slowly
        shared = replace(SHORT, processes=2)
        assert simulating.play(game(flowers), shared, told=lambda over, of: None) == alone
    for one in alone:
        assert one.labels[0] == 5 and one.labels[-1] <= 30
        assert 0.8 < one.full_f1 <= 1
        assert all(0 <= f1 <= 1 for f1 in one.f1)


def test_a_run_ends_where_98_percent_are_reached(flowers: Path) -> None:
    plan = Plan(("margin",), batch_size=5, seeds=1, most=105)
    (one,) = simulating.play(game(flowers), plan, told=lambda over, of: None)
    assert one.labels_to_98 == one.labels[-1]
    assert one.f1[-1] >= 0.98 * one.full_f1
    assert all(f1 < 0.98 * one.full_f1 for f1 in one.f1[:-1])


def test_the_column_of_labels_is_no_input(flowers: Path) -> None:
    cheating = Recipe((*RECIPE.columns, Column("kind", "categorical")))
    with pytest.raises(Invalid, match="would see 'kind', which it is to find"):
        game(flowers, recipe=cheating)


@pytest.mark.parametrize(("value", "said"), [("same", "only 'same'"), ("", "no labels")])
def test_a_file_of_fewer_than_two_labels_says_so(tmp_path: Path, value: str, said: str) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("width,kind\n" + f"1,{value}\n" * 20)
    with pytest.raises(BadSource, match=said):
        game(path, recipe=Recipe((Column("width", "numeric"),)))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(strategies=("best",)), "there is no query strategy 'best'; choose from auto,"),
        (Plan(strategies=()), "name at least one strategy"),
        (Plan(batch_size=0), "batch is 0 but must be at least 1"),
        (Plan(seeds=-1), "seeds is -1 but must be at least 1"),
        (Plan(most=0), "most is 0 but must be at least 1"),
    ],
)
def test_a_plan_that_cannot_be_played_is_refused(plan: Plan, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        simulating.check(plan)


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        (
            {"margin": [20, 30], "random": [70, 60]},
            "margin: 25 labels to 95% on average of 2 seeds, 40 fewer than random (2 of 2 seeds).",
        ),
        (
            {"margin": [20, 70], "random": [70, 60]},
            "margin: 45 labels to 95% on average of 2 seeds; random is not clearly behind "
            "(better in 1 of 2 seeds).",
        ),
        (
            {"margin": [20, 30], "random": [70, None]},
            "margin: 25 labels to 95% on average of 2 seeds; "
            "the others did not reach it with every seed.",
        ),
        (
            {"margin": [20, None], "random": [None, None]},
            "No strategy reached 95% with every seed; allow more labels with --most.",
        ),
    ],
)
def test_the_advice_says_how_sure_it_is(needed: dict[str, list[int | None]], said: str) -> None:
    runs = [
        a_run(name, seed, to_95)
        for name, reached in needed.items()
        for seed, to_95 in enumerate(reached)
    ]
    assert simulating.advice(runs) == said


def _command(flowers: Path, *more: str) -> list[str]:
    columns = ",".join(COLUMNS)
    start = ["simulate", "--source", str(flowers), "--label", "kind", "--columns", columns]
    return [*start, "--seeds", "1", "--batch", "5", "--most", "20", *more]


def test_the_command_prints_one_document(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_command(flowers, "--strategies", "margin", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"full_f1", "strategies", "advice"}
    (one,) = document["strategies"]["margin"]["runs"]
    assert set(one) == {"seed", "full_f1", "labels", "f1", "labels_to_95", "labels_to_98"}
    assert one["labels"][0] == 5
    assert document["full_f1"] == one["full_f1"]


def test_the_command_shows_a_line_for_each_strategy_and_an_advice(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_command(flowers, "--strategies", "margin,random")) == 0
    said = capsys.readouterr().out
    assert "labels to 95%" in said
    assert [word for word in ("margin", "random") if word not in said] == []


def test_a_column_that_is_not_there_is_named(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["simulate", "--source", str(flowers), "--label", "sort", "--columns", "length"]) == 1
    )
    assert "there is no column 'sort'; choose from length, width" in capsys.readouterr().err

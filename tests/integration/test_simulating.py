"""Strategies play against the labels of a file: the same each time, in words, and by command."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as pv
import pytest
from sklearn.datasets import load_iris

from mlvajra_al.cli.application import run
from mlvajra_al.cli.workspace import opened, operator
from mlvajra_al.errors import BadSource, Invalid
from mlvajra_al.records import Column, Game, Plan, Recipe
from mlvajra_al.services import importing, simulating, standings
from mlvajra_al.services.jobs import oracles, playing
from mlvajra_al.services.jobs.oracles import Oracle
from tests.workers import wait_until

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


def oracle(path: Path, *, recipe: Recipe = RECIPE, label: str = "kind") -> Oracle:
    schema = importing.inspect_upload(str(path), preview=0)
    return oracles.of_file(str(path), recipe, label=label, schema=schema)


def played(path: Path, plan: Plan, *, done: Sequence[Game] = ()) -> list[Game]:
    """Play without other processes, which start slowly."""
    games: list[Game] = []
    playing.play(oracle(path), plan, done=done, took=games.append, processes=1)
    return games


def test_a_label_that_a_file_spells_in_several_ways_is_one(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    spelt = ("bug", "Bug", "bug", " BUG ", "praise", "n/a")
    path.write_text("size,kind\n" + "".join(f"{n},{spelt[n % 6]}\n" for n in range(60)))
    recipe = Recipe((Column("size", "numeric"),))
    found = oracle(path, recipe=recipe)
    assert found.counts == (("bug", 40), ("praise", 10))
    assert found.drawn_from == len(found.labels) == 50
    schema = importing.inspect_upload(str(path), preview=0)
    named = oracles.of_file(str(path), recipe, label="kind", schema=schema, names=["Bug", "N/A"])
    assert named.counts == (("Bug", 40), ("N/A", 10), ("praise", 10))


def test_samples_without_a_label_do_not_play(flowers: Path) -> None:
    found = oracle(flowers)
    assert len(found.labels) == found.drawn_from == 148
    assert found.counts == (("setosa", 49), ("versicolor", 49), ("virginica", 50))


def test_every_strategy_plays_every_seed_and_its_numbers_make_sense(flowers: Path) -> None:
    games = played(flowers, SHORT)
    assert {(game.strategy, game.seed) for game in games} == set(SHORT.games)
    for one in games:
        assert one.labels[0] == 5
        assert one.labels[-1] <= 30
        assert 0.8 < one.full_f1 <= 1
        assert all(0 <= f1 <= 1 for f1 in one.f1)


def test_a_game_takes_no_more_labels_than_it_may(flowers: Path) -> None:
    plan = Plan(("random",), batch_size=5, seeds=1, most=7)
    assert [game.labels for game in played(flowers, plan)] == [(5, 7)]


def test_other_processes_play_the_same_games(flowers: Path) -> None:
    games: list[Game] = []
    playing.play(oracle(flowers), SHORT, took=games.append, processes=2)
    assert set(games) == set(played(flowers, SHORT))


def test_a_game_that_is_over_is_not_played_again(flowers: Path) -> None:
    before = played(flowers, SHORT)
    assert played(flowers, SHORT, done=before) == []
    [missing] = played(flowers, SHORT, done=before[1:])
    assert missing == before[0]


def test_what_the_pulse_raises_ends_the_playing_and_its_processes(flowers: Path) -> None:
    endless = Plan(("expected_error",), batch_size=1, seeds=4, most=10_000)
    pulses = count()

    def pulse() -> None:
        if next(pulses) > 4:
            raise KeyError("enough")

    with pytest.raises(KeyError):
        playing.play(oracle(flowers), endless, took=lambda game: None, pulse=pulse, processes=2)
    wait_until(lambda: not players())


def players() -> list[psutil.Process]:
    """Return the living processes that play for this one."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "popen_loky_posix" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_run_ends_where_98_percent_are_reached(flowers: Path) -> None:
    plan = Plan(("margin",), batch_size=5, seeds=1, most=105)
    [one] = played(flowers, plan)
    assert one.labels_to_98 == one.labels[-1]
    assert one.f1[-1] >= 0.98 * one.full_f1
    assert all(f1 < 0.98 * one.full_f1 for f1 in one.f1[:-1])


def test_of_a_large_file_some_rows_are_drawn_each_as_likely_as_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracles, "MOST_SAMPLES", 300)
    monkeypatch.setattr(oracles, "BATCH_ROWS", 250)
    path = tmp_path / "large.csv"
    rows = "".join(f"{n},{'odd' if n % 2 else 'even'}\n" for n in range(2_000))
    path.write_text(f"width,kind\n{rows}1,\n")
    recipe = Recipe((Column("width", "numeric"),))
    found = oracle(path, recipe=recipe)
    widths = found.samples["width"].to_pylist()
    assert (len(widths), found.drawn_from) == (300, 2_000)
    assert len(set(widths)) == 300
    assert widths == sorted(widths), "in the order of the file"
    assert all(("odd" if width % 2 else "even") == label
               for width, label in zip(widths, found.labels, strict=True))  # fmt: skip
    quarters, _ = np.histogram(widths, bins=4, range=(0, 2_000))
    assert quarters.min() > 50, "from everywhere"
    assert oracle(path, recipe=recipe) == found, "the same each time"


def test_what_is_played_on_is_told_apart_by_samples_labels_and_recipe(
    flowers: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text(flowers.read_text().replace("setosa", "Setosa"))
    narrow = replace(RECIPE, columns=RECIPE.columns[:3])
    found = [oracle(flowers), oracle(flowers), oracle(other), oracle(flowers, recipe=narrow)]
    assert found[0] == found[1]
    assert len({hash(one) for one in found}) == 3
    assert found[0] != "an oracle"


def test_a_seed_that_deals_one_label_only_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rare.csv"
    path.write_text("width,kind\n" + "1,common\n" * 30 + "2,rare\n")
    found = oracle(path, recipe=Recipe((Column("width", "numeric"),)))
    with pytest.raises(Invalid, match=r"with seed \d+ all 22 samples that may be asked are 'commo"):
        playing.play(found, Plan(seeds=20), took=lambda game: None, processes=1)


def test_the_column_of_labels_is_no_input(flowers: Path) -> None:
    cheating = Recipe((*RECIPE.columns, Column("kind", "categorical")))
    with pytest.raises(Invalid, match="'kind' holds the answers, so it cannot be an input"):
        oracle(flowers, recipe=cheating)


@pytest.mark.parametrize(("value", "said"), [("same", "only 'same'"), ("", "no labels")])
def test_a_file_of_fewer_than_two_labels_says_so(tmp_path: Path, value: str, said: str) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("width,kind\n" + f"1,{value}\n" * 20)
    with pytest.raises(BadSource, match=said):
        oracle(path, recipe=Recipe((Column("width", "numeric"),)))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(strategies=("best",)), "there is no query strategy 'best'; choose from auto,"),
        (Plan(strategies=()), "name at least one strategy"),
        (Plan(batch_size=0), "batch is 0 but must be 1 to"),
        (Plan(seeds=-1), "seeds is -1 but must be 1 to"),
        (Plan(most=0), "most is 0 but must be 1 to"),
        (Plan(seeds=51), "seeds is 51 but must be 1 to 50"),
        (Plan(batch_size=1_001), "batch is 1001 but must be 1 to 1,000"),
        (Plan(strategies=("margin", "margin")), "a strategy is named twice"),
    ],
)
def test_a_plan_that_cannot_be_played_is_refused(plan: Plan, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        simulating.check(plan)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play in this process: others start slowly."""
    monkeypatch.setenv("MLVAJRA_PROCESSES", "1")


def _command(flowers: Path, *more: str) -> list[str]:
    columns = ",".join(COLUMNS)
    start = ["simulate", "--source", str(flowers), "--label", "kind", "--columns", columns]
    return [*start, "--seeds", "1", "--batch", "5", "--most", "20", *more]


@pytest.mark.usefixtures("alone")
def test_the_command_prints_one_document(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_command(flowers, "--strategies", "margin", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"full_f1", "strategies", "advice"}
    (one,) = document["strategies"]["margin"]["runs"]
    assert set(one) == {"seed", "full_f1", "labels", "f1", "labels_to_95", "labels_to_98"}
    assert one["labels"][0] == 5
    assert document["full_f1"] == one["full_f1"]


@pytest.mark.usefixtures("alone")
def test_the_command_shows_a_line_for_each_strategy_and_an_advice(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_command(flowers, "--strategies", "margin,random")) == 0
    said = capsys.readouterr().out
    assert "labels to 95%" in said
    assert [word for word in ("margin", "random") if word.capitalize() not in said] == []


@pytest.mark.usefixtures("alone")
def test_the_command_keeps_what_it_played(
    flowers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLVAJRA_HOME", str(tmp_path / "home"))
    made = ["project", "create", "garden", "--source", str(flowers), "--columns", COLUMNS[0]]
    assert run([*made, "--labels", "a,b"]) == 0
    out = tmp_path / "games.json"
    kept = ["--strategies", "margin", "--project", "garden", "--out", str(out), "--json"]
    capsys.readouterr()
    assert run(_command(flowers, *kept)) == 0
    said = capsys.readouterr()
    assert "kept as run 1 of garden" in said.err
    assert json.loads(out.read_text()) == json.loads(said.out)
    with opened() as store:
        (glanced,) = simulating.listed(store, operator(store), "garden")
        found = simulating.get(store, operator(store), "garden", glanced.id)
    assert found.state == "done" and found.scenario.name == flowers.name
    guess = standings.guess_of(found)
    document = standings.document(standings.ordered(found.scenario.plan, found.games), guess=guess)
    assert document == json.loads(said.out)


def test_a_column_that_is_not_there_is_named(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["simulate", "--source", str(flowers), "--label", "sort", "--columns", "length"]) == 1
    )
    assert "there is no column 'sort'; choose from length, width" in capsys.readouterr().err

"""A Dask cluster does the same as this machine, also when it loses machines, or is away."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlvajra_al import config
from mlvajra_al.errors import Invalid, Setup
from mlvajra_al.learning import committees, explanation, fanning, strategies
from mlvajra_al.records import Column, Game, Plan, Recipe
from mlvajra_al.services.backup import nobody_watches
from mlvajra_al.services.checking import cluster as cluster_check
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.services.jobs import engine, machine, playing
from mlvajra_al.services.jobs.oracles import Oracle
from mlvajra_al.store import features
from mlvajra_al.store.database import Store
from tests.dask_cluster import Cluster, a_cluster
from tests.factories import LEASE, NOW

PLAN = Plan(("margin", "random"), batch_size=5, seeds=3, most=40)
ROWS = 40_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with a_cluster(workers=2) as running:
        yield running


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def name(value: str) -> None:
        monkeypatch.setenv("MLVAJRA_ENGINE", value)
        config.settings.cache_clear()

    return name


@pytest.fixture
def on(cluster: Cluster, use: Callable[[str], None]) -> Cluster:
    """Let MLVAJRA_ENGINE name the cluster."""
    use(cluster.engine)
    return cluster


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    kinds = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], (-0.5, 0.5))]
    table = pa.table({f"x{n}": X[:, n] for n in range(4)})
    recipe = Recipe(tuple(Column(name, "numeric") for name in table.column_names))
    return Oracle(table, kinds, recipe, 300, "made for this")


def played(
    oracle: Oracle, plan: Plan = PLAN, *, then: Callable[[], None] = lambda: None
) -> tuple[set[Game], str]:
    """Play, and do something whenever a game is over; return the games and the note."""
    games: set[Game] = set()

    def took(game: Game) -> None:
        games.add(game)
        then()

    return games, playing.play(oracle, plan, took=took, processes=1)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object]:
    """Features in files, dense and sparse, as a project has them."""
    rng = np.random.default_rng(1)
    dense = rng.normal(size=(ROWS, 6)).astype(np.float32)
    found = []
    for name, matrix in (("dense", dense), ("sparse", sparse.csr_matrix(np.maximum(dense, 0)))):
        place = tmp_path_factory.mktemp(name) / "features"
        features.append(place, lambda _, matrix=matrix: [matrix])
        found.append(features.load(place, rows=ROWS))
    return found[0], found[1]


@pytest.mark.parametrize("kind", [0, 1], ids=["dense", "sparse"])
@pytest.mark.parametrize("strategy", ["margin", "vote_entropy"])
def test_a_cluster_ranks_a_pool_in_files_as_this_machine_does(
    pool: tuple[object, object],
    on: Cluster,
    strategy: str,
    kind: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanning, "PAYS", 1_000)
    X = pool[kind]
    y = np.arange(200) % 3
    model = LogisticRegression().fit(X[:200], y)  # type: ignore[index]

    def ranked() -> strategies.Ranking:
        return strategies.rank(
            model, X, np.arange(200, ROWS), strategy=strategy, batch_size=10, n=50,
            rng=np.random.default_rng(0), labelled=np.arange(200), labels=y,
        )  # fmt: skip

    there = engine.run(ranked)
    here = ranked()
    assert there.note == ""
    assert there.value.positions.tolist() == here.positions.tolist()
    assert there.value.utilities.tolist() == here.utilities.tolist()


def test_a_cluster_fits_committees_and_explains_trees_as_this_machine_does(on: Cluster) -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(120, 4)), np.arange(120) % 2
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)

    def both() -> tuple[list[float], list[float]]:
        found = committees.members(
            LogisticRegression().fit(X, y), X, y, rng=np.random.default_rng(0)
        )
        [part] = explanation.contributions(forest, X, X.mean(axis=0))
        return [m.coef_.tolist() for m in found], part.values.tolist()

    there = engine.run(both)
    assert there.note == ""
    assert there.value == both()


def test_a_task_of_ours_that_fails_says_its_own_sentence(on: Cluster) -> None:
    def fails() -> None:
        raise Invalid("this cannot be")

    with pytest.raises(Invalid, match="this cannot be"):
        engine.run(fails)


def test_a_task_that_only_the_cluster_cannot_do_is_done_here(on: Cluster) -> None:
    mine = os.getpid()

    def where() -> int:
        [found] = joblib.Parallel()([joblib.delayed(os.getpid)()])
        if found != mine:
            raise OSError("no such file on this machine")
        return int(found)

    done = engine.run(where)
    assert done.value == mine
    assert done.note == (
        f"The Dask cluster at {on.address} stopped answering; this machine did the work instead."
    )


def test_what_does_not_pay_is_not_sent(on: Cluster) -> None:
    assert engine.run(fanning.others, pays=False).value == 0
    assert engine.run(fanning.others).value == 2


def test_what_the_pulse_raises_ends_the_waiting_for_a_cluster(on: Cluster, oracle: Oracle) -> None:
    def pulse() -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError):
        playing.play(oracle, PLAN, took=lambda game: None, pulse=pulse)


def test_the_doctor_finds_nothing_wrong_with_a_good_cluster(on: Cluster, tmp_path: Path) -> None:
    assert list(cluster_check.answers(a_visit(tmp_path))) == []


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (ModuleNotFoundError("No module named 'mlvajra_al'"), "cannot run this program (Module"),
        ((True, machine.libraries() | {"numpy": "1.26"}), "has another numpy (1.26, not "),
        ((False, machine.libraries()), "does not see /nowhere"),
    ],
)
def test_the_doctor_names_a_worker_that_could_not_help(said: object, what: str) -> None:
    problem, remedy = cluster_check._problem(said, Path("/nowhere"))
    assert problem.startswith(what)
    assert remedy


class Told:
    """What a client says that has asked every worker."""

    def run(self, act: Callable[..., object], *given: object, on_error: str) -> dict[str, object]:
        return {"tcp://a:1": act(*given), "tcp://b:2": OSError("no")}


def test_the_doctor_names_the_worker_it_means(tmp_path: Path) -> None:
    [finding] = cluster_check._workers(Told(), tmp_path)
    assert finding.what == "the Dask worker tcp://b:2 cannot run this program (OSError: no)"


def test_the_doctor_says_when_the_cluster_is_away(
    use: Callable[[str], None], tmp_path: Path
) -> None:
    use("local")
    assert list(cluster_check.answers(a_visit(tmp_path))) == []
    use("dask://127.0.0.1:1")
    [finding] = cluster_check.answers(a_visit(tmp_path))
    assert finding.what == (
        "the Dask cluster at 127.0.0.1:1 does not answer: this machine does its work"
    )
    assert not finding.wrong


def a_visit(home: Path) -> Visit:
    store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
    try:
        return Visit(store, NOW, LEASE, fix=False, watch=nobody_watches)
    finally:
        store.close()


@dataclass(frozen=True)
class Deadly:
    """Ends the first of some processes that it is sent to."""

    mark: Path
    workers: tuple[int, ...]

    def __reduce__(self) -> tuple[Callable[..., Deadly], tuple[Path, tuple[int, ...]]]:
        return _arrives, (self.mark, self.workers)


def _arrives(mark: Path, workers: tuple[int, ...]) -> Deadly:
    if os.getpid() in workers and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Deadly(mark, workers)


@pytest.mark.parametrize("work", ["ranks", "explains"])
def test_a_cluster_that_loses_a_worker_says_the_same(
    pool: tuple[Any, Any],
    use: Callable[[str], None],
    work: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanning, "PAYS", 1_000)
    X, y = pool[0], np.arange(200) % 3
    model = (LogisticRegression() if work == "ranks" else RandomForestClassifier(5)).fit(X[:200], y)

    def done() -> list[Any]:
        if work == "explains":
            parts = explanation.contributions(model, X[:400], X[:400].mean(axis=0))
            return [part.values.tolist() for part in parts]
        found = strategies.rank(
            model, X, np.arange(200, ROWS), strategy="margin", batch_size=10, n=50,
            rng=np.random.default_rng(0), labelled=np.arange(200), labels=y,
        )  # fmt: skip
        return [found.positions.tolist(), found.utilities.tolist()]

    here = done()
    with a_cluster(workers=2) as running:
        model.carries = Deadly(tmp_path / "died", running.workers)
        use(running.engine)
        there = engine.run(done)
    assert (tmp_path / "died").exists()
    assert (there.value, there.note) == (here, "")


def test_a_cluster_that_loses_a_worker_plays_the_same_games(on: Cluster, oracle: Oracle) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        if not killed:
            os.kill(on.workers[0], signal.SIGKILL)
            killed.append(on.workers[0])

    games, note = played(oracle, then=kill_one)
    assert note == ""
    assert killed
    assert games == {playing.one_game(oracle, PLAN, game) for game in PLAN.games}


def test_a_cluster_that_dies_meanwhile_is_replaced_by_this_machine(
    on: Cluster, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOST_S", 0.5)
    monkeypatch.setattr(engine, "LOOK_S", 0.1)
    dead: list[int] = []

    def kill_all() -> None:
        if not dead:
            dead.extend((on.workers[1], on.scheduler))
            for process in dead:
                os.kill(process, signal.SIGKILL)

    plan = replace(PLAN, seeds=6)  # not all of them are over before the first is heard of
    games, note = played(oracle, plan, then=kill_all)
    assert games == {playing.one_game(oracle, plan, game) for game in plan.games}
    assert note.startswith(f"The Dask cluster at {on.address} ")
    assert note.endswith("; this machine did the work instead.")


def test_a_scheduler_that_is_away_is_said_and_the_work_done(
    use: Callable[[str], None], oracle: Oracle
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    use(f"dask://127.0.0.1:{port}")
    games, note = played(oracle, Plan(("random",), 10, 1, 20))
    assert len(games) == 1
    assert note == (
        f"The Dask cluster at 127.0.0.1:{port} does not answer; this machine did the work instead."
    )


@pytest.mark.parametrize(
    "value", ["dask", "dask://", "dask://host", "tcp://host:1", "ray://host:1", "dask://a b:1"]
)
def test_an_engine_nobody_could_reach_stops_the_start(
    use: Callable[[str], None], value: str
) -> None:
    use(value)
    with pytest.raises(Setup, match="MLVAJRA_ENGINE cannot be used: it is 'local', or"):
        config.settings()


def test_without_dask_the_start_names_what_to_install(
    use: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    use("dask://10.0.0.1:8786")
    with pytest.raises(Setup, match=r"pip install -e '\.\[dask\]'"):
        config.settings()
    use("local")
    assert config.settings().engine == "local"

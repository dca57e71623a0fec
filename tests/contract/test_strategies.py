"""Every registered strategy obeys the same properties, whatever holds the pool."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modAL.models import ActiveLearner
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning import borrowed, refitting, scanning
from mlvajra_al.learning.learner import IncrementalCommittee, IncrementalLearner
from mlvajra_al.learning.strategies import STRATEGIES, rank, select_batch
from mlvajra_al.services import overview
from mlvajra_al.services.overview import require_strategy

NAMES = ["auto", *STRATEGIES]
INFORMED = [name for name, plan in STRATEGIES.items() if plan.needs not in ("nothing", "features")]
FITTING = [name for name, plan in STRATEGIES.items() if plan.needs in ("labels", "committee")]
OTHERWISE = ("ranked_batch", "expected_error", "rare_label", "unseen_label")
DOUBTING = [name for name in INFORMED if name not in OTHERWISE]
"""Those that ask what the model doubts most, not what is different or would teach most."""


@pytest.fixture(autouse=True)
def _few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refitting, "TRIED", 4)  # each costs a fit per label


def pool(n: int = 300, labels: int = 3, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    y = rng.integers(0, labels, size=n)
    X = rng.normal(size=(n, columns)) + np.eye(labels, columns)[y] * 2
    return X.astype(np.float32), np.array(["a", "b", "c", "d"])[y]


X, Y = pool()


def taught(estimator: Any, rows: Any = X[:60], y: Any = Y[:60]) -> IncrementalLearner:
    """Return a learner, which brings what it was taught to strategies that fit models."""
    return IncrementalLearner(
        clone(estimator), X_training=rows, y_training=y, force_all_finite=False, random_state=0
    )


MODEL = LogisticRegression(max_iter=200).fit(X[:60], Y[:60])
LEARNER = taught(MODEL)
FORMS: dict[str, Any] = {
    "dense": X,
    "double": X.astype(np.float64),
    "sparse": sparse.csr_matrix(X),
    "read only": np.frombuffer(X.tobytes(), dtype=np.float32).reshape(X.shape),
}


def picked(name: str, form: Any = X, seed: int = 0, **settings: Any) -> list[int]:
    rng = np.random.default_rng(seed)
    model = LEARNER if name in FITTING else MODEL
    return select_batch(model, form, strategy=name, rng=rng, **settings).tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_batch_without_repeats_within_the_pool(
    name: str, form: str
) -> None:
    batch = picked(name, FORMS[form], batch_size=12)
    assert batch == picked(name, FORMS[form], batch_size=12)
    assert len(set(batch)) == 12
    assert set(batch) <= set(range(300))


@pytest.mark.parametrize("name", [name for name in INFORMED if name != "vote_entropy"])
def test_order_of_the_pool_does_not_matter_without_ties(name: str) -> None:
    order = np.random.default_rng(9).permutation(300)
    assert set(order[picked(name, X[order])]) == set(picked(name))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_untouched(name: str) -> None:
    before = X.copy()
    excluded = np.arange(30)
    picked(name, labelled=excluded)
    assert (X == before).all() and (excluded == np.arange(30)).all()


@pytest.mark.parametrize("name", NAMES)
def test_labelled_samples_are_never_picked(name: str) -> None:
    everything_but = np.setdiff1d(np.arange(300), np.arange(100, 115))
    assert sorted(picked(name, batch_size=15, labelled=everything_but)) == list(range(100, 115))


@pytest.mark.parametrize("name", NAMES)
def test_more_than_is_left_is_refused_with_numbers(name: str) -> None:
    with pytest.raises(PoolExhausted, match="301 samples but 300") as caught:
        picked(name, batch_size=301)
    assert (caught.value.available, caught.value.requested) == (300, 301)


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_of_copies_still_gives_distinct_positions(name: str) -> None:
    batch = picked(name, np.zeros((40, 8), dtype=np.float32), batch_size=10)
    assert len(set(batch)) == 10


@pytest.mark.parametrize("name", NAMES)
def test_a_ranking_starts_with_the_batch_and_never_repeats(name: str) -> None:
    rng = np.random.default_rng(0)
    ranking = rank(LEARNER, X, np.arange(300), strategy=name, batch_size=10, n=300, rng=rng)
    assert sorted(ranking.positions) == list(range(300))
    assert len(ranking.utilities) == 300
    assert ranking.strategy in STRATEGIES


@pytest.mark.parametrize("name", NAMES)
def test_only_candidates_are_ranked(name: str) -> None:
    candidates = np.arange(200, 260)
    rng = np.random.default_rng(0)
    ranking = rank(LEARNER, X, candidates, strategy=name, batch_size=5, n=60, rng=rng)
    assert sorted(ranking.positions) == candidates.tolist()


@pytest.mark.parametrize("name", INFORMED)
def test_chunks_do_not_change_the_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = picked(name)
    monkeypatch.setattr(scanning, "CHUNK", 64)
    assert set(picked(name)) == set(whole)


@pytest.mark.parametrize("name", INFORMED)
def test_a_model_of_decisions_only_is_enough(name: str) -> None:
    for labels in (2, 3):
        rows, y = pool(labels=labels)
        model = taught(RidgeClassifier(), rows[:60], y[:60])
        batch = select_batch(model, rows, strategy=name, rng=np.random.default_rng(0))
        assert len(set(batch.tolist())) == 10


@pytest.mark.parametrize("name", DOUBTING)
def test_strategies_prefer_the_sample_between_the_labels(name: str) -> None:
    line = np.array([[-4.0], [-3.0], [0.05], [3.0], [4.0]])
    model = taught(LogisticRegression(), line, np.array(["a", "a", "a", "b", "b"]))
    batch = select_batch(model, line, strategy=name, batch_size=1, rng=np.random.default_rng(0))
    assert batch.tolist() == [2]


@pytest.mark.parametrize("name", INFORMED)
def test_without_a_model_informed_strategies_say_what_to_use(name: str) -> None:
    with pytest.raises(Invalid, match="'auto' or 'random'"):
        select_batch(None, X, strategy=name, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["margin", "entropy", "random"])
def test_a_frame_is_a_pool_too(name: str) -> None:
    frame = pd.DataFrame(X, columns=list("abcdefgh"), index=np.arange(1000, 1300))
    model = LogisticRegression(max_iter=200).fit(frame.iloc[:60], Y[:60])
    batch = select_batch(model, frame, strategy=name, rng=np.random.default_rng(0))
    assert set(batch.tolist()) <= set(range(300))


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_of_one_or_two_is_ranked(name: str) -> None:
    assert picked(name, X[:1], batch_size=1) == [0]
    assert sorted(picked(name, X[:2], batch_size=2)) == [0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_picked_of_nothing(name: str) -> None:
    assert picked(name, batch_size=0) == []
    assert picked(name, X[:0], batch_size=0) == []


@pytest.mark.parametrize("name", NAMES)
def test_all_zero_sparse_rows_are_picked_like_others(name: str) -> None:
    empty = sparse.csr_matrix((40, 8), dtype=np.float32)
    batch = picked(name, empty, batch_size=40)
    assert sorted(batch) == list(range(40))


@pytest.mark.parametrize("stored", [False, True], ids=["empty", "zeros that are stored"])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_all_zero_sparse_rows_still_picks(name: str, stored: bool) -> None:
    empty = sparse.csr_matrix((60, 300), dtype=np.float32)
    if stored:
        places = np.arange(60)
        empty = sparse.csr_matrix((np.zeros(60, np.float32), (places, places)), shape=(60, 300))
    labels = np.array([0, 1] * 5)
    model = LogisticRegression().fit(np.zeros((10, 300)), labels)
    batch = picked_by(model, name, empty, labelled=range(10), labels=labels, batch_size=5)
    assert len(set(batch)) == 5 and min(batch) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_a_number_below_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="is -3 but must be 0 or more"):
        picked(name, batch_size=-3)
    with pytest.raises(Invalid, match="n is -1 but"):
        rank(
            LEARNER,
            X,
            np.arange(9),
            strategy=name,
            batch_size=2,
            n=-1,
            rng=np.random.default_rng(0),
        )


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_one_class_are_enough_to_pick_by(name: str) -> None:
    for form in (X, sparse.csr_matrix(X)):
        batch = picked_by(MODEL, name, form, labelled=range(9), labels=["a"] * 9)
        assert len(set(batch)) == 10 and min(batch) >= 9


@pytest.mark.parametrize("large", [1e30, -3e38])
@pytest.mark.parametrize("name", NAMES)
def test_features_of_any_size_are_compared(name: str, large: float) -> None:
    huge = X[:80].copy()
    huge[::7, 3] = large
    huge[:, 5] *= 1e25
    wide = sparse.csr_matrix(np.hstack([huge, np.ones((80, 300), np.float32)]))
    fitted = LogisticRegression().fit(np.hstack([X[:60], np.ones((60, 300))]), Y[:60])
    for model, form in ((MODEL, huge), (MODEL, sparse.csr_matrix(huge)), (fitted, wide)):
        batch = picked_by(model, name, form, labelled=range(20), labels=Y[:20], batch_size=8)
        assert len(set(batch)) == 8


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_knows_nothing_to_tell_rows_apart_by_still_picks(name: str) -> None:
    flat = np.ones((30, 8), dtype=np.float32)
    model = taught(LogisticRegression(), flat, np.array(["a", "b"] * 15))
    batch = select_batch(model, flat, strategy=name, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 10


@pytest.mark.parametrize("name", NAMES)
def test_missing_values_are_fine_where_the_estimator_takes_them(name: str) -> None:
    gaps = X[:120].copy()
    gaps[::4, 2] = np.nan
    model = taught(
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4, min_samples_leaf=2),
        gaps[:30], Y[:30],
    )  # fmt: skip
    rng = np.random.default_rng(0)
    assert len(set(select_batch(model, gaps, strategy=name, rng=rng).tolist())) == 10


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_knows_one_label_still_picks(name: str) -> None:
    model = taught(GaussianNB(), X[:9], np.array(["a"] * 9))
    batch = select_batch(model, X, strategy=name, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 10


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_labels_beside_positions_are_as_good_as_a_learner_that_was_taught(
    name: str, form: str
) -> None:
    told = picked_by(MODEL, name, FORMS[form], labelled=np.arange(60), labels=Y[:60])
    learner = taught(MODEL, FORMS[form][:60])
    assert told == picked_by(learner, name, FORMS[form], labelled=np.arange(60))
    assert not set(told) & set(range(60))


def picked_by(model: Any, name: str, form: Any, **settings: Any) -> list[int]:
    rng = np.random.default_rng(3)
    return select_batch(model, form, strategy=name, rng=rng, **settings).tolist()


@pytest.mark.parametrize("name", FITTING)
def test_strategies_that_fit_models_say_what_they_miss(name: str) -> None:
    with pytest.raises(Invalid, match="pass the labels so far"):
        picked_by(MODEL, name, X, labelled=np.arange(60))
    with pytest.raises(Invalid, match="60 samples are labelled but 3 labels came"):
        picked_by(MODEL, name, X, labelled=np.arange(60), labels=["a", "b", "c"])


COMMITTEES = [name for name, plan in STRATEGIES.items() if plan.needs == "committee"]


@pytest.mark.parametrize("name", COMMITTEES)
def test_models_with_members_are_a_committee_without_being_told_labels(name: str) -> None:
    forest = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X[:60], Y[:60])
    learners = [taught(GaussianNB(), X[at : at + 30], Y[at : at + 30]) for at in (0, 30)]
    for model in (forest, taught(forest), IncrementalCommittee(learners, random_state=0)):
        batch = picked_by(model, name, X)
        assert len(set(batch)) == 10 and batch == picked_by(model, name, X)


class Unsure:
    """A model whose probabilities cannot be computed for some rows."""

    classes_ = np.array(["a", "b"])

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        p = np.clip(rows[:, :1], 0.01, 0.99)
        p[::3] = np.nan
        return np.hstack([1 - p, p])


@pytest.mark.parametrize("name", [n for n in DOUBTING if n not in FITTING])
def test_a_utility_that_is_no_number_is_asked_last(name: str) -> None:
    rng = np.random.default_rng(0)
    found = rank(Unsure(), X, np.arange(30), strategy=name, batch_size=5, n=30, rng=rng)
    assert np.isfinite(found.utilities).all()
    unknown = set(range(0, 30, 3))
    assert not unknown & set(found.positions[:5].tolist())


@pytest.mark.parametrize("name", NAMES)
def test_excluding_by_position_or_by_candidates_is_the_same(name: str) -> None:
    wanted = np.setdiff1d(np.arange(300), np.arange(0, 300, 7))
    rng = [np.random.default_rng(2) for _ in range(2)]
    settings = {"strategy": name, "batch_size": 8, "n": 20}
    one = rank(LEARNER, X, wanted, rng=rng[0], **settings)
    other = rank(
        LEARNER, X, np.arange(300), rng=rng[1], labelled=np.arange(0, 300, 7).tolist(), **settings
    )
    assert one.positions.tolist() == other.positions.tolist()
    assert one.utilities.tolist() == other.utilities.tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_that_needs_no_model_has_no_utility(name: str) -> None:
    assert (STRATEGIES[name].utility is None) == (name not in INFORMED)


def test_auto_starts_varied_goes_on_diversified_and_then_exploits() -> None:
    rng = np.random.default_rng(0)
    first = rank(None, X, np.arange(300), batch_size=10, n=10, rng=rng)
    assert (first.strategy, first.reason.split(":")[0]) == ("cold_start", "Cold start")
    then = rank(MODEL, X, np.arange(300), batch_size=10, n=10, rng=rng)
    assert then.strategy == "focused_margin" and "of 300 samples" in then.reason
    doubtful = MODEL.coef_ * 0.1
    unsure = LogisticRegression()
    unsure.classes_, unsure.coef_, unsure.intercept_ = MODEL.classes_, doubtful, np.zeros(3)
    assert rank(unsure, X, np.arange(300), batch_size=10, n=10, rng=rng).strategy == (
        "diversified_margin"
    )


@pytest.mark.parametrize("name", ["random", "cold_start", "auto"])
def test_before_there_is_a_model_these_can_be_asked(name: str) -> None:
    batch = select_batch(None, X, strategy=name, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 10


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_is_a_query_strategy_of_modal(name: str) -> None:
    learner = IncrementalLearner(
        LogisticRegression(max_iter=200), STRATEGIES[name],
        X_training=X[:60], y_training=Y[:60], random_state=0,
    )  # fmt: skip
    positions, rows = learner.query(X, n_instances=4)
    assert len(set(positions.tolist())) == 4 and rows.shape == (4, 8)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_is_a_query_strategy_of_modals_own_learner(name: str) -> None:
    learner = ActiveLearner(
        LogisticRegression(max_iter=200), STRATEGIES[name], X_training=X[:60], y_training=Y[:60]
    )
    positions, rows = learner.query(X, n_instances=4)
    assert len(set(positions.tolist())) == 4 and rows.shape == (4, 8)


@pytest.mark.parametrize("name", ["auto", "margin"])
def test_a_batch_by_name_is_a_query_strategy_of_modal_too(name: str) -> None:
    learner = IncrementalLearner(
        LogisticRegression(max_iter=200), partial(select_batch, strategy=name, batch_size=4),
        X_training=X[:60], y_training=Y[:60], random_state=0,
    )  # fmt: skip
    positions, rows = learner.query(X)
    assert len(set(positions.tolist())) == 4 and rows.shape == (4, 8)


@pytest.mark.skipif(borrowed.installed(), reason="scikit-activeml is installed")
def test_what_an_extra_brings_is_refused_by_its_name_without_it() -> None:
    with pytest.raises(Invalid, match=r'not installed: pip install "mlvajra_al\[skactiveml\]"'):
        picked("prob_cover")
    with pytest.raises(Invalid, match=r"mlvajra_al\[skactiveml\]"):
        require_strategy("prob_cover", overview.STRATEGIES)


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match="auto, diversified_margin, focused_margin, margin"):
        picked("psychic")


def test_a_diversified_batch_is_more_spread_out_than_the_plain_one() -> None:
    rng = np.random.default_rng(1)
    crowd = np.repeat(rng.normal(size=(5, 8)), 60, axis=0) + rng.normal(size=(300, 8)) * 1e-3
    model = LogisticRegression().fit(X[:60], Y[:60])

    def kinds(name: str) -> int:
        batch = select_batch(model, crowd, strategy=name, batch_size=5, rng=rng)
        return len({int(position) // 60 for position in batch})

    assert kinds("diversified_margin") >= 4 > 2 >= kinds("margin")


def test_scoring_a_large_pool_copies_no_more_than_chunks() -> None:
    import tracemalloc

    big = np.zeros((200_000, 16), dtype=np.float32)
    big[:, 0] = np.random.default_rng(0).normal(size=200_000)
    model = LogisticRegression().fit(big[:100], (big[:100, 0] > 0).astype(str))
    tracemalloc.start()
    select_batch(model, big, strategy="margin", rng=np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes

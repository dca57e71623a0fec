"""What strategies of projects with one label a sample do beyond the contract of all."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.learner import IncrementalCommittee, IncrementalLearner
from mlvajra_al.learning.refitting import LIKELY, TRIED, refit
from mlvajra_al.learning.strategies import STRATEGIES, rank, select_batch
from mlvajra_al.learning.utilities import least_confident, margin
from mlvajra_al.services import overview
from mlvajra_al.services.overview import require_strategy
from tests.contract.asked import KINDS, LABELLED, TAUGHT, X, Y

INFORMED = [name for name, plan in STRATEGIES.items() if plan.needs not in ("nothing", "features")]
FITTING = [name for name, plan in STRATEGIES.items() if plan.needs in ("labels", "committee")]
COMMITTEES = [name for name, plan in STRATEGIES.items() if plan.needs == "committee"]
OTHERWISE = ("ranked_batch", "expected_error", "rare_label", "unseen_label")
DOUBTING = [name for name in INFORMED if name not in OTHERWISE]
"""Those that ask what the model doubts most, not what is different or would teach most."""
LEARNER = TAUGHT["one"]
MODEL = LEARNER.estimator
taught = KINDS["one"].taught


def picked_by(model: Any, name: str, form: Any, **settings: Any) -> list[int]:
    rng = np.random.default_rng(3)
    return select_batch(model, form, strategy=name, rng=rng, **settings).tolist()


@pytest.mark.parametrize("name", DOUBTING)
def test_strategies_prefer_the_sample_between_the_labels(name: str) -> None:
    line = np.array([[-4.0], [-3.0], [0.05], [3.0], [4.0]])
    model = taught(LogisticRegression(), line, np.array(["a", "a", "a", "b", "b"]))
    batch = select_batch(model, line, strategy=name, batch_size=1, rng=np.random.default_rng(0))
    assert batch.tolist() == [2]


@pytest.mark.parametrize("name", ["margin", "entropy", "random"])
def test_a_frame_is_a_pool_too(name: str) -> None:
    frame = pd.DataFrame(X, columns=list("abcdefgh"), index=np.arange(1000, 1300))
    model = LogisticRegression(max_iter=200).fit(frame.iloc[:60], Y[:60])
    batch = select_batch(model, frame, strategy=name, rng=np.random.default_rng(0))
    assert set(batch.tolist()) <= set(range(300))


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


@pytest.mark.parametrize("name", ["auto", "margin"])
def test_a_batch_by_name_is_a_query_strategy_of_modal_too(name: str) -> None:
    learner = IncrementalLearner(
        LogisticRegression(max_iter=200), partial(select_batch, strategy=name, batch_size=4),
        X_training=X[:60], y_training=Y[:60], random_state=0,
    )  # fmt: skip
    positions, rows = learner.query(X)
    assert len(set(positions.tolist())) == 4 and rows.shape == (4, 8)


def test_what_an_extra_brings_is_refused_by_its_name_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "skactiveml", None)
    for known in (STRATEGIES, overview.STRATEGIES):
        monkeypatch.delitem(known, "prob_cover", raising=False)
    with pytest.raises(Invalid, match=r'not installed: pip install "mlvajra_al\[skactiveml\]"'):
        picked_by(LEARNER, "prob_cover", X)
    with pytest.raises(Invalid, match=r"mlvajra_al\[skactiveml\]"):
        require_strategy("prob_cover", overview.STRATEGIES)


def test_a_covering_batch_has_one_of_each_crowd_that_has_no_label_yet() -> None:
    crowds = np.eye(4, 8, dtype=np.float32)[np.arange(200) % 4] * 9
    crowds += np.random.default_rng(4).normal(size=crowds.shape).astype(np.float32) * 0.1
    first = picked_by(None, "prob_cover", crowds, batch_size=4)
    assert sorted(position % 4 for position in first) == [0, 1, 2, 3]
    known = {"labelled": np.arange(0, 200, 4), "labels": ["a", "b"] * 25}
    later = picked_by(None, "prob_cover", crowds, batch_size=3, **known)
    assert sorted(position % 4 for position in later) == [1, 2, 3]


def test_expected_error_takes_what_a_trial_of_every_likely_label_leaves_surest() -> None:
    pool, settings = X[LABELLED:160], {"batch_size": 5}
    p = MODEL.predict_proba(pool)
    tried = np.argsort(-margin(p))[:TRIED]
    left = dict.fromkeys(tried.tolist(), 0.0)
    for place in left:
        likely = np.argsort(-p[place])[:LIKELY]
        for label, share in zip(MODEL.classes_[likely], p[place, likely], strict=True):
            rows, told = np.vstack([X[:LABELLED], pool[[place]]]), np.append(Y[:LABELLED], label)
            copy = refit(MODEL, rows, told, rng=np.random.default_rng(0))
            left[place] += share * least_confident(copy.predict_proba(pool)).mean()
    surest = sorted(left, key=left.__getitem__)
    assert surest[:5] != tried[:5].tolist()
    assert picked_by(LEARNER, "expected_error", pool, **settings) == surest[:5]


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

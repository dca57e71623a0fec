"""Every strategy of projects with several labels a sample obeys what all strategies obey."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.multilabel import OneVsRest
from mlvajra_al.learning.strategies import MULTILABEL, rank, select_batch

NAMES = ["auto", *MULTILABEL]
INFORMED = [name for name, plan in MULTILABEL.items() if plan.needs in ("model", "labels")]


def pool(n: int = 300, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, columns)).astype(np.float32)
    return X, X[:, :4] + 0.3 * rng.normal(size=(n, 4)) > 0.4


X, Y = pool()
FORMS: dict[str, Any] = {
    "dense": X,
    "double": X.astype(np.float64),
    "sparse": sparse.csr_matrix(X),
    "read only": np.frombuffer(X.tobytes(), dtype=np.float32).reshape(X.shape),
}


def taught(estimator: Any = None, rows: Any = X[:60], truth: Any = Y[:60]) -> IncrementalLearner:
    model = OneVsRest(estimator or LogisticRegression())
    return IncrementalLearner(
        model, X_training=rows, y_training=np.asarray(truth, dtype=int), random_state=0
    )


LEARNER = taught()


def picked(name: str, form: Any = X, model: Any = LEARNER, **settings: Any) -> list[int]:
    rng = np.random.default_rng(0)
    return select_batch(model, form, strategy=name, rng=rng, **settings).tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_batch_without_repeats_within_the_pool(
    name: str, form: str
) -> None:
    batch = picked(name, FORMS[form], batch_size=12)
    assert batch == picked(name, FORMS[form], batch_size=12)
    assert len(set(batch)) == 12 and set(batch) <= set(range(300))


@pytest.mark.parametrize("name", INFORMED)
def test_order_of_the_pool_does_not_matter_without_ties(name: str) -> None:
    order = np.random.default_rng(9).permutation(300)
    assert set(order[picked(name, X[order])]) == set(picked(name))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_untouched(name: str) -> None:
    before, told = X.copy(), Y[:30].copy()
    picked(name, labelled=np.arange(30), labels=told)
    assert (X == before).all() and (told == Y[:30]).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_labelled_is_never_picked(name: str) -> None:
    batch = picked(name, labelled=np.arange(290), labels=Y[:290], batch_size=10)
    assert sorted(batch) == list(range(290, 300))


@pytest.mark.parametrize("name", NAMES)
def test_more_than_the_pool_holds_is_refused(name: str) -> None:
    with pytest.raises(PoolExhausted):
        picked(name, X[:5], batch_size=6)


@pytest.mark.parametrize("rows", [np.ones((20, 8), np.float32), sparse.csr_matrix((20, 8))])
@pytest.mark.parametrize("name", NAMES)
def test_constant_features_and_rows_of_zeros_are_ranked(name: str, rows: Any) -> None:
    assert len(set(picked(name, rows.astype(np.float32), batch_size=7))) == 7


@pytest.mark.parametrize("name", NAMES)
def test_two_rows_are_enough(name: str) -> None:
    assert sorted(picked(name, X[:2], batch_size=2)) == [0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_all_or_none_have_disturb_nobody(name: str) -> None:
    truth = np.column_stack([Y[:60], np.ones(60), np.zeros(60)])[:, [0, 4]]
    model = taught(truth=truth)
    assert len(set(picked(name, model=model, batch_size=7))) == 7


@pytest.mark.parametrize("name", NAMES)
def test_models_that_only_decide_are_asked_too(name: str) -> None:
    assert len(set(picked(name, model=taught(RidgeClassifier()), batch_size=7))) == 7


@pytest.mark.parametrize("name", ["margin", "entropy", "rare_label", "vote_entropy"])
def test_strategies_for_one_label_are_refused_by_name(name: str) -> None:
    with pytest.raises(Invalid, match="choose one of: auto, diversified_doubt"):
        picked(name)


@pytest.mark.parametrize("name", INFORMED)
def test_without_a_model_it_says_so(name: str) -> None:
    with pytest.raises(Invalid, match="needs a fitted model"):
        picked(name, model=None)


def test_auto_looks_for_a_label_that_no_sample_has_yet() -> None:
    label_set = [*LEARNER.estimator.classes_.tolist(), "new"]
    apart = np.vstack([X, np.full((3, 8), 4, np.float32)])
    settings = {"batch_size": 4, "label_set": label_set, "labelled": np.arange(60)}
    rng = np.random.default_rng(0)
    found = rank(LEARNER, apart, np.arange(303), n=4, rng=rng, **settings)
    assert found.strategy == "unseen_label" and "no example of 'new' yet" in found.reason
    assert set(found.positions) & {300, 301, 302}


def test_auto_says_what_it_chose_and_why() -> None:
    wide = rank(LEARNER, X, np.arange(300), batch_size=2, n=4, rng=np.random.default_rng(0))
    narrow = rank(LEARNER, X, np.arange(300), batch_size=30, n=30, rng=np.random.default_rng(0))
    assert wide.strategy == "diversified_doubt" and "spread over the 100" in wide.reason
    assert narrow.strategy == "focused_doubt" and "hesitates about a label" in narrow.reason


@pytest.mark.parametrize("name", [name for name in INFORMED if name != "unusual_count"])
def test_doubtful_samples_come_before_sure_ones(name: str) -> None:
    p = LEARNER.estimator.predict_proba(X)
    doubt = (1 - np.abs(2 * p - 1)).max(axis=1)
    assert doubt[picked(name, batch_size=10)].mean() > doubt.mean()

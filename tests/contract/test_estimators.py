"""Every estimator obeys the same properties, whatever it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.attributions import attributions, explain_globally, explain_samples
from mlvajra_al.learning.explanation import contributions, mean_features
from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.persistence import dumps, loads
from mlvajra_al.learning.pipeline import build_preprocessing, transform
from mlvajra_al.learning.sameness import same_bits
from mlvajra_al.learning.training import train
from mlvajra_al.learning.wording import feature_names, units
from mlvajra_al.records import Column, ColumnKind, EstimatorName, Recipe

ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip
SPARSE: list[EstimatorName] = ["logistic_regression", "sgd", "complement_nb"]
VALUES: dict[ColumnKind, list[Any]] = {
    "text": ["cheap pills now", "meeting at noon", "win a free loan", "lunch with the team", None],
    "numeric": [1.0, 200.0, None, -3.5, 1e6],
    "categorical": ["red", "blue", None, "red", "blue"],
    "boolean": [True, False, None, True, False],
    "date": ["2002-01-01", "2002-06-01 10:00", None, "2003-01-01", "2001-05-05"],
    "image": [[[0, 8], [16, 4]], [[1, 1], [1, 1]], None, [[9, 0], [0, 9]], [[3, 2], [1, 0]]],
}
NAMED = {
    "words": ["ham", "spam"], "numbers": ["1", "10"], "spaces": ["not spam", "  "],
    "other scripts": ["да", "नहीं"], "marks": ["=1+1", "<b>"], "many": list("abcdefghij"),
}  # fmt: skip


def rows(n: int = 60, labels: list[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    names = np.array(labels or ["ham", "spam"])
    rng = np.random.default_rng(1)
    y = np.arange(n) % len(names)
    X = np.abs(rng.normal(size=(n, 12)) + 2 * np.eye(len(names), 12)[y])
    return X.astype(np.float32), names[y]


def of_kind(kind: ColumnKind, estimator: EstimatorName) -> tuple[Any, Any, Any, np.ndarray]:
    """Return preprocessing, frame, features and labels of samples of one kind."""
    recipe = Recipe((Column("x", kind),), estimator)
    samples = [{"x": VALUES[kind][place % 5]} for place in range(30)]
    frame = to_frame(samples, recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    y = np.where(np.arange(30) % 5 < 2, "ham", "spam")
    return preprocessing, frame, transform(preprocessing, frame), y


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_inputs_stay_as_they_are(estimator: EstimatorName) -> None:
    X, y = rows()
    before = X.copy(), y.copy()
    first = train(estimator, X[:40], y[:40], seed=0).model
    kept = loads(dumps(first))
    train(estimator, X, y, seed=0, previous=first, new=np.arange(60) >= 40)
    assert (X == before[0]).all() and (y == before[1]).all()
    assert same_bits(loads(dumps(first)), kept)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_read_only_rows_are_enough(estimator: EstimatorName) -> None:
    X, y = rows()
    X.flags.writeable = False
    assert train(estimator, X, y, seed=0).model.predict(X).shape == (60,)


@pytest.mark.parametrize("labels", NAMED)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_labels_may_be_called_anything(estimator: EstimatorName, labels: str) -> None:
    X, y = rows(labels=NAMED[labels])
    model = train(estimator, X, y, seed=0).model
    assert model.classes_.tolist() == sorted(NAMED[labels])
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(60))
    assert set(model.predict(X)) <= set(NAMED[labels])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_two_rows_are_enough_to_begin(estimator: EstimatorName) -> None:
    X, y = rows(2)
    model = train(estimator, X, y, seed=0).model
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("rare", [1, 2])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_example_of_a_label_is_enough_to_know_it(estimator: EstimatorName, rare: int) -> None:
    X, _ = rows(40)
    y = np.array(["spam"] * rare + ["ham"] * (40 - rare))
    X[:rare] += 5
    model = train(estimator, X, y, seed=0).model
    assert model.classes_.tolist() == ["ham", "spam"]
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_label_is_none(estimator: EstimatorName, count: int) -> None:
    X, _ = rows(9)
    with pytest.raises(NotEnoughLabels, match="two different labels are needed") as caught:
        train(estimator, X[:count], ["ham"] * count, seed=0, labels=["ham", "spam"])
    assert "spam" in caught.value.missing


@pytest.mark.parametrize("value", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_features_that_say_nothing_give_an_answer_all_the_same(
    estimator: EstimatorName, value: float
) -> None:
    X, (_, y) = np.full((20, 4), value, dtype=np.float32), rows(20)
    model = train(estimator, X, y, seed=0).model
    p = model.predict_proba(X)
    assert np.isfinite(p).all() and (p == p[0]).all()


@pytest.mark.parametrize("estimator", SPARSE)
def test_rows_without_a_single_term_are_learned_from_and_answered(
    estimator: EstimatorName,
) -> None:
    X, y = rows(30)
    X[::3] = 0
    model = train(estimator, sparse.csr_matrix(X), y, seed=0).model
    empty = sparse.csr_matrix((3, 12), dtype=np.float32)
    assert np.isfinite(model.predict_proba(empty)).all()


@pytest.mark.parametrize("estimator", ["logistic_regression", "complement_nb"])
def test_sparse_and_dense_rows_teach_the_same(estimator: EstimatorName) -> None:
    X, y = rows()
    X[X < 0.7] = 0
    one = train(estimator, X, y, seed=0).model
    other = train(estimator, sparse.csr_matrix(X), y, seed=0).model
    assert one.predict_proba(X) == pytest.approx(other.predict_proba(X), abs=1e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_increment_knows_old_and_new(estimator: EstimatorName) -> None:
    X, y = rows(120)
    model = train(estimator, X[:40], y[:40], seed=0).model
    for end in (80, 120):
        new = np.arange(end) >= end - 40
        model = train(estimator, X[:end], y[:end], seed=0, previous=model, new=new).model
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_change_of_labels_in_a_version_to_continue_from_means_a_full_fit(
    estimator: EstimatorName,
) -> None:
    X, y = rows()
    three = np.where(np.arange(60) < 6, "maybe", y)
    previous = train(estimator, X, three, seed=0).model
    again = train(estimator, X, y, seed=0, previous=previous)
    assert again.mode == "full"
    assert same_bits(again.model, train(estimator, X, y, seed=0).model)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_explanations_add_up_for_every_kind_of_data(
    estimator: EstimatorName, kind: ColumnKind
) -> None:
    preprocessing, _, X, y = of_kind(kind, estimator)
    model = train(estimator, X, y, seed=0).model
    names, mean = feature_names(preprocessing), mean_features(X)
    explained = explain_samples(model, X[:5], names, mean=mean, units=units(preprocessing), shown=3)
    for place, ((one,)) in enumerate(explained):
        assert one.base + sum(one.values) + one.other == pytest.approx(one.output, abs=1e-6)
        assert len(one.features) == len(one.values) == len(one.data) <= 3
        assert set(one.features) <= set(names)
        sizes = np.abs(one.values)
        assert (np.diff(sizes) <= 1e-12).all(), "the strongest come first"
        likely = model.predict_proba(X[place : place + 1])[0, 1]
        if estimator != "complement_nb":
            assert (one.output > (0.5 if one.scale == "probability" else 0)) == (likely > 0.5)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_version_as_a_whole_is_explained_for_every_kind_of_data(
    estimator: EstimatorName, kind: ColumnKind
) -> None:
    preprocessing, _, X, y = of_kind(kind, estimator)
    model = train(estimator, X, y, seed=0).model
    found = explain_globally(
        model, X, feature_names(preprocessing), version=3, preprocessing=preprocessing,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert (found.version, found.n, found.labels) == (3, 30, ("spam",))
    for feature in found.importances["spam"]:
        assert feature.importance > 0 and len(feature.values) == len(feature.data) == 30
        assert 0 <= min(feature.data) <= max(feature.data) <= 1
        mean = np.abs(feature.values).mean()
        if not sparse.issparse(X):
            assert feature.importance == pytest.approx(mean)
    assert bool(found.image) == (kind == "image")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_three_labels_have_an_explanation_each(estimator: EstimatorName) -> None:
    X, y = rows(labels=["a", "b", "c"])
    model = train(estimator, X, y, seed=0).model
    parts = contributions(model, X[:4], mean_features(X))
    assert [part.label for part in parts] == ["a", "b", "c"]
    for part in parts:
        total = part.base + part.values.sum(axis=1) + part.absent
        assert total == pytest.approx(part.output, abs=1e-5)
        assert part.row(2) == pytest.approx(part.values[2])
    told = attributions(parts, X[:4], tuple(f"x{i}" for i in range(12)), shown=2)
    assert [[one.label for one in each] for each in told] == [["a", "b", "c"]] * 4


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name != "complement_nb"])
def test_few_labels_do_not_make_a_model_sure_of_everything(estimator: EstimatorName) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(y))
    known, others = order[:60], order[60:]
    model = train(estimator, X[known], y[known].astype(str), seed=0).model
    p = model.predict_proba(X[others])
    assert log_loss(y[others].astype(str), p, labels=model.classes_) < 0.35
    assert np.mean(p.max(axis=1) > 0.999) < 0.75

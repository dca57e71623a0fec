"""Two models are the same if every number in them is, to the last bit."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from scipy import sparse

from mlvajra_al.learning.persistence import dumps, loads
from mlvajra_al.learning.sameness import same_bits
from mlvajra_al.learning.training import train
from mlvajra_al.records import EstimatorName
from tests.unit.learning.test_training import ESTIMATORS, samples

SAME = [
    1, 1.0, float("nan"), "a", b"a", None, True, int, (1, [2.0]), {"a": np.arange(3)},
    np.array(["a", "b"]), np.array([None, "x", 1.5], dtype=object), np.float32(0.1),
    np.array([(1, 0.5)], dtype=[("left", "<i4"), ("value", "<f8")]),
    sparse.csr_matrix(np.eye(2)), np.random.default_rng(0), np.random.RandomState(0),
]  # fmt: skip
DIFFERENT = [
    (1, 1.0), (1, True), (0.0, -0.0), ("a", b"a"), ([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 2}), (np.zeros(2), np.zeros(3)), (np.zeros(2), np.zeros(2, dtype=np.float32)),
    (np.array([1.0]), np.array([np.nextafter(1.0, 2)])), (np.array(["a"]), np.array(["b"])),
    (np.array([None]), np.array([0], dtype=object)), (np.float32(0.1), np.float64(0.1)),
    (np.array([(1, 0.5)], dtype=[("left", "<i4"), ("value", "<f8")]),
     np.array([(1, 0.6)], dtype=[("left", "<i4"), ("value", "<f8")])),
    (sparse.csr_matrix(np.eye(2)), sparse.csr_matrix(np.eye(2) * 2)), (int, str), (len, max),
    (np.random.default_rng(0), np.random.default_rng(1)),
]  # fmt: skip


def _name(thing: object) -> str:
    """Name a case the same in every process: without addresses."""
    return re.sub(r" at 0x\w+", "", repr(thing))


@pytest.mark.parametrize("thing", SAME, ids=_name)
def test_a_thing_and_its_copy_are_the_same(thing: object) -> None:
    assert same_bits(thing, copy.deepcopy(thing))


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=_name)
def test_different_things_are_told_apart_both_ways(one: object, other: object) -> None:
    assert not same_bits(one, other)
    assert not same_bits(other, one)


def test_a_function_is_itself() -> None:
    assert same_bits(len, len)


def test_what_lies_between_the_fields_of_a_record_does_not_count() -> None:
    spaced = np.dtype({"names": ["left", "value"], "formats": ["<i4", "<f8"], "offsets": [0, 8]})
    one, other = np.zeros(3, dtype=spaced), np.zeros(3, dtype=spaced)
    other.view(np.uint8).reshape(3, -1)[:, 5] = 77
    assert one.tobytes() != other.tobytes()
    assert same_bits(one, other)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fits_of_one_seed_are_the_same_also_after_a_round_trip(estimator: EstimatorName) -> None:
    X, y = samples(40)
    one, other = (train(estimator, X, y, seed=3).model for _ in range(2))
    assert same_bits(one, other)
    assert same_bits(loads(dumps(one)), loads(dumps(other)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_label_more_or_another_seed_makes_another_model(estimator: EstimatorName) -> None:
    X, y = samples(40)
    model = train(estimator, X, y, seed=3).model
    assert not same_bits(model, train(estimator, X[:-1], y[:-1], seed=3).model)
    if estimator in ("sgd", "random_forest", "hist_gradient_boosting"):
        assert not same_bits(model, train(estimator, X, y, seed=4).model)


def test_the_smallest_change_of_one_weight_is_seen() -> None:
    X, y = samples(40)
    model = train("logistic_regression", X, y, seed=0).model
    changed = copy.deepcopy(model)
    changed.coef_[0, 3] = np.nextafter(changed.coef_[0, 3], np.inf)
    assert not same_bits(model, changed)

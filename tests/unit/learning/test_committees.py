"""A committee: whose opinions count, how they are told, and where they differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse, stats
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from mlvajra_al.learning.committees import (
    MEMBERS,
    consensus_entropy,
    disagreement,
    has_members,
    members,
    opinions,
    vote_entropy,
)
from mlvajra_al.learning.learner import IncrementalCommittee, IncrementalLearner
from mlvajra_al.learning.refitting import refit

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]

raw = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=32))
)


def shares(of: np.ndarray) -> np.ndarray:
    return (of + 1e-9) / (of + 1e-9).sum(axis=2, keepdims=True)


@given(raw)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_utilities_are_what_their_definitions_say(of: np.ndarray) -> None:
    p = shares(of)
    mean = p.mean(axis=0)
    votes = np.array([np.bincount(v, minlength=p.shape[2]) for v in p.argmax(axis=2).T])
    assert vote_entropy(p) == pytest.approx(stats.entropy(votes, axis=1), abs=1e-9)
    assert consensus_entropy(p) == pytest.approx(stats.entropy(mean, axis=1), abs=1e-6)
    divergences = [stats.entropy(member, mean, axis=1) for member in p]
    assert disagreement(p) == pytest.approx(np.mean(divergences, axis=0), abs=1e-6)


@pytest.mark.parametrize("utility", [vote_entropy, disagreement])
def test_a_committee_of_one_mind_disagrees_about_nothing(utility) -> None:
    alone = shares(np.random.default_rng(1).random((1, 5, 3)))
    assert utility(alone).tolist() == pytest.approx([0] * 5)
    assert utility(np.repeat(alone, 4, axis=0)).tolist() == pytest.approx([0] * 5)


def test_bootstraps_know_every_label_differ_and_repeat_under_a_seed() -> None:
    model = LogisticRegression().fit(X, Y)
    before = model.coef_.copy()
    one, other = (members(model, X, Y, rng=np.random.default_rng(4)) for _ in range(2))
    assert len(one) == MEMBERS
    assert all(member.classes_.tolist() == ["a", "b", "c"] for member in one)
    assert not np.allclose(one[0].coef_, one[1].coef_)
    assert all((a.coef_ == b.coef_).all() for a, b in zip(one, other, strict=True))
    assert (model.coef_ == before).all()


def test_a_label_seen_once_is_known_to_every_member() -> None:
    y = np.where(np.arange(60) == 7, "rare", "usual")
    found = members(LogisticRegression(), X, y, rng=np.random.default_rng(0))
    assert all(member.classes_.tolist() == ["rare", "usual"] for member in found)


@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_the_trees_of_a_forest_are_its_members_and_mean_its_opinion(forest) -> None:
    model = forest(4, max_depth=2, random_state=0).fit(X, Y)
    for held in (model, IncrementalLearner(model, X_training=X, y_training=Y)):
        assert has_members(held)
        found = members(held, None, None, rng=np.random.default_rng(0))
        assert opinions(found, X).mean(axis=0) == pytest.approx(held.predict_proba(X))


def test_learners_that_know_different_labels_are_heard_about_all() -> None:
    first = IncrementalLearner(GaussianNB(), X_training=X[Y != "c"], y_training=Y[Y != "c"])
    second = IncrementalLearner(GaussianNB(), X_training=X[Y != "a"], y_training=Y[Y != "a"])
    committee = IncrementalCommittee([first, second])
    found = opinions(members(committee, None, None, rng=np.random.default_rng(0)), X)
    assert found.shape == (2, 60, 3)
    assert (found[0, :, 2] == 0).all() and (found[1, :, 0] == 0).all()
    assert found.sum(axis=2) == pytest.approx(1)


def test_a_plain_model_is_no_committee() -> None:
    assert not has_members(LogisticRegression())


def test_of_sparse_rows_only_columns_that_occur_are_fitted_to_the_same_model() -> None:
    wide = sparse.csr_matrix(np.hstack([np.zeros((60, 50)), X, np.zeros((60, 50))]))
    found = refit(LogisticRegression(), wide, Y, rng=np.random.default_rng(0))
    full = LogisticRegression().fit(wide, Y)
    assert found.coef_ == pytest.approx(full.coef_, abs=1e-4)
    assert (found.coef_[:, :50] == 0).all()


def test_what_is_random_in_a_copy_is_seeded_by_the_generator() -> None:
    model = SGDClassifier()
    one, other = (refit(model, X, Y, rng=np.random.default_rng(2)).coef_ for _ in range(2))
    third = refit(model, X, Y, rng=np.random.default_rng(3)).coef_
    assert (one == other).all() and (one != third).any()
    assert model.random_state is None

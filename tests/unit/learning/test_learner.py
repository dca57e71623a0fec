"""The 18 cases in which modAL 0.4.2.1 fails on today's libraries, and what we add to it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modAL.disagreement import vote_entropy_sampling
from modAL.uncertainty import margin_sampling, uncertainty_sampling
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlvajra_al.learning.learner import IncrementalCommittee, IncrementalLearner
from mlvajra_al.learning.strategies import select_batch

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [7.0, 0.0], [8.0, 1.0], [9.0, 0.0]])
Y = np.array(["low", "low", "low", "high", "high", "high"])
TEXTS = ["cheap pills", "cheap watches", "free pills", "meeting notes", "notes attached", "agenda"]


def taught(**settings: object) -> IncrementalLearner:
    learner = IncrementalLearner(LogisticRegression(), **settings)
    learner.teach(X[::2], Y[::2])
    return learner


def test_what_the_door_imports_of_modal_compiles_without_a_warning() -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith("modAL")]
    assert len(modules) > 5
    for module in modules:
        source = Path(module.__file__)
        compile(source.read_text(), str(source), "exec")  # warnings are errors here


def test_arrays_are_taught_in_two_steps() -> None:
    learner = taught()
    learner.teach(X[1::2], Y[1::2])
    assert learner.X_training.shape == (6, 2)
    assert (learner.predict(X) == Y).all()


def test_frames_with_named_columns_are_taught_row_by_row() -> None:
    frame = pd.DataFrame(X, columns=["size", "flag"])
    learner = IncrementalLearner(LogisticRegression())
    learner.teach(frame.iloc[::2], pd.Series(Y[::2]))
    learner.teach(frame.iloc[1::2], pd.Series(Y[1::2]))
    assert learner.X_training.shape == (6, 2)
    assert list(learner.X_training.columns) == ["size", "flag"]
    assert (learner.predict(frame) == Y).all()


def test_frames_with_integer_columns_give_rows_not_columns() -> None:
    frame = pd.DataFrame(X)
    learner = IncrementalLearner(LogisticRegression(), X_training=frame, y_training=Y)
    positions, rows = learner.query(frame, n_instances=2)
    assert rows.shape == (2, 2)
    assert rows.equals(frame.iloc[positions])


def test_a_column_transformer_of_text_and_numbers_learns_and_is_queried() -> None:
    frame = pd.DataFrame({"text": TEXTS, "size": X[:, 0]})
    encode = ColumnTransformer(
        [("text", TfidfVectorizer(), "text"), ("size", StandardScaler(), ["size"])]
    )
    learner = IncrementalLearner(make_pipeline(encode, LogisticRegression()))
    learner.teach(frame, Y)
    learner.teach(frame.iloc[:2], Y[:2])
    _, rows = learner.query(frame, n_instances=3)
    assert rows.shape == (3, 2)
    assert len(learner.y_training) == 8


def test_sparse_rows_are_stacked_and_queried() -> None:
    pool = sparse.csr_matrix(X)
    learner = IncrementalLearner(LogisticRegression(), X_training=pool[:4], y_training=Y[:4])
    learner.teach(pool[4:], Y[4:])
    _, rows = learner.query(sparse.coo_matrix(X), n_instances=2)
    assert learner.X_training.shape == (6, 2)
    assert sparse.issparse(rows) and rows.shape == (2, 2)


def test_raw_texts_are_taught_and_come_back_as_texts() -> None:
    learner = IncrementalLearner(make_pipeline(TfidfVectorizer(), LogisticRegression()))
    learner.teach(TEXTS[:4], list(Y[:4]))
    learner.teach(TEXTS[4:], list(Y[4:]))
    positions, rows = learner.query(TEXTS, n_instances=2)
    assert len(learner.X_training) == 6
    assert rows == [TEXTS[i] for i in positions]


def test_nan_is_refused_unless_the_estimator_copes() -> None:
    holes = X.copy()
    holes[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        IncrementalLearner(LogisticRegression()).teach(holes, Y)
    tree = HistGradientBoostingClassifier(min_samples_leaf=1, max_iter=3)
    learner = IncrementalLearner(tree, force_all_finite=False)
    learner.teach(holes, Y)
    learner.teach(holes, Y)
    assert learner.X_training.shape == (12, 2)


def test_a_committee_whose_members_know_different_labels_agrees_on_columns() -> None:
    three, third = np.array([*Y, "odd"]), np.vstack([X, [[30.0, 30.0]]])
    some = IncrementalLearner(GaussianNB(), X_training=X, y_training=Y)
    every = IncrementalLearner(GaussianNB(), X_training=third, y_training=three)
    committee = IncrementalCommittee([some, every], random_state=0)
    assert committee.classes_.tolist() == ["high", "low", "odd"]
    assert committee.vote_proba(third)[:, 0, 2].max() == 0
    assert committee.vote(third).tolist()[6] == [some.predict(third[6:])[0], "odd"]
    assert committee.predict(third)[6] in ("odd", "high", "low")


def test_a_committee_is_taught_and_queried() -> None:
    members = [
        IncrementalLearner(LogisticRegression(C=c), X_training=X[::3], y_training=Y[::3])
        for c in (0.01, 100.0)
    ]
    committee = IncrementalCommittee(members, query_strategy=vote_entropy_sampling, random_state=1)
    committee.teach(X[1:3], Y[1:3])
    positions, rows = committee.query(X, n_instances=2)
    assert [len(member.y_training) for member in committee] == [4, 4]
    assert rows.shape == (2, 2) and len(positions) == 2


def test_only_new_continues_instead_of_forgetting() -> None:
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(400, 5))
    truth = np.where(pool[:, 0] > 0, "yes", "no")
    learner = IncrementalLearner(SGDClassifier(loss="log_loss", random_state=0))
    learner.teach(pool[:300], truth[:300])
    before, model = learner.score(pool, truth), learner.estimator
    one_sided = np.flatnonzero(truth[300:] == "yes")[:10] + 300
    learner.teach(pool[one_sided], truth[one_sided], only_new=True)
    assert learner.estimator is model and model.t_ > 300
    assert learner.score(pool, truth) > before - 0.1
    assert len(learner.y_training) == 310


def test_only_new_reaches_the_last_step_of_a_pipeline() -> None:
    pipe = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    learner = IncrementalLearner(pipe)
    learner.teach(X, Y)
    mean, steps = pipe[0].mean_.copy(), pipe[-1].t_
    learner.teach(X[:2] + 100, Y[:2], only_new=True)
    assert (pipe[0].mean_ == mean).all()
    assert pipe[-1].t_ == steps + 2


def test_only_new_with_a_label_never_seen_learns_from_everything() -> None:
    learner = IncrementalLearner(SGDClassifier(loss="log_loss", random_state=0))
    learner.teach(X, Y)
    learner.teach(X[:1] + 50, np.array(["odd"]), only_new=True)
    assert learner.classes_.tolist() == ["high", "low", "odd"]


def test_only_new_with_an_estimator_that_cannot_continue_learns_from_everything() -> None:
    learner = taught()
    learner.teach(X[1:2], Y[1:2], only_new=True)
    assert learner.estimator.classes_.tolist() == ["high", "low"]
    assert len(learner.y_training) == 4


def test_a_query_for_several_gives_as_many_rows_and_on_request_utilities() -> None:
    positions, rows, utilities = taught().query(X, n_instances=3, return_metrics=True)
    assert rows.tolist() == X[positions].tolist()
    assert utilities.shape == (3,)


def test_a_strategy_that_returns_only_positions_runs_once() -> None:
    calls = []

    def strategy(classifier: object, pool: np.ndarray) -> np.ndarray:
        calls.append(len(pool))
        return np.array([4, 1])

    positions, rows = taught(query_strategy=strategy).query(X)
    assert calls == [6]
    assert rows.tolist() == X[[4, 1]].tolist() and positions.tolist() == [4, 1]


def test_an_error_in_a_strategy_is_not_swallowed() -> None:
    def strategy(classifier: object, pool: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        taught(query_strategy=strategy).query(X)


def test_a_clone_is_an_empty_learner_with_the_same_settings() -> None:
    learner = taught(query_strategy=margin_sampling, random_state=3, force_all_finite=False)
    copy = clone(learner)
    assert copy.X_training is None and copy.estimator is not learner.estimator
    assert copy.get_params()["random_state"] == 3 and copy.query_strategy is margin_sampling
    copy.teach(X, Y)
    assert (copy.predict(X) == Y).all()


def test_repr_names_the_estimator_and_no_data() -> None:
    assert "LogisticRegression" in repr(taught())
    assert "X_training" not in repr(taught())


def test_seeded_learners_ask_the_same_and_leave_the_global_generator_alone() -> None:
    def asked(seed: int) -> list[int]:
        learner = taught(random_state=seed)
        flat = np.zeros((50, 2))
        picks = [
            learner.query(flat, n_instances=4, random_tie_break=True)[0].tolist() for _ in range(2)
        ]
        return picks[0] + picks[1]

    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert asked(1) == asked(1) != asked(2)
    assert asked(1)[:4] != asked(1)[4:]
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_our_strategies_are_query_strategies() -> None:
    learner = taught(query_strategy=select_batch, random_state=0)
    positions, rows = learner.query(X, batch_size=2, labelled=[0, 2, 4])
    assert set(positions.tolist()) <= {1, 3, 5}
    assert rows.shape == (2, 2)


def test_an_unfitted_learner_can_be_asked_and_says_it_is_not_fitted() -> None:
    learner = IncrementalLearner(LogisticRegression(), query_strategy=uncertainty_sampling)
    assert not learner.__sklearn_is_fitted__()
    assert len(learner.query(X, n_instances=2)[0]) == 2


@pytest.mark.parametrize("rows", [X, pd.DataFrame(X), sparse.csr_matrix(X)])
def test_bootstraps_draw_rows_from_whatever_holds_them(rows: object) -> None:
    learner = IncrementalLearner(GaussianNB() if not sparse.issparse(rows) else
                                 LogisticRegression(), random_state=2)  # fmt: skip
    learner.fit(rows, Y, bootstrap=True)
    assert len(learner.y_training) == 6
    assert learner.classes_.tolist() == ["high", "low"]


def test_fit_forgets_what_was_known() -> None:
    learner = taught()
    learner.fit(X, Y)
    assert len(learner.y_training) == 6


def test_rows_and_labels_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        taught().teach(X, Y[:3])

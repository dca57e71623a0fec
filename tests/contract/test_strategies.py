"""Every registered strategy obeys the same properties, whatever holds the pool.

Those of projects with one label a sample and with several are held to one contract.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from modAL.models import ActiveLearner
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning import scanning
from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.strategies import rank, select_batch
from tests.contract.asked import EVERY, FITTING, FORMS, INFORMED, LABELLED, Asked, X, named

every = pytest.mark.parametrize("one", EVERY, ids=named)
informed = pytest.mark.parametrize("one", INFORMED, ids=named)
fitting = pytest.mark.parametrize("one", FITTING, ids=named)
uninformed = pytest.mark.parametrize("one", [one for one in EVERY if not one.informed], ids=named)
TIED = ("vote_entropy",)
"""Votes of five are equal for many samples."""
TREES = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4, min_samples_leaf=2)
"""Of the estimators, those that take missing values."""


def ranking(one: Asked, candidates: Any, **settings: Any) -> Any:
    rng = np.random.default_rng(0)
    settings = {"batch_size": 5, "n": len(candidates), "rng": rng} | settings
    return rank(one.learner, X, np.asarray(candidates), strategy=one.name, **settings)


@pytest.mark.parametrize("form", FORMS)
@every
def test_the_same_seed_gives_the_same_batch_without_repeats_within_the_pool(
    one: Asked, form: str
) -> None:
    batch = one.picked(FORMS[form], batch_size=12)
    assert batch == one.picked(FORMS[form], batch_size=12)
    assert len(set(batch)) == 12 and set(batch) <= set(range(300))


@pytest.mark.parametrize("one", [one for one in INFORMED if one.name not in TIED], ids=named)
def test_order_of_the_pool_does_not_matter_without_ties(one: Asked) -> None:
    order = np.random.default_rng(9).permutation(300)
    assert set(order[one.picked(X[order])]) == set(one.picked())


@every
def test_inputs_are_left_untouched(one: Asked) -> None:
    before, told = X.copy(), one.kind.truth[:30].copy()
    excluded = np.arange(30)
    one.picked(labelled=excluded, labels=told)
    assert (X == before).all() and (excluded == np.arange(30)).all()
    assert (told == one.kind.truth[:30]).all()


@every
def test_labelled_samples_are_never_picked(one: Asked) -> None:
    everything_but = np.setdiff1d(np.arange(300), np.arange(100, 115))
    told = one.kind.truth[everything_but]
    for settings in ({}, {"labels": told}):
        batch = one.picked(batch_size=15, labelled=everything_but, **settings)
        assert sorted(batch) == list(range(100, 115))


@every
def test_a_mask_in_the_place_of_positions_is_refused(one: Asked) -> None:
    with pytest.raises(Invalid, match=r"is a mask.*np\.flatnonzero"):
        one.picked(labelled=np.arange(300) < 100)


@every
def test_a_pool_smaller_than_the_batch_is_refused_with_numbers(one: Asked) -> None:
    with pytest.raises(PoolExhausted, match="301 samples but 300") as caught:
        one.picked(batch_size=301)
    assert (caught.value.available, caught.value.requested) == (300, 301)
    with pytest.raises(PoolExhausted, match="6 samples but 5"):
        one.picked(X[:5], batch_size=6)
    with pytest.raises(PoolExhausted, match="10 samples but 3"):
        one.picked(batch_size=10, labelled=np.arange(297), labels=one.kind.truth[:297])


@uninformed
def test_so_it_is_before_there_is_a_model(one: Asked) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(PoolExhausted, match="6 samples but 5"):
        select_batch(None, X[:5], strategy=one.name, batch_size=6, rng=rng)
    for n in (0, 1, 2):
        batch = select_batch(None, X[:n], strategy=one.name, batch_size=n, rng=rng)
        assert sorted(batch) == list(range(n))


@every
def test_the_last_few_are_ranked_though_a_batch_is_larger(one: Asked) -> None:
    assert sorted(ranking(one, [7, 9], batch_size=10).positions) == [7, 9]


@every
def test_a_ranking_starts_with_the_batch_and_never_repeats(one: Asked) -> None:
    found = ranking(one, np.arange(300), batch_size=10)
    assert sorted(found.positions) == list(range(300))
    assert len(found.utilities) == 300 and found.strategy in one.kind.plans
    first = ranking(one, np.arange(300), batch_size=10, n=10)
    assert len(first.positions) == 10


@every
def test_only_candidates_are_ranked(one: Asked) -> None:
    found = ranking(one, np.arange(200, 260))
    assert sorted(found.positions) == list(range(200, 260))


@every
def test_chunks_do_not_change_the_answer(one: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [one.picked(form) for form in (X, FORMS["sparse"])]
    monkeypatch.setattr(scanning, "CHUNK", 64)
    parts = [one.picked(form) for form in (X, FORMS["sparse"])]
    assert [set(batch) for batch in parts] == [set(batch) for batch in whole]


@informed
def test_a_model_of_decisions_only_is_enough(one: Asked) -> None:
    for truth in (one.kind.truth[:LABELLED], one.kind.of_two(LABELLED)):
        model = one.kind.taught(RidgeClassifier(), truth=truth)
        assert len(set(one.picked(model=model))) == 10


@informed
def test_without_a_model_informed_strategies_say_what_to_use(one: Asked) -> None:
    with pytest.raises(Invalid, match="'auto' or 'random'"):
        select_batch(None, X, strategy=one.name, rng=np.random.default_rng(0))


@uninformed
def test_before_there_is_a_model_the_others_can_be_asked(one: Asked) -> None:
    batch = select_batch(None, X, strategy=one.name, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 10


@every
def test_a_pool_of_one_or_two_rows_is_ranked(one: Asked) -> None:
    for form in (X, FORMS["sparse"], FORMS["double"]):
        assert one.picked(form[:1], batch_size=1) == [0]
        assert sorted(one.picked(form[:2], batch_size=2)) == [0, 1]
        assert len(one.picked(form[:2], batch_size=1)) == 1


@every
def test_two_rows_are_enough_beside_two_that_are_labelled(one: Asked) -> None:
    told = one.kind.of_two(2)
    model = one.kind.taught(rows=X[:2], truth=told)
    settings = {"labelled": [0, 1], "labels": told, "batch_size": 2}
    assert sorted(one.picked(X[:4], model, **settings)) == [2, 3]


@every
def test_nothing_is_picked_of_nothing(one: Asked) -> None:
    assert one.picked(batch_size=0) == []
    for form in (X, FORMS["sparse"]):
        assert one.picked(form[:0], batch_size=0) == []
        with pytest.raises(PoolExhausted, match="1 sample but 0"):
            one.picked(form[:0], batch_size=1)
    assert one.picked(X[:3], labelled=[0, 1, 2], batch_size=0) == []


@every
def test_a_number_below_none_is_refused(one: Asked) -> None:
    with pytest.raises(Invalid, match="is -3 but must be 0 or more"):
        one.picked(batch_size=-3)
    with pytest.raises(Invalid, match="n is -1 but"):
        ranking(one, np.arange(9), n=-1)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((40, 8), np.float32), np.ones((40, 8), np.float32), sparse.csr_matrix((40, 8))],
    ids=["zeros", "ones", "sparse"],
)
@every
def test_a_pool_of_copies_still_gives_distinct_positions(one: Asked, rows: Any) -> None:
    rows = rows.astype(np.float32)
    assert len(set(one.picked(rows, batch_size=10))) == 10
    assert sorted(one.picked(rows, batch_size=40)) == list(range(40))


@pytest.mark.parametrize("stored", [False, True], ids=["empty", "zeros that are stored"])
@every
def test_a_model_of_all_zero_sparse_rows_still_picks(one: Asked, stored: bool) -> None:
    empty = sparse.csr_matrix((60, 300), dtype=np.float32)
    if stored:
        places = np.arange(60)
        empty = sparse.csr_matrix((np.zeros(60, np.float32), (places, places)), shape=(60, 300))
    told = one.kind.of_two(10)
    model = one.kind.blank().fit(np.zeros((10, 300)), told)
    batch = one.picked(empty, model, labelled=range(10), labels=told, batch_size=5)
    assert len(set(batch)) == 5 and min(batch) >= 10


@every
def test_labels_of_one_class_are_enough_to_pick_by(one: Asked) -> None:
    alike = np.repeat(one.kind.truth[:1], 9, axis=0)
    for form in (X, FORMS["sparse"]):
        batch = one.picked(form, one.fitted, labelled=range(9), labels=alike)
        assert len(set(batch)) == 10 and min(batch) >= 9


@every
def test_a_model_that_knows_one_label_still_picks(one: Asked) -> None:
    alike = np.repeat(one.kind.truth[:1], 9, axis=0)
    model = one.kind.taught(GaussianNB(), X[:9], alike)
    assert len(set(one.picked(model=model))) == 10


@pytest.mark.parametrize("large", [1e30, -3e38])
@every
def test_features_of_any_size_are_compared(one: Asked, large: float) -> None:
    huge = X[:80].copy()
    huge[::7, 3] = large
    huge[:, 5] *= 1e25
    wide = sparse.csr_matrix(np.hstack([huge, np.ones((80, 300), np.float32)]))
    of_wide = one.kind.taught(rows=np.hstack([X[:60], np.ones((60, 300), np.float32)])).estimator
    told = {"labelled": range(20), "labels": one.kind.truth[:20], "batch_size": 8}
    for model, form in (
        (one.fitted, huge),
        (one.fitted, sparse.csr_matrix(huge)),
        (of_wide, wide),
    ):
        assert len(set(one.picked(form, model, **told))) == 8


@every
def test_a_model_that_knows_nothing_to_tell_rows_apart_by_still_picks(one: Asked) -> None:
    flat = np.ones((30, 8), dtype=np.float32)
    model = one.kind.taught(rows=flat, truth=one.kind.of_two(30))
    assert len(set(one.picked(flat, model))) == 10


@every
def test_missing_values_are_fine_where_the_estimator_takes_them(one: Asked) -> None:
    gaps = X[:120].copy()
    gaps[::4, 2] = np.nan
    gaps[5] = gaps[50] = np.nan
    model = one.kind.taught(TREES, gaps[:30], one.kind.truth[:30])
    batch = one.picked(gaps, model)
    assert len(set(batch)) == 10 and batch == one.picked(gaps, model)


@pytest.mark.parametrize("gap", [np.nan, np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@every
def test_sparse_rows_with_what_is_no_number_are_refused_by_their_place(
    one: Asked, kind: Any, gap: float
) -> None:
    rows = sparse.csr_matrix(X[:40], dtype=kind)
    rows.data[8 * 7 + 3] = gap
    with pytest.raises(Invalid, match=r"1 value .* row 7, column 3; .*put a number there"):
        one.picked(rows)


@fitting
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_labels_beside_positions_are_as_good_as_a_learner_that_was_taught(
    one: Asked, form: str
) -> None:
    labelled, rows = np.arange(LABELLED), FORMS[form]
    told = one.picked(rows, one.fitted, labelled=labelled, labels=one.kind.truth[:LABELLED])
    learner = one.kind.taught(rows=rows[:LABELLED])
    learner.estimator = one.fitted
    assert told == one.picked(rows, learner, labelled=labelled)
    assert not set(told) & set(labelled.tolist())


@fitting
def test_strategies_that_fit_models_say_what_they_miss(one: Asked) -> None:
    labelled = np.arange(LABELLED)
    with pytest.raises(Invalid, match="pass the labels so far"):
        one.picked(model=one.fitted, labelled=labelled)
    with pytest.raises(Invalid, match="60 samples are labelled but 3 labels came"):
        one.picked(model=one.fitted, labelled=labelled, labels=one.kind.truth[:3])


@every
def test_excluding_by_position_or_by_candidates_is_the_same(one: Asked) -> None:
    left_out = np.arange(0, 300, 7)
    by_candidates = ranking(one, np.setdiff1d(np.arange(300), left_out), batch_size=8, n=20)
    by_position = ranking(one, np.arange(300), labelled=left_out.tolist(), batch_size=8, n=20)
    assert by_candidates.positions.tolist() == by_position.positions.tolist()
    assert by_candidates.utilities.tolist() == by_position.utilities.tolist()


@pytest.mark.parametrize("one", [one for one in EVERY if one.name != "auto"], ids=named)
def test_a_strategy_that_needs_no_model_has_no_utility(one: Asked) -> None:
    assert (one.kind.plans[one.name].utility is None) == (not one.informed)


@pytest.mark.parametrize("learner", [IncrementalLearner, ActiveLearner])
@every
def test_every_strategy_is_a_query_strategy_of_modals_learner_and_of_ours(
    one: Asked, learner: Any
) -> None:
    by_name = partial(select_batch, strategy=one.name, rng=np.random.default_rng(0))
    of_modal = learner(
        one.kind.blank(),
        one.kind.plans.get(one.name, by_name),
        X_training=X[:LABELLED],
        y_training=one.learner.y_training,
    )
    size = {"batch_size" if one.name == "auto" else "n_instances": 4}
    positions, rows = of_modal.query(X, **size)
    assert len(set(positions.tolist())) == 4 and rows.shape == (4, 8)


@every
def test_an_unknown_strategy_is_refused_with_the_known_ones(one: Asked) -> None:
    with pytest.raises(Invalid, match=f"choose one of: .*{one.name}"):
        select_batch(one.learner, X, strategy="psychic", rng=np.random.default_rng(0))

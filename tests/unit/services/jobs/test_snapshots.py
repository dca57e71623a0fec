"""What the next version continues from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mlvajra_al.records import (
    Drift,
    EstimatorName,
    Gold,
    Policy,
    Project,
    Promotion,
    Recipe,
    Revision,
    Version,
)
from mlvajra_al.services.jobs.snapshots import (
    Fit,
    Past,
    as_fitted,
    changed,
    next_fit,
    since_full,
)
from tests.factories import NOW, a_draft

PROJECT: Project = replace(a_draft(), id=1, policy=Policy(full_every=3))
REVISION = Revision(5, 1, PROJECT.recipe, "ab" * 32, 100, 10, NOW)


def a_version(number: int, *, parent: int | None, mode: str = "warm_start") -> Version:
    return Version(
        project_id=1,
        number=number,
        parent=parent,
        mode=mode,
        revision_id=5,
        estimator="cd" * 32,
        n_labels=20,
        label_counts={"ham": 10, "spam": 10},
        label_seq=20 * number,
        label_fingerprint="ef" * 32,
        recipe=PROJECT.recipe,
        seed=1,
        shards=(),
        libraries={},
        cpu="",
        duration_s=0.1,
        trigger="",
        created_at=NOW + timedelta(minutes=number),
    )


FIRST = a_version(1, parent=None, mode="full")
SECOND = a_version(2, parent=1)


def decide(
    *versions: Version,
    project: Project = PROJECT,
    revision: Revision | None = REVISION,
    moves: tuple[Promotion, ...] = (),
    full: bool = False,
    relabelled: bool = False,
) -> Fit:
    return next_fit(project, Past(versions, revision, moves), full=full, relabelled=relabelled)


def a_move(
    version: int, previous: int | None, at: datetime, *, rolled_back: bool = False
) -> Promotion:
    return Promotion(1, version, previous, "Ada", "", at, rolled_back)


def test_the_first_version_has_no_parent() -> None:
    assert decide() == Fit(None, None, "the first version")


def test_an_increment_continues_from_the_newest_version() -> None:
    assert decide(FIRST, SECOND) == Fit(2, SECOND, "")


def test_a_full_fit_is_due_when_the_policy_says_so() -> None:
    third = a_version(3, parent=2)
    assert decide(FIRST, SECOND, third) == Fit(3, None, "every 3th fit is a full one")
    assert since_full([FIRST, SECOND, third]) == 3
    assert since_full([FIRST, SECOND, a_version(3, parent=2, mode="full")]) == 1


def test_a_full_fit_on_request_keeps_its_parent() -> None:
    assert decide(FIRST, full=True) == Fit(1, None, "a full fit was asked for")


def test_a_changed_recipe_or_revision_starts_a_new_line() -> None:
    other = replace(PROJECT, recipe=Recipe(PROJECT.recipe.columns, "sgd"))
    assert decide(FIRST, project=other) == Fit(None, None, "the recipe was changed")
    anew = replace(REVISION, id=6)
    assert decide(FIRST, revision=anew) == Fit(None, None, "the pool was read anew")


def test_a_pool_read_anew_just_now_starts_a_new_line_and_says_why() -> None:
    reread = "3 of 9 samples are new"
    fit = next_fit(
        PROJECT, Past((FIRST,), REVISION, ()), full=False, relabelled=False, reread=reread
    )
    assert fit == Fit(None, None, reread)


def test_a_first_version_needs_no_reason_for_reading_the_pool() -> None:
    fit = next_fit(PROJECT, Past((), None, ()), full=True, relabelled=True, reread="anything")
    assert fit == Fit(None, None, "the first version")


def test_a_project_without_any_revision_starts_a_new_line() -> None:
    assert decide(FIRST, revision=None) == Fit(None, None, "the pool was read anew")


def test_where_every_version_is_an_increment_all_of_them_count() -> None:
    assert since_full([SECOND, a_version(3, parent=2)]) == 2
    assert since_full([]) == 0


def test_a_version_that_took_over_from_a_damaged_one_starts_no_new_line() -> None:
    fell_back = replace(a_move(1, 2, NOW + timedelta(hours=1)), person=None)
    assert decide(FIRST, SECOND, moves=(fell_back,)).previous == SECOND


def test_after_a_rollback_one_fit_has_no_parent_and_the_next_has() -> None:
    back = a_move(1, 2, NOW + timedelta(minutes=2, seconds=30), rolled_back=True)
    moves = (a_move(1, None, NOW), a_move(2, 1, NOW + timedelta(minutes=2)), back)
    assert decide(FIRST, SECOND, moves=moves) == Fit(None, None, "the champion was rolled back")
    root = a_version(3, parent=None, mode="full")
    assert decide(FIRST, SECOND, root, moves=moves) == Fit(3, root, "")


def test_a_version_that_was_in_the_making_at_a_rollback_does_not_hide_it() -> None:
    moves = (a_move(1, 2, NOW + timedelta(minutes=2, seconds=30), rolled_back=True),)
    late = a_version(3, parent=2)
    assert decide(FIRST, SECOND, late, moves=moves).parent is None


@pytest.mark.parametrize(("to", "of"), [(2, 1), (1, 2)])
def test_a_promotion_starts_no_new_line(to: int, of: int) -> None:
    moves = (a_move(to, of, NOW + timedelta(hours=1)),)
    assert decide(FIRST, SECOND, moves=moves).previous == SECOND


@pytest.mark.parametrize("estimator", ["complement_nb", "sgd"])
def test_what_learns_by_adding_cannot_unlearn_and_others_need_not(
    estimator: EstimatorName,
) -> None:
    adding = Recipe(PROJECT.recipe.columns, estimator)
    project = replace(PROJECT, recipe=adding)
    first = replace(FIRST, recipe=adding)
    assert decide(first, project=project, relabelled=True).because == "answers were changed"
    assert decide(first, project=project).previous == first
    assert decide(FIRST, relabelled=True).previous == FIRST


def test_a_full_fit_that_was_to_go_on_says_why_it_could_not() -> None:
    fit = decide(FIRST)
    assert as_fitted(fit, "full", "sgd").because == "there are examples of other labels than before"
    assert as_fitted(fit, "warm_start", "logistic_regression") == fit
    assert as_fitted(fit, "full", "random_forest") == fit
    assert as_fitted(decide(), "full", "sgd").because == "the first version"


def test_a_label_that_is_gone_or_different_counts_as_changed() -> None:
    before = [Gold("a", 1, "ham", 1), Gold("b", 2, "spam", 2)]
    assert not changed(before, [*before, Gold("c", 3, "ham", 3)])
    assert changed(before, before[:1])
    assert changed(before, [before[0], Gold("b", 2, "ham", 4)])


def drifted(number: int, share: float) -> Version:
    made = a_version(number, parent=number - 1, mode="full")
    return replace(made, drift=Drift(2_000, share, share, share))


def test_full_fits_come_sooner_where_continuing_had_led_far_away() -> None:
    project = replace(PROJECT, policy=Policy(full_every=9))
    near, far = drifted(2, 0.01), drifted(2, 0.031)
    later = [a_version(n, parent=n - 1) for n in range(3, 6)]
    assert decide(FIRST, near, *later, project=project).because == ""
    assert decide(FIRST, far, later[0], project=project).because == ""
    assert decide(FIRST, far, *later[:2], project=project).because == (
        "continuing had changed 3.1% of the answers"
    )
    assert decide(FIRST, far, drifted(3, 0.0), *later[1:], project=project).because == ""

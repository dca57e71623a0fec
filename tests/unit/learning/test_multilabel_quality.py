"""Where a sample may have several labels, those given or left out by mistake are found."""

import numpy as np
import pytest
from sklearn.model_selection import KFold

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import multilabel_quality, quality
from mlvajra_al.records.label_sets import from_text

LABELS = ("high", "left", "rare")
Disputed = tuple[np.ndarray, np.ndarray, np.ndarray]


def points(n: int, seed: int = 0) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return points, each left or not, high or not; hardly any has the third label."""
    X = np.random.default_rng(seed).normal(size=(n, 2)) * 2
    X[np.abs(X) < 0.3] = 1.0
    answers = [tuple(name for name, has in (("high", y > 0), ("left", x < 0)) if has) for x, y in X]
    return X, [(*answers[0], "rare"), *answers[1:]]


def turned(answers: list[tuple[str, ...]], rows: set[int], label: str) -> list[tuple[str, ...]]:
    return [
        tuple(sorted(set(given) ^ {label})) if row in rows else given
        for row, given in enumerate(answers)
    ]


@pytest.mark.parametrize("seed", range(2))
def test_labels_given_and_left_out_by_mistake_are_found(seed: int) -> None:
    X, truth = points(160, seed)
    wrong = set(np.random.default_rng(seed).choice(160, 10, replace=False).tolist())
    told = turned(truth, wrong, "high")
    p = multilabel_quality.out_of_sample("logistic_regression", X, told, labels=LABELS, seed=seed)
    found = multilabel_quality.suspects(told, p, labels=LABELS)

    rows = {one.row for one in found}
    assert len(rows & wrong) >= 6
    assert len(rows - wrong) <= 3
    caught = [one for one in found if one.row in wrong]
    assert all("high" in set(from_text(one.likely)) ^ set(told[one.row]) for one in caught)
    assert [one.quality for one in found] == sorted(one.quality for one in found)


def test_a_sample_with_two_labels_in_doubt_is_one_doubt() -> None:
    told = [("high", "left")] * 30 + [()] * 30
    p = np.array([[0.95, 0.95, 0.0]] * 30 + [[0.05, 0.05, 0.0]] * 30)
    p[3] = [0.01, 0.04, 0.0]
    [found] = multilabel_quality.suspects(told, p, labels=LABELS)
    assert (found.row, found.likely) == (3, "[]")
    assert found.probability == pytest.approx(0.99)


def test_a_label_with_too_few_examples_is_never_called_wrong() -> None:
    told = [("high", "rare")] * 3 + [("high",)] * 27 + [()] * 30
    p = np.array([[0.95, 0.0, 0.01]] * 30 + [[0.05, 0.0, 0.01]] * 30)
    assert multilabel_quality.suspects(told, p, labels=LABELS) == []


@pytest.mark.parametrize("few", [("rare",), ()], ids=["few have it", "few have it not"])
def test_the_few_examples_of_a_label_are_never_all_in_one_fold(few: tuple[str, ...]) -> None:
    X, told = np.zeros((60, 1)), [() if few else ("rare",)] * 60
    _, together = next(KFold(quality.FOLDS, shuffle=True, random_state=0).split(X))
    for row in together[:5]:
        X[row], told[row] = 9.0, few
    p = multilabel_quality.out_of_sample("logistic_regression", X, told, labels=["rare"], seed=0)
    assert multilabel_quality.suspects(told, p, labels=["rare"]) == []


def test_what_a_fold_cannot_learn_is_not_known() -> None:
    X, told = np.arange(60.0)[:, None], [("rare",)] + [()] * 59
    p = multilabel_quality.out_of_sample("complement_nb", X, told, labels=["rare"], seed=0)
    assert np.isnan(p[0, 0]) and np.isnan(p).sum() == 12


def test_a_label_of_which_nothing_is_known_is_never_called_wrong() -> None:
    told = [("high",)] * 40 + [()] * 40
    p = np.repeat([[0.9, 0.5, 0.5], [0.1, 0.5, 0.5]], 40, axis=0)
    p[:5, 0] = np.nan
    p[7, 0] = 0.01
    [found] = multilabel_quality.suspects(told, p, labels=LABELS)
    assert (found.row, found.likely) == (7, "[]")
    p[5:, 0] = np.nan
    assert multilabel_quality.suspects(told, p, labels=LABELS) == []


def test_no_more_than_a_quarter_is_ever_doubted() -> None:
    told = [("high",)] * 50 + [("left",)] * 50
    p = np.tile([0.05, 0.95, 0.0], (100, 1))
    p[50:] = [0.95, 0.05, 0.0]
    assert len(multilabel_quality.suspects(told, p, labels=LABELS)) <= 25


def test_too_few_answers_are_said_in_words() -> None:
    with pytest.raises(Invalid, match="20 more labels are needed"):
        multilabel_quality.suspects([("high",)] * 30, np.ones((30, 3)), labels=LABELS)
    with pytest.raises(Invalid, match="at least 5 samples have and 5 have not"):
        multilabel_quality.suspects([("high",)] * 60, np.ones((60, 3)), labels=LABELS)


@pytest.fixture
def disputed() -> Disputed:
    """Return what two people and a model say of two labels; of the last row they differ."""
    answers = np.full((21, 2, 2), -1)
    answers[:10, 0] = [0, 1]
    answers[10:20, 1] = [1, 1]
    answers[20] = [[0, 1], [1, 1]]
    p = np.array([[0.05, 0.95]] * 10 + [[0.95, 0.95]] * 10 + [[0.55, 0.95]])
    return answers, p, np.array([[0.03, 0.97], [0.52, 0.97]])


def test_one_label_in_dispute_is_enough_to_ask_again(disputed: Disputed) -> None:
    again, anew = multilabel_quality.worth_asking_again(*disputed, places=[0, 1])
    assert again.shape == (21,)
    assert again.argmin() == 20
    assert again[20] < anew[0]
    assert anew[1] < again[:20].min()


def test_only_labels_that_count_are_looked_at_each_after_a_tick(disputed: Disputed) -> None:
    ticks: list[float] = []
    multilabel_quality.worth_asking_again(*disputed, places=[1, 0], tick=ticks.append)
    assert ticks == [0, 0.5]
    again, _ = multilabel_quality.worth_asking_again(*disputed, places=[1])
    assert again.argmin() != 20


def test_a_label_of_which_nothing_is_known_is_no_reason_to_ask_again(disputed: Disputed) -> None:
    answers, p, free = disputed
    p[20, 0] = np.nan
    again, _ = multilabel_quality.worth_asking_again(answers, p, free, places=[0])
    assert again[20] == 1 > again[:20].max()

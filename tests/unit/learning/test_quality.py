"""Labels that look wrong are found; the disputed is asked again before the sure is asked anew."""

import numpy as np
import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import quality

LABELS = ("ham", "spam", "eggs")


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three clouds of points and the names of their labels."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(LABELS), n)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    return centres[which] + rng.normal(scale=0.7, size=(n, 2)), np.array(LABELS)[which]


@pytest.mark.parametrize("seed", range(3))
def test_labels_turned_round_are_found(seed: int) -> None:
    X, y = blobs(300, seed)
    wrong = np.random.default_rng(seed).choice(300, 15, replace=False)
    told = y.copy()
    told[wrong] = np.where(y[wrong] == "ham", "spam", "ham")

    p = quality.out_of_sample("logistic_regression", X, told, labels=LABELS, seed=seed)
    found = quality.suspects(told, p, labels=LABELS)

    rows = {suspect.row for suspect in found}
    assert len(rows & set(wrong.tolist())) >= 12
    assert len(rows - set(wrong.tolist())) <= 3
    caught = [suspect for suspect in found if suspect.row in wrong]
    assert sum(suspect.likely == y[suspect.row] for suspect in caught) >= 12
    assert [suspect.quality for suspect in found] == sorted(suspect.quality for suspect in found)


def test_a_label_nobody_gave_is_no_candidate() -> None:
    X, y = blobs(200)
    told = np.where(y == "eggs", "ham", y)
    p = quality.out_of_sample("logistic_regression", X, told, labels=LABELS, seed=0)

    assert p.shape == (200, 3)
    assert np.allclose(p[:, 2], 0.0)
    assert {suspect.likely for suspect in quality.suspects(told, p, labels=LABELS)} <= {
        "ham",
        "spam",
    }


def test_no_more_than_a_quarter_is_ever_doubted() -> None:
    y = np.array(["ham", "spam"] * 50)
    p = np.tile([0.5, 0.5], (100, 1))
    p[::2] = [0.1, 0.9]
    p[1::2] = [0.9, 0.1]
    assert len(quality.suspects(y, p, labels=["ham", "spam"])) <= 25


def test_too_few_labels_are_said_in_words() -> None:
    y = ["ham"] * 30 + ["spam"] * 10
    with pytest.raises(Invalid, match="10 more labels are needed"):
        quality.suspects(y, np.full((40, 2), 0.5), labels=["ham", "spam"])


def test_the_same_folds_are_drawn_again() -> None:
    X, y = blobs(120)
    one, other = (quality.out_of_sample("sgd", X, y, labels=LABELS, seed=5) for _ in range(2))
    assert np.array_equal(one, other)


def test_a_disputed_sample_is_asked_again_before_a_clear_one_is_asked_first() -> None:
    answers = np.full((31, 3), -1)
    answers[:15, 0], answers[15:30, 1] = 0, 1
    answers[:5, 2], answers[30] = 0, [0, 1, -1]
    p = np.vstack([[[0.95, 0.05]] * 15, [[0.05, 0.95]] * 15, [[0.55, 0.45]]])
    again, anew = quality.worth_asking_again(answers, p, [[0.97, 0.03], [0.52, 0.48]])

    assert again.shape == (31,)
    assert again.argmin() == 30
    assert again[30] < anew[0]
    assert anew[1] < again[:30].min()
    assert again[:5].min() > again[5:15].max()


def test_nothing_is_printed_into_the_log_of_the_worker(capsys: pytest.CaptureFixture[str]) -> None:
    answers, p = [[0, 0, -1], [0, 1, 0], [-1, -1, 0]], np.full((3, 2), 0.5)
    quality.worth_asking_again(answers, p, p)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("answers", "p"),
    [([[1, 2]], [[1.0, 0.0, 0.0]]), ([[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]])],
)
def test_disputes_in_which_the_model_takes_no_side_are_asked_again_all_the_same(
    answers: list[list[int]], p: list[list[float]]
) -> None:
    again, anew = quality.worth_asking_again(answers, p, p)
    assert np.isfinite(again).all() and np.isfinite(anew).all()

"""Labels with hardly any examples are looked for, and only those."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.rarity import ENOUGH, rare, scarce
from mlvajra_al.learning.selectors import Choice, Known
from mlvajra_al.learning.stages import choose
from mlvajra_al.learning.strategies import rank, select_batch
from mlvajra_al.learning.utilities import margin


def told(**counts: int) -> list[str]:
    return [label for label, n in counts.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, []),
        ({"ham": 40}, []),
        ({"ham": 19, "spam": 1}, ["spam"]),
        ({"ham": 8, "spam": 2}, []),
        ({"ham": 91, "spam": 9}, ["spam"]),
        ({"ham": 991, "spam": ENOUGH}, []),
        ({"a": 90, "b": 90, "c": 2, "d": 1}, ["d", "c"]),
        ({letter: 2 for letter in "abcdefghij"}, []),
    ],
)
def test_labels_are_scarce_that_have_few_examples_for_their_number(
    counts: dict[str, int], expected: list[str]
) -> None:
    assert scarce(told(**counts)) == expected


def test_without_labels_nothing_is_scarce() -> None:
    assert scarce(None) == [] == scarce([])


def test_numbers_are_labels_too() -> None:
    assert scarce([0] * 30 + [1]) == [1]


LINE = np.linspace(0, 1, 100)[:, None].astype(np.float32)
Y = np.array(["ham"] * 20 + ["spam"])
SEEN = np.append(np.arange(20), 99)
MODEL = LogisticRegression(class_weight="balanced", C=10.0).fit(LINE[SEEN], Y)


THREE = np.array(["eggs"] * 10 + ["ham"] * 10 + ["spam"])


def chosen(n: int, batch_size: int, y: np.ndarray = Y) -> list[int]:
    free = np.setdiff1d(np.arange(100), SEEN)
    model = LogisticRegression(class_weight="balanced", C=10.0).fit(LINE[SEEN], y)
    choice = Choice(LINE, free, margin(model.predict_proba(LINE[free])), batch_size,
                    Known(LINE[SEEN], y), model)  # fmt: skip
    return free[rare(choice, n, np.random.default_rng(0))].tolist()


def test_of_two_labels_each_batch_is_what_most_likely_has_the_scarce_one() -> None:
    assert chosen(6, 4) == [98, 97, 96, 95, 94, 93]


def test_of_more_labels_half_of_each_batch_is_and_half_is_doubts() -> None:
    ranking = chosen(12, 4, THREE)
    likely = [ranking[start : start + 2] for start in (0, 4, 8)]
    assert likely == [[98, 97], [96, 95], [94, 93]]
    doubtful = [place for start in (2, 6, 10) for place in ranking[start : start + 2]]
    assert all(20 <= place <= 92 for place in doubtful)


def test_one_question_at_a_time_goes_to_what_is_likely() -> None:
    assert chosen(3, 1) == [98, 97, 96]


def test_everything_is_ranked_once() -> None:
    assert sorted(chosen(79, 10)) == np.setdiff1d(np.arange(100), SEEN).tolist()


def test_where_no_label_is_scarce_only_doubts_count() -> None:
    fair = np.array(["ham"] * 11 + ["spam"] * 10)
    assert all(place <= 60 for place in chosen(4, 4, fair))


def of_three(label_set: list[str], *, seed: int) -> int:
    """Return after how many answers the third label, 1 in 100 and apart from both, is found."""
    rng = np.random.default_rng(seed)
    y = np.array(["a", "b"] * 300 + ["c"] * 6)
    centres = {"a": (0, 0), "b": (4, 0), "c": (10, 0)}
    X = np.array([centres[label] for label in y]) + rng.normal(size=(len(y), 2))
    labelled = np.array([*range(8), *rng.permutation(np.arange(8, 600))[:2]])
    while not (y[labelled] == "c").any() and len(labelled) < 120:
        model = LogisticRegression().fit(X[labelled], y[labelled])
        batch = select_batch(
            model, X, strategy="auto" if label_set else "margin", batch_size=5, rng=rng,
            labelled=labelled, labels=y[labelled], label_set=label_set,
        )  # fmt: skip
        labelled = np.concatenate([labelled, batch])
    return len(labelled)


def test_a_label_without_an_example_is_found_sooner_than_by_margin() -> None:
    looked_for = [of_three(["a", "b", "c"], seed=seed) for seed in range(3)]
    assert max(looked_for) <= 15 < min(of_three([], seed=seed) for seed in range(3))


def test_a_label_that_never_comes_is_given_up() -> None:
    known = {"label_set": ["ham", "spam", "scam"], "batch_size": 10}
    margins = np.full(300, 0.9)
    for answers, strategy in ((8, "diversified_margin"), (10, "unseen_label"),
                              (100, "diversified_margin")):  # fmt: skip
        labels = ["ham", "spam"] * (answers // 2)
        assert choose(margins, labels=labels, **known)[0] == strategy


@pytest.mark.parametrize(("others", "until"), [({"ham": 45}, 10), ({"ham": 45, "scam": 45}, 15)])
def test_auto_says_when_it_no_longer_looks_for_a_scarce_label(
    others: dict[str, int], until: int
) -> None:
    margins = np.full(300, 0.9)
    one_in = sum(others.values()) // (until - 1)
    strategy, reason = choose(margins, batch_size=2, labels=told(**others, spam=one_in - 1))
    assert strategy == "rare_label"
    assert reason.endswith(f"until there are 10 or one in {until} labels is one.")
    strategy, _ = choose(margins, batch_size=2, labels=told(**others, spam=one_in + 1))
    assert strategy != "rare_label"


def test_auto_looks_for_a_scarce_label_and_says_so() -> None:
    settings = {"labelled": SEEN, "batch_size": 4, "n": 4, "rng": np.random.default_rng(0)}
    found = rank(MODEL, LINE, np.arange(100), labels=Y, **settings)
    assert found.strategy == "rare_label" and 98 in found.positions
    assert found.reason == (
        "Rare label: 1 of 21 labels so far is 'spam', so each batch is what most likely "
        "is another one, until there are 10 or one in 10 labels is one."
    )
    without = rank(MODEL, LINE, np.arange(100), **settings)
    assert without.strategy != "rare_label"

"""What strategies of projects with several labels a sample do beyond the contract of all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.strategies import MULTILABEL, rank, select_batch
from tests.contract.asked import KINDS, TAUGHT, X

Y = KINDS["several"].truth
NAMES = ["auto", *MULTILABEL]
INFORMED = [name for name, plan in MULTILABEL.items() if plan.needs in ("model", "labels")]
LEARNER = TAUGHT["several"]
taught = KINDS["several"].taught


def picked(name: str, form: Any = X, model: Any = LEARNER, **settings: Any) -> list[int]:
    rng = np.random.default_rng(0)
    return select_batch(model, form, strategy=name, rng=rng, **settings).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_all_or_none_have_disturb_nobody(name: str) -> None:
    truth = np.column_stack([Y[:60], np.ones(60), np.zeros(60)])[:, [0, 4]]
    model = taught(truth=truth)
    assert len(set(picked(name, model=model, batch_size=7))) == 7


@pytest.mark.parametrize("name", ["margin", "entropy", "rare_label", "vote_entropy"])
def test_strategies_for_one_label_are_refused_by_name(name: str) -> None:
    with pytest.raises(Invalid, match="choose one of: auto, diversified_doubt"):
        picked(name)


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

"""What advice is read off are the answers that reports measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mlvajra_al.learning.training import train
from mlvajra_al.services.jobs import advising
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.jobs.snapshots import Past, Snapshot
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store.shards import Pool
from tests.factories import a_draft


def test_of_labels_that_are_as_likely_the_first_of_the_set_is_the_answer_as_in_reports() -> None:
    project = replace(a_draft(), labels=make_labels(["spam", "ham"]))
    seen = Snapshot(
        project=project, pool=Pool(Path(), ()), past=Past((), None, ()), gold=(), before=(),
        holdout=Holdout((), (0, 0, 0), 0), touched=np.empty(0, dtype=np.int64), seq=0, advice=(),
        counts_anew=False, left=0,
    )  # fmt: skip
    model = train("complement_nb", np.eye(2), ["ham", "spam"], seed=0).model
    without_a_known_word = np.zeros((1, 2))
    assert model.predict_proba(without_a_known_word).tolist() == [[0.5, 0.5]]
    assert advising._answers(seen, model, without_a_known_word).tolist() == [0]
    assert advising._answers(seen, model, np.eye(2)).tolist() == [1, 0]

"""Advise on going on labelling, while a version is made: from it, and from those before it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Damaged
from mlvajra_al.learning import estimating, evaluation, forecasting, multilabel, stopping
from mlvajra_al.learning.agreement import kappa
from mlvajra_al.learning.rows import take
from mlvajra_al.records import Advice, Rest, Stability, Version
from mlvajra_al.services.jobs import scoring, warm
from mlvajra_al.services.jobs.revising import Prepared
from mlvajra_al.services.jobs.snapshots import Snapshot
from mlvajra_al.store.database import Store

STOP_SET = 2_000
"""So many samples, drawn at random, tell whether successive versions answer alike."""
UNLABELLED = 2_000
"""So many held out samples, answered or not, tell what F1 to expect."""


def advise(store: Store, seen: Snapshot, prepared: Prepared, *, model: Any, seed: int) -> Advice:
    """Say whether to go on; of a version whose number is not known yet, so that it says 0."""
    rng = np.random.default_rng([seed, STOP_SET])
    labels = scoring.label_names(seen.project)
    past = _past(seen)
    judged = _judged(store, seen, prepared, model=model)
    missing = forecasting.missing(judged, labels)
    ahead = min(forecasting.AHEAD, seen.left)
    stability = _stability(store, seen, prepared, model=model, past=past)
    signs = stopping.Signs(
        version=0,
        label_counts=_label_counts(seen),
        left=seen.left,
        stability=stability,
        estimated=_estimated(seen, prepared, model=model, rng=rng),
        forecast=None
        if missing or not ahead
        else forecasting.forecast(
            judged,
            labels,
            ahead=ahead,
            differing=stability.differing if stability else 1.0,
            rng=rng,
        ),
        missing=missing,
        answers=len(seen.gold) if seen.project.multilabel else None,
        rest=_rest(store, seen, prepared, model=model, past=past),
    )
    return stopping.advise(signs, past)


def _label_counts(seen: Snapshot) -> dict[str, int]:
    """Return how many of the samples that are learned from have each label."""
    known = seen.project.counted(item.label for item in seen.gold)
    return {label.display: known[label.name] for label in seen.project.labels}


def _past(seen: Snapshot) -> list[stopping.Past]:
    given = {one.version: one for one in seen.advice}
    return [
        stopping.Past(
            version.number,
            version.n_labels,
            advice.stability if advice else None,
            advice.rest if advice else None,
        )
        for version in seen.past.versions
        for advice in [given.get(version.number)]
    ]


def _stability(
    store: Store, seen: Snapshot, prepared: Prepared, *, model: Any, past: list[stopping.Past]
) -> Stability | None:
    """Compare with an earlier version that reads samples the same way; None if none can be."""
    same = {version.number: version for version in alike(seen, prepared)}
    before = stopping.earlier([one for one in past if one.number in same], len(seen.gold))
    if before is None:
        return None
    other = _estimator(store, same[before.number])
    if other is None:
        return None
    rows = stop_set(seen, prepared)
    if seen.project.multilabel:
        return _stability_of_several(seen, before.number, (other, model), rows)
    earlier, now = _answers(seen, other, rows), _answers(seen, model, rows)
    return Stability(before.number, kappa(earlier, now), float((earlier != now).mean()), len(now))


def _stability_of_several(
    seen: Snapshot, number: int, models: tuple[Any, Any], rows: Any
) -> Stability:
    """Compare two models label by label; a sample differs where any of its labels does."""
    labels = scoring.label_names(seen.project)
    earlier, now = (_given(model, rows, labels) for model in models)
    differing = float((earlier != now).any(axis=1).mean())
    return Stability(number, kappa(earlier.ravel(), now.ravel()), differing, len(now))


def _rest(
    store: Store, seen: Snapshot, prepared: Prepared, *, model: Any, past: list[stopping.Past]
) -> Rest | None:
    """Say what all that is left would bring; None of one label a sample, or where nobody knows."""
    same = {version.number: version for version in alike(seen, prepared)}
    before = stopping.halfway([one for one in past if one.number in same], len(seen.gold))
    if not seen.project.multilabel or before is None or not seen.left:
        return None
    other = _estimator(store, same[before.number])
    if other is None:
        return None
    labels, rows = scoring.label_names(seen.project), stop_set(seen, prepared)
    today, rise = estimating.estimate_rise(
        evaluation.aligned(model.predict_proba(rows), model.classes_, labels),
        _given(other, rows, labels),
        known=_known(seen, prepared, model=model),
    )
    if today <= 0:
        return None
    return stopping.remainder(
        today, rise, since=before.n_labels, n_labels=len(seen.gold), left=seen.left
    )


def stop_set(seen: Snapshot, prepared: Prepared) -> Any:
    """Return the features of the samples on which models are held against each other."""
    n = len(seen.pool)
    rng = np.random.default_rng([seen.project.seed, STOP_SET])
    return take(prepared.features, np.sort(rng.choice(n, size=min(n, STOP_SET), replace=False)))


def alike(seen: Snapshot, prepared: Prepared) -> list[Version]:
    """Return the versions whose features are those of the one that is made."""
    if prepared.revision is None:
        return []
    same = prepared.revision.id
    return [
        one
        for one in seen.past.versions
        if one.revision_id == same and one.recipe == prepared.recipe
    ]


def _estimator(store: Store, version: Version) -> Any | None:
    try:
        return warm.estimator(store.home, version.estimator)
    except Damaged:  # it is told elsewhere; advice does without it
        return None


def _judged(store: Store, seen: Snapshot, prepared: Prepared, *, model: Any) -> forecasting.Judged:
    """Let versions answer about the labelled holdout samples, from few labels to today's."""
    labels = scoring.label_names(seen.project)
    before = [one for one in alike(seen, prepared) if one.n_labels < len(seen.gold)]
    counts = [*(one.n_labels for one in before), len(seen.gold)]
    loaded = {
        place: model if place == len(before) else _estimator(store, before[place])
        for place in forecasting.spread(counts)
    }
    found = {place: one for place, one in loaded.items() if one is not None}
    rows = take(prepared.features, seen.holdout.positions)
    answers = [_answers(seen, one, rows) if len(seen.holdout.gold) else np.empty(0, int)
               for one in found.values()]  # fmt: skip
    return forecasting.Judged(
        tuple(counts[place] for place in found),
        np.array(answers, dtype=np.intp).reshape(len(found), -1),
        _truth(seen).ravel(),
        each=len(labels) if seen.project.multilabel else 1,
    )


def _answers(seen: Snapshot, model: Any, rows: Any) -> NDArray[np.intp]:
    """Return what a model answers, as places in the label set, or for each label 0 or 1.

    Of labels that are as likely it is the first of the set, as in reports; `predict` goes by name.
    """
    labels = scoring.label_names(seen.project)
    if seen.project.multilabel:
        return _given(model, rows, labels).ravel().astype(np.intp)
    p = evaluation.aligned(model.predict_proba(rows), model.classes_, labels)
    return np.asarray(p.argmax(axis=1), dtype=np.intp)


def _given(model: Any, rows: Any, labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which labels a model gives each row."""
    probabilities = evaluation.aligned(model.predict_proba(rows), model.classes_, labels)
    return np.asarray(probabilities >= multilabel.SURE)


def _truth(seen: Snapshot) -> NDArray[np.intp]:
    """Return what people said of the holdout, as places in the label set or rows of 0 and 1."""
    labels = scoring.label_names(seen.project)
    if seen.project.multilabel:
        sets = [seen.project.names_in(answer) for answer in seen.holdout.truth]
        return multilabel.indicators(sets, labels).astype(np.intp)
    return _places(np.array(seen.holdout.truth, dtype=object), np.array(labels))


def _places(given: NDArray[Any], names: NDArray[Any]) -> NDArray[np.intp]:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[str(one)] for one in given], dtype=np.intp)


def _estimated(seen: Snapshot, prepared: Prepared, *, model: Any, rng: np.random.Generator) -> Any:
    """Estimate F1 on samples that teach nothing; the answered ones tell how honest the model is."""
    labels = scoring.label_names(seen.project)
    held = seen.pool.holdout_order(seen.project.holdout_threshold)[:UNLABELLED]
    known = _known(seen, prepared, model=model)
    everything = _probabilities(model, prepared, held, labels)
    if seen.project.multilabel:
        return estimating.estimate_micro_f1(everything, known=known, rng=rng)
    return estimating.estimate_f1(everything, labels, known=known, rng=rng)


def _known(seen: Snapshot, prepared: Prepared, *, model: Any) -> estimating.Told:
    """Return what the model says of the answered holdout, and what people do."""
    labels = scoring.label_names(seen.project)
    said = _probabilities(model, prepared, seen.holdout.positions, labels)
    return estimating.Told(said, _truth(seen))


def _probabilities(
    model: Any, prepared: Prepared, positions: Any, labels: tuple[str, ...]
) -> NDArray[np.float64]:
    if not len(positions):
        return np.empty((0, len(labels)))
    rows = take(prepared.features, np.asarray(positions))
    return evaluation.aligned(model.predict_proba(rows), model.classes_, labels)

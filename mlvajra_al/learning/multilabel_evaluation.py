"""How good a model is where a sample may have several labels, and which of two is better.

A label's precision, recall and F1 have the posterior that they have with one label a sample: a
Dirichlet prior of 1/2 on each cell of its table. All labels share the weight that a draw gives
to a sample, so that the intervals of measures of all labels know that labels go wrong together;
for these the prior has the mass of one table.

References
----------
.. [1] C. Goutte and E. Gaussier, "A probabilistic interpretation of precision, recall and
   F-score, with implication for evaluation", ECIR 2005.
.. [2] D. B. Rubin, "The Bayesian bootstrap", The Annals of Statistics 9(1), 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import evaluation
from mlvajra_al.learning.comparison import verdict
from mlvajra_al.learning.evaluation import bootstrapped, of_label
from mlvajra_al.learning.intervals import (
    DRAWS,
    FEWEST,
    Floats,
    bounded,
    in_use,
    posterior,
    too_few,
    unknown,
    without,
)
from mlvajra_al.learning.metrics import f1, mean_average_precision
from mlvajra_al.learning.multilabel import SURE, indicators
from mlvajra_al.records import Evaluation, LabelMeasures, Measure, Verdict
from mlvajra_al.words import plural

HEADLINE = "micro F1"
PRIOR = 0.5
SLICE = 4_000_000
"""So many weights are drawn at once, so that 20,000 samples stay small in memory."""


def evaluate(
    answers: Sequence[Sequence[str]],
    proba: ArrayLike,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
) -> Evaluation:
    """Measure a model on labelled samples it was not trained on.

    Parameters
    ----------
    answers : sequence of sequence of str, length n_samples
    proba : array_like of shape (n_samples, n_labels)
        In the order of `labels`; a label is given from one half on.
    labels : sequence of str
    rng : numpy.random.Generator
        Draws the intervals.

    Returns
    -------
    Evaluation
        The headline is micro F1, of all labels of all samples; there is no confusion.

    Raises
    ------
    Invalid
        If shapes disagree or a true label is not in the set.

    Examples
    --------
    >>> answers = [("money",), ("money", "sport"), ()] * 20
    >>> proba = [[0.9, 0.1], [0.9, 0.8], [0.2, 0.6]] * 20
    >>> found = evaluate(answers, proba, ["money", "sport"], rng=np.random.default_rng(0))
    >>> found.headline.name, round(found.headline.value, 3)
    ('micro F1', 0.857)
    >>> {measure.name: round(measure.value, 2) for measure in found.measures[:3]}
    {'micro F1': 0.86, 'macro F1': 0.83, 'exact match': 0.67}
    """
    truth, p = _checked(answers, proba, labels)
    given = p >= SURE
    tables = _tables(truth, given)
    few = len(truth) < FEWEST
    drawn = np.empty((0, *tables.shape)) if few else _drawn(truth, [given], rng=rng)[0]
    each_drawn = drawn + rng.standard_gamma(PRIOR, size=drawn.shape)
    per_label = _of_each(truth, tables, each_drawn, labels)
    measures = tuple(_measures(truth, p, tables, drawn, labels=labels, rng=rng))
    return Evaluation(
        n=len(truth),
        labels=tuple(labels),
        headline=measures[0],
        measures=measures,
        per_label=tuple(per_label),
        confusion=(),
        precision_recall=evaluation.precision_recall(truth, p, labels),
        calibration=evaluation.calibration(truth, p, labels),
    )


def _of_each(
    truth: NDArray[np.bool_], tables: NDArray[np.int64], drawn: Floats, labels: Sequence[str]
) -> list[LabelMeasures]:
    """Return what is measured of each label, or why it cannot be."""
    support, n = truth.sum(axis=0), len(truth)
    notes = [too_few(support, labels, of=[place], n=n) for place in range(len(labels))]
    return [
        of_label(label, tables[place], drawn[:, place], note=notes[place])
        for place, label in enumerate(labels)
    ]


def _checked(
    answers: Sequence[Sequence[str]], proba: ArrayLike, labels: Sequence[str]
) -> tuple[NDArray[np.bool_], Floats]:
    p = np.asarray(proba, dtype=np.float64)
    if answers and p.shape != (len(answers), len(labels)):
        raise Invalid(
            f"probabilities of shape {p.shape} for {len(answers)} samples and {len(labels)} "
            "labels; align them to the label set"
        )
    strange = sorted({name for given in answers for name in given} - set(labels))
    if strange:
        raise Invalid(f"{len(strange)} labels are not in the label set: {', '.join(strange)}")
    return indicators(answers, labels), p.reshape(-1, len(labels))


def _cells(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of each sample and label which cell of its table it is in: right, missed and so on."""
    return np.stack([truth & given, truth & ~given, ~truth & given, ~truth & ~given], axis=-1)


def _tables(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a two by two table of each label."""
    counts = _cells(truth, given).sum(axis=0)
    return np.asarray(counts.reshape(-1, 2, 2), dtype=np.int64)


def _drawn(
    truth: NDArray[np.bool_], guesses: Sequence[NDArray[np.bool_]], *, rng: np.random.Generator
) -> list[Floats]:
    """Draw tables of shape (n_draws, n_labels, 2, 2) of each model, from the same weights.

    Nothing is known before: that is for whoever looks at labels one by one, or all together.
    """
    n, k = truth.shape
    cells = [_cells(truth, given).reshape(n, k * 4).astype(np.float64) for given in guesses]
    size = max(1, min(DRAWS, SLICE // max(n, 1)))
    parts: list[list[Floats]] = [[] for _ in guesses]
    for _ in range(-(-min(DRAWS, 50 * size) // size)):
        weights = rng.standard_exponential((size, n))
        for part, cell in zip(parts, cells, strict=True):
            part.append((weights @ cell).reshape(size, k, 2, 2))
    return [np.concatenate(part) for part in parts]


def _together(drawn: Floats, *, rng: np.random.Generator) -> Floats:
    """Add what is known before: the mass of one table, shared out among those of all labels."""
    return np.asarray(drawn + rng.standard_gamma(PRIOR / drawn.shape[1], size=drawn.shape))


def _paired(
    truth: NDArray[np.bool_], guesses: Sequence[NDArray[np.bool_]], *, rng: np.random.Generator
) -> list[Floats]:
    """Draw tables of two models, with the mass of one table as what is known before.

    It is shared out among all pairs of answers, those that differ too: that they agree on a few
    samples does not prove that they always do.
    """
    old, new = _drawn(truth, guesses, rng=rng)
    n, k = old.shape[:2]
    both = rng.standard_gamma(PRIOR / 2 / k, size=(n, k, 2, 2, 2))  # true, said by old, by new
    return [old + both.sum(axis=-1), new + both.sum(axis=-2)]


def _measures(
    truth: NDArray[np.bool_],
    p: Floats,
    tables: NDArray[np.int64],
    drawn: Floats,
    *,
    labels: Sequence[str],
    rng: np.random.Generator,
) -> list[Measure]:
    n, support = len(truth), truth.sum(axis=0)
    drawn = _together(drawn, rng=rng)
    few = too_few(support, labels, of=[], n=n)
    used = in_use(support)
    each = few or too_few(support, labels, of=used.tolist(), n=n)
    if few:
        names = (HEADLINE, "macro F1", "exact match", "Hamming loss", "average precision")
        return [unknown(name, n, few) for name in names]
    right = int(((p >= SURE) == truth).all(axis=1).sum())
    shares = posterior([right, n - right], PRIOR, rng=rng)
    return [
        bounded(HEADLINE, float(_micro(tables)), _micro(drawn), n),
        unknown("macro F1", n, each)
        if each
        else without(
            bounded("macro F1", float(_macro(tables[used])), _macro(drawn[:, used]), n),
            used,
            labels,
        ),
        bounded("exact match", right / n, shares[:, 0], n),
        bounded("Hamming loss", float(_hamming(tables)), _hamming(drawn), n),
        unknown("average precision", n, each)
        if each
        else without(_precision(truth, p, rng=rng), used, labels),
    ]


def _precision(truth: NDArray[np.bool_], p: Floats, *, rng: np.random.Generator) -> Measure:
    return bootstrapped(
        "average precision", mean_average_precision, truth.astype(float), p, rng=rng
    )


def _micro(tables: NDArray[Any]) -> Floats:
    """Return F1 of all labels taken together."""
    return np.asarray(f1(tables.sum(axis=-3))[..., 0])


def _macro(tables: NDArray[Any]) -> Floats:
    return np.asarray(f1(tables)[..., 0].mean(axis=-1))


def _hamming(tables: NDArray[Any]) -> Floats:
    """Return the share of labels, of all samples, that are missed or wrongly given."""
    wrong = tables[..., 0, 1] + tables[..., 1, 0]
    return np.asarray(wrong.sum(axis=-1) / tables.sum(axis=(-3, -2, -1)))


def compare(
    answers: Sequence[Sequence[str]],
    champion_proba: ArrayLike,
    challenger_proba: ArrayLike,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
    alpha: float | None,
    champion: int,
    challenger: int,
) -> Verdict:
    """Say whether the challenger is better than the champion on the same samples.

    It is if it has fewer labels wrong on so many more samples than the other way round that
    chance would do it with probability at most `alpha` (exact one-sided sign test; with one label
    a sample it is McNemar's), and micro F1 does not fall. Parameters and result are those of
    `evaluation.compare`.

    Examples
    --------
    >>> answers = [("money",), ("money", "sport"), ()] * 20
    >>> old = [[0.9, 0.1], [0.9, 0.2], [0.2, 0.6]] * 20
    >>> new = [[0.9, 0.1], [0.9, 0.8], [0.2, 0.6]] * 20
    >>> found = compare(answers, old, new, ["money", "sport"], rng=np.random.default_rng(0),
    ...                 alpha=0.001, champion=1, challenger=2)
    >>> found.better, found.only_challenger_right, found.advice
    (True, 20, 'promote version 2: version 2 has fewer labels wrong on 20 samples, and more on 0')
    """
    truth, old = _checked(answers, champion_proba, labels)
    _, new = _checked(answers, challenger_proba, labels)
    guesses = (old >= SURE, new >= SURE)
    wrong = [(given != truth).sum(axis=1) for given in guesses]
    wins, losses = int((wrong[1] < wrong[0]).sum()), int((wrong[0] < wrong[1]).sum())
    n, note = len(truth), too_few(truth.sum(axis=0), labels, of=[], n=len(truth))
    difference, values = unknown(HEADLINE, n, note), None
    if not note:
        before, after = (float(_micro(_tables(truth, given))) for given in guesses)
        drawn = [_micro(tables) for tables in _paired(truth, guesses, rng=rng)]
        values = (before, after)
        difference = bounded(HEADLINE, after - before, drawn[1] - drawn[0], n)
    return verdict(
        (champion, challenger),
        difference,
        right=(losses, wins),
        values=values,
        alpha=alpha,
        words=f"version {challenger} has fewer labels wrong on {plural(wins, 'sample')}, and more "
        f"on {losses}"
        if wins or losses
        else "both have as many labels wrong on every sample",
        nearer=True,
    )

"""The one door to scikit-activeml: strategies of its own that are worth having, if it is there.

It is an optional extra, ``mlvajra_al[skactiveml]``, and takes dense rows only: it is given what
`compact` makes of ours, so that texts can be asked about too.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np

from mlvajra_al.learning.selectors import Choice, Positions, together

LOOKED_AT = 2_000
"""Samples drawn of a larger pool: memory and time grow with their square."""
LEAST_CLASSES = 2
NAMES = ("prob_cover",)


def installed() -> bool:
    """Tell whether scikit-activeml is there; nothing is imported.

    Examples
    --------
    >>> installed() in (True, False)
    True
    """
    return find_spec("skactiveml") is not None


def prob_cover(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take what covers most of the pool that nothing labelled covers; random ones behind it.

    A sample covers what lies within a radius of it, as large as clusters stay pure in it. Where
    many more batches are wanted than a radius has room for, this is random sampling.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen and D. Weinshall, "Active learning through a covering
       lens", NeurIPS 2022.
    """
    from skactiveml.pool import ProbCover

    order = rng.permutation(len(choice.candidates))
    size, some = min(choice.batch_size, n), np.sort(order[: max(LOOKED_AT, n)])
    if not size:
        return np.empty(0, dtype=np.intp)
    Z, known = together(choice, some, rng=rng)
    rows = np.concatenate([Z, known]).astype(np.float64) if len(known) else Z.astype(np.float64)
    rows -= rows.mean(axis=0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(length > 0, length, 1)
    labels = choice.known.labels
    classes = LEAST_CLASSES if labels is None else max(LEAST_CLASSES, len(np.unique(labels)))
    if len(np.unique(rows, axis=0)) <= classes:  # copies of a few: any is as good
        return order[:n]
    told = np.where(np.arange(len(rows)) < len(Z), np.nan, 0.0)
    ask = ProbCover(n_classes=classes, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no radius in which clusters are pure
        first = some[ask.query(rows, told, batch_size=size)]
    return np.concatenate([first, order[~np.isin(order, first)]])[:n]

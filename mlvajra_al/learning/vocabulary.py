"""How much of what is written a fitted preprocessing has words for.

References
----------
.. [1] I. J. Good, "The population frequencies of species and the estimation of population
   parameters", Biometrika 40(3/4), 1953: what is met next and was never met before is told by
   what was met once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

from mlvajra_al.learning.encoders import Terms
from mlvajra_al.learning.wording import fitted_parts

FEWEST_WORDS = 200
"""Words below which a share of them says little."""


def unknown_words(preprocessing: ColumnTransformer, frame: pd.DataFrame) -> float | None:
    """Return the share of the words of unseen texts that a fitted preprocessing does not know.

    Parameters
    ----------
    preprocessing : fitted ColumnTransformer
    frame : DataFrame of shape (n_samples, n_inputs)
        Made by `to_frame`, of samples it was not fitted on.

    Returns
    -------
    float or None
        None where there are too few words to say.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("body", "text"),))
    >>> seen = to_frame([{"body": "cheap pills"}] * 100, recipe)
    >>> fitted = build_preprocessing(recipe).fit(seen)
    >>> unknown_words(fitted, to_frame([{"body": "cheap flights"}] * 100, recipe))
    0.5
    """
    return _share(preprocessing, frame, _vocabulary)


def words_unknown_if_left_out(
    preprocessing: ColumnTransformer, frame: pd.DataFrame
) -> float | None:
    """Return the share that would be unknown if each text had been left out of the fit.

    It is what to expect of unseen texts of the same kind: the rarest terms that were kept owe
    their place to each of the few texts they are in.

    Parameters
    ----------
    preprocessing : fitted ColumnTransformer
    frame : DataFrame of shape (n_samples, n_inputs)
        Made by `to_frame`, of samples it was fitted on.

    Returns
    -------
    float or None
        None where there are too few words to say.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("body", "text"),))
    >>> rows = [{"body": f"cheap pills w{place // 2}"} for place in range(100)]
    >>> seen = to_frame(rows, recipe)
    >>> round(words_unknown_if_left_out(build_preprocessing(recipe).fit(seen), seen), 3)
    0.333
    """
    return _share(preprocessing, frame, _all_but_rarest)


def _vocabulary(terms: Terms) -> Iterable[str]:
    return terms.vocabulary_


def _all_but_rarest(terms: Terms) -> Iterable[str]:
    rarest = terms.idf_.max()
    kept = np.flatnonzero(terms.idf_ < rarest - 1e-6)
    return np.asarray(terms.get_feature_names_out(), dtype=object)[kept]


def _share(
    preprocessing: ColumnTransformer, frame: pd.DataFrame, of: Callable[[Terms], Iterable[str]]
) -> float | None:
    words = unknown = 0
    for _, encoder, column in fitted_parts(preprocessing):
        if not isinstance(encoder, Terms):
            continue
        split, known = encoder.build_analyzer(), set(of(encoder))
        for text in frame[column]:
            found = split(text)
            words += len(found)
            unknown += sum(word not in known for word in found)
    return unknown / words if words >= FEWEST_WORDS else None

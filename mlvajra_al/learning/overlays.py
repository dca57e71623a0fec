"""Lay the weights of features back onto the text or the image they were taken from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.encoders import Pixels, Terms
from mlvajra_al.learning.wording import fitted_parts

Floats = NDArray[np.float64]
Image = tuple[tuple[float, ...], ...]


def highlight(
    text: str, column: str, preprocessing: ColumnTransformer, weights: Floats
) -> tuple[tuple[str, float], ...]:
    """Lay the contributions of terms back onto the text, word by word.

    A term's contribution is shared by its occurrences, that of several words by its words.

    Parameters
    ----------
    text : str
    column : str
        The text's column.
    preprocessing : fitted ColumnTransformer
    weights : ndarray of shape (n_features,)
        `Contributions.row` of the sample.

    Returns
    -------
    tuple of (str, float)
        The whole text in pieces, words with their weight and what stands between with 0.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("body", "text"),))
    >>> frame = to_frame([{"body": "cheap pills"}, {"body": "cheap pills"}], recipe)
    >>> preprocessing = build_preprocessing(recipe).fit(frame)
    >>> highlight("Cheap, cheap PILLS", "body", preprocessing, np.array([1.0, -3.0]))
    (('Cheap', 0.5), (', ', 0.0), ('cheap', 0.5), (' ', 0.0), ('PILLS', -3.0))
    """
    start, terms = _text_part(preprocessing, column)
    words, spans = _found(text, terms.token_pattern)
    shares = _shares(words, terms, np.asarray(weights)[start:])
    pieces, end = [], 0
    for (a, b), weight in zip(spans, shares, strict=True):
        if a > end:
            pieces.append((text[end:a], 0.0))
        pieces.append((text[a:b], float(weight)))
        end = b
    if end < len(text):
        pieces.append((text[end:], 0.0))
    return tuple(pieces)


def _found(text: str, pattern: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Return words as terms are counted, in small letters, and where they stand in the text.

    >>> _found("A İzmir", "[^ ]+")
    (['a', 'i̇zmir'], [(0, 1), (2, 7)])
    """
    small = text.lower()
    found = [(m.start(), m.end()) for m in re.finditer(pattern, small)]
    words = [small[a:b] for a, b in found]
    if len(small) == len(text):
        return words, found
    # Some letters, such as İ, are two when small.
    places = [at for at, letter in enumerate(text) for _ in letter.lower()]
    return words, [(places[a], places[b - 1] + 1) for a, b in found]


def _text_part(preprocessing: ColumnTransformer, column: str) -> tuple[int, Terms]:
    for place, encoder, columns in _places(preprocessing):
        if isinstance(encoder, Terms) and columns == column:
            return place.start, encoder
    raise Invalid(f"{column!r} is not a text column of this recipe; highlight one that is")


def _places(preprocessing: ColumnTransformer) -> list[tuple[slice, Any, Any]]:
    parts = fitted_parts(preprocessing)
    return [(preprocessing.output_indices_[name], part, cols) for name, part, cols in parts]


def _shares(words: list[str], terms: Terms, weights: Floats) -> Floats:
    occurrences: dict[int, list[tuple[int, int]]] = {}
    shortest, longest = terms.ngram_range
    for n in range(shortest, longest + 1):
        for at in range(len(words) - n + 1):
            term = terms.vocabulary_.get(" ".join(words[at : at + n]))
            if term is not None:
                occurrences.setdefault(int(term), []).append((at, n))
    out = np.zeros(len(words))
    for term, places in occurrences.items():
        for at, n in places:
            out[at : at + n] += weights[term] / len(places) / n
    return out


def pixels(preprocessing: ColumnTransformer, weights: Floats) -> Image:
    """Lay the contributions of pixels back onto the image, as rows; nothing without one.

    Parameters
    ----------
    preprocessing : fitted ColumnTransformer
    weights : ndarray of shape (n_features,)

    Returns
    -------
    tuple of tuple of float
        Rows of the first image column; colour channels are summed.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("scan", "image"),))
    >>> frame = to_frame([{"scan": [[0, 1], [2, 3]]}], recipe)
    >>> pixels(build_preprocessing(recipe).fit(frame), np.array([0.1, 0.2, 0.3, 0.4]))
    ((0.1, 0.2), (0.3, 0.4))
    """
    for place, encoder, _ in _places(preprocessing):
        if isinstance(encoder, Pixels):
            grid = np.asarray(weights, dtype=np.float64)[place].reshape(encoder.shape_)
            rows = grid if grid.ndim == 2 else grid.reshape(*grid.shape[:2], -1).sum(axis=2)
            return tuple(tuple(float(value) for value in row) for row in rows)
    return ()

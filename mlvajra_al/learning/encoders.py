"""Encoders scikit-learn lacks: texts that may be empty, dates, and images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer

from mlvajra_al.errors import Invalid

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NO_WORDS = "(no words)"


class Terms(TfidfVectorizer):  # type: ignore[misc]
    """TF-IDF of one text column, fitted even where there is next to nothing to read.

    A pool too small for `min_df` keeps every term; one without any word gets a single
    term that never occurs, so that an empty column is harmless instead of fatal.

    Examples
    --------
    >>> Terms().fit(["cheap pills", "cheap flights"]).get_feature_names_out().tolist()
    ['cheap', 'flights', 'pills']
    >>> Terms(min_df=2).fit(["a single text"]).get_feature_names_out().tolist()
    ['single', 'text']
    >>> Terms().fit_transform(["", "?"]).toarray().tolist()
    [[0.0], [0.0]]
    """

    vocabulary_: dict[str, int]

    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn vocabulary and inverse document frequencies."""
        self.fit_transform(raw_documents)
        return self

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> Any:
        """Learn the vocabulary and return the weighted counts."""
        documents = list(raw_documents)
        try:
            counts = super().fit_transform(documents)
        except ValueError:  # nothing survives min_df, or there is no word at all
            return self._fit_every_term(documents)
        # After min_df the places are numpy's, each of which skops would store as a file: 28 s.
        self.vocabulary_ = {term: int(place) for term, place in self.vocabulary_.items()}
        return counts

    def _fit_every_term(self, documents: list[str]) -> Any:
        every = TfidfVectorizer(**{**self.get_params(), "min_df": 1, "max_df": 1.0})
        try:
            every.fit(documents)
        except ValueError:
            every = TfidfVectorizer(**{**self.get_params(), "vocabulary": [NO_WORDS]})
            every.fit(documents)
        self.vocabulary_ = every.vocabulary_
        self.fixed_vocabulary_ = True
        self._tfidf = every._tfidf
        return self.transform(documents)


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn one column of dates into elapsed time, weekday, month and hour, all from 0 to 2.

    Elapsed time is 0 at the first and 1 at the last date seen when fitted.

    Examples
    --------
    >>> frame = pd.DataFrame({"sent": pd.to_datetime(["2002-01-01", "2002-01-11", None])})
    >>> parts = DateParts().fit(frame)
    >>> parts.get_feature_names_out().tolist()[:2]
    ['sent: days since 2002-01-01', 'sent: hour']
    >>> parts.transform(frame)[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember the first date and the span."""
        dates = X.iloc[:, 0].dropna()
        first = dates.min() if len(dates) else pd.Timestamp("2000-01-01")
        span = (dates.max() - first) / pd.Timedelta(days=1) if len(dates) else 1.0
        self.column_ = str(X.columns[0])
        self.first_, self.span_ = str(first.isoformat()), float(span) or 1.0
        self.n_features_in_ = 1
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """Return one row of parts per date; a missing date is all zeros but its flag."""
        dates = X.iloc[:, 0]
        there = dates.notna().to_numpy()
        elapsed = ((dates - pd.Timestamp(self.first_)) / pd.Timedelta(days=1)).to_numpy()
        out = np.zeros((len(dates), 22), dtype=np.float32)
        rows = np.flatnonzero(there)
        out[rows, 0] = np.clip(elapsed[rows] / self.span_, 0, 2)
        out[rows, 1] = dates.dt.hour.to_numpy()[rows] / 24
        out[rows, 2 + dates.dt.day_of_week.to_numpy()[rows].astype(int)] = 1
        out[rows, 8 + dates.dt.month.to_numpy()[rows].astype(int)] = 1
        out[:, 21] = ~there
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the parts so that a person can read them."""
        names = [f"days since {self.first_[:10]}", "hour"]
        names += [f"weekday = {day}" for day in WEEKDAYS] + [f"month = {m}" for m in MONTHS]
        out = [f"{self.column_}: {name}" for name in names] + [f"{self.column_} is missing"]
        return np.array(out, dtype=object)


class Pixels(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Flatten one column of images, lists of numbers or of rows, and scale them to 0..1.

    Black is 0, or the darkest value seen when fitted where that is below 0.

    Examples
    --------
    >>> frame = pd.DataFrame({"image": [[[0, 8], [16, 4]], [[16, 16], [0, 0]]]})
    >>> pixels = Pixels().fit(frame)
    >>> pixels.transform(frame).tolist()
    [[0.0, 0.5, 1.0, 0.25], [1.0, 1.0, 0.0, 0.0]]
    >>> pixels.get_feature_names_out().tolist()[1]
    'pixel 0,1'
    >>> below = pd.DataFrame({"image": [[[-1.0, 0.0], [1.0, 0.5]]]})
    >>> Pixels().fit(below).transform(below).tolist()
    [[0.0, 0.5, 1.0, 0.75]]
    """

    low_ = 0.0
    """Of encoders that were stored when nothing below 0 was seen."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember the shape, and the ends of the scale; a flat square counts as an image."""
        images = [np.asarray(image, dtype=np.float32) for image in X.iloc[:, 0] if _is_image(image)]
        self.column_ = str(X.columns[0])
        self.shape_ = _shape(images[0]) if images else (1, 1)
        self.low_ = min([0.0, *(float(np.nanmin(image)) for image in images)])
        self.top_ = max((float(np.nanmax(image)) for image in images), default=1.0)
        self.top_ = self.top_ if self.top_ > self.low_ else self.low_ + 1.0
        self.n_features_in_ = 1
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """Return one row of pixels per image; a missing image is black."""
        out = np.zeros((len(X), int(np.prod(self.shape_))), dtype=np.float32)
        for row, image in enumerate(X.iloc[:, 0]):
            if _is_image(image):
                pixels = np.asarray(image, dtype=np.float32)
                self._require_size(pixels)
                flat = pixels.reshape(-1)
                lifted = np.nan_to_num(flat) - self.low_
                out[row] = np.clip(lifted / (self.top_ - self.low_), 0, 1)
        return out

    def _require_size(self, image: NDArray[np.float32]) -> None:
        """Refuse an image of another size; one without rows may be one of as many pixels."""
        flat = image.ndim == 1 or image.shape[0] == 1
        if image.shape == tuple(self.shape_) or (flat and image.size == np.prod(self.shape_)):
            return
        found, wanted = (
            str(np.prod(shape)) if flat else " x ".join(map(str, shape))
            for shape in (image.shape, self.shape_)
        )
        raise Invalid(
            f"column {self.column_!r}: an image of {found} pixels where the pool "
            f"has {wanted}; give every image the same size"
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name pixels by row and column."""
        places = np.ndindex(*(int(n) for n in self.shape_))
        return np.array(["pixel " + ",".join(map(str, at)) for at in places], dtype=object)


def _is_image(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and len(value) > 0


def _shape(image: NDArray[np.float32]) -> tuple[int, ...]:
    if image.ndim > 1:
        return image.shape
    side = int(np.sqrt(image.size))
    return (side, side) if side * side == image.size else (1, image.size)

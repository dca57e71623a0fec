"""Newton's steps to the best logistic regression from one that is nearly right, on many rows.

L-BFGS learns how the loss curves by walking, dozens of looks at all rows long. A part of the rows
tells it beforehand, so that two or three looks are enough: from a model that knows all labels but
ten, or from where a full fit has become slow.

References
----------
.. [1] R. H. Byrd, G. M. Chin, W. Neveitt and J. Nocedal, "On the use of stochastic Hessian
   information in optimization methods for machine learning", SIAM Journal on Optimization 21,
   2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

FINE = 1e-5
"""Gradient at which the steps end; probabilities are then some 0.002 from the best ones."""
CURVED, FOR_EACH = 20_000, 100
"""So many rows tell how the loss curves, or so many for each column if these are more; each label
has its share of them."""
STEPS, PRODUCTS = 12, 40
"""At most: looks at all rows, and at those that tell the curve for each of them."""
CLOSE = 0.05
"""To which share of it the gradient is to shrink with each step, as far as the curve holds."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a logistic regression over rows, with balanced labels and an L2 penalty.

    Where parameters stand together there is a row for each label (one for two labels), and the
    intercept is the last column.

    Examples
    --------
    >>> X, codes = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> model = LogisticRegression(class_weight="balanced").fit(X, codes)
    >>> loss, at = Loss.of(model, X, codes), parameters(model, X)
    >>> bool(np.abs(loss.slope(loss.answers(at), at)).max() < 1e-4)
    True
    """

    X: Any
    codes: NDArray[np.intp]
    weights: NDArray[Any]
    labels: int
    strength: float

    @classmethod
    def of(cls, model: LogisticRegression, X: Any, codes: NDArray[np.intp]) -> Loss:
        """Return the loss that a model has to keep low on these rows."""
        labels = len(model.classes_)
        counts = np.bincount(codes, minlength=labels)
        weights = (1 / (labels * counts)).astype(X.dtype)[codes]
        return cls(X, codes, weights, labels, 1 / (model.C * len(codes)))

    def answers(self, at: NDArray[Any]) -> NDArray[Any]:
        """Return the probability of each label, shape (n_labels or 1, n_samples)."""
        scores = _by_label(self.X, at[:, :-1]) + at[:, -1:]
        if self.labels == 2:
            return np.asarray(expit(scores))
        shares = np.exp(scores - scores.max(axis=0))
        return np.asarray(shares / shares.sum(axis=0))

    def slope(self, answers: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient at parameters that give these answers."""
        residuals = answers.copy()
        if self.labels == 2:
            residuals[0] -= self.codes.astype(residuals.dtype)
        else:
            residuals[self.codes, np.arange(len(self.codes))] -= 1
        residuals *= self.weights
        return self._collected(residuals, at)

    def _collected(self, by_row: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(at)
        out[:, :-1] = _by_label(self.X.T, by_row) + self.X.dtype.type(self.strength) * at[:, :-1]
        out[:, -1] = by_row.sum(axis=1)
        return out

    def part(self, most: int) -> tuple[NDArray[np.intp], Loss]:
        """Return rows of each label that stand for all of it, and the loss over them."""
        if len(self.codes) <= most:
            return np.arange(len(self.codes)), self
        places, weights = [], np.empty_like(self.weights)
        for label in range(self.labels):
            of_it = np.flatnonzero(self.codes == label)
            some = of_it[
                np.linspace(0, len(of_it) - 1, min(len(of_it), most // self.labels)).astype(np.intp)
            ]
            weights[some] = self.weights[some] * self.weights.dtype.type(len(of_it) / len(some))
            places.append(some)
        chosen = np.sort(np.concatenate(places))
        part = Loss(self.X[chosen], self.codes[chosen], weights[chosen], self.labels, self.strength)
        return chosen, part

    def bend(self, answers: NDArray[Any], along: NDArray[Any]) -> NDArray[Any]:
        """Return the product of the Hessian, where these are the answers, and a direction."""
        change = _by_label(self.X, along[:, :-1]) + along[:, -1:]
        if self.labels == 2:
            change *= 1 - answers
        else:
            change -= (answers * change).sum(axis=0)
        return self._collected(answers * change * self.weights, along)

    def bends(self, answers: NDArray[Any], squares: Any) -> NDArray[Any]:
        """Return the diagonal of the Hessian; `squares` are those of the features."""
        own = answers * (1 - answers) * self.weights
        out = np.empty((len(own), self.X.shape[1] + 1), dtype=own.dtype)
        out[:, :-1] = _by_label(squares.T, own) + own.dtype.type(self.strength)
        out[:, -1] = own.sum(axis=1) + np.finfo(own.dtype).tiny
        return out


def _by_label(X: Any, by_label: NDArray[Any]) -> NDArray[Any]:
    """Return the product of rows and each label's numbers, a row for each label."""
    return np.ascontiguousarray(np.asarray(X @ np.ascontiguousarray(by_label.T)).T)


def parameters(model: LogisticRegression, X: Any) -> NDArray[Any]:
    """Return coefficients and, behind them, intercepts in the precision of the rows.

    Examples
    --------
    >>> model = LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"])
    >>> parameters(model, np.zeros((1, 1), dtype=np.float32)).round(1).tolist()
    [[0.7, 0.0]]
    """
    return np.hstack([model.coef_, model.intercept_[:, None]]).astype(X.dtype)


def brought_near(model: LogisticRegression, X: Any, codes: NDArray[np.intp]) -> int | None:
    """Move a model to where the gradient over these rows is fine, if steps lead there.

    Parameters
    ----------
    model : LogisticRegression
        Fitted, with an L2 penalty and balanced class weights; its coefficients are replaced.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    codes : ndarray of int, shape (n_samples,)
        The place of each row's label in ``model.classes_``; each occurs.

    Returns
    -------
    int or None
        Steps taken. None if they do not lead there: then the model is as it was.

    References
    ----------
    .. [1] R. H. Byrd, G. M. Chin, W. Neveitt and J. Nocedal, "On the use of stochastic Hessian
       information in optimization methods for machine learning", SIAM Journal on Optimization 21,
       2011.

    Examples
    --------
    >>> X = np.linspace(-2, 2, 40)[:, None]
    >>> codes = (X[:, 0] + np.sin(9 * X[:, 0]) > 0).astype(int)
    >>> model = LogisticRegression(class_weight="balanced", tol=0.1).fit(X, codes)
    >>> best = LogisticRegression(class_weight="balanced", tol=1e-9).fit(X, codes)
    >>> steps = brought_near(model, X, codes)
    >>> 0 < steps < 5, bool(np.allclose(model.coef_, best.coef_, atol=1e-3))
    (True, True)
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # that leads nowhere
        return _walked(model, Loss.of(model, X, codes), parameters(model, X))


def _walked(model: LogisticRegression, loss: Loss, at: NDArray[Any]) -> int | None:
    chosen, part = loss.part(max(CURVED, FOR_EACH * loss.X.shape[1]))
    squares = part.X.multiply(part.X).tocsr() if hasattr(part.X, "multiply") else part.X**2
    base, way, share, least = at, np.zeros_like(at), at.dtype.type(1), np.inf
    for steps in range(STEPS):
        answers = loss.answers(at)
        slope = loss.slope(answers, at)
        if np.abs(slope).max() <= FINE:
            if steps:
                model.coef_ = at[:, :-1].astype(np.float64)
                model.intercept_ = at[:, -1].astype(np.float64)
            return steps
        size = float(np.linalg.norm(slope))
        if size < least:
            base, share, least = at, at.dtype.type(1), size
            way = _down(part, np.ascontiguousarray(answers[:, chosen]), slope, squares)
        else:  # too far: the curve has changed on the way
            share /= 2
        at = base + share * way
    return None


def _down(part: Loss, answers: NDArray[Any], slope: NDArray[Any], squares: Any) -> NDArray[Any]:
    """Return the way to the lowest point of the curve, by preconditioned conjugate gradients."""
    bends = part.bends(answers, squares)
    way, left = np.zeros_like(slope), -slope
    eased = left / bends
    along, size = eased, float(np.vdot(left, eased))
    enough = CLOSE**2 * size
    for _ in range(PRODUCTS):
        bent = part.bend(answers, along)
        share = slope.dtype.type(size / float(np.vdot(along, bent)))
        way += share * along
        left -= share * bent
        eased = left / bends
        last, size = size, float(np.vdot(left, eased))
        if size <= enough:
            break
        along = eased + slope.dtype.type(size / last) * along
    return way

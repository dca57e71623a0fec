"""The one door to skops: models to bytes and back, by a fixed list of types.

A pickle runs whatever its author wrote; skops builds only types it is told to trust. What to
trust is decided here, never by the file: ``trusted=get_untrusted_types(...)`` would trust
whatever the file says.
"""

from __future__ import annotations

import zipfile
from typing import Any

from skops import io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from mlvajra_al.errors import Invalid

TRUSTED = (
    "mlvajra_al.learning.encoders.DateParts",
    "mlvajra_al.learning.encoders.Pixels",
    "mlvajra_al.learning.encoders.Terms",
    "mlvajra_al.learning.multilabel.OneVsRest",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def dumps(obj: Any) -> bytes:
    """Return a fitted estimator, preprocessing or pipeline as compressed skops bytes.

    Parameters
    ----------
    obj : Any
        Made of scikit-learn's, numpy's and our own types.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    >>> loads(dumps(model)).predict([[1.0]]).tolist()
    ['b']
    """
    try:
        blob = bytes(io.dumps(obj, compression=zipfile.ZIP_DEFLATED))
        foreign = set(io.get_untrusted_types(data=blob)) - set(TRUSTED)
    except (UnsupportedTypeException, TypeError) as error:
        raise Invalid(f"a {type(obj).__name__} cannot be stored: {error}") from error
    if foreign:
        raise Invalid(
            f"a {type(obj).__name__} cannot be stored: it is made of {', '.join(sorted(foreign))}, "
            "which would be refused on the way back; build it from scikit-learn's own classes"
        )
    return blob


def loads(blob: bytes) -> Any:
    """Return what `dumps` stored, refusing every type that is not on the fixed list.

    Parameters
    ----------
    blob : bytes

    Returns
    -------
    object

    Raises
    ------
    Invalid
        If the bytes are no model of ours, or name a type we do not trust.

    Examples
    --------
    >>> loads(b"not a model")
    Traceback (most recent call last):
    ...
    mlvajra_al.errors.Invalid: 11 bytes are not a stored model; restore it from a backup
    """
    try:
        return io.loads(blob, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise Invalid(
            f"the stored model was refused and nothing of it was run: {error}; "
            "do not use this file, restore the model from a backup"
        ) from error
    except Exception as error:  # whatever skops, zlib or numpy stumbled over in these bytes
        raise Invalid(
            f"{len(blob)} bytes are not a stored model; restore it from a backup"
        ) from error

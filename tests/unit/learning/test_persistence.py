"""Models go to bytes and back; nothing else comes back."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps as skops_dumps

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.persistence import TRUSTED, dumps, loads
from mlvajra_al.learning.pipeline import assemble, build_preprocessing, transform
from mlvajra_al.learning.training import train
from mlvajra_al.records import Column, EstimatorName, Recipe

COLUMNS = (
    Column("body", "text"), Column("size", "numeric"), Column("colour", "categorical"),
    Column("urgent", "boolean"), Column("sent", "date"), Column("scan", "image"),
)  # fmt: skip
ROWS = [
    {"body": f"word{i % 7} other", "size": float(i) if i % 5 else None,
     "colour": ["red", "blue", None][i % 3], "urgent": [True, False, None][i % 3],
     "sent": f"2002-0{1 + i % 9}-11", "scan": [[i % 16, 1], [2, 3]]}
    for i in range(30)
]  # fmt: skip
ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_pipeline_of_every_kind_answers_the_same_after_a_round_trip(
    estimator: EstimatorName,
) -> None:
    recipe = Recipe(COLUMNS, estimator)
    frame = to_frame(ROWS, recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    y = ["spam" if i % 7 < 3 else "ham" for i in range(30)]
    model = train(estimator, transform(preprocessing, frame), y, seed=0).model
    pipeline = assemble(preprocessing, model)
    again = loads(dumps(pipeline))
    assert (again.predict_proba(frame) == pipeline.predict_proba(frame)).all()
    strange = to_frame([dict.fromkeys(ROWS[0], None)], recipe)
    assert np.isfinite(again.predict_proba(strange)).all()


def test_the_list_of_trusted_types_is_fixed_and_holds_nothing_that_runs() -> None:
    assert all(not name.startswith(("os.", "builtins.", "subprocess.")) for name in TRUSTED)
    assert isinstance(TRUSTED, tuple)


def test_a_function_smuggled_in_is_refused_before_it_runs() -> None:
    blob = skops_dumps(FunctionTransformer(func=os.system))
    with pytest.raises(Invalid, match="refused and nothing of it was run"):
        loads(blob)


def test_a_forged_type_is_refused_before_it_runs(tmp_path: object) -> None:
    blob = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(dumps(np.arange(3)))) as source:
        schema = json.loads(source.read("schema.json"))
    forged = {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode",
              "__id__": 1, "content": {}}  # fmt: skip
    with zipfile.ZipFile(blob, "w") as target:
        target.writestr("schema.json", json.dumps(schema | forged))
    with pytest.raises(Invalid):
        loads(blob.getvalue())


@pytest.mark.parametrize(
    "blob", [b"", b"garbage", pickle.dumps([1, 2]), b"PK\x05\x06" + b"\0" * 18]
)
def test_bytes_that_are_no_model_are_refused_in_a_sentence(blob: bytes) -> None:
    with pytest.raises(Invalid, match="not a stored model"):
        loads(blob)


@pytest.mark.parametrize("obj", [FunctionTransformer(func=print), (i for i in range(3)), open])
def test_what_could_not_be_read_again_is_not_stored(obj: object) -> None:
    with pytest.raises(Invalid, match="cannot be stored"):
        dumps(obj)


MODEL = dumps(train("logistic_regression", np.eye(4), ["a", "b", "a", "b"], seed=0).model)


def read(blob: bytes) -> object:
    """Return what bytes hold; anything but a model or a sentence is a failure."""
    try:
        return loads(blob)
    except Invalid as error:
        assert "restore" in str(error)
        return None


@given(at=st.integers(0, len(MODEL) - 1), bit=st.integers(0, 7))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_a_flipped_bit_is_refused_in_a_sentence_or_harmless(at: int, bit: int) -> None:
    changed = bytearray(MODEL)
    changed[at] ^= 1 << bit
    read(bytes(changed))


@given(end=st.integers(0, len(MODEL) - 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_model_cut_short_is_refused_in_a_sentence(end: int) -> None:
    assert read(MODEL[:end]) is None


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_bytes_of_any_kind_are_refused_in_a_sentence(blob: bytes) -> None:
    assert read(blob) is None


def rewritten(**changes: object) -> bytes:
    """Return a stored model whose schema says something else."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(MODEL)) as source, zipfile.ZipFile(out, "w") as target:
        schema = json.loads(source.read("schema.json"))
        target.writestr("schema.json", json.dumps(schema | changes))
        for name in source.namelist():
            if name != "schema.json":
                target.writestr(name, source.read(name))
    return out.getvalue()


FORGED = [
    {"__class__": "system", "__module__": "os"},
    {"__class__": "eval", "__module__": "builtins"},
    {"__class__": "Popen", "__module__": "subprocess"},
    {"__class__": "Store", "__module__": "mlvajra_al.store.database"},
    {"__class__": "NoSuchClass", "__module__": "sklearn.linear_model"},
    {"__class__": "LogisticRegression", "__module__": "no_such_module"},
    {"__loader__": "NoSuchNode"},
    {"__loader__": "FunctionNode"},
    {"__loader__": None},
    {"protocol": 10_000},
    {"content": {"__class__": "dict"}},
]


@pytest.mark.parametrize("changes", FORGED, ids=str)
def test_a_forged_model_is_refused_before_anything_of_it_runs(changes: dict) -> None:
    assert read(rewritten(**changes)) is None


def test_the_model_that_was_only_copied_is_read() -> None:
    assert read(rewritten()) is not None


def test_a_path_out_of_the_archive_names_no_file(tmp_path: object) -> None:
    assert read(rewritten(file="../../../../etc/passwd", __loader__="NdArrayNode")) is None


def test_stored_models_are_compressed() -> None:
    assert len(dumps(np.zeros(100_000))) < 10_000

"""Write scikit-learn's data sets as files that are imported like any other."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer, load_digits

from mlvajra_al.errors import NotFound
from mlvajra_al.services.demo_projects import GOLD, KEY


def tumours() -> pa.Table:
    """Return 569 tumours: 30 measurements of cell nuclei each, and the diagnosis."""
    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    columns = {name: data.data[:, place] for place, name in enumerate(names)}
    return pa.table(
        {KEY: _keys("tumour", len(data.target))}
        | columns
        | {GOLD: [str(data.target_names[target]) for target in data.target]}
    )


def digits() -> pa.Table:
    """Return 1,797 images of 8 x 8 pixels from 0 to 16, and the digit that was meant."""
    data = load_digits()
    return pa.table(
        {
            KEY: _keys("digit", len(data.target)),
            "pixels": pa.array(data.images.tolist(), pa.list_(pa.list_(pa.float32()))),
            GOLD: [str(target) for target in data.target],
        }
    )


def _keys(what: str, rows: int) -> list[str]:
    return [f"{what}-{number:04d}" for number in range(1, rows + 1)]


FILES = {"tumours": tumours, "digits": digits}


def write(name: str, folder: Path) -> Path:
    """Write a data set as Parquet into a folder and return the file, complete or not there."""
    if name not in FILES:
        raise NotFound("data set", name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    pq.write_table(FILES[name](), partial)
    partial.replace(path)
    return path

"""Which function does which kind of job.

A handler takes the store, the job and `Tell`, and returns the job's result. One that writes
to the database does so in one transaction that ends with `tell.settle`.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from mlvajra_al.records import JobKind
from mlvajra_al.services.jobs.mending import Handler, guarded

MODULES: dict[JobKind, str] = {
    "ingest": "ingesting",
    "prepare": "preparing",
    "retrain": "retraining",
    "evaluate": "evaluating",
    "explain": "explaining",
    "predict": "predicting",
    "simulate": "simulating",
    "examine": "examining",
}
"""Where the function lies that is named like the kind."""


def handler_of(kind: JobKind) -> Handler:
    """Return what does a kind of job; it notes the damaged file it fails on.

    Loaded on first use: a worker that only imports files never loads scikit-learn.
    """
    module = import_module(f"{__package__}.{MODULES[kind]}")
    return guarded(cast("Handler", getattr(module, kind)))

"""Which function does which kind of job.

A handler takes the store, the job and `Tell`, and returns the job's result. One that writes
to the database does so in one transaction that ends with `tell.settle`.
"""

from __future__ import annotations

from mlvajra_al.records import JobKind
from mlvajra_al.services.jobs.evaluating import evaluate
from mlvajra_al.services.jobs.explaining import explain
from mlvajra_al.services.jobs.ingesting import ingest
from mlvajra_al.services.jobs.mending import Handler, guarded
from mlvajra_al.services.jobs.predicting import predict
from mlvajra_al.services.jobs.preparing import prepare
from mlvajra_al.services.jobs.retraining import retrain

_HANDLERS: dict[JobKind, Handler] = {
    "ingest": ingest,
    "prepare": prepare,
    "retrain": retrain,
    "evaluate": evaluate,
    "explain": explain,
    "predict": predict,
}
HANDLERS: dict[JobKind, Handler] = {kind: guarded(do) for kind, do in _HANDLERS.items()}
"""Each notes the damaged file it fails on."""

"""Chains of versions: learned once, and copied for every test that wants one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlvajra_al import worker
from mlvajra_al.records import EstimatorName, Policy, Project
from mlvajra_al.services import training
from mlvajra_al.store.database import Store
from tests.integration.test_loop import a_text_project, texts
from tests.rehearsal import Rehearsal

POLICY = Policy(retrain_every=100, holdout_rate=0.2, full_every=10)


def a_chain(
    store: Store, folder: Path, *, fits: int = 3, estimator: EstimatorName = "logistic_regression"
) -> Rehearsal:
    """Return a loop that has learned so many times, in full and by increments."""
    source = folder / "texts.parquet"
    pq.write_table(texts(160), source)
    drafted: Project = a_text_project(POLICY)
    drafted = replace(drafted, recipe=replace(drafted.recipe, estimator=estimator))
    loop = Rehearsal.begin(store, drafted, source=source)
    loop.work()
    for _ in range(fits):
        loop.answer(12)
        training.request_retrain(
            store, loop.admin, "texts", mode="incremental", now=worker.utc_now()
        )
        loop.work()
    return loop


def opened(home: Path) -> Store:
    store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
    store.migrate()
    return store


@contextmanager
def a_template(factory: pytest.TempPathFactory, *, fits: int = 3) -> Iterator[Rehearsal]:
    """Make a chain to be copied: its store is closed at the end."""
    folder = factory.mktemp("template")
    store = opened(folder)
    yield a_chain(store, folder, fits=fits)
    store.close()


@contextmanager
def copied(template: Rehearsal, home: Path) -> Iterator[Rehearsal]:
    """Copy a chain into a workspace of one's own."""
    shutil.copytree(template.store.home, home, dirs_exist_ok=True)
    store = opened(home)
    yield replace(template, store=store)
    store.close()

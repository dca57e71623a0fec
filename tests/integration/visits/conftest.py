"""A workspace whose pages run in this process, and people who open them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlvajra_al.records import Policy, Project
from mlvajra_al.store.database import Store
from mlvajra_al.web import context
from tests.factories import a_person, a_project, rank
from tests.integration.visits.visiting import Visitor


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    """The store of the pages' own process, on SQLite."""
    yield context.store()
    context.close()


@pytest.fixture
def visitor(store: Store) -> Callable[..., Visitor]:
    """Store a person with a session: ``visitor("reviewer")``."""
    return lambda role="admin": Visitor(store, a_person(store, f"some {role}", role=role))


@pytest.fixture
def admin(visitor: Callable[..., Visitor]) -> Visitor:
    return visitor("admin")


@pytest.fixture
def project(store: Store) -> Project:
    made = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=7))
    rank(store, made, 30)
    return made

"""The database goes away while somebody labels: it is said, and nothing is lost or doubled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.beside import PASSWORD, a_person, a_project
from tests.e2e.desk import Desk
from tests.postgresql import Cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this test's own, to stop."""
    with tempfile.TemporaryDirectory(prefix="mlvajra-postgresql-") as folder:
        with Cluster(Path(folder)) as running:
            yield running


def test_answers_outlive_a_database_that_stops_and_starts_again(
    cluster: Cluster,
    start_server: Callable[..., Any],
    page: Page,
    sign_in: Callable[..., None],
) -> None:
    server = start_server(
        MLVAJRA_DATABASE_URL=f"{cluster.url}/postgres",
        MLVAJRA_ADMIN_PASSWORD=PASSWORD,
        MLVAJRA_DEMO="false",
        MLVAJRA_WORKERS="1",
    )
    a_project(server, "kept")
    desk = Desk(page, server, a_person(server), "kept")
    sign_in(page, server, desk.person)
    desk.open()
    met = desk.press("1", "2")
    desk.wait_until_saved()

    cluster.stop()
    met += desk.press("2", "1")
    expect(desk.status).to_contain_text("The server has trouble: ")
    expect(desk.status).to_contain_text("(2 waiting, kept in this browser)")
    page.reload()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    cluster.start()
    server.wait_until_ready()
    page.reload()
    desk.wait_for_card()

    stored = [(event["sample_key"], event["label"]) for event in desk.saved(4)]
    assert stored == list(zip(met, ["good", "bad", "bad", "good"], strict=True))
    desk.press("1")
    desk.wait_until_saved()
    assert len(desk.stored()) == 5

"""A stranger's first hour: clone, `make run`, label, watch, promote, roll back, export.

Meanwhile the web process is killed in a burst of keys and the worker in the middle of a fit.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import PASSWORD, Desk, emails, kill_web

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"ham": "1", "spam": "2"}


def clone(folder: Path) -> Path:
    """Clone what is committed, as a stranger gets it."""
    target = folder / "mlvajra_al"
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    return target


def rows(server: Any, query: str) -> list[sqlite3.Row]:
    """Ask the server's database beside the server."""
    with closing(sqlite3.connect(server.home / "mlvajra.db", timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query).fetchall()


def label(desk: Desk, count: int, *, pause_ms: int = 0) -> None:
    """Answer `count` cards as an expert would, from what is on the screen."""
    known = emails()
    for _ in range(count):
        pressed = desk.pressed()
        before = pressed[-1]["sample"] if pressed else ""
        sample = wait_for("the next card", lambda before=before: next_card(desk, before))
        desk.page.keyboard.press(KEYS[known[sample]["label"]])
        desk.page.wait_for_timeout(pause_ms)


def next_card(desk: Desk, before: str) -> str:
    """Return the sample on the screen once it is another than the last one answered."""
    return "" if desk.sample == before else desk.sample


def wait_for(what: str, condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Wait for something the server does on its own."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    return pytest.fail(f"{what} did not happen within {seconds} s")


def kill_worker_in_a_fit(server: Any) -> None:
    """End the worker as a crash does, while it retrains."""
    running = "SELECT id FROM job WHERE kind = 'retrain' AND state = 'running'"
    wait_for("a fit", lambda: rows(server, running))
    query = "SELECT pid FROM process WHERE kind = 'worker' ORDER BY seen_at DESC LIMIT 1"
    (worker,) = rows(server, query)
    psutil.Process(worker["pid"]).kill()


def versions(server: Any) -> list[int]:
    """Return the numbers of the demo project's versions."""
    query = "SELECT number FROM version JOIN project ON project.id = project_id"
    return [row["number"] for row in rows(server, f"{query} WHERE name = 'spam' ORDER BY number")]


def open_page(page: Page, server: Any, name: str, settled: Callable[[Page], None]) -> None:
    """Go to a page of the demo project and wait until it is drawn."""
    page.goto(f"{server.url}/{name}?project=spam")
    settled(page)
    expect(page.get_by_text("Traceback")).to_have_count(0)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_a_stranger_closes_the_loop(
    page: Page,
    tmp_path: Path,
    start_server: Callable[..., Any],
    settled: Callable[[Page], None],
    a_server: Callable[..., Any],
) -> None:
    checkout = clone(tmp_path)
    server = start_server(a_server(checkout))

    page.goto(server.setup_link)
    page.locator("input[name=name]").fill("Grace")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("button[type=submit]").click()
    settled(page)
    wait_for("the first ranking", lambda: rows(server, "SELECT id FROM revision"))
    page.get_by_role("link", name="Start labelling").or_(
        page.get_by_role("button", name="Start labelling")
    ).click()

    desk = Desk(page, server, "Grace")
    desk.open()
    label(desk, 20)
    wait_for("the first version", lambda: versions(server) == [1])
    label(desk, 12)
    kill_web(server)
    label(desk, 3, pause_ms=60)  # from the buffer, while nobody answers
    server.wait_until_ready()
    desk.wait_until_saved()
    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kill_worker_in_a_fit, server)
        label(desk, 25)
        killed.result()
    desk.wait_until_saved()
    wait_for("the second version", lambda: len(versions(server)) >= 2)
    label(desk, 20)
    desk.wait_until_saved()
    wait_for("the third version", lambda: len(versions(server)) >= 3)
    nothing_was_lost(desk)
    no_version_is_half_written(server)

    promote_and_roll_back(page, server, settled)
    for number in ("2", "3"):
        explanation_is_shown(page, server, settled, number)
    export_has_every_label(page, server, settled)
    started = server.processes()
    server.stop()
    assert not any(process.is_running() for process in started)


def nothing_was_lost(desk: Desk) -> None:
    """Every key on a painted card is one event for that card's sample, and nothing else is."""
    names = {key: name for name, key in KEYS.items()}
    pressed = [
        (press["sample"], names[press["key"]]) for press in desk.pressed() if press["sample"]
    ]
    stored = [(event["sample_key"], event["label"]) for event in desk.stored()]
    assert stored == pressed
    assert len(pressed) >= 60
    known = emails()
    assert all(known[sample]["label"] == answer for sample, answer in stored)


def no_version_is_half_written(server: Any) -> None:
    """Each version has its files, its report, and the one job that made it."""
    blobs = rows(
        server,
        """SELECT estimator, preprocessing FROM version
        JOIN revision ON revision.id = version.revision_id""",
    )
    for digest in {name for row in blobs for name in row}:
        assert (server.home / "artefacts" / digest[:2] / digest).stat().st_size > 0
    reported = rows(server, "SELECT DISTINCT project_id, version FROM report")
    assert len(reported) == len(blobs)
    unfinished = wait_for(
        "the end of all jobs",
        lambda: rows(
            server, "SELECT count(*) AS n FROM job WHERE state NOT IN ('queued', 'running')"
        ),
    )
    assert unfinished
    made = rows(server, "SELECT id FROM job WHERE kind = 'retrain' AND state = 'done'")
    assert len(made) >= len(blobs)
    assert not list(server.home.rglob("*.partial"))


def promote_and_roll_back(page: Page, server: Any, settled: Callable[[Page], None]) -> None:
    """Read the newest report, make the version champion, and go back."""
    count = "SELECT count(*) AS n FROM annotation"
    before = rows(server, count)[0]["n"]
    newest = versions(server)[-1]
    open_page(page, server, "versions", settled)
    expect(page.get_by_role("heading", name=f"Report of version {newest}")).to_be_visible()
    page.get_by_role("button", name=f"Promote version {newest}").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_text(f"Version {newest} is the champion now")).to_be_visible()
    page.get_by_role("button", name="Roll back to version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_text("Version 1 is the champion again")).to_be_visible()
    champion = rows(server, "SELECT champion FROM project WHERE name = 'spam'")[0]["champion"]
    assert champion == 1
    assert rows(server, count)[0]["n"] == before


def explanation_is_shown(
    page: Page, server: Any, settled: Callable[[Page], None], number: str
) -> None:
    """Open what a version pays attention to."""
    open_page(page, server, "explain", settled)
    page.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name=f"Version {number}").click()
    settled(page)
    expect(page.get_by_text("How much each feature matters")).to_be_visible(timeout=30_000)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)


def export_has_every_label(page: Page, server: Any, settled: Callable[[Page], None]) -> None:
    """Download the gold labels from the page for data."""
    open_page(page, server, "data", settled)
    page.get_by_role("tab", name="Export").click()
    link = page.get_by_role("link", name="CSV").first
    with page.expect_download() as download:
        link.click()
    text = Path(download.value.path()).read_text()
    exported = list(csv.DictReader(io.StringIO(text)))
    stored = rows(server, "SELECT DISTINCT sample_key FROM annotation WHERE action = 'answer'")
    assert len(exported) == len(stored)


@pytest.fixture
def a_server(tmp_path: Path) -> Callable[[Path], Any]:
    """Describe `make run` in a checkout, with nothing of ours in its environment."""
    from tests.server import Server

    def describe(checkout: Path) -> Any:
        home = checkout / "data" / "workspace"
        return Server(home, {}, command=("make", "run"), folder=checkout, patience_s=600)

    return describe

"""A stranger's first hour: clone, `make run`, label, watch, promote, roll back, export.

Meanwhile the web process is killed in a burst of keys and the worker in the middle of a fit.
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.beside import PASSWORD, emails, kill_web, rows, until, versions, wait_until_idle
from tests.e2e.controls import choose, settled
from tests.e2e.desk import Desk
from tests.server import Server

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"ham": "1", "spam": "2"}


def clone(folder: Path) -> Path:
    """Clone what is committed, as a stranger gets it."""
    target = folder / "mlvajra_al"
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    return target


def label(desk: Desk, count: int, *, pause_ms: int = 0) -> None:
    """Answer `count` cards as an expert would, from what is on the screen."""
    known = emails()
    for _ in range(count):
        desk.press(KEYS[known[desk.sample]["label"]])
        desk.page.wait_for_timeout(pause_ms)


def kill_worker_in_a_fit(server: Any) -> None:
    """End the worker as a crash does, while it retrains."""
    at_it = """SELECT pid FROM process JOIN job ON job.worker = process.name
        WHERE job.kind = 'retrain' AND job.state = 'running'"""
    [worker] = until(lambda: rows(server, at_it), "a fit")
    psutil.Process(worker["pid"]).kill()


def open_page(page: Page, server: Any, name: str) -> None:
    """Go to a page of the demo project and wait until it is drawn."""
    page.goto(f"{server.url}/{name}?project=spam")
    settled(page)
    expect(page.get_by_text("Traceback")).to_have_count(0)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_a_stranger_closes_the_loop(
    page: Page,
    tmp_path: Path,
    start_server: Callable[..., Any],
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
    until(lambda: rows(server, "SELECT id FROM revision"), "the first ranking")
    page.get_by_role("link", name="Start labelling").or_(
        page.get_by_role("button", name="Start labelling")
    ).click()

    desk = Desk(page, server, "Grace")
    desk.open()
    label(desk, 20)
    until(lambda: versions(server, "spam"), "the first version")
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
    until(lambda: len(versions(server, "spam")) >= 2, "the second version")
    label(desk, 20)
    desk.wait_until_saved()
    until(lambda: len(versions(server, "spam")) >= 3, "the third version")
    wait_until_idle(server)
    nothing_was_lost(desk)
    no_version_is_half_written(server)

    promote_and_roll_back(page, server)
    explanation_is_shown(page, server)
    export_has_every_label(page, server)
    server.stop()


def nothing_was_lost(desk: Desk) -> None:
    """Every key on a painted card is one event for that card's sample, and nothing else is."""
    names = {key: name for name, key in KEYS.items()}
    pressed = [(press["sample"], names[press["key"]]) for press in desk.met()]
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
    for digest in {name for row in blobs for name in row.values()}:
        content = (server.home / "artefacts" / digest[:2] / digest).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    reported = rows(server, "SELECT DISTINCT project_id, version FROM report")
    assert len(reported) == len(blobs)
    made = rows(server, "SELECT id FROM job WHERE kind = 'retrain' AND state = 'done'")
    assert len(made) >= len(blobs)
    # What the worker wrote when it was killed may be left; `mlvajra doctor --fix` removes it.
    assert len(list(server.home.rglob("*.partial"))) <= 1


def promote_and_roll_back(page: Page, server: Any) -> None:
    """Read the newest report, make the version champion, and go back."""
    count = "SELECT count(*) AS n FROM annotation"
    before = rows(server, count)[0]["n"]
    newest = versions(server, "spam")[-1].version.number
    open_page(page, server, "versions")
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


def explanation_is_shown(page: Page, server: Any) -> None:
    """Open what the champion pays attention to, then the newest version."""
    open_page(page, server, "explain")
    chart = page.locator(".js-plotly-plot").first
    expect(page.get_by_text("How much each feature matters")).to_be_visible()
    expect(chart).to_be_visible()
    newest = versions(server, "spam")[-1].version.number
    choose(page, page.get_by_role("combobox", name="Version"), f"Version {newest}")
    settled(page)
    expect(chart).to_be_visible()


def export_has_every_label(page: Page, server: Any) -> None:
    """Download the gold labels from the page for data."""
    open_page(page, server, "data")
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

    def describe(checkout: Path) -> Any:
        home = checkout / "data" / "workspace"
        return Server(home, {}, command=("make", "run"), folder=checkout, patience_s=600)

    return describe

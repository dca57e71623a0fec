"""`mlvajra run`: it opens, it asks no other host for anything, and it ends cleanly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.beside import PASSWORD
from tests.e2e.controls import settled


def test_the_first_person_comes_in_by_the_link_nobody_after_and_ctrl_c_ends_it_all(
    start_server: Callable[..., Any], page: Page, hosts: set[str]
) -> None:
    server = start_server(MLVAJRA_DEMO="false")
    assert len(server.processes()) >= 3, "supervisor, web and worker"
    link = server.setup_link
    page.goto(link)
    page.locator("input[name=name]").fill("ada")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)
    settled(page)
    expect(page.get_by_text("Your own data")).to_be_visible()
    assert hosts == {"127.0.0.1"}
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_text("The first admin exists already")).to_be_visible()
    expect(page.locator("input[type=password]")).to_have_count(0)
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_the_demo_projects_wait_for_the_person_who_signs_in(page: Page, server: Any) -> None:
    page.goto(f"{server.url}/account/login")
    page.locator("input[name=name]").fill("admin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)
    settled(page)
    page.get_by_role("combobox", name="Project").click()
    for name in ("spam", "tumours", "digits"):
        expect(page.get_by_role("option", name=name, exact=True)).to_be_visible()

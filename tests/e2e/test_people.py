"""What an admin does about people, in a real browser; whom it concerns notices at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from mlvajra_al.services import members, people, projects
from tests.e2e.beside import PASSWORD, a_person
from tests.e2e.controls import choose

Visit = Callable[..., Page]
NEW_PASSWORD = "a new long password"


def _choose(page: Page, box: str, option: str) -> None:
    inside = page.get_by_test_id("stMain")
    found = inside.get_by_role("combobox", name=box, exact=True).locator("visible=true")
    choose(page, found, option)


def _said(page: Page, words: str) -> Locator:
    return page.get_by_test_id("stMain").get_by_text(words).first


def _signs_in(context: BrowserContext, server: Any, name: str, password: str) -> bool:
    answer = context.request.post(
        f"{server.url}/account/login",
        form={"name": name, "password": password},
        headers={"Origin": server.url},
        max_redirects=0,
    )
    return answer.status == 303


def test_an_admin_changes_resets_and_closes_an_account(
    server: Any, visit: Visit, context: BrowserContext
) -> None:
    name = a_person(server)
    assert _signs_in(context, server, name, PASSWORD)
    page = visit("admin", "spam")

    _choose(page, "Account to change", name)
    _choose(page, "Role", "reviewer")
    page.get_by_role("button", name="Set role").click()
    expect(_said(page, f"{name} has the role reviewer now.")).to_be_visible()
    assert context.request.get(f"{server.url}/account/me").text().count(f"{name}, reviewer") == 1

    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Reset password").click()
    expect(_said(page, "use at least 8")).to_be_visible()
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Reset password").click()
    expect(_said(page, "is signed out everywhere")).to_be_visible()
    assert not _signs_in(context, server, name, PASSWORD)
    assert _signs_in(context, server, name, NEW_PASSWORD)

    page.get_by_role("button", name="Disable the account").click()
    expect(_said(page, f"{name} can no longer sign in.")).to_be_visible()
    assert not _signs_in(context, server, name, NEW_PASSWORD)
    page.get_by_role("button", name="Enable the account").click()
    expect(_said(page, f"{name} can sign in again.")).to_be_visible()

    page.get_by_role("tab", name="Audit trail").click()
    _choose(page, "What", "account disabled")
    expect(page.get_by_text("1 act; choose a row")).to_be_visible()


def test_a_project_is_kept_to_its_members_and_an_invitation_withdrawn(
    server: Any, visit: Visit, context: BrowserContext
) -> None:
    name = a_person(server)
    assert _signs_in(context, server, name, PASSWORD)
    address = f"{server.url}/api/v1/projects/digits"
    page = visit("admin", "spam")

    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_test_id("stCode").inner_text()
    assert context.request.get(link).status == 200

    page.get_by_role("tab", name="Projects").click()
    _choose(page, "Project", "digits")
    with server.opened() as store:
        digits = projects.get(store, None, "digits")
    access = page.locator(f"[class*=st-key-members-access-{digits.id}-]")
    access.get_by_text("members and admins only").click()
    try:
        expect(_said(page, "digits is open to members and admins only now.")).to_be_visible()
        assert context.request.get(address).status == 404
        choose(page, page.get_by_test_id("stMultiSelect").locator("input:visible"), name)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Add", exact=True).locator("visible=true").click()
        expect(_said(page, f"{name} can work on digits now.")).to_be_visible()
        assert context.request.get(address).status == 200
        page.get_by_role("button", name="Remove").click()
        expect(_said(page, f"{name} no longer belongs to digits")).to_be_visible()
        assert context.request.get(address).status == 404
    finally:
        _open_again(server)

    page.get_by_role("tab", name="Sign-ins").click()
    page.get_by_role("button", name="Withdraw").first.click()
    expect(_said(page, "The invitation is worth nothing now.")).to_be_visible()
    assert context.request.get(link).status == 410


def test_on_a_phone_ones_own_account_is_read_without_scrolling_aside(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    name = a_person(server)
    sign_in(page, server, name)
    page.context.clear_cookies()  # as if from another browser
    sign_in(page, server, name)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{server.url}/account/me")
    for found in (page.get_by_role("button", name="Sign out").first, page.get_by_text("this br")):
        box = found.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _open_again(server: Any) -> None:
    with server.opened() as store:
        admin = people.get(store, "admin")
        members.set_restricted(store, admin, "digits", restricted=False, now=datetime.now(UTC))

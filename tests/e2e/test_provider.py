"""Sign-in by OpenID Connect, in a real browser at a real server with a provider beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.beside import PASSWORD, a_person
from tests.e2e.controls import settled
from tests.provider import honest_provider, knows


def _consent(page: Page, subject: str) -> None:
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize", exact=True).click()


def _knock(page: Page, server: Any, subject: str) -> None:
    """Go from our sign-in page to the provider, and come back as somebody."""
    page.goto(f"{server.url}/account/login")
    page.get_by_role("link", name="Sign in with Our University").click()
    _consent(page, subject)


def test_a_linked_person_comes_in_by_the_provider_and_nobody_else_does(
    start_server: Callable[..., Any], sign_in: Callable[..., None], browser: Browser
) -> None:
    # Not the watched profile: the provider's own page asks another host for its looks.
    with honest_provider() as issuer, browser.new_context() as context:
        server = start_server(
            MLVAJRA_DEMO="false",
            MLVAJRA_ADMIN_PASSWORD=PASSWORD,
            MLVAJRA_OIDC_ISSUER=issuer,
            MLVAJRA_OIDC_CLIENT_ID="mlvajra",
            MLVAJRA_OIDC_CLIENT_SECRET="s3cret",
            MLVAJRA_OIDC_NAME="Our University",
        )
        knows(issuer, "ada")
        knows(issuer, "mallory")
        name, page = a_person(server), context.new_page()
        sign_in(page, server, name)
        page.goto(f"{server.url}/account/me")
        page.get_by_role("link", name="Link with Our University").click()
        _consent(page, "ada")
        expect(page.get_by_text("You can sign in with Our University.")).to_be_visible()
        context.clear_cookies()

        _knock(page, server, "mallory")
        expect(page.get_by_role("heading", name="This sign-in did not work")).to_be_visible()
        expect(page.get_by_text("No account here is linked with mallory")).to_be_visible()
        page.goto(f"{server.url}/home")
        expect(page).to_have_title("Sign in · mlvajra")

        _knock(page, server, "ada")
        expect(page).to_have_url(f"{server.url}/")
        settled(page)
        page.goto(f"{server.url}/account/me")
        expect(page.get_by_text(f"{name}, annotator")).to_be_visible()
        page.goto(f"{server.url}/account/logout")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_title("Sign in · mlvajra")
        page.goto(f"{server.url}/account/me")
        expect(page).to_have_title("Sign in · mlvajra")

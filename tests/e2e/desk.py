"""A person at the labelling card, as a browser test sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from tests.e2e.beside import a_person, change, rows, until

PAINTED = '.mlvajra-card:not([data-painted=""])[data-painted]'

# Registered before the card's own listener: what stood on the screen when a key went down.
RECORDER = """
window.pressed = [];
window.addEventListener("keydown", (event) => {
  const host = document.querySelector("[data-testid=stBidiComponentIsolated]");
  const card = host?.shadowRoot?.querySelector(".mlvajra-card");
  window.pressed.push({
    key: event.key,
    sample: card?.dataset.painted ?? "",
    title: card?.querySelector(".title")?.textContent ?? "",
    text: card?.querySelector(".text")?.textContent ?? "",
  });
}, true);
"""


@dataclass
class Desk:
    """A tab with the card of one project, and what the server has stored of this person."""

    page: Page
    server: Any
    person: str
    project: str = "spam"

    def open(self) -> Desk:
        """Go to the card and wait until a sample is on the screen and nothing moves any more."""
        self.page.add_init_script(RECORDER)
        self.page.goto(f"{self.server.url}/annotate?project={self.project}")
        self.wait_for_card()
        self.page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        self.page.evaluate("document.fonts.ready.then(() => true)")
        return self

    @property
    def card(self) -> Locator:
        """The component."""
        return self.page.locator(".mlvajra-card")

    @property
    def status(self) -> Locator:
        """The line that says whether answers are saved."""
        return self.page.locator(".mlvajra-card .status")

    @property
    def notices(self) -> Locator:
        """What stands below the rail."""
        return self.page.locator(".mlvajra-card .notice")

    @property
    def sample(self) -> str:
        """The key of the sample on the screen, once there is one."""
        return self.page.locator(PAINTED).get_attribute("data-painted") or ""

    def shows(self, sample: str) -> None:
        """Return when this sample is on the screen."""
        expect(self.card).to_have_attribute("data-painted", sample)

    def wait_for_card(self) -> None:
        """Return when a sample is on the screen."""
        self.page.locator(PAINTED).wait_for()

    def press(self, *keys: str) -> list[str]:
        """Press keys as a reader does, each on a painted card; return the samples they met."""
        return [until(self._presser(key), f"a card for the key {key}") for key in keys]

    def _presser(self, key: str) -> Callable[[], str]:
        def met() -> str:
            self.wait_for_card()
            self.page.keyboard.press(key)
            return self.pressed()[-1]["sample"]

        return met

    def burst(self, count: int, *, pause_ms: int = 60) -> None:
        """Press 1 and 2 without a look at the screen until `count` more keys met a card."""
        wanted, keys = len(self.met()) + count, cycle("121122")

        def press() -> None:
            self.page.keyboard.press(next(keys))
            self.page.wait_for_timeout(pause_ms)

        for _ in range(count):
            press()
        until(lambda: len(self.met()) >= wanted or press(), f"{count} keys to meet a card")

    def pressed(self) -> list[dict[str, str]]:
        """Return what stood on the screen at each press so far."""
        found: list[dict[str, str]] = self.page.evaluate("window.pressed")
        return found

    def met(self) -> list[dict[str, str]]:
        """Return the presses so far that found a card on the screen."""
        return [press for press in self.pressed() if press["sample"]]

    def wait_until_saved(self) -> None:
        """Return when the card says that all is saved."""
        expect(self.status).to_have_text("All saved")

    def saved(self, count: int) -> list[dict[str, Any]]:
        """Return this person's events once there are `count` and the card says that all is saved.

        For answers that a tab takes over: before it has, all of its own are saved.
        """
        until(lambda: len(self.stored()) >= count, f"{count} events of {self.person}")
        self.wait_until_saved()
        return self.stored()

    def stored(self) -> list[dict[str, Any]]:
        """Return the events of this person, in order."""
        columns = "event_id, sample_key, action, label, supersedes, comment, late, elapsed_ms"
        query = f"""SELECT {columns} FROM annotation
            JOIN person ON person.id = person_id JOIN project ON project.id = project_id
            WHERE person.name = :person AND project.name = :project ORDER BY seq"""  # noqa: S608
        return rows(self.server, query, person=self.person, project=self.project)

    def held(self) -> int:
        """Return how many claims this person holds."""
        query = """SELECT slot.id FROM slot JOIN person ON person.id = annotator_id
            WHERE person.name = :person AND NOT done"""
        return len(rows(self.server, query, person=self.person))


def outrun(desk: Desk, *, label: str) -> None:
    """Let this person's leases run out and somebody else answer the sample on the screen."""
    change(
        desk.server,
        "UPDATE slot SET lease_until = '2026-01-01 00:00:00.000000' "
        "WHERE annotator_id = (SELECT id FROM person WHERE name = :person)",
        person=desk.person,
    )
    path, sample = f"/projects/{desk.project}", desk.sample
    with desk.server.client(a_person(desk.server)) as client:
        claimed = client.post(f"{path}/claims", json={"n": 20}).json()
        [claim] = [one for one in claimed if one["sample_key"] == sample]
        answer = {"event_id": str(uuid4()), "action": "answer", "label": label}
        answer |= {"sample_key": sample, "claim_id": claim["claim_id"]}
        assert client.post(f"{path}/annotations", json=[answer]).status_code == 201

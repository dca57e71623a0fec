"""What people are told, and what is stored, when a session, a lease or a database goes away.

Annotators work over HTTP as the card does (`tests.soak.annotators`), on both databases. The
same with processes of their own, for longer: `make soak`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from mlvajra_al import config
from mlvajra_al.services import people
from mlvajra_al.web import context
from tests.factories import a_project, rank
from tests.integration.conftest import PASSWORD, Web
from tests.postgresql import Cluster
from tests.soak.annotators import Annotator
from tests.soak.failures import read_only

ENDED = "you are not signed in, or your session has ended; sign in again"
AWAY = "he database cannot be used right now"
READ_ONLY = (
    "the database cannot be used right now (it can only be read); nothing that was saved is "
    "lost: an admin should let this program write to it and its folder"
)
SAMPLES = 60


@dataclass
class Desk:
    """The app with a project of sixty texts, and people who label them."""

    web: Web

    def annotator(self, name: str) -> Annotator:
        """Return a new person at work."""
        return self.tab(name, self.web.signed_in(name))

    def tab(self, name: str, client: httpx.Client) -> Annotator:
        """Return a tab of a browser, opened for a person."""
        return Annotator(client, name, "spam", truth=lambda _: "ham", rng=random.Random(name))

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Return what a query finds."""
        with self.web.store.read() as connection:
            return list(connection.execute(text(query), values))

    def change(self, statement: str, **values: Any) -> None:
        """Do to the tables what time or an admin does."""
        with self.web.store.begin() as connection:
            assert connection.execute(text(statement), values).rowcount

    def stored(self) -> list[tuple[str, str, str]]:
        """Return who has answered what, in order, with the event's id."""
        rows = self.rows(
            "SELECT person.name AS person, sample_key, event_id FROM annotation "
            "JOIN person ON person.id = person_id ORDER BY seq"
        )
        return [(row.person, row.sample_key, row.event_id) for row in rows]

    def leases_end(self, person: str) -> None:
        """Let the leases of a person run out, as time does."""
        self.change(
            "UPDATE slot SET lease_until = :past WHERE NOT done AND annotator_id = "
            "(SELECT id FROM person WHERE name = :name)",
            past=str((context.now() - timedelta(seconds=1)).replace(tzinfo=None)),
            name=person,
        )


def open_desk(web: Web) -> Desk:
    """Give the app a project whose samples wait in a known order."""
    project = a_project(web.store)
    rank(web.store, project, SAMPLES)
    return Desk(web)


@pytest.fixture
def desk(
    database_url: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Desk:
    """The app on each database."""
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", database_url)
    config.settings.cache_clear()
    return open_desk(request.getfixturevalue("web"))


def sign_in(client: httpx.Client, name: str) -> None:
    """Sign in by the form, whoever was signed in in this browser."""
    answer = client.post("/account/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text


def answer_six(annotator: Annotator) -> list[str]:
    """Put answers to the six samples at hand into the outbox; return the samples."""
    annotator.fetch()
    keys = [held.sample_key for held in annotator.buffer]
    annotator.buffer.clear()
    for key in keys:
        annotator.say(key, "answer", "ham")
    assert len(keys) == 6
    return keys


def told(annotator: Annotator) -> set[tuple[int, str]]:
    """Return what an annotator was told since the last time this was asked."""
    words = set(annotator.diary.troubles)
    annotator.diary.troubles.clear()
    return words


def patient(annotator: Annotator) -> Annotator:
    """Let the time pass that an annotator waits after a trouble."""
    annotator._wait_until = 0.0
    return annotator


# ---- two tabs of one person --------------------------------------------------------------


def test_tabs_of_one_person_at_work_at_once_share_no_sample_and_lose_nothing(desk: Desk) -> None:
    first = desk.annotator("Ada")
    tabs = [first, *(desk.tab("Ada", first.client) for _ in range(3))]
    threads = [
        threading.Thread(target=lambda tab=tab: [tab.turn() for _ in range(20)]) for tab in tabs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tab in tabs:
        tab.send_everything(patience_s=10)
    asked = [held.sample_key for tab in tabs for held in tab.diary.held]
    assert len(asked) == len(set(asked)) == SAMPLES
    assert [told(tab) for tab in tabs] == [set()] * 4
    assert {event for _, _, event in desk.stored()} == {e for tab in tabs for e in tab.diary.said}


def test_an_answer_sent_by_two_tabs_at_once_is_stored_once(desk: Desk) -> None:
    first = desk.annotator("Ada")
    second = desk.tab("Ada", first.client)
    answer_six(first)
    second.diary.said |= first.diary.said
    second.outbox = list(first.outbox)  # the tab was thought dead, and its outbox adopted
    threads = [threading.Thread(target=tab.pump) for tab in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (first.outbox, second.outbox) == ([], [])
    assert len(desk.stored()) == 6
    one, two = first.diary.saved, second.diary.saved
    assert [one[event]["seq"] for event in one] == [two[event]["seq"] for event in one]
    assert sorted(one[event]["repeat"] + two[event]["repeat"] for event in one) == [1] * 6


# ---- a session that ends in the middle of a burst ------------------------------------------

End = Callable[[Desk, Annotator], None]


def logged_out_in_another_tab(desk: Desk, ada: Annotator) -> None:
    with httpx.Client(base_url=desk.web.url, cookies=dict(ada.client.cookies)) as other:
        assert other.post("/account/logout").status_code == 303


def revoked(desk: Desk, ada: Annotator) -> None:
    desk.change("UPDATE session SET revoked_at = created_at")


def expired(desk: Desk, ada: Annotator) -> None:
    desk.change("UPDATE session SET expires_at = created_at")


def given_a_new_password(desk: Desk, ada: Annotator) -> None:
    people.set_password(desk.web.store, None, name="Ada", password=PASSWORD, now=context.now())


ENDS: list[End] = [logged_out_in_another_tab, revoked, expired, given_a_new_password]


def test_a_session_that_ends_mid_burst_is_said_and_its_answers_wait(desk: Desk) -> None:
    ada = desk.annotator("Ada")
    for number, ends in enumerate(ENDS):
        answer_six(ada)
        ada.pump()
        waiting = answer_six(ada)
        ends(desk, ada)
        ada.pump()
        assert told(ada) == {(401, ENDED)}, ends
        assert [event["sample_key"] for event in ada.outbox] == waiting
        assert len(desk.stored()) == 12 * number + 6

        sign_in(ada.client, "Ada")
        patient(ada).pump()
        assert ada.outbox == []
    assert not any(item["late"] for item in ada.diary.saved.values())
    assert sorted(event for *_, event in desk.stored()) == sorted(ada.diary.said)


def test_a_closed_account_saves_nothing_until_it_is_opened_again(desk: Desk) -> None:
    ada = desk.annotator("Ada")
    answer_six(ada)
    people.disable(desk.web.store, None, name="Ada", now=context.now())
    ada.pump()
    assert told(ada) == {(401, ENDED)}
    refused = ada.client.post("/account/login", data={"name": "Ada", "password": PASSWORD})
    assert refused.status_code != 303
    assert desk.stored() == []

    people.enable(desk.web.store, None, name="Ada", now=context.now())
    sign_in(ada.client, "Ada")
    patient(ada).pump()
    assert len(desk.stored()) == 6


# ---- somebody else signs in in the same browser --------------------------------------------


def test_a_tab_of_somebody_else_claims_nothing_renews_nothing_and_says_nothing(desk: Desk) -> None:
    ada = desk.annotator("Ada")
    held = answer_six(ada)
    desk.web.person("Bob")
    sign_in(ada.client, "Bob")
    why = (
        "these answers belong to Ada, but Bob is signed in here now; they are kept in this "
        "browser until Ada signs in again"
    )
    for act in (ada.pump, ada.fetch, ada.beat):
        act()
        patient(ada)
        status, words = told(ada).pop()
        assert (status, "Bob is signed in here now" in words) == (409, True), words
    ada.pump()
    assert told(ada) == {(409, why)}
    assert desk.stored() == []

    bob = desk.tab("Bob", ada.client)
    theirs = answer_six(bob)
    bob.pump()
    assert not set(theirs) & set(held)
    sign_in(ada.client, "Ada")
    patient(ada).pump()
    assert [(person, key) for person, key, _ in desk.stored()] == [
        *(("Bob", key) for key in theirs),
        *(("Ada", key) for key in held),
    ]


# ---- a laptop asleep for longer than its lease ----------------------------------------------


def test_who_slept_through_the_lease_is_told_late_and_the_first_answer_counts(desk: Desk) -> None:
    ada, bob = desk.annotator("Ada"), desk.annotator("Bob")
    held = answer_six(ada)
    desk.leases_end("Ada")
    assert answer_six(bob) == held
    bob.pump()
    ada.pump()
    assert [item["late"] for item in ada.diary.saved.values()] == [True] * 6
    assert [item["late"] for item in bob.diary.saved.values()] == [False] * 6
    seen = {row.event_id: bool(row.late) for row in desk.rows("SELECT * FROM annotation")}
    assert seen == {e: one is ada for one in (ada, bob) for e in one.diary.said}
    admin = desk.web.program("Root", "admin")
    labels = admin.get("/api/v1/projects/spam/labels?format=jsonl").text.splitlines()
    assert len(labels) == 6


def test_who_wakes_up_with_cards_that_went_to_others_loses_the_cards_not_the_answers(
    desk: Desk,
) -> None:
    ada, bob = desk.annotator("Ada"), desk.annotator("Bob")
    ada.fetch()
    kept, lost = ada.buffer[0].sample_key, [held.sample_key for held in ada.buffer[1:]]
    ada.say(ada.buffer.pop(0).sample_key, "answer", "ham")
    ada.pump()
    desk.leases_end("Ada")
    assert answer_six(bob)[:5] == lost
    ada.beat()
    assert ada.buffer == []
    assert [(who, key) for who, key, _ in desk.stored()] == [("Ada", kept)]


def test_who_wakes_up_before_anybody_took_the_cards_goes_on_with_them(desk: Desk) -> None:
    ada = desk.annotator("Ada")
    ada.fetch()
    before = list(ada.buffer)
    desk.leases_end("Ada")
    ada.beat()
    assert ada.buffer == before
    ada.turn()
    assert [item["late"] for item in ada.diary.saved.values()] == [False]


def test_an_answer_taken_back_before_a_sleep_and_given_again_after_it_is_late(desk: Desk) -> None:
    ada, bob = desk.annotator("Ada"), desk.annotator("Bob")
    first, *_ = answer_six(ada)
    event = ada.outbox[0]["event_id"]
    ada.say(first, "retract", None, supersedes=event)
    ada.pump()
    desk.leases_end("Ada")
    assert first in answer_six(bob)
    bob.pump()
    again = ada.say(first, "answer", "spam")
    ada.pump()
    assert ada.diary.saved[again["event_id"]]["late"]


# ---- a database that goes away and comes back ------------------------------------------------


@pytest.fixture
def fragile(
    fragile_url: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Desk:
    """The app on that server."""
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", fragile_url)
    config.settings.cache_clear()
    return open_desk(request.getfixturevalue("web"))


def test_while_postgresql_is_down_everybody_is_told_and_afterwards_all_goes_on(
    fragile: Desk, cluster: Cluster
) -> None:
    ada = fragile.annotator("Ada")
    answer_six(ada)
    cluster.stop()
    for act in (ada.pump, ada.fetch, ada.beat):
        act()
        patient(ada)
        [(status, words)] = told(ada)
        assert status == 503 and AWAY in words, (status, words)
    assert len(ada.outbox) == 6
    for path, status in (("/healthz", 200), ("/readyz", 503), ("/account/login", 503)):
        assert (path, ada.client.get(path).status_code) == (path, status)
    form = {"name": "Ada", "password": PASSWORD}
    refused = httpx.post(f"{fragile.web.url}/account/login", data=form)
    assert refused.status_code == 503 and AWAY in refused.text

    cluster.start()
    patient(ada).pump()
    assert ada.outbox == []
    assert ada.client.get("/readyz").status_code == 200
    assert len(fragile.stored()) == 6


def test_a_database_that_can_only_be_read_takes_no_answer_and_says_so(
    fragile: Desk, fragile_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ada = fragile.annotator("Ada")
    answer_six(ada)
    with read_only(fragile_url):
        while not told(ada):  # the server applies the setting in its own time
            ada.fetch()
        patient(ada).pump()
        assert told(ada) == {(503, READ_ONLY)}
        assert "answered 503 to /api/v1/projects/spam/annotations" in caplog.text
        assert ada.client.get("/api/v1/projects/spam/progress").status_code == 200
    while ada.outbox:
        patient(ada).pump()
    assert len(fragile.stored()) == 6

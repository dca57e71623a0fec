"""Nothing that was answered is lost, sent twice, or sent as somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from mlvajra_al.services.label_sets import make_labels
from tests.e2e.beside import a_person, a_project, change, kill_web, until
from tests.e2e.desk import Desk, outrun

Sit = Callable[..., Desk]


def kept(page: Page) -> dict[str, Any]:
    """Return what lies in the browser's storage for us."""
    found: dict[str, Any] = page.evaluate(
        """() => Object.fromEntries(Object.entries(localStorage)
            .filter(([key]) => key.startsWith("mlvajra-outbox/"))
            .map(([key, value]) => [key, JSON.parse(value)]))"""
    )
    return found


def test_a_server_killed_in_the_middle_of_a_burst_loses_nothing_and_doubles_nothing(
    sit: Sit,
) -> None:
    desk = sit()
    desk.burst(6)
    kill_web(desk.server)
    desk.burst(6)
    desk.server.wait_until_ready()
    desk.burst(4, pause_ms=150)
    kill_web(desk.server)
    desk.server.wait_until_ready()
    desk.wait_until_saved()
    labels = {"1": "ham", "2": "spam"}
    met = [(press["sample"], labels[press["key"]]) for press in desk.met()]
    assert [(event["sample_key"], event["label"]) for event in desk.stored()] == met


LEAVE = """() => {
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  return leaving.defaultPrevented;
}"""
REFUSED = """() => {
  const [outbox] = window.mlvajraOutboxes.values();
  Storage.prototype.setItem = () => { throw new Error("full"); };
  outbox.rejected.push({});
  outbox.keep();
}"""


def test_a_page_is_not_left_unasked_while_a_refused_answer_is_nowhere_else(sit: Sit) -> None:
    desk = sit()
    assert desk.page.evaluate(LEAVE) is False
    desk.page.evaluate(REFUSED)
    assert desk.page.evaluate(LEAVE) is True


def test_answers_given_offline_are_said_to_wait_and_arrive_in_order(
    sit: Sit, context: BrowserContext
) -> None:
    desk = sit()
    met = desk.press("1")
    desk.wait_until_saved()
    context.set_offline(True)
    met += desk.press("2", "1", "2")
    expect(desk.status).to_contain_text("Offline (3 waiting")
    assert len(desk.stored()) == 1
    context.set_offline(False)
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met
    assert kept(desk.page) == {}


def test_offline_the_rail_does_not_go_on_telling_what_the_model_was_doing(
    sit: Sit, context: BrowserContext
) -> None:
    desk = sit()
    desk.wait_until_saved()
    busy = {"loop_state": "queued", "loop_message": "Choosing what to ask next"}

    def choosing(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | busy)

    desk.page.route("**/claims/heartbeat", choosing)
    loop = desk.card.locator(".loop")
    expect(loop).to_have_text(busy["loop_message"])
    desk.page.unroute_all(behavior="ignoreErrors")
    context.set_offline(True)
    expect(loop).to_have_text("Not known while offline")
    expect(desk.card.locator(".meter.busy")).to_have_count(0)
    context.set_offline(False)
    desk.wait_until_saved()
    expect(loop).not_to_have_text("Not known while offline")


def test_offline_the_card_counts_what_is_left_and_says_what_needs_the_server(
    sit: Sit, context: BrowserContext
) -> None:
    desk = sit()
    desk.burst(6)
    desk.wait_until_saved()
    cards = until(lambda: (held := desk.held()) > 10 and held, "more cards for who is fast")
    context.set_offline(True)
    met = desk.press(*"121")
    left = f"Offline (3 waiting, kept in this browser). {cards - 3} cards left here."
    expect(desk.status).to_have_text(left)
    desk.page.get_by_role("radio", name="My answers").click()
    expect(desk.notices.filter(has_text="looked up on the server")).to_be_visible()
    met += desk.press(*("1" * (cards - 3)))
    expect(desk.card.get_by_role("heading", name="The server cannot be reached")).to_be_visible()
    expect(desk.status).to_contain_text("No card left here.")
    context.set_offline(False)
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()][-cards:] == met


def test_a_tab_closed_with_unsent_answers_is_taken_over_by_the_next_one(
    sit: Sit, context: BrowserContext
) -> None:
    desk = sit()
    context.set_offline(True)
    met = desk.press("1", "2", "1")
    expect(desk.status).to_contain_text("3 waiting")
    desk.page.close()
    context.set_offline(False)
    assert desk.stored() == []
    again = Desk(context.new_page(), desk.server, desk.person).open()
    assert [event["sample_key"] for event in again.saved(3)] == met
    assert kept(again.page) == {}


def test_a_reload_keeps_what_was_not_sent(sit: Sit, context: BrowserContext) -> None:
    desk = sit()
    desk.page.route("**/annotations", lambda route: route.abort())
    met = desk.press("1", "2")
    expect(desk.status).to_contain_text("2 waiting")
    desk.page.unroute("**/annotations")
    desk.page.reload()
    desk.wait_for_card()
    assert [event["sample_key"] for event in desk.saved(2)] == met


def test_two_tabs_of_one_person_send_their_own_answers_once(
    sit: Sit, context: BrowserContext
) -> None:
    desk = sit()
    other = Desk(context.new_page(), desk.server, desk.person).open()
    senders: dict[str, set[Page]] = {}

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/annotations"):
            for answer in request.post_data_json:
                senders.setdefault(answer["event_id"], set()).add(request.frame.page)

    context.on("request", note)
    context.set_offline(True)
    desk.page.bring_to_front()
    met = desk.press("1", "2", "1")
    other.page.bring_to_front()
    met += other.press("2", "1", "2")
    expect(other.status).to_contain_text("3 waiting")
    assert len(kept(desk.page)) == 2, "each tab has an outbox of its own"
    context.set_offline(False)
    desk.wait_until_saved()
    other.wait_until_saved()
    assert len(set(met)) == 6, "the tabs showed different samples"
    assert sorted(event["sample_key"] for event in desk.stored()) == sorted(met)
    assert sorted(senders) == sorted(event["event_id"] for event in desk.stored())
    assert all(len(pages) == 1 for pages in senders.values()), "each tab sent its own"


def test_another_person_signing_in_elsewhere_gets_none_of_my_answers(
    sit: Sit, context: BrowserContext, sign_in: Callable[..., None]
) -> None:
    desk = sit()
    mine = desk.press("1")
    desk.wait_until_saved()
    other = a_person(desk.server)
    tab = context.new_page()
    context.clear_cookies()
    sign_in(tab, desk.server, other)
    mine += desk.press("2", "1")
    expect(desk.status).to_contain_text(f"These answers belong to {desk.person}")
    expect(desk.status).to_contain_text(other)
    assert len(desk.stored()) == 1
    assert Desk(tab, desk.server, other).stored() == []
    their = Desk(tab, desk.server, other).open()
    expect(their.notices.filter(has_text=f"2 answers of {desk.person} wait")).to_be_visible()
    context.clear_cookies()
    sign_in(tab, desk.server, desk.person)
    desk.page.bring_to_front()
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == mine
    assert their.stored() == []


def test_a_session_revoked_in_a_burst_says_so_and_keeps_the_answers(
    sit: Sit, context: BrowserContext, sign_in: Callable[..., None]
) -> None:
    desk = sit()
    desk.burst(3)
    change(
        desk.server,
        "UPDATE session SET revoked_at = '2026-01-01 00:00:00.000000' "
        "WHERE person_id = (SELECT id FROM person WHERE name = :person)",
        person=desk.person,
    )
    desk.burst(1)
    expect(desk.status).to_contain_text("Signed out; your")
    expect(desk.card.get_by_role("link", name="Sign in again")).to_be_visible()
    met = [press["sample"] for press in desk.met()]
    assert len(desk.stored()) < len(met)
    sign_in(context.new_page(), desk.server, desk.person)
    desk.page.bring_to_front()
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met


def test_a_refused_answer_is_shown_with_the_reason_and_takes_no_other_with_it(
    sit: Sit, server: Any, context: BrowserContext
) -> None:
    a_project(server, "shrinking", labels=make_labels(["a", "b", "c"]))
    desk = sit("shrinking")
    change(
        server,
        "DELETE FROM label WHERE name = 'b' AND "
        "project_id = (SELECT id FROM project WHERE name = 'shrinking')",
    )
    context.set_offline(True)
    met = desk.press("a", "b", "1")
    context.set_offline(False)
    refused = desk.notices.filter(has_text="Not accepted")
    expect(refused).to_contain_text("'b' is not a label of this project")
    expect(desk.status).to_have_text("1 answer not accepted: see the notice")
    assert [event["sample_key"] for event in desk.stored()] == [met[0], met[2]]
    desk.page.reload()
    desk.wait_for_card()
    expect(refused).to_be_visible()
    refused.get_by_role("button", name="Discard").click()
    expect(refused).to_have_count(0)
    expect(desk.status).to_have_text("All saved")
    assert kept(desk.page) == {}


def test_an_answer_after_its_lease_is_saved_and_said_to_be_late(
    sit: Sit, server: Any, context: BrowserContext
) -> None:
    a_project(server, "contested")
    desk = sit("contested")
    context.set_offline(True)
    sample = desk.sample
    outrun(desk, label="good")
    desk.press("2")
    context.set_offline(False)
    notice = desk.notices.filter(has_text="had gone to somebody else meanwhile")
    expect(notice).to_be_visible()
    assert [(e["sample_key"], e["late"]) for e in desk.stored()] == [(sample, 1)]


def test_a_browser_that_keeps_nothing_says_so_and_still_sends(
    fresh_context: BrowserContext, server: Any, sign_in: Callable[..., None]
) -> None:
    context = fresh_context
    context.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
    )
    page, person = context.new_page(), a_person(server)
    sign_in(page, server, person)
    desk = Desk(page, server, person).open()
    context.set_offline(True)
    met = desk.press("1", "2")
    expect(desk.notices.filter(has_text="cannot keep answers on disk")).to_be_visible()
    expect(desk.status).to_contain_text("leave it open")
    context.set_offline(False)
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met


def test_the_card_says_that_it_is_offline_at_the_start_and_recovers(sit: Sit) -> None:
    desk = sit()
    page = desk.page
    page.route("**/claims*", lambda route: route.abort())
    page.route("**/claims/heartbeat", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")
    desk.wait_for_card()
    desk.press("1")
    desk.wait_until_saved()


def test_where_nothing_is_left_for_a_person_the_card_says_why(sit: Sit, server: Any) -> None:
    a_project(server, "finished")
    desk = sit("finished")
    change(
        server,
        "UPDATE slot SET done = true WHERE "
        "project_id = (SELECT id FROM project WHERE name = 'finished')",
    )
    desk.page.reload()
    expect(desk.card.get_by_role("heading", name="All done for you")).to_be_visible()
    for key in "12s":
        desk.page.keyboard.press(key)
    expect(desk.status).to_have_text("All saved")
    assert desk.stored() == []


def test_while_the_first_samples_are_on_their_way_nobody_is_told_that_all_is_done(
    sit: Sit,
) -> None:
    desk = sit()
    page, slow, beats = desk.page, [], []
    page.route(
        "**/claims", lambda r: slow.append(r) if r.request.method == "POST" else r.continue_()
    )
    page.route("**/claims/heartbeat", lambda route: beats.append(route))
    page.reload()
    fetching = desk.card.get_by_role("status", name="Fetching the next sample")
    expect(fetching).to_be_visible()
    page.unroute("**/claims/heartbeat")
    beats[-1].continue_()
    expect(desk.card.locator(".rail.unknown")).to_have_count(0)
    expect(fetching).to_be_visible()
    slow[-1].continue_()
    desk.wait_for_card()


def test_a_project_archived_meanwhile_takes_the_answers_and_asks_no_more(
    sit: Sit, server: Any
) -> None:
    a_project(server, "shelved")
    desk = sit("shelved")
    change(server, "UPDATE project SET archived_at = created_at WHERE name = 'shelved'")
    met = desk.press(*"121212")
    expect(desk.card.get_by_role("heading", name="Not open for labelling")).to_be_visible()
    expect(desk.card.locator(".end")).to_contain_text("archived")
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met
    change(server, "UPDATE project SET archived_at = NULL WHERE name = 'shelved'")
    desk.wait_for_card()


def test_a_server_that_cannot_store_says_why_and_the_answers_wait_for_it(sit: Sit) -> None:
    desk = sit()
    full = {"error": {"type": "DiskFull", "message": "the disk is full; free some space"}}
    desk.page.route("**/annotations", lambda route: route.fulfill(status=503, json=full))
    met = desk.press("1", "2")
    expect(desk.status).to_contain_text(
        "The server has trouble: the disk is full; free some space (2 waiting, kept in this browser"
    )
    assert desk.stored() == []
    desk.page.unroute_all(behavior="ignoreErrors")
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met
    expect(desk.notices).to_have_count(0)


def test_after_a_sleep_longer_than_the_lease_the_card_of_somebody_else_is_gone(
    sit: Sit, server: Any, context: BrowserContext
) -> None:
    a_project(server, "slept over")
    desk = sit("slept over")
    sample = desk.sample
    context.set_offline(True)  # asleep, it renews no lease
    outrun(desk, label="good")
    context.set_offline(False)
    expect(desk.notices.filter(has_text="You were away")).to_be_visible()
    desk.wait_for_card()
    met = desk.press("2")
    desk.wait_until_saved()
    assert sample not in met
    assert [(e["sample_key"], e["late"]) for e in desk.stored()] == [(met[0], 0)]


def test_a_correction_of_what_was_corrected_elsewhere_is_refused_and_the_newer_answer_offered(
    sit: Sit, server: Any
) -> None:
    desk = sit()
    [sample] = desk.press("1")
    desk.wait_until_saved()
    path, [said] = f"/projects/{desk.project}/annotations", desk.stored()
    newer = {"event_id": "said-elsewhere", "sample_key": sample, "action": "answer"}
    newer |= {"label": "spam", "supersedes": said["event_id"]}
    with server.client(desk.person) as client:
        assert client.post(path, json=[newer]).status_code == 201

    desk.press("u")
    refused = desk.notices.filter(has_text="Not accepted: taken back")
    expect(refused).to_contain_text("You have answered spam meanwhile", ignore_case=True)
    desk.shows(sample)
    desk.press("f")
    desk.page.keyboard.press("Enter")
    expect(refused).to_have_count(0)
    desk.wait_until_saved()
    assert [event["action"] for event in desk.stored()] == ["answer", "answer", "flag"]
    assert desk.stored()[-1]["supersedes"] == "said-elsewhere"


def test_what_waited_is_not_lost_where_another_tab_was_quicker(
    sit: Sit, server: Any, context: BrowserContext
) -> None:
    desk = sit()
    [sample] = desk.press("1")
    desk.wait_until_saved()
    path, [said] = f"/projects/{desk.project}/annotations", desk.stored()
    context.set_offline(True)
    desk.press("u", "2")
    newer = {"event_id": "said-quicker", "sample_key": sample, "action": "skip"}
    with server.client(desk.person) as client:
        newer |= {"supersedes": said["event_id"]}
        assert client.post(path, json=[newer]).status_code == 201
    context.set_offline(False)
    refused = desk.notices.filter(has_text="Not accepted: spam")
    expect(refused).to_contain_text("you have skipped it meanwhile")
    expect(desk.notices.filter(has_text="Not accepted")).to_have_count(1)
    refused.get_by_role("button", name="Change it to spam").click()
    until(lambda: len(desk.stored()) == 3, "the answer that was insisted on")
    last = desk.stored()[-1]
    assert (last["label"], last["supersedes"]) == ("spam", "said-quicker")
    expect(refused).to_have_count(0)

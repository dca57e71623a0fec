"""Labelling with the keyboard: one key, one answer, for the sample on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Route, expect

from mlvajra_al.records import Policy
from tests.e2e.beside import a_person, a_project, emails, until, versions
from tests.e2e.controls import choose, label_button, settled
from tests.e2e.desk import Desk

Sit = Callable[..., Desk]


def size(drawn: Locator) -> tuple[float, float]:
    """Return how wide and high something is on the screen."""
    box = drawn.bounding_box()
    assert box is not None
    return box["width"], box["height"]


def test_every_key_of_a_burst_labels_the_sample_on_the_screen(sit: Sit) -> None:
    desk = sit()
    desk.burst(20)
    desk.wait_until_saved()
    met, stored = desk.met(), desk.stored()
    assert [event["sample_key"] for event in stored] == [press["sample"] for press in met]
    labels = {"1": "ham", "2": "spam"}
    assert [event["label"] for event in stored] == [labels[press["key"]] for press in met]
    known = emails()
    for press, event in zip(met, stored, strict=True):
        email = known[event["sample_key"]]
        title, text = email["subject"] or "(no title)", email["body"] or "(empty)"
        assert (press["title"], press["text"][:300]) == (title, text[:300])


def test_undo_brings_the_card_back_and_the_next_answer_supersedes(sit: Sit) -> None:
    desk = sit()
    first, second = desk.press("1", "2")
    desk.page.keyboard.press("u")
    desk.shows(second)
    expect(desk.card.locator(".said")).to_contain_text("You had said")
    expect(desk.card.locator('.label[data-label="spam"]')).to_have_attribute("aria-pressed", "true")
    desk.press("1")
    desk.wait_until_saved()
    events = desk.stored()
    assert [(e["sample_key"], e["action"], e["label"]) for e in events] == [
        (first, "answer", "ham"),
        (second, "answer", "spam"),
        (second, "retract", None),
        (second, "answer", "ham"),
    ]
    assert [e["supersedes"] for e in events[1:]] == [
        None,
        events[1]["event_id"],
        events[2]["event_id"],
    ]
    assert not any(e["late"] for e in events)


def test_backspace_undoes_several_answers_one_by_one(sit: Sit) -> None:
    desk = sit()
    met = desk.press("1", "1", "2")
    for sample in reversed(met):
        desk.page.keyboard.press("Backspace")
        desk.shows(sample)
    assert desk.press("2", "2", "1") == met
    desk.wait_until_saved()
    final = {e["sample_key"]: e["label"] for e in desk.stored()}
    assert [final[sample] for sample in met] == ["spam", "spam", "ham"]


def test_a_skipped_sample_makes_room_and_a_flag_carries_its_comment(sit: Sit) -> None:
    desk = sit()
    (skipped,) = desk.press("s")
    (flagged,) = desk.press("f")
    desk.page.keyboard.type("1 or 2? u tell me")
    assert desk.sample == flagged, "keys go into the comment"
    desk.page.keyboard.press("Enter")
    assert desk.sample not in (skipped, flagged)
    desk.wait_until_saved()
    said = [(e["sample_key"], e["action"], e["label"], e["comment"]) for e in desk.stored()]
    assert said == [
        (skipped, "skip", None, ""),
        (flagged, "flag", None, "1 or 2? u tell me"),
    ]


def test_escape_leaves_the_flag_and_the_shortcuts_without_an_answer(sit: Sit) -> None:
    desk = sit()
    (sample,) = desk.press("f")
    desk.page.keyboard.press("Escape")
    expect(desk.card.locator(".flag")).to_be_hidden()
    desk.page.keyboard.press("?")
    expect(desk.card.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    desk.page.keyboard.press("1")
    desk.page.keyboard.press("Escape")
    expect(desk.card.get_by_role("dialog", name="Shortcuts")).to_be_hidden()
    assert desk.sample == sample
    assert desk.stored() == []


def test_keys_with_modifiers_on_repeat_or_in_a_field_answer_nothing(sit: Sit) -> None:
    desk = sit()
    sample = desk.sample
    for chord in ("Control+1", "Alt+1", "Meta+1", "Shift+S"):
        desk.page.keyboard.press(chord)
    picker = desk.page.get_by_role("combobox").first
    picker.focus()
    desk.page.keyboard.press("1")
    desk.page.keyboard.press("Escape")
    desk.page.locator("body").evaluate("() => document.activeElement.blur()")
    assert desk.sample == sample
    desk.page.keyboard.down("1")
    for _ in range(5):
        desk.page.keyboard.down("1")
    desk.page.keyboard.up("1")
    desk.wait_until_saved()
    assert len(desk.stored()) == 1, "a key held down is one answer"


def test_a_double_click_records_one_annotation(sit: Sit) -> None:
    desk = sit()
    sample = desk.sample
    desk.card.locator('.label[data-label="ham"]').dblclick()
    desk.wait_until_saved()
    assert [e["sample_key"] for e in desk.stored()] == [sample]
    desk.card.locator('.label[data-label="spam"]').click()
    desk.wait_until_saved()
    assert [e["label"] for e in desk.stored()] == ["ham", "spam"]


def test_buttons_stay_in_their_place_whatever_the_sample(sit: Sit) -> None:
    desk = sit()
    button = desk.card.locator('.label[data-label="spam"]')
    places = []
    for key in "121212":
        places.append(button.bounding_box())
        desk.press(key)
    assert len({str(place) for place in places}) == 1
    place = places[0]
    assert place is not None and place["y"] + place["height"] < 800, "without scrolling"


def test_a_row_of_numbers_shows_each_with_the_pools_range(sit: Sit) -> None:
    desk = sit("tumours")
    rows = desk.card.locator(".row")
    expect(rows).to_have_count(30)
    expect(rows.first).to_contain_text("mean radius")
    expect(rows.first.locator(".range")).to_have_attribute("title", "6.981 to 28.11 in the pool")
    body = desk.card.locator(".body")
    hidden = "body => body.scrollHeight - body.clientHeight"
    until(lambda: body.evaluate(hidden) <= 2, "all at a glance")


def test_an_image_of_eight_by_eight_pixels_is_large_and_crisp(sit: Sit) -> None:
    desk = sit("digits")
    canvas = desk.card.locator("canvas")
    until(lambda: min(size(canvas)) >= 200, "a large image")
    drawn = canvas.evaluate("c => [c.width, c.height, getComputedStyle(c).imageRendering]")
    assert drawn == [8, 8, "pixelated"]
    bright = canvas.evaluate("c => Math.max(...c.getContext('2d').getImageData(0, 0, 8, 8).data)")
    assert bright == 255
    expect(desk.card.locator(".label")).to_have_count(10)
    desk.page.set_viewport_size({"width": 390, "height": 640})
    body = desk.card.locator(".body")
    until(lambda: body.evaluate("e => e.clientHeight") < 250, "little room")
    assert body.evaluate("e => e.scrollHeight <= e.clientHeight") and min(size(canvas)) >= 96


def test_the_rail_counts_and_a_new_version_exchanges_what_nobody_has_seen(
    sit: Sit, server: Any
) -> None:
    a_project(server, "learning", policy=Policy(retrain_every=10, holdout_rate=0.0))
    desk = sit("learning")
    rail = desk.card.locator(".rail")
    meter = rail.get_by_role("progressbar")
    met = desk.press("1", "1", "2")
    expect(rail).to_contain_text("Your answers3")
    expect(meter).to_have_attribute("aria-valuemax", "10")
    expect(meter).to_have_attribute("aria-valuenow", "3")
    expect(rail.locator(".loop")).to_have_text("7 answers until the next retrain")
    met += desk.press(*"1212121")
    shown = desk.sample
    expect(desk.notices.filter(has_text="it chooses what comes next")).to_be_visible()
    desk.shows(shown)  # the card under the reader's eyes stays
    expect(rail.locator(".loop")).to_have_text("10 answers until the next retrain")
    assert [row.version.n_labels for row in versions(server, "learning")] == [10]
    met += desk.press("1", "2", "1")
    desk.wait_until_saved()
    assert met[10] == shown
    with server.client() as client:
        events = client.get("/projects/learning/annotations?limit=5000").json()
    asked_by = {event["sample_key"]: (event["why"] or {}).get("version") for event in events}
    assert any(asked_by[sample] == 1 for sample in met[11:])


def test_leaving_the_page_gives_the_claims_back_and_keeps_the_answers(sit: Sit) -> None:
    desk = sit()
    desk.press("1", "2")
    assert desk.held() > 0
    desk.page.get_by_role("link", name="Home").click()
    desk.page.wait_for_url("**/")
    until(lambda: desk.held() == 0, "the claims being given back")
    until(lambda: len(desk.stored()) == 2, "the answers")
    left = "Object.keys(localStorage).filter(key => key.startsWith('mlvajra')).length"
    until(lambda: desk.page.evaluate(left) == 0, "an empty outbox")


def test_an_answer_on_its_way_is_among_mine_as_soon_as_it_is_stored(sit: Sit) -> None:
    desk, sent = sit(), list[Route]()
    page = desk.page
    page.route("**/annotations", lambda route: sent.append(route))
    desk.press("1")
    page.get_by_text("My answers", exact=True).click()
    expect(page.get_by_text("Nothing here")).to_be_visible()
    for request in sent:
        request.continue_()
    expect(page.get_by_role("button", name="Take back")).to_have_count(1)


def test_my_answers_are_found_changed_and_taken_back(sit: Sit) -> None:
    desk = sit()
    first, second = desk.press("1", "2")
    desk.wait_until_saved()
    page = desk.page
    page.get_by_text("My answers", exact=True).click()

    def search(words: str) -> None:
        page.get_by_label("Search").fill(words)
        page.get_by_label("Search").press("Enter")

    row = page.get_by_role("button", name="Take back")
    expect(row).to_have_count(2)
    search(emails()[first]["body"][5:25].split("\n")[0].strip() or first)
    expect(row.first).to_be_visible()
    for sample in (first, second):  # two, or the list of one could still be the one before
        search("nothing like it")
        expect(page.get_by_text("No answer matches")).to_be_visible()
        search(sample)
        expect(row).to_have_count(1)
    row.click()
    expect(page.get_by_text("No answer matches")).to_be_visible()
    events = desk.stored()
    assert (events[-1]["sample_key"], events[-1]["action"]) == (second, "retract")
    assert events[-1]["supersedes"] == events[1]["event_id"]
    search(first)
    expect(row).to_have_count(1)
    choose(page, page.get_by_role("combobox", name="Label"), "Spam")
    expect(page.get_by_text("Changed to Spam")).to_be_visible()
    assert (desk.stored()[-1]["sample_key"], desk.stored()[-1]["label"]) == (first, "spam")


def test_a_reviewer_settles_what_was_flagged(
    sit: Sit, context: BrowserContext, sign_in: Callable[..., None]
) -> None:
    desk = sit("digits")
    (flagged,) = desk.press("f")
    desk.page.keyboard.type("a one or a seven")
    desk.page.keyboard.press("Enter")
    desk.wait_until_saved()
    reviewer = a_person(desk.server, "reviewer")
    context.clear_cookies()
    page = context.new_page()
    sign_in(page, desk.server, reviewer)
    page.goto(f"{desk.server.url}/review?project=digits")
    settled(page)
    expect(page.get_by_text("a one or a seven")).to_be_visible()
    expect(page.locator("canvas")).to_be_visible()
    label_button(page, "7").click()
    expect(page.get_by_text("a one or a seven")).to_have_count(0)
    [decided] = Desk(page, desk.server, reviewer, "digits").stored()
    assert (decided["sample_key"], decided["label"]) == (flagged, "7")


def test_a_narrow_window_keeps_labels_in_reach(sit: Sit) -> None:
    desk = sit()
    desk.page.set_viewport_size({"width": 400, "height": 760})
    desk.page.reload()
    desk.wait_for_card()

    def reachable(name: str) -> bool:
        box = desk.card.locator(f'.label[data-label="{name}"]').bounding_box()
        assert box is not None
        inside = box["x"] >= 0 and box["x"] + box["width"] <= 400
        return inside and box["y"] + box["height"] <= 760

    until(lambda: reachable("ham") and reachable("spam"), "both labels within the window")
    desk.card.locator('.label[data-label="spam"]').click()
    desk.wait_until_saved()
    assert len(desk.stored()) == 1


def test_columns_are_called_on_the_card_as_they_are_in_the_file(server: Any, sit: Sit) -> None:
    samples = [{"Straße": f"Am Markt {place}", "Ort": "Köln"} for place in range(3)]
    a_project(server, "addresses", samples)
    desk = sit("addresses")
    names = desk.card.locator(".block-name")
    assert names.evaluate_all("all => all.map(one => one.innerText)") == ["Straße", "Ort"]


def test_a_finished_pool_of_one_label_says_on_card_and_rail_what_the_model_lacks(
    server: Any, sit: Sit
) -> None:
    samples = [{"text": f"praise number {place}"} for place in range(3)]
    policy = Policy(holdout_share=0.0, holdout_rate=0.0)
    a_project(server, "praise", samples, policy=policy)
    desk = sit("praise")
    desk.press("1", "1", "1")
    said = (
        "All 3 samples are answered, but the model needs an example of: bad. "
        "Import more samples, or change an answer."
    )
    expect(desk.card.locator(".end p:not(.ways)")).to_have_text(said)
    expect(desk.card.locator(".loop")).to_have_text(said)

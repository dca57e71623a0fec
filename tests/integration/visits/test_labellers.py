"""My answers and the review: what people see of what they said, and change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Claim, Column, Person, Project, Recipe
from mlvajra_al.services import claiming, labelling, projects
from mlvajra_al.services.label_sets import MAX_LABELS, make_labels
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import LEASE, a_draft, a_person, a_project, an_answer, rank
from tests.integration.visits.visiting import (
    Visitor,
    current,
    handed,
    pictures,
    press,
    say,
    words,
)

MINE = {"annotate_view": "My answers"}


def listed(page: AppTest) -> int:
    return len([button for button in page.button if button.label == "Take back"])


def show(page: AppTest, kind: tuple[str | None, str | None]) -> AppTest:
    [box] = [box for box in page.main.selectbox if box.label == "Show"]
    box.set_value(kind).run()
    return page


def test_a_label_called_flagged_is_not_mixed_up_with_what_was_flagged(
    store: Store, admin: Visitor
) -> None:
    made = projects.create(
        store,
        admin.person,
        replace(
            a_draft("spam"),
            labels=make_labels(["flagged", "skipped", "Everything"]),
        ),
    )
    rank(store, made, 6)
    for place, label in enumerate(("flagged", "skipped", "Everything")):
        say(store, admin.person, f"p{place}", label)
    say(store, admin.person, "p3", None, action="flag", why="odd")
    say(store, admin.person, "p4", None, action="skip")
    page = admin.opens("annotate", **MINE)
    assert listed(page) == 5
    for kind in (("answer", "flagged"), ("answer", "skipped"), ("answer", "Everything"),
                 ("flag", None), ("skip", None)):  # fmt: skip
        assert listed(show(page, kind)) == 1
    assert listed(show(page, (None, None))) == 5


def test_an_answer_is_changed_and_taken_back_from_the_list(
    store: Store, admin: Visitor, project: Project
) -> None:
    event = say(store, admin.person, "p0", "ham")
    page = admin.opens("annotate", **MINE)
    page.selectbox(f"change_{event}").set_value("spam").run()
    assert current(store, project) == [("p0", "answer", "spam")]
    press(page, "Take back")
    assert current(store, project) == [("p0", "retract", None)]
    assert "Nothing here" in words(page)


def test_a_change_in_a_stale_tab_is_refused_in_words_and_the_newer_answer_is_shown(
    store: Store, admin: Visitor, project: Project
) -> None:
    first = say(store, admin.person, "p0", "ham")
    stale = admin.opens("annotate", **MINE)
    newer = say(store, admin.person, "p0", None, action="skip")
    stale.selectbox(key=f"change_{first}").set_value("spam").run()
    assert "What this corrects does not stand any more: you have skipped it" in words(stale)
    assert [box.key for box in stale.selectbox if box.key == f"change_{newer}"]
    assert current(store, project) == [("p0", "skip", None)]
    stale.selectbox(key=f"change_{newer}").set_value("spam").run()
    assert current(store, project) == [("p0", "answer", "spam")]
    assert "does not stand" not in words(stale)


def test_what_was_changed_is_said_in_a_line_and_no_toast_lies_over_the_rows(
    store: Store, admin: Visitor, project: Project
) -> None:
    event = say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", "ham")
    page = admin.opens("annotate", **MINE)
    assert "Newest first" in words(page)
    page.selectbox(f"change_{event}").set_value("spam").run()
    assert "Changed to spam: text number 0" in words(page)
    page.button(f"back_{newest(store, project)}").click().run()
    assert "Taken back: text number 0" in words(page)
    assert not page.toast


def newest(store: Store, project: Project) -> str:
    with store.read() as connection:
        wanted = events.Filter(current=True)
        [event] = events.listed(connection, project.id, wanted, limit=1, newest_first=True)
    return event.event_id


def test_a_row_is_opened_to_all_of_the_sample_and_closed_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", "spam")
    page = admin.opens("annotate", **MINE)
    assert shown(page) == []
    page.button[-1].click().run()  # the older of the two
    assert shown(page) == ["text number 0"]
    press(page, "Close")
    assert shown(page) == []


def shown(page: AppTest) -> list[str]:
    """Return the texts of the cards that are drawn to be read."""
    return [one["show"]["blocks"][0]["text"] for one in handed(page) if "show" in one]


def test_a_search_that_finds_nothing_says_so_and_is_cleared(
    store: Store, admin: Visitor, project: Project
) -> None:
    say(store, admin.person, "p0", "ham")
    page = admin.opens("annotate", **MINE)
    page.text_input("mine_text").set_value("zzzqqq").run()
    assert "No answer matches" in words(page)
    assert "Nothing here" not in words(page)
    press(page, "Clear")
    assert listed(page) == 1
    show(page, ("skip", None))
    assert "No answer matches" in words(page)
    press(page, "Clear")
    assert listed(page) == 1


def test_images_are_seen_in_the_list_and_not_told_as_words(store: Store, admin: Visitor) -> None:
    recipe = Recipe((Column("picture", "image"),))
    made = projects.create(store, admin.person, replace(a_draft("spam"), recipe=recipe))
    pictures(store, made, {"p0": [[0.0, 16.0], [16.0, 0.0]]})
    say(store, admin.person, "p0", "ham")
    page = admin.opens("annotate", **MINE)
    assert "(image)" not in words(page)
    drawn = "".join(element.proto.body for element in page.get("html"))
    assert 'src="data:image/png;base64,' in drawn
    assert "2 by 2 pixels" in drawn


def test_many_answers_are_paged_newest_first(
    store: Store, admin: Visitor, project: Project
) -> None:
    for place in range(12):
        say(store, admin.person, f"p{place}", "ham")
    page = admin.opens("annotate", **MINE)
    assert listed(page) == 10
    assert "text number 11" in words(page)
    press(page, "Older")
    assert listed(page) == 2
    assert "text number 0" in words(page)
    press(page, "Newer")
    assert listed(page) == 10


def test_an_answer_that_came_late_says_so_to_its_person_and_to_reviewers(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    slow, quick, reviewer = visitor("annotator"), a_person(store, "Quick"), visitor("reviewer")
    claim = claimed(store, slow.person, at=now())
    later = now() + timedelta(hours=1)
    taken = claimed(store, quick, at=later)
    assert taken.sample_key == claim.sample_key
    for person, given, label in ((quick, taken, "ham"), (slow.person, claim, "spam")):
        labelling.record(
            store, person, "spam", answers=[an_answer(given, label)], now=later, lease=LEASE
        )
    assert "late: it had gone to somebody else" in words(slow.opens("annotate", **MINE))
    assert "late: it had gone to somebody else" in words(reviewer.opens("review"))


def claimed(store: Store, person: Person, *, at: datetime) -> Claim:
    rng = np.random.default_rng(0)
    [claim] = claiming.claim(store, person, "spam", n=1, now=at, lease=LEASE, rng=rng)
    return claim


def differing(store: Store) -> None:
    say(store, a_person(store, "Ada"), "p0", "ham")
    say(store, a_person(store, "Bob"), "p0", "spam")


def test_a_reviewer_reads_what_both_said_and_what_stays_if_nothing_is_decided(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = visitor("reviewer").opens("review")
    said = words(page)
    assert "**Ada** answered ham" in said
    assert "**Bob** answered spam" in said
    assert "Leave it as ham" in said
    press(page, "Leave it as ham")
    assert "Nothing to review" in words(page)


def test_a_reviewers_label_wins(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = press(visitor("reviewer").opens("review"), "spam")
    assert "Nothing to review" in words(page)
    with store.read() as connection:
        decided = [e for e in events.of_sample(connection, project.id, "p0") if e.adjudicates]
    assert [(event.person, event.label) for event in decided] == [("some reviewer", "spam")]


def test_what_nobody_answered_can_only_be_left_without_a_label(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    say(store, a_person(store, "Ada"), "p0", None, action="flag", why="what is this?")
    page = visitor("reviewer").opens("review")
    assert "what is this?" in words(page)
    press(page, "Leave it without a label")
    assert "Nothing to review" in words(page)


def test_a_reviewer_undoes_what_was_just_decided(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = press(visitor("reviewer").opens("review"), "spam")
    assert "Decided: spam" in words(page)
    press(page, "Undo")
    assert "Decided" not in words(page)
    assert "**Ada** answered ham" in words(page)
    press(page, "ham")
    with store.read() as connection:
        said = events.of_sample(connection, project.id, "p0")
    assert [(e.action, e.label) for e in said if e.person == "some reviewer"] == [
        ("answer", "spam"),
        ("retract", None),
        ("answer", "ham"),
    ]


def test_a_reviewer_changes_one_of_the_last_decisions(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    reviewer = visitor("reviewer")
    press(reviewer.opens("review"), "spam")
    page = reviewer.opens("review")
    assert "Undo" not in words(page), "in a later visit the list has it"
    [box] = [box for box in page.main.selectbox if box.label == "Label"]
    box.set_value("ham").run()
    assert current(store, project).count(("p0", "answer", "ham")) == 2, "Ada's and the decision"
    press(page, "Take back")
    assert "**Bob** answered spam" in words(page)


def bound(page: AppTest) -> dict[str, str]:
    """Return what keys press on a page."""
    [keys] = [one["keys"] for one in handed(page) if "keys" in one]
    return dict(keys)


def test_the_buttons_of_a_review_have_the_keys_and_colours_of_the_card(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = visitor("reviewer").opens("review")
    assert [bound(page)[label.key] for label in project.labels] == [
        f".st-key-give > :nth-child({place}) button" for place in (1, 2)
    ]
    styles = "".join(element.proto.body for element in page.get("html"))
    assert all(label.color in styles for label in project.labels)
    assert all(f'content: "{label.key.upper()}"' in styles for label in project.labels)


def test_every_key_that_a_label_may_have_is_its_own_in_a_review(
    store: Store, visitor: Callable[..., Visitor], admin: Visitor
) -> None:
    names = [f"label {place}" for place in range(MAX_LABELS)]
    labels = make_labels(names)
    made = projects.create(store, admin.person, replace(a_draft("spam"), labels=labels))
    rank(store, made, 3)
    say(store, a_person(store, "Ada"), "p0", None, action="flag")
    pressed = bound(visitor("reviewer").opens("review"))
    assert len(pressed) == len(set(pressed.values()))
    assert all(pressed[label.key].startswith(".st-key-give ") for label in labels)
    assert {*pressed} - {label.key for label in labels} == {*("s", "f", "c", "u", "left", "right")}


def test_asking_somebody_else_is_undone_until_somebody_has_the_sample(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    reviewer = visitor("reviewer")
    page = press(reviewer.opens("review"), "Ask somebody else")
    assert "Decided: somebody else is asked" in words(page)
    assert not page.toast
    page = press(page, "Undo")
    assert "Taken back" in words(page)
    assert "**Bob** answered spam" in words(page)
    press(page, "Ask somebody else")
    cleo = a_person(store, "Cleo")
    claimed(store, cleo, at=now())
    page = press(page, "Undo")
    assert "on the screen" in words(page)
    assert current(store, project).count(("p0", "skip", None)) == 1
    say(store, cleo, "p0", "spam")
    assert "decided: somebody else is asked" in words(reviewer.opens("review"))


def test_all_of_a_sample_that_was_decided_can_be_read_again(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = press(visitor("reviewer").opens("review"), "spam")
    assert shown(page) == []
    press(page, "Open")
    assert shown(page) == ["text number 0"]


def flagged(store: Store, person: Person, *comments: str) -> None:
    for place, why in enumerate(comments):
        say(store, person, f"p{place}", None, action="flag", why=why)


def test_after_a_decision_comes_the_case_behind_and_not_what_was_put_off(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    flagged(store, a_person(store, "Ada"), "hard", "easy", "easier")
    page = press(visitor("reviewer").opens("review"), "Next")
    assert "easier" in words(press(page, "spam"))
    assert "hard" in words(press(page, "spam")), "once nothing is behind"


def test_who_steps_past_the_cases_that_were_read_first_gets_more(
    store: Store, visitor: Callable[..., Visitor]
) -> None:
    project = a_project(store)
    rank(store, project, 53)
    flagged(store, a_person(store, "Ada"), *map("why {}".format, range(53)))
    reviewer = visitor("reviewer")
    assert "1 of 53" in words(reviewer.opens("review"))
    page = reviewer.opens("review", case="p48", place=(project.id, 48))
    for place in range(49, 53):
        assert f"{place} of 53" in words(page)
        page = press(page, "Next")
    assert "53 of 53" in words(page) and "why 52" in words(page)


def test_a_reload_keeps_the_case_that_was_shown(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    flagged(store, a_person(store, "Ada"), "hard", "easy", "easier")
    reviewer = visitor("reviewer")
    case = str(press(reviewer.opens("review"), "Next").query_params["case"])
    again = words(reviewer.opens("review", at=("case", case)))
    assert "2 of 3" in again and "easy" in again.split("\n")
    assert "1 of 3" in words(reviewer.opens("review", at=("case", "no such case")))


def test_what_was_said_meanwhile_is_read_before_a_decision_counts(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    ada = a_person(store, "Ada")
    flagged(store, ada, "hard", "easy")
    page = visitor("reviewer").opens("review")
    say(store, a_person(store, "Bob"), "p0", "spam")
    page = press(page, "Leave it without a label")
    assert "has changed meanwhile" in words(page) and "**Bob** answered spam" in words(page)
    page = press(page, "Leave it as spam")
    assert "meanwhile" not in words(page) and "Decided: left as it is" in words(page)
    say(store, ada, "p2", None, action="flag", why="another")
    say(store, ada, "p1", None, action="retract")
    page = press(page, "ham")
    assert "settled meanwhile" in words(page) and "another" in words(page)
    assert ("p1", "answer", "ham") not in current(store, project)
    assert "meanwhile" not in words(press(page, "ham"))


def test_two_reviewers_have_different_cases_open_as_long_as_there_are_two(
    store: Store, visitor: Callable[..., Visitor], admin: Visitor, project: Project
) -> None:
    flagged(store, a_person(store, "Ada"), "hard", "easy")
    first = visitor("reviewer").opens("review")
    second = admin.opens("review")
    assert "hard" in words(first) and "easy" in words(second)
    assert "has this open too" not in words(first) + words(second)
    first = press(first, "ham")
    assert "easy" in words(first) and "**some admin** has this open too" in words(first)
    second = press(second, "spam")
    assert "Nothing to review" in words(second)
    assert "settled meanwhile" not in words(second)
    assert ("p1", "answer", "spam") in current(store, project)


def test_a_reviewer_reads_who_has_skipped_a_sample_and_decides(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    for name in ("A*da", "Bob"):
        say(store, a_person(store, name), "p0", None, action="skip")
    page = visitor("reviewer").opens("review")
    assert "Skipped by **A*da**, **Bob**. Nobody has answered it." in words(page)
    assert "1 sample to review" in words(page) and "**Bob** skipped it" in words(page)
    page = press(page, "Ask somebody else")
    assert "has skipped it; decide for a label, or leave it without one" in words(page)
    assert "Decided: ham" in words(press(page, "ham"))


def test_who_has_answered_asks_somebody_else_and_reads_that_the_answer_stays(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    reviewer = visitor("reviewer")
    say(store, a_person(store, "Ada"), "p0", "ham")
    say(store, reviewer.person, "p0", "spam")
    page = press(reviewer.opens("review"), "Ask somebody else")
    assert "Decided: somebody else is asked, spam stays" in words(page)
    assert ("p0", "answer", "spam") in current(store, project)
    say(store, a_person(store, "Cleo"), "p0", "ham")
    page = reviewer.opens("review")
    assert "**some reviewer** answered spam, and asks somebody else" in words(page)
    assert "somebody else is asked, spam stays" in words(page), "among the last decisions"

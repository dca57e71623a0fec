"""My answers and the review: what people see of what they said, and change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Claim, Person, Project
from mlvajra_al.services import claiming, labelling, projects
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import LEASE, a_draft, a_person, an_answer, rank
from tests.integration.visits.visiting import Visitor, current, press, say, words

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
            labels=projects.make_labels(["flagged", "skipped", "Everything"]),
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


def test_the_buttons_of_a_review_have_the_keys_and_colours_of_the_card(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = visitor("reviewer").opens("review")
    keys = {button.label: button.proto.shortcut for button in page.button}
    assert (keys["ham"], keys["spam"]) == ("1", "2")
    styles = "".join(element.proto.body for element in page.get("html"))
    assert all(label.color in styles for label in project.labels)

"""The review page's part about the labels themselves: which look wrong, how people agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlvajra_al.learning.quality import FEWEST as ASKED_FOR
from mlvajra_al.records import (
    Agreement,
    Doubt,
    Examination,
    Measure,
    PairAgreement,
    Person,
    Project,
)
from mlvajra_al.store import doubts
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from mlvajra_al.web.views.agreement import FEWEST
from tests.factories import a_person, a_version
from tests.integration.visits.visiting import Visitor, current, press, say, words

KNOWN = Measure("Krippendorff's alpha", 0.812, 0.7, 0.9, 40, "")
UNKNOWN = Measure("Krippendorff's alpha", None, None, None, 2, "too few to say: 8 more needed")


def doubted(store: Store, project: Project, key: str, *, quality: float = 0.007) -> None:
    """Store that the label of the first answer about a sample looks wrong."""
    with store.read() as connection:
        told = doubts.told(connection, project.id, until_seq=1_000)
    (row,) = [row for row in told if row.sample_key == key]
    found = Doubt(key, row.position, row.seq, row.label, "spam", 1 - quality, quality)
    with store.begin() as connection:
        others = doubts.listed(connection, project.id, limit=50)
        doubts.replace(connection, project.id, [*others, found])


def examined(store: Store, project: Project, *, note: str = "", alpha: Measure = KNOWN) -> None:
    pairs = (PairAgreement("*Ada*", "Bob", 40, 36, 0.8), PairAgreement("Ada", "Eve", 3, 3, None))
    found = Examination(
        seq=50,
        checked=0 if note else 120,
        doubted=0 if note else 4,
        second_opinions=0 if note else 5,
        agreement=Agreement(alpha.n, 3, alpha, pairs if alpha is KNOWN else ()),
        note=note,
        sure=0 if note else 1,
    )
    with store.begin() as connection:
        doubts.note(connection, project.id, found, now=now())


@pytest.fixture
def ada(store: Store) -> Person:
    return a_person(store, "Ada")


def test_a_label_that_looks_wrong_waits_behind_what_people_flagged(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    say(store, ada, "p0", "ham")
    say(store, ada, "p1", None, action="flag", why="which one?")
    doubted(store, project, "p0")
    page = visitor("reviewer").opens("review")
    assert "2 samples to review" in words(page)
    assert "which one?" in words(page)
    assert "Nobody has flagged this" not in words(page)
    press(page, "Next")
    said = words(page)
    assert "would say **spam** (99% sure) and not ham" in said
    assert "**Ada** answered ham" in said


def test_what_the_model_doubts_stands_above_the_sample(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    say(store, ada, "p0", "ham")
    doubted(store, project, "p0")
    page = visitor("reviewer").opens("review")
    left = page.main.columns[0]
    kinds = [part.type for part in left.children.values()]
    assert kinds == ["info", "bidi_component"], "on a phone buttons stand over what is below"


@pytest.mark.parametrize(
    ("button", "stands"),
    [
        ("spam", [("p0", "answer", "spam"), ("p0", "answer", "ham")]),
        ("Leave it as ham", [("p0", "flag", None), ("p0", "answer", "ham")]),
    ],
)
def test_what_a_reviewer_decides_ends_the_doubt(
    store: Store,
    visitor: Callable[..., Visitor],
    project: Project,
    ada: Person,
    button: str,
    stands: list[tuple[str, str, str | None]],
) -> None:
    say(store, ada, "p0", "ham")
    doubted(store, project, "p0")
    page = press(visitor("reviewer").opens("review"), button)
    assert "Nothing to review" in words(page)
    assert sorted(current(store, project), key=str) == sorted(stands, key=str)


def test_the_worst_doubt_comes_first(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    for key, quality in (("p0", 0.3), ("p1", 0.1), ("p2", 0.2)):
        say(store, ada, key, "ham")
        doubted(store, project, key, quality=quality)
    page = visitor("reviewer").opens("review")
    seen = [words(page)]
    for _ in range(2):
        seen.append(words(press(page, "Next")))
    assert [sure in page for page, sure in zip(seen, ("90%", "80%", "70%"), strict=True)] == [
        True
    ] * 3


def test_only_what_the_model_is_surest_of_is_said_to_look_wrong(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    for key, quality in (("p0", 0.3), ("p1", 0.02)):
        say(store, ada, key, "ham")
        doubted(store, project, key, quality=quality)
    reviewer = visitor("reviewer")
    page = reviewer.opens("review")
    assert "2 possible mistakes" in words(page)
    assert "Nobody has flagged this, and it may well be right." in words(page)
    say(store, ada, "p2", "ham")
    doubted(store, project, "p2")
    said = words(reviewer.opens("review"))
    assert "1 to review, 2 possible mistakes" in said and "99% sure" in said
    home = reviewer.opens("home")
    labels = [link.proto.label for link in home.get("page_link")]
    assert "1 to review, 2 possible mistakes" in labels


def test_an_answer_that_changed_since_is_no_longer_doubted(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    say(store, ada, "p0", "ham")
    doubted(store, project, "p0")
    say(store, ada, "p0", "spam")
    assert "Nothing to review" in words(visitor("reviewer").opens("review"))


def test_how_people_agree_is_told_with_its_interval_and_pairs(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    examined(store, project)
    page = visitor("reviewer").opens("review")
    said = words(page)
    assert "120 labels checked: 1 looks wrong, 3 are possible mistakes" in said
    assert "5 samples asked again of somebody else" in said
    assert "Krippendorff's alpha: 0.812" in said
    assert "0.700 to 0.900, on 40 samples" in said
    [table] = page.dataframe
    assert table.value["Same answer"].tolist() == ["90%", "100%"]
    assert table.value["Kappa"].tolist() == ["0.80", ""]


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("10 more labels are needed", "Labels were not checked. 10 more labels are needed."),
        ("there is no version yet", "Labels were not checked. There is no version yet."),
    ],
)
def test_why_nothing_was_checked_is_said(
    store: Store, visitor: Callable[..., Visitor], project: Project, note: str, told: str
) -> None:
    examined(store, project, note=note, alpha=UNKNOWN)
    said = words(visitor("reviewer").opens("review"))
    assert told in said
    assert "How far people agree: too few to say: 8 more needed." in said


def test_before_the_first_look_it_says_when_that_comes(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    reviewer = visitor("reviewer")
    waits = "after each version that has learnt from at least 50 of them"
    said = words(reviewer.opens("review"))
    assert waits in said and "There is no version yet." in said
    a_version(store, project, labels=45)
    assert "The newest, version 1, has learnt from 45 labels." in words(reviewer.opens("review"))
    a_version(store, project, 2, labels=62)
    said = words(reviewer.opens("review"))
    assert "Version 2 has learnt from 62 labels: the look at them is still to come." in said


def test_the_page_says_how_many_labels_the_engine_asks_for() -> None:
    assert FEWEST == ASKED_FOR


def test_a_decision_about_a_label_that_looks_wrong_is_undone(
    store: Store, visitor: Callable[..., Visitor], project: Project, ada: Person
) -> None:
    say(store, ada, "p0", "ham")
    doubted(store, project, "p0")
    page = press(visitor("reviewer").opens("review"), "spam")
    assert "Nothing to review" in words(page)
    press(page, "Undo")
    assert "Nobody has flagged this" in words(page)


@pytest.mark.parametrize("button", ["spam", "Leave it as ham", "Ask somebody else"])
def test_a_doubt_about_an_own_label_waits_again_after_an_undo(
    store: Store, visitor: Callable[..., Visitor], project: Project, button: str
) -> None:
    reviewer = visitor("reviewer")
    say(store, reviewer.person, "p0", "ham")
    doubted(store, project, "p0")
    page = press(press(reviewer.opens("review"), button), "Undo")
    assert "1 sample to review" in words(page) and "Leave it as ham" in words(page)

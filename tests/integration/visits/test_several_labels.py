"""Pages of a project in which a sample may have several labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mlvajra_al.records import Doubt, Policy, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import projects, simulating
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store import doubts
from mlvajra_al.store.database import Store
from tests.factories import a_draft, a_person, rank
from tests.integration.visits.visiting import Visitor, current, press, say, words


@pytest.fixture
def project(store: Store, admin: Visitor) -> Project:
    draft = replace(
        a_draft("spam", policy=Policy(holdout_rate=0.0, overlap=2)),
        labels=make_labels(["art", "money", "sport"]),
        multilabel=True,
    )
    made = projects.create(store, admin.person, draft)
    rank(store, made, 6)
    return made


def test_a_reviewer_ticks_the_labels_of_a_sample_that_people_see_differently(
    store: Store, project: Project, visitor: Callable[..., Visitor]
) -> None:
    for name, given in (("Ada", ["art", "sport"]), ("Bob", ["art", "money"])):
        say(store, a_person(store, name), "p0", to_text(given))
    page = visitor("reviewer").opens("review")
    assert "answered art, sport" in words(page) and "answered art, money" in words(page)
    assert "Labels are looked at after each version" in words(page)
    boxes = {box.label.replace("\\", ""): box.value for box in page.checkbox}
    assert boxes == {
        "art :gray[· Ada, Bob]": True,
        "money :gray[· Bob]": True,
        "sport :gray[· Ada]": True,
    }
    page.checkbox("give_p0_sport").uncheck().run()
    page = press(page, "Save 2 labels")
    assert "Nothing to review" in words(page)
    assert ("p0", "answer", to_text(["art", "money"])) in current(store, project)


def test_a_label_that_looks_wrong_is_said_as_what_the_model_would_change(
    store: Store, project: Project, visitor: Callable[..., Visitor]
) -> None:
    say(store, a_person(store), "p0", to_text(["art", "money"]))
    with store.begin() as connection:
        (row,) = doubts.told(connection, project.id, until_seq=1_000)
        likely = to_text(["art", "sport"])
        found = Doubt("p0", row.position, row.seq, row.label, likely, 0.999, 0.001)
        doubts.replace(connection, project.id, [found])
    page = visitor("reviewer").opens("review")
    assert "would add **sport** and leave out **money** (99% sure)." in words(page)
    page.checkbox("give_p0_money").uncheck().run()
    page.checkbox("give_p0_sport").check().run()
    page = press(page, "Save 2 labels")
    assert "Nothing to review" in words(page)
    assert ("p0", "answer", likely) in current(store, project)


def test_of_three_people_the_labels_of_most_are_ticked(
    store: Store, project: Project, visitor: Callable[..., Visitor]
) -> None:
    for name, given in (("Ada", ["art"]), ("Bob", ["art", "money"]), ("Cleo", [])):
        say(store, a_person(store, name), "p0", to_text(given))
    page = visitor("reviewer").opens("review")
    assert [box.value for box in page.checkbox] == [True, False, False]


def test_a_reviewer_may_say_that_no_label_fits(
    store: Store, project: Project, visitor: Callable[..., Visitor]
) -> None:
    say(store, a_person(store), "p0", to_text(["art"]))
    say(store, a_person(store, "Bob"), "p0", to_text(["money"]))
    page = visitor("reviewer").opens("review")
    for name in ("art", "money"):
        page.checkbox(f"give_p0_{name}").uncheck().run()
    page = press(page, "None of these")
    assert "Nothing to review" in words(page)
    assert ("p0", "answer", "[]") in current(store, project)


def test_my_answers_are_changed_by_ticking(store: Store, admin: Visitor, project: Project) -> None:
    event = say(store, admin.person, "p0", to_text(["art", "sport"]))
    page = admin.opens("annotate", annotate_view="My answers")
    page.checkbox(f"change_{event}_art").uncheck().run()
    assert current(store, project) == [("p0", "answer", to_text(["art", "sport"]))]
    press(page, "Save")
    assert current(store, project) == [("p0", "answer", to_text(["sport"]))]


def test_simulations_compare_strategies_for_several_labels(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("simulate")
    page.segmented_control(f"truth:{project.id}").set_value("answers").run()
    offered = page.multiselect(f"simulate-strategies:{project.id}")
    assert offered.value == ["auto", "binary_doubt", "random"]
    assert "Loss reduction" in offered.options and "Margin" not in offered.options
    press(page, "Start")
    [run] = simulating.listed(store, admin.person, project.name)
    assert run.scenario.multilabel and run.scenario.plan.strategies[1] == "binary_doubt"


def test_only_strategies_for_several_labels_are_offered(admin: Visitor, project: Project) -> None:
    page = admin.opens("train", **{"train-tab": ":material/tune: Settings"})
    [choice] = [box for box in page.selectbox if "asked about next" in box.label]
    assert "Loss reduction" in choice.options and "Margin" not in choice.options

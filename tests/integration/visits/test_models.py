"""The pages about versions and why they decide as they do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import (
    TREES,
    Attribution,
    EstimatorName,
    Project,
    Ranked,
    SampleExplanation,
    Why,
)
from mlvajra_al.services import champions, training
from mlvajra_al.services import projects as settings
from mlvajra_al.store import projects, ranking
from mlvajra_al.store import versions as versions_store
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from mlvajra_al.web.views.newest import COMPARE_TAB
from tests.factories import NOW, a_person, a_pool, a_project, a_report, a_version, rank
from tests.integration.visits.visiting import Visitor, of_now, press, say, words


def test_without_a_version_the_page_says_when_the_first_one_comes(
    admin: Visitor, project: Project
) -> None:
    for name in ("versions", "explain"):
        assert "The first one comes 7 answers in" in words(admin.opens(name))


def test_before_there_is_a_champion_none_is_said_to_stay(
    store: Store, admin: Visitor, project: Project
) -> None:
    first = "as the first version it becomes champion by itself."
    later = "the champion stays until you promote another."
    said = words(admin.opens("train"))
    assert first in said and later not in said
    a_version(store, project)
    said = words(admin.opens("train"))
    assert later in said and first not in said


@pytest.mark.parametrize("estimator", TREES)
def test_trees_are_not_said_to_continue(
    store: Store, admin: Visitor, project: Project, estimator: EstimatorName
) -> None:
    a_version(store, project)
    assert "Continues from version 1 with the answers since." in words(admin.opens("train"))
    recipe = replace(project.recipe, estimator=estimator)
    settings.set_recipe(store, admin.person, "spam", recipe=recipe, now=now())
    said = words(admin.opens("train"))
    assert "on every label, from nothing: trees do not continue." in said
    assert "Continues from" not in said


def test_the_buttons_that_move_the_champion_say_to_which_version(
    store: Store, admin: Visitor, project: Project
) -> None:
    for number in (1, 2):
        a_version(store, project, number)
    assert buttons(admin.opens("versions")) == [("Promote version 2", False), ("Roll back", True)]
    for number, expected in ((1, None), (2, 1)):
        champions.promote(
            store, admin.person, "spam", number=number, expected=expected, reason="", now=now()
        )
    page = admin.opens("versions")
    assert buttons(page) == [("Promote version 2", True), ("Roll back to version 1", False)]
    assert "Reports and explanations of both stay." in words(press(page, "Roll back to version 1"))


def buttons(page: AppTest) -> list[tuple[str, bool]]:
    return [(b.label, b.disabled) for b in page.button if b.key in ("promote", "rollback")]


def test_versions_are_listed_with_how_many_holdout_labels_each_was_measured_with(
    store: Store, admin: Visitor
) -> None:
    project = a_project(store)
    rank(store, project, 200)
    with store.begin() as connection:
        projects.set_holdout_threshold(connection, project.id, 0.5)
    for number in (1, 2, 3, 4):
        a_version(store, project, number)
    a_report(store, project, 1, value=None, n=9)
    a_report(store, project, 2, value=None, n=12)
    a_report(store, project, 3, value=0.9, n=11)
    hold_out(store, project, 12)
    page = admin.opens("versions")
    table = page.dataframe[0].value
    rows = table[["measure", "95% interval", "Held out"]].astype(object)
    rows = rows.where(rows.notna(), None).to_numpy().tolist()
    assert all(table[name].dtype.kind in "if" for name in ("Version", "Parent", "Took", "measure"))
    assert rows == [
        [None, "not measured yet", 0],
        [0.9, "0.800 to 0.950", 11],
        [None, "too few: 11 more samples", 12],
        [None, "too few: 8 more samples", 9],
    ]
    assert "12 holdout samples answered until now." in words(page)


def test_what_one_chooses_a_version_by_comes_first_and_what_it_is_made_of_is_folded(
    store: Store, admin: Visitor
) -> None:
    a_version(store, a_project(store, "other"))
    a_version(store, a_project(store))
    page = admin.opens("versions", "spam")
    columns = ["Version", "★", "measure", "95% interval", "Labels", "Mode", "Took", "Parent"]
    assert list(page.dataframe[0].value)[: len(columns)] == columns
    a_report(store, of_now(store))
    page = admin.opens("versions", "spam")
    [made] = [table.value for table in page.table if "Estimator" in table.value.index]
    said = made.iloc[:, 0].str.replace("\\", "")
    assert said["Recipe revision"].startswith("1: of its columns")
    assert said["Made"] == f"{NOW:%Y-%m-%d %H:%M}"


def test_to_measure_again_is_offered_where_the_answers_of_today_would_do(
    store: Store, admin: Visitor
) -> None:
    project = a_project(store)
    rank(store, project, 200)
    with store.begin() as connection:
        projects.set_holdout_threshold(connection, project.id, 0.5)
    a_version(store, project)
    a_report(store, project, value=None, n=9)
    hold_out(store, project, 20)
    assert intervals(admin.opens("versions")) == ["too few: 5 more of spam"]
    hold_out(store, project, 5, label="spam", begin=20)
    page = admin.opens("versions")
    assert intervals(page) == ["too few then; measure again"]
    press(page, "Measure all again")
    [job] = training.jobs_of(store, None, "spam", kinds=("evaluate",))
    assert job.payload == {"versions": [1], "each": True}


def intervals(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["95% interval"])


def hold_out(
    store: Store, project: Project, count: int, *, label: str = "ham", begin: int = 0
) -> None:
    """Answer samples of the holdout."""
    places = range(begin, begin + count)
    ranked = [
        Ranked(f"p{place}", place, Why("random", None, place, None, None, holdout=True))
        for place in places
    ]
    with store.begin() as connection:
        ranking.replace(connection, project.id, ranked, overlap=1, now=now())
    someone = a_person(store, f"Eve {begin}")
    for place in places:
        say(store, someone, f"p{place}", label)


def two_versions(store: Store, admin: Visitor, project: Project) -> None:
    """Make two versions of which the first is champion."""
    a_version(store, project, labels=17)
    a_version(store, project, 2, labels=120)
    champions.promote(store, admin.person, "spam", number=1, expected=None, reason="", now=now())


def test_an_explanation_says_which_version_speaks_and_one_click_asks_the_newest(
    store: Store, admin: Visitor, project: Project
) -> None:
    two_versions(store, admin, project)
    page = admin.opens("explain")
    said = "You are looking at the champion, version 1 (17 labels); version 2 (120 labels)"
    assert f"{said} is newer." in words(page)
    page = press(page, "Switch to version 2")
    assert page.main.selectbox[0].value == 2
    assert "is newer" not in words(page)


def test_of_two_versions_one_chooses_who_predicts(
    store: Store, admin: Visitor, project: Project
) -> None:
    two_versions(store, admin, project)
    page = admin.opens("data", **{"data-tab": ":material/download: Export"})
    who = page.segmented_control(f"predict-version:{project.id}:1")
    champion, newest = "The champion, version 1 (17 labels)", "The newest, version 2 (120 labels)"
    assert who.options == [champion, newest]
    who.set_value(2).run()
    press(page, "Predict the whole pool")
    [job] = training.jobs_of(store, None, "spam", kinds=("predict",))
    assert job.payload["version"] == 2


def test_who_moves_the_champion_reads_that_no_label_is_changed(
    store: Store, admin: Visitor, project: Project
) -> None:
    two_versions(store, admin, project)
    assert "No label is changed." in words(press(admin.opens("versions"), "Promote version 2"))
    champions.promote(store, admin.person, "spam", number=2, expected=1, reason="", now=now())
    page = press(admin.opens("versions"), "Roll back to version 1")
    assert "No label is changed; the next retrain is a full fit on all of them." in words(page)


def test_a_way_to_retrain_has_one_name(store: Store, admin: Visitor, project: Project) -> None:
    a_version(store, project, mode="warm_start")
    [mode] = admin.opens("versions").dataframe[0].value["Mode"]
    train = admin.opens("train")
    assert mode == train.segmented_control("mode").options[0].lower() == "incremental"


def test_an_explanation_that_is_missing_is_asked_for_once(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    page = admin.opens("explain")
    assert "Waits for the worker." in words(page)
    page.run()
    assert [job.kind for job in training.jobs_of(store, None, "spam")] == ["explain"]


def test_an_explanation_that_failed_says_why_and_can_be_tried_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    page = admin.opens("explain")
    [job] = training.jobs_of(store, None, "spam")
    training.cancel(store, admin.person, job.id, now=now())
    page.run()
    assert len(page.error) == 1
    press(page, "Try again")
    assert [job.state for job in training.jobs_of(store, None, "spam")] == ["queued", "cancelled"]


def test_a_sample_that_does_not_exist_is_named(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    page = admin.opens("explain", **{"explain-tab": ":material/article: A sample"})
    page.segmented_control("way").set_value("By key").run()
    page.text_input("sample-key").set_value("p99").run()
    assert "there is no sample 'p99'" in words(page).lower()


def test_samples_are_found_by_what_was_said_about_them_and_by_what_comes_next(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    say(store, admin.person, "p3", "ham")
    page = admin.opens("explain", **{"explain-tab": ":material/article: A sample"})
    assert found(page) == ["ham: text number 3"]
    page.segmented_control("way").set_value("Asked next").run()
    assert found(page)[0] == "text number 0"


def test_an_explained_sample_says_what_people_answered_and_who_is_right(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    for key, label in (("p3", "ham"), ("p4", "spam")):
        say(store, admin.person, key, label)
        body = SampleExplanation(
            1, key, "ham", {"ham": 0.8, "spam": 0.2},
            (Attribution("spam", -0.5, -1.386, ("body: text",), (-0.886,), ("in the text",), 0.0,
                         "log-odds"),),
        )  # fmt: skip
        with store.begin() as connection:
            versions_store.add_explanation(
                connection, project.id, 1, sample_key=key, body=body, now=now()
            )
    tab = {"explain-tab": ":material/article: A sample"}
    page = admin.opens("explain", **tab)
    assert found(page) == ["spam: text number 4", "ham: text number 3"]
    assert "cancel: wrong" in words(page) and "People: **spam** (gold)" in words(page)
    assert "**The sample** :gray[p4]" in words(page)
    page.text_input(f"sample-search:{project.id}").set_value("NUMBER 3").run()
    assert found(page) == ["ham: text number 3"]
    assert "check_circle: right" in words(page)
    page.text_input(f"sample-search:{project.id}").set_value("nowhere").run()
    assert "Nothing here has these words." in words(page)


def test_another_answer_is_explained_itself_first_and_a_choice_lasts_while_it_stays(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    chances = {"ham": 0.8, "spam": 0.2}
    reasons = tuple(
        Attribution(label, -0.5, 0.4, ("body: text",), (0.9,), ("in the text",), 0.0, "score")
        for label in chances
    )
    for key, label in (("p1", "ham"), ("p2", "ham"), ("p3", "spam")):
        say(store, admin.person, key, label)
        body = SampleExplanation(1, key, label, chances, reasons)
        with store.begin() as connection:
            versions_store.add_explanation(
                connection, project.id, 1, sample_key=key, body=body, now=now()
            )
    page = admin.opens("explain", **{"explain-tab": ":material/article: A sample"})
    seen = [explained(page)]
    for key in ("p2", "p1"):
        [box] = [box for box in page.main.selectbox if box.label == "Sample"]
        seen.append(explained(box.set_value(key).run()))
        if key == "p2":
            [choice] = [one for one in page.segmented_control if one.label == "Label"]
            seen.append(explained(choice.set_value("spam").run()))
    assert seen == ["spam", "ham", "spam", "spam"]


def explained(page: AppTest) -> str:
    [said] = [m.value for m in page.markdown if m.value.startswith("**What speaks for")]
    return said.strip("*").rsplit(" ", 1)[1]


def found(page: AppTest) -> list[str]:
    [box] = [box for box in page.main.selectbox if box.label == "Sample"]
    return list(box.options)


def test_the_champion_is_compared_with_the_row_that_is_chosen(
    store: Store, admin: Visitor, project: Project
) -> None:
    two_versions(store, admin, project)
    a_version(store, project, 3, labels=130)
    page = admin.opens("versions", **{"versions-tab": COMPARE_TAB})
    assert compared(page) == {"Version A": 1, "Version B": 3}
    assert "This is comparison 1 of 50 with the champion" in words(page)
    rows = {"selection": {"rows": [1]}}
    page.session_state[f"versions:{project.id}:3"] = rows
    assert compared(page.run()) == {"Version A": 1, "Version B": 2}
    page.main.selectbox[0].set_value(2).run()
    page.main.selectbox[1].set_value(3).run()
    assert "Neither is the champion, so nothing is advised and nothing counted." in words(page)
    page.main.selectbox[1].set_value(1).run()
    assert "This is comparison 1 of 50 with the champion" in words(page)


def compared(page: AppTest) -> dict[str, int]:
    return {box.label: box.value for box in page.main.selectbox}


@pytest.mark.parametrize("name", ["data", "train"])
def test_samples_that_are_the_same_and_leave_no_holdout_are_told(
    store: Store, admin: Visitor, name: str
) -> None:
    same = a_project(store, "same")
    a_pool(store, same, 300, body="always the same")
    with store.begin() as connection:
        projects.set_holdout_threshold(connection, same.id, 0.2)
    assert "No holdout: of 300 samples none is held out" in words(admin.opens(name, "same"))

"""What an admin changes and starts on the pages for training and data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from mlvajra_al.records import Policy, Project
from mlvajra_al.services import overview, projects, training
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import a_project
from tests.integration.visits.visiting import Visitor, of_now, press, say, words

SETTINGS = {"train-tab": ":material/tune: Settings"}


def test_the_address_names_the_tab_so_that_a_reload_keeps_it(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", at=("data-tab", ":material/label: Labels"))
    assert [picker.label for picker in page.color_picker] == ["ham", "spam"]
    page = admin.opens("annotate", at=("annotate_view", "My answers"))
    assert "Nothing here" in words(page)


@pytest.mark.parametrize(
    ("name", "columns"), [("spam", 0), ("Delivery address changed after shipping out", 1)]
)
def test_colours_below_long_names_stand_in_columns(
    store: Store, admin: Visitor, project: Project, name: str, columns: int
) -> None:
    labels = make_labels(["ham", name])
    projects.set_labels(store, admin.person, "spam", labels=labels, now=now())
    page = admin.opens("data", **{"data-tab": ":material/label: Labels"})
    assert [picker.label for picker in page.color_picker] == ["ham", name]
    assert len(page.get("grid_container")) == columns


def test_the_policy_is_saved_as_it_stands_in_the_form(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    place, held = project.id, project.policy
    shown = [page.number_input(f"{name}:{place}").proto.default for name in ("every", "full")]
    assert shown == [held.retrain_every, held.full_every], "also where no run before it is heard of"
    assert page.slider(f"rate:{place}").proto.default == [held.holdout_rate]
    page.number_input(f"every:{place}").set_value(11)
    page.number_input(f"full:{place}").set_value(3)
    page.number_input(f"overlap:{place}").set_value(2)
    page.slider(f"rate:{place}").set_value(0.5)
    page.toggle(f"explain:{place}").set_value(True)
    strategy = page.selectbox(f"strategy:{place}")
    assert strategy.options[0] == "Automatic (recommended)"
    assert overview.STRATEGIES["auto"] in words(page)
    page = strategy.set_value("entropy").run()
    assert overview.STRATEGIES["entropy"] in words(page)
    assert overview.STRATEGIES["auto"] not in words(page)
    first_save(page).click().run()
    assert "The policy is saved" in words(page)
    saved = replace(
        project.policy, retrain_every=11, full_every=3, overlap=2, holdout_rate=0.5,
        explain_on_card=True, strategy="entropy",
    )  # fmt: skip
    assert of_now(store).policy == saved


def first_save(page: AppTest) -> Button:
    return next(button for button in page.button if button.label == "Save")


def test_the_settings_of_one_project_are_not_shown_for_another(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_project(store, "other", policy=Policy(retrain_every=33))
    page = admin.opens("train", **SETTINGS)
    page.number_input(f"every:{project.id}").set_value(11)
    page.sidebar.selectbox[0].set_value("other").run()
    shown = [item.value for item in page.number_input if item.label == "Answers until a retrain"]
    assert shown == [33]


def test_another_estimator_is_another_recipe_and_reads_the_pool_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    [estimator] = [box for box in page.selectbox if box.label == "Estimator"]
    estimator.set_value("random_forest")
    page.button[-1].click().run()
    assert "the pool is read again" in words(page)
    assert of_now(store).recipe.estimator == "random_forest"
    assert [job.kind for job in training.jobs_of(store, None, "spam")] == ["prepare"]


def test_a_recipe_that_is_saved_unchanged_changes_nothing(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    page.button[-1].click().run()
    assert page.info[0].value == "Nothing was changed."
    assert training.jobs_of(store, None, "spam") == ()


def start(page: AppTest) -> Button:
    return next(button for button in page.button if button.label == "Start")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "there are 0: answer some samples first."),
        (["ham"], "there is 1: the model needs an example of: spam."),
    ],
)
def test_a_retrain_without_two_labels_cannot_be_started_and_the_page_says_why(
    store: Store, admin: Visitor, project: Project, said: list[str], why: str
) -> None:
    for place, label in enumerate(said):
        say(store, admin.person, f"p{place}", label)
    page = admin.opens("train")
    assert start(page).disabled
    assert f"Two different labels are needed; {why}" in words(page)


def test_a_retrain_is_queued_shown_as_waiting_and_cancelled(
    store: Store, admin: Visitor, project: Project
) -> None:
    say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", "spam")
    page = press(admin.opens("train"), "Start")
    assert [job.state for job in training.jobs_of(store, None, "spam")] == ["queued"]
    assert "The worker is not running, so these wait." in words(page)
    press(page, "Cancel")
    assert [job.state for job in training.jobs_of(store, None, "spam")] == ["cancelled"]


def test_guidelines_are_saved_and_images_in_them_become_links(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/menu_book: Guidelines"})
    page.text_area(f"guidelines:{project.id}").set_value("See ![this](http://evil.example/x.png)")
    press(page, "Save the guidelines")
    assert "The guidelines are saved." in words(page)
    assert of_now(store).guidelines == "See ![this](http://evil.example/x.png)"
    assert "See [this](http://evil.example/x.png)" in [item.value for item in page.markdown]


def test_a_project_is_archived_only_after_a_yes_and_taken_out_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/archive: Archive"})
    assert [button.disabled for button in page.button if button.label == "Archive"] == [True]
    page.checkbox(f"sure:{project.id}").check().run()
    press(page, "Archive")
    assert of_now(store).archived_at is not None
    assert "No project yet" in words(page)
    press(page, "Take out")
    assert of_now(store).archived_at is None
    assert "spam is out of the archive." in words(page)


def test_predictions_before_the_first_version_are_refused_in_a_sentence(
    admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/download: Export"})
    press(page, "Predict the whole pool")
    assert len(page.error) == 1
    assert page.error[0].value.endswith(".")


def test_the_colour_of_a_label_is_picked_and_saved_with_the_labels(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/label: Labels"})
    first, *others = project.labels
    [picker] = [one for one in page.color_picker if one.label == first.display]
    assert picker.value == first.color
    page = press(picker.set_value("#123456").run(), "Save the labels")
    assert "The label set is saved" in words(page)
    assert of_now(store).labels == (replace(first, color="#123456"), *others)


def test_what_another_admin_changes_meanwhile_stays_when_the_form_is_saved(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    page.number_input(f"every:{project.id}").set_value(11).run()
    projects.change_policy(store, admin.person, "spam", changes={"overlap": 3}, now=now())
    first_save(page).click().run()
    assert of_now(store).policy == replace(project.policy, retrain_every=11, overlap=3)
    assert page.number_input(f"overlap:{project.id}").value == 3


def test_guidelines_that_somebody_else_wrote_meanwhile_are_shown_before_they_are_replaced(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/menu_book: Guidelines"})
    page.text_area(f"guidelines:{project.id}").set_value("mine").run()
    projects.set_guidelines(store, admin.person, "spam", text="theirs", now=now())
    press(page, "Save the guidelines")
    assert of_now(store).guidelines == "theirs"
    assert [block.value for block in page.code] == ["theirs"]
    press(page, "Save the guidelines")
    assert of_now(store).guidelines == "mine"


def test_labels_that_somebody_else_changed_meanwhile_are_not_replaced(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/label: Labels"})
    theirs = (*project.labels, make_labels(["ham", "spam", "other"])[2])
    projects.set_labels(store, admin.person, "spam", labels=theirs, now=now())
    press(page, "Save the labels")
    assert "Somebody else has changed the labels" in words(page)
    assert of_now(store).labels == theirs

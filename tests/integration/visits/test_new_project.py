"""From an uploaded file to a project, on the page for data."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.services import projects, training
from mlvajra_al.store.database import Store
from mlvajra_al.web.upload.upload import Uploaded
from tests.factories import a_project
from tests.integration.visits.visiting import Visitor, press, words

ID = "0123456789abcdef0123456789abcdef"
REVIEWS = "id,title,text,site,verdict\n" + "".join(
    f'r{n},"title {n}","a text of some length, number {n}",site{n % 3},{("bad", "good")[n % 2]}\n'
    for n in range(30)
)


def uploaded(store: Store, content: str | bytes = REVIEWS, name: str = "reviews.csv") -> Uploaded:
    folder = store.home / "uploads" / ID
    folder.mkdir(parents=True)
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return Uploaded(f"{ID}/{name}", name)


def new_project(admin: Visitor, upload: Uploaded) -> AppTest:
    return admin.opens("data", **{"uploaded:new": upload})  # type: ignore[arg-type]


def choose(page: AppTest, label: str, value: str) -> None:
    [box] = [box for box in page.main.selectbox if box.label == label]
    box.set_value(value).run()


def test_a_file_becomes_a_project_with_the_columns_that_were_chosen(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store))
    assert page.text_input[0].value == "reviews"
    choose(page, "Column that names samples", "id")
    choose(page, "Column shown as the title", "title")
    choose(page, "Column with labels that exist already", "verdict")
    choose(page, "Column of groups", "site")
    assert page.text_area[0].value == "bad\ngood", "the labels that are there"
    assert "The model sees 2 columns: title, text" in words(page)
    page.slider[0].set_value(0.3)
    press(page, "Create and import")
    made = projects.get(store, None, "reviews")
    assert (made.key_column, made.title_column, made.group_column) == ("id", "title", "site")
    assert [column.name for column in made.recipe.columns] == ["title", "text"]
    assert [label.name for label in made.labels] == ["bad", "good"]
    assert made.policy.holdout_share == 0.3
    [job] = training.jobs_of(store, None, "reviews")
    assert (job.kind, job.state, job.payload["labels_from"]) == ("ingest", "queued", "verdict")


@pytest.mark.parametrize(
    ("name", "labels", "sentence"),
    [
        ("reviews", "good", "A project needs at least two labels but got 1; name them."),
        ("reviews", "", "A project needs at least two labels but got 0; name them."),
        ("reviews", "a\nA", "Two labels are stored as 'a'; give each its own."),
        ("taken", "a\nb", "There is a project"),
        ("../evil", "a\nb", "'../evil'"),
    ],
)
def test_what_cannot_be_a_project_is_refused_in_a_sentence_and_nothing_is_made(
    store: Store, admin: Visitor, name: str, labels: str, sentence: str
) -> None:
    a_project(store, "taken")
    upload = uploaded(store)
    page = admin.opens("data", **{"uploaded:new": upload})  # type: ignore[arg-type]
    page.segmented_control[0].set_value("A new project").run()
    page.text_input[0].set_value(name)
    page.text_area[0].set_value(labels)
    press(page, "Create and import")
    [error] = page.error
    assert sentence in words(page)
    assert error.value.endswith(".")
    assert [item.name for item in projects.listed(store, None)] == ["taken"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"this is no parquet file", "broken.parquet"),
        (b"", "empty.csv"),
        (b"a,b\n1,2\n\xff\xfe\x00\n", "odd.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_no_form_is_drawn(
    store: Store, admin: Visitor, content: bytes, name: str
) -> None:
    page = new_project(admin, uploaded(store, content, name))
    [error] = page.error
    assert name in words(page)
    assert error.value.endswith(".")
    assert "Create and import" not in words(page)


def test_more_samples_go_into_the_project_that_is_open(store: Store, admin: Visitor) -> None:
    project = a_project(store)
    upload = uploaded(store, "body,verdict\none,ham\ntwo,spam\n", "more.csv")
    page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
    choose(page, "Column with labels that exist already", "verdict")
    press(page, "Import")
    [job] = training.jobs_of(store, None, "spam")
    assert (job.kind, job.payload["labels_from"]) == ("ingest", "verdict")
    assert "Waits for the worker" in words(page), "and the page shows it"


def test_an_upload_that_is_gone_is_said_in_a_sentence(store: Store, admin: Visitor) -> None:
    page = new_project(admin, Uploaded(f"{ID}/gone.csv", "gone.csv"))
    assert len(page.error) == 1
    assert page.error[0].value.endswith(".")

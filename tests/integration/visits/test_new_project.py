"""From an uploaded file to a project, on the page for data."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.services import projects, training
from mlvajra_al.store.database import Store
from mlvajra_al.web.upload.upload import Uploaded
from tests.factories import a_project
from tests.integration.visits.visiting import Visitor, links, press, words
from tests.workers import work

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


def chosen(page: AppTest, label: str) -> str:
    [box] = [box for box in page.main.selectbox if box.label == label]
    return str(box.value)


def test_a_file_becomes_a_project_with_the_columns_that_were_chosen(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store))
    assert page.text_input[0].value == "reviews"
    choose(page, "Column that names samples", "id")
    assert chosen(page, "Column shown as the title") == "title", "its name says so"
    assert chosen(page, "Column with labels that exist already") == "verdict"
    assert "verdict looks like the answer, so the model does not see it." in words(page)
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


def test_labels_that_cards_would_show_are_refused_before_a_project_is_made(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store))
    choose(page, "Column shown as the title", "verdict")
    assert "'verdict' is the title of cards" in words(press(page, "Create and import"))
    assert projects.listed(store, None) == ()


def test_ids_of_which_one_stands_twice_are_said_not_to_name_samples(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store, REVIEWS.replace("\nr29,", "\nr3,")))
    assert chosen(page, "Column that names samples") == "(none)"
    twice = "'r3' stands twice, on line 5 and line 31."
    assert f"id was not chosen: {twice}" in words(page)
    choose(page, "Column that names samples", "id")
    assert f"id will be refused: {twice}" in words(page)
    choose(page, "Column that names samples", "title")
    assert twice not in words(page)


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
    choose(page, "Column with labels that exist already", "(none)")
    page.text_input[0].set_value(name)
    page.text_area[0].set_value(labels)
    press(page, "Create and import")
    [error] = page.error
    assert sentence in words(page)
    assert error.value.endswith(".")
    assert [item.name for item in projects.listed(store, None)] == ["taken"]


def tickets(kinds: Iterable[str]) -> str:
    rows = "".join(f"words of ticket {n},{kind}\n" for n, kind in enumerate(kinds))
    return f"text,kind\n{rows}"


def test_labels_come_from_the_whole_file_not_from_its_first_rows(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store, tickets(["bug", "praise"] * 600 + ["billing"])))
    assert page.text_area[0].value == "billing\nbug\npraise"
    assert "The model sees 1 column: text" in words(page)


def test_a_label_of_the_file_that_is_left_out_is_named_before_anything_is_made(
    store: Store, admin: Visitor
) -> None:
    page = new_project(admin, uploaded(store, tickets(["bug", "praise"] * 600 + ["billing"])))
    page.text_area[0].set_value("bug\npraise")
    press(page, "Create and import")
    assert (
        "reviews.csv: column 'kind' holds 'billing', which is no label of this project; add it to "
        "the label set, or correct it; the labels are bug, praise."
    ) in words(page)
    assert projects.listed(store, None) == ()


def test_spellings_are_one_label_and_missing_values_none_and_it_is_said(
    store: Store, admin: Visitor
) -> None:
    kinds = ["Bug", "BUG", "Bug", "praise", "n/a", "?"] * 20
    page = new_project(admin, uploaded(store, tickets(kinds)))
    assert page.text_area[0].value == "Bug\npraise"
    assert "Read as empty: ?, n/a. Where one is a label, add it." in words(page)
    press(page, "Create and import")
    work(store)
    page.run()
    assert "120 samples added, 80 labels imported" in words(page)


def test_first_rows_are_shown_as_they_are_written(store: Store, admin: Visitor) -> None:
    rows = 'id,year,price,text\n2024000,2024,"1.234,50",one\n2024001,,"7,00",two\n'
    page = new_project(admin, uploaded(store, rows))
    first, columns = page.main.dataframe
    assert first.value.to_dict("records") == [
        {"id": "2024000", "year": "2024", "price": "1.234,50", "text": "one"},
        {"id": "2024001", "year": "", "price": "7,00", "text": "two"},
    ]
    assert list(columns.value["For example"]) == ["2024000", "2024", "1.234,50", "one"]
    assert "2 rows, 4 columns, CSV" in words(page)


def test_what_is_no_input_is_said_in_the_table_of_columns(store: Store, admin: Visitor) -> None:
    page = new_project(admin, uploaded(store))
    choose(page, "Column of groups", "site")
    columns = page.main.dataframe[1].value.set_index("Column")
    assert columns["Used as"].to_dict() == {
        "id": "key", "title": "", "text": "", "site": "groups", "verdict": "labels",
    }  # fmt: skip
    assert columns["Holds"].to_dict() == {
        "id": "ignored", "title": "text", "text": "text", "site": "ignored", "verdict": "ignored",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"), [(40, "40 different values"), (400, "more than 300 different values")]
)
def test_a_column_of_too_many_values_is_said_to_hold_no_labels(
    store: Store, admin: Visitor, values: int, said: str
) -> None:
    page = new_project(admin, uploaded(store, tickets(f"value {n % values}" for n in range(900))))
    choose(page, "Column with labels that exist already", "kind")
    assert f"kind holds {said}, and a project has at most" in words(page)
    assert page.text_area[0].value == ""


def test_a_file_that_breaks_later_on_is_refused_before_anything_is_made(
    store: Store, admin: Visitor
) -> None:
    broken = tickets(["bug", "praise"] * 10_000) + "one, two, three\n"
    page = new_project(admin, uploaded(store, broken))
    page.text_area[0].set_value("bug\npraise")
    press(page, "Create and import")
    assert "line 20,002" in words(page)
    assert projects.listed(store, None) == ()


def test_an_import_that_failed_can_be_done_again_without_choosing_anew(
    store: Store, admin: Visitor
) -> None:
    project = a_project(store)
    upload = uploaded(store, "body,verdict\none,ham\ntwo,billing\n", "more.csv")
    page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
    choose(page, "Column with labels that exist already", "verdict")
    press(page, "Import")
    work(store)
    page = admin.opens("data")
    assert "The last import failed: more.csv: column 'verdict' holds 'billing'" in words(page)
    assert "more.csv is still here." in words(page)
    assert chosen(page, "Column with labels that exist already") == "verdict"
    press(page, "Import")
    again, _ = training.jobs_of(store, None, "spam")
    assert (again.state, again.payload["labels_from"]) == ("queued", "verdict")
    assert again.payload["uri"] == str(store.home / "uploads" / upload.id)


def failed_import(store: Store, admin: Visitor) -> Uploaded:
    """Make the project reviews of a file whose last row is broken."""
    rows = [f"r{n},words {n},{n % 5},s{n % 4},{('bad', 'good')[n % 2]}" for n in range(10_001)]
    content = "\n".join(["id,text,stars,site,verdict", *rows, "r,more,many,s1,bad"])
    upload = uploaded(store, content)
    page = new_project(admin, upload)
    choose(page, "Column of groups", "site")
    page.slider[0].set_value(0.3)
    page.text_area[0].set_value("bad\ngood\nodd")
    press(page, "Create and import")
    work(store)
    return upload


def test_a_project_of_which_nothing_came_is_set_up_anew_from_what_was_chosen(
    store: Store, admin: Visitor
) -> None:
    upload = failed_import(store, admin)
    before = projects.get(store, None, "reviews")
    page = admin.opens("data")
    assert "The last import failed: reviews.csv: line 10,003, column 'stars': 'many'" in words(page)
    page.segmented_control[0].set_value("Set it up anew").run()
    assert page.text_input[0].value == "reviews"
    assert (page.slider[0].value, page.text_area[0].value) == (0.3, "bad\ngood\nodd")
    assert chosen(page, "Column of groups") == "site"
    assert "The model sees 2 columns: text, stars" in words(page)
    choose(page, "Column of groups", "stars")
    choose(page, "Column that names samples", "(none)")
    press(page, "Create and import")
    work(store)
    page.run()
    assert "Imported: 10,002 samples added" in words(page)
    assert "Set it up anew" not in page.segmented_control[0].options
    made = projects.get(store, None, "reviews")
    assert (made.id, made.key_column, made.group_column) == (before.id, None, "stars")
    assert [label.name for label in made.labels] == ["bad", "good", "odd"]
    again, first = training.jobs_of(store, None, "reviews", kinds=("ingest",))
    assert again.payload == first.payload
    assert again.payload["uri"] == str(store.home / "uploads" / upload.id)


def test_a_project_is_set_up_anew_from_another_file(store: Store, admin: Visitor) -> None:
    failed_import(store, admin)
    folder = store.home / "uploads" / ID[::-1]
    folder.mkdir()
    (folder / "other.csv").write_text("words,kind\n" + "some words,a\nothers,b\n" * 4)
    other = Uploaded(f"{ID[::-1]}/other.csv", "other.csv")
    place = f"uploaded:anew:{projects.get(store, None, 'reviews').id}"
    page = admin.opens("data", **{place: other})  # type: ignore[arg-type]
    page.segmented_control[0].set_value("Set it up anew").run()
    assert page.text_input[0].value == "reviews"
    assert page.text_area[0].value == "a\nb"
    assert "The model sees 1 column: words" in words(page)


def test_a_project_with_samples_is_not_set_up_anew(store: Store, admin: Visitor) -> None:
    project = a_project(store)
    upload = uploaded(store, "body\none\n", "more.csv")
    for content in ("body\none\n", "verdict\none\n"):
        (store.home / "uploads" / upload.id).write_text(content)
        page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
        press(page, "Import")
        work(store)
    page = admin.opens("data")
    assert "The last import failed" in words(page)
    assert page.segmented_control[0].options == ["This project", "A new project"]


def test_a_failed_file_that_is_gone_is_not_offered_again(store: Store, admin: Visitor) -> None:
    project = a_project(store)
    upload = uploaded(store, "verdict\none\n", "more.csv")
    page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
    press(page, "Import")
    work(store)
    (store.home / "uploads" / upload.id).unlink()
    page = admin.opens("data")
    assert "The last import failed" in words(page)
    assert "still here" not in words(page)


def test_after_an_import_one_can_start_to_label(store: Store, admin: Visitor) -> None:
    project = a_project(store)
    upload = uploaded(store, "body,verdict\none,ham\ntwo,spam\n", "more.csv")
    page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
    press(page, "Import")
    assert "Start labelling" not in links(page)
    work(store)
    page.run()
    assert "Imported: 2 samples added." in words(page)
    assert "Start labelling" in links(page)


def test_after_an_import_that_answers_every_sample_nobody_is_sent_to_label(
    store: Store, admin: Visitor
) -> None:
    project = a_project(store)
    upload = uploaded(store, "body,verdict\none,ham\ntwo,spam\n", "more.csv")
    page = admin.opens("data", **{f"uploaded:more:{project.id}": upload})  # type: ignore[arg-type]
    choose(page, "Column with labels that exist already", "verdict")
    press(page, "Import")
    work(store)
    page.run()
    assert "Start labelling" not in links(page)
    assert "Every sample has an answer: go on" in links(page)


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

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from mlvajra_al.records import Column, ColumnKind, Schema
from mlvajra_al.sources.catalogue import inspect, read_batches

ROOT = Path(__file__).parents[3]


def kinds(source: Any) -> dict[str, ColumnKind]:
    return {column.name: column.kind for column in inspect(source).columns}


def test_emails_are_an_id_two_texts_and_two_categories() -> None:
    schema = inspect(str(ROOT / "data" / "spam_assassin.parquet"), preview=3)
    assert {column.name: column.kind for column in schema.columns} == {
        "id": "ignored",
        "subject": "text",
        "body": "text",
        "group": "categorical",
        "label": "categorical",
    }
    assert (schema.key, schema.rows, schema.format) == ("id", 5710, "parquet")
    assert len(schema.preview) == 3


def test_tumours_are_thirty_numbers_and_a_category(tmp_path: Path) -> None:
    data = load_breast_cancer(as_frame=True)
    frame = data.frame.assign(target=data.target_names[data.target])
    frame.to_csv(tmp_path / "tumours.csv", index=False)
    found = kinds(str(tmp_path / "tumours.csv"))
    assert list(found.values()) == ["numeric"] * 30 + ["categorical"]
    assert inspect(str(tmp_path / "tumours.csv")).key is None


def test_digits_are_images(tmp_path: Path) -> None:
    digits = load_digits()
    table = pa.table({"pixels": digits.images.tolist(), "digit": digits.target})
    assert kinds(table) == {"pixels": "image", "digit": "numeric"}
    assert inspect(table, preview=1).preview[0]["pixels"] == digits.images[0].tolist()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["red", "blue", "red", "red"], "categorical"),
        (["a long sentence about nothing", "another one", "a third"], "text"),
        (["1", "2.5", "-3e4", ""], "numeric"),
        (["01234", "04567", "09876"], "text"),
        (["yes", "no", "Yes"], "boolean"),
        (["on", "OFF", "on"], "boolean"),
        (["TRUE", "FALSE", "TRUE"], "boolean"),
        (["0", "1", "1"], "boolean"),
        (["1", "1", "1"], "numeric"),
        (["2024-01-02", "2024-01-03T10:00:00Z", ""], "date"),
        (["[[0, 1], [2, 3]]", "[[1, 1], [2, 2]]"], "image"),
        (["", "NA", None], "ignored"),
        ([0, 1, 1, None], "boolean"),
        ([0, 1, 2], "numeric"),
        ([0.0, 1.0], "numeric"),
        ([True, None], "boolean"),
        ([date(2024, 1, 2)], "date"),
        ([None, None], "ignored"),
        ([[0.5, 1], [2, 3]], "image"),
        (pa.array(["red", "blue", "red", "red"]).dictionary_encode(), "categorical"),
        (pa.array(["x", "y"], pa.binary()), "text"),
    ],
)
def test_columns_are_recognised(values: Any, kind: ColumnKind) -> None:
    assert kinds(pa.table({"value": values}))["value"] == kind


@pytest.mark.parametrize("written", [int, str, "{:04}".format, "{:09}".format])
def test_running_numbers_name_samples_and_are_no_input(written: Any) -> None:
    values = [written(1_000 + n) for n in range(25)]
    columns = {"text": [f"some words {n}" for n in range(25)], "Ticket": values, "n": values}
    schema = inspect(pa.table(columns))
    assert [column.kind for column in schema.columns] == ["text", "ignored", "ignored"]
    assert schema.key == "Ticket"
    assert inspect(pa.table({"text": columns["text"], "n": values})).key == "n"


@pytest.mark.parametrize(
    "values",
    [
        list(range(19)),
        [*range(24), 25],
        [*range(24), None],
        list(range(25, 0, -1)),
        list(range(0, 50, 2)),
        [float(n) for n in range(25)],
        [f"{n}.0" for n in range(25)],
    ],
)
def test_numbers_that_do_not_run_stay_numbers(values: Any) -> None:
    schema = inspect(pa.table({"n": values}))
    assert (schema.columns[0].kind, schema.key) == ("numeric", None)


@pytest.mark.parametrize(
    "name",
    [
        "Vorgangs-Nr", "Vorgangs-Nr.", "Kundennummer", "Nummer", "BestellNr", "ticket_no", "No.",
        "orderNo", "order number", "case.number", "Número", "numéro", "Código", "codigo", "N°",
        "item_num", "itemNumber", "Ticket", "support-ticket",
    ],
)  # fmt: skip
@pytest.mark.parametrize("values", [[417, 93, 512], ["417", "93", "512"], ["A-7", "B-1", "A-3"]])
def test_unique_numbers_under_the_name_of_one_name_samples(name: str, values: Any) -> None:
    schema = inspect(pa.table({"size": [1.5, 2.5, 4.0], name: values}))
    assert (schema.columns[1].kind, schema.key) == ("ignored", name)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("no_of_rooms", [3, 5, 4], "numeric"),
        ("number of rooms", [3, 5, 4], "numeric"),
        ("Nr. of rooms", [3, 5, 4], "numeric"),
        ("Código postal", [3, 5, 4], "numeric"),
        ("rooms_no", [3, 5, 3], "numeric"),
        ("casino", [3, 5, 4], "numeric"),
        ("datum", [3, 5, 4], "numeric"),
        ("numbers", [3, 5, 4], "numeric"),
        ("number", [0.5, 1.5, 2.5], "numeric"),
        ("number", ["0.5", "1.5", "2.5"], "numeric"),
        ("number", ["0,5", "1,5", "2,5"], "numeric"),
        ("number", ["2024-01-02", "2024-01-03", "2024-01-04"], "date"),
        ("ticket", ["my printer burns", "the 2nd one too", "and a 3rd"], "text"),
        ("say_no", ["never", "maybe", "later"], "text"),
    ],
)
def test_a_name_that_counts_or_a_value_that_is_no_number_of_a_thing_names_no_samples(
    name: str, values: Any, kind: ColumnKind
) -> None:
    schema = inspect(pa.table({name: values}))
    assert (schema.columns[0].kind, schema.key) == (kind, None)


BEYOND = 2**53 + 1


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([BEYOND, 1, None], "ignored"),
        ([-BEYOND, 1], "ignored"),
        ([2**53, -(2**53)], "numeric"),
        (pa.array([2**64 - 1], pa.uint64()), "ignored"),
        (pa.array([Decimal(10**30 + 1)]), "ignored"),
        (pa.array([Decimal("1.5")]), "numeric"),
        ([1e300, 2.0**60], "numeric"),
        ([str(BEYOND), "7", ""], "ignored"),
        ([f"-{BEYOND}", "7"], "ignored"),
        (["1" + "0" * 5_000, "7"], "ignored"),
        ([str(2**53), "7"], "numeric"),
        ([str(BEYOND), "0.5"], "numeric"),
    ],
)
def test_integers_that_a_float_would_alter_are_no_input(values: Any, kind: ColumnKind) -> None:
    assert kinds(pa.table({"value": values}))["value"] == kind


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_integers_that_a_float_would_alter_are_kept_to_the_digit(
    ending: str, tmp_path: Path
) -> None:
    path, said = tmp_path / f"x.{ending}", [BEYOND, 2**63 + 1, BEYOND]
    if ending == "csv":
        path.write_text("a,b\n" + "".join(f"{n},x\n" for n in said))
    elif ending == "jsonl":
        path.write_text("".join(f'{{"a": {n}, "b": "x"}}\n' for n in said))
    else:
        pq.write_table(pa.table({"a": pa.array(said, pa.uint64()), "b": ["x"] * 3}), path)
    found = pa.Table.from_batches(read_batches(str(path)))
    assert found["a"].to_pylist() == [str(n) for n in said]
    chosen = Schema((Column("a", "numeric"),), None, None, (), "")
    found = pa.Table.from_batches(read_batches(str(path), schema=chosen))
    assert found["a"].to_pylist() == [float(n) for n in said]


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"id": [1, 2, 3], "n": [4, 5, 6]}, "id"),
        ({"n": [4, 5, 6], "ticket_id": ["x", "y", "z"]}, "ticket_id"),
        ({"text": ["one thing", "other thing"], "ref": ["AB-1", "AB-2"]}, "ref"),
        ({"id": pa.array(["x", "y"]).dictionary_encode(), "text": ["one", "other"]}, "id"),
        ({"n": [1, 2, 3]}, None),
        ({"id": [1, 1, 2]}, None),
        ({"id": [1, 2, None]}, None),
        ({"when": ["2024-01-02", "2024-01-03"], "age": ["31", "32"]}, None),
        ({"text": ["one thing", "other thing"]}, None),
        ({"w": [0.5, 1.5]}, None),
    ],
)
def test_a_key_is_suggested_where_values_are_unique_and_look_like_ids(
    columns: dict[str, Any], key: str | None
) -> None:
    assert inspect(pa.table(columns)).key == key


def test_a_number_that_repeats_and_is_named_as_an_id_is_no_input() -> None:
    assert kinds(pa.table({"user_id": [7, 7, 8], "customerId": ["1", "1", "2"]})) == {
        "user_id": "ignored",
        "customerId": "ignored",
    }


def test_rows_are_counted_only_where_that_is_free(tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_text("a\n" + "1\n" * 5)
    large.write_text("a\n" + "1\n" * 20_001)
    assert inspect(str(small)).rows == 5
    assert inspect(str(large)).rows is None


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ({"text": [f"words {n}" for n in range(8)], "kind": ["bug", "praise"] * 4}, "kind"),
        ({"category": ["a", "b"] * 4, "true_label": ["x", "y"] * 4}, "true_label"),
        ({"Ticket Class": [1, 2] * 4}, "Ticket Class"),
        ({"goldLabels": ["x", None] * 4}, "goldLabels"),
        ({"sentiment": [True, False] * 4}, "sentiment"),
        ({"intent": pa.array(["x", "y"] * 4).dictionary_encode()}, "intent"),
        ({"target": [n / 3 for n in range(8)]}, None),
        ({"label": [f"as many as rows {n}" for n in range(8)]}, None),
        ({"label": ["", None] * 4}, None),
        ({"mankind": ["x", "y"] * 4, "classroom": ["x", "y"] * 4}, None),
        ({"topic": [["x"], ["x", "y"]] * 4}, None),
    ],
)
def test_a_column_of_few_values_that_is_named_like_an_answer_is_suggested_as_one(
    columns: dict[str, Any], answer: str | None
) -> None:
    assert inspect(pa.table(columns)).answer == answer


@pytest.mark.parametrize(
    "name",
    ["Kategorie", "KLASSEN", "themen", "Etikett", "Catégorie", "cate\u0301gories", "étiquette"]
    + ["categoría", "Clase", "ticket_etiqueta", "rótulos", "classe", "etichette", "categorieën"],
)
def test_an_answer_may_be_named_in_another_language(name: str) -> None:
    columns = {"text": [f"words {n}" for n in range(8)], name: ["x", "y"] * 4}
    assert inspect(pa.table(columns)).answer == name


@pytest.mark.parametrize("name", ["Art", "Typ", "sujet", "Altersklasse", "Bezeichnung"])
def test_words_that_are_ordinary_properties_are_no_answers(name: str) -> None:
    columns = {"text": [f"words {n}" for n in range(8)], name: ["x", "y"] * 4}
    assert inspect(pa.table(columns)).answer is None


def test_the_answer_is_looked_for_in_the_file_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    rows = "".join(f"{n},subject {n},body of {n},{('bug', 'praise')[n % 2]}\n" for n in range(9))
    path.write_text("id,subject,body,kind\n" + rows)
    schema = inspect(str(path))
    assert (schema.key, schema.title, schema.answer) == ("id", "subject", "kind")


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"body": ["one is long", "two is longer"], "Headline": ["first", "second"]}, "Headline"),
        ({"subject": ["a b", "c d"], "title": ["e f", "g h"]}, "title"),
        ({"title": [1.5, 2.5]}, None),
        ({"entitled": ["to this", "to that"]}, None),
    ],
)
def test_a_column_of_text_that_is_named_like_a_title_is_suggested_as_one(
    columns: dict[str, Any], title: str | None
) -> None:
    assert inspect(pa.table(columns)).title == title

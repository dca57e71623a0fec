"""What a card shows of a sample, and what it says about why."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import pytest

from mlvajra_al.records import Claim, Column, Policy, Project, Recipe, Why
from mlvajra_al.services import cards
from mlvajra_al.services.label_sets import make_labels
from tests.factories import NOW, a_draft

STATISTICS = {"columns": {"size": {"min": 0.0, "max": 200.0}, "flat": {"min": 3, "max": 3}}}


def a_mixed_project() -> Project:
    columns = (
        Column("subject", "text"),
        Column("body", "text"),
        Column("size", "numeric"),
        Column("flat", "numeric"),
        Column("sender", "categorical"),
        Column("seen", "boolean"),
        Column("at", "date"),
        Column("logo", "image"),
        Column("noise", "ignored"),
        Column("truth", "text"),
    )
    return replace(a_draft(), recipe=Recipe(columns), title_column="subject", gold_column="truth")


def a_row(**changes: Any) -> dict[str, Any]:
    row = {
        "subject": "Hello",
        "body": "Dear sir",
        "size": 50.0,
        "flat": 3,
        "sender": "ada",
        "seen": True,
        "at": datetime(2026, 11, 23, tzinfo=UTC),
        "logo": [0, 8, 16, 4],
        "noise": "hidden",
        "truth": "spam",
    }
    return row | changes


def a_claim(key: str = "k", *, strategy: str = "margin", holdout: bool = False) -> Claim:
    why = Why(strategy, 0.98, 3, 2, None, holdout)
    return Claim("c", 1, key, 0, 1, NOW, why)


def table(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (block,) = (block for block in card["blocks"] if block["kind"] == "table")
    return {row["name"]: row for row in block["rows"]}


def test_the_title_stands_alone_and_texts_images_and_values_follow_in_blocks() -> None:
    card = cards.card(a_mixed_project(), a_row(), STATISTICS)
    assert card["title"] == "Hello"
    assert [block["kind"] for block in card["blocks"]] == ["text", "image", "table"]
    assert card["blocks"][0] == {"kind": "text", "name": "body", "text": "Dear sir"}


def test_ignored_columns_and_the_answer_are_never_shown() -> None:
    shown = str(cards.card(a_mixed_project(), a_row(), STATISTICS))
    assert "hidden" not in shown
    assert "spam" not in shown


def test_a_number_knows_its_place_in_the_pool() -> None:
    rows = table(cards.card(a_mixed_project(), a_row(), STATISTICS))
    assert rows["size"] == {
        "name": "size",
        "value": "50",
        "short": "50",
        "place": 0.25,
        "low": "0",
        "high": "200",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1436.78, "1436.78"),
        (63_050.0, "63050"),
        (0.1 + 0.2, "0.3"),
        (0.10000000149011612, "0.1"),
        (1 / 3, "0.3333333333"),
        (123_456_789.12, "123456789.12"),
        (-0.00001, "-0.00001"),
        (999_999_999_999_999.0, "999999999999999"),
        (12_345_678_901, "12345678901"),
    ],
)
def test_a_number_is_shown_as_it_is_in_the_data(value: float, shown: str) -> None:
    project, row = a_mixed_project(), a_row(size=value)
    assert table(cards.card(project, row, STATISTICS))["size"]["value"] == shown
    assert f"size: {shown}" in cards.beginning(project, row)


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (2.459488442, "2.45949"),
        (8.08574765790486, "8.08575"),
        (1234567.891, "1234568"),
        (12345678.25, "12345678.25"),
        (63_050.0, "63050"),
        (10**12, "1000000000000"),
        (0.005427, "0.005427"),
        (-0.0000123456789, "-0.0000123457"),
        (math.inf, "inf"),
        (None, "–"),
    ],
)
def test_a_number_of_many_digits_is_short_in_the_table_and_whole_beside(
    value: float | None, short: str
) -> None:
    row = table(cards.card(a_mixed_project(), a_row(size=value), STATISTICS))["size"]
    assert row["short"] == short
    assert row["value"] == "–" if value is None else float(row["value"]) == value


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_has_no_place(value: float | None) -> None:
    rows = table(cards.card(a_mixed_project(), a_row(size=value), STATISTICS))
    assert rows["size"]["place"] is None


def test_numbers_beyond_the_known_range_stay_on_the_bar() -> None:
    rows = table(cards.card(a_mixed_project(), a_row(size=999.0), STATISTICS))
    assert rows["size"]["place"] == 1.0


def test_a_column_that_never_varies_or_was_never_counted_has_no_bar() -> None:
    rows = table(cards.card(a_mixed_project(), a_row(), STATISTICS))
    assert rows["flat"]["place"] is None
    assert table(cards.card(a_mixed_project(), a_row(), {}))["size"]["place"] is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (True, "yes"),
        (False, "no"),
        (3.0, "3"),
        (0.123456, "0.123456"),
        (12345678.9, "12345678.9"),
        (10**20, "100000000000000000000"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02 03:04"),
        (datetime(2026, 1, 2, tzinfo=UTC).date(), "2026-01-02"),
        ("=1+1", "=1+1"),
    ],
)
def test_values_read_as_a_person_writes_them(value: Any, words: str) -> None:
    assert table(cards.card(a_mixed_project(), a_row(sender=value), {}))["sender"]["value"] == words


@pytest.mark.parametrize("value", [[0, 8, 16, 4], [[0, 8], [16, 4]]])
def test_an_image_is_rows_of_brightness(value: Any) -> None:
    card = cards.card(a_mixed_project(), a_row(logo=value), {})
    (image,) = (block for block in card["blocks"] if block["kind"] == "image")
    assert image["pixels"] == [[0.0, 0.5], [1.0, 0.25]]


@pytest.mark.parametrize(
    ("known", "pixels"),
    [
        ({"min": 0, "max": 16}, [[0.25, 0.125], [0.0, 1.0]]),
        ({"min": 4, "max": 32}, [[0.125, 0.0625], [0.0, 0.5]]),
        ({"min": -4.0, "max": 12.0}, [[0.5, 0.375], [0.25, 1.0]]),
        ({"min": 0, "max": 0}, [[1.0, 1.0], [0.0, 1.0]]),
    ],
)
def test_images_are_as_bright_as_they_are_beside_the_others_of_the_pool(
    known: dict[str, float], pixels: list[list[float]]
) -> None:
    row = a_row(logo=[4, 2, 0, 16])
    card = cards.card(a_mixed_project(), row, {"columns": {"logo": known}})
    assert card["blocks"][1]["pixels"] == pixels


def test_an_image_below_zero_is_not_black_where_the_pool_was_never_counted() -> None:
    card = cards.card(a_mixed_project(), a_row(logo=[-1.0, 0.0, 1.0, -0.5]), {})
    assert card["blocks"][1]["pixels"] == [[0.0, 0.5], [1.0, 0.25]]


def test_pixels_that_are_no_square_are_one_row() -> None:
    card = cards.card(a_mixed_project(), a_row(logo=[0, 1, 2]), {})
    assert card["blocks"][1]["pixels"] == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize("value", [None, []])
def test_a_missing_image_has_no_pixels(value: Any) -> None:
    card = cards.card(a_mixed_project(), a_row(logo=value), {})
    assert {"kind": "image", "name": "logo", "pixels": []} in card["blocks"]


def test_broken_pixels_are_black_and_dark_images_are_not_divided_by_zero() -> None:
    broken = cards.card(a_mixed_project(), a_row(logo=[None, math.nan, 4, math.inf]), {})
    assert broken["blocks"][1]["pixels"] == [[0.0, 0.0], [1.0, 0.0]]
    dark = cards.card(a_mixed_project(), a_row(logo=[0, 0, 0, 0]), {})
    assert dark["blocks"][1]["pixels"] == [[0.0, 0.0], [0.0, 0.0]]


def test_a_large_image_is_read_at_once() -> None:
    logo = np.linspace(0, 1, 512 * 512, dtype=np.float32).reshape(512, 512).tolist()
    steps = count()
    before = sys.getprofile()
    sys.setprofile(lambda *_: next(steps))
    try:
        card = cards.card(a_mixed_project(), a_row(logo=logo), {})
    finally:
        sys.setprofile(before)
    assert card["blocks"][1]["pixels"][511][511] == 1.0
    assert next(steps) < 512 * 512


def test_a_text_too_long_for_the_wire_says_how_much_is_missing() -> None:
    card = cards.card(a_mixed_project(), a_row(body="x" * (cards.TEXT_LIMIT + 7)), {})
    assert len(card["blocks"][0]["text"]) == cards.TEXT_LIMIT
    assert card["blocks"][0]["cut"] == 7


def test_a_row_without_its_columns_still_makes_a_card() -> None:
    card = cards.card(a_mixed_project(), {}, {})
    assert card["title"] == ""
    assert card["blocks"][0]["text"] == ""


def test_bytes_that_were_no_text_take_one_mark_in_a_list() -> None:
    words = cards.beginning(a_mixed_project(), a_row(body="caf\ufffd\ufffd \ufffd au lait \ufffd"))
    assert "caf\ufffd au lait \ufffd" in words
    assert words.count("\ufffd") == 2


def test_the_beginning_is_one_short_line() -> None:
    words = cards.beginning(a_mixed_project(), a_row(body="a\n b " * 200), limit=40)
    assert words.startswith("Hello · a b a b")
    assert len(words) <= 40
    assert words.endswith("…")
    assert "50" in cards.beginning(a_mixed_project(), a_row(body=None))


def test_holdout_samples_never_give_a_reason() -> None:
    project = replace(a_draft(), policy=Policy(holdout_rate=0.0))
    assert cards.why(project, a_claim(holdout=True)) is None
    assert cards.why(project, a_claim()) is not None


def test_as_many_pool_samples_as_holdout_ones_are_silent_and_always_the_same() -> None:
    project = replace(a_draft(), policy=Policy(holdout_rate=0.2))
    claims = [a_claim(f"sample {n}") for n in range(4_000)]
    silent = [cards.why(project, claim) is None for claim in claims]
    assert 0.18 < sum(silent) / len(silent) < 0.22
    assert silent == [cards.why(project, claim) is None for claim in claims]
    elsewhere = replace(project, seed=8)
    assert silent != [cards.why(elsewhere, claim) is None for claim in claims]


@pytest.mark.parametrize(
    ("strategy", "utility", "words"),
    [
        ("margin", 0.98, "The model hesitates between ham and spam: 51% for the likelier."),
        ("focused_margin", 1.0, "The model hesitates between ham and spam: 50% for the likelier."),
        ("margin", 0.2, "The model leans to one label (90%), less firmly than elsewhere."),
        ("least_confident", 0.4, "The model is only 60% sure of its answer."),
        ("entropy", 0.6, "The model's answer is spread over several labels."),
        ("random", 0.3, "Drawn at random, to see what the model does not look for."),
        ("cold_start", None, "There is no model yet, and this one stands for many like it."),
        ("margin", None, "Chosen by margin."),
        ("of_a_third_party", 1.0, "Chosen by of a third party."),
    ],
)
def test_a_strategy_explains_itself(strategy: str, utility: float | None, words: str) -> None:
    why = Why(strategy, utility, 1, 1, None, holdout=False)
    assert cards.in_words(a_draft(), why) == words


@pytest.mark.parametrize(
    ("utility", "words"),
    [
        (0.97, "The model hesitates between its two likeliest labels (3% apart)."),
        (0.1, "The model leans to one label (by 90%), less firmly than elsewhere."),
    ],
)
def test_with_many_labels_the_margin_is_told_without_names(utility: float, words: str) -> None:
    project = replace(a_draft(), labels=make_labels(["a", "b", "c"]))
    why = Why("margin", utility, 1, 1, None, holdout=False)
    assert cards.in_words(project, why) == words


def test_images_are_given_apart_so_that_the_beginning_need_not_name_them() -> None:
    project, row = a_mixed_project(), a_row()
    assert "(image)" in cards.beginning(project, row)
    assert "(image)" not in cards.beginning(project, row, images=False)
    (logo,) = cards.images(project, row, STATISTICS)
    assert logo == [[0.0, 0.5], [1.0, 0.25]]
    assert cards.images(project, a_row(logo=None), STATISTICS) == ()
    assert cards.images(project, a_row(logo=[[]]), STATISTICS) == ()


def test_a_passage_shows_what_was_sought_as_it_stands_in_the_sample() -> None:
    row = a_row(body="bombarded " * 9 + "Cheap\n Pills" + " pitches" * 9)
    before, hit, after = cards.passage(a_mixed_project(), row, " cheap  pills") or ("", "", "")
    assert hit == "Cheap Pills"
    assert before == "… " + "bombarded " * 5
    assert after == " pitches" * 7 + " …"
    assert cards.passage(a_mixed_project(), row, "hello") == ("", "Hello", "")
    for absent in ("spam", "hidden", "0, 8", "[a]"):
        assert cards.passage(a_mixed_project(), row, absent) is None

"""What is typed into the form of one row becomes a row of the right kinds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.web.row_form import cell


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", "text", None),
        ("   ", "numeric", None),
        (None, "boolean", None),
        (" hello ", "categorical", "hello"),
        ("2026-11-23", "date", "2026-11-23"),
        ("3", "numeric", 3.0),
        (" -1.5e3 ", "numeric", -1500.0),
        (7, "numeric", 7.0),
        ("inf", "numeric", math.inf),
        ("three", "numeric", "three"),
        ("1,5", "numeric", "1,5"),
        ("True", "boolean", True),
        ("YES", "boolean", True),
        ("1", "boolean", True),
        ("no", "boolean", False),
        ("false", "boolean", False),
        ("=1+1", "text", "=1+1"),
    ],
)
def test_a_cell_is_read_as_its_column_says(text: Any, kind: str, value: Any) -> None:
    assert cell(text, kind) == value


def _draws_pixels(start: object) -> None:
    import streamlit as st

    from mlvajra_al.web.row_form import pixels_form

    st.session_state["drawn"] = pixels_form("digit *x*", start)


@pytest.mark.parametrize(
    ("start", "rows"),
    [
        (None, []),
        ([], []),
        ([0, 1, 2, 3], [[0.0, 1.0], [2.0, 3.0]]),
        ([[0, 1], [2, 3]], [[0.0, 1.0], [2.0, 3.0]]),
        ([0, 1, 2, 3, 4], [[0.0, 1.0], [2.0, 3.0]]),
    ],
)
def test_a_small_image_is_a_table_of_its_pixels(start: Any, rows: list[list[float]]) -> None:
    page = AppTest.from_function(_draws_pixels, args=(start,), default_timeout=30).run()

    assert not page.exception
    assert page.session_state["drawn"] == rows
    assert page.caption[0].value.startswith("digit \\*x\\*: change the numbers")


def test_an_image_too_large_to_type_is_asked_about_as_it_is() -> None:
    large = [[0.5] * 30 for _ in range(30)]

    page = AppTest.from_function(_draws_pixels, args=(large,), default_timeout=30).run()

    assert page.session_state["drawn"] == large
    assert "too large to type" in page.caption[0].value

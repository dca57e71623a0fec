"""What is typed into the form of one row becomes a row of the right kinds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Column
from mlvajra_al.records.notations import DATES, NUMBERS, Notation
from mlvajra_al.services.jobs.predicting import typed
from mlvajra_al.web.row_form import as_written


def _draws_pixels(start: object, number: int = 1) -> None:
    from dataclasses import replace

    import streamlit as st

    from mlvajra_al.web.row_form import pixels_form
    from tests.factories import a_draft

    project = replace(a_draft(), id=number)
    st.session_state["drawn"] = pixels_form(project, "digit *x*", start)
    st.session_state["keys"] = [key for key in st.session_state if key.startswith("pixels:")]


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


def test_the_image_of_one_project_keeps_no_edits_of_another() -> None:
    keys = []
    for number in (1, 2):
        page = AppTest.from_function(_draws_pixels, args=([0, 1, 2, 3], number)).run(timeout=30)
        keys.append(page.session_state["keys"])
    assert keys == [["pixels:1:digit *x*"], ["pixels:2:digit *x*"]]


@pytest.mark.parametrize("value", [1.496, 1496.78, -0.5, 24.0, 1e-07, 1234567.25])
@pytest.mark.parametrize("written", ["plain", *NUMBERS])
def test_a_number_is_read_back_as_it_is_offered(value: float, written: Notation) -> None:
    assert read_back(value, Column("c", "numeric", written)) == value


@pytest.mark.parametrize("value", [datetime(2026, 1, 5), datetime(2026, 1, 5, 15, 4, 7)])  # noqa: DTZ001
@pytest.mark.parametrize("written", ["plain", *DATES])
def test_a_date_is_read_back_as_it_is_offered(value: datetime, written: Notation) -> None:
    assert read_back(value, Column("c", "date", written)).replace(tzinfo=None) == value


@pytest.mark.parametrize("value", [True, False, None])
def test_a_yes_or_no_is_read_back_as_it_is_offered(value: bool | None) -> None:
    assert read_back(value, Column("c", "boolean")) is value


def read_back(value: Any, column: Column) -> Any:
    """Return what a version is asked about when the form is sent as it was filled in."""
    return typed([column], [{"c": as_written(value, column)}])["c"][0].as_py()

"""Text from data stays text, and both themes show through."""

from __future__ import annotations

import pytest

from mlvajra_al.web.charts import look

HOSTILE = "<b>bold</b> <a href='x'>link</a>"


def test_text_from_data_is_escaped_and_cut() -> None:
    assert look.safe(HOSTILE).startswith("&lt;b&gt;")
    assert "<" not in look.safe(HOSTILE)
    assert len(look.safe("word " * 50)) == look.NAME_LENGTH


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "measurement_number_33_of_the_second_visit",
            "measurement_number_33_of_the_<br>second_visit",
        ),
        ("temperature in the room = -5", "temperature in the room = -5"),
        ("temperature in the first room = -5", "temperature in the first room<br>= -5"),
        (
            "measurement_number_33_of_the_second_visit_to_the_third_room is missing",
            "measurement_number_33_of_the_<br>… to_the_third_room is missing",
        ),
        (
            "temperature in the first room of the second floor of the house = -0.0125",
            "temperature in the first room<br>… floor of the house = -0.0125",
        ),
        (f"id = {'x' * 80}", f"id = {'x' * 25}<br>… {'x' * 28}"),
    ],
)
def test_a_long_name_breaks_where_it_is_read_as_words(name: str, shown: str) -> None:
    assert look.wrapped(name) == shown

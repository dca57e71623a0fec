"""A curve is drawn of what can be said of several versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlvajra_al.records import Forecast, Measure, Summary, Version
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.views import curve
from tests.factories import NOW, a_draft

VERSION = Version(
    1, 1, None, "full", 1, "", 20, {}, 1, "", a_draft().recipe, 7, (), {}, "", 0.1, "", NOW
)


def a_row(
    number: int, f1: float | None, accuracy: float | None, *, name: str = "macro F1"
) -> VersionRow:
    measures = (Measure(name, f1, f1, f1, 44), Measure("accuracy", accuracy, 0.8, 1.0, 44))
    summary = Summary(44, 44, measures[0], measures)
    return VersionRow(replace(VERSION, number=number, n_labels=20 * number), summary, False, 1)


def test_accuracy_is_drawn_until_two_versions_have_the_headline_measure() -> None:
    rows = [a_row(1, None, 0.8), a_row(2, None, 0.9)]
    assert list(curve.curves(rows)) == ["accuracy"]
    rows.append(a_row(3, 0.9, 0.95))
    assert list(curve.curves(rows)) == ["accuracy", "macro F1"]
    rows.append(a_row(4, 0.9, 0.95))
    assert list(curve.curves(rows)) == ["macro F1", "accuracy"]


def test_versions_without_the_measure_stay_as_gaps() -> None:
    rows = [a_row(1, 0.7, 0.8), a_row(2, None, None), a_row(3, 0.9, 0.9)]
    unmeasured = VersionRow(replace(VERSION, number=4, n_labels=80), None, False, 1)
    points = curve.curves([*rows, unmeasured])["macro F1"]
    assert [(number, n, m.value) for number, n, m in points] == [
        (1, 20, 0.7), (2, 40, None), (3, 60, 0.9), (4, 80, None),
    ]  # fmt: skip
    assert curve.reached(points) == 2


def test_f1_of_the_label_that_was_rarer_once_is_not_joined_to_that_of_the_other() -> None:
    rows = [a_row(1, 0.7, None, name="F1 (ham)"), a_row(2, 0.8, None, name="F1 (spam)")]
    [points] = curve.curves(rows).values()
    assert [m.value for _, _, m in points] == [None, 0.8]


def test_where_nothing_was_measured_there_is_no_curve() -> None:
    assert curve.curves([a_row(1, None, None)]) == curve.curves([]) == {}


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        (0.881, "versions measured on the same answers."),
        (0.902, "It begins at 0.902, above the newest of them (0.880): it follows all of them"),
        (0.85, "It begins at 0.850, below the newest of them (0.880): it follows all of them"),
    ],
)
def test_dots_that_begin_beside_the_newest_point_say_why(begins: float, said: str) -> None:
    ahead = Forecast("F1 (spam)", 50, 0.01, 0.02, -0.01, (60.0, 110.0), (begins, 0.91), (0.8, 0.8),
                     (0.95, 0.96), behind=(40, 60), reached=(0.92, 0.88), judges=95)  # fmt: skip
    assert said in curve.onwards(ahead)
    assert ("by chance" in curve.onwards(ahead)) == ("begins" in said)
    assert curve.onwards(None) == ""

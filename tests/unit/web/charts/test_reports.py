"""Charts of a report say what the report says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlvajra_al.records import Curve, Evaluation, Label, Measure, Report
from mlvajra_al.services.label_sets import MAX_LABELS, make_labels
from mlvajra_al.web.charts import reports

LABELS = (
    Label("ham", "Ham", "1", "#2563eb"),
    Label("spam", "Spam & <b>junk</b>", "2", "#d97706"),
)
BY_NAME = {label.name: label for label in LABELS}


def a_report(labels: tuple[str, ...] = ("ham", "spam")) -> Report:
    evaluation = Evaluation(
        n=10,
        labels=labels,
        headline=Measure("F1 (spam)", 0.9, 0.8, 0.95, 80),
        measures=(),
        per_label=(),
        confusion=((6, 1), (0, 3)),
        precision_recall=(),
        calibration=(),
    )
    return Report(1, 4, 100, 12, 10, 2, evaluation, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_confusion_matrix_has_true_labels_as_rows_and_shows_counts() -> None:
    heat, text = reports.confusion(a_report(), {"ham": "Ham"}).data
    assert [list(row) for row in heat.z] == [[6 / 7, 1 / 7], [0.0, 1.0]]
    shown = dict(zip(zip(text.x, text.y, strict=True), text.text, strict=True))
    assert shown[(1, 0)] == "1"
    assert shown[(0, 1)] == "0"
    assert text.customdata[1][0] == "Ham"
    assert text.customdata[1][1] == "spam"


def test_a_label_without_samples_gives_an_empty_row_and_no_division_by_zero() -> None:
    report = a_report()
    empty = replace(report, evaluation=replace(report.evaluation, confusion=((6, 1), (0, 0))))
    heat, _ = reports.confusion(empty, {}).data
    assert list(heat.z[1]) == [0.0, 0.0]


@pytest.mark.parametrize("draw", [reports.precision_recall, reports.calibration])
def test_curves_have_the_colours_of_their_labels(draw: object) -> None:
    curves = [Curve("spam", (0.0, 1.0), (1.0, 0.5), (3, 4)), Curve("gone", (0.0,), (1.0,))]
    traces = draw(curves, BY_NAME).data[-2:]  # type: ignore[operator]
    assert traces[0].line.color == "#d97706"
    assert traces[1].name == "gone"


@pytest.mark.parametrize("draw", [reports.precision_recall, reports.calibration])
def test_no_two_curves_of_a_large_label_set_look_alike(draw: object) -> None:
    labels = {label.name: label for label in make_labels([f"label {n}" for n in range(MAX_LABELS)])}
    curves = [Curve(name, (0.0, 1.0), (1.0, 0.5)) for name in labels]
    lines = draw(curves, labels).data[-len(labels) :]  # type: ignore[operator]
    assert len({(line.line.color, line.line.dash) for line in lines}) == MAX_LABELS
    assert len({(line.line.color, line.marker.symbol) for line in lines}) == MAX_LABELS


def test_a_difference_is_centred_on_zero_and_coloured_by_its_interval() -> None:
    better = reports.difference(Measure("F1", 0.05, 0.02, 0.08, 100), (1, 2))
    worse = reports.difference(Measure("F1", -0.05, -0.08, -0.02, 100), (1, 2))
    assert better.layout.xaxis.title.text == "version 2 minus version 1"
    unsure = reports.difference(Measure("F1", 0.01, -0.02, 0.04, 100), (1, 2))
    low, high = better.layout.xaxis.range
    assert low == -high
    colors = {drawn.data[0].marker.color for drawn in (better, worse, unsure)}
    assert len(colors) == 3
    assert better.data[0].error_x.array[0] == pytest.approx(0.03)
    assert list(better.layout.xaxis.ticktext) == ["−0.08", "0", "+0.08"]


def test_a_difference_of_nothing_has_no_mark_twice() -> None:
    axis = reports.difference(Measure("F1", 0.0, 0.0, 0.0, 100), (1, 2)).layout.xaxis
    assert list(axis.ticktext) == ["−0.01", "0", "+0.01"]
    assert list(axis.tickvals) == [-0.01, 0, 0.01]


@pytest.mark.parametrize("count", [2, 4, 10, 20])
@pytest.mark.parametrize(
    "named",
    [
        "l{}",
        "Abteilung {} – Vertrieb Innendienst Süddeutschland",
        "a name with its number last: {}",
    ],
)
def test_every_row_and_column_of_a_matrix_has_a_name_of_its_own(count: int, named: str) -> None:
    labels = tuple(named.format(n) for n in range(count))
    report = a_report(labels)
    counts = tuple(tuple(int(i == j) for j in range(count)) for i in range(count))
    drawn = reports.confusion(
        replace(report, evaluation=replace(report.evaluation, confusion=counts)), {}
    )
    for axis in (drawn.layout.xaxis, drawn.layout.yaxis):
        assert len(axis.tickvals) == len(set(axis.ticktext)) == count
    turned = drawn.layout.xaxis.tickangle
    assert turned == (0 if named == "l{}" and count <= 10 else -45 if count <= 8 else -90)


def test_dots_are_as_large_as_there_are_samples_behind_them() -> None:
    curve = Curve("spam", (0.1, 0.9), (0.0, 1.0), (4, 64))
    small, large = reports.calibration([curve], BY_NAME).data[-1].marker.size
    assert small < large / 1.5
    drawn = reports.calibration([curve, curve], BY_NAME)
    assert drawn.layout.legend.itemsizing == "constant", "one of them says nothing of the others"


def test_dots_on_the_edge_of_a_chart_are_whole() -> None:
    curve = Curve("spam", (0.1, 0.9), (0.0, 1.0), (4, 64))
    assert reports.calibration([curve], BY_NAME).data[-1].cliponaxis is False

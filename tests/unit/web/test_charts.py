"""Figures show what the records say, and text from data stays text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlvajra_al.records import (
    Attribution,
    Curve,
    Evaluation,
    FeatureImportance,
    Label,
    Measure,
    Report,
)
from mlvajra_al.web import charts

LABELS = (
    Label("ham", "Ham", "1", "#2563eb"),
    Label("spam", "Spam & <b>junk</b>", "2", "#d97706"),
)
BY_NAME = {label.name: label for label in LABELS}
HOSTILE = "<b>bold</b> <a href='x'>link</a>"


def a_measure(value: float | None = 0.9) -> Measure:
    if value is None:
        return Measure("F1 (spam)", None, None, None, 8, "too few to say: 12 more samples needed")
    return Measure("F1 (spam)", value, value - 0.1, value + 0.05, 80)


def an_attribution(**changes: object) -> Attribution:
    made = Attribution(
        label="spam",
        base=-1.0,
        output=2.0,
        features=("body: viagra", HOSTILE),
        values=(2.5, -0.5),
        data=("in the text", "3.2"),
        other=1.0,
        scale="log-odds",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_report(labels: tuple[str, ...] = ("ham", "spam")) -> Report:
    evaluation = Evaluation(
        n=10,
        labels=labels,
        headline=a_measure(),
        measures=(a_measure(),),
        per_label=(),
        confusion=((6, 1), (0, 3)),
        precision_recall=(),
        calibration=(),
    )
    return Report(1, 4, 100, 12, 10, 2, evaluation, datetime(2026, 1, 1, tzinfo=UTC))


def test_text_from_data_is_escaped_and_cut() -> None:
    assert charts.safe(HOSTILE).startswith("&lt;b&gt;")
    assert "<" not in charts.safe(HOSTILE)
    assert len(charts.safe("word " * 50)) == charts.NAME_LENGTH


def test_backgrounds_are_clear_so_that_both_themes_show_through() -> None:
    drawn = charts.label_counts(LABELS, {})
    assert drawn.layout.paper_bgcolor == drawn.layout.plot_bgcolor == charts.CLEAR


def test_a_learning_curve_shows_each_measured_version_with_its_interval() -> None:
    points = [(1, 20, a_measure(None)), (2, 40, a_measure(0.8)), (3, 60, a_measure(0.9))]
    band, line = charts.learning_curve(points, champion=3).data
    assert list(line.x) == [40, 60]
    assert list(line.y) == [0.8, 0.9]
    assert list(line.marker.symbol) == ["circle", "star"]
    assert list(band.y) == pytest.approx([0.85, 0.95, 0.8, 0.7])


def test_a_learning_curve_without_a_measured_version_is_empty() -> None:
    _, line = charts.learning_curve([(1, 20, a_measure(None))], champion=1).data
    assert len(line.x) == 0


def test_label_counts_keep_the_order_and_colours_of_the_label_set() -> None:
    (bars,) = charts.label_counts(LABELS, {"spam": 3}).data
    assert list(bars.x) == [0, 3]
    assert list(bars.marker.color) == ["#2563eb", "#d97706"]


def test_names_of_labels_are_escaped() -> None:
    drawn = charts.label_counts(LABELS, {})
    assert drawn.layout.yaxis.ticktext[1] == "Spam &amp; &lt;b&gt;junk&lt;/b&gt; "


def test_a_confusion_matrix_has_true_labels_as_rows_and_shows_counts() -> None:
    heat, text = charts.confusion(a_report(), {"ham": "Ham"}).data
    assert [list(row) for row in heat.z] == [[6 / 7, 1 / 7], [0.0, 1.0]]
    shown = dict(zip(zip(text.x, text.y, strict=True), text.text, strict=True))
    assert shown[(1, 0)] == "1"
    assert shown[(0, 1)] == "0"
    assert text.customdata[1][0] == "Ham"
    assert text.customdata[1][1] == "spam"


def test_a_label_without_samples_gives_an_empty_row_and_no_division_by_zero() -> None:
    report = a_report()
    empty = replace(report, evaluation=replace(report.evaluation, confusion=((6, 1), (0, 0))))
    heat, _ = charts.confusion(empty, {}).data
    assert list(heat.z[1]) == [0.0, 0.0]


@pytest.mark.parametrize("draw", [charts.precision_recall, charts.calibration])
def test_curves_have_the_colours_of_their_labels(draw: object) -> None:
    curves = [Curve("spam", (0.0, 1.0), (1.0, 0.5), (3, 4)), Curve("gone", (0.0,), (1.0,))]
    traces = draw(curves, BY_NAME).data[-2:]  # type: ignore[operator]
    assert traces[0].line.color == "#d97706"
    assert traces[1].name == "gone"


def test_a_difference_is_centred_on_zero_and_coloured_by_its_interval() -> None:
    better = charts.difference(Measure("F1", 0.05, 0.02, 0.08, 100))
    worse = charts.difference(Measure("F1", -0.05, -0.08, -0.02, 100))
    unsure = charts.difference(Measure("F1", 0.01, -0.02, 0.04, 100))
    low, high = better.layout.xaxis.range
    assert low == -high
    colors = {drawn.data[0].marker.color for drawn in (better, worse, unsure)}
    assert len(colors) == 3
    assert better.data[0].error_x.array[0] == pytest.approx(0.03)


def test_a_waterfall_ends_where_the_output_is() -> None:
    (bars,) = charts.waterfall(an_attribution()).data
    assert bars.base[0] == -1.0
    assert bars.base[-1] + bars.x[-1] == pytest.approx(2.0)
    assert list(bars.marker.color) == [charts.FOR, charts.AGAINST, charts.FOR]


def test_a_waterfall_sums_what_it_does_not_show() -> None:
    many = an_attribution(features=tuple("abcdef"), values=(0.5,) * 6, data=("",) * 6, other=0.0)
    (bars,) = charts.waterfall(many, limit=2).data
    assert list(bars.x) == [0.5, 0.5, 2.0]
    assert bars.base[-1] + bars.x[-1] == pytest.approx(2.0)


def test_a_waterfall_names_values_but_not_that_a_word_is_there() -> None:
    drawn = charts.waterfall(an_attribution())
    assert drawn.layout.yaxis.ticktext[0] == "body: viagra "
    assert drawn.data[0].customdata[1].endswith("= 3.2")
    assert "<" not in drawn.data[0].customdata[1]


def test_dots_of_a_beeswarm_do_not_leave_their_row() -> None:
    offsets = charts.spread([0.1] * 300 + [0.2])
    assert max(map(abs, offsets)) <= 0.38
    assert len(set(offsets[:300])) > 100
    assert charts.spread([]) == []


def test_a_beeswarm_leaves_out_samples_where_a_feature_has_no_weight() -> None:
    feature = FeatureImportance("x", 0.5, (0.0, 0.4, -0.6), (0.0, 0.5, 1.0))
    (dots,) = charts.beeswarm([feature]).data
    assert list(dots.x) == [0.4, -0.6]
    assert list(dots.marker.color) == [0.5, 1.0]


def test_importance_rows_are_told_apart_even_if_their_names_are_cut_alike() -> None:
    long = "the same beginning of a very long name "
    features = [FeatureImportance(long + end, 1.0, (), ()) for end in "ab"]
    (bars,) = charts.importance(features).data
    assert list(bars.y) == [0, 1]
    assert bars.customdata[0] != bars.customdata[1]


def test_probabilities_are_ordered_likeliest_first() -> None:
    (bars,) = charts.probabilities({"ham": 0.2, "spam": 0.8}, BY_NAME).data
    assert list(bars.text) == ["80.0%", "20.0%"]
    assert list(bars.marker.color) == ["#d97706", "#2563eb"]


def test_weights_over_an_image_are_scaled_symmetrically() -> None:
    _, heat = charts.heat_over([[0.0, 1.0]], [[-0.5, 0.2]]).data
    assert heat.zmin == -0.5
    assert heat.zmax == 0.5


def test_an_image_is_drawn_with_its_first_row_on_top() -> None:
    assert charts.image([[0.0, 1.0]]).layout.yaxis.autorange == "reversed"
    (trace,) = charts.heat_map([[0.0, 2.0]]).data
    assert trace.zmin == 0

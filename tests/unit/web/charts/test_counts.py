"""What has been reached so far is drawn as it was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlvajra_al.records import Forecast, Label, Measure
from mlvajra_al.services import overview
from mlvajra_al.web.charts import counts, look

LABELS = (
    Label("ham", "Ham", "1", "#2563eb"),
    Label("spam", "Spam & <b>junk</b>", "2", "#d97706"),
)


def a_measure(value: float | None = 0.9) -> Measure:
    if value is None:
        return Measure("F1 (spam)", None, None, None, 8, "too few to say: 12 more samples needed")
    return Measure("F1 (spam)", value, value - 0.1, value + 0.05, 80)


def test_backgrounds_are_clear_so_that_both_themes_show_through() -> None:
    drawn = counts.label_counts(LABELS, {})
    assert drawn.layout.paper_bgcolor == drawn.layout.plot_bgcolor == look.CLEAR


def test_a_learning_curve_shows_each_measured_version_with_its_interval() -> None:
    points = [(1, 20, a_measure(None)), (2, 40, a_measure(0.8)), (3, 60, a_measure(0.9))]
    band, line = counts.learning_curve(points, champion=3).data
    assert list(line.x) == [20, 40, 60]
    assert list(line.y) == [None, 0.8, 0.9]
    assert list(line.marker.symbol) == ["circle", "circle", "star"]
    assert list(band.y) == pytest.approx([0.85, 0.95, 0.8, 0.7])
    assert not line.error_y.visible


def test_a_learning_curve_is_broken_where_versions_could_not_be_measured() -> None:
    values = (0.5, None, 0.8, 0.9)
    points = [(at + 1, 20 * at, a_measure(value)) for at, value in enumerate(values)]
    band, line = counts.learning_curve(points, champion=1).data
    assert list(line.y) == [0.5, None, 0.8, 0.9] and line.connectgaps is False
    assert list(band.x) == [0, 0, None, 40, 60, 60, 40]
    assert line.error_y.visible, "no band is beside the first"
    assert list(line.error_y.arrayminus) == pytest.approx([0.1, 0, 0, 0])
    assert [n for *_, n in line.customdata] == [80, 8, 80, 80], "how many answers each rests on"


def test_a_curve_goes_on_from_versions_measured_on_the_same_answers() -> None:
    ahead = Forecast("F1 (spam)", 50, 0.01, 0.02, -0.01, (60.0, 110.0), (0.88, 0.89), (0.8, 0.8),
                     (0.95, 0.96), behind=(40, 60), reached=(0.82, 0.88), judges=95)  # fmt: skip
    points = [(2, 40, a_measure(0.8)), (3, 60, a_measure(0.9))]
    *_, onwards, same = counts.learning_curve(points, champion=3, ahead=ahead).data
    assert (list(same.x), list(same.y)) == ([40, 60], [0.82, 0.88])
    assert "on the 95 answers" in same.hovertemplate
    assert onwards.y[0] == same.y[-1]


def test_a_learning_curve_without_a_measured_version_is_empty() -> None:
    band, line = counts.learning_curve([(1, 20, a_measure(None))], champion=1).data
    assert list(line.y) == [None] and not band.x


def test_label_counts_keep_the_order_and_colours_of_the_label_set() -> None:
    (bars,) = counts.label_counts(LABELS, {"spam": 3}).data
    assert list(bars.x) == [0, 3]
    assert list(bars.marker.color) == ["#2563eb", "#d97706"]


def test_names_of_labels_are_escaped() -> None:
    drawn = counts.label_counts(LABELS, {})
    assert drawn.layout.yaxis.ticktext[1] == "Spam &amp; &lt;b&gt;junk&lt;/b&gt; "


def test_without_a_name_of_a_measure_the_axis_still_has_one() -> None:
    assert counts.learning_curve([], champion=None).layout.yaxis.title.text == "measure"


@pytest.mark.parametrize(
    ("bars", "period", "words"),
    [
        (0, timedelta(minutes=1), []),
        (1, timedelta(minutes=1), ["22:00"]),
        (2, timedelta(minutes=1), ["22:00", "22:01"]),
        (36, timedelta(minutes=1), ["22:00", "22:09", "22:18", "22:27"]),
        (36, timedelta(hours=1), ["01 Mar 22:00", "02 Mar 07:00", "02 Mar 16:00", "03 Mar 01:00"]),
        (3, timedelta(hours=6), ["22:00", "04:00", "10:00"]),
        (36, timedelta(hours=6), ["01 Mar", "04 Mar", "06 Mar", "08 Mar"]),
        (5, timedelta(days=1), ["01 Mar", "03 Mar", "05 Mar"]),
    ],
)
def test_no_time_is_written_twice_under_the_rate(
    bars: int, period: timedelta, words: list[str]
) -> None:
    start = datetime(2026, 3, 1, 22, tzinfo=UTC)

    times = [(start + place * period, place) for place in range(bars)]
    drawn = counts.rate(times, period=period)

    assert list(drawn.layout.xaxis.ticktext) == words
    assert list(drawn.data[0].y) == list(range(bars))


def test_one_points_at_a_bar_and_reads_its_day_and_time() -> None:
    at = datetime(2026, 3, 1, 22, 5, tzinfo=UTC)
    drawn = counts.rate([(at, 7)], period=timedelta(minutes=5))
    assert list(drawn.data[0].customdata) == ["01 Mar 22:05"]
    assert drawn.layout.yaxis.title.text == "Answers per 5 minutes"


def test_every_period_has_words() -> None:
    assert [counts.period_words(period) for period in overview.PERIODS] == [
        "minute", "5 minutes", "15 minutes", "hour", "6 hours", "day", "week",
    ]  # fmt: skip

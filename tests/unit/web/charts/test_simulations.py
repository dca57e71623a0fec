"""Curves of simulations: names, colours, intervals, and what is escaped."""

from __future__ import annotations

from mlvajra_al.services.standings import Point
from mlvajra_al.web.charts.simulations import BASELINE, COLORS, Line, curves

POINTS = (Point(10, 0.5, 0.4, 0.6, 3), Point(20, 0.8, 0.7, 0.9, 3))


def test_a_line_has_a_band_round_it_that_goes_there_and_back() -> None:
    band, mean = curves([Line("margin", POINTS, 0, 0)], full=None).data
    assert list(mean.x) == [10, 20]
    assert list(mean.y) == [0.5, 0.8]
    assert list(band.x) == [10, 20, 20, 10]
    assert list(band.y) == [0.6, 0.9, 0.7, 0.4]
    assert not band.showlegend


def test_the_baseline_is_grey_and_others_are_told_apart() -> None:
    drawn = curves(
        [Line("margin", POINTS, 0, 0), Line("auto", POINTS, 1, 1), Line("random", POINTS, None, 0)],
        full=None,
    )
    colors = [trace.line.color for trace in drawn.data[1::2]]
    assert colors == [f"rgba({rgb}, 1)" for rgb in (COLORS[0], COLORS[1], BASELINE)]
    assert [trace.line.dash for trace in drawn.data[1::2]] == ["solid", "dash", "solid"]


def test_more_lines_than_colours_begin_again() -> None:
    many = [Line(str(place), POINTS, place, 0) for place in range(len(COLORS) + 1)]
    drawn = curves(many, full=None)
    assert drawn.data[-1].line.color == drawn.data[1].line.color


def test_lines_across_are_what_all_labels_reach_and_shares_of_it() -> None:
    drawn = curves([Line("margin", POINTS, 0, 0)], full=0.9)
    assert [round(shape.y0, 4) for shape in drawn.layout.shapes] == [0.9, 0.855, 0.882]
    assert [note.text for note in drawn.layout.annotations] == ["all labels", "95%"]


def test_names_are_escaped() -> None:
    drawn = curves([Line("<b>x</b>", POINTS, 0, 0)], full=None)
    assert drawn.data[1].name == "&lt;b&gt;x&lt;/b&gt;"

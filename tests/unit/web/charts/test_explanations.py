"""Charts of an explanation add up to what it says."""

from __future__ import annotations

import re
from dataclasses import replace

import plotly.graph_objects as go
import pytest

from mlvajra_al.records import Attribution, FeatureImportance, Label
from mlvajra_al.services.label_sets import PALETTE
from mlvajra_al.web.charts import explanations, look

LABELS = (
    Label("ham", "Ham", "1", "#2563eb"),
    Label("spam", "Spam & <b>junk</b>", "2", "#d97706"),
)
BY_NAME = {label.name: label for label in LABELS}
HOSTILE = "<b>bold</b> <a href='x'>link</a>"


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


def test_a_waterfall_ends_where_the_output_is() -> None:
    (bars,) = explanations.waterfall(an_attribution()).data
    assert bars.base[0] == -1.0
    assert bars.base[-1] + bars.x[-1] == pytest.approx(2.0)
    assert list(bars.marker.pattern.shape) == ["", "/", ""], "stripes speak against the label"
    assert bars.marker.color == look.TEXT, "of a bar without a colour no stripe is drawn"


def test_a_waterfall_sums_what_it_does_not_show() -> None:
    many = an_attribution(features=tuple("abcdef"), values=(0.5,) * 6, data=("",) * 6, other=0.0)
    (bars,) = explanations.waterfall(many, limit=2).data
    assert list(bars.x) == [0.5, 0.5, 2.0]
    assert bars.base[-1] + bars.x[-1] == pytest.approx(2.0)


def test_a_waterfall_of_one_bar_has_room_for_its_axis() -> None:
    drawn = explanations.waterfall(an_attribution(features=(), values=(), data=()))
    assert len(drawn.data[0].x) == 1
    assert drawn.layout.height - drawn.layout.minreducedheight >= 60


def test_a_waterfall_names_values_but_not_that_a_word_is_there() -> None:
    drawn = explanations.waterfall(an_attribution())
    assert drawn.layout.yaxis.ticktext[0] == "body: viagra "
    assert drawn.data[0].customdata[1].endswith("= 3.2")
    assert "<" not in drawn.data[0].customdata[1]


def test_a_category_that_a_sample_has_is_said_once() -> None:
    assert explanations.fact("Priorität = hoch", "yes") == "Priorität = hoch"
    assert explanations.fact("Priorität = hoch", "no") == "Priorität ≠ hoch"
    assert explanations.fact("urgent", "yes") == "urgent = yes"
    assert explanations.fact("Betrag is missing", "yes") == "Betrag is missing"


def test_dots_of_a_beeswarm_do_not_leave_their_row() -> None:
    offsets = explanations.spread([0.1] * 300 + [0.2])
    assert max(map(abs, offsets)) <= 0.38
    assert len(set(offsets[:300])) > 100
    assert explanations.spread([]) == []


def test_a_beeswarm_leaves_out_samples_where_a_feature_has_no_weight() -> None:
    feature = FeatureImportance("x", 0.5, (0.0, 0.4, -0.6), (0.0, 0.5, 1.0))
    (dots,) = explanations.beeswarm([feature]).data
    assert list(dots.x) == [0.4, -0.6]
    assert list(dots.marker.color) == [0.5, 1.0]


def test_importance_rows_are_told_apart_even_if_their_names_are_cut_alike() -> None:
    long = "the same beginning of a very long name "
    (bars,) = explanations.importance([(long + end, 1.0) for end in "ab"]).data
    assert list(bars.y) == [0, 1]
    assert bars.text[0] != bars.text[1]


def test_names_longer_than_a_line_take_two_and_keep_their_values() -> None:
    names = ("mean fractal dimension", "sent: weekday = Wednesday")
    given = an_attribution(features=names, values=(1.0, 2.0), data=("0.0613214", "yes"), other=0.0)
    drawn = explanations.waterfall(given)
    assert list(drawn.layout.yaxis.ticktext) == [
        "mean fractal dimension =<br>0.0613214 ", "sent: weekday = Wednesday ",
    ]  # fmt: skip
    short = an_attribution(features=("a", "b"), values=(1.0, 2.0), data=("", ""), other=0.0)
    assert drawn.layout.height > explanations.waterfall(short).layout.height


@pytest.mark.parametrize("unit", ["score", ""])
def test_weights_have_a_unit_where_it_is_known(unit: str) -> None:
    feature = FeatureImportance("x", 0.5, (0.4,), (0.0,))
    bars, dots = (
        explanations.importance([("x", 0.5)], unit=unit),
        explanations.beeswarm([feature], unit=unit),
    )
    end = f", {unit}" if unit else ""
    assert bars.layout.xaxis.title.text == f"Mean absolute weight{end}"
    assert dots.layout.xaxis.title.text == f"Weight for the label{end}"


def test_beside_long_names_the_unit_takes_a_line_of_its_own() -> None:
    name = "measurement_number_33_of_the_second_visit"
    bars = explanations.importance([(name, 0.5)], unit="score")
    assert bars.layout.xaxis.title.text == "Mean absolute weight,<br>score"


def test_labels_that_are_not_drawn_one_by_one_are_counted() -> None:
    chances = {f"label {place}": (20 - place) / 210 for place in range(20)}
    drawn = explanations.probabilities(chances, {})
    assert len(drawn.data[0].y) == 13
    assert drawn.layout.yaxis.ticktext[-1] == "8 more labels, each at most "
    assert drawn.data[0].text[-1] == "3.8%"


def test_probabilities_are_ordered_likeliest_first() -> None:
    (bars,) = explanations.probabilities({"ham": 0.2, "spam": 0.8}, BY_NAME).data
    assert list(bars.text) == ["80.0%", "20.0%"]
    assert list(bars.marker.color) == ["#d97706", "#2563eb"]


def test_weights_over_an_image_are_as_deep_as_the_largest_says() -> None:
    _, heat = explanations.heat_over([[0.0, 1.0]], [[0.0, 0.2]], largest=0.5).data
    assert (heat.zmin, heat.zmax) == (0, 0.5)


def test_reasons_have_no_colour_that_a_label_may_have() -> None:
    def colors(drawn: go.Figure) -> set[str]:
        return set(re.findall(r"#[0-9a-f]{6}", drawn.to_json().split('"template"')[0].lower()))

    swarm = explanations.beeswarm([FeatureImportance("x", 0.5, (0.4, -0.6), (0.5, 1.0))])
    drawn = colors(explanations.waterfall(an_attribution())) | colors(swarm)
    assert drawn & set(PALETTE) == set()
    assert drawn <= {look.TEXT, look.MAIN, "#a3a6b3"}


def test_an_image_is_drawn_with_its_first_row_on_top() -> None:
    assert explanations.image([[0.0, 1.0]]).layout.yaxis.autorange == "reversed"
    (trace,) = explanations.heat_map([[0.0, 2.0]], largest=4.0).data
    assert (trace.zmin, trace.zmax) == (0, 4.0), "all labels have one scale"
    (scale,) = explanations.shades(4.0, unit="score").data
    assert (scale.colorscale, scale.x[-1]) == (trace.colorscale, 4.0)


def test_a_waterfall_that_shows_everything_has_no_row_for_the_rest() -> None:
    drawn = explanations.waterfall(an_attribution(other=0.0, output=1.0))
    assert len(drawn.data[0].y) == 2


def test_a_label_that_is_gone_keeps_its_name_beside_its_probability() -> None:
    drawn = explanations.probabilities({"gone": 1.0}, BY_NAME)
    assert list(drawn.layout.yaxis.ticktext) == ["gone "]
    assert list(drawn.data[0].marker.color) == [look.MAIN]


def test_an_image_without_weights_can_be_drawn() -> None:
    _, heat = explanations.heat_over([[0.0]], [[0.0]], largest=1.0).data
    assert (heat.zmin, heat.zmax) == (0, 1.0)

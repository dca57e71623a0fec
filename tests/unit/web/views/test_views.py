"""What the views say of reports, verdicts and reasons; each drawn in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.learning import intervals
from mlvajra_al.learning.comparison import COMPARISONS
from mlvajra_al.records import (
    Attribution,
    Curve,
    Drift,
    Evaluation,
    FeatureImportance,
    GlobalExplanation,
    Label,
    LabelMeasures,
    Measure,
    Report,
    SampleExplanation,
    Scale,
    Verdict,
)
from mlvajra_al.services.versions import HoldOut
from mlvajra_al.web.views import curve, importance, names, reasons, report, verdict
from mlvajra_al.web.views.reach import (
    FEWEST,
    FEWEST_OF_A_LABEL,
    lacking,
    out_of_reach,
    still_missing,
)
from mlvajra_al.web.views.whole_sample import whole_sample
from mlvajra_al.web.widgets import height_of, plain
from tests.factories import NOW, a_draft
from tests.integration.visits.visiting import words

KNOWN = Measure("F1 (spam)", 0.9, 0.85, 0.94, 50)
FEW = Measure("accuracy", None, None, None, 8, "too few to say: 12 more samples needed")
HAM, SPAM = "ham", "spam"
PROJECT = a_draft()
ATTRIBUTION = Attribution(
    SPAM, -0.5, 1.5, ("free", "hello"), (1.5, 0.25), ("1", "1"), 0.25, "log-odds"
)
EXPLAINED = SampleExplanation(3, "k", SPAM, {SPAM: 0.82, HAM: 0.18}, (ATTRIBUTION,))
TEXT_CARD: dict[str, Any] = {"title": None, "blocks": [{"kind": "text", "name": "t", "text": "x"}]}
IMAGE_CARD: dict[str, Any] = {
    "title": None,
    "blocks": [{"kind": "image", "name": "i", "pixels": [[0.0, 1.0], [1.0, 0.0]]}],
}


def figures(app: AppTest) -> str:
    """Return what is drawn large."""
    return "".join(element.proto.body for element in app.get("html"))


def draw(function: Callable[..., object], *given: object, **how: object) -> AppTest:
    """Run one view as a page of its own."""

    def page(function, given, how):  # its source is run alone: hints would want imports
        function(*given, **how)

    app = AppTest.from_function(page, args=(function, given, how), default_timeout=30).run()
    assert not app.exception
    return app


def a_report(labels: tuple[str, ...] = (HAM, SPAM), **changes: Any) -> Report:
    curve = Curve(labels[0], (0.0, 0.5, 1.0), (1.0, 0.9, 0.5), (3, 4, 5))
    evaluation = Evaluation(
        n=8,
        labels=labels,
        headline=KNOWN,
        measures=(KNOWN, FEW),
        per_label=tuple(LabelMeasures(label, 4, KNOWN, FEW, KNOWN) for label in labels),
        confusion=tuple(
            tuple(4 if i == j else 0 for j in range(len(labels))) for i in range(len(labels))
        ),
        precision_recall=(curve,),
        calibration=(),
    )
    evaluation = replace(evaluation, **changes)
    return Report(1, 2, 60, asked=9, answered=8, skipped=1, evaluation=evaluation, created_at=NOW)


def table(app: AppTest) -> list[list[Any]]:
    return app.dataframe[0].value.to_numpy().tolist()  # type: ignore[no-any-return]


# ---- report -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "interval"),
    [
        (KNOWN, "0.850 to 0.940"),
        (FEW, "too few: 12 more samples"),
        (replace(KNOWN, low=None, high=None, note="no interval"), "no interval"),
    ],
)
def test_a_cell_says_an_interval_or_what_is_missing(measure: Measure, interval: str) -> None:
    assert report.brief_interval(measure) == interval


SOME = replace(FEW, note="too few to say: 1 more of Klasse 4, 2 more of Klasse 8 needed")


def test_what_has_no_room_in_a_cell_is_shortened_to_words_and_not_cut() -> None:
    assert report.brief_interval(SOME) == "too few of some labels"
    own = replace(FEW, note="too few to say: 2 more of a label of many words needed")
    assert report.brief_interval(own, label="a label of many words") == "too few: 2 more"


def test_what_many_labels_lack_is_counted_in_reports_of_before_too() -> None:
    every = ", ".join(f"{n} more of Klasse {n}" for n in range(1, 6))
    wall = replace(FEW, note=f"too few to say: {every} needed")
    assert lacking(wall, None) == "5 labels have too few holdout answers"


def test_labels_without_a_curve_are_counted() -> None:
    three = a_report((HAM, SPAM, "other"))
    app = draw(report.figures, PROJECT, three)
    assert "2 of 3 labels have fewer than 5 holdout answers and no curve" in words(app)


@pytest.mark.parametrize(
    ("held", "cell", "words"),
    [
        (HoldOut(19, 3, 3), "pool too small",
         "the pool is too small to measure: 19 samples are held out, and it takes 20"),
        (HoldOut(1, 1, 1), "pool too small",
         "the pool is too small to measure: 1 sample is held out, and it takes 20"),
        (HoldOut(0, 0, 0), "pool too small",
         "the pool is too small to measure: no sample is held out, and it takes 20"),
        (HoldOut(25, 25, 24), "too few of some labels",
         "1 more of Klasse 4, 2 more of Klasse 8 needed, but all 25 held out samples are asked "
         "about: import more to go on"),
        (HoldOut(25, 24, 24), "too few of some labels",
         "1 more of Klasse 4, 2 more of Klasse 8 needed"),
    ],
)  # fmt: skip
def test_what_a_pool_cannot_give_is_not_asked_for(held: HoldOut, cell: str, words: str) -> None:
    never = out_of_reach(held)
    assert (report.brief_interval(SOME, never), lacking(SOME, never)) == (cell, words)


def test_so_many_held_out_samples_are_said_to_be_needed_as_are() -> None:
    assert FEWEST == intervals.FEWEST
    assert FEWEST_OF_A_LABEL == intervals.FEWEST_OF_A_LABEL


THREE = tuple(Label(name, name.title(), name[0], "#2563eb") for name in ("ham", "spam", "eggs"))


@pytest.mark.parametrize(
    ("labels", "learnt", "answers", "missing"),
    [
        (2, {"ham": 9}, {"ham": 12, "spam": 3}, "5 more samples"),
        (2, {"ham": 9}, {"ham": 30, "spam": 3}, "2 more of Spam"),
        (2, {"ham": 9}, {"ham": 30}, "5 more of Spam"),
        (3, {"ham": 9, "spam": 9}, {"ham": 30, "spam": 5}, ""),
        (3, {"ham": 9, "eggs": 1}, {"ham": 30, "spam": 5}, "5 more of Eggs"),
        (3, {"ham": 9}, {"ham": 30, "spam": 1, "eggs": 4}, "4 more of Spam, 1 more of Eggs"),
    ],
)
def test_to_measure_again_is_said_to_help_only_where_it_does(
    labels: int, learnt: dict[str, int], answers: dict[str, int], missing: str
) -> None:
    project = replace(PROJECT, labels=THREE[:labels])
    found = still_missing(project, learnt, Counter(answers))
    assert found == (f"too few to say: {missing} needed" if missing else "")
    several = still_missing(replace(project, multilabel=True), learnt, Counter(answers))
    assert bool(several) == ("samples" in missing)


def test_up_to_fifteen_labels_are_all_in_sight() -> None:
    assert [height_of(labels) for labels in (2, 15, 16)] == ["content", "content", "auto"]


def test_measures_come_headline_first_and_once() -> None:
    app = draw(report.measures, a_report(), None)
    assert [caption.value for caption in app.caption][::2] == ["F1 \\(spam\\)", "accuracy"]
    assert ">0.900<" in figures(app)
    assert "#" not in words(app), "numbers are no headings"
    assert "12 more samples needed" in words(app)


def test_each_label_has_a_row_under_the_name_it_is_shown_as() -> None:
    shown = (Label(HAM, "Wanted", "1", "#2563eb"), Label(SPAM, "Junk", "2", "#d97706"))
    app = draw(report.per_label, replace(PROJECT, labels=shown), a_report(), None)
    few = "too few: 12 more samples"
    assert table(app) == [
        ["Wanted", 4, 0.9, "0.850 to 0.940", None, few, 0.9, "0.850 to 0.940"],
        ["Junk", 4, 0.9, "0.850 to 0.940", None, few, 0.9, "0.850 to 0.940"],
    ]


@pytest.mark.parametrize("count", [2, 6])
def test_curves_that_cannot_be_drawn_say_how_many_labels_it_takes(count: int) -> None:
    labels = (HAM, SPAM, "c", "d", "e", "f")[:count]
    app = draw(report.figures, PROJECT, a_report(labels))
    assert len(app.get("plotly_chart")) == 2, "confusion, precision and recall"
    assert "Too few holdout labels to draw: it takes 20, and 5 of a label." in words(app)


def test_without_holdout_labels_there_are_no_figures() -> None:
    app = draw(report.figures, PROJECT, a_report(n=0))
    assert len(app.main) == 0


# ---- verdict ------------------------------------------------------------------------------

VERDICT = Verdict(
    champion=1, challenger=2, n=40, metric="F1 (spam)", champion_value=0.8, challenger_value=None,
    difference=Measure("difference", 0.1, -0.02, 0.2, 40), only_champion_right=1,
    only_challenger_right=5, p_value=0.21, better=False, advice="keep version 1",
)  # fmt: skip


def test_a_verdict_is_a_sentence_with_the_pairs_it_rests_on() -> None:
    app = draw(verdict.verdict_view, VERDICT)
    assert app.info[0].value == "Keep version 1\\."
    assert "On the same 40 holdout samples" in words(app)
    assert ">+0.100<" in figures(app)
    assert "-0.020 to 0.200" in words(app)


@pytest.mark.parametrize("value", [0.0, -0.0002])
def test_a_difference_of_nothing_has_no_sign(value: float) -> None:
    nothing = Measure("difference", value, -0.01, 0.01, 40)
    assert ">0.000<" in figures(draw(verdict.verdict_view, replace(VERDICT, difference=nothing)))


def test_a_better_challenger_is_good_news() -> None:
    app = draw(verdict.verdict_view, replace(VERDICT, better=True, advice="promote version 2"))
    assert app.success[0].value == "Promote version 2\\."


def test_a_difference_of_too_few_pairs_is_not_drawn() -> None:
    app = draw(verdict.verdict_view, replace(VERDICT, difference=FEW))
    assert "12 more samples needed" in words(app)
    assert len(app.get("plotly_chart")) == 0


def test_luck_is_never_told_as_none_at_all() -> None:
    assert verdict.luck(replace(VERDICT, p_value=0.0004)) == "< 0.001"
    strict = replace(VERDICT, p_value=0.00004, alpha=0.001)
    assert verdict.luck(strict) == "< 0.001; 0.001 or less needed"
    assert verdict.luck(replace(VERDICT, p_value=0.001)) == "0.001"


MARKED = "F1 (![x](http://evil.test/x.png) **spam**)"
"""A measure of a label whose name would be more than a name."""


def test_a_label_in_the_name_of_a_measure_is_no_markdown() -> None:
    app = draw(verdict.verdict_view, replace(VERDICT, metric=MARKED))
    rows = [row for row in app.table[0].value.index if row.startswith("Version")]
    assert rows == [f"Version {number}: {plain(MARKED)}" for number in (1, 2)]
    points = {name: [(1, 20, replace(KNOWN, name=name))] for name in (MARKED, "accuracy")}
    app = draw(curve.chosen_curve, points, key="measure")
    assert app.segmented_control[0].options == [plain(MARKED), "accuracy"]


def test_versions_that_are_no_champions_are_judged_by_no_rule() -> None:
    app = draw(verdict.verdict_view, replace(VERDICT, neutral=True, lacks="macro F1: too few"))
    said = words(app)
    assert verdict.HOW_NEUTRALLY in said and verdict.HOW_STRICTLY not in said
    assert "Macro F1: too few" in said


@pytest.mark.parametrize(
    ("number", "again", "said"),
    [
        (None, False, "Neither is the champion, so nothing is advised and nothing counted."),
        (0, False, "Nobody has chosen the champion yet, so this is not counted."),
        (3, False, "This is comparison 3 of 50 with the champion: each is one more chance"),
        (3, True, "With new answers, to compare again is comparison 3 of 50 with the champion"),
        (51, False, "All 50 comparisons with the champion are spent: you decide."),
    ],
)
def test_before_one_compares_it_is_said_what_that_counts_as(
    number: int | None, again: bool, said: str
) -> None:
    assert said in verdict.before_comparing(number, again=again)
    assert verdict.MOST == COMPARISONS


@pytest.mark.parametrize(("value", "cell"), [(0.5, "0.500"), (None, "too few to say")])
def test_a_number_of_a_verdict_may_be_missing(value: float | None, cell: str) -> None:
    assert verdict.figure_of(value) == cell


# ---- names --------------------------------------------------------------------------------


def test_one_label_leaves_no_choice() -> None:
    chosen: list[str] = []
    app = draw(lambda: chosen.append(names.choose_label({}, ["only"], key="k", first="x")))
    assert chosen == ["only"]
    assert len(app.main) == 0


@pytest.mark.parametrize(("count", "kind"), [(2, "button_group"), (7, "selectbox")])
def test_few_labels_are_buttons_and_many_a_list(count: int, kind: str) -> None:
    found = [f"label {place}" for place in range(count)]
    app = draw(lambda: names.choose_label({}, found, key="k", first="label 1"))
    [choice] = app.get(kind)
    assert choice.value == "label 1"


def test_labels_too_long_to_stand_side_by_side_are_a_list() -> None:
    found = [f"label {place} {'long ' * 8}" for place in range(2)]
    app = draw(lambda: names.choose_label({}, found, key="k", first=found[1]))
    [choice] = app.get("selectbox")
    assert choice.value == found[1]


def test_a_label_that_is_gone_is_shown_by_its_name() -> None:
    assert names.display(names.by_name(PROJECT), "gone") == "gone"


# ---- reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize("narrow", [True, False])
def test_a_row_is_explained_by_the_answer_and_a_waterfall(narrow: bool) -> None:
    app = draw(reasons.reasons, PROJECT, EXPLAINED, TEXT_CARD, narrow=narrow)
    assert "Version 3 answers" in words(app)
    assert "What speaks for and against spam" in words(app)
    said = words(app)
    assert "Probability of spam: 82.0%; of an average sample it would be 37.8%." in said
    assert "Solid bars speak for spam, striped ones against it." in said
    assert (
        "The numbers are log-odds, in which reasons add up: from -0.5 (dotted line) to 1.5" in said
    )
    assert len(app.get("plotly_chart")) == 2


@pytest.mark.parametrize(
    ("changes", "chance", "said"),
    [
        (
            {"scale": "probability", "base": 0.4, "output": 0.7},
            0.7,
            "Probability of spam: 70.0%; of an average sample it would be 40.0%.",
        ),
        ({}, 0.6, "Probability of spam: 60.0%. Solid bars"),
        ({}, None, "Solid bars speak for spam"),
        ({"scale": "score"}, 0.6, "Probability of spam: 60.0%. Solid bars"),
        ({"scale": "one-vs-rest log-odds"}, 0.6, "Probability of spam: 60.0%. Solid bars"),
    ],
)
def test_what_reasons_add_up_to_is_said_as_a_probability_first(
    changes: dict[str, Any], chance: float | None, said: str
) -> None:
    first, detail = reasons.added_up(replace(ATTRIBUTION, **changes), chance, shown="spam")
    assert first.startswith(said)
    assert "of 50%" not in detail, "0 is one half only where two labels share all chances"


@pytest.mark.parametrize(
    ("scale", "chance", "said"),
    [
        ("score", 0.6, "scores, in which reasons add up: from -0.5 (dotted line) to 1.5"),
        ("score", 0.82, "The softmax of the scores of all labels is their probability."),
        ("log-odds", 0.6, "The softmax of the scores"),
        ("one-vs-rest log-odds", 0.6, "log-odds of spam against all other labels: from -0.5"),
    ],
)
def test_numbers_are_called_what_they_are(scale: Scale, chance: float, said: str) -> None:
    _, detail = reasons.added_up(replace(ATTRIBUTION, scale=scale), chance, shown="spam")
    assert said in detail


@pytest.mark.parametrize("narrow", [True, False])
def test_words_of_a_text_are_marked_and_escaped(narrow: bool) -> None:
    marked = replace(EXPLAINED, words=(("<b>free</b>", 2.0), (" and ", 0.0), ("hello", -1.0)))
    app = draw(reasons.reasons, PROJECT, marked, TEXT_CARD, narrow=narrow)
    [html] = app.get("html")
    body = html.proto.body
    assert "&lt;b&gt;free&lt;/b&gt;" in body
    assert "<b>" not in body
    assert body.count("<span") == 2, "what weighs nothing is not marked"
    assert body.count("background: rgba(128, 128, 140") == 1, "what speaks for it is shaded"
    assert body.count("dashed currentColor") == 1, "what speaks against it is underlined"
    assert "Shaded words speak for the answer" in words(app)


@pytest.mark.parametrize("card", [IMAGE_CARD, TEXT_CARD])
def test_an_image_is_explained_by_its_pixels(card: dict[str, Any]) -> None:
    app = draw(reasons.reasons, PROJECT, replace(EXPLAINED, image=((0.1, -0.2), (0.0, 0.3))), card)
    assert "Speaks for the answer: the deeper the colour, the more." in words(app)
    assert "Speaks against the answer: the deeper the colour, the more." in words(app)
    assert len(app.get("plotly_chart")) == 4


@pytest.mark.parametrize(
    ("scale", "base", "output"), [("log-odds", 0.5, -1.5), ("probability", 1.5, -0.5)]
)
def test_the_reasons_of_one_of_two_labels_are_those_of_the_other_turned_round(
    scale: Scale, base: float, output: float
) -> None:
    given = replace(ATTRIBUTION, scale=scale)
    turned = reasons.towards(given, HAM)
    assert (turned.label, turned.base, turned.output) == (HAM, base, output)
    assert turned.values == (-1.5, -0.25)
    assert turned.other == -0.25
    total = turned.base + sum(turned.values) + turned.other
    assert total == pytest.approx(turned.output)
    assert reasons.towards(given, SPAM) == given


def test_one_of_many_labels_can_be_asked_about() -> None:
    several = tuple(replace(ATTRIBUTION, label=label) for label in (HAM, SPAM, "c"))
    app = draw(reasons.reasons, PROJECT, replace(EXPLAINED, attributions=several), TEXT_CARD)
    assert "What speaks for and against spam" in words(app), "the answer first"
    app.get("button_group")[0].set_value(HAM).run()
    assert "What speaks for and against ham" in words(app)


def test_a_sample_is_drawn_with_its_image_and_without_a_box_round_its_key_alone() -> None:
    image, text = (draw(whole_sample, "k", card) for card in (IMAGE_CARD, TEXT_CARD))
    assert [len(app.get("plotly_chart")) for app in (image, text)] == [1, 0]
    assert "**The sample** :gray[k]" in words(text)
    boxes = [
        [block.proto.flex_container.border for block in app.get("flex_container")]
        for app in (image, text)
    ]
    assert [any(found) for found in boxes] == [True, False]


# ---- importance ---------------------------------------------------------------------------


def test_features_are_drawn_strongest_first_with_all_of_them_in_a_table() -> None:
    features = tuple(
        FeatureImportance(f"f{place}", 1.0 / (place + 1), (0.1, -0.1), (0.0, 1.0))
        for place in range(20)
    )
    whole = GlobalExplanation(1, 100, (SPAM,), {SPAM: features}, {})
    app = draw(importance.feature_importance, whole, SPAM)
    assert len(app.get("plotly_chart")) == 2
    assert app.expander[0].label == "20 features as a table"
    assert table(app)[0] == ["f0", 1.0]
    assert len(table(app)) == 20


def test_columns_are_drawn_above_features_and_all_in_their_unit() -> None:
    features = {SPAM: (FeatureImportance("Text: free", 1.0, (0.1,), (0.0,)),)}
    columns = {SPAM: (("Text", 2.0), ("Betrag", 0.5))}
    whole = GlobalExplanation(1, 100, (SPAM,), features, {}, "score", columns)
    app = draw(importance.feature_importance, whole, SPAM)
    assert "How much each column matters" in words(app)
    assert len(app.get("plotly_chart")) == 3
    assert list(app.dataframe[0].value) == ["Feature", "Mean absolute weight, score"]


def test_columns_that_are_one_feature_each_are_drawn_once() -> None:
    features = tuple(
        FeatureImportance(f"f{place}", 1.0 / (place + 1), (0.1,), (0.0,)) for place in range(20)
    )
    columns = tuple((item.feature, item.importance * (1 + 1e-15)) for item in features)
    whole = GlobalExplanation(1, 100, (SPAM,), {SPAM: features}, {}, "score", {SPAM: columns})
    app = draw(importance.feature_importance, whole, SPAM)
    assert len(app.get("plotly_chart")) == 2
    said = words(app)
    assert "How much each column matters" in said and "each feature matters" not in said


def test_a_version_without_weights_says_so() -> None:
    app = draw(
        importance.feature_importance, GlobalExplanation(1, 1, (SPAM,), {SPAM: ()}, {}), SPAM
    )
    assert app.caption[0].value == "No feature has a weight."


def test_pixels_are_drawn_for_each_label_by_its_shown_name() -> None:
    project = replace(PROJECT, labels=(Label(HAM, "Wanted", "1", "#2563eb"),))
    heat = {"gone": ((0.0, 0.0), (0.0, 1.0)), HAM: ((0.1, 0.2), (0.3, 0.4))}
    app = draw(importance.image_importance, GlobalExplanation(1, 7, (HAM,), {}, heat), project)
    assert "over 7 samples of the pool" in words(app)
    assert [item.value for item in app.markdown] == ["**Wanted**", "**gone**"]
    assert len(app.get("plotly_chart")) == 3, "the last tells what the colours mean"


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (Drift(2_000, 0.0031, 0.02, 0.4), "would have answered 0.3% of 2,000 samples differently"),
        (Drift(500, 0.0, 0.0004, 0.001), "would have answered 500 samples alike"),
    ],
)
def test_a_full_fit_says_how_far_continuing_would_have_led_away(drift: Drift, said: str) -> None:
    assert said in report.drift_words(drift)


def test_small_differences_of_a_drift_are_not_called_nothing() -> None:
    said = report.drift_words(Drift(samples=2_000, differing=0.0, mean=0.0002, largest=0.006))
    assert said == (
        "Continuing from the version before would have answered 2,000 samples alike; "
        "probabilities differ by less than 0.001 on average, at most 0.006."
    )
    none = report.drift_words(Drift(samples=2_000, differing=0.0, mean=0.0, largest=0.0))
    assert none.endswith("alike; probabilities differ by less than 0.001.")

"""Words for numbers, times and errors."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from mlvajra_al.records import Measure
from mlvajra_al.web import widgets
from mlvajra_al.web.context import now

FEW = Measure("F1", None, None, None, 8, "too few to say: 12 more samples needed")


def test_markdown_of_data_stays_plain_text() -> None:
    hostile = "**a** [b](c) <i>d</i> $e$ :red[f] `g` # ~h~ ![i](j)"
    escaped = widgets.plain(hostile)
    for sign in "*[]()<>$:`#~!":
        assert all(
            escaped[place - 1] == "\\" for place, found in enumerate(escaped) if found == sign
        )


def test_long_text_is_cut_at_a_word() -> None:
    assert widgets.shorten("one two three four", 12) == "one two…"
    assert widgets.shorten("short") == "short"
    assert len(widgets.shorten("x" * 500, 20)) == 20


def test_what_cannot_be_said_yet_says_how_much_is_missing() -> None:
    assert widgets.measure_words(FEW) == "too few to say: 12 more samples needed"
    assert widgets.value_of(FEW) == "too few to say"


def test_a_measure_is_shown_with_its_interval() -> None:
    measure = Measure("F1", 0.912, 0.85, 0.95, 80)
    assert widgets.measure_words(measure) == "0.912 (0.850 to 0.950)"


def test_a_measure_without_interval_says_why() -> None:
    measure = Measure("log loss", 0.3, None, None, 80, "no interval below 200 samples: 120 more")
    assert "no interval" in widgets.measure_words(measure)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.31, "0.3 s"), (61, "1 min 1 s"), (7_300, "2 h 1 min"), (None, "")],
)
def test_durations_are_read_at_a_glance(seconds: float | None, words: str) -> None:
    assert widgets.duration(seconds) == words


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=1, seconds=5), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_times_are_told_by_their_distance(back: timedelta, words: str) -> None:
    assert widgets.ago(now() - back) == words


def test_what_never_happened_was_never() -> None:
    assert widgets.ago(None) == "never"


def test_names_of_projects_are_quoted_in_addresses() -> None:
    assert widgets.api("a b/c", "labels") == "/api/v1/projects/a%20b%2Fc/labels"


def test_images_in_guidelines_become_links() -> None:
    assert widgets.without_images("![logo](https://x.y/z.png)") == "[logo](https://x.y/z.png)"
    assert widgets.without_images("!![x](https://x.y/z.png)") == "[x](https://x.y/z.png)"
    assert "![" not in widgets.without_images("!!![a][b] and ![c] and [![d](e)](f)")


def test_one_is_singular() -> None:
    assert widgets.plural(1, "answer") == "1 answer"
    assert widgets.plural(1_200, "answer") == "1,200 answers"


def test_addresses_in_data_do_not_become_links() -> None:
    for address in ("http://evil.example", "WWW.evil.example", "ada@evil.example"):
        shown = widgets.plain(address).replace("\\", "")
        assert shown != address
        assert shown.replace(widgets.WORD_JOINER, "") == address


@pytest.mark.parametrize(
    "text",
    [":material/delete:", ":streamlit:", "a :smile: b", "a -> b", "a <-> b", "a -- b", "a >= b"],
)
def test_shorthands_in_data_do_not_become_icons_or_arrows(text: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", widgets.plain(text))
    assert shown != text
    assert shown.replace(widgets.WORD_JOINER, "") == text

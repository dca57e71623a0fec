"""Arguments are refused in our words, with the value that was given."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlvajra_al.cli import simulate, tables
from mlvajra_al.cli.application import run
from mlvajra_al.cli.data import Format, _format_of
from mlvajra_al.errors import Invalid
from mlvajra_al.services.overview import OF_SEVERAL, STRATEGIES


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("report spam x", "'number': it must be a whole number but is 'x' (see: mlvajra report"),
        ("token create --user a --days 0", "'--days': it must be at least 1 but is '0' (see"),
        ("demo annotate x --error-rate y", "'--error-rate': it must be a number but is 'y' (see"),
        ("user add x --role boss", "'--role': 'boss' is not one of 'annotator', 'reviewer', "),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    assert said in capsys.readouterr().err


def test_a_simulated_annotator_is_told_what_is_wrong_before_anything_is_looked_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["demo", "annotate", "nowhere", "--error-rate", "2"]) == 1
    assert "at an error rate of 2 cannot be simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "asked", "written"),
    [
        ("-", None, Format.csv),
        ("-", Format.jsonl, Format.jsonl),
        ("l.parquet", None, Format.parquet),
        ("L.JSONL", None, Format.jsonl),
        ("l.csv", Format.csv, Format.csv),
        ("l.txt", None, Format.csv),
        ("l.txt", Format.parquet, Format.parquet),
    ],
)
def test_an_export_is_written_as_the_name_of_its_file_ends(
    out: str, asked: Format | None, written: Format
) -> None:
    assert _format_of(out, asked) is written


def test_a_name_that_contradicts_the_format_is_refused() -> None:
    with pytest.raises(Invalid, match=r"l\.parquet ends in \.parquet, but --format is csv; leave"):
        _format_of("l.parquet", Format.csv)


def test_help_names_every_strategy_there_is() -> None:
    one, several = simulate.KNOWN.split("; with several labels ")
    known, extra = one.split(", prob_cover (where scikit-activeml is installed)")
    assert [*known.split(", "), "prob_cover"] == list(STRATEGIES) and not extra
    assert several.split(", ") == list(OF_SEVERAL)


def test_times_are_written_in_one_way_in_tables() -> None:
    rows = [{"made": datetime(2026, 11, 23, 18, 0, 59, tzinfo=UTC)}]
    assert tables.lines(rows)[1] == "2026-11-23 18:00 UTC"


@pytest.mark.parametrize(
    "line", ["", "report", "project list", "project create", "project members", "demo annotate"]
)
def test_the_help_names_no_value_for_an_option_that_takes_none(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert run([*line.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "bool" not in said
    assert "--help" in said
    if line == "project create":
        assert "--seed" in said
        assert "<int>" in said

"""Text from data stays text, and both themes show through."""

from __future__ import annotations

from mlvajra_al.web.charts import look

HOSTILE = "<b>bold</b> <a href='x'>link</a>"


def test_text_from_data_is_escaped_and_cut() -> None:
    assert look.safe(HOSTILE).startswith("&lt;b&gt;")
    assert "<" not in look.safe(HOSTILE)
    assert len(look.safe("word " * 50)) == look.NAME_LENGTH

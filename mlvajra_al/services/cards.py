"""What an annotator sees of a sample: its card, and in words why it is asked about."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.records import Claim, Column, Project, Why
from mlvajra_al.services.claiming import Handed
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.store import projects
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import FEW, Pool
from mlvajra_al.words import number, short, strategy_words

TEXT_LIMIT = 20_000
"""Longer texts are cut on the card: six of them travel to the browser at once."""
VALUE_LIMIT = 500
AROUND = 60
"""So many characters are shown on both sides of what was searched for."""
UNREADABLE = re.compile("\ufffd[\ufffd ]*\ufffd")
"""Bytes that were no text in their file: in a list one mark tells of all of them."""

Row = Mapping[str, Any]
Json = dict[str, Any]
Pixels = list[list[float]]
"""Rows of grey values from 0 to 1."""


def drawn(handed: Handed) -> tuple[Json, ...]:
    """Return the cards of claims, in their order, read from the pool in one take."""
    project = handed.project
    rows = _rows(handed.pool, project, handed.positions)
    return tuple(card(project, row, handed.statistics) for row in rows)


def cards_at(
    store: Store, connection: Connection, project: Project, *, positions: Sequence[int]
) -> tuple[Json, ...]:
    """Return the cards of samples by position, in the order asked for."""
    rows = rows_at(store, connection, project, positions=positions)
    statistics = projects.statistics(connection, project.id)
    return tuple(card(project, row, statistics) for row in rows)


def rows_at(
    store: Store, connection: Connection, project: Project, *, positions: Sequence[int]
) -> list[Row]:
    """Return what a card shows of samples, as plain values, read in one take.

    Raises
    ------
    Damaged
        If a file they are in is.
    """
    pool = project_pool(store, connection, project)
    pool.verify(positions)
    return _rows(pool, project, positions)


def _rows(pool: Pool, project: Project, positions: Sequence[int]) -> list[Row]:
    if not positions:
        return []
    wanted = dict.fromkeys([project.title_column, *(column.name for column in _shown(project))])
    names = [name for name in pool.columns if name in wanted]
    if len(positions) <= FEW:
        return list(pool.rows(positions, names))
    rows: list[Row] = pool.take(list(positions), names).to_pylist()
    return rows


def card(project: Project, row: Row, statistics: Mapping[str, Any]) -> Json:
    """Describe a sample for the browser: a title, then texts, one table, images."""
    title = _text(row.get(project.title_column)) if project.title_column else None
    blocks: list[Json] = []
    table: list[Json] = []
    for column in _shown(project):
        if column.name == project.title_column:
            continue
        value = row.get(column.name)
        if column.kind == "text":
            blocks.append(_text_block(column.name, value))
        elif column.kind == "image":
            blocks.append(_image_block(column.name, value, statistics))
        else:
            table.append(_table_row(column, value, statistics))
    if table:
        blocks.append({"kind": "table", "rows": table})
    return {"title": title, "blocks": blocks}


def beginning(project: Project, row: Row, *, limit: int = 200, images: bool = True) -> str:
    """Return the first words of a sample, for lists; `images` says where there is one."""
    parts = [_text(row.get(project.title_column)) if project.title_column else ""]
    for column in _shown(project):
        value = row.get(column.name)
        if column.name == project.title_column or value is None:
            continue
        if column.kind == "text":
            parts.append(str(value)[: limit * 2])
        elif column.kind == "image":
            parts.append("(image)" if images else "")
        elif sum(map(len, parts)) < limit:
            parts.append(f"{column.name}: {_value(value)}")
    words = " ".join(" · ".join(part for part in parts if part).split())
    words = UNREADABLE.sub("\ufffd", words)
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def images(project: Project, row: Row, statistics: Mapping[str, Any]) -> tuple[Pixels, ...]:
    """Return the images of a sample as a card draws them, for lists."""
    columns = [column.name for column in _shown(project) if column.kind == "image"]
    drawn = (_image_block(name, row.get(name), statistics)["pixels"] for name in columns)
    return tuple(pixels for pixels in drawn if any(pixels))


def passage(project: Project, row: Row, words: str) -> tuple[str, str, str] | None:
    """Return what stands before some words in a sample, the words, and what stands behind them.

    None where they are not found as they are written here, capitals or not.
    """
    sought = re.compile(re.escape(" ".join(words.split())), re.IGNORECASE)
    columns = [project.title_column, *(column.name for column in _shown(project))]
    for value in (row.get(name) for name in columns if name is not None):
        text = "" if isinstance(value, list) else " ".join(_text(value).split())
        if hit := sought.search(text):
            before, after = text[: hit.start()], text[hit.end() :]
            if len(before) > AROUND:
                before = "… " + before[-AROUND:].partition(" ")[2]
            if len(after) > AROUND:
                after = after[:AROUND].rpartition(" ")[0] + " …"
            return before, hit[0], after
    return None


def _shown(project: Project) -> list[Column]:
    hidden = {project.gold_column, None}
    return [c for c in project.recipe.columns if c.kind != "ignored" and c.name not in hidden]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)


def _text_block(name: str, value: Any) -> Json:
    text = _text(value)
    block = {"kind": "text", "name": name, "text": text[:TEXT_LIMIT]}
    return block | {"cut": len(text) - TEXT_LIMIT} if len(text) > TEXT_LIMIT else block


def _image_block(name: str, value: Any, statistics: Mapping[str, Any]) -> Json:
    """Return an image as numbers from 0 to 1, by the pool's range, so that all can be compared."""
    pixels = _square(value)
    low, high = (_number(end) for end in _range(statistics, name))
    if low is None:
        low = min((line.min(initial=0.0) for line in pixels), default=0.0)
    if high is None:
        high = max((line.max() for line in pixels if len(line)), default=1.0)
    low = min(0.0, low)
    shares = (np.clip((line - low) / (high - low or 1.0), 0.0, 1.0) for line in pixels)
    return {"kind": "image", "name": name, "pixels": [line.round(4).tolist() for line in shares]}


def _square(value: Any) -> list[NDArray[np.float64]]:
    """Return pixels as rows: nested lists as they are, a flat list as a square."""
    if not value:
        return []
    if isinstance(value[0], list | tuple):
        return [_line(line) for line in value]
    side = math.isqrt(len(value)) if math.isqrt(len(value)) ** 2 == len(value) else len(value)
    flat = _line(value)
    return [flat[start : start + side] for start in range(0, len(flat), side)]


def _line(values: Sequence[Any]) -> NDArray[np.float64]:
    """Return grey values; what is no number is black.

    All at once: a large image has a million, and nobody is answered while they are read.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiu":
        found = np.array([_number(value) or 0.0 for value in values])
    return np.where(np.isfinite(found), found, 0.0)


def _table_row(column: Column, value: Any, statistics: Mapping[str, Any]) -> Json:
    low, high = _range(statistics, column.name) if column.kind == "numeric" else (None, None)
    return {
        "name": column.name,
        "value": _value(value),
        "short": _short(value),
        "place": _place(value, low, high),
        "low": _short(low) if low is not None else "",
        "high": _short(high) if high is not None else "",
    }


def _range(statistics: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    known = statistics.get("columns", {}).get(name) or {}
    return known.get("min"), known.get("max")


def _place(value: Any, low: Any, high: Any) -> float | None:
    """Return where a value lies between the pool's lowest and highest, 0 to 1."""
    at, lowest, highest = _number(value), _number(low), _number(high)
    if at is None or lowest is None or highest is None or highest <= lowest:
        return None
    return round(min(1.0, max(0.0, (at - lowest) / (highest - lowest))), 4)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _short(value: Any) -> str:
    """Return a cell as it stands in a table: as it is, a number of many digits without the last."""
    return short(value) if isinstance(value, float) and math.isfinite(value) else _value(value)


def _value(value: Any) -> str:
    """Return a cell as text: numbers as they are, dates plain, nothing as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def why(project: Project, claim: Claim) -> Json | None:
    """Say why a sample is asked about; None where it would tell holdout from pool.

    Holdout samples never show a reason, and an equal random share of the others shows none.
    """
    if not shows_reason(project, claim.sample_key, holdout=claim.why.holdout):
        return None
    return {
        "strategy": claim.why.strategy,
        "utility": claim.why.utility,
        "version": claim.why.version,
        "words": in_words(project, claim.why),
    }


def shows_reason(project: Project, sample_key: str, *, holdout: bool) -> bool:
    """Say whether a card may show reasons: never of holdout samples, nor of as many others."""
    digest = hashlib.sha256(f"{project.seed}\x1f{sample_key}\x1fwhy".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    return not holdout and drawn >= project.policy.holdout_rate


def in_words(project: Project, why: Why) -> str:
    """Return a strategy and its utility as a sentence."""
    if why.strategy.endswith("margin") and why.utility is not None:
        return _margin_in_words(project, why.utility)
    if why.strategy == "least_confident" and why.utility is not None:
        return f"The model is only {_percent(1 - why.utility)} sure of its answer."
    known = {
        "random": "Drawn at random, to see what the model does not look for.",
        "cold_start": "There is no model yet, and this one stands for many like it.",
        "entropy": "The model's answer is spread over several labels.",
        "information_density": "The model's answer is spread, and many samples are like this one.",
        "ranked_batch": "It is unlike what is labelled, and the model is not sure of it.",
        "vote_entropy": "Models that learned from parts of the labels vote apart.",
        "consensus_entropy": "Models that learned from parts of the labels are unsure of it.",
        "disagreement": "Models that learned from parts of the labels contradict each other.",
        "second_opinion": "Somebody has answered it already; a second opinion is wanted.",
        "expected_error": "Its label would make the model surer of the others.",
        "rare_label": "It may have a label with hardly any examples, or the model is not sure.",
        "unseen_label": "It is unlike what is labelled, or the model is not sure of it.",
        "diversified_doubt": "The model hesitates about one of its labels.",
        "focused_doubt": "The model hesitates about one of its labels.",
        "binary_doubt": "The model hesitates about one of its labels.",
        "mean_doubt": "The model hesitates about several of its labels.",
        "loss_reduction": "Its labels would lower the model's errors most.",
        "unusual_count": "The model gives it more or fewer labels than others have.",
        "typiclust": "Nothing like it is labelled, and it stands for many.",
    }
    return known.get(why.strategy, f"Chosen by {strategy_words(why.strategy)}.")


def _margin_in_words(project: Project, utility: float) -> str:
    gap = min(1.0, max(0.0, 1 - utility))
    if len(project.labels) == 2:
        first, second = (label.display for label in project.labels)
        sure = _percent((1 + gap) / 2)
        if gap > 0.5:
            return f"The model leans to one label ({sure}), less firmly than elsewhere."
        # Which one that is would bias.
        return f"The model hesitates between {first} and {second}: {sure} for the likelier."
    if gap > 0.5:
        return f"The model leans to one label (by {_percent(gap)}), less firmly than elsewhere."
    return f"The model hesitates between its two likeliest labels ({_percent(gap)} apart)."


def _percent(share: float) -> str:
    return f"{share:.0%}"

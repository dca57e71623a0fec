"""Guess what each column holds from a sample of rows; a person may correct the guess."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.records import Column, ColumnKind
from mlvajra_al.records.notations import date_notation, number_notation
from mlvajra_al.sources.values import (
    FALSE,
    INFINITE,
    MOST_EXACT,
    NUMBER,
    TRUE,
    decoded,
    is_bytes,
    is_list,
    is_list_of_strings,
    is_number,
    is_string,
    is_text,
    stripped,
)

ID_NAME = re.compile(r"(?i)^(id|key|uuid|guid|index|column 1|unnamed: 0)$|[_\-. ](id|key|uuid)$")
ID_CAMEL = re.compile(r"[a-z](Id|ID)$")
NUMBER_NAME = re.compile(
    r"(?i)(?:^|[\W_])(?:no|num|number|n[úu]mero|num[ée]ro|c[óo]digo|ticket|n[°º])\.?$|(?:nr|nummer)\.?$"
)
NUMBER_CAMEL = re.compile(r"[a-z](?:No|Num|Number|Ticket)$")
"""Names of columns that number things one by one: ticket_no, Vorgangs-Nr, but not no_of_rooms."""
UNIQUE = 0.9
"""Of ids so many differ where a few are repeated; where fewer do, they are of something else."""
FEWEST_RUNNING = 20
"""Of fewer rows it may be chance that each number is one more than the one before."""
ID_VALUE = r"^[A-Za-z0-9][A-Za-z0-9_\-.:/@#]*$"
DATE = r"^\d{4}[-/]\d\d[-/]\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?([Zz]|[+-]\d\d:?\d\d)?)?$"
ACCENT = re.compile("[\u0300-\u036f]")
LEADING_ZERO = r"^[+-]?0\d"
WHOLE = r"^[+-]?\d+$"
PIXELS = r"^\s*\[[\s\d.,eE\[\]+-]+\]\s*$"
PAIRS = tuple(frozenset(pair) for pair in zip(TRUE, FALSE, strict=True))
ANSWERS = (
    "label", "etikett", "etiquette", "etiqueta", "etichetta", "etichette", "rotulo", "target",
    "class", "klasse", "classe", "classi", "clase", "verdict", "sentiment", "stimmung",
    "sentimiento", "sentimento", "intent", "category", "kategorie", "categorie", "categoria",
    "kind", "topic", "thema", "themen", "theme", "tema", "outcome", "answer", "truth",
)  # fmt: skip
"""Names of columns that hold answers in several languages, without accents, the surest first."""
TITLES = (
    "title", "titel", "titre", "titulo", "titolo", "subject", "betreff", "objet", "asunto",
    "assunto", "oggetto", "headline",
)  # fmt: skip
MOST_ANSWERS = 31
MOST_CATEGORIES = 50
LONGEST_CATEGORY = 60


def infer(name: str, values: pa.Array) -> Column:
    """Return what a column most likely holds, and how it is written."""
    values = decoded(values)
    if is_bytes(values.type) and not is_text(values):
        return Column(name, "ignored")
    if is_string(values.type) or is_bytes(values.type) or is_list_of_strings(values.type):
        return _infer_strings(name, values)
    return Column(name, _infer_typed(name, values))


def _infer_typed(name: str, values: pa.Array) -> ColumnKind:
    if pa.types.is_boolean(values.type):
        return "boolean"
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return "date"
    if is_list(values.type):
        return "image"
    return _infer_numbers(name, values) if is_number(values.type) else "ignored"


def looks_like_id(name: str) -> bool:
    """Tell whether a column is named as ids are."""
    return bool(ID_NAME.search(name) or ID_CAMEL.search(name))


def suggest_key(columns: dict[str, pa.Array]) -> str | None:
    """Return the column that most likely names samples: unique, and looking like ids."""
    unique = {name: values for name, values in columns.items() if _is_unique(values)}
    ranked = (
        (name for name in unique if looks_like_id(name)),
        (name for name, values in unique.items() if _is_numbering(name, values)),
        (name for name, values in unique.items() if _holds_ids(values)),
        (name for name, values in unique.items() if _runs(values)),
    )
    return next(chain.from_iterable(ranked), None)


def repeated_id(columns: dict[str, pa.Array]) -> tuple[str, int, int] | None:
    """Return a column named as ids, almost all of them different, and the first two rows alike."""
    for name, values in columns.items():
        if not (looks_like_id(name) and _may_name(values)):
            continue
        if UNIQUE * len(values) <= int(pc.count_distinct(values).as_py()) < len(values):
            before: dict[object, int] = {}
            for row, value in enumerate(values.to_pylist()):
                if (first := before.setdefault(value, row)) != row:
                    return name, first, row
    return None


def _numbers_samples(name: str, values: pa.Array) -> bool:
    """Tell whether the values of a column are a number for each sample, not one of its measures."""
    return _runs(values) or (_is_numbering(name, values) and _is_unique(values))


def _is_numbering(name: str, values: pa.Array) -> bool:
    """Tell whether a column is named as numbers of things are, and may hold some."""
    if not (NUMBER_NAME.search(name) or NUMBER_CAMEL.search(name)):
        return False
    return not is_string(values.type) or _all_match(values, r"^\d+$") or _holds_ids(values)


def _runs(values: pa.Array) -> bool:
    """Tell whether each integer is one more than the one before."""
    if len(values) < FEWEST_RUNNING or values.null_count:
        return False
    written = is_string(values.type) and _all_match(values, r"^\d{1,15}$")
    if not written and not pa.types.is_integer(values.type):
        return False
    steps = pc.pairwise_diff(values.cast(pa.int64(), safe=False))
    return bool(pc.all(pc.equal(steps, 1)).as_py())


def suggest_answer(columns: dict[str, pa.Array]) -> str | None:
    """Return the column that most likely holds answers: named like one, of few values."""
    named = (name for word in ANSWERS for name in columns if _ends_in(name, word))
    return next((name for name in named if _repeats(columns[name])), None)


def suggest_title(kinds: dict[str, ColumnKind]) -> str | None:
    """Return the column of text that most likely says what a sample is called."""
    texts = [name for name, kind in kinds.items() if kind == "text"]
    return next((name for word in TITLES for name in texts if _ends_in(name, word)), None)


def _ends_in(name: str, word: str) -> bool:
    """Tell whether a name is this word, alone or behind others: label, trueLabel, Ticket kinds."""
    pattern = rf"(?:(?:^|[\W_])(?i:{word})|[a-z]{word.title()})(?i:s|es|n|en)?$"
    return re.search(pattern, _without_accents(name)) is not None


def _without_accents(name: str) -> str:
    return ACCENT.sub("", unicodedata.normalize("NFKD", name))


def _repeats(values: pa.Array) -> bool:
    """Tell whether a column holds few different values, most of them more than once."""
    kind = values.type
    if not (is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return False
    there = (stripped(values) if is_string(kind) else values).drop_null()
    return 0 < int(pc.count_distinct(there).as_py()) <= min(MOST_ANSWERS, len(there) / 2)


def _is_unique(values: pa.Array) -> bool:
    return _may_name(values) and int(pc.count_distinct(values).as_py()) == len(values)


def _may_name(values: pa.Array) -> bool:
    """Tell whether values are several texts or integers, and none of them is missing."""
    kind = values.type
    return (
        len(values) > 1 and not values.null_count and (is_string(kind) or pa.types.is_integer(kind))
    )


def _holds_ids(values: pa.Array) -> bool:
    """Tell whether all values are one short word, each with a digit, and not all numbers."""
    if not is_string(values.type) or int(pc.max(pc.utf8_length(values)).as_py() or 0) > 64:
        return False
    words = _all_match(values, ID_VALUE)
    digits = _all_match(values, r"\d")
    named = words and digits and not _all_match(values, NUMBER) and not _all_match(values, DATE)
    return named and _infer_written("", values) is None


def _infer_numbers(name: str, values: pa.Array) -> ColumnKind:
    kind = values.type
    if not pa.types.is_integer(kind) and not (pa.types.is_decimal(kind) and kind.scale <= 0):
        return "numeric"
    if looks_like_id(name) or _numbers_samples(name, values) or _is_beyond_exact(values):
        return "ignored"
    found = pc.unique(values.drop_null())
    return "boolean" if sorted(found.to_pylist()[:3]) == [0, 1] else "numeric"


def _is_beyond_exact(values: pa.Array) -> bool:
    """Tell whether integers would be altered as floats."""
    ends = [end for end in pc.min_max(values).as_py().values() if end is not None]
    return any(abs(end) > MOST_EXACT for end in ends)


def _are_beyond_exact(values: pa.Array) -> bool:
    """Tell whether integers that are written in strings would be altered as floats."""
    if not _all_match(values, WHOLE):
        return False
    long = values.filter(pc.match_substring_regex(values, r"\d{16}"))
    return any(abs(Decimal(text)) > MOST_EXACT for text in long.to_pylist())


def _infer_strings(name: str, values: pa.Array) -> Column:
    there = stripped(values).drop_null()
    if len(there) == 0:
        return Column(name, "ignored")
    distinct = pc.unique(pc.utf8_lower(there))
    if len(distinct) == 2 and frozenset(distinct.to_pylist()) in PAIRS:
        return Column(name, "boolean")
    if _numbers_samples(name, values):
        return Column(name, "ignored")
    if _are_numbers(there):
        ignored = looks_like_id(name) or _are_beyond_exact(there)
        return Column(name, "ignored" if ignored else "numeric")
    if _all_match(there, DATE):
        return Column(name, "date")
    if _all_match(there, PIXELS):
        return Column(name, "image")
    words = Column(name, _infer_words(name, there, len(distinct)))
    return words if words.kind == "ignored" else _infer_written(name, there) or words


def _infer_written(name: str, values: pa.Array) -> Column | None:
    """Return a column whose numbers or dates are written as people of some countries do."""
    texts = pc.unique(values).to_pylist()
    if notation := date_notation(texts):
        return Column(name, "date", notation)
    named = _any_match(values, LEADING_ZERO)
    if not named and (notation := number_notation(texts)):
        return Column(name, "numeric", notation)
    return None


def _are_numbers(values: pa.Array) -> bool:
    """Tell whether strings are numbers; 007 is a name."""
    either = pc.or_(
        pc.match_substring_regex(values, NUMBER), pc.match_substring_regex(values, INFINITE)
    )
    return bool(pc.all(either).as_py() and not _any_match(values, LEADING_ZERO))


def _infer_words(name: str, values: pa.Array, distinct: int) -> ColumnKind:
    longest = int(pc.max(pc.utf8_length(values)).as_py())
    repeats = distinct <= min(MOST_CATEGORIES, len(values) / 2)
    if repeats and longest <= LONGEST_CATEGORY:
        return "categorical"
    if looks_like_id(name) and longest <= 200:
        return "ignored"
    return "text"


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _any_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())

"""What the cells of a column of labels say, whoever spelt them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.records.label_sets import alike, parse, to_text
from mlvajra_al.sources.values import MISSING


@dataclass(frozen=True, slots=True)
class Cells:
    """Reads the cells of a column as labels of a set.

    What differs from a label in capitals, blanks and forms of accents only is that label; one
    that is spelt exactly so comes first. A cell that stands for a missing value says nothing,
    unless the set has it as a label.

    Examples
    --------
    >>> cells = Cells.of(["bug", "praise"])
    >>> cells.read(" BUG "), cells.read("billing"), cells.read("n/a")
    (('bug',), ('billing',), None)
    >>> Cells.of(["bug", "praise"], multilabel=True).read("Praise; n/a; BUG")
    ('praise', 'bug')
    >>> Cells.of(["yes", "no", "n/a"]).read("N/A")
    ('n/a',)
    """

    known: Mapping[str, str]
    multilabel: bool

    @classmethod
    def of(cls, names: Sequence[str], *, multilabel: bool = False) -> Cells:
        """Return what reads cells as these labels; in cells with several, others are cut apart."""
        exact = {name: name for name in names}
        return cls({alike(name): name for name in reversed(names)} | exact, multilabel)

    def read(self, cell: str) -> tuple[str, ...] | None:
        """Return the labels that a cell names, known ones or not; None if it says nothing."""
        if (whole := self._known(cell)) is not None:
            return (whole,)
        parts = parse(cell, ()) if self.multilabel else (cell.strip(),)
        if not parts:
            return parts
        return tuple(self._known(part) or part for part in parts if self._says(part)) or None

    def stored(self, said: tuple[str, ...] | None) -> str | None:
        """Return what is stored of a cell that names these labels."""
        if said is None:
            return None
        return to_text(said) if self.multilabel else said[0]

    def read_each(self, values: pa.Array) -> pa.Array:
        """Return what is stored of each cell of a column.

        Examples
        --------
        >>> Cells.of(["bug"]).read_each(pa.array(["Bug ", "n/a", None])).to_pylist()
        ['bug', None, None]
        """
        encoded = pc.utf8_trim_whitespace(values).dictionary_encode()
        said = [self.stored(self.read(value)) for value in encoded.dictionary.to_pylist()]
        return pa.array(said, pa.large_string()).take(encoded.indices)

    def _known(self, text: str) -> str | None:
        return self.known.get(text.strip()) or self.known.get(alike(text))

    def _says(self, part: str) -> bool:
        return self._known(part) is not None or part not in MISSING


@dataclass(frozen=True, slots=True)
class Spellings:
    """How many rows spell a label in which way; capitals, blanks, forms of accents do not matter.

    Examples
    --------
    >>> spelt = Spellings()
    >>> for name, rows in [("Bug", 1), ("BUG", 7), ("praise", 2)]:
    ...     spelt.count(name, rows)
    >>> len(spelt), spelt.commonest()
    (2, ['BUG', 'praise'])
    """

    found: dict[str, Counter[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of labels."""
        return len(self.found)

    def count(self, name: str, rows: int) -> None:
        """Add rows that spell a label so."""
        self.found.setdefault(alike(name), Counter())[" ".join(name.split())] += rows

    def commonest(self) -> list[str]:
        """Return each label as most rows spell it, sorted."""
        return sorted(many.most_common(1)[0][0] for many in self.found.values())

"""What the cells of a column of labels say, whoever spelt them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlvajra_al.records.label_sets import alike, parse, to_text
from mlvajra_al.sources.values import MISSING


@dataclass(frozen=True, slots=True)
class Cells:
    """Reads the cells of a column as labels of a set.

    What differs from a label in capitals and blanks only is that label; one that is spelt
    exactly so comes first. A cell that stands for a missing value says nothing, unless the set
    has it as a label.

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

    def _known(self, text: str) -> str | None:
        return self.known.get(text.strip()) or self.known.get(alike(text))

    def _says(self, part: str) -> bool:
        return self._known(part) is not None or part not in MISSING

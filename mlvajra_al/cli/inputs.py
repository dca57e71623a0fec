"""Files as commands name them, and the columns of a file that a model may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlvajra_al.errors import Invalid
from mlvajra_al.records import EstimatorName

if TYPE_CHECKING:
    from mlvajra_al.records import Column, Schema

Source = Annotated[str, typer.Option(help="A CSV, JSON Lines or Parquet file, or its URI.")]
Text = Annotated[str, typer.Option(help="Columns of text, separated by commas.")]
Columns = Annotated[
    str, typer.Option(help="Columns of any kind, found out by looking, separated by commas.")
]
Image = Annotated[str, typer.Option(help="A column of grey images, as rows of pixels.")]
Learner = Annotated[EstimatorName, typer.Option(help="What learns.")]
Multilabel = Annotated[
    bool, typer.Option("--multilabel", help="A sample may have several labels, or none.")
]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Which columns the model may see."""

    text: str
    columns: str
    image: str

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*words(self.text), *words(self.columns), *words(self.image)]


def located(source: str) -> str:
    """Return a source as the worker will find it, whatever its working directory."""
    return source if "://" in source else str(Path(source).absolute())


def words(listed: str) -> list[str]:
    """Return what is listed with commas between."""
    return [word.strip() for word in listed.split(",") if word.strip()]


def chosen(inputs: Inputs, found: Schema, source: str) -> tuple[Column, ...]:
    """Return the columns that were named, with their kinds.

    Raises
    ------
    Invalid
        If none was, or one that only names samples.
    BadSource
        If one is not there.
    """
    from mlvajra_al.records import Column
    from mlvajra_al.services.importing import require_columns

    text, columns, image = words(inputs.text), words(inputs.columns), words(inputs.image)
    held = {column.name: column for column in found.columns}
    require_columns(source, list(held), inputs.names)
    unusable = [name for name in columns if held[name].kind == "ignored"]
    if unusable:
        raise Invalid(
            f"the column {unusable[0]!r} looks like a name of samples, or like nothing a model can "
            "use; leave it out of --columns or give it as --id"
        )
    named = (
        [Column(name, "text") for name in text]
        + [held[name] for name in columns]
        + [Column(name, "image") for name in image]
    )
    if not named:
        raise Invalid(
            "the model needs at least one input column; name them with --text, --columns or --image"
        )
    return tuple(named)


def looked_at(
    place: str, source: str, inputs: Inputs, *, also: Sequence[str | None]
) -> tuple[Schema, tuple[Column, ...]]:
    """Return what a file holds and which of its columns were named; other columns are there, too.

    Raises
    ------
    Invalid
    BadSource
    """
    from mlvajra_al.services import importing

    found = importing.inspect_upload(place, preview=0, used=[*also, *inputs.names])
    importing.require_columns(source, [column.name for column in found.columns], also)
    return found, chosen(inputs, found, source)

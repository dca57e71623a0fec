"""Recipes and pools: what a column may be taken for once it has been imported."""

from __future__ import annotations

import pyarrow as pa

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Column, Recipe
from mlvajra_al.sources.values import NOTED, Misfit, convert
from mlvajra_al.store.shards import Pool

LOOKED_AT = 1_000
"""Samples in which something must be readable."""


def require_readable(pool: Pool, before: Recipe, after: Recipe) -> None:
    """Refuse a column of another kind of which the model would see nothing, or what it sees now.

    A pool keeps its values as they were read when they were imported. Single ones that do not fit
    are missing to the model; here none of the first ones does.

    Raises
    ------
    Invalid
    """
    held = {column.name: column for column in pool.held}
    changed = [
        column
        for column in after.columns
        if column.kind != "ignored" and column not in before.columns and column.name in held
    ]
    for column in changed:
        values = _first(pool, column.name)
        _require_as_read(column, held[column.name])
        if (problem := _unreadable(values, column)) is not None:
            raise Invalid(
                f"nothing in the column {column.name!r} can be read as {column.kind}: {problem}; "
                "choose another kind for it"
            )


def _first(pool: Pool, name: str) -> pa.Array:
    batch = next(pool.iter_batches([name], batch_rows=LOOKED_AT))
    return batch.column(name).drop_null()


def _require_as_read(column: Column, held: Column) -> None:
    if column.kind == held.kind and column.kind in NOTED and column.written != held.written:
        raise Invalid(
            f"the column {column.name!r} was read as {_words(held)} when it was imported, and the "
            f"pool keeps what was read; to read it as {_words(column)}, import the file into "
            "another project"
        )


def _words(column: Column) -> str:
    return f"{column.kind} {column.written}".removesuffix(" plain")


def _unreadable(values: pa.Array, column: Column) -> str | None:
    """Say what is wrong with the first value, if none can be read; blanks say nothing."""
    if pa.types.is_floating(values.type) and column.kind == "date":
        return "it holds numbers"
    if column.kind == "image" and not pa.types.is_fixed_size_list(values.type):
        return "it was imported as something else"
    first = None
    for at in range(len(values)):
        try:
            if convert(values.slice(at, 1), column).null_count == 0:
                return None
        except Misfit as misfit:
            first = first or misfit.found
    return first

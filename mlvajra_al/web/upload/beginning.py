"""What the form of a new project begins with: guessed from its file, or as it was chosen before."""

from __future__ import annotations

from dataclasses import dataclass

from mlvajra_al.records import Column, Job, Project, Schema


@dataclass(frozen=True, slots=True)
class Special:
    """The columns that are more than input, each by name or none."""

    key: str | None
    title: str | None
    source: str | None
    group: str | None

    @property
    def uses(self) -> dict[str, str]:
        """What columns are used as instead of input, by name."""
        used = {self.group: "groups", self.source: "labels", self.key: "key"}
        return {name: use for name, use in used.items() if name is not None}


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first choices of the form; without `labels` those of the file."""

    name: str
    columns: tuple[Column, ...]
    special: Special
    share: float = 0.2
    several: bool = False
    labels: tuple[str, ...] = ()


def guessed(schema: Schema, name: str) -> Beginning:
    """Return what a file looks like."""
    special = Special(schema.key, schema.title, schema.answer, group=None)
    return Beginning(name, schema.columns, special)


def as_before(schema: Schema, project: Project, last: Job) -> Beginning:
    """Return what was chosen for a project of which nothing came; guessed for another file."""
    found = guessed(schema, project.name)
    special = Special(
        project.key_column,
        project.title_column,
        last.payload.get("labels_from"),
        project.group_column,
    )
    inputs = {column.name: column for column in project.recipe.columns}
    if not inputs.keys() <= {column.name for column in schema.columns}:
        return found
    columns = (
        column if column.name in special.uses else Column(column.name, "ignored")
        for column in schema.columns
    )
    return Beginning(
        project.name,
        tuple(inputs.get(column.name, column) for column in columns),
        special,
        share=project.policy.holdout_share,
        several=project.multilabel,
        labels=tuple(label.name for label in project.labels),
    )

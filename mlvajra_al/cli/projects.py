"""`mlvajra project` and `mlvajra import`: what is asked, and of which data."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.inputs import (
    Columns,
    Image,
    Inputs,
    Learner,
    Multilabel,
    Source,
    Text,
    located,
    looked_at,
    words,
)
from mlvajra_al.cli.waiting import JobFailed, finished
from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put
from mlvajra_al.errors import BadSource, Invalid

if TYPE_CHECKING:
    from mlvajra_al.records import Column, EstimatorName, Job, Project
    from mlvajra_al.store.database import Store

group = typer.Typer(
    help="Projects: one question asked of one pool.", epilog="Example: mlvajra project list"
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(group, name="project")
    app.command("import", epilog="Example: mlvajra import spam --source more.csv")(import_)


LabelsFrom = Annotated[
    str | None, typer.Option(help="Import this column's labels as answers of 'import: COLUMN'.")
]
Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.")]
Labels = Annotated[str, typer.Option(help="The label set, separated by commas.")]
Key = Annotated[str | None, typer.Option("--id", help="Column that names samples.")]
Group = Annotated[
    str | None, typer.Option(help="Column whose equal values stay on one side of the holdout.")
]
Title = Annotated[str | None, typer.Option(help="Column shown as the card's title.")]
Gold = Annotated[
    str | None, typer.Option(help="Column of true labels, for simulated annotators only.")
]
Overlap = Annotated[int, typer.Option(help="Answers wanted per sample.")]
HoldoutShare = Annotated[float, typer.Option(help="Share of the pool kept for tests.")]
HoldoutRate = Annotated[float, typer.Option(help="Share of questions spent on tests.")]
RetrainEvery = Annotated[int, typer.Option(help="Answers until the next retrain.")]
Strategy = Annotated[
    str, typer.Option(help="Which samples are asked about next: a query strategy, or auto.")
]
Guidelines = Annotated[Path | None, typer.Option(help="A markdown file for the annotators.")]
Seed = Annotated[int | None, typer.Option(help="Draws the holdout; random if left out.")]


@group.command(
    epilog="Example: mlvajra project create reviews --source reviews.csv --text title,body "
    "--labels good,bad --id id"
)
def create(  # the flags of one command are one form, not a call from code
    name: Name,
    source: Source,
    labels: Labels,
    text: Text = "",
    columns: Columns = "",
    image: Image = "",
    key: Key = None,
    group: Group = None,
    title: Title = None,
    gold: Gold = None,
    labels_from: LabelsFrom = None,
    overlap: Overlap = 1,
    holdout_share: HoldoutShare = 0.2,
    holdout_rate: HoldoutRate = 0.2,
    retrain_every: RetrainEvery = 20,
    strategy: Strategy = "auto",
    estimator: Learner = "logistic_regression",
    guidelines: Guidelines = None,
    seed: Seed = None,
    multilabel: Multilabel = False,
) -> None:
    """Make a project from a file: its columns, its labels, how it asks; then import the file."""
    from mlvajra_al.records import Policy

    place = located(source)
    named = {"key": key, "group": group, "title": title, "gold": gold}
    also = [*named.values(), labels_from]
    _, inputs = looked_at(place, source, Inputs(text, columns, image), also=also)
    policy = Policy(
        overlap=overlap,
        holdout_share=holdout_share,
        holdout_rate=holdout_rate,
        retrain_every=retrain_every,
        strategy=strategy,
    )
    wanted = _drafted(name, words(labels), inputs=inputs, estimator=estimator, seed=seed)
    special: dict[str, Any] = {f"{what}_column": column for what, column in named.items()}
    special |= {"policy": policy, "guidelines": _read(guidelines), "multilabel": multilabel}
    wanted = replace(wanted, **special)
    _create(wanted, place, labels_from=labels_from)


def _require_labels(wanted: Project, place: str, labels_from: str | None) -> None:
    """Refuse a column of labels that the model would see, or that holds what is no label."""
    from mlvajra_al.services import importing

    if labels_from is not None:
        names = [label.name for label in wanted.labels]
        importing.require_no_input(wanted, labels_from)
        importing.require_labels(place, labels_from, names=names, multilabel=wanted.multilabel)


def _drafted(
    name: str,
    labels: list[str],
    *,
    inputs: tuple[Column, ...],
    estimator: EstimatorName,
    seed: int | None,
) -> Project:
    from mlvajra_al.records import Recipe
    from mlvajra_al.services import projects
    from mlvajra_al.services.label_sets import make_labels

    return projects.draft(
        name,
        labels=make_labels(labels),
        recipe=Recipe(inputs, estimator),
        now=now(),
        seed=seed,
    )


def _read(guidelines: Path | None) -> str:
    if guidelines is None:
        return ""
    try:
        return guidelines.read_text("utf-8")
    except UnicodeDecodeError as error:
        at = f"byte {error.start + 1:,} is not UTF-8"
        raise BadSource(guidelines.name, at, "save the guidelines as UTF-8 text") from error


def _create(wanted: Project, place: str, *, labels_from: str | None) -> None:
    from mlvajra_al.services import projects

    _require_labels(wanted, place, labels_from)
    with opened(begin=True) as store:
        person = operator(store)
        created = projects.create(store, person, wanted)
        try:
            _import(store, created, place, labels_from=labels_from)
        except JobFailed as failed:
            if not projects.drop_if_empty(store, person, created.name, now=now()):
                raise
            raise Invalid(f"{failed}; the project {created.name} was not made") from failed


@group.command("list", epilog="Example: mlvajra project list --json")
def listed(
    archived: Annotated[bool, typer.Option(help="Show archived ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the projects with what they ask and how far they are."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import progress, projects

    with opened() as store:
        person = operator(store)
        rows = []
        for project in projects.listed(store, person, archived=archived):
            state = progress.progress(store, person, project.name, now=now())
            rows.append(
                {
                    "name": project.name,
                    "labels": "/".join(label.name for label in project.labels),
                    "answered": state.answered,
                    "left": state.left,
                    "version": state.version,
                    "champion": state.champion,
                    "archived": project.archived_at is not None,
                    "loop": state.loop_message,
                }
            )
    put(rows) if as_json else tables.show(rows)


@group.command(epilog="Example: mlvajra project archive spam")
def archive(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Take it out of the archive.")] = False,
) -> None:
    """Archive a project: nobody is asked any more, nothing is deleted."""
    from mlvajra_al.services import projects

    with opened() as store:
        was = projects.get(store, None, name).archived_at is not None
        if was == undo:
            projects.set_archived(store, operator(store), name, archived=not undo, now=now())
    if was == undo:
        said = "is open again" if undo else "is archived"
    else:
        said = "was archived already" if was else "was not archived"
    sys.stderr.write(f"{name} {said}\n")


@group.command("set", epilog="Example: mlvajra project set spam --strategy entropy")
def set_(
    name: Name,
    strategy: Annotated[
        str | None,
        typer.Option(help="Which samples are asked about next: a query strategy, or auto."),
    ] = None,
    overlap: Annotated[int | None, typer.Option(help="Answers wanted per sample.")] = None,
    holdout_rate: Annotated[
        float | None, typer.Option(help="Share of questions spent on tests.")
    ] = None,
    retrain_every: Annotated[
        int | None, typer.Option(help="Answers until the next retrain.")
    ] = None,
    full_every: Annotated[int | None, typer.Option(help="Retrains until a full fit.")] = None,
    explain_on_card: Annotated[
        bool | None, typer.Option(help="Show the model's reasons on the card.")
    ] = None,
) -> None:
    """Change how a project asks and retrains; what is left out stays as it is."""
    from mlvajra_al.services import projects

    given: dict[str, Any] = {
        "strategy": strategy,
        "overlap": overlap,
        "holdout_rate": holdout_rate,
        "retrain_every": retrain_every,
        "full_every": full_every,
        "explain_on_card": explain_on_card,
    }
    changes = {what: value for what, value in given.items() if value is not None}
    if not changes:
        options = ", ".join(f"--{what.replace('_', '-')}" for what in given)
        raise Invalid(f"there is nothing to change; give at least one of {options}")
    with opened() as store:
        projects.change_policy(store, operator(store), name, changes=changes, now=now())
    spoken = {True: "on", False: "off"}
    said = ", ".join(
        f"{what.replace('_', ' ')} {spoken[value] if isinstance(value, bool) else value}"
        for what, value in changes.items()
    )
    sys.stderr.write(f"{name}: {said}\n")


def import_(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    source: Source,
    labels_from: LabelsFrom = None,
) -> None:
    """Add the samples of a file to a project's pool; what is there already is not added again."""
    from mlvajra_al.services import projects

    with opened() as store:
        _import(store, projects.get(store, None, project), located(source), labels_from=labels_from)


def _import(store: Store, project: Project, place: str, *, labels_from: str | None) -> None:
    from mlvajra_al.services import importing

    job = importing.start_import(
        store, operator(store), project.name, uri=place, labels_from=labels_from, now=now()
    )
    sys.stderr.write(f"{project.name}: {_summary(finished(store, job))}\n")


def _summary(job: Job) -> str:
    return str((job.result or {}).get("message") or "imported.")

"""`mlvajra train | promote | rollback | rebuild | explain | predict`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli import reports
from mlvajra_al.cli.data import require_place
from mlvajra_al.cli.waiting import finished
from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put
from mlvajra_al.errors import Invalid, NotEnoughLabels, NotFound
from mlvajra_al.words import harmless, plural

if TYPE_CHECKING:
    from mlvajra_al.records import Project

Name = Annotated[str, typer.Argument(help="The project's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra train spam --full")(train)
    app.command(epilog="Example: mlvajra promote spam 3 --reason 'better on spam'")(promote)
    app.command(epilog="Example: mlvajra rollback spam --reason 'too many false alarms'")(rollback)
    app.command(epilog="Example: mlvajra rebuild spam 3 --json")(rebuild)
    app.command(epilog="Example: mlvajra explain spam 3 --sample b70ced841afe9e7f8f008d1d920d68c2")(
        explain
    )
    app.command(epilog="Example: mlvajra predict spam --source new.csv --out answers.csv")(predict)


def train(
    project: Name,
    full: Annotated[bool, typer.Option("--full", help="Fit anew instead of continuing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Retrain now and wait for the new version."""
    from mlvajra_al.services import training
    from mlvajra_al.services import versions as service

    mode: training.Mode = "full" if full else "incremental"
    with opened() as store:
        asked = training.request_retrain(store, operator(store), project, mode=mode, now=now())
        left = finished(store, asked).result or {}
        if left.get("missing_labels"):
            raise NotEnoughLabels(tuple(left["seen_labels"]), tuple(left["missing_labels"]))
        row = service.one(store, None, project, int(left["version"]))
    if left.get("nothing_new"):
        sys.stderr.write(f"nothing was trained: no answer is new since version {left['version']}\n")
    if as_json:
        put(row.as_document())
    else:
        reports.show([row])


def promote(project: Name, number: Number, reason: Reason = "") -> None:
    """Make a version the champion, the one that answers the world."""
    from mlvajra_al.services import champions, projects

    with opened() as store:
        champions.promote(
            store,
            operator(store),
            project,
            number=number,
            expected=projects.get(store, None, project).champion,
            reason=reason,
            now=now(),
        )
    sys.stderr.write(f"version {number} is the champion of {project}\n")


def rollback(project: Name, reason: Reason = "") -> None:
    """Make the champion before this one champion again; no label is touched."""
    from mlvajra_al.services import champions

    with opened() as store:
        number = champions.rollback(store, operator(store), project, reason=reason, now=now())
    sys.stderr.write(f"version {number} is the champion of {project} again\n")


def rebuild(project: Name, number: Number, as_json: AsJson = False) -> None:
    """Make a version again from its labels and say whether the same bits come out."""
    from mlvajra_al.services.jobs import rebuilding

    with opened() as store:
        found = rebuilding.rebuild(store, operator(store), project, number=number, now=now())
    if as_json:
        put(asdict(found))
    elif found.identical:
        sys.stdout.write(f"version {number} of {project} comes out the same to the last bit\n")
    else:
        largest = found.max_abs_difference
        gap = "" if largest is None else f", probabilities by at most {largest:.3g}"
        sys.stdout.write(f"version {number} of {project} differs{gap}: {found.reason}\n")


def explain(
    project: Name,
    number: Number,
    sample: Annotated[str, typer.Option(help="Key of a sample; else the whole version.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a version pays attention to, or why it answers as it does for one sample."""
    from mlvajra_al.services import projects
    from mlvajra_al.services import versions as service

    with opened() as store:
        job = service.request_explanation(
            store, operator(store), project, number=number, sample_key=sample, now=now()
        )
        if job is not None:
            finished(store, job)
        found = (
            service.sample_explanation(store, None, project, number, sample)
            if sample
            else service.global_explanation(store, None, project, number)
        )
        of = projects.get(store, operator(store), project)
    if found is None:
        raise NotFound("explanation of version", number)
    if not as_json:
        _show_explanation(found, of)
        return
    plain = asdict(found)
    if of.multilabel and sample:
        plain["label"] = of.names_in(plain["label"])
    put(plain)


def _show_explanation(found: Any, project: Project) -> None:
    from mlvajra_al.cli import tables

    if hasattr(found, "attributions"):
        shares = ", ".join(f"{name} {value:.3f}" for name, value in found.probabilities.items())
        said = ", ".join(project.names_in(found.label)) or "no label"
        sys.stdout.write(harmless(f"{found.sample_key}: {said} ({shares})") + "\n")
        for item in found.attributions:
            from_to = f"{item.base:.3f} to {item.output:.3f}"
            sys.stdout.write(f"\n{harmless(item.label)}, {item.scale}: {from_to}\n")
            tables.show(
                [
                    {"feature": name, "of": data, "adds": value}
                    for name, data, value in zip(item.features, item.data, item.values, strict=True)
                ]
            )
        return
    for label in found.labels:
        name = harmless(label)
        sys.stdout.write(f"\n{name}, {found.scale}\n" if found.scale else f"\n{name}\n")
        rows = found.importances.get(label, ())
        tables.show([{"feature": row.feature, "importance": row.importance} for row in rows])


def predict(
    project: Name,
    out: Annotated[Path, typer.Option(help="The file to write: .csv or .parquet.")],
    pool: Annotated[bool, typer.Option("--pool", help="Predict the whole pool.")] = False,
    source: Annotated[Path | None, typer.Option(help="Predict the rows of this file.")] = None,
    version: Annotated[
        int | None, typer.Option(help="Which version; else the champion, else the newest.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of every label.")
    ] = False,
) -> None:
    """Write label, probability and version for every row of the pool or of a file."""
    from mlvajra_al.services import importing, predicting
    from mlvajra_al.services.job_words import numbered

    if out.suffix not in (".csv", ".parquet"):
        raise Invalid(f"{out} cannot be written; name a file that ends in .csv or .parquet")
    require_place(out)  # before anything is predicted
    if pool == (source is not None):
        raise Invalid("predict either the pool (--pool) or a file (--source FILE)")
    with opened() as store:
        question = predicting.Question(
            upload=None if source is None else importing.copy_upload(store, source),
            pool=pool,
            version=version,
            file_format="parquet" if out.suffix == ".parquet" else "csv",
            probabilities=probabilities,
        )
        job = predicting.request(store, operator(store), project, question=question, now=now())
        done = finished(store, job)
        shutil.copyfile(predicting.result_path(store, done), out)
    left = done.result or {}
    answered = f"{plural(left['rows'], 'answer')} of version {left['version']}"
    sys.stderr.write(f"{out}: {answered}{numbered(left)}\n")

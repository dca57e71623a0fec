"""`mlvajra train | versions | report | promote | rollback | rebuild | explain | predict`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from mlvajra_al.cli.waiting import finished
from mlvajra_al.cli.workspace import now, opened, operator, put
from mlvajra_al.errors import BadSource, Invalid, NotEnoughLabels, NotFound
from mlvajra_al.words import plural

if TYPE_CHECKING:
    from mlvajra_al.records import Project, Report
    from mlvajra_al.services.versions import VersionRow
    from mlvajra_al.store.database import Store

Name = Annotated[str, typer.Argument(help="The project's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra train spam --full")(train)
    app.command(epilog="Example: mlvajra versions spam --json")(versions)
    app.command(epilog="Example: mlvajra report spam 3 --json")(report)
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
        rows = {row.version.number: row for row in service.listed(store, None, project)}
        row = rows[int(left["version"])]
    if left.get("nothing_new"):
        sys.stderr.write(f"nothing was trained: no answer is new since version {left['version']}\n")
    if as_json:
        put(_version(row))
    else:
        _show([_version(row)])


def versions(project: Name, as_json: AsJson = False) -> None:
    """List a project's model versions, oldest first."""
    from mlvajra_al.services import versions as service

    with opened() as store:
        rows = [_version(row) for row in service.listed(store, None, project)]
    put(rows) if as_json else _show(rows)


def _version(row: VersionRow) -> dict[str, Any]:
    version = row.version
    return {
        "number": version.number,
        "created_at": version.created_at.isoformat(),
        "parent": version.parent,
        "mode": version.mode,
        "n_labels": version.n_labels,
        "metrics": _metrics(row.report),
        "champion": row.is_champion,
        "asks": version.asks,
        "drift": version.drift and asdict(version.drift),
    }


def _metrics(report: Report | None) -> dict[str, Any] | None:
    """Return measures by name, each with its interval; None where nothing was measured."""
    if report is None:
        return None
    return {
        measure.name: {
            "value": measure.value,
            "low": measure.low,
            "high": measure.high,
            "n": measure.n,
            "note": measure.note,
        }
        for measure in report.evaluation.ordered
    }


def _show(rows: list[dict[str, Any]]) -> None:
    from mlvajra_al.cli import tables

    tables.show([row | {"metrics": _headline(row["metrics"])} for row in rows])


def _headline(metrics: dict[str, Any] | None) -> str:
    if not metrics:
        return "not measured"
    name, measure = next(iter(metrics.items()))
    if measure["value"] is None:
        return str(measure["note"])
    return (
        f"{name} {measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f}, "
        f"n={measure['n']})"
    )


def report(
    project: Name,
    number: Number,
    again: Annotated[bool, typer.Option(help="Measure anew on today's holdout.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how good a version is on the holdout, with intervals and sample sizes."""
    from dataclasses import asdict

    from mlvajra_al.services import advice
    from mlvajra_al.services import versions as service

    with opened() as store:
        found = None if again else service.report(store, None, project, number)
        if found is None:
            job = service.request_evaluation(
                store, operator(store), project, numbers=(number,), now=now()
            )
            finished(store, job)
            found = service.report(store, None, project, number)
        given = advice.of_version(store, None, project, number)
    if found is None:
        raise NotFound("report of version", number)
    if as_json:
        put(asdict(found) | {"advice": given and asdict(given)})
        return
    _show_report(found)
    if given is not None:
        sys.stdout.write(f"\nestimated when it was made: {given.words}\n")


def _show_report(found: Report) -> None:
    from mlvajra_al.cli import tables

    evaluation = found.evaluation
    sys.stdout.write(
        f"version {found.version}: {evaluation.n} holdout samples "
        f"(asked {found.asked}, answered {found.answered}, skipped {found.skipped})\n\n"
    )
    tables.show(
        [
            {
                "measure": measure.name,
                "value": measure.value,
                "low": measure.low,
                "high": measure.high,
                "n": measure.n,
                "note": measure.note,
            }
            for measure in evaluation.ordered
        ]
    )
    sys.stdout.write("\n")
    tables.show(
        [
            {
                "label": item.label,
                "support": item.support,
                "precision": item.precision.value,
                "recall": item.recall.value,
                "f1": item.f1.value,
            }
            for item in evaluation.per_label
        ]
    )


def promote(project: Name, number: Number, reason: Reason = "") -> None:
    """Make a version the champion, the one that answers the world."""
    from mlvajra_al.services import projects
    from mlvajra_al.services import versions as service

    with opened() as store:
        service.promote(
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
    from mlvajra_al.services import versions as service

    with opened() as store:
        number = service.rollback(store, operator(store), project, reason=reason, now=now())
    sys.stderr.write(f"version {number} is the champion of {project} again\n")


def rebuild(project: Name, number: Number, as_json: AsJson = False) -> None:
    """Make a version again from its labels and say whether the same bits come out."""
    from dataclasses import asdict

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
    from dataclasses import asdict

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
        sys.stdout.write(f"{found.sample_key}: {said} ({shares})\n")
        for item in found.attributions:
            sys.stdout.write(
                f"\n{item.label}, {item.scale}: {item.base:.3f} to {item.output:.3f}\n"
            )
            tables.show(
                [
                    {"feature": name, "of": data, "adds": value}
                    for name, data, value in zip(item.features, item.data, item.values, strict=True)
                ]
            )
        return
    for label in found.labels:
        sys.stdout.write(f"\n{label}\n")
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
) -> None:
    """Write label, probability and version for every row of the pool or of a file."""
    from mlvajra_al.services import predicting

    if out.suffix not in (".csv", ".parquet"):
        raise Invalid(f"{out} cannot be written; name a file that ends in .csv or .parquet")
    if pool == (source is not None):
        raise Invalid("predict either the pool (--pool) or a file (--source FILE)")
    with opened() as store:
        question = predicting.Question(
            upload=None if source is None else _uploaded(store, source),
            pool=pool,
            version=version,
            file_format="parquet" if out.suffix == ".parquet" else "csv",
        )
        job = predicting.request(store, operator(store), project, question=question, now=now())
        done = finished(store, job)
        shutil.copyfile(predicting.result_path(store, done), out)
    left = done.result or {}
    sys.stderr.write(f"{out}: {plural(left['rows'], 'answer')} of version {left['version']}\n")


def _uploaded(store: Store, source: Path) -> str:
    """Copy a file to where the worker takes uploads from, and return its name there."""
    from mlvajra_al.services import importing

    if not source.is_file():
        raise BadSource(str(source), "there is no such file", "check the path")
    name = Path(uuid4().hex) / importing.safe_name(source.name)
    path = store.home / "uploads" / name
    path.parent.mkdir(parents=True)
    shutil.copyfile(source, path)
    return str(name)

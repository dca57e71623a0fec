"""`mlvajra versions | report`: which versions there are, how good each is and what it has wrong."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.waiting import finished
from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put
from mlvajra_al.errors import Conflict, Invalid, NotFound
from mlvajra_al.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlvajra_al.records import Drift, Measure, Report
    from mlvajra_al.services.versions import VersionRow
    from mlvajra_al.store.database import Store

Name = Annotated[str, typer.Argument(help="The project's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
LETTERS = 50
"""Of a sample are shown in a table."""
ROWS = 50
"""Mistakes are shown in a table."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra versions spam --json")(versions)
    app.command(epilog="Example: mlvajra report spam 3 --json")(report)


def versions(project: Name, as_json: AsJson = False) -> None:
    """List a project's model versions, oldest first."""
    from mlvajra_al.services import versions as service

    with opened() as store:
        rows = service.listed(store, None, project)
    put([row.as_document() for row in rows]) if as_json else show(rows)


def show(rows: Sequence[VersionRow]) -> None:
    """Write versions as a table, the champion with a star."""
    from mlvajra_al.cli import tables

    named = next((row.summary.headline.name for row in rows if row.summary), "measure")
    tables.show([_line(row, named) for row in rows])


def _line(row: VersionRow, named: str) -> dict[str, Any]:
    version, summary = row.version, row.summary
    return {
        "version": version.number,
        "": "★" if row.is_champion else "",
        named: _value(summary.headline) if summary else "not measured",
        "95% interval": _interval(summary.headline) if summary else "",
        "held out": summary.n if summary else 0,
        "labels": version.n_labels,
        "mode": version.mode,
        "parent": version.parent,
        "estimator": version.recipe.estimator,
        "revision": row.revision,
        "drift": _drift(version.drift),
    }


def _value(measure: Measure) -> str:
    return "too few to say" if measure.value is None else f"{measure.value:.3f}"


def _interval(measure: Measure) -> str:
    if measure.value is None or measure.low is None or measure.high is None:
        return ""
    return f"{measure.low:.3f} to {measure.high:.3f}"


def _drift(drift: Drift | None) -> str:
    return "" if drift is None else f"{drift.differing:.1%} differ"


def report(
    project: Name,
    number: Number,
    again: Annotated[bool, typer.Option(help="Measure anew on today's holdout.")] = False,
    mistakes: Annotated[
        bool, typer.Option("--mistakes", help="List the holdout samples it has wrong instead.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The CSV file to write all mistakes to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how good a version is on the holdout, with intervals and sample sizes."""
    from mlvajra_al.services import advice
    from mlvajra_al.services import versions as service

    if out is not None and not mistakes:
        raise Invalid("--out writes mistakes to a file; add --mistakes")
    with opened() as store:
        found = None if again else service.report(store, None, project, number)
        if found is None:
            _measure(store, project, number)
            found = service.report(store, None, project, number)
        if mistakes:
            _show_mistakes(store, project, number, out=out, as_json=as_json)
            return
        given = advice.of_version(store, None, project, number)
        row = service.one(store, None, project, number)
    if found is None:
        raise NotFound("report of version", number)
    if as_json:
        put(asdict(found) | {"advice": given and asdict(given)})
        return
    _show_report(found, row)
    if given is not None:
        sys.stdout.write(f"\nestimated when it was made: {given.words}\n")


def _measure(store: Store, project: str, number: int) -> None:
    from mlvajra_al.services import versions as service

    job = service.request_evaluation(store, operator(store), project, numbers=(number,), now=now())
    finished(store, job)


def _show_report(found: Report, row: VersionRow) -> None:
    from mlvajra_al.cli import tables

    evaluation, version = found.evaluation, row.version
    sys.stdout.write(
        f"version {found.version}: {evaluation.n} holdout samples "
        f"({found.rests_on}), "
        f"measured {found.created_at:%Y-%m-%d %H:%M} UTC\n"
        f"made {version.created_at:%Y-%m-%d %H:%M} UTC from {plural(version.n_labels, 'label')}: "
        f"{version.fitted or version.recipe.estimator}, revision {row.revision}\n\n"
    )
    tables.show(
        [
            {
                "measure": measure.name,
                "value": _value(measure),
                "95% interval": _interval(measure) or measure.lacks,
                "n": measure.n,
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
                "precision": _with_interval(item.precision),
                "recall": _with_interval(item.recall),
                "f1": _with_interval(item.f1),
            }
            for item in evaluation.per_label
        ]
    )


def _with_interval(measure: Measure) -> str:
    if measure.value is None:
        return "too few"
    interval = _interval(measure)
    return f"{measure.value:.3f} ({interval})" if interval else f"{measure.value:.3f}"


def _show_mistakes(
    store: Store, project: str, number: int, *, out: Path | None, as_json: bool
) -> None:
    """Write what a version has wrong; one that was never listed is measured first."""
    from mlvajra_al.cli import tables
    from mlvajra_al.cli.data import write_file
    from mlvajra_al.services import mistakes, projects

    try:
        found = mistakes.whole(store, None, project, number)
    except Conflict:
        _measure(store, project, number)
        found = mistakes.whole(store, None, project, number)
    of = projects.get(store, None, project)
    if out is not None:
        write_file(mistakes.csv(found), out)
        sys.stderr.write(f"{out}: {plural(found.total, 'mistake')} of version {number}\n")
    elif as_json:
        put(mistakes.as_document(of, found))
    else:
        shown = list(zip(found.mistakes, found.beginnings, strict=True))[:ROWS]
        tables.show(
            [
                {
                    "key": item.sample_key,
                    "true": ", ".join(of.names_in(item.label)),
                    "answered": ", ".join(of.names_in(item.answered)),
                    "probability": item.probability,
                    "sample": text[:LETTERS],
                }
                for item, text in shown
            ]
        )
        if found.total > ROWS:
            sys.stderr.write(f"{found.total - ROWS:,} more; --out FILE.csv writes all\n")

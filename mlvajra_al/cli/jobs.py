"""`mlvajra jobs`: what the workers did and do for a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.workspace import AsJson, now, opened, put

if TYPE_CHECKING:
    from mlvajra_al.records import Job


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: mlvajra jobs spam --json")(jobs)


def jobs(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest jobs of a project, and what became of each."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import overview, training
    from mlvajra_al.services.job_words import said_of

    with opened() as store:
        found = training.jobs_of(store, None, project, limit=limit)
        doing = overview.at_work(store, None, project, now=now())
    told = [(job, said_of(job, doing)) for job in found]
    put([_row(*one) for one in told]) if as_json else tables.show([_line(*one) for one in told])


def _row(job: Job, said: str) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": job.progress,
        "message": said,
        "error": job.error,
        "result": job.result,
        "person": job.person,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _line(job: Job, said: str) -> dict[str, Any]:
    outcome = job.error or said
    return {
        "id": str(job.id),
        "kind": job.kind,
        "state": job.state,
        "asked": job.created_at,
        "by": job.person,
        "says": " ".join(str(outcome).split()) or None,
    }

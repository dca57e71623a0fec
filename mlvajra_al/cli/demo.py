"""`mlvajra demo`: projects to try everything on, and a simulated annotator."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlvajra_al.cli.waiting import POLL_SECONDS, Helper, helper
from mlvajra_al.cli.workspace import now, opened, operator, progress
from mlvajra_al.errors import Setup
from mlvajra_al.words import plural

if TYPE_CHECKING:
    from mlvajra_al.store.database import Store

group = typer.Typer(
    help="Demo projects, and simulated annotators for projects with a gold column.",
    epilog="Example: mlvajra demo annotate spam --labels 100 --error-rate 0.02",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(group, name="demo")


@group.command(epilog="Example: mlvajra demo create")
def create() -> None:
    """Make the demo projects that are missing (spam, tumours, digits) and import their data.

    The worker imports; without one running it happens when one starts.
    """
    from mlvajra_al.services import demo

    with opened(begin=True) as store:
        person = operator(store)
        made = demo.create(store, person, now=now())
        for name in demo.unloaded(store):
            demo.load(store, person, name, path=_file(store, name), now=now())
        names = ", ".join(project.name for project in made)
    if names:
        sys.stderr.write(f"made the projects {names}\n")


def _file(store: Store, name: str) -> Path:
    if name == "spam":
        path = Path(__file__).parents[2] / "data" / "spam_assassin.parquet"
        if not path.is_file():
            raise Setup(f"the e-mails of the demo are not in {path.parent}; clone the repository")
        return path
    from mlvajra_al.services.jobs import demo_files

    return demo_files.write(name, store.home / "demo")


@group.command(epilog="Example: mlvajra demo annotate spam --labels 100 --error-rate 0.02")
def annotate(
    project: Annotated[str, typer.Argument(help="A project with a gold column.")],
    labels: Annotated[int, typer.Option(help="How many answers to give.")] = 100,
    error_rate: Annotated[float, typer.Option(help="Share of answers that are wrong.")] = 0.0,
    person: Annotated[
        str, typer.Option("--as", help="Who answers; made if missing, unable to sign in.")
    ] = "demo-annotator",
    seed: Annotated[int, typer.Option(help="Repeats the same simulation.")] = 0,
    wait: Annotated[
        bool, typer.Option(help="Wait for each retrain, as a person would be asked anew.")
    ] = True,
) -> None:
    """Answer from the gold column as a person would, through the same services."""
    import numpy as np

    from mlvajra_al.services import demo

    plan = demo.Plan(labels, error_rate)
    rng = np.random.default_rng(seed)
    with opened() as store, helper(store) as worker, progress(unit="answers") as bar:
        task = bar.add_task("answering", total=labels)
        who = demo.annotator(store, person, now=now())
        demo.require_access(store, who, project)
        if wait:
            _settle(worker, project)
        for done in demo.annotate(store, who, project, plan=plan, rng=rng, clock=now):
            bar.update(task, completed=done)
            if wait:
                _settle(worker, project)
    sys.stderr.write(f"{person} gave {plural(labels, 'answer')} in {project}\n")


def _settle(worker: Helper, project: str) -> None:
    """Wait until the loop has nothing to do that would change the ranking."""
    from mlvajra_al.services import demo

    while demo.busy(worker.store, project):
        worker.look()
        time.sleep(POLL_SECONDS)

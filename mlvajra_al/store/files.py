"""Files that rows mention: where each lies in a workspace, and the SHA-256 it must have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, select

from mlvajra_al.store.schema import job, report, revision, shard, version

PLACES = ("shards", "artefacts")
"""The folders of a workspace in which they lie."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A file by its path in the workspace."""

    path: str
    sha256: str
    made_anew: bool = False
    """Whether measuring again makes it anew."""


def mentioned(connection: Connection) -> Iterator[Mentioned]:
    """Yield every file that must be there: shards, preprocessings and estimators, mistakes.

    The schema may be an earlier one, which knew no mistakes.
    """
    shards = select(shard.c.project_id, shard.c.sha256).order_by(shard.c.project_id, shard.c.number)
    for row in connection.execute(shards):
        yield Mentioned(f"shards/{row.project_id}/{row.sha256}.arrow", row.sha256)
    blobs = select(revision.c.preprocessing).union(select(version.c.estimator))
    for digest in connection.scalars(blobs):
        yield Mentioned(_artefact(digest), digest)
    if any(column["name"] == "mistakes" for column in inspect(connection).get_columns("report")):
        lists = select(report.c.mistakes).where(report.c.mistakes.is_not(None)).distinct()
        for digest in connection.scalars(lists):
            yield Mentioned(_artefact(digest), digest, made_anew=True)


def _artefact(digest: str) -> str:
    return f"artefacts/{digest[:2]}/{digest}"


def kept(connection: Connection) -> Iterator[Mentioned]:
    """Yield the files of predictions that jobs have written; they may be gone."""
    results = select(job.c.result).where(job.c.kind == "predict", job.c.state == "done")
    for result in connection.scalars(results):
        if result and "sha256" in result:
            yield Mentioned(f"results/{result['file']}", result["sha256"])


def outlived(connection: Connection, project_id: int, *, keep: int) -> Iterator[str]:
    """Yield the paths of a project's files of predictions, there or not, but for the newest."""
    name = job.c.result["file"].as_string()
    query = select(name).where(
        job.c.project_id == project_id,
        job.c.kind == "predict",
        job.c.state == "done",
        name.is_not(None),
    )
    for found in connection.scalars(query.order_by(job.c.id.desc()).offset(keep)):
        yield f"results/{found}"


def featured(connection: Connection) -> Iterator[tuple[int, str]]:
    """Yield the projects and preprocessings of which features may be stored."""
    revisions = select(revision.c.project_id, revision.c.preprocessing).distinct()
    for row in connection.execute(revisions.order_by(revision.c.project_id)):
        yield row.project_id, row.preprocessing

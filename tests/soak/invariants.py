"""What must hold in a workspace, whatever was done to it; read from its tables and files."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.soak.annotators import Held
from tests.soak.house import House

CLAIM_TAKES_S = 0.05
"""A sample may change hands between the server's answer and its arrival."""


def broken_promises(house: House) -> list[str]:
    """Return every promise that does not hold, in words; none if all is well."""
    return [
        *lost_or_changed(house),
        *handed_out_twice(house),
        *disordered(house),
        *unfinished_jobs(house),
        *half_versions(house),
        *damaged_database(house),
        *found_by_the_doctor(house),
    ]


def lost_or_changed(house: House) -> Iterator[str]:
    """Hold what was acknowledged, and what was ever sent, against what is stored."""
    saved = {key: one for diary in house.diaries for key, one in diary.saved.copy().items()}
    rows = house.rows(
        "SELECT event_id, person.name AS person, sample_key, action, label, seq "
        "FROM annotation JOIN person ON person.id = person_id"
    )
    stored = {row.event_id: row for row in rows}
    if len(rows) != len(stored):
        yield f"{len(rows)} annotations have {len(stored)} event ids"
    said = {key: one for diary in house.diaries for key, one in diary.said.copy().items()}
    for event_id, item in saved.items():
        row = stored.get(event_id)
        if row is None:
            yield f"lost: {said[event_id]} was acknowledged as {item}"
        elif row.seq != item["seq"]:
            yield f"{event_id} was acknowledged as {item['seq']} but is {row.seq}"
    for event_id, row in stored.items():
        meant = said.get(event_id)
        if meant is None:
            yield f"nobody said {row}"
        elif (row.person, row.sample_key, row.action, row.label) != (
            meant.person,
            meant.sample_key,
            meant.action,
            meant.label,
        ):
            yield f"changed: {meant} is stored as {row}"
    for diary in house.diaries:
        yield from (f"refused: {one}, {status}, {why}" for one, status, why in diary.refused)


def handed_out_twice(house: House) -> Iterator[str]:
    """Find samples that two people were told are theirs at the same time."""
    holders: dict[str, list[Held]] = defaultdict(list)
    for diary in house.diaries:
        for held in diary.held:
            holders[held.sample_key].append(held)
    # Whoever is asked for a second opinion has a slot of their own.
    second = house.rows(
        "SELECT sample_key FROM slot WHERE strategy = 'second_opinion' "
        "UNION SELECT sample_key FROM annotation WHERE strategy = 'second_opinion'"
    )
    asked_again = {row.sample_key for row in second}
    for sample_key in holders.keys() - asked_again:
        helds = holders[sample_key]
        helds.sort(key=lambda held: held.since)
        for first, second in zip(helds, helds[1:], strict=False):
            both = min(first.until, second.until) - second.since
            if first.person != second.person and both > CLAIM_TAKES_S:
                yield f"sample {sample_key} was with {first} and with {second}"


def disordered(house: House) -> Iterator[str]:
    """Look for gaps in the order of events, and for answers that nothing accounts for."""
    for row in house.rows(
        "SELECT name, last_seq, (SELECT count(*) FROM annotation WHERE project_id = project.id) "
        "AS n, (SELECT max(seq) FROM annotation WHERE project_id = project.id) AS top FROM project"
    ):
        if not row.last_seq == row.n == (row.top or 0):
            yield f"{row.name} counts {row.last_seq} events, has {row.n} up to {row.top}"
    current = (
        "SELECT a.* FROM annotation a WHERE NOT EXISTS "
        "(SELECT 1 FROM annotation b WHERE b.supersedes = a.event_id)"
    )
    for row in house.rows(
        f"SELECT sample_key, count(*) AS n FROM ({current}) c "  # noqa: S608  ours
        "WHERE action IN ('answer', 'flag') AND NOT late AND coalesce(strategy, '') "
        "<> 'second_opinion' GROUP BY sample_key HAVING count(*) > 1"
    ):
        yield f"sample {row.sample_key} has {row.n} answers in time, but wanted one"
    for row in house.rows(
        f"SELECT c.sample_key, c.action FROM ({current}) c "  # noqa: S608  ours
        "WHERE c.action IN ('answer', 'flag') AND NOT c.late AND EXISTS "
        "(SELECT 1 FROM slot WHERE slot.sample_key = c.sample_key AND NOT slot.done "
        "AND slot.strategy <> 'second_opinion' AND slot.project_id = c.project_id) "
        "AND NOT EXISTS (SELECT 1 FROM annotation r WHERE "
        "r.sample_key = c.sample_key AND r.action IN ('retract', 'skip'))"
    ):
        yield f"sample {row.sample_key} is answered ({row.action}) but still asked about"
    for row in house.rows(
        "SELECT sample_key FROM slot WHERE done AND NOT EXISTS "
        "(SELECT 1 FROM annotation a WHERE a.sample_key = slot.sample_key "
        "AND a.project_id = slot.project_id)"
    ):
        yield f"sample {row.sample_key} counts as answered, but nobody said anything"


def unfinished_jobs(house: House) -> Iterator[str]:
    """Look for jobs that have not ended, or not once."""
    for row in house.rows(
        "SELECT id, kind, state, finished_at, error FROM job "
        "WHERE state NOT IN ('done', 'failed', 'cancelled') OR finished_at IS NULL"
    ):
        yield f"job {row.id} ({row.kind}) is {row.state}, finished at {row.finished_at}"
    for row in house.rows("SELECT id, kind, error FROM job WHERE state = 'failed'"):
        if "its worker died" not in row.error:
            yield f"job {row.id} ({row.kind}) failed: {row.error}"
    for row in house.rows(
        "SELECT count(*) AS n, (SELECT count(*) FROM job WHERE kind = 'retrain' "
        "AND state = 'done' AND message <> '') AS done FROM version"
    ):
        if row.n > row.done:
            yield f"{row.n} versions come from {row.done} retrains"


def half_versions(house: House) -> Iterator[str]:
    """Look for versions, revisions and pools whose files are missing or damaged."""
    blobs = house.store.home / "artefacts"
    for row in house.rows("SELECT number, estimator AS digest FROM version"):
        yield from _damaged(blobs, row.digest, f"version {row.number}")
    for row in house.rows("SELECT id, preprocessing AS digest FROM revision"):
        yield from _damaged(blobs, row.digest, f"revision {row.id}")
    for row in house.rows(
        "SELECT number FROM version WHERE NOT EXISTS (SELECT 1 FROM report "
        "WHERE report.version = version.number AND report.project_id = version.project_id)"
    ):
        yield f"version {row.number} has no report"
    for row in house.rows(
        "SELECT name, champion FROM project WHERE champion IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM version WHERE project_id = project.id AND number = champion)"
    ):
        yield f"the champion {row.champion} of {row.name} does not exist"
    numbers = [row.number for row in house.rows("SELECT number FROM version ORDER BY number")]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the versions are numbered {numbers}"


def _damaged(blobs: Path, digest: str, what: str) -> Iterator[str]:
    path = blobs / digest[:2] / digest
    if not path.exists():
        yield f"{what} has lost its file {path}"
    elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        yield f"{what} has a damaged file {path}"


def damaged_database(house: House) -> Iterator[str]:
    """Let the database look at itself."""
    if house.store.engine.dialect.name != "sqlite":
        return
    for check in ("integrity_check", "foreign_key_check"):
        for row in house.rows(f"PRAGMA {check}"):
            if row[0] != "ok":
                yield f"{check}: {tuple(row)}"


def found_by_the_doctor(house: House) -> Iterator[str]:
    """Let the app look at itself."""
    looked = house.server.run("doctor", "--json")
    found = json.loads(looked.stdout) if looked.stdout else {"findings": []}
    for finding in found["findings"]:
        if finding["wrong"]:
            yield f"doctor: {finding['what']}; {finding['remedy']}"
    if looked.returncode and not found["findings"]:
        yield f"doctor ended with {looked.returncode}: {looked.stderr[-2000:]}"

"""From answers to gold: which label a sample has, if it has one."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.records import Gold, Project
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Connection
from mlvajra_al.store.doubts import SECOND_OPINION

NONE_OF_THEM = "none of these"
"""What an answer without a label says where a sample may have several."""


def resolve(answers: Iterable[Any], *, overlap: int) -> tuple[list[Gold], list[Gold]]:
    """Turn current answers into gold: ``(pool, holdout)``, in order of their events.

    A reviewer's adjudication wins. With one answer wanted per sample the answer of who was first
    counts, as corrected since, until a majority says otherwise; of two that differ, a second
    opinion counts, because it was asked where the first answer looked wrong beside all others.
    With more answers wanted, a strict majority counts, and a sample without one has no gold until
    adjudicated.
    """
    by_sample: dict[int, list[Any]] = defaultdict(list)
    for row in answers:
        by_sample[row.position].append(row)
    pool: list[Gold] = []
    holdout: list[Gold] = []
    for position, rows in by_sample.items():
        chosen = winner(rows, overlap)
        if chosen is not None:
            # What was held out once teaches nothing, whatever was noted with other answers.
            side = holdout if any(row.holdout for row in rows) else pool
            side.append(Gold(rows[0].sample_key, position, chosen.label, chosen.seq))
    return pool, holdout


def winner(rows: list[Any], overlap: int) -> Any | None:
    """Return the answer that counts of all that stand about one sample, by the rule of `resolve`.

    Rows have ``label``, ``first_seq``, ``adjudicates`` and ``strategy``, in order of their events.
    """
    adjudicated = [row for row in rows if row.adjudicates]
    if adjudicated:
        return adjudicated[-1]
    first = min(rows, key=lambda row: row.first_seq)
    label, votes = Counter(row.label for row in rows).most_common(1)[0]
    if votes * 2 > len(rows):
        return first if label == first.label else next(row for row in rows if row.label == label)
    if overlap > 1:
        return None
    second = [row for row in rows if row.strategy == SECOND_OPINION]
    return max(second, key=lambda row: row.first_seq) if second else first


def require_two(project: Project, said: Collection[str]) -> None:
    """Refuse to learn from answers that are all the same, given the different ones there are.

    Raises
    ------
    NotEnoughLabels
        It names the labels that were seen, and those that are waited for.
    """
    if len(said) > 1:
        return
    known = {name for answer in said for name in project.names_in(answer)}
    names = [label.name for label in project.labels]
    missing = tuple(name for name in names if name not in known) or tuple(names)
    seen = tuple(name for name in names if name in known)
    raise NotEnoughLabels(seen or ((NONE_OF_THEM,) if said else ()), missing)


def fingerprint(gold: Iterable[Gold]) -> str:
    """Return a SHA-256 of which samples have which label, whatever their order."""
    digest = hashlib.sha256()
    for item in sorted(gold, key=lambda g: g.position):
        digest.update(f"{item.sample_key}\x1f{item.label}\x1e".encode())
    return digest.hexdigest()


def gold(
    connection: Connection, project: Project, *, until_seq: int | None = None
) -> tuple[list[Gold], list[Gold]]:
    """Return the resolved labels of the pool and of the holdout, after event `until_seq`."""
    rows = events.current_answers(connection, project.id, until_seq=until_seq)
    return resolve(rows, overlap=project.policy.overlap)

"""Samples for people to answer: hand them out, extend their leases, take them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from mlvajra_al.errors import Conflict, Damaged, Invalid
from mlvajra_al.records import Claim, Person, Project
from mlvajra_al.services import access, damage, filling
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.store import claims, projects, ranking
from mlvajra_al.store.database import Connection, Operation, Store
from mlvajra_al.store.shards import Pool

MAX_CLAIMS = 20


@dataclass(frozen=True, slots=True)
class Handed:
    """Claims, with what it takes to draw their cards."""

    project: Project
    claims: tuple[Claim, ...]
    pool: Pool
    statistics: Mapping[str, Any]

    @property
    def positions(self) -> list[int]:
        """Where the samples are."""
        return [claim.position for claim in self.claims]

    def is_checked(self) -> bool:
        """Say whether the files of these samples were found whole and are unchanged since."""
        return self.pool.is_checked(self.positions)

    def is_whole(self) -> bool:
        """Read those files, once per process, and say whether they are whole.

        Samples of one that is not are left out from the next time on.
        """
        try:
            self.pool.verify(self.positions)
        except Damaged:
            return False
        return True


def claim(
    store: Store,
    person: Person,
    project_name: str,
    *,
    n: int,
    now: datetime,
    lease: timedelta,
    rng: np.random.Generator,
) -> tuple[Claim, ...]:
    """Hand up to `n` samples to a person, holdout ones mixed in at the project's rate."""
    operation = handing_out(store, person, project_name, n=n, at=(now, lease), rng=rng)
    return store.write(operation).claims


def handing_out(
    store: Store,
    person: Person,
    project_name: str,
    *,
    n: int,
    at: tuple[datetime, timedelta],
    rng: np.random.Generator,
    instead_of: Sequence[Claim] = (),
) -> Operation[Handed]:
    """Return the write that hands out up to `n` samples, `at` a moment for the length of a lease.

    Claims that it hands them out `instead_of` are taken back before.

    Raises
    ------
    Invalid
        If `n` is out of range.
    Conflict
        From the write, if the person holds as many as anybody may.
    """
    if not 1 <= n <= MAX_CLAIMS:
        raise Invalid(f"asked for {n} claims at once; ask for 1 to {MAX_CLAIMS}")

    def operation(connection: Connection) -> Handed:
        project = access.open_project(connection, person, project_name, alone=True)
        if instead_of:
            given = [one.id for one in instead_of]
            claims.release(connection, project.id, person_id=person.id, claims=given)
        pool = project_pool(store, connection, project)
        spoiled = _spoiled(store, connection, project, pool, now=at[0])
        wish = claims.Wish(project.id, person.id, *at, without=spoiled)
        found: list[Claim] = []
        for _ in range(n):
            holdout = bool(rng.random() < project.policy.holdout_rate)
            try:
                one = _one(store, connection, project, wish=wish, holdout=holdout, rng=rng)
            except (Damaged, Conflict):  # what is left cannot be shown, or is too much to hold
                if not found:
                    raise
                break
            if one is None:
                break
            found.append(one)
        return Handed(project, tuple(found), pool, _summary(connection, project))

    return operation


def _summary(connection: Connection, project: Project) -> Mapping[str, Any]:
    """Return the pool's ranges, which a card of texts alone does not draw."""
    if all(column.kind == "text" for column in project.recipe.columns):
        return {}
    return projects.statistics(connection, project.id)


def _spoiled(
    store: Store, connection: Connection, project: Project, pool: Pool, *, now: datetime
) -> tuple[tuple[int, int], ...]:
    """Return the first and last positions of what cannot be shown, and say that it is damaged."""
    found = pool.unreadable()
    if found:
        damage.note_pool(store, connection, project.id, found=[*found.values()], now=now)
    return tuple((shard.start, shard.start + shard.rows - 1) for shard in found)


def _require_room(connection: Connection, wish: claims.Wish) -> None:
    """Refuse more samples to who holds as many as anybody may.

    Raises
    ------
    Conflict
    """
    held = claims.held_count(connection, wish.project_id, person_id=wish.person_id, now=wish.now)
    if held >= claims.MAX_HELD:
        raise Conflict(
            f"you hold {held} samples that wait for your answers, and nobody may hold more than "
            f"{claims.MAX_HELD}; answer some or give them back"
        )


def _one(
    store: Store,
    connection: Connection,
    project: Project,
    *,
    wish: claims.Wish,
    holdout: bool,
    rng: np.random.Generator,
) -> Claim | None:
    """Take a sample from one stream, or from the other where this one has run dry."""
    for side in (holdout, not holdout):
        found = claims.take(connection, wish, holdout=side)
        if found is None:
            _require_room(connection, wish)
            ranking.one_at_a_time(connection, project.id)
            found = claims.take(connection, wish, holdout=side)
        if found is None and refill(store, connection, project, holdout=side, rng=rng):
            found = claims.take(connection, wish, holdout=side)
        if found is not None:
            return found
    return None


def refill(
    store: Store,
    connection: Connection,
    project: Project,
    *,
    holdout: bool,
    rng: np.random.Generator,
) -> bool:
    """Let random samples follow where a stream has run dry; False if none are left."""
    pool = project_pool(store, connection, project)
    if holdout:
        return filling.fill_holdout(connection, project, pool) > 0
    return filling.fill_pool(connection, project, pool, rng=rng) > 0


def release(store: Store, person: Person, project_name: str, *, given: Sequence[str]) -> int:
    """Give claimed samples back."""

    def operation(connection: Connection) -> int:
        project = access.project(connection, person, project_name)
        return claims.release(connection, project.id, person_id=person.id, claims=given)

    return store.write(operation)


def renew(
    store: Store, person: Person, project_name: str, *, given: Sequence[str], until: datetime
) -> int:
    """Extend leases; return how many are still held."""
    if not given:
        return 0

    def operation(connection: Connection) -> int:
        project = access.project(connection, person, project_name)
        return claims.renew(connection, project.id, person_id=person.id, claims=given, until=until)

    return store.write(operation)

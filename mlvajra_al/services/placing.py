"""Where a sample lies that is answered, and why its person was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlvajra_al.errors import NotFound
from mlvajra_al.records import Annotation, Claim, Project, Why
from mlvajra_al.store import ranking
from mlvajra_al.store.database import Connection
from mlvajra_al.store.shards import Pool


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a sample lies, why a person was asked about it, and whether it is held out."""

    position: int
    why: Why | None
    holdout: bool


def asked(
    connection: Connection,
    project: Project,
    sample_key: str,
    *,
    closed: Claim | None,
    before: Annotation | None,
) -> Placed | None:
    """Find a sample that somebody was asked about; None if nobody was.

    A correction keeps why its person was asked: somebody else may have been for another reason.
    """
    if closed is not None:
        return Placed(closed.position, closed.why, closed.why.holdout)
    if before is not None and before.why is not None:
        return Placed(before.position, before.why, before.why.holdout)
    ranked = ranking.place(connection, project.id, sample_key)
    return None if ranked is None else Placed(*ranked, ranked[1].holdout)


class Unranked:
    """Samples of a batch of answers in the pool: looked up all at once when one is not ranked."""

    def __init__(self, pool: Callable[[], Pool], keys: Sequence[str], *, threshold: float) -> None:
        self._pool, self._keys, self._threshold = pool, list(dict.fromkeys(keys)), threshold

    def place(self, sample_key: str) -> Placed:
        """Find a sample that nobody was asked about.

        Raises
        ------
        NotFound
            If it is not in the pool.
        """
        if sample_key not in self._there:
            raise NotFound("sample", sample_key)
        return self._there[sample_key]

    @cached_property
    def _there(self) -> dict[str, Placed]:
        pool = self._pool()
        places = zip(self._keys, pool.positions(self._keys).tolist(), strict=True)
        there = {key: position for key, position in places if position >= 0}
        held = pool.held_out([*there.values()], self._threshold).tolist()
        return {
            key: Placed(position, None, holdout)
            for (key, position), holdout in zip(there.items(), held, strict=True)
        }

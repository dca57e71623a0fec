"""What versions have wrong: the holdout samples themselves, of one version or of two.

For admins only: who labels must never learn which samples are held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pyarrow as pa

from mlvajra_al.errors import Conflict, Invalid, NotFound
from mlvajra_al.records import Mistake, Person, Project
from mlvajra_al.services import access, cards
from mlvajra_al.services.export_formats import to_csv
from mlvajra_al.services.people import require
from mlvajra_al.store import mistakes, versions
from mlvajra_al.store.database import Connection, Store

MOST = 500
LETTERS = 200
Right = Literal["champion", "challenger", "neither"]
"""Which of two versions has a sample right."""
SCHEMA = pa.schema(
    [
        ("sample_key", pa.large_string()),
        ("label", pa.large_string()),
        ("answered", pa.large_string()),
        ("probability", pa.float64()),
        ("beginning", pa.large_string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of a list: all mistakes, or those of one cell of the matrix.

    Of several labels a sample may have, `label` is one that it has and was not given, `answered`
    one that it was given and has not.
    """

    label: str | None = None
    answered: str | None = None
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list, with how the samples begin; `total` is how many were wanted."""

    version: int
    holdout_seq: int
    total: int
    mistakes: tuple[Mistake, ...]
    beginnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A sample that one of two versions has wrong, or both; None is one that has it right."""

    sample_key: str
    position: int
    label: str
    champion: Mistake | None
    challenger: Mistake | None
    beginning: str


@dataclass(frozen=True, slots=True)
class Apart:
    """Where two versions went wrong on the same samples, and a page of those wanted."""

    holdout_seq: int
    counts: dict[Right, int]
    pairs: tuple[Pair, ...]


def listed(
    store: Store, person: Person | None, project_name: str, number: int, *, wanted: Wanted
) -> Found:
    """Return what a version's newest report has wrong, the surest mistakes first.

    Raises
    ------
    NotAllowed
        If the person is no admin.
    Conflict
        If the version was measured before mistakes were listed.
    """
    _check(person, wanted)
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        seq, every = _newest(store, connection, project, number)
        chosen = [item for item in every if _in_cell(project, item, wanted)]
        page = chosen[wanted.offset : wanted.offset + wanted.limit]
        words = _beginnings(store, connection, project, page)
    return Found(number, seq, len(chosen), tuple(page), words)


def as_document(project: Project, found: Found) -> dict[str, Any]:
    """Return a page as plain values, with labels as lists where there may be several."""

    def said(answer: str) -> str | list[str]:
        return list(project.names_in(answer)) if project.multilabel else answer

    return {
        "version": found.version,
        "holdout_seq": found.holdout_seq,
        "total": found.total,
        "mistakes": [
            {
                "sample_key": item.sample_key,
                "label": said(item.label),
                "answered": said(item.answered),
                "probability": item.probability,
                "beginning": text,
            }
            for item, text in zip(found.mistakes, found.beginnings, strict=True)
        ],
    }


def whole(store: Store, person: Person | None, project_name: str, number: int) -> Found:
    """Return all of what a version's newest report has wrong; see `listed`."""
    wanted = Wanted(limit=MOST)
    pages = [listed(store, person, project_name, number, wanted=wanted)]
    while wanted.offset + MOST < pages[0].total:
        wanted = replace(wanted, offset=wanted.offset + MOST)
        pages.append(listed(store, person, project_name, number, wanted=wanted))
    return replace(
        pages[0],
        mistakes=tuple(item for page in pages for item in page.mistakes),
        beginnings=tuple(text for page in pages for text in page.beginnings),
    )


def csv(found: Found) -> Iterator[bytes]:
    """Write mistakes as CSV."""
    rows = [
        asdict(item) | {"beginning": text}
        for item, text in zip(found.mistakes, found.beginnings, strict=True)
    ]
    return to_csv(SCHEMA, iter([pa.Table.from_pylist(rows, schema=SCHEMA)]))


def apart(
    store: Store,
    person: Person | None,
    project_name: str,
    pair: tuple[int, int],
    *,
    right: Right,
    wanted: Wanted,
) -> Apart | None:
    """Return where champion and challenger, a `pair`, went wrong on the same holdout answers.

    They are those of the newest reports of both; None where they were never listed together.

    Raises
    ------
    NotAllowed
        If the person is no admin.
    """
    _check(person, wanted)
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        first, second = (mistakes.lists(connection, project.id, number) for number in pair)
        both = [seq for seq, digest in first.items() if digest and second.get(seq)]
        if not both:
            return None
        champion, challenger = (
            {item.position: item for item in mistakes.read(store.home, str(found[both[-1]]))}
            for found in (first, second)
        )
        places = _sides(champion, challenger)
        page = places[right][wanted.offset : wanted.offset + wanted.limit]
        shown = [champion.get(at) or challenger[at] for at in page]
        words = _beginnings(store, connection, project, shown)
    return Apart(
        both[-1],
        {side: len(found) for side, found in places.items()},
        tuple(
            Pair(item.sample_key, at, item.label, champion.get(at), challenger.get(at), text)
            for at, item, text in zip(page, shown, words, strict=True)
        ),
    )


def _sides(champion: Iterable[int], challenger: Iterable[int]) -> dict[Right, list[int]]:
    """Return the positions of samples by who has them right, the surest mistakes first."""
    wrong, other = dict.fromkeys(champion), dict.fromkeys(challenger)
    return {
        "champion": [at for at in other if at not in wrong],
        "challenger": [at for at in wrong if at not in other],
        "neither": [at for at in wrong if at in other],
    }


def _check(person: Person | None, wanted: Wanted) -> None:
    if person is not None:
        require(person, "admin", "see which samples are held out")
    if not 1 <= wanted.limit <= MOST or wanted.offset < 0:
        raise Invalid(
            f"asked for {wanted.limit} mistakes from place {wanted.offset} on; "
            f"ask for 1 to {MOST} from place 0 on"
        )


def _newest(
    store: Store, connection: Connection, project: Project, number: int
) -> tuple[int, tuple[Mistake, ...]]:
    versions.get(connection, project.id, number)
    found = mistakes.lists(connection, project.id, number)
    if not found:
        raise NotFound("report of version", number)
    seq, digest = next(reversed(found.items()))
    if digest is None:
        raise Conflict(
            f"version {number} was measured before its mistakes were listed; "
            "measure again to list them"
        )
    return seq, mistakes.read(store.home, digest)


def _in_cell(project: Project, item: Mistake, wanted: Wanted) -> bool:
    true, given = set(project.names_in(item.label)), set(project.names_in(item.answered))
    missed = wanted.label is None or wanted.label in true - given
    return missed and (wanted.answered is None or wanted.answered in given - true)


def _beginnings(
    store: Store, connection: Connection, project: Project, found: Sequence[Mistake]
) -> tuple[str, ...]:
    positions = [item.position for item in found]
    rows = cards.rows_at(store, connection, project, positions=positions)
    return tuple(cards.beginning(project, row, limit=LETTERS) for row in rows)

"""What was said, page by page, and what a person has said and holds, to look up and to correct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Action, Annotation, Answer, Claim, Person, Project, Recorded
from mlvajra_al.services import access, cards, labelling
from mlvajra_al.services.people import may
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, projects, ranking
from mlvajra_al.store.database import Connection, Store

PAGE_MAX = 5_000


def listed(
    store: Store,
    person: Person,
    project_name: str,
    *,
    after: int = 0,
    limit: int = 1_000,
    current: bool = False,
) -> tuple[Annotation, ...]:
    """Return events after number `after`, in order; annotators see their own, and no reasons.

    Raises
    ------
    Invalid
        If `limit` is out of range.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"asked for {limit} annotations at once; ask for 1 to {PAGE_MAX}")
    everything = may(person, "reviewer")
    wanted = events.Filter(
        after_seq=after, current=current, person_id=None if everything else person.id
    )
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        found = events.listed(connection, project.id, wanted, limit=limit)
    return found if everything else tuple(replace(event, why=None) for event in found)


def held(store: Store, person: Person, project_name: str, *, now: datetime) -> tuple[Claim, ...]:
    """Return the claims a person holds in a project."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return claims.held(connection, project.id, person_id=person.id, now=now)


PAGE = 200
LOOK_BACK = 5_000
"""So many answers are searched at once, which takes a tenth of a second."""
NEWEST_MAX = 20
WORKING_DAY = timedelta(hours=12)
"""How long undo reaches back; what is older is looked up and corrected in a list."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of one's answers to look for; `before` continues where the last page ended."""

    action: Action | None = None
    label: str | None = None
    text: str = ""
    before: int = 0
    decisions: bool = False
    """Only what one has decided as a reviewer."""

    @property
    def needle(self) -> str:
        """The words to look for, in letters that compare."""
        return self.text.strip().casefold()


@dataclass(frozen=True, slots=True)
class Said:
    """What a person last said about a sample, how the sample begins, and its images.

    `passage` has the words that were searched for, with what stands before and behind them, where
    the beginning does not show them.
    """

    annotation: Annotation
    beginning: str
    images: tuple[cards.Pixels, ...] = ()
    passage: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked for, newest first, as far back as was looked at once."""

    said: tuple[Said, ...]
    further: int | None = None
    """Where to look on, as the `before` of `Wanted`; None if it was found or all was looked at."""


def mine(store: Store, person: Person, project_name: str, *, wanted: Wanted, limit: int) -> Found:
    """Return what a person said last about each sample, newest first, without what was retracted.

    `wanted.text` is looked for in the sample, its key and the comment, of `LOOK_BACK` answers.
    """
    said: list[Said] = []
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        statistics = projects.statistics(connection, project.id) if _has_images(project) else {}
        for looked, page in enumerate(_pages(connection, project, person, wanted), start=1):
            rows = cards.rows_at(
                store, connection, project, positions=[event.position for event in page]
            )
            matching = (
                _said(project, event, row, statistics=statistics, wanted=wanted)
                for event, row in zip(page, rows, strict=True)
                if event.action != "retract" and _matches(event, row, wanted.needle)
            )
            said += islice(matching, limit - len(said))
            if len(said) == limit:
                break
            if looked * PAGE >= LOOK_BACK:
                return Found(tuple(said), page[-1].seq)
    return Found(tuple(said))


def card(store: Store, person: Person, project_name: str, said: Annotation) -> dict[str, Any]:
    """Return the whole card of a sample about which something was said."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        (drawn,) = cards.cards_at(store, connection, project, positions=[said.position])
        return drawn


def newest(
    store: Store, person: Person, project_name: str, *, limit: int, now: datetime
) -> tuple[tuple[Annotation, cards.Json], ...]:
    """Return what a person said last today on the card, newest first, each with its card.

    Without what was retracted and what was decided as a reviewer; without a word on why it was
    asked.

    Raises
    ------
    Invalid
        If `limit` is out of range.
    """
    if not 1 <= limit <= NEWEST_MAX:
        raise Invalid(f"asked for {limit} answers at once; ask for 1 to {NEWEST_MAX}")
    query = events.Filter(person_id=person.id, current=True, said_here=True, decides=False)
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        page = events.listed(connection, project.id, query, limit=PAGE, newest_first=True)
        said = [event for event in page if event.action != "retract"]
        found = [event for event in said if now - event.created_at < WORKING_DAY][:limit]
        drawn = cards.cards_at(
            store, connection, project, positions=[event.position for event in found]
        )
    return tuple(zip(found, drawn, strict=True))


def may_see_opinion(
    connection: Connection, person: Person, project: Project, *, sample_key: str
) -> bool:
    """Say whether a person may see what a model thinks of a sample, and why.

    Who still may be asked about it may not, because it biases: annotators see it once an answer of
    theirs stands, or where the project shows reasons on its cards and this card may show some.
    """
    if may(person, "reviewer"):
        return True
    before = events.head(connection, project.id, sample_key=sample_key, person_id=person.id)
    if before is not None and before.action == "answer":
        return True
    placed = ranking.place(connection, project.id, sample_key)
    if not project.policy.explain_on_card or placed is None:
        return False
    return cards.shows_reason(project, sample_key, holdout=placed[1].holdout)


def _pages(
    connection: Connection, project: Project, person: Person, wanted: Wanted
) -> Iterator[tuple[Annotation, ...]]:
    query = events.Filter(
        person_id=person.id,
        action=wanted.action,
        label=wanted.label,
        current=True,
        decides=True if wanted.decisions else None,
        after_seq=wanted.before,
    )
    while page := events.listed(connection, project.id, query, limit=PAGE, newest_first=True):
        yield page
        query = replace(query, after_seq=page[-1].seq)


def _matches(event: Annotation, row: cards.Row, needle: str) -> bool:
    words = [str(value) for value in row.values() if not isinstance(value, list)]
    hay = (event.sample_key, event.comment, *words)
    return not needle or any(needle in text.casefold() for text in hay)


def _said(
    project: Project, event: Annotation, row: cards.Row, *, statistics: Any, wanted: Wanted
) -> Said:
    start = cards.beginning(project, row, images=False)
    hidden = wanted.needle and wanted.needle not in start.casefold()
    return Said(
        event,
        start,
        cards.images(project, row, statistics),
        cards.passage(project, row, wanted.text) if hidden else None,
    )


def _has_images(project: Project) -> bool:
    return any(column.kind == "image" for column in project.recipe.columns)


def change(
    store: Store,
    person: Person,
    project_name: str,
    *,
    before: Annotation,
    label: str | None,
    at: tuple[datetime, timedelta],
) -> Recorded:
    """Replace an earlier answer by `label`, or take it back where `label` is None.

    `at` is the present moment and the lease of a sample that is to be asked again.
    """
    now, lease = at
    answer = Answer(
        event_id=str(uuid4()),
        sample_key=before.sample_key,
        action="retract" if label is None else "answer",
        label=label,
        supersedes=before.event_id,
    )
    (recorded,) = labelling.record(
        store, person, project_name, answers=[answer], now=now, lease=lease
    )
    return recorded

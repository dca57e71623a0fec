"""Answers as they come in: each stored exactly once, corrections as new events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from mlvajra_al.errors import Conflict, Invalid, MlvajraError, Superseded
from mlvajra_al.records import (
    Annotation,
    Answer,
    Claim,
    Person,
    Project,
    Recorded,
)
from mlvajra_al.services import access, placing
from mlvajra_al.services.people import require
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, jobs, projects, ranking
from mlvajra_al.store.database import Connection, Operation, Store
from mlvajra_al.store.shards import Pool, open_pool

MAX_COMMENT = 2_000
EVENT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
IMPORT_EVENT = "import-"
"""How the ids of events begin that an import makes of a column of labels."""


@dataclass(frozen=True, slots=True)
class Manner:
    """Who answers, when, how long a sample taken back is theirs, and whether it decides.

    Or whether it asks somebody else, beside an answer that stands.
    """

    person: Person
    now: datetime
    lease: timedelta
    adjudicates: bool = False
    asks_again: bool = False


def project_pool(store: Store, connection: Connection, project: Project) -> Pool:
    """Return the pool of a project as it stands in this transaction."""
    return open_pool(store.home, project.id, projects.shards(connection, project.id))


def record(
    store: Store,
    person: Person,
    project_name: str,
    *,
    answers: Sequence[Answer],
    now: datetime,
    lease: timedelta,
) -> tuple[Recorded, ...]:
    """Store answers, each exactly once, and say what became of each.

    Raises
    ------
    Invalid
        If an answer names no label of the set, or retracts what was never said.
    NotFound
        If the project or a sample does not exist.
    Conflict
        If an event of that id is stored which says something else.
    Superseded
        If an answer corrects what is not the last its person said about the sample.
    NotAllowed
        If it corrects a decision of who is no reviewer any more.
    """
    operation = recording(store, person, project_name, answers=answers, at=(now, lease))
    return store.write(operation)


def recording(
    store: Store,
    person: Person,
    project_name: str,
    *,
    answers: Sequence[Answer],
    at: tuple[datetime, timedelta],
) -> Operation[tuple[Recorded, ...]]:
    """Return the write that stores answers at a moment; what is taken back stays for a lease."""

    def operation(connection: Connection) -> tuple[Recorded, ...]:
        project = access.project(connection, person, project_name, alone=True)
        manner = Manner(person, *at)
        return append(store, connection, project, answers=answers, manner=manner)

    return operation


def append(
    store: Store,
    connection: Connection,
    project: Project,
    *,
    answers: Sequence[Answer],
    manner: Manner,
) -> tuple[Recorded, ...]:
    """Store answers in the transaction of `connection`, and ask for a retrain when it is due.

    The project was looked up `alone`.
    """
    unranked = placing.Unranked(
        partial(project_pool, store, connection, project),
        [answer.sample_key for answer in answers],
        threshold=project.holdout_threshold,
    )
    recorded, outlook = [], None
    for answer in answers:
        with _named(answer, among=len(answers)):
            one, after = _record_one(
                connection, project, answer=answer, manner=manner, unranked=unranked
            )
        recorded.append(one)
        outlook = after or outlook
    if outlook is not None and project.archived_at is None:
        fresh = {item.event_id for item in recorded if not item.repeat}
        said = [a.label for a in answers if a.label is not None and a.event_id in fresh]
        retrain_if_due(connection, project, outlook=outlook, said=said, now=manner.now)
    return tuple(recorded)


@contextmanager
def _named(answer: Answer, *, among: int) -> Iterator[None]:
    """Name the one of several answers for which none of them is stored."""
    try:
        yield
    except MlvajraError as error:
        if among > 1:
            error.refused = answer.event_id
        raise


def retrain_if_due(
    connection: Connection,
    project: Project,
    *,
    outlook: projects.Outlook,
    said: Sequence[str],
    now: datetime,
) -> None:
    """Queue a retrain once there are enough answers, or the label it waited for, or the last.

    Of the answers since the last retrain those `said` came just now.
    """
    new, wanted = outlook
    if not new:
        return
    if new >= project.policy.retrain_every:
        trigger = f"{new} new answers"
    elif came := _came(connection, project, said):
        trigger = f"the first example of {min(came)}"
    elif not wanted:
        trigger = "the last answers"
    else:
        return
    jobs.enqueue(
        connection,
        project.id,
        "retrain",
        payload={"trigger": trigger},
        now=now,
        dedupe="retrain",
    )
    # One that waits already will see these answers too.
    projects.reset_answers(connection, project.id)


def _came(connection: Connection, project: Project, said: Sequence[str]) -> set[str]:
    """Return the labels that were waited for and have come."""
    wanted = awaited_labels(connection, project)
    return {name for one in said for name in project.names_in(one) if name in wanted}


def awaited_labels(connection: Connection, project: Project) -> set[str]:
    """Return the labels without which the last retrain could not make a first version."""
    if project.champion is not None:
        return set()
    return set(jobs.last_result(connection, project.id, "retrain").get("missing_labels", ()))


def check(project: Project, answer: Answer) -> None:
    """Refuse an answer that says nothing we know.

    Raises
    ------
    Invalid
    """
    if answer.action == "answer":
        _check_label(project, answer.label)
    if answer.action != "answer" and answer.label is not None:
        raise Invalid(f"a {answer.action} carries no label; send it without one")
    if len(answer.comment) > MAX_COMMENT:
        raise Invalid(
            f"the comment has {len(answer.comment)} characters; shorten it to {MAX_COMMENT}"
        )


def _check_label(project: Project, said: str | None) -> None:
    names = [label.name for label in project.labels]
    if not project.multilabel:
        if said not in names:
            raise Invalid(f"{said!r} is not a label of this project; use one of {names}")
        return
    try:
        given = project.names_in(said or "")
    except ValueError:
        raise Invalid(
            f"{said!r} is no list of labels, which this project asks for; send a list of some "
            f"of {names}, or an empty one"
        ) from None
    strange = [name for name in given if name not in names]
    if strange:
        raise Invalid(f"{strange[0]!r} is not a label of this project; use some of {names}")


def _check_event(event_id: str) -> None:
    """Refuse the id of an event that not every database takes, or that an import will want."""
    if not EVENT_ID.fullmatch(event_id) or event_id.startswith(IMPORT_EVENT):
        raise Invalid(
            "event_id must have 1 to 64 characters, letters, digits, '-' and '_' only, and not "
            f"begin with {IMPORT_EVENT!r}; send a UUID"
        )


def _record_one(
    connection: Connection,
    project: Project,
    *,
    answer: Answer,
    manner: Manner,
    unranked: placing.Unranked,
) -> tuple[Recorded, projects.Outlook | None]:
    """Store an answer and return what is still to come; None if it was stored before."""
    person = manner.person
    _check_event(answer.event_id)
    known, before = events.before(
        connection,
        project.id,
        event_id=answer.event_id,
        sample_key=answer.sample_key,
        person_id=person.id,
    )
    if known is not None:
        return _repeated(known, project, answer=answer, person=person), None
    check(project, answer)
    if before is not None and before.adjudicates:
        require(person, "reviewer", "change or take back a decision")
    _check_superseded(project, answer, before)
    if answer.action == "retract" and (before is None or before.action == "retract"):
        raise Invalid("there is no answer of yours to take back for this sample")
    return _store(
        connection, project, answer=answer, manner=manner, before=before, unranked=unranked
    )


def _store(
    connection: Connection,
    project: Project,
    *,
    answer: Answer,
    manner: Manner,
    before: Annotation | None,
    unranked: placing.Unranked,
) -> tuple[Recorded, projects.Outlook]:
    """Store an answer that is new, and do not ask its person again, or ask others."""
    person, now = manner.person, manner.now
    closed, late = _close_slot(
        connection, project, person=person, answer=answer, before=before, now=now
    )
    placed = placing.asked(connection, project, answer.sample_key, closed=closed, before=before)
    if placed is None:
        placed = unranked.place(answer.sample_key)
    nearer = _nearer_to_retrain(connection, project, label=answer.label, before=before)
    seq, outlook = projects.next_seq(connection, project.id, answers=nearer)
    facts = (project.id, seq, late)
    event = _event(answer, manner, before=before, placed=placed, facts=facts)
    events.append(connection, [event], holdout=[placed.holdout], multilabel=project.multilabel)
    if answer.action in ("skip", "retract"):
        _ask_again(connection, project, answer=answer, before=before, manner=manner)
        outlook = projects.outlook(connection, project.id)
    recorded = Recorded(event.event_id, event.sample_key, seq, repeat=False, late=event.late)
    return recorded, outlook


def _event(
    answer: Answer,
    manner: Manner,
    *,
    before: Annotation | None,
    placed: placing.Placed,
    facts: tuple[int, int, bool],
) -> Annotation:
    """Return the event of an answer; `facts` are project, number and whether it came late."""
    project_id, seq, late = facts
    return Annotation(
        seq=seq,
        event_id=answer.event_id,
        project_id=project_id,
        sample_key=answer.sample_key,
        position=placed.position,
        person_id=manner.person.id,
        person=manner.person.name,
        action=answer.action,
        label=answer.label,
        supersedes=before.event_id if before else None,
        comment=answer.comment,
        elapsed_ms=answer.elapsed_ms,
        client_time=answer.client_time,
        created_at=manner.now,
        late=late and not manner.adjudicates,
        adjudicates=manner.adjudicates or _still_adjudicates(answer, before),
        source="",
        why=placed.why,
        asks_again=manner.asks_again,
    )


def _check_superseded(project: Project, answer: Answer, before: Annotation | None) -> None:
    """Refuse to correct what its person has corrected already, in another tab or program.

    Raises
    ------
    Superseded
    """
    if answer.supersedes is None or (before and before.event_id == answer.supersedes):
        return
    if before is None:
        raise Superseded(
            event_id=None, action=None, label=None, words="you have said nothing about this sample"
        )
    if before.label is None:
        said = {"skip": "skipped it", "flag": "flagged it", "retract": "taken it back"}
        words = f"you have {said[before.action]} meanwhile"
    else:
        names = project.names_in(before.label)
        shown = [label.display for label in project.labels if label.name in names]
        words = f"you have answered {' and '.join(shown) or 'none of the labels'} meanwhile"
    raise Superseded(
        event_id=before.event_id, action=before.action, label=before.label, words=words
    )


def _nearer_to_retrain(
    connection: Connection, project: Project, *, label: str | None, before: Annotation | None
) -> int:
    """Return by how many answers the next retrain comes nearer; what it replaces has counted."""
    if project.archived_at is not None:
        return 0
    new = int(label is not None)
    if before is None or before.label is None:
        return new
    since = jobs.last_asked(connection, project.id, "retrain")
    return new - int(since is None or before.created_at > since)


def _repeated(known: Annotation, project: Project, *, answer: Answer, person: Person) -> Recorded:
    """Return what became of an event that is sent again; what differs is another event."""
    if known.person_id != person.id or known.project_id != project.id:
        raise Conflict(f"the event {answer.event_id} was sent before by someone else")
    if _says(known) != _says(answer):
        raise Conflict(
            f"the event {answer.event_id} is stored with another sample, action or label "
            f"({', '.join(repr(part) for part in _says(known) if part is not None)}); "
            "send what is new with an event_id of its own"
        )
    return Recorded(known.event_id, known.sample_key, known.seq, repeat=True, late=known.late)


def _says(event: Annotation | Answer) -> tuple[str, str, str | None]:
    return event.sample_key, event.action, event.label


def _ask_again(
    connection: Connection,
    project: Project,
    *,
    answer: Answer,
    before: Annotation | None,
    manner: Manner,
) -> None:
    """Let others have what is skipped; let who takes something back have the sample again."""
    taken_back = answer.action == "retract"
    wish = claims.Wish(project.id, manner.person.id, manner.now, manner.lease)
    kept = claims.reopen(
        connection,
        project.id,
        sample_key=answer.sample_key,
        person_id=manner.person.id,
        lease_until=manner.now + manner.lease if taken_back else None,
    )
    if taken_back and kept is None and before is not None and before.action == "skip":
        claims.keep(connection, wish, sample_key=answer.sample_key)


def _still_adjudicates(answer: Answer, before: Annotation | None) -> bool:
    """Say whether this corrects an own decision, which makes it one too."""
    return answer.action == "answer" and before is not None and before.adjudicates


def _close_slot(
    connection: Connection,
    project: Project,
    *,
    person: Person,
    answer: Answer,
    before: Annotation | None,
    now: datetime,
) -> tuple[Claim | None, bool]:
    """Close the slot this answers, if it still is the person's; say whether it came late."""
    if answer.action == "retract":
        return None, False
    if answer.claim_id is not None:
        claimed = claims.finish(connection, answer.claim_id, person_id=person.id)
        if claimed is not None and claimed.project_id != project.id:
            raise Invalid(
                f"claim {answer.claim_id} is for another project; claim again in this one"
            )
        if claimed is not None and claimed.sample_key != answer.sample_key:
            raise Invalid(
                f"claim {answer.claim_id} is for sample {claimed.sample_key!r}, "
                f"not {answer.sample_key!r}; claim again"
            )
        if claimed is not None:
            return claimed, False
    closed = claims.finish_unclaimed(
        connection, project.id, sample_key=answer.sample_key, person_id=person.id, now=now
    )
    return closed, closed is None and _asked_in_vain(connection, project, answer, before)


def _asked_in_vain(
    connection: Connection, project: Project, answer: Answer, before: Annotation | None
) -> bool:
    """Say whether a person was asked whose place somebody else has filled meanwhile.

    A correction of an answer that stands needs no place; one given anew after an undo or a skip
    does. Who was not asked is late where as many as are wanted have answered already.
    """
    if before is None and answer.claim_id is not None:
        return True
    if before is not None and before.action not in ("retract", "skip"):
        return False
    if ranking.place(connection, project.id, answer.sample_key) is None:
        return False
    return before is not None or not ranking.is_wanted(connection, project.id, answer.sample_key)

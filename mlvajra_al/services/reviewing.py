"""What annotators could not settle, and labels that look wrong: a reviewer decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from mlvajra_al.errors import Conflict
from mlvajra_al.records import Action, Annotation, Answer, Doubt, Person, Project, Recorded, Why
from mlvajra_al.services import access, cards
from mlvajra_al.services.labelling import Manner, append, project_pool
from mlvajra_al.services.people import is_machine, require
from mlvajra_al.services.resolving import winner
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, doubts, members, people, ranking, reviews
from mlvajra_al.store.database import Connection, Store

Outcome = Literal["label", "ask_again", "leave"]
ACTIONS: dict[Outcome, Action] = {"label": "answer", "ask_again": "skip", "leave": "flag"}
"""A decision is an event like any other, so that the log tells all of it."""
ASKED_AGAIN = Why("review", None, 0, None, None, holdout=False)
"""Why a sample is asked about that only imported labels have spoken of."""
SKIPS = 2
"""So many people who could not tell are enough; where fewer label, it is all of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sample that waits for a reviewer: its card, and what was said about it."""

    sample_key: str
    card: dict[str, Any]
    said: tuple[Annotation, ...]
    label: str | None
    """The label it has as long as nothing else is decided; None where the answers give it none."""
    doubt: Doubt | None = None
    """Why its label looks wrong, where that is why it waits."""

    @property
    def skipped_by(self) -> tuple[str, ...]:
        """Who could not tell, where that is all that was said."""
        return _skipped_by(self.said)


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer that stands, as the rule for labels sees it."""

    label: str | None
    first_seq: int
    adjudicates: bool
    strategy: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decides about a sample; `label` only with the outcome "label"."""

    sample_key: str
    outcome: Outcome
    label: str | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many samples wait for a reviewer."""

    needed: int
    """Flagged, answered differently, only skipped, or with a label that looks wrong."""
    possible: int
    """With a label that may be a mistake of a person, or of the model."""


def waiting(store: Store, person: Person, project_name: str) -> Waiting:
    """Return how many samples wait for a reviewer."""
    require(person, "reviewer", "review")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        sure, possible = doubts.count(connection, project.id)
        needed = reviews.count(connection, project.id, skips=_enough_skips(connection, project))
        return Waiting(needed + sure, possible)


def cases(store: Store, person: Person, project_name: str, *, limit: int) -> tuple[Case, ...]:
    """Return the samples that wait for a reviewer, longest waiting first.

    Behind those that people have flagged, answered differently or could not answer come labels
    that look wrong, the worst first.
    """
    require(person, "reviewer", "review")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        skips = _enough_skips(connection, project)
        found = reviews.waiting(connection, project.id, skips=skips, limit=limit)
        doubted = doubts.listed(connection, project.id, limit=limit - len(found))
        places = {item.sample_key: item.position for item in found}
        places |= {item.sample_key: item.position for item in doubted}
        drawn = cards.cards_at(store, connection, project, positions=list(places.values()))
        said = events.of_samples(connection, project.id, places)
        why = {item.sample_key: item for item in doubted}
        return tuple(
            replace(_case(project, card, said[key]), doubt=why.get(key))
            for key, card in zip(places, drawn, strict=True)
        )


def _case(project: Project, card: dict[str, Any], everything: Sequence[Annotation]) -> Case:
    label = _label(project, everything)
    return Case(everything[0].sample_key, card, _standing(everything), label)


def _enough_skips(connection: Connection, project: Project) -> int:
    """Return by how many people a sample has to be skipped to wait for a reviewer."""
    return max(1, members.who_label(connection, project, at_most=SKIPS))


def _skipped_by(standing: Sequence[Annotation]) -> tuple[str, ...]:
    if any(event.action != "skip" for event in standing):
        return ()
    return tuple(event.person for event in standing if not event.adjudicates)


def _label(
    project: Project, everything: Sequence[Annotation], *, without: int | None = None
) -> str | None:
    """Return the label a sample has by the answers that stand, or would have `without` a person."""
    votes = [
        Vote(
            event.label,
            _first_answer(everything, event.person_id),
            event.adjudicates,
            event.why.strategy if event.why else None,
        )
        for event in _standing(everything)
        if event.action == "answer" and event.person_id != without
    ]
    chosen = winner(votes, project.policy.overlap) if votes else None
    return chosen.label if chosen else None


def _first_answer(everything: Sequence[Annotation], person_id: int) -> int:
    return min(
        event.seq
        for event in everything
        if event.person_id == person_id and event.action == "answer"
    )


def _standing(everything: Sequence[Annotation]) -> tuple[Annotation, ...]:
    corrected = {event.supersedes for event in everything}
    return tuple(
        event
        for event in everything
        if event.event_id not in corrected and event.action != "retract"
    )


def decide(
    store: Store,
    person: Person,
    project_name: str,
    *,
    decision: Decision,
    now: datetime,
    lease: timedelta,
) -> Recorded:
    """Settle a sample: give it a label, ask somebody else, or leave it as it is.

    Who asks somebody else about what they have answered themselves keeps that answer.

    Raises
    ------
    NotAllowed
        If the person is no reviewer.
    Invalid
        If the label is not one of the project's.
    Conflict
        If a sample that is to be left without a label would get one by that, or everybody who
        could be asked about a sample has skipped it.
    """
    require(person, "reviewer", "decide")
    answer = Answer(
        event_id=str(uuid4()),
        sample_key=decision.sample_key,
        action=ACTIONS[decision.outcome],
        label=decision.label,
        comment=decision.comment,
    )

    def operation(connection: Connection) -> Recorded:
        project = access.project(connection, person, project_name, alone=True)
        manner = Manner(person, now, lease, adjudicates=True)
        if decision.outcome == "ask_again":
            return _asking(store, connection, project, answer=answer, manner=manner)
        leaves = decision.outcome == "leave"
        event = _leaving(connection, project, person, answer) if leaves else answer
        (recorded,) = append(store, connection, project, answers=[event], manner=manner)
        return recorded

    return store.write(operation)


def _asking(
    store: Store, connection: Connection, project: Project, *, answer: Answer, manner: Manner
) -> Recorded:
    """Ask somebody else; an own answer is given once more, to stand beside what they will say."""
    own = _own_answer(connection, project, manner.person, answer.sample_key)
    if own is None:
        _reopen(store, connection, project, answer.sample_key, asks=manner.person)
    else:
        answer = replace(answer, action="answer", label=own.label)
        manner = replace(manner, adjudicates=False, asks_again=True)
    (recorded,) = append(store, connection, project, answers=[answer], manner=manner)
    if own is not None:  # or the place would be filled by the own answer
        _reopen(store, connection, project, answer.sample_key, asks=manner.person)
    return recorded


def _own_answer(
    connection: Connection, project: Project, person: Person, sample_key: str
) -> Annotation | None:
    head = events.head(connection, project.id, sample_key=sample_key, person_id=person.id)
    return head if head is not None and head.action == "answer" else None


def _leaving(connection: Connection, project: Project, person: Person, answer: Answer) -> Answer:
    """Return what leaves a sample as it is: an own answer makes room, so its label is decided."""
    if _own_answer(connection, project, person, answer.sample_key) is None:
        return answer
    said = events.of_sample(connection, project.id, answer.sample_key)
    label = _label(project, said)
    if label is not None:
        return replace(answer, action="answer", label=label)
    if _label(project, said, without=person.id) is not None:
        raise Conflict(
            "you have answered this yourself, and without your answer it would get the label of "
            "the others; decide for a label, or ask somebody else"
        )
    return answer


def undo(
    store: Store,
    person: Person,
    project_name: str,
    *,
    decision: Annotation,
    at: tuple[datetime, timedelta],
) -> None:
    """Take back an own decision: the sample waits again, and what one had answered before stands.

    `at` is the present moment and the lease of a sample that is to be asked again. Who asked
    somebody else gets the place that was made for them.

    Raises
    ------
    Conflict
        If it is no decision that stands, of this person, or somebody else who was asked has the
        sample in hand or has spoken.
    """
    require(person, "reviewer", "decide")

    def operation(connection: Connection) -> None:
        project = access.project(connection, person, project_name, alone=True)
        key = decision.sample_key
        said = events.of_sample(connection, project.id, key)
        mine = {event.event_id: event for event in said if event.person_id == person.id}
        head = events.head(connection, project.id, sample_key=key, person_id=person.id)
        if head is None or head.event_id != decision.event_id or not _decides(head):
            raise Conflict("this decision was changed or taken back meanwhile; look again")
        if head.action == ACTIONS["ask_again"] or head.asks_again:
            _call_off(connection, project, said, decision=head, now=at[0])
        retract = Answer(event_id=str(uuid4()), sample_key=key, action="retract")
        answers, before = [retract], _before(mine, head)
        if before is not None and before.action != "retract":
            answers.append(_anew(before))
        stored = append(store, connection, project, answers=answers, manner=Manner(person, *at))
        if before is not None:
            doubts.follow(connection, project.id, key, before=before.seq, after=stored[-1].seq)
        if head.asks_again:
            _ask_no_more(connection, project, key, now=at[0])

    store.write(operation)


def _decides(event: Annotation) -> bool:
    return event.adjudicates or event.asks_again


def _before(mine: Mapping[str, Annotation], decision: Annotation) -> Annotation | None:
    """Return what stands again without a decision: what one had said before one decided."""
    before: Annotation | None = decision
    while before is not None and _decides(before):
        before = mine.get(before.supersedes or "")
    return before


def _ask_no_more(
    connection: Connection, project: Project, sample_key: str, *, now: datetime
) -> None:
    """Take away the place that was made for somebody else, where enough have spoken."""
    said = _standing(events.of_sample(connection, project.id, sample_key))
    if sum(event.action in events.SPEAKING for event in said) >= project.policy.overlap:
        ranking.want_no_more(connection, project.id, sample_key, now=now)


def _anew(said: Annotation) -> Answer:
    """Return what says once more what was said before."""
    return Answer(
        event_id=str(uuid4()),
        sample_key=said.sample_key,
        action=said.action,
        label=said.label,
        comment=said.comment,
        elapsed_ms=said.elapsed_ms,
        client_time=said.client_time,
    )


def _call_off(
    connection: Connection,
    project: Project,
    said: Sequence[Annotation],
    *,
    decision: Annotation,
    now: datetime,
) -> None:
    """Refuse to take back that somebody else is asked, where somebody was."""
    if any(event.seq > decision.seq and event.person_id != decision.person_id for event in said):
        raise Conflict("somebody else has spoken since; it waits again if that settles nothing")
    if claims.in_other_hands(
        connection,
        project.id,
        sample_key=decision.sample_key,
        person_id=decision.person_id,
        now=now,
    ):
        raise Conflict("somebody else has it on the screen; decide once they have answered")


def _reopen(
    store: Store, connection: Connection, project: Project, sample_key: str, *, asks: Person
) -> None:
    """Ask whoever has not spoken about the sample: in the place of who flagged it, or besides."""
    said = _standing(events.of_sample(connection, project.id, sample_key))
    if _skipped_by(said):
        _require_others(connection, project, {asks.id, *(event.person_id for event in said)})
    for event in said:
        if event.action == "flag":
            claims.reopen(
                connection,
                project.id,
                sample_key=sample_key,
                person_id=event.person_id,
                lease_until=None,
            )
    if said and not ranking.is_wanted(connection, project.id, sample_key):
        position = said[0].position
        pool = project_pool(store, connection, project)
        (held,) = pool.held_out([position], project.holdout_threshold)
        why = replace(said[0].why or ASKED_AGAIN, holdout=bool(held))
        ranking.want_another(connection, project.id, sample_key, position=position, why=why)


def _require_others(connection: Connection, project: Project, spoken: Collection[int]) -> None:
    """Refuse to ask somebody else where nobody is left.

    Raises
    ------
    Conflict
    """
    for one in people.listed(connection):
        may_answer = one.disabled_at is None and not is_machine(one)
        if may_answer and one.id not in spoken and access.sees(connection, one, project):
            return
    raise Conflict(
        "everybody who could be asked about this has skipped it; decide for a label, or leave it "
        "without one"
    )

"""Claims, answers, heartbeats: the hot path. What blocks runs in a thread, once per request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mlvajra_al.errors import WrongPerson
from mlvajra_al.records import Action, Annotation, Answer, Claim, Person, Project, Recorded
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import answers as answered
from mlvajra_al.services import cards, claiming, labelling, projects
from mlvajra_al.services.progress import progress
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.shapes import (
    HIDDEN_OF_ANNOTATION,
    Beat,
    HandedOut,
    Released,
    Reminder,
    ShownAnnotation,
    ShownProgress,
    many,
    shown,
)
from mlvajra_al.web.context import committed, lease, now, rng, store

router = APIRouter(prefix="/projects/{project}", tags=["labelling"])
LONGEST_MS = 2**31 - 1
MAX_ANSWERS = 1_000
LABELS = 1_000


class Asked(BaseModel):
    """What a page says about whom it was opened for."""

    model_config = ConfigDict(extra="forbid")

    person: str | None = Field(
        default=None, description="Who the page belongs to; another than the caller is refused"
    )

    def check(self, caller: Person) -> None:
        """Refuse what a page of somebody else asks, left open in another tab.

        Raises
        ------
        WrongPerson
        """
        if self.person is not None and self.person != caller.name:
            raise WrongPerson(self.person, caller.name)


class Wanted(Asked):
    """How many samples to hand out."""

    n: int = Field(default=6, description="1 to 20")


class Claims(Asked):
    """Ids of claims."""

    claims: list[str] = Field(default=[], max_length=1_000)


class Sent(BaseModel):
    """An answer as a browser or a program sends it; what is not known here costs no answer."""

    event_id: str = Field(description="A UUID of your own; sent twice it is stored once")
    sample_key: str
    action: Action
    label: str | Annotated[list[str], Field(max_length=LABELS)] | None = Field(
        default=None, description="A list, maybe empty, where the project asks for several labels"
    )
    claim_id: str | None = None
    person: str | None = Field(
        default=None, description="Whose answer this is; another than the caller's is refused"
    )
    supersedes: str | None = Field(
        default=None,
        description="The event this corrects: what its person said last about the sample, else "
        "it is refused. Without it, whatever was said last is corrected",
    )
    comment: str = ""
    elapsed_ms: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    client_time: AwareDatetime | None = None

    def answer(self, person: Person) -> Answer:
        """Return the record, if it is this person's.

        Raises
        ------
        WrongPerson
        """
        if self.person is not None and self.person != person.name:
            raise WrongPerson(self.person, person.name)
        return Answer(
            event_id=self.event_id,
            sample_key=self.sample_key,
            action=self.action,
            label=to_text(self.label) if isinstance(self.label, list) else self.label,
            claim_id=self.claim_id,
            supersedes=self.supersedes,
            comment=_storable(self.comment),
            elapsed_ms=None if self.elapsed_ms is None else int(min(self.elapsed_ms, LONGEST_MS)),
            client_time=self.client_time,
        )


def _storable(text: str) -> str:
    """Return text without what no database takes: NUL, and halves of characters cut in two."""
    return text.replace("\x00", "").encode(errors="replace").decode()


@router.post("/claims", response_model=list[HandedOut])
async def claim(project: str, caller: Caller, wanted: Wanted | None = None) -> Response:
    """Hand out samples to label, each with its card, until their leases end."""
    wanted = wanted or Wanted()
    wanted.check(caller)
    handed = await _handed(project, caller, wanted.n)
    while not handed.is_checked() and not await run_in_threadpool(handed.is_whole):
        handed = await _handed(project, caller, wanted.n, instead_of=handed.claims)
    return _shown(handed)


async def _handed(
    project: str, caller: Person, n: int, *, instead_of: Sequence[Claim] = ()
) -> claiming.Handed:
    operation = claiming.handing_out(
        store(),
        caller,
        project,
        n=n,
        at=(now(), lease()),
        rng=rng(),
        instead_of=instead_of,
    )
    return await committed(operation, lane="claims", together=project)


def _shown(handed: claiming.Handed) -> Response:
    drawn = cards.drawn(handed)
    shown_claims = [
        {
            "claim_id": item.id,
            "sample_key": item.sample_key,
            "card": card,
            "lease_until": item.lease_until,
            "why": cards.why(handed.project, item),
        }
        for item, card in zip(handed.claims, drawn, strict=True)
    ]
    return Json(shown_claims)


@router.delete("/claims", response_model=Released)
def release(project: str, caller: Caller, given: Claims | None = None) -> Response:
    """Give claimed samples back; without a body, all the caller holds."""
    if given is not None:
        given.check(caller)
    ids = (
        given.claims
        if given is not None
        else [item.id for item in answered.held(store(), caller, project, now=now())]
    )
    released = claiming.release(store(), caller, project, given=ids) if ids else 0
    return Json({"released": released})


@router.post("/claims/heartbeat", response_model=Beat)
def heartbeat(project: str, caller: Caller, held: Claims | None = None) -> Response:
    """Extend the leases of claims and return what the rail shows."""
    at, held = now(), held or Claims()
    held.check(caller)
    ids = held.claims
    claiming.renew(store(), caller, project, given=ids, until=at + lease())
    mine = {item.id for item in answered.held(store(), caller, project, now=at)} if ids else set()
    rail = shown(progress(store(), caller, project, now=at), frozenset())
    kept = [item for item in ids if item in mine]
    labels = projects.get(store(), caller, project).labels
    return Json(rail | {"held": kept, "labels": labels})


@router.get("/progress", response_model=ShownProgress)
def get_progress(project: str, caller: Caller) -> Response:
    """Return counts, the next retrain, and what the loop is doing."""
    return Json(shown(progress(store(), caller, project, now=now()), frozenset()))


@router.post("/annotations", status_code=201, response_model=list[Recorded])
async def annotate(
    project: str,
    caller: Caller,
    sent: Annotated[list[Sent], Body(min_length=1, max_length=MAX_ANSWERS)],
) -> Response:
    """Store answers, all or none; repeats, known by `event_id`, are recognised and marked.

    Where one of several cannot be stored, `detail` names it: `refused` is its `event_id`.
    """
    answers = [item.answer(caller) for item in sent]
    operation = labelling.recording(store(), caller, project, answers=answers, at=(now(), lease()))
    stored = await committed(operation, lane="answers", together=project)
    return Json(stored, status_code=201)


@router.get("/annotations", response_model=many(ShownAnnotation))
def said(
    project: str,
    caller: Caller,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(description="1 to 5,000")] = 1_000,
    current: Annotated[bool, Query(description="Only what stands, nothing corrected")] = False,
) -> Response:
    """Return events in order; ask again with `after` set to the last `seq` for the next page."""
    found = answered.listed(store(), caller, project, after=after, limit=limit, current=current)
    of = projects.get(store(), caller, project)
    return Json([_public(of, event) for event in found])


@router.get("/annotations/newest", response_model=list[Reminder])
def said_newest(
    project: str, caller: Caller, person: str | None = None, limit: int = 5
) -> Response:
    """Return what the caller said last today, newest first, each with its card: to undo it."""
    Asked(person=person).check(caller)
    found = answered.newest(store(), caller, project, limit=limit, now=now())
    of = projects.get(store(), caller, project)
    told = ("event_id", "sample_key", "action", "label", "comment")
    return Json(
        [
            {name: _public(of, event)[name] for name in told} | {"card": card}
            for event, card in found
        ]
    )


def _public(project: Project, event: Annotation) -> dict[str, Any]:
    told = shown(event, HIDDEN_OF_ANNOTATION)
    if project.multilabel and event.label is not None:
        told["label"] = project.names_in(event.label)
    return told

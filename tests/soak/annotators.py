"""People who label over HTTP as the card does: a buffer of claims, an outbox, heartbeats.

An answer keeps its event id until the server has acknowledged or refused it, whatever happens
to the server meanwhile. What was promised to whom is written down, to be held against what is
stored (`tests.soak.invariants`).
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

BUFFER, ENOUGH, BATCH = 6, 4, 16
HEARTBEAT_S = 5.0
BACK_OFF_S = (0.1, 0.2, 0.4, 0.8, 1.0)
AGAIN = (401, 408, 425, 429)
"""Refusals that the card keeps an answer through; so does one for a wrong person."""
UNDO, SKIP = 0.03, 0.03


@dataclass(frozen=True, slots=True)
class Said:
    """One event as it was sent."""

    event_id: str
    person: str
    sample_key: str
    action: str
    label: str | None


@dataclass(slots=True)
class Held:
    """A sample that somebody was told is theirs, from when until when (seconds since 1970)."""

    sample_key: str
    person: str
    since: float
    until: float


@dataclass(slots=True)
class Diary:
    """What one annotator was promised and what it felt like."""

    said: dict[str, Said] = field(default_factory=dict)
    saved: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[tuple[Said, int, str]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    submits: list[tuple[float, float]] = field(default_factory=list)
    """When an answer was sent and how long it took, both in seconds."""
    claims: list[tuple[float, float]] = field(default_factory=list)
    troubles: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Statuses and sentences of what was not acknowledged; status 0: nobody answered."""


class Annotator:
    """One tab of one person: claims, answers, sends until acknowledged.

    Parameters
    ----------
    client : httpx.Client
        Signed in.
    person : str
    project : str
    truth : callable
        The label that this annotator gives to a sample key.
    rng : random.Random
    """

    def __init__(
        self,
        client: httpx.Client,
        person: str,
        project: str,
        *,
        truth: Callable[[str], str],
        rng: random.Random,
    ) -> None:
        self.client, self.person, self.truth, self.rng = client, person, truth, rng
        self.at = f"/api/v1/projects/{project}"
        self.diary = Diary()
        self.outbox: list[dict[str, Any]] = []
        self.buffer: list[Held] = []
        self._tokens: dict[str, str] = {}
        self._failures, self._wait_until, self._beat_at = 0, 0.0, 0.0

    def turn(self) -> bool:
        """Do what a person does with one card; False if there was none to answer."""
        self.pump()
        if len(self.buffer) <= ENOUGH:
            self.fetch()
        self.beat()
        if not self.buffer:
            return False
        held = self.buffer.pop(0)
        if self.rng.random() < SKIP:
            held.until = min(held.until, time.time())
            self.say(held.sample_key, "skip", None)
        else:
            answer = self.say(held.sample_key, "answer", self.truth(held.sample_key))
            if self.rng.random() < UNDO:
                self.undo(held, answer)
        self.pump()
        return True

    def undo(self, held: Held, answer: dict[str, Any]) -> None:
        """Take an answer back and give another."""
        self.say(held.sample_key, "retract", None, supersedes=answer["event_id"])
        self.say(held.sample_key, "answer", self.truth(held.sample_key))

    def say(
        self, sample_key: str, action: str, label: str | None, *, supersedes: str | None = None
    ) -> dict[str, Any]:
        """Put an event into the outbox."""
        event = {
            "event_id": str(uuid.uuid4()),
            "claim_id": self._tokens.pop(sample_key, None),
            "sample_key": sample_key,
            "action": action,
            "label": label,
            "person": self.person,
            "supersedes": supersedes,
        }
        said = Said(str(event["event_id"]), self.person, sample_key, action, label)
        self.diary.said[said.event_id] = said
        self.outbox.append(event)
        return event

    def pump(self) -> None:
        """Send what waits, unless the server asked for patience."""
        if not self.outbox or time.monotonic() < self._wait_until:
            return
        batch = self.outbox[:BATCH]
        started = time.time()
        status, body = self._ask("POST", "annotations", batch)
        if status == 201:
            self.diary.submits.append((started, time.time() - started))
            self._settle(body)
        elif self._is_refusal(status, body):
            self._find_the_refused(batch, status, body)

    def _settle(self, recorded: list[dict[str, Any]]) -> None:
        saved = {item["event_id"]: item for item in recorded}
        for event_id in saved:
            self._let_go(self.diary.said[event_id])
        self.diary.saved |= saved
        self.outbox = [event for event in self.outbox if event["event_id"] not in saved]

    def _let_go(self, said: Said) -> None:
        """End the hold on a sample that is answered or skipped: now somebody else may be asked."""
        for held in self.diary.held:
            if said.action in ("answer", "skip") and held.sample_key == said.sample_key:
                held.until = min(held.until, time.time())

    def _is_refusal(self, status: int, body: Any) -> bool:
        wrong_person = status == 409 and body["error"]["type"] == "WrongPerson"
        return 400 <= status < 500 and status not in AGAIN and not wrong_person

    def _find_the_refused(self, batch: list[dict[str, Any]], status: int, body: Any) -> None:
        """Send a refused batch one by one; write down and drop what is refused alone."""
        if len(batch) == 1:
            said = self.diary.said[batch[0]["event_id"]]
            self.diary.refused.append((said, status, str(body)))
            self.outbox.remove(batch[0])
            return
        for event in batch:
            status, body = self._ask("POST", "annotations", [event])
            if status == 201:
                self._settle(body)
            elif self._is_refusal(status, body):
                self._find_the_refused([event], status, body)
            else:
                return

    def fetch(self) -> None:
        """Ask for samples till the buffer is full."""
        if time.monotonic() < self._wait_until:
            return
        started = time.time()
        status, body = self._ask(
            "POST", "claims", {"n": BUFFER - len(self.buffer), "person": self.person}
        )
        if status != 200:
            return
        self.diary.claims.append((started, time.time() - started))
        for claim in body:
            until = datetime.fromisoformat(claim["lease_until"]).timestamp()
            held = Held(claim["sample_key"], self.person, time.time(), until)
            self.diary.held.append(held)
            self.buffer.append(held)
            self._tokens[held.sample_key] = claim["claim_id"]
        if not body:  # the pool is dry: the card, too, asks again with the next heartbeat
            self._wait_until = time.monotonic() + HEARTBEAT_S

    def beat(self) -> None:
        """Keep what is held, and drop what has gone to somebody else."""
        if time.monotonic() < max(self._beat_at, self._wait_until):
            return
        self._beat_at = time.monotonic() + HEARTBEAT_S
        asked = {self._tokens[held.sample_key]: held for held in self.buffer}
        status, body = self._ask(
            "POST", "claims/heartbeat", {"claims": list(asked), "person": self.person}
        )
        if status != 200:
            return
        lost = set(asked) - set(body["held"])
        self.buffer = [held for token, held in asked.items() if token not in lost]

    def leave(self) -> None:
        """Give back what was not answered."""
        for held in self.buffer:
            held.until = min(held.until, time.time())
        self._ask("DELETE", "claims", {"claims": list(self._tokens.values())})
        self.buffer, self._tokens = [], {}

    def send_everything(self, *, patience_s: float) -> None:
        """Send the outbox until it is empty."""
        deadline = time.monotonic() + patience_s
        while self.outbox:
            assert time.monotonic() < deadline, (
                f"{self.person} still has {len(self.outbox)} answers to send: "
                f"{self.diary.troubles.most_common(3)}"
            )
            self.pump()
            time.sleep(0.02)

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Send one request; status 0 if nobody answered, and patience after every trouble."""
        try:
            answer = self.client.request(method, f"{self.at}/{path}", json=body)
        except httpx.HTTPError as error:
            return self._trouble(0, type(error).__name__)
        if answer.is_success:
            self._failures = 0
            return answer.status_code, answer.json()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        if not is_json:
            return self._trouble(max(answer.status_code, 500), answer.text)
        told = answer.json()
        self._trouble(answer.status_code, told["error"]["message"])
        return answer.status_code, told

    def _trouble(self, status: int, words: str) -> tuple[int, None]:
        self.diary.troubles[status, words] += 1
        self._wait_until = time.monotonic() + BACK_OFF_S[min(self._failures, 4)]
        self._failures += 1
        return status, None


class Crew:
    """Several annotators at work, each in a thread."""

    def __init__(self, annotators: list[Annotator], *, pause_s: Callable[[], float]) -> None:
        self.annotators, self._pause = annotators, pause_s
        self._stopping = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._work, args=(one,), name=one.person) for one in annotators
        ]

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let everybody finish the card at hand, and go."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def send_everything(self, *, patience_s: float = 120.0) -> None:
        """Let everybody send what is left and give back what they hold."""
        for annotator in self.annotators:
            annotator.send_everything(patience_s=patience_s)
            annotator.leave()

    @property
    def diaries(self) -> list[Diary]:
        """What they have written down."""
        return [annotator.diary for annotator in self.annotators]

    @property
    def saved(self) -> int:
        """How many of their answers were acknowledged."""
        return sum(len(diary.saved) for diary in self.diaries)

    @property
    def troubles(self) -> Counter[tuple[int, str]]:
        """What they were told when something was not acknowledged, and how often."""
        return sum((diary.troubles.copy() for diary in self.diaries), Counter())

    def _work(self, annotator: Annotator) -> None:
        try:
            while not self._stopping.is_set():
                annotator.turn()
                self._stopping.wait(self._pause())
        except BaseException as error:  # a thread's own failure is the test's
            self._failed.append(error)

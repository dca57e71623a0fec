"""Every privileged act leaves exactly one row in the audit trail: who, what, where."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from mlvajra_al.errors import Invalid, MlvajraError, NotAllowed
from mlvajra_al.records import AuditEntry, Person, Role, Scenario
from mlvajra_al.services import (
    auditing,
    backup,
    champions,
    exporting,
    external,
    importing,
    labelling,
    links,
    members,
    people,
    predicting,
    projects,
    sessions,
    simulating,
    tokens,
    training,
)
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store.audit import Filter
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_draft, a_person, a_project, a_version, an_answer, rank

PASSWORD = "correct horse battery staple"
ADA = external.Identity("https://id.test", "42", "ada", "ada@id.test", email_verified=True)


@dataclass
class Scene:
    """A workspace with an admin who acts, Ada who is acted upon, and a project with a model."""

    store: Store
    admin: Person
    folder: Path

    def csv_file(self) -> Path:
        """Return a file to import."""
        path = self.folder / "more.csv"
        pa_csv.write_csv(pa.table({"id": ["x1"], "body": ["a text"]}), path)
        return path

    def invited(self) -> str:
        """Return the token of an invitation that waits."""
        return links.invite(self.store, None, role="annotator", now=NOW)

    def a_token(self) -> int:
        """Return the id of a token of Ada's."""
        tokens.create(self.store, None, name="Ada", grant=tokens.Grant("export"), now=NOW)
        return tokens.listed(self.store, self.admin, now=NOW)[0].id

    def a_model(self) -> None:
        """Give the project a version."""
        a_version(self.store, projects.get(self.store, None, "spam"))

    def two_labels(self) -> None:
        """Give the project answers it can learn from."""
        keys = rank(self.store, projects.get(self.store, None, "spam"), 2)
        given = [an_answer(key, label) for key, label in zip(keys, ("ham", "spam"), strict=True)]
        labelling.record(self.store, self.admin, "spam", answers=given, now=NOW, lease=LEASE)

    def a_job(self) -> int:
        """Return the id of a job that waits."""
        self.two_labels()
        return training.request_retrain(self.store, self.admin, "spam", mode="full", now=NOW).id


Verb = Callable[[Scene], object]


@dataclass(frozen=True)
class Act:
    """A privileged act: what is there before, what is done, and the row that must be left."""

    action: str
    detail: str
    verb: Callable[..., object]
    before: Verb = lambda scene: None
    project: str | None = None
    who: str | None = "Root"


def _restrict(restricted: bool) -> Callable[..., object]:
    return lambda s, _: members.set_restricted(
        s.store, s.admin, "spam", restricted=restricted, now=NOW
    )


def _spam(change: Callable[[Scene], object]) -> Callable[..., object]:
    return lambda s, _: change(s)


def _add_member(scene: Scene) -> None:
    members.add(scene.store, scene.admin, "spam", name="Ada", now=NOW)


ACTS = [
    Act(
        "person added",
        "Grace (reviewer)",
        lambda s, _: people.add(
            s.store, s.admin, name=" Grace ", role="reviewer", password=PASSWORD, now=NOW
        ),
    ),
    Act(
        "person added",
        "admin (admin)",
        lambda s, _: people.ensure_admin(s.store, PASSWORD, now=NOW),
        who=None,
    ),
    Act(
        "role set to reviewer",
        "Ada",
        lambda s, _: people.set_role(s.store, s.admin, name="ada", role="reviewer", now=NOW),
    ),
    Act(
        "password set",
        "Ada",
        lambda s, _: people.set_password(s.store, s.admin, name="Ada", password=PASSWORD, now=NOW),
    ),
    Act(
        "account disabled",
        "Ada",
        lambda s, _: people.disable(s.store, s.admin, name="Ada", now=NOW),
    ),
    Act(
        "account enabled",
        "Ada",
        lambda s, _: people.enable(s.store, s.admin, name="Ada", now=NOW),
    ),
    Act(
        "person invited",
        "annotator",
        lambda s, _: links.invite(s.store, s.admin, role="annotator", now=NOW),
    ),
    Act(
        "account made with a link",
        "Grace (annotator)",
        lambda s, token: links.join(s.store, token, name="Grace", password=PASSWORD, now=NOW),
        before=Scene.invited,
        who="Grace",
    ),
    Act(
        "account made with a link",
        "Grace (admin)",
        lambda s, token: links.create_first_admin(
            s.store, token, name="Grace", password=PASSWORD, now=NOW
        ),
        before=lambda s: links.setup_link(s.store, NOW),
        who="Grace",
    ),
    Act(
        "invitation withdrawn",
        "1",
        lambda s, _: links.withdraw(s.store, s.admin, 1, now=NOW),
        before=Scene.invited,
    ),
    Act(
        "password changed",
        "Eve",
        lambda s, eve: sessions.change_password(
            s.store, eve, old=PASSWORD, new=PASSWORD * 2, keep=None, now=NOW
        ),
        before=lambda s: people.add(
            s.store, None, name="Eve", role="annotator", password=PASSWORD, now=NOW
        ),
        who="Eve",
    ),
    Act(
        "API token made",
        "Ada: export (annotate read)",
        lambda s, _: tokens.create(
            s.store,
            s.admin,
            name="Ada",
            grant=tokens.Grant("export", scopes=frozenset({"read", "annotate"})),
            now=NOW,
        ),
    ),
    Act(
        "API token revoked",
        "Ada: export",
        lambda s, number: sessions.revoke(s.store, s.admin, number, now=NOW),
        before=Scene.a_token,
    ),
    Act(
        "sessions ended",
        "Ada: 1 sessions and tokens",
        lambda s, _: sessions.revoke_everything(s.store, s.admin, name="Ada", now=NOW),
        before=Scene.a_token,
    ),
    Act(
        "sessions ended",
        "Root: 0 in other browsers",
        lambda s, _: sessions.revoke_others(s.store, s.admin, keep=None, now=NOW),
    ),
    Act(
        "account linked",
        "Root with https://id.test",
        lambda s, _: external.link(s.store, s.admin, ADA, rules=external.Rules(), now=NOW),
    ),
    Act(
        "account made by a provider",
        "bob (annotator) by https://id.test",
        lambda s, _: external.sign_in(
            s.store,
            replace(ADA, name="bob", subject="43"),
            rules=external.Rules(create_as="annotator"),
            opened=sessions.Opened(sessions.NOWHERE, NOW, timedelta(days=1)),
        ),
        who="bob",
    ),
    Act("member added", "Ada", lambda s, _: _add_member(s), project="spam"),
    Act(
        "member removed",
        "Ada; 0 claims released",
        lambda s, _: members.remove(s.store, s.admin, "spam", name="Ada", now=NOW),
        before=_add_member,
        project="spam",
    ),
    Act("project restricted to members", "0 claims released", _restrict(True), project="spam"),
    Act("project opened to everybody", "", _restrict(False), project="spam"),
    Act(
        "project created",
        "eggs",
        _spam(lambda s: projects.create(s.store, s.admin, a_draft("eggs"))),
        project="eggs",
    ),
    Act(
        "labels changed",
        "spam",
        _spam(
            lambda s: projects.set_labels(
                s.store, s.admin, "spam", labels=make_labels(["ham", "spam"]), now=NOW
            )
        ),
        project="spam",
    ),
    Act(
        "guidelines changed",
        "spam",
        _spam(lambda s: projects.set_guidelines(s.store, s.admin, "spam", text="Look.", now=NOW)),
        project="spam",
    ),
    Act(
        "policy changed",
        "spam",
        _spam(lambda s: projects.change_policy(s.store, s.admin, "spam", changes={}, now=NOW)),
        project="spam",
    ),
    Act(
        "recipe changed",
        "spam",
        _spam(
            lambda s: projects.set_recipe(
                s.store, s.admin, "spam", recipe=a_draft().recipe, now=NOW
            )
        ),
        project="spam",
    ),
    Act(
        "project archived",
        "spam",
        _spam(lambda s: projects.set_archived(s.store, s.admin, "spam", archived=True, now=NOW)),
        project="spam",
    ),
    Act(
        "project taken out of the archive",
        "spam",
        _spam(lambda s: projects.set_archived(s.store, s.admin, "spam", archived=False, now=NOW)),
        project="spam",
    ),
    Act(
        "import started",
        "more.csv",
        lambda s, path: importing.start_import(s.store, s.admin, "spam", uri=path, now=NOW),
        before=Scene.csv_file,
        project="spam",
    ),
    Act(
        "simulation asked for",
        "run 1: auto, margin, random on spam",
        _spam(
            lambda s: simulating.request(
                s.store,
                s.admin,
                "spam",
                scenario=Scenario("answers", "spam", a_draft().recipe),
                now=NOW,
            )
        ),
        project="spam",
    ),
    Act(
        "labels exported",
        "csv",
        _spam(
            lambda s: exporting.export(
                s.store, s.admin, "spam", what="labels", file_format="csv", now=NOW
            )
        ),
        project="spam",
    ),
    Act(
        "history exported",
        "parquet",
        _spam(
            lambda s: exporting.export(
                s.store, s.admin, "spam", what="history", file_format="parquet", now=NOW
            )
        ),
        project="spam",
    ),
    Act(
        "retrain asked for",
        "spam: full",
        _spam(lambda s: training.request_retrain(s.store, s.admin, "spam", mode="full", now=NOW)),
        Scene.two_labels,
        project="spam",
    ),
    Act(
        "job cancelled",
        "retrain 1",
        lambda s, job: training.cancel(s.store, s.admin, job, now=NOW),
        before=Scene.a_job,
        project="spam",
    ),
    Act(
        "predictions asked for",
        "the whole pool",
        _spam(
            lambda s: predicting.request(
                s.store, s.admin, "spam", question=predicting.Question(pool=True), now=NOW
            )
        ),
        before=Scene.a_model,
        project="spam",
    ),
    Act(
        "version promoted",
        "spam: none to version 1. better",
        _spam(
            lambda s: champions.promote(
                s.store, s.admin, "spam", number=1, expected=None, reason="better", now=NOW
            )
        ),
        before=Scene.a_model,
        project="spam",
    ),
    Act("audit exported", "", _spam(lambda s: auditing.csv(s.store, s.admin, Filter(), now=NOW))),
    Act(
        "backup made",
        "",
        _spam(lambda s: backup.backup(s.store, s.admin, s.folder / "backups", now=NOW)),
    ),
]


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    """A workspace of one admin, one annotator and one project."""
    admin = a_person(store, "Root", role="admin")
    a_person(store, "Ada")
    a_project(store)
    return Scene(store, admin, tmp_path)


def _trail(scene: Scene) -> tuple[AuditEntry, ...]:
    return auditing.listed(scene.store, scene.admin, Filter(), limit=1_000)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.action} {act.detail}".strip())
def test_a_privileged_act_leaves_one_row(scene: Scene, act: Act) -> None:
    given = act.before(scene)
    before = len(_trail(scene))

    act.verb(scene, given)

    entry, *older = _trail(scene)
    assert len(older) == before
    assert (entry.action, entry.person, entry.project) == (act.action, act.who, act.project)
    assert act.detail in entry.detail
    assert entry.at == NOW


OPEN_TO_ALL = {
    "account linked",
    "API token revoked",
    "job cancelled",
    "sessions ended",
}
"""Of one's own; whose else is tested where it is done."""
REVIEWERS = {"labels exported", "history exported"}


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_who_may_not_do_it_leaves_no_row(scene: Scene, role: Role) -> None:
    mallory = a_person(scene.store, "Mallory", role=role)
    allowed = OPEN_TO_ALL | (REVIEWERS if role == "reviewer" else set())
    acts = [act for act in ACTS if act.who == "Root" and act.action not in allowed]
    before = _trail(scene)
    for act in acts:
        with pytest.raises(NotAllowed):
            act.verb(replace(scene, admin=mallory), scene.folder)
    assert _trail(scene) == before
    assert len(acts) > 20


def test_a_refused_sign_in_is_noted_once_it_is_throttled(scene: Scene) -> None:
    origin = sessions.Origin("192.0.2.7", "curl")
    for _ in range(sessions.ATTEMPTS + 3):
        with pytest.raises(MlvajraError):
            sessions.sign_in(
                scene.store, "Ada", password="no", now=NOW, life=timedelta(1), origin=origin
            )
    (entry,) = _trail(scene)
    assert (entry.action, entry.person, entry.detail) == (
        "sign-in throttled",
        None,
        "Ada from 192.0.2.7",
    )


@pytest.fixture
def trail(scene: Scene) -> Scene:
    """Acts of two people and the server, in two projects, on three days."""
    grace = a_person(scene.store, "Grace", role="admin")
    for day, person, project in ((1, scene.admin, "spam"), (2, grace, "eggs"), (3, grace, "spam")):
        at = datetime(2026, 1, day, 12, tzinfo=UTC)
        if project == "eggs":
            projects.create(scene.store, person, replace(a_draft("eggs"), created_at=at))
        else:
            projects.set_guidelines(scene.store, person, "spam", text=str(day), now=at)
    at = datetime(2026, 1, 3, 13, tzinfo=UTC)
    people.add(scene.store, None, name="=1+1", role="annotator", password=None, now=at)
    return scene


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), ["person added", "guidelines changed", "project created", "guidelines changed"]),
        (Filter(person="Grace"), ["guidelines changed", "project created"]),
        (Filter(person=auditing.SERVER), ["person added"]),
        (Filter(person="Nobody"), []),
        (Filter(action="project created"), ["project created"]),
        (Filter(project="spam"), ["guidelines changed", "guidelines changed"]),
        (Filter(project="spam", person="Root"), ["guidelines changed"]),
        (Filter(since=datetime(2026, 1, 3, tzinfo=UTC)), ["person added", "guidelines changed"]),
        (Filter(until=datetime(2026, 1, 2, tzinfo=UTC)), ["guidelines changed"]),
        (
            Filter(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 3, tzinfo=UTC)),
            ["project created"],
        ),
    ],
    ids=str,
)
def test_the_trail_is_filtered_by_who_what_where_and_when(
    trail: Scene, wanted: Filter, found: list[str]
) -> None:
    entries = auditing.listed(trail.store, trail.admin, wanted, limit=100)
    assert [entry.action for entry in entries] == found
    assert auditing.count(trail.store, trail.admin, wanted) == len(found)


def test_the_trail_is_read_page_by_page_without_a_gap(trail: Scene) -> None:
    whole = auditing.listed(trail.store, trail.admin, Filter(), limit=100)
    seen: list[AuditEntry] = []
    before = None
    while page := auditing.listed(trail.store, trail.admin, Filter(before=before), limit=3):
        seen.extend(page)
        before = page[-1].id
    assert tuple(seen) == whole


def test_the_choices_are_what_there_is(trail: Scene) -> None:
    found = auditing.choices(trail.store, trail.admin)
    assert found.people == ("Root", "Ada", "Grace", "=1+1", auditing.SERVER)
    assert found.actions == ("guidelines changed", "person added", "project created")
    assert found.projects == ("spam", "eggs")


def test_the_trail_as_a_file_has_every_row_and_no_formula(trail: Scene) -> None:
    people.set_role(trail.store, None, name="=1+1", role="reviewer", now=NOW)
    written = b"".join(auditing.csv(trail.store, trail.admin, Filter(), now=NOW)).decode()
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [row["action"] for row in rows][:2] == ["audit exported", "role set to reviewer"]
    assert rows[1]["detail"] == "'=1+1"
    assert rows[1]["person"] == auditing.SERVER
    assert len(rows) == 6


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_page_has_a_size_that_can_be_read(trail: Scene, limit: int) -> None:
    with pytest.raises(Invalid, match=f"asked for {limit} acts at once; ask for 1 to 1000"):
        auditing.listed(trail.store, trail.admin, Filter(), limit=limit)


@pytest.mark.parametrize(
    "read",
    [
        lambda s, p: auditing.listed(s, p, Filter(), limit=1),
        lambda s, p: auditing.count(s, p, Filter()),
        lambda s, p: auditing.choices(s, p),
        lambda s, p: auditing.csv(s, p, Filter(), now=NOW),
    ],
)
@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_only_admins_read_the_trail(
    scene: Scene, read: Callable[[Store, Person], object], role: Role
) -> None:
    person = a_person(scene.store, "Eve", role=role)
    with pytest.raises(NotAllowed, match="only an admin may"):
        read(scene.store, person)

"""What the first page says, in every state a project can be in."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.errors import MISSING
from mlvajra_al.records import JobKind, Measure, Policy, Project, Role, Verdict
from mlvajra_al.services import champions, members, projects
from mlvajra_al.services.damage import said_of
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store import files, job_leases, jobs, processes, verdicts, versions
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import LEASE, a_person, a_project, a_report, a_version, rank
from tests.integration.visits.visiting import Visitor, links, of_now, press, say, words


def test_the_home_of_an_empty_workspace_tells_an_admin_how_to_begin(admin: Visitor) -> None:
    page = admin.opens("home")
    assert page.title[0].value == "Welcome"
    assert "mlvajra demo create" in words(page)


def test_the_home_of_an_empty_workspace_sends_others_to_an_admin(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor("annotator").opens("home")
    assert "An admin brings data and adds people to a project" in words(page)
    assert "demo create" not in words(page)


@pytest.mark.parametrize(
    ("role", "said"),
    [("annotator", "There are no samples yet. An admin imports them."),
     ("admin", "There are no samples yet.")],
)  # fmt: skip
def test_a_project_without_samples_says_so(
    store: Store, visitor: Callable[..., Visitor], role: Role, said: str
) -> None:
    a_project(store)
    page = visitor(role).opens("home")
    assert said in [caption.value for caption in page.caption]
    assert "Start labelling" not in words(page)


def test_more_projects_than_fit_are_said_to_be_there(store: Store, admin: Visitor) -> None:
    for number in range(9):
        a_project(store, f"project {number}")
    page = admin.opens("home")
    said = "2 more projects can be chosen in the sidebar."
    assert said in [caption.value for caption in page.caption]


def test_a_pool_that_is_answered_says_so(store: Store, admin: Visitor) -> None:
    rank(store, a_project(store, policy=Policy(holdout_rate=0.0)), 2)
    say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", "spam")
    page = admin.opens("home")
    assert "Every sample has an answer." in words(page) and "Import more" in links(page)


def test_the_way_to_the_card_is_open_where_the_address_names_the_project(
    store: Store, admin: Visitor, project: Project
) -> None:
    rank(store, a_project(store, "tickets"), 3)
    page = press(admin.opens("home", "tickets"), "Start labelling")
    assert not page.error and not page.exception, words(page)
    assert words(page) == "Annotate\n:gray[tickets]"


def test_the_cards_of_home_stand_in_one_grid_without_holes(
    store: Store, admin: Visitor, project: Project
) -> None:
    assert len(admin.opens("home").get("grid_container")) == 2, "the projects have their own"
    say(store, admin.person, "p0", "ham")
    [grid] = admin.opens("home").get("grid_container")
    assert len(grid.children) == 6


def test_of_a_flagged_sample_nobody_says_that_it_has_an_answer(
    store: Store, admin: Visitor
) -> None:
    rank(store, a_project(store, policy=Policy(holdout_rate=0.0)), 2)
    say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", None, action="flag")
    assert "Every sample has an answer or a flag." in words(admin.opens("home"))


def test_a_small_pool_that_is_answered_is_promised_nothing(store: Store, admin: Visitor) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0))
    rank(store, project, 8)
    for place in range(8):
        say(store, admin.person, f"p{place}", "ham" if place % 2 else "spam")
    a_version(store, project)
    a_report(store, project, value=None, n=1)
    with store.begin() as connection:
        move = {"expected": None, "to": 1, "person_id": None, "reason": "provisional"}
        versions.move_champion(connection, project.id, **move, now=now())
        job = job_leases.claim(connection, worker="w", now=now(), lease=LEASE)
        assert job is not None
        jobs.finish(connection, job.id, state="done", now=now(), result={"version": 1})
    said = {name: words(admin.opens(name)) for name in ("home", "train", "versions")}
    assert "All 8 samples are answered: import more to go on." in said["home"]
    assert "All 8 samples are answered: import more to go on." in said["train"]
    for text in said.values():
        assert "The pool is too small to measure" in text or "the pool is too small" in text
        assert not re.search(r"20 (more )?answers|more samples needed|by themselves", text)


def test_an_import_under_way_is_said_where_one_would_label(store: Store, admin: Visitor) -> None:
    made = a_project(store)
    with store.begin() as connection:
        jobs.enqueue(connection, made.id, "ingest", payload={}, now=now())
    page = admin.opens("home")
    assert "The worker is not running" in words(page), "nobody does the job"


def test_home_says_what_is_done_for_this_project_and_of_others_that_a_worker_is_busy(
    store: Store, admin: Visitor, visitor: Callable[..., Visitor]
) -> None:
    kinds: dict[str, JobKind] = {"spam": "examine", "tickets": "retrain", "secret": "retrain"}
    for name, kind in kinds.items():
        found, worker = a_project(store, name), f"worker of {name}"
        with store.begin() as connection:
            jobs.enqueue(connection, found.id, kind, payload={}, now=now())
            job = job_leases.claim(connection, worker=worker, now=now(), lease=LEASE)
            assert job is not None
            until = now() + LEASE
            job_leases.beat(connection, job.id, worker=worker, until=until, message=f"says {name}")
            pulse = {"kind": "worker", "started_at": now(), "now": now(), "doing": ""}
            processes.report(connection, worker, **pulse)
    members.set_restricted(store, admin.person, "secret", restricted=True, now=now())
    text = words(visitor("reviewer").opens("home", "spam"))
    assert (
        "Worker running, check labels: says spam; busy with another project: tickets, retrain; "
        "busy with another project" in text
    )
    assert "secret" not in text and "says tickets" not in text and "examine" not in text
    with store.begin() as connection:
        jobs.enqueue(connection, of_now(store).id, "simulate", payload={}, now=now())
    text = words(admin.opens("train", "spam"))
    assert "Waits for the worker. At work now: check labels: says spam; busy with another" in text


def test_what_the_workers_do_is_looked_up_once_for_all_jobs_that_wait(
    store: Store, admin: Visitor, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    before = jobs.at_work
    monkeypatch.setattr(jobs, "at_work", lambda *a, **k: looked.append(a) or before(*a, **k))
    counts = []
    kinds: tuple[JobKind, ...] = ("retrain", "examine", "simulate")
    for kind in kinds:
        with store.begin() as connection:
            jobs.enqueue(connection, project.id, kind, payload={}, now=now())
        looked.clear()
        assert "Waits for the worker." in words(admin.opens("train"))
        counts.append(len(looked))
    assert counts == [2, 2, 2], "once for what waits and once for the table"


def test_whoever_has_answered_continues(store: Store, admin: Visitor, project: Project) -> None:
    assert "Start labelling" in words(admin.opens("home"))
    say(store, admin.person, "p0", "ham")
    page = admin.opens("home")
    assert "Continue labelling" in words(page)
    assert "1 answer of yours so far, 29 samples left" in words(page)


def test_labels_with_few_answers_are_warned_of(
    store: Store, admin: Visitor, project: Project
) -> None:
    for place in range(20):
        say(store, admin.person, f"p{place}", "ham")
    [warning] = admin.opens("home").warning
    assert warning.value.startswith("Fewer than 5 answers for spam: the model can hardly know it")


def test_of_many_labels_with_few_answers_the_last_are_counted(
    store: Store, admin: Visitor, project: Project
) -> None:
    names = ("ham", *(f"topic {number}" for number in range(8)))
    labels = make_labels(list(names))
    projects.set_labels(store, admin.person, "spam", labels=labels, now=now())
    for place in range(20):
        say(store, admin.person, f"p{place}", "ham")
    [warning] = admin.opens("home").warning
    named = ", ".join(f"topic {number}" for number in range(5))
    assert warning.value.startswith(f"Fewer than 5 answers for {named} and 3 more labels: ")


@pytest.mark.parametrize(("role", "sees"), [("annotator", False), ("reviewer", True)])
def test_what_waits_is_offered_to_those_who_may_review(
    store: Store, visitor: Callable[..., Visitor], project: Project, role: Role, sees: bool
) -> None:
    someone = visitor(role)
    say(store, someone.person, "p0", None, action="flag")
    page = someone.opens("home")
    assert ("1 sample to review" in links(page)) == sees


def weighed(store: Store, project: Project, admin: Visitor, *values: float | None) -> AppTest:
    """Return the home of a project whose first version is champion, measured and not measured."""
    for number in range(1, len(values) + 1):
        a_version(store, project, number)
    weigh(store, project, *values)
    return admin.opens("home")


def weigh(store: Store, project: Project, *values: float | None) -> None:
    """Measure or do not measure versions, the first of which becomes champion by itself."""
    for number, value in enumerate(values, start=1):
        a_report(store, project, number, value=value)
    with store.begin() as connection:
        move = {"expected": None, "to": 1, "person_id": None, "reason": "provisional"}
        versions.move_champion(connection, project.id, **move, now=now())


def metrics(page: AppTest) -> list[tuple[str, str]]:
    return [(item.label.replace("\\", ""), item.value) for item in page.metric]


def test_a_newer_version_stands_beside_the_champion_with_one_way_to_compare_them(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = weighed(store, project, admin, 0.0, 0.941)
    assert metrics(page) == [("F1 (spam)", "0.000"), ("F1 (spam)", "0.941")]
    assert "**Champion**\n**Newest**" in words(page)
    assert [way for way in ways(page) if "compare" in way.lower()] == ["Compare version 2 with 1"]
    page = press(page, "Compare version 2 with 1")
    compared = [box.value for box in page.main.selectbox if box.label.startswith("Version ")]
    assert compared == [1, 2], "champion and challenger"


PAGES_OF_THE_CHAMPION = [
    ("home", {}),
    ("explain", {"explain-tab": ":material/psychology: Try it"}),
    ("data", {"data-tab": ":material/download: Export"}),
]


@pytest.mark.parametrize(("name", "tab"), PAGES_OF_THE_CHAMPION)
def test_where_a_champion_nobody_chose_answers_a_clearly_better_version_is_promoted_by_a_click(
    store: Store, admin: Visitor, project: Project, name: str, tab: dict[str, str]
) -> None:
    weighed(store, project, admin, 0.0, 0.923)
    page = admin.opens(name, **tab)
    said = "Version 1 still answers, though version 2 is clearly better: F1 (spam) 0.923, not 0.000"
    assert said in words(page)
    assert page.button(key="promote-better:2").label == "Promote version 2"
    asked = words(press(page, "Promote version 2"))
    assert "**Version 2** becomes the champion in place of version 1" in asked
    champions.promote(store, admin.person, "spam", number=2, expected=1, reason="", now=now())
    assert "still answers" not in words(admin.opens(name, **tab))


@pytest.mark.parametrize(("champion", "newest"), [(0.8, 0.88), (0.9, 0.4), (0.0, None)])
def test_a_champion_that_is_not_clearly_behind_is_not_warned_of(
    store: Store, admin: Visitor, project: Project, champion: float, newest: float | None
) -> None:
    assert "still answers" not in words(weighed(store, project, admin, champion, newest))


def test_against_a_champion_somebody_chose_only_a_comparison_speaks(
    store: Store, admin: Visitor, project: Project
) -> None:
    weighed(store, project, admin, 0.0, 0.923)
    champions.promote(store, admin.person, "spam", number=2, expected=1, reason="", now=now())
    champions.promote(store, admin.person, "spam", number=1, expected=2, reason="", now=now())
    assert "still answers" not in words(admin.opens("home"))


def test_a_better_version_with_a_damaged_file_is_not_pointed_out(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project, 1)
    newest = a_version(store, project, 2, blob=b"another estimator")
    weigh(store, project, 0.0, 0.923)
    assert "Promote version 2" in ways(admin.opens("home"))
    (store.home / "artefacts" / newest.estimator[:2] / newest.estimator).unlink()
    assert "still answers" not in words(admin.opens("home"))


def compared(store: Store, project: Project, challenger: int) -> None:
    """Store that a comparison found a version clearly better than the first one."""
    better = Measure("F1 (spam)", 0.9, 0.8, 1.0, 30)
    found = Verdict(
        1, challenger, 30, "F1 (spam)", 0.0, 0.9, better, 0, 27, 0.001,
        better=True, advice="", number=challenger,
    )  # fmt: skip
    with store.begin() as connection:
        verdicts.add(connection, project.id, found, holdout="h", now=now())


def test_a_version_somebody_rolled_back_from_is_not_pointed_out_but_a_newer_one_is(
    store: Store, admin: Visitor, project: Project
) -> None:
    weighed(store, project, admin, 0.0, 0.923)
    champions.promote(store, admin.person, "spam", number=2, expected=1, reason="", now=now())
    champions.rollback(store, admin.person, "spam", reason="", now=now())
    compared(store, project, 2)
    assert "still answers" not in words(admin.opens("home"))
    a_version(store, project, 3)
    compared(store, project, 3)
    assert "Promote version 3" in ways(admin.opens("home"))


def ways(page: AppTest) -> list[str]:
    """Return what the links and buttons of a page say."""
    return [*links(page), *(button.label for button in page.button)]


@pytest.mark.parametrize(("newest", "shown"), [(0.7, 2), (None, 1)])
def test_a_newer_version_is_shown_beside_the_champion_once_it_is_measured(
    store: Store, admin: Visitor, project: Project, newest: float | None, shown: int
) -> None:
    assert len(metrics(weighed(store, project, admin, 0.8, newest))) == shown


def test_who_may_not_promote_is_not_sent_there(
    store: Store, admin: Visitor, project: Project, visitor: Callable[..., Visitor]
) -> None:
    weighed(store, project, admin, 0.0, 0.941)
    page = visitor("annotator").opens("home")
    assert len(metrics(page)) == 2 and "Compare" not in words(page)
    assert "An admin can promote version 2." in words(page)
    assert "Promote version 2" not in ways(page)


def test_home_counts_what_the_review_shows_and_nothing_that_is_settled(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    reviewer = visitor("reviewer")
    say(store, a_person(store, "Ada"), "p0", None, action="flag")
    for name, label in (("Bob", "ham"), ("Eve", "spam")):
        say(store, a_person(store, name), "p1", label)
    assert "2 samples to review" in links(reviewer.opens("home"))
    press(reviewer.opens("review"), "Leave it without a label")
    assert "1 sample to review" in links(reviewer.opens("home"))
    press(reviewer.opens("review"), "spam")
    assert not [label for label in links(reviewer.opens("home")) if "to review" in label]


@pytest.mark.parametrize("name", ["home", "versions", "train"])
def test_a_damaged_file_is_said_on_the_pages_that_rest_on_it(
    store: Store, admin: Visitor, project: Project, name: str
) -> None:
    sentence = "The model of version 2 is damaged (artefacts/ab): version 1 answers instead."
    with store.begin() as connection:
        files.note_damage(connection, project.id, path="artefacts/ab", what=sentence, now=now())
    assert sentence in words(admin.opens(name))


def test_several_damaged_files_are_one_warning_with_short_names(
    store: Store, admin: Visitor, project: Project
) -> None:
    with store.begin() as connection:
        for digest in ("ab" * 32, "cd" * 32):
            what = said_of(f"shards/1/{digest}.arrow", MISSING)
            path = f"shards/1/{digest}.arrow"
            files.note_damage(connection, project.id, path=path, what=what, now=now())
    [said] = [warning.value.replace("\\", "") for warning in admin.opens("versions").warning]
    assert said.startswith("**2 stored files are damaged.**")
    assert "\n- A part of the pool is damaged (shards/1/abababab….arrow is missing): " in said

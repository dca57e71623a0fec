"""What each page says and does for whom, in every state a project can be in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from mlvajra_al.records import Claim, Label, Person, Policy, Project, Role
from mlvajra_al.services import claiming, labelling, projects, training, versions
from mlvajra_al.store import annotations as events
from mlvajra_al.store import damage, jobs
from mlvajra_al.store.database import Store
from mlvajra_al.web import context
from mlvajra_al.web.context import now
from tests.factories import LEASE, a_draft, a_person, a_project, a_version, an_answer, rank
from tests.integration.pages import ROOT, Visitor, press, words

NAMES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
NEEDS: dict[str, Role] = {"home": "annotator", "annotate": "annotator", "review": "reviewer"}
RANKS: dict[Role, int] = {"annotator": 0, "reviewer": 1, "admin": 2}


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    """The store of the pages' own process, on SQLite."""
    yield context.store()
    context.close()


@pytest.fixture
def visitor(store: Store) -> Callable[..., Visitor]:
    """Store a person with a session: ``visitor("reviewer")``."""
    return lambda role="admin": Visitor(store, a_person(store, f"some {role}", role=role))


@pytest.fixture
def admin(visitor: Callable[..., Visitor]) -> Visitor:
    return visitor("admin")


@pytest.fixture
def project(store: Store) -> Project:
    made = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=7))
    rank(store, made, 30)
    return made


def say(store: Store, person: Person, key: str, label: str | None, **how: str) -> str:
    answer = an_answer(key, label, action=how.get("action", "answer"), comment=how.get("why", ""))  # type: ignore[arg-type]
    labelling.record(store, person, "spam", answers=[answer], now=now(), lease=LEASE)
    return answer.event_id


def current(store: Store, project: Project) -> list[tuple[str, str, str | None]]:
    with store.read() as connection:
        found = events.listed(connection, project.id, events.Filter(current=True), limit=100)
    return [(event.sample_key, event.action, event.label) for event in found]


def of_now(store: Store) -> Project:
    return projects.get(store, None, "spam")


# ---- who may open what --------------------------------------------------------------------


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_checks_the_role_itself(
    visitor: Callable[..., Visitor], project: Project, name: str, role: Role
) -> None:
    needed = NEEDS.get(name, "admin")
    page = visitor(role).opens_alone(name) if RANKS[role] < RANKS[needed] else None
    if page is None:
        page = visitor(role).opens(name)
        assert not page.warning
        assert not page.exception
        return
    assert page.warning[0].value == f"This page is for {needed}s. Ask an admin if you need it."
    assert len(page.main) == 1, "and shows nothing else"


@pytest.mark.parametrize("name", NAMES)
def test_no_page_shows_anything_without_a_session(
    store: Store, project: Project, name: str
) -> None:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30).run()
    assert page.warning[0].value.startswith("Your session has ended.")
    assert "spam" not in words(page)


# ---- home ---------------------------------------------------------------------------------


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


def test_a_pool_that_is_answered_says_so(store: Store, admin: Visitor) -> None:
    rank(store, a_project(store, policy=Policy(holdout_rate=0.0)), 2)
    say(store, admin.person, "p0", "ham")
    say(store, admin.person, "p1", "spam")
    assert "Every sample has an answer." in words(admin.opens("home"))


def test_an_import_under_way_is_said_where_one_would_label(store: Store, admin: Visitor) -> None:
    made = a_project(store)
    with store.begin() as connection:
        jobs.enqueue(connection, made.id, "ingest", payload={}, now=now())
    page = admin.opens("home")
    assert "The worker is not running" in words(page), "nobody does the job"


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


@pytest.mark.parametrize(("role", "sees"), [("annotator", False), ("reviewer", True)])
def test_flagged_samples_are_offered_to_those_who_may_review(
    store: Store, visitor: Callable[..., Visitor], project: Project, role: Role, sees: bool
) -> None:
    someone = visitor(role)
    say(store, someone.person, "p0", None, action="flag")
    page = someone.opens("home")
    links = [link.proto.label for link in page.get("page_link")]
    assert ("1 flagged sample to review" in links) == sees


@pytest.mark.parametrize("name", ["home", "versions", "train"])
def test_a_damaged_file_is_said_on_the_pages_that_rest_on_it(
    store: Store, admin: Visitor, project: Project, name: str
) -> None:
    sentence = "The model of version 2 is damaged (artefacts/ab): version 1 answers instead."
    with store.begin() as connection:
        damage.note(connection, project.id, path="artefacts/ab", what=sentence, now=now())
    assert sentence in words(admin.opens(name))


# ---- train --------------------------------------------------------------------------------

SETTINGS = {"train-tab": ":material/tune: Settings"}


def test_the_policy_is_saved_as_it_stands_in_the_form(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    place = project.id
    page.number_input(f"every:{place}").set_value(11)
    page.number_input(f"full:{place}").set_value(3)
    page.number_input(f"overlap:{place}").set_value(2)
    page.slider(f"rate:{place}").set_value(0.5)
    page.toggle(f"explain:{place}").set_value(True)
    page.radio(f"strategy:{place}").set_value("entropy")
    first_save(page).click().run()
    assert "The policy is saved" in words(page)
    saved = replace(
        project.policy, retrain_every=11, full_every=3, overlap=2, holdout_rate=0.5,
        explain_on_card=True, strategy="entropy",
    )  # fmt: skip
    assert of_now(store).policy == saved


def first_save(page: AppTest) -> Button:
    return next(button for button in page.button if button.label == "Save")


def test_the_settings_of_one_project_are_not_shown_for_another(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_project(store, "other", policy=Policy(retrain_every=33))
    page = admin.opens("train", **SETTINGS)
    page.number_input(f"every:{project.id}").set_value(11)
    page.sidebar.selectbox[0].set_value("other").run()
    shown = [item.value for item in page.number_input if item.label == "Answers until a retrain"]
    assert shown == [33]


def test_another_estimator_is_another_recipe_and_reads_the_pool_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    [estimator] = [box for box in page.selectbox if box.label == "Estimator"]
    estimator.set_value("random_forest")
    page.button[-1].click().run()
    assert "the pool is read again" in words(page)
    assert of_now(store).recipe.estimator == "random_forest"
    assert [job.kind for job in training.jobs_of(store, "spam")] == ["prepare"]


def test_a_recipe_that_is_saved_unchanged_changes_nothing(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("train", **SETTINGS)
    page.button[-1].click().run()
    assert page.info[0].value == "Nothing was changed."
    assert training.jobs_of(store, "spam") == ()


def test_a_retrain_is_queued_shown_as_waiting_and_cancelled(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = press(admin.opens("train"), "Start")
    assert [job.state for job in training.jobs_of(store, "spam")] == ["queued"]
    assert "The worker is not running, so these wait." in words(page)
    press(page, "Cancel")
    assert [job.state for job in training.jobs_of(store, "spam")] == ["cancelled"]


# ---- data ---------------------------------------------------------------------------------


def test_guidelines_are_saved_and_images_in_them_become_links(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/menu_book: Guidelines"})
    page.text_area(f"guidelines:{project.id}").set_value("See ![this](http://evil.example/x.png)")
    press(page, "Save the guidelines")
    assert "The guidelines are saved." in words(page)
    assert of_now(store).guidelines == "See ![this](http://evil.example/x.png)"
    assert "See [this](http://evil.example/x.png)" in [item.value for item in page.markdown]


def test_a_project_is_archived_only_after_a_yes_and_taken_out_again(
    store: Store, admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/archive: Archive"})
    assert [button.disabled for button in page.button if button.label == "Archive"] == [True]
    page.checkbox(f"sure:{project.id}").check().run()
    press(page, "Archive")
    assert of_now(store).archived_at is not None
    assert "No project yet" in words(page)
    press(page, "Take out")
    assert of_now(store).archived_at is None
    assert "spam is out of the archive." in words(page)


def test_predictions_before_the_first_version_are_refused_in_a_sentence(
    admin: Visitor, project: Project
) -> None:
    page = admin.opens("data", **{"data-tab": ":material/download: Export"})
    press(page, "Predict the whole pool")
    assert len(page.error) == 1
    assert page.error[0].value.endswith(".")


# ---- my answers ---------------------------------------------------------------------------

MINE = {"annotate_view": "My answers"}


def listed(page: AppTest) -> int:
    return len([button for button in page.button if button.label == "Take back"])


def show(page: AppTest, kind: tuple[str | None, str | None]) -> AppTest:
    [box] = [box for box in page.main.selectbox if box.label == "Show"]
    box.set_value(kind).run()
    return page


def test_a_label_called_flagged_is_not_mixed_up_with_what_was_flagged(
    store: Store, admin: Visitor
) -> None:
    made = projects.create(
        store,
        admin.person,
        replace(
            a_draft("spam"),
            labels=projects.make_labels(["flagged", "skipped", "Everything"]),
        ),
    )
    rank(store, made, 6)
    for place, label in enumerate(("flagged", "skipped", "Everything")):
        say(store, admin.person, f"p{place}", label)
    say(store, admin.person, "p3", None, action="flag", why="odd")
    say(store, admin.person, "p4", None, action="skip")
    page = admin.opens("annotate", **MINE)
    assert listed(page) == 5
    for kind in (("answer", "flagged"), ("answer", "skipped"), ("answer", "Everything"),
                 ("flag", None), ("skip", None)):  # fmt: skip
        assert listed(show(page, kind)) == 1
    assert listed(show(page, (None, None))) == 5


def test_an_answer_is_changed_and_taken_back_from_the_list(
    store: Store, admin: Visitor, project: Project
) -> None:
    event = say(store, admin.person, "p0", "ham")
    page = admin.opens("annotate", **MINE)
    page.selectbox(f"change_{event}").set_value("spam").run()
    assert current(store, project) == [("p0", "answer", "spam")]
    press(page, "Take back")
    assert current(store, project) == [("p0", "retract", None)]
    assert "Nothing here" in words(page)


def test_many_answers_are_paged_newest_first(
    store: Store, admin: Visitor, project: Project
) -> None:
    for place in range(12):
        say(store, admin.person, f"p{place}", "ham")
    page = admin.opens("annotate", **MINE)
    assert listed(page) == 10
    assert "text number 11" in words(page)
    press(page, "Older")
    assert listed(page) == 2
    assert "text number 0" in words(page)
    press(page, "Newer")
    assert listed(page) == 10


def test_an_answer_that_came_late_says_so_to_its_person_and_to_reviewers(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    slow, quick, reviewer = visitor("annotator"), a_person(store, "Quick"), visitor("reviewer")
    claim = claimed(store, slow.person, at=now())
    later = now() + timedelta(hours=1)
    taken = claimed(store, quick, at=later)
    assert taken.sample_key == claim.sample_key
    for person, given, label in ((quick, taken, "ham"), (slow.person, claim, "spam")):
        labelling.record(
            store, person, "spam", answers=[an_answer(given, label)], now=later, lease=LEASE
        )
    assert "late: it had gone to somebody else" in words(slow.opens("annotate", **MINE))
    assert "late: it had gone to somebody else" in words(reviewer.opens("review"))


def claimed(store: Store, person: Person, *, at: datetime) -> Claim:
    rng = np.random.default_rng(0)
    [claim] = claiming.claim(store, person, "spam", n=1, now=at, lease=LEASE, rng=rng)
    return claim


# ---- review -------------------------------------------------------------------------------


def differing(store: Store) -> None:
    say(store, a_person(store, "Ada"), "p0", "ham")
    say(store, a_person(store, "Bob"), "p0", "spam")


def test_a_reviewer_reads_what_both_said_and_what_stays_if_nothing_is_decided(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = visitor("reviewer").opens("review")
    said = words(page)
    assert "**Ada** answered ham" in said
    assert "**Bob** answered spam" in said
    assert "Leave it as ham" in said
    press(page, "Leave it as ham")
    assert "Nothing to review" in words(page)


def test_a_reviewers_label_wins(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    differing(store)
    page = press(visitor("reviewer").opens("review"), "spam")
    assert "Nothing to review" in words(page)
    with store.read() as connection:
        decided = [e for e in events.of_sample(connection, project.id, "p0") if e.adjudicates]
    assert [(event.person, event.label) for event in decided] == [("some reviewer", "spam")]


def test_what_nobody_answered_can_only_be_left_without_a_label(
    store: Store, visitor: Callable[..., Visitor], project: Project
) -> None:
    say(store, a_person(store, "Ada"), "p0", None, action="flag", why="what is this?")
    page = visitor("reviewer").opens("review")
    assert "what is this?" in words(page)
    press(page, "Leave it without a label")
    assert "Nothing to review" in words(page)


# ---- versions -----------------------------------------------------------------------------


def test_without_a_version_the_page_says_when_the_first_one_comes(
    admin: Visitor, project: Project
) -> None:
    for name in ("versions", "explain"):
        assert "The first one comes 7 answers in" in words(admin.opens(name))


def test_the_buttons_that_move_the_champion_say_to_which_version(
    store: Store, admin: Visitor, project: Project
) -> None:
    for number in (1, 2):
        a_version(store, project, number)
    assert buttons(admin.opens("versions")) == [("Promote version 2", False), ("Roll back", True)]
    for number, expected in ((1, None), (2, 1)):
        versions.promote(
            store, admin.person, "spam", number=number, expected=expected, reason="", now=now()
        )
    page = admin.opens("versions")
    assert buttons(page) == [("Promote version 2", True), ("Roll back to version 1", False)]


def buttons(page: AppTest) -> list[tuple[str, bool]]:
    return [(b.label, b.disabled) for b in page.button if b.key in ("promote", "rollback")]


# ---- hostile words ------------------------------------------------------------------------

HOSTILE = "<img src=x onerror=alert(1)> **b** [l](http://evil.example) :material/delete: $x$"
LIVE = re.compile(r"(?<!\\)<img|\]\(http|\*\*b\*\*|:material/delete:|\$x\$")


def hostile(store: Store, admin: Person) -> None:
    """Store a project whose every word is an attempt, with answers and a flag."""
    labels = [
        Label(f"{HOSTILE} {place}", f"{HOSTILE} shown {place}", key, "#2563eb", HOSTILE)
        for place, key in enumerate("12")
    ]
    drafted = replace(a_draft("spam"), labels=tuple(labels), guidelines="plain")
    rank(store, projects.create(store, admin, drafted), 6)
    ada = a_person(store, f"Ada {HOSTILE}"[:80])
    say(store, ada, "p0", labels[0].name)
    say(store, ada, "p1", None, action="flag", why=HOSTILE)
    say(store, admin, "p1", labels[1].name)


@pytest.mark.parametrize(
    ("name", "remembered"),
    [
        ("home", {}),
        ("annotate", MINE),
        ("review", {}),
        ("train", {}),
        ("versions", {}),
        ("explain", {}),
        *(("data", {"data-tab": tab}) for tab in (
            ":material/table: Columns", ":material/label: Labels", ":material/archive: Archive",
        )),
        ("admin", {}),
    ],
)  # fmt: skip
def test_words_of_people_reach_markdown_only_escaped(
    store: Store, admin: Visitor, name: str, remembered: dict[str, str]
) -> None:
    hostile(store, admin.person)
    page = admin.opens(name, **remembered)
    assert not page.exception
    kinds = (page.title, page.subheader, page.markdown, page.caption, page.warning, page.error)
    shown = [element.value for kind in kinds for element in kind]
    shown += [button.label for button in page.button] + [
        button.help or "" for button in page.button
    ]
    for text in shown:
        assert not LIVE.search(text)

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import Conflict, Invalid, NotAllowed, NotFound, PoolExhausted
from mlvajra_al.records import Person
from mlvajra_al.services import demo, members, projects
from mlvajra_al.services.demo import Plan
from mlvajra_al.services.demo_projects import DEMOS, SPAM, TUMOUR_COLUMNS
from mlvajra_al.services.jobs import demo_files
from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs
from mlvajra_al.store.database import Store
from mlvajra_al.worker import run_once
from tests.factories import NOW, a_person, a_project, rank
from tests.rehearsal import SPAM as E_MAILS

GOLD = ["ham", "spam"]


def clock() -> datetime:
    return NOW


@pytest.fixture
def admin(store: Store) -> Person:
    return a_person(store, "Grace", role="admin")


@pytest.fixture
def spam(store: Store, admin: Person, tmp_path: Path) -> list[str]:
    """A small pool with gold; the true label of every sample in order."""
    return import_spam(store, admin, tmp_path)


def import_spam(store: Store, admin: Person, tmp_path: Path) -> list[str]:
    truth = [GOLD[place % 3 == 0] for place in range(120)]
    table = pa.table(
        {
            "id": [f"m{place}" for place in range(120)],
            "subject": [f"about {place}" for place in range(120)],
            "body": [f"text {place} of {label}" for place, label in enumerate(truth)],
            "label": truth,
        }
    )
    pq.write_table(table, tmp_path / "mails.parquet")
    projects.create(store, admin, SPAM.project(NOW))
    demo.load(store, admin, "spam", path=tmp_path / "mails.parquet", now=NOW)
    done = run_once(store, "test", clock=clock)
    assert done is not None
    assert done.state == "done", done.error
    return truth


def simulate(store: Store, labels: int, *, error_rate: float = 0.0, seed: int = 0) -> list[int]:
    person = demo.annotator(store, "demo-annotator", now=NOW)
    return list(
        demo.annotate(
            store,
            person,
            "spam",
            plan=Plan(labels, error_rate),
            rng=np.random.default_rng(seed),
            clock=clock,
        )
    )


def answers(store: Store) -> list[tuple[int, str | None]]:
    with store.read() as connection:
        found = events.history(connection, projects.get(store, None, "spam").id, events.Filter())
        return [(item.position, item.label) for item in found if item.action == "answer"]


@pytest.mark.parametrize("labels", [1, 7, 50])
def test_exactly_as_many_answers_are_stored_as_were_asked_for(
    store: Store, spam: list[str], labels: int
) -> None:
    assert simulate(store, labels)[-1] == labels
    said = answers(store)
    assert len(said) == len({position for position, _ in said}) == labels
    assert all(label == spam[position] for position, label in said)


def test_a_share_of_the_answers_is_wrong(store: Store, spam: list[str]) -> None:
    simulate(store, 90, error_rate=0.3, seed=5)
    wrong = sum(label != spam[position] for position, label in answers(store))
    assert 15 <= wrong <= 40


def test_the_same_seed_tells_the_same_story_in_another_workspace(tmp_path: Path) -> None:
    stories = []
    for place in ("here", "there"):
        store = Store.open(f"sqlite:///{tmp_path / place / 'mlvajra.db'}", tmp_path / place)
        store.migrate()
        import_spam(store, a_person(store, "Grace", role="admin"), tmp_path)
        simulate(store, 40, error_rate=0.2, seed=3)
        stories.append(answers(store))
        store.close()
    assert stories[0] == stories[1]


def test_claims_never_reach_past_the_next_retrain(store: Store, spam: list[str]) -> None:
    steps = simulate(store, 50)
    assert {20, 40} <= set(steps)
    assert max(np.diff([0, *steps])) <= demo.CARDS
    with store.read() as connection:
        project = projects.get(store, None, "spam")
        assert jobs.listed(connection, project.id, kinds=("retrain",))


def test_a_pool_that_runs_dry_is_said_with_numbers(store: Store, spam: list[str]) -> None:
    with pytest.raises(PoolExhausted, match="asked for 130 samples but 120 are left"):
        simulate(store, 130)
    assert len(answers(store)) == 120


def test_the_simulated_annotator_cannot_sign_in_and_is_made_once(store: Store) -> None:
    first = demo.annotator(store, "demo-annotator", now=NOW)
    assert first.role == "annotator"
    assert demo.annotator(store, "demo-annotator", now=NOW) == first


def test_an_annotator_who_is_no_member_is_told_how_to_become_one(store: Store) -> None:
    a_project(store, "secret")
    root = a_person(store, "Root", role="admin")
    members.set_restricted(store, root, "secret", restricted=True, now=NOW)
    who = demo.annotator(store, "demo-annotator", now=NOW)
    with pytest.raises(Conflict, match="secret --add demo-annotator"):
        demo.require_access(store, who, "secret")
    members.add(store, root, "secret", name="demo-annotator", now=NOW)
    demo.require_access(store, who, "secret")


def test_a_project_without_gold_cannot_be_simulated(store: Store) -> None:
    rank(store, a_project(store), 5)
    with pytest.raises(Conflict, match="no gold column"):
        simulate(store, 1)


@pytest.mark.parametrize(("labels", "rate"), [(0, 0.0), (-1, 0.0), (5, 1.5), (5, -0.1)])
def test_a_plan_that_makes_no_sense_is_refused(store: Store, labels: int, rate: float) -> None:
    a_project(store)
    with pytest.raises(Invalid, match="cannot be simulated"):
        simulate(store, labels, error_rate=rate)


def test_the_demo_projects_are_made_once_and_then_wait_for_their_data(
    store: Store, admin: Person
) -> None:
    assert demo.wanted(store)
    assert [project.name for project in demo.create(store, admin, now=NOW)] == list(DEMOS)
    assert not demo.wanted(store)
    assert demo.create(store, admin, now=NOW) == ()
    assert demo.unloaded(store) == tuple(DEMOS)


def test_an_import_under_way_is_not_asked_for_again(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    demo.create(store, admin, now=NOW)
    path = demo_files.write("tumours", tmp_path)
    demo.load(store, admin, "tumours", path=path, now=NOW)
    assert demo.unloaded(store) == ("spam", "digits")


def test_a_project_of_ones_own_is_never_taken_for_a_demo(store: Store) -> None:
    a_project(store, "spam")
    assert demo.unloaded(store) == ()


def test_only_an_admin_makes_the_demo_projects(store: Store) -> None:
    with pytest.raises(NotAllowed):
        demo.create(store, a_person(store), now=NOW)


def test_the_files_hold_what_the_projects_expect(tmp_path: Path) -> None:
    tumours = pq.read_table(demo_files.write("tumours", tmp_path))
    assert tumours.num_rows == 569
    assert set(tumours.column_names) == {"id", "label", *TUMOUR_COLUMNS}
    assert Counter(tumours["label"].to_pylist()) == {"malignant": 212, "benign": 357}
    digits = pq.read_table(demo_files.write("digits", tmp_path))
    assert digits.num_rows == 1797
    assert np.array(digits["pixels"][0].as_py()).shape == (8, 8)
    assert set(digits["label"].to_pylist()) == {label.name for label in DEMOS["digits"].labels}
    assert [path.suffix for path in tmp_path.iterdir()] == [".parquet"] * 2
    with pytest.raises(NotFound):
        demo_files.write("nothing", tmp_path)


def test_the_gold_column_is_never_an_input() -> None:
    for made in DEMOS.values():
        project = made.project(NOW)
        assert project.gold_column not in {column.name for column in project.recipe.columns}
        assert all(label.definition for label in project.labels)
        assert len(project.guidelines) > 400
        assert replace(project, seed=0) != project


def test_no_key_of_a_demo_tells_the_answer(tmp_path: Path) -> None:
    files = {name: demo_files.write(name, tmp_path) for name in demo_files.FILES}
    for made in DEMOS.values():
        table = pq.read_table(files.get(made.name, E_MAILS))
        keys = table[made.key].to_pylist() if made.key else []
        names = {label.name for label in made.labels if not label.name.isdigit()}
        assert not [key for key in keys if any(name in key for name in names)]

"""A damaged shard takes its own samples away from annotators, and no others; and it is said."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import event

from mlvajra_al.errors import MISSING, UNLIKE, Damaged
from mlvajra_al.records import Claim, Person, Policy, Project, Ranked, Why
from mlvajra_al.services import cards, claiming, damage, overview
from mlvajra_al.store import projects, ranking
from mlvajra_al.store.database import Store
from mlvajra_al.store.naming import Plan
from mlvajra_al.store.shards import Pool, open_pool, pool_folder
from mlvajra_al.store.staging import commit, stage
from tests.factories import LEASE, NOW, TEXTS, a_person, a_project
from tests.integration.conftest import Web

ROWS = 10


@pytest.fixture
def project(store: Store) -> Project:
    """A pool of three shards of ten samples, all ranked in order of position."""
    return a_pool(store)


def a_pool(store: Store) -> Project:
    project = a_project(store, policy=Policy(holdout_rate=0.0))
    folder = pool_folder(store.home, project.id)
    rows = [{"id": f"p{place}", "body": f"text number {place}"} for place in range(3 * ROWS)]
    staged = stage(
        folder,
        pa.Table.from_pylist(rows, schema=TEXTS).to_batches(),
        existing=Pool(folder, ()),
        plan=Plan(project.id, "test", project.seed, ("body",), max_rows=ROWS, key_column="id"),
        at=NOW,
        place="row {}".format,
    )
    ranked = [
        Ranked(f"p{place}", place, Why("random", None, place, None, None, holdout=False))
        for place in range(3 * ROWS)
    ]
    with store.begin() as connection:
        projects.add_shards(connection, commit(staged, folder))
        ranking.extend(connection, project.id, ranked, overlap=1)
    open_pool.cache_clear()
    return project


def spoil(store: Store, project: Project, number: int, *, gone: bool) -> Path:
    """Damage a shard so that it cannot even be opened; return its file."""
    with store.read() as connection:
        shard = projects.shards(connection, project.id)[number]
    path = pool_folder(store.home, project.id) / f"{shard.sha256}.arrow"
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
    open_pool.cache_clear()
    return path


def flip(store: Store, project: Project, number: int) -> Path:
    """Flip one bit in the middle of a shard, which can be opened still."""
    with store.read() as connection:
        shard = projects.shards(connection, project.id)[number]
    path = pool_folder(store.home, project.id) / f"{shard.sha256}.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def claim(store: Store, person: Person, n: int) -> tuple[Claim, ...]:
    return claiming.claim(
        store, person, "spam", n=n, now=NOW, lease=LEASE, rng=np.random.default_rng(0)
    )


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_samples_of_a_damaged_shard_are_left_out_and_the_damage_is_told(
    store: Store, project: Project, number: int, gone: bool
) -> None:
    ada = a_person(store)
    path = spoil(store, project, number, gone=gone)
    handed = claim(store, ada, 15) + claim(store, ada, 15)
    lost = {f"p{place}" for place in range(number * ROWS, (number + 1) * ROWS)}
    assert {one.sample_key for one in handed} == {f"p{n}" for n in range(3 * ROWS)} - lost
    (told,) = damage.listed(store, ada, "spam")
    assert told.path == f"shards/{project.id}/{path.name}"
    assert told.what == damage.said_of(told.path, MISSING if gone else UNLIKE)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_who_find_the_damage_at_once_are_both_handed_what_is_whole(
    store: Store, project: Project
) -> None:
    crowd = [a_person(store, name) for name in ("Ada", "Grace")]
    path = spoil(store, project, 0, gone=True)
    together = threading.Barrier(2)

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO damage"):
            together.wait(timeout=30)

    event.listen(store.engine, "before_cursor_execute", wait)
    with ThreadPoolExecutor(2) as threads:
        handed = list(threads.map(lambda person: claim(store, person, 1), crowd))
    assert sorted(one.sample_key for (one,) in handed) == ["p10", "p11"]
    (told,) = damage.listed(store, crowd[0], "spam")
    assert told.path == f"shards/{project.id}/{path.name}"


def test_when_nothing_else_is_left_the_annotator_is_told_why(
    store: Store, project: Project
) -> None:
    ada = a_person(store)
    path = spoil(store, project, 1, gone=False)
    claim(store, ada, 20)
    with pytest.raises(Damaged, match=f"{path.name} is damaged.* restore it from a backup"):
        claim(store, ada, 1)


def test_cards_of_whole_shards_are_drawn_beside_a_damaged_first_one(
    store: Store, project: Project
) -> None:
    ada = a_person(store)
    spoil(store, project, 0, gone=True)
    handed = claiming.handing_out(
        store, ada, "spam", n=2, at=(NOW, LEASE), rng=np.random.default_rng(0)
    )
    drawn = cards.drawn(store.write(handed))
    assert [card["blocks"][0]["text"] for card in drawn] == ["text number 10", "text number 11"]


def test_a_file_that_is_put_back_is_read_without_a_new_start(
    store: Store, project: Project
) -> None:
    ada = a_person(store)
    with store.read() as connection:
        shard = projects.shards(connection, project.id)[0]
    whole = (pool_folder(store.home, project.id) / f"{shard.sha256}.arrow").read_bytes()
    path = spoil(store, project, 0, gone=True)
    assert claim(store, ada, 1)[0].sample_key == "p10"
    path.write_bytes(whole)
    assert claim(store, ada, 1)[0].sample_key == "p0"


def asked(program: httpx.Client, n: int) -> list[str]:
    answer = program.post("/api/v1/projects/spam/claims", json={"n": n})
    assert answer.status_code == 200, answer.text
    return [one["sample_key"] for one in answer.json()]


def test_no_card_is_drawn_from_a_shard_of_which_one_bit_is_wrong(web: Web) -> None:
    project = a_pool(web.store)
    program = web.program("Ada")
    assert asked(program, 2) == ["p0", "p1"]
    path = flip(web.store, project, 0)

    assert asked(program, 3) == ["p10", "p11", "p12"]
    (told,) = damage.listed(web.store, None, "spam")
    assert told.what == damage.said_of(f"shards/{project.id}/{path.name}", UNLIKE)
    held = program.post("/api/v1/projects/spam/claims/heartbeat").json()
    assert held["held"] == []
    flip(web.store, project, 0)
    assert asked(program, 1) == ["p2"], "what it took by mistake it gave back"


def test_a_shard_that_is_gone_while_it_is_open_shows_nothing_more(web: Web) -> None:
    project = a_pool(web.store)
    program = web.program("Ada")
    assert asked(program, 1) == ["p0"]
    spoiled = pool_folder(web.store.home, project.id)
    with web.store.read() as connection:
        first = projects.shards(connection, project.id)[0]
    (spoiled / f"{first.sha256}.arrow").unlink()
    assert asked(program, 1) == ["p10"]


def test_what_else_shows_a_sample_of_a_damaged_shard_says_so(
    store: Store, project: Project
) -> None:
    path = flip(store, project, 1)
    assert overview.sample(store, None, "spam", "p3").row["body"] == "text number 3"
    with pytest.raises(Damaged, match=f"{path.name} is damaged"):
        overview.sample(store, None, "spam", "p13")

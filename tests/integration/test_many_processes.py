"""Several web processes on one database: nothing handed out twice, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

from mlvajra_al.records import Policy
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from tests.factories import a_person, a_project, rank

PROCESS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlvajra_al.services import claiming, labelling, people
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, an_answer

url, home, *names = sys.argv[1:]
store = Store.open(url, Path(home))
store.start_writer()


def work(name):
    person, rng, stored = people.get(store, name), np.random.default_rng(0), []
    while taken := claiming.claim(store, person, "spam", n=2, now=NOW, lease=LEASE, rng=rng):
        for claim in taken:
            answer = [an_answer(claim)]
            labelling.record(store, person, "spam", answers=answer, now=NOW, lease=LEASE)
            stored.append([answer[0].event_id, claim.sample_key, name])
    return stored


with ThreadPoolExecutor(len(names)) as pool:
    print(json.dumps([item for stored in pool.map(work, names) for item in stored]))
store.close()
"""


def test_two_processes_share_a_pool_without_a_word_lost_or_twice(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, overlap=2))
    keys = rank(store, project, 30)
    teams = [["Ada", "Bob"], ["Eve", "Joe"]]
    for name in (name for team in teams for name in team):
        a_person(store, name)
    url = store.engine.url.render_as_string(hide_password=False)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url, str(store.home), *team], stdout=subprocess.PIPE
        )
        for team in teams
    ]
    told = [json.loads(child.communicate(timeout=120)[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    acknowledged = [tuple(item) for stored in told for item in stored]
    with store.read() as connection:
        log = list(events.history(connection, project.id, events.Filter()))
    assert sorted(acknowledged) == sorted((e.event_id, e.sample_key, e.person) for e in log)
    assert Counter(event.sample_key for event in log) == dict.fromkeys(keys, 2)
    assert [event.seq for event in log] == list(range(1, 61))
    assert not any(event.late for event in log)

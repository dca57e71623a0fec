"""Several labels a sample, from the import to an export, on both databases."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection, update

from mlvajra_al import worker
from mlvajra_al.errors import BadSource, Conflict, Invalid
from mlvajra_al.records import (
    Answer,
    Column,
    Plan,
    Policy,
    Project,
    Recipe,
    Run,
    Scenario,
    Truth,
)
from mlvajra_al.records.label_sets import from_text, to_text
from mlvajra_al.services import (
    advice,
    answers,
    demo,
    exporting,
    importing,
    labelling,
    mistakes,
    predicting,
    projects,
    reviewing,
    simulating,
    versions,
)
from mlvajra_al.services.jobs import imported_labels, oracles, playing, rebuilding
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.progress import progress
from mlvajra_al.store import annotations as events
from mlvajra_al.store import checks
from mlvajra_al.store import projects as stored_projects
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import annotation
from mlvajra_al.web.api.models import public_job
from tests.factories import LEASE, a_draft, a_person, rank
from tests.integration.conftest import Web
from tests.rehearsal import Rehearsal
from tests.workers import work

LABELS = ["art", "money", "sport"]
WORDS = {"art": ("museum", "painting"), "money": ("bank", "price"), "sport": ("match", "goal")}


def articles(rows: int = 240, *, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    topics = [[name for name in LABELS if rng.random() < 0.4] for _ in range(rows)]
    bodies = [
        " ".join([*(str(rng.choice(WORDS[name])) for name in given), "the", "and", f"n{place}"])
        for place, given in enumerate(topics)
    ]
    return pa.table({"id": [f"a{n}" for n in range(rows)], "body": bodies, "topics": topics})


def a_news_project(**policy: Any) -> Project:
    drafted = projects.draft(
        "news",
        labels=make_labels(LABELS),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=3,
    )
    chosen = Policy(retrain_every=10, full_every=3) if not policy else Policy(**policy)
    return replace(drafted, policy=chosen, key_column="id", gold_column="topics", multilabel=True)


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Rehearsal:
    """A pool of articles whose true topics are known."""
    source = tmp_path / "news.parquet"
    pq.write_table(articles(), source)
    begun = Rehearsal.begin(store, a_news_project(), source=source)
    begun.work()
    return begun


def annotate(loop: Rehearsal, count: int) -> None:
    said = demo.annotate(
        loop.store,
        loop.admin,
        "news",
        plan=demo.Plan(labels=count),
        rng=loop.rng,
        clock=worker.utc_now,
    )
    for _ in said:
        loop.work()


def read_export(loop: Rehearsal, what: exporting.What, file_format: Any) -> bytes:
    pieces = exporting.export(
        loop.store, loop.admin, "news", what=what, file_format=file_format, now=worker.utc_now()
    )
    return b"".join(pieces)


def test_the_whole_loop_from_import_to_export(loop: Rehearsal, tmp_path: Path) -> None:
    annotate(loop, 120)
    made = loop.versions()
    assert {version.mode for version in made} == {"full", "warm_start"}
    assert "Cold start" not in made[-1].asks and "hesitates" in made[-1].asks
    assert sum(made[-1].label_counts.values()) != made[-1].n_labels
    assert set(made[-1].label_counts) == set(LABELS)
    last = made[-1].number

    found = versions.report(loop.store, None, "news", last)
    assert found is not None and found.evaluation.headline.name == "micro F1"
    assert (found.evaluation.headline.value or 0) > 0.85
    assert rebuilding.rebuild(loop.store, None, "news", number=last, now=worker.utc_now()).identical

    job = predicting.request(
        loop.store,
        loop.admin,
        "news",
        question=predicting.Question(pool=True, version=last, file_format="parquet"),
        now=worker.utc_now(),
    )
    loop.work()
    table = pq.read_table(
        predicting.result_path(loop.store, predicting.wait(loop.store, job.id, seconds=0))
    ).to_pylist()
    truth = dict(zip(articles()["id"].to_pylist(), articles()["topics"].to_pylist(), strict=True))
    right = sum(sorted(row["label"]) == sorted(truth[row["key"]]) for row in table)
    assert right / len(table) > 0.7
    assert all(len(row["label"]) == len(row["probability"]) for row in table)

    lines = [json.loads(line) for line in read_export(loop, "labels", "jsonl").splitlines()]
    assert len(lines) == 120
    assert all(sorted(line["label"]) == sorted(truth[line["key"]]) for line in lines)
    assert b'"[""' in read_export(loop, "labels", "csv")
    history = [json.loads(line) for line in read_export(loop, "history", "jsonl").splitlines()]
    assert all(isinstance(line["label"], list) for line in history)
    counts = progress(loop.store, loop.admin, "news", now=worker.utc_now())
    assert counts.answered == 120 and sum(counts.counts.values()) == sum(
        len(line["label"]) for line in lines
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_more_labels_would_bring_is_told_by_micro_f1(loop: Rehearsal) -> None:
    annotate(loop, 40)
    early = advice.newest(loop.store, loop.admin, "news")
    assert early is not None and early.forecast is None and "needed" in early.missing
    annotate(loop, 110)
    found = advice.newest(loop.store, loop.admin, "news")
    assert found is not None and found.forecast is not None, found
    assert found.forecast.metric == "micro F1"
    estimated = found.estimated
    assert estimated.name == "estimated micro F1" and estimated.low is not None
    last = versions.report(loop.store, None, "news", found.version)
    assert last is not None and (last.evaluation.headline.value or 0) > estimated.low


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_versions_are_compared_by_labels_wrong_and_explained_label_by_label(
    loop: Rehearsal,
) -> None:
    annotate(loop, 150)
    last = loop.versions()[-1].number
    job = versions.request_evaluation(
        loop.store, loop.admin, "news", numbers=[1, last], now=worker.utc_now()
    )
    loop.work()
    verdict = (predicting.wait(loop.store, job.id, seconds=0).result or {})["verdict"]
    assert verdict["metric"] == "micro F1" and verdict["nearer"]
    whole = versions.global_explanation(loop.store, None, "news", last)
    assert whole is not None and set(whole.labels) == set(LABELS)
    asked = predicting.request(
        loop.store,
        loop.admin,
        "news",
        question=predicting.Question(rows=[{"body": "the museum at the bank"}], version=last),
        now=worker.utc_now(),
    )
    loop.work()
    [answer] = (predicting.wait(loop.store, asked.id, seconds=0).result or {})["predictions"]
    assert set(answer["label"]) == {"art", "money"}
    sent = public_job(predicting.wait(loop.store, asked.id, seconds=0))["result"]
    assert sent["predictions"][0]["explanation"]["label"] == answer["label"]
    reasons = answer["explanation"]["attributions"]
    assert {reason["label"] for reason in reasons} == set(LABELS)
    bare = predicting.request(
        loop.store,
        loop.admin,
        "news",
        question=predicting.Question(
            rows=[{"body": "the museum at the bank"}], version=last, explain=False
        ),
        now=worker.utc_now(),
    )
    loop.work()
    sent = public_job(predicting.wait(loop.store, bare.id, seconds=0))["result"]
    assert sent["predictions"] == [answer | {"explanation": None}]


def test_labels_that_exist_already_are_imported_however_they_are_written(
    store: Store, tmp_path: Path
) -> None:
    pool = tmp_path / "pool.csv"
    rows = ["a1,one,art; sport", 'a2,two,"[""money""]"', "a3,three,[]", "a4,four,", "a5,five,art"]
    pool.write_text("id,body,topics\n" + "\n".join(rows) + "\n")
    loop = Rehearsal.begin(store, replace(a_news_project(), gold_column=None), source=pool)
    loop.work()
    importing.start_import(
        store, loop.admin, "news", uri=pool, labels_from="topics", now=worker.utc_now()
    )
    loop.work()
    lines = [json.loads(line) for line in read_export(loop, "labels", "jsonl").splitlines()]
    assert {line["key"]: line["label"] for line in lines} == {
        "a1": ["art", "sport"], "a2": ["money"], "a3": [], "a5": ["art"]
    }  # fmt: skip
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("id,body,topics\na9,nine,art; music\n")
    importing.start_import(
        store, loop.admin, "news", uri=wrong, labels_from="topics", now=worker.utc_now()
    )
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    assert "holds 'music', which is no label of" in (job.error or "")


def test_a_label_that_is_removed_while_it_is_imported_is_not_stored(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "pool.jsonl"
    source.write_text("\n".join(map(json.dumps, articles().to_pylist())))
    loop = Rehearsal.begin(store, replace(a_news_project(), gold_column=None), source=source)
    loop.work()
    read = imported_labels.collect

    def collect(*given: Any, **how: Any) -> Any:
        found = read(*given, **how)
        kept = [one for one in projects.get(store, None, "news").labels if one.name != "sport"]
        projects.set_labels(store, loop.admin, "news", labels=kept, now=worker.utc_now())
        return found

    monkeypatch.setattr(imported_labels, "collect", collect)
    importing.start_import(
        store, loop.admin, "news", uri=source, labels_from="topics", now=worker.utc_now()
    )
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    assert "'sport' was taken out of the label set meanwhile" in (job.error or "")
    assert read_export(loop, "labels", "jsonl") == b""
    with store.read() as connection:
        assert list(checks.broken(connection)) == []


def test_cells_that_say_nothing_are_no_answers(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "pool.csv"
    cells = ("art", ";", '"art,"', '","', "[null]", "[]", '"[""sport"", null]"', "n/a", "ART; ?")
    source.write_text(
        "id,body,topics\n" + "".join(f"a{n},text {n},{cell}\n" for n, cell in enumerate(cells))
    )
    loop = Rehearsal.begin(store, replace(a_news_project(), gold_column=None), source=source)
    loop.work()
    importing.start_import(
        store, loop.admin, "news", uri=source, labels_from="topics", now=worker.utc_now()
    )
    loop.work()
    lines = [json.loads(line) for line in read_export(loop, "labels", "jsonl").splitlines()]
    assert {line["key"]: line["label"] for line in lines} == {
        "a0": ["art"], "a2": ["art"], "a5": [], "a6": ["sport"], "a8": ["art"],
    }  # fmt: skip


def a_ranked_project(store: Store, **policy: Any) -> Project:
    draft = replace(
        a_draft("news", policy=Policy(holdout_rate=0.0, **policy)),
        labels=make_labels(LABELS),
        multilabel=True,
    )
    admin = a_person(store, "Root", role="admin")
    project = projects.create(store, admin, draft)
    rank(store, project, 6)
    return project


def say(store: Store, person: Any, key: str, *names: str) -> None:
    answer = Answer(str(uuid.uuid4()), key, "answer", label=to_text(names))
    labelling.record(store, person, "news", answers=[answer], now=worker.utc_now(), lease=LEASE)


def test_people_who_give_other_sets_disagree_and_a_reviewer_settles_it(store: Store) -> None:
    a_ranked_project(store, overlap=2)
    ada, bob = a_person(store), a_person(store, "Bob")
    rex = a_person(store, "Rex", role="reviewer")
    say(store, ada, "p0", "art", "sport")
    say(store, bob, "p0", "sport", "art")
    say(store, ada, "p1", "art")
    say(store, bob, "p1")
    [case] = reviewing.cases(store, rex, "news", limit=9)
    assert (case.sample_key, case.label) == ("p1", None)
    decision = reviewing.Decision("p1", "label", to_text(["money"]))
    reviewing.decide(store, rex, "news", decision=decision, now=worker.utc_now(), lease=LEASE)
    assert reviewing.cases(store, rex, "news", limit=9) == ()
    counts = progress(store, ada, "news", now=worker.utc_now()).counts
    assert counts == {"art": 3, "money": 1, "sport": 2}


def test_my_answers_are_found_by_any_of_their_labels_and_changed(store: Store) -> None:
    a_ranked_project(store)
    ada = a_person(store)
    say(store, ada, "p0", "art", "sport")
    say(store, ada, "p1", "money")
    say(store, ada, "p2")

    def mine(label: str | None) -> list[str]:
        wanted = answers.Wanted(action="answer", label=label)
        found = answers.mine(store, ada, "news", wanted=wanted, limit=9).said
        return [item.annotation.sample_key for item in found]

    assert (mine("art"), mine("sport"), mine("money")) == (["p0"], ["p0"], ["p1"])
    assert mine(None) == ["p2", "p1", "p0"]
    wanted = answers.Wanted(action="answer", label="art")
    [said] = answers.mine(store, ada, "news", wanted=wanted, limit=9).said
    answers.change(
        store,
        ada,
        "news",
        before=said.annotation,
        label=to_text(["money"]),
        at=(worker.utc_now(), LEASE),
    )
    assert (mine("art"), mine("money")) == ([], ["p0", "p1"])


def test_an_answer_cannot_give_a_label_that_is_removed_meanwhile(store: Store) -> None:
    project = a_ranked_project(store)
    ada, boss = a_person(store), a_person(store, "Boss", role="admin")
    with store.read() as connection:
        seen = stored_projects.get(connection, project.id)
    kept = [label for label in project.labels if label.name != "sport"]
    projects.set_labels(store, boss, "news", labels=kept, now=worker.utc_now())
    late = Answer(str(uuid.uuid4()), "p0", "answer", label=to_text(["sport"]))
    manner = labelling.Manner(ada, worker.utc_now(), LEASE)

    def answer(connection: Connection) -> None:
        labelling.append(store, connection, seen, answers=[late], manner=manner)

    with pytest.raises(Conflict, match="'sport' was taken out of the label set meanwhile"):
        store.write(answer)
    with store.read() as connection:
        assert not events.of_sample(connection, project.id, "p0")


def test_an_answer_with_a_label_that_is_not_in_the_set_is_found(store: Store) -> None:
    project = a_ranked_project(store)
    say(store, a_person(store), "p0", "art")
    with store.begin() as connection:
        connection.execute(update(annotation).values(labels=to_text(["art", "dance"])))
    with store.read() as connection:
        [found] = checks.broken(connection)
    assert (found.what, found.example) == (
        "answers give labels that are not in the label set", f"{project.name}: dance",
    )  # fmt: skip


def test_a_label_that_stands_in_an_answer_cannot_be_removed(store: Store) -> None:
    project = a_ranked_project(store)
    root = projects.listed(store, None)[0]
    say(store, a_person(store), "p0", "art", "sport")
    admin = a_person(store, "Boss", role="admin")
    kept = [label for label in project.labels if label.name != "sport"]
    with pytest.raises(Conflict, match="answers use the label 'sport'"):
        projects.set_labels(store, admin, root.name, labels=kept, now=worker.utc_now())
    without = [label for label in project.labels if label.name != "money"]
    changed = projects.set_labels(store, admin, "news", labels=without, now=worker.utc_now())
    assert [label.name for label in changed.labels] == ["art", "sport"]


@pytest.mark.parametrize("said", ["art", '"art"', '["sport","art"]', '["art","art"]', "[1]", "{"])
def test_what_is_no_list_of_labels_is_refused(store: Store, said: str) -> None:
    a_ranked_project(store)
    answer = Answer(str(uuid.uuid4()), "p0", "answer", label=said)
    with pytest.raises(Invalid, match="no list of labels"):
        labelling.record(
            store, a_person(store), "news", answers=[answer], now=worker.utc_now(), lease=LEASE
        )


def test_only_strategies_for_several_labels_may_be_chosen(store: Store) -> None:
    admin = a_person(store, "Root", role="admin")
    draft = replace(a_news_project(strategy="margin"))
    with pytest.raises(Invalid, match="choose from auto, diversified_doubt"):
        projects.create(store, admin, draft)
    project = projects.create(store, admin, a_news_project(strategy="loss_reduction"))
    assert projects.get(store, admin, "news") == project and project.multilabel


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("strategy", ["loss_reduction", "unusual_count", "mean_doubt", "random"])
def test_every_strategy_goes_round_the_loop(store: Store, tmp_path: Path, strategy: str) -> None:
    source = tmp_path / "news.parquet"
    pq.write_table(articles(120), source)
    drafted = a_news_project(strategy=strategy, retrain_every=10)
    loop = Rehearsal.begin(store, drafted, source=source)
    loop.work()
    annotate(loop, 30)
    assert strategy.replace("_", " ") in loop.versions()[-1].asks


def test_without_two_answers_that_differ_the_rail_says_what_is_missing(loop: Rehearsal) -> None:
    loop.record(
        [
            Answer(str(uuid.uuid4()), claim.sample_key, "answer", to_text(["art"]), claim.id)
            for claim in loop.claim(12)
        ]
    )
    loop.work()
    assert loop.versions() == []
    words = progress(loop.store, loop.admin, "news", now=worker.utc_now()).loop_message
    assert words == "The model needs an example of one of: money, sport"
    free = next(claim for claim in loop.claim() if not claim.why.holdout)
    said = Answer(str(uuid.uuid4()), free.sample_key, "answer", to_text(["sport"]), free.id)
    loop.record([said])
    loop.work()
    [version] = loop.versions()
    assert version.trigger == "the first example of sport"


def test_over_http_labels_are_lists(web: Web) -> None:
    admin = web.program("Ada", "admin")
    new = {"name": "news", "labels": LABELS, "text": ["body"], "multilabel": True}
    made = admin.post("/api/v1/projects", json=new)
    assert made.status_code == 201 and made.json()["multilabel"] is True
    lines = "\n".join(json.dumps({"body": f"text number {n}"}) for n in range(40))
    admin.post("/api/v1/projects/news/import?name=n.jsonl", content=lines.encode())
    work(web.store)
    grace = web.signed_in("Grace")
    claims = grace.post("/api/v1/projects/news/claims", json={"n": 4}).json()

    def post(claim: dict[str, Any], label: Any, action: str = "answer") -> httpx.Response:
        event = {
            "event_id": str(uuid.uuid4()),
            "claim_id": claim["claim_id"],
            "sample_key": claim["sample_key"],
            "action": action,
            "label": label,
        }
        return grace.post("/api/v1/projects/news/annotations", json=[event])

    assert post(claims[0], ["sport", "art", "sport"]).status_code == 201
    assert post(claims[1], []).status_code == 201
    assert post(claims[2], None, "skip").status_code == 201
    deep = "[" * 100_000
    for wrong in ("art", ["music"], [["art"]], {"art": 1}, None, [None], ["art"] * 2_000, deep):
        refused = post(claims[3], wrong)
        assert refused.status_code == 422, wrong
        assert "Traceback" not in refused.text
    events = grace.get("/api/v1/projects/news/annotations").json()
    assert [event["label"] for event in events] == [["art", "sport"], [], None]
    rail = grace.get("/api/v1/projects/news/progress").json()
    assert rail["counts"] == {"art": 1, "money": 0, "sport": 1} and rail["answered"] == 2
    where = "/api/v1/projects/news/simulations"
    for_one = admin.post(where, json={"truth": "answers", "strategies": ["margin"]})
    assert for_one.status_code == 422
    assert "there is no query strategy 'margin'" in for_one.json()["error"]["message"]
    usual = admin.post(where, json={"truth": "answers", "seeds": 1}).json()
    assert usual["plan"]["strategies"] == ["auto", "binary_doubt", "random"]


def simulated(loop: Rehearsal, truth: Truth, **more: Any) -> Run:
    """Play two strategies once, and return what came of it."""
    plan = Plan(("auto", "random"), batch_size=10, seeds=1, most=60)
    recipe = Recipe((Column("body", "text"),))
    scenario = Scenario(truth, "news", recipe, plan, **more)
    asked = simulating.request(
        loop.store, loop.admin, "news", scenario=scenario, now=worker.utc_now()
    )
    loop.work()
    run = simulating.get(loop.store, loop.admin, "news", asked.id)
    assert run.state == "done" and run.facts is not None, run.message
    return run


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_strategies_play_against_sets_of_labels(
    loop: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLVAJRA_PROCESSES", "1")
    truth = articles()["topics"].to_pylist()
    of_pool = simulated(loop, "pool", label="topics")
    assert of_pool.facts is not None and of_pool.facts.samples == 240
    counts = Counter(name for names in truth for name in names)
    assert dict(of_pool.facts.labels) == counts
    for game in of_pool.games:
        assert game.full_f1 > 0.95 and 0.98 * game.full_f1 <= game.f1[-1] <= 1

    lines = [json.dumps(line) + "\n" for line in articles().to_pylist()]
    name = "0" * 32 + "/news.jsonl"
    path = loop.store.home / "uploads" / name
    path.parent.mkdir(parents=True)
    path.write_text("".join(lines))
    of_file = simulated(loop, "file", label="topics", uri=name)
    assert of_file.facts is not None and of_file.facts.labels == of_pool.facts.labels
    assert [game.f1 for game in of_file.games] == [game.f1 for game in of_pool.games]

    annotate(loop, 60)
    of_answers = simulated(loop, "answers")
    assert of_answers.facts is not None and of_answers.facts.samples >= 40
    assert all(game.labels_to_95 is not None for game in of_answers.games)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_model_that_is_right_about_nothing_is_no_aim(loop: Rehearsal) -> None:
    """Rare labels that nothing in a text tells: all labels together find none of them."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "body": " ".join(str(word) for word in rng.integers(10, 20, size=8)),
            "topics": [LABELS[n % 3]] if n % 20 == 0 else [],
        }
        for n in range(100)
    ]
    path = loop.store.home / "rare.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    schema = importing.inspect_upload(str(path), preview=0)
    recipe = Recipe((Column("body", "text"),))
    found = oracles.of_file(
        str(path), recipe, label="topics", schema=schema, names=LABELS, multilabel=True
    )
    with pytest.raises(Invalid, match="is right about no label of the others"):
        playing.play(found, Plan(("random",), seeds=1), took=print, processes=1)


def test_sets_in_a_file_that_name_one_label_only_are_not_played(
    loop: Rehearsal, tmp_path: Path
) -> None:
    path = tmp_path / "one.csv"
    rows = "".join(f'{n},"{"art" if n % 2 else "[]"}"\n' for n in range(40))
    path.write_text("body,topics\n" + rows)
    schema = importing.inspect_upload(str(path), preview=0)
    recipe = Recipe((Column("body", "text"),))
    with pytest.raises(BadSource, match="holds only 'art'; choose one with two labels or more"):
        oracles.of_file(str(path), recipe, label="topics", schema=schema, multilabel=True)


def test_a_list_is_no_answer_where_one_label_is_asked_for(web: Web) -> None:
    admin = web.program("Ada", "admin")
    admin.post("/api/v1/projects", json={"name": "spam", "labels": LABELS, "text": ["body"]})
    event = {"event_id": "e1", "sample_key": "x", "action": "answer", "label": ["art"]}
    refused = admin.post("/api/v1/projects/spam/annotations", json=[event])
    assert refused.status_code == 422
    assert "is not a label of this project" in refused.json()["error"]["message"]


def test_a_set_is_the_same_text_whatever_the_order() -> None:
    assert from_text(to_text(["b", 'a"', "ž"])) == ('a"', "b", "ž")


def test_what_a_version_has_wrong_is_found_by_the_label_that_was_missed(loop: Rehearsal) -> None:
    annotate(loop, 60)
    (*_, last) = loop.versions()
    whole = mistakes.whole(loop.store, None, "news", last.number)
    measured = versions.report(loop.store, None, "news", last.number)
    assert measured is not None
    exact = next(m for m in measured.evaluation.measures if m.name == "exact match")
    assert exact.value is None or whole.total == round(exact.n * (1 - exact.value))
    for label in LABELS:
        wanted = mistakes.Wanted(label=label)
        found = mistakes.listed(loop.store, None, "news", last.number, wanted=wanted)
        assert list(found.mistakes) == [
            m
            for m in whole.mistakes
            if label in from_text(m.label) and label not in from_text(m.answered)
        ]
    document = mistakes.as_document(loop.project, whole)
    assert all(isinstance(m["label"], list) for m in document["mistakes"])

"""From a file to a pool that can be labelled: whole or not at all, on both databases."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from sqlalchemy import event

from mlvajra_al import worker
from mlvajra_al.errors import BadSource, Conflict, Invalid, NotAllowed, TooLarge
from mlvajra_al.learning import frames
from mlvajra_al.records import Column, ColumnKind, Job, Label, Person, Policy, Project, Recipe
from mlvajra_al.services import (
    claiming,
    importing,
    labelling,
    overview,
    progress,
    resolving,
    versions,
)
from mlvajra_al.services import predicting as asking
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.jobs import ingesting, predicting
from mlvajra_al.services.jobs.ingesting import ingest
from mlvajra_al.services.jobs.telling import Cancelled, Tell
from mlvajra_al.sources import catalogue
from mlvajra_al.store import annotations as events
from mlvajra_al.store import audit, job_leases, jobs, people, projects, ranking, uploads
from mlvajra_al.store.annotations import Filter
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool, pool_folder
from mlvajra_al.store.staging import exclusive
from tests.factories import LEASE, NOW, a_draft, a_person, an_answer
from tests.forks import Forks
from tests.workers import url_of


@pytest.fixture
def admin(store: Store) -> Person:
    return a_person(store, "Root", role="admin")


def a_project(store: Store, **changes: Any) -> Project:
    draft = replace(a_draft(policy=Policy()), **changes)
    with store.begin() as connection:
        return projects.create(connection, draft)


def mails(path: Path, rows: range, **other: Any) -> Path:
    columns: dict[str, Any] = {
        "id": [f"m{n}" for n in rows],
        "body": [f"this is mail number {n}" for n in rows],
        "label": [["ham", "spam", None][n % 3] for n in rows],
    }
    pq.write_table(pa.table(columns | other), path)
    return path


def queue(store: Store, admin: Person, source: Path, labels_from: str | None = None) -> Job:
    importing.start_import(store, admin, "spam", uri=source, labels_from=labels_from, now=NOW)
    with store.begin() as connection:
        while True:
            job = job_leases.claim(connection, worker="test", now=NOW, lease=LEASE)
            assert job is not None
            if job.kind == "ingest":
                return job
            jobs.finish(connection, job.id, state="done", now=NOW)


def telling(store: Store, job: Job) -> Tell:
    return Tell(store, job, worker="test", clock=lambda: NOW, lease=LEASE)


def do(store: Store, job: Job) -> dict[str, Any]:
    return ingest(store, job, telling(store, job))


def run(
    store: Store, admin: Person, source: Path, labels_from: str | None = None
) -> dict[str, Any]:
    return do(store, queue(store, admin, source, labels_from))


def pool_of(store: Store) -> tuple[Project, Pool]:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
        return project, labelling.project_pool(store, connection, project)


def said(store: Store, connection: Connection, project: Project) -> Counter[tuple[str, str]]:
    found = progress.tally(store, connection, project).labels
    return Counter({("answer", label): n for label, n in (+found).items()})


def test_after_an_import_people_can_label_at_once(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    job = queue(store, admin, mails(tmp_path / "mails.parquet", range(500)))
    result = do(store, job)
    assert (result["added"], result["samples"], result["source"]) == (500, 500, "mails.parquet")
    assert result["message"] == "500 samples added."
    with store.read() as connection:
        ended = jobs.get(connection, job.id)
    assert (ended.state, ended.result) == ("done", result)
    assert ended.message == "Summarising the columns"
    project, pool = pool_of(store)
    assert project.holdout_threshold == 0.2
    held = pool.holdout(0.2)
    with store.read() as connection:
        assert ranking.waiting(connection, project.id) == int((~held).sum())
        assert ranking.waiting(connection, project.id, holdout=True) == int(held.sum())
        waiting = jobs.listed(connection, project.id, states=("queued",))
    assert [job.kind for job in waiting] == ["prepare"]
    claims = claiming.claim(
        store, admin, "spam", n=6, now=NOW, lease=LEASE, rng=np.random.default_rng(1)
    )
    assert len(claims) == 6
    assert all(pool.key(claim.position) == claim.sample_key for claim in claims)
    recorded = labelling.record(
        store, admin, "spam", answers=[an_answer(claims[0])], now=NOW, lease=LEASE
    )
    assert not recorded[0].repeat


def test_importing_again_adds_nothing_and_a_superset_only_what_is_new(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    first = run(store, admin, mails(tmp_path / "a.parquet", range(300)))
    again = run(store, admin, mails(tmp_path / "b.parquet", range(300)))
    before, pool = pool_of(store)
    keys, held = pool.keys(range(300)), pool.holdout(before.holdout_threshold)
    more = run(store, admin, mails(tmp_path / "c.parquet", range(100, 400)))
    assert (first["added"], again["added"], again["known"]) == (300, 0, 300)
    assert again["message"] == "0 samples added, 300 were there already."
    assert (more["added"], more["known"], more["samples"]) == (100, 200, 400)
    after, pool = pool_of(store)
    assert after.holdout_threshold == before.holdout_threshold
    assert pool.keys(range(300)) == keys
    assert (pool.holdout(after.holdout_threshold)[:300] == held).all()
    assert [shard.source for shard in pool.shards] == ["a.parquet", "c.parquet"]
    pool.verify()


def test_another_format_and_order_of_the_same_samples_adds_nothing(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    run(store, admin, mails(tmp_path / "a.parquet", range(50)))
    path = tmp_path / "b.csv"
    lines = [f"m{n},this is mail number {n},ham\r\n" for n in reversed(range(50))]
    path.write_text("id,body,label\r\n" + "".join(lines), newline="")
    assert run(store, admin, path)["known"] == 50


def test_new_data_may_lack_labels_and_bring_columns_of_its_own(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id", gold_column="label")
    run(store, admin, mails(tmp_path / "a.parquet", range(10)))
    path = tmp_path / "b.csv"
    path.write_text("extra,body,id\n1,some new words here,n1\n2,other words,n2\n")
    result = run(store, admin, path)
    assert (result["added"], result["unused_columns"]) == (2, ["extra"])
    left_out = "1 column the pool does not have is not used: extra."
    assert result["message"] == f"2 samples added; {left_out}"
    _, pool = pool_of(store)
    assert pool.columns == ("id", "body", "label")
    assert pool.take([0, 10]).to_pylist() == [
        {"id": "m0", "body": "this is mail number 0", "label": "ham"},
        {"id": "n1", "body": "some new words here", "label": None},
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_new_data_may_lack_numbers_and_images_that_the_model_no_longer_sees(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    inputs = (Column("body", "text"), Column("size", "numeric"), Column("scan", "image"))
    a_project(store, key_column="id", recipe=Recipe(inputs))
    numbers = {"size": [1.5, 2.5], "scan": [[[0, 1], [2, 3]]] * 2}
    run(store, admin, mails(tmp_path / "a.parquet", range(2), **numbers))
    project_services.set_recipe(store, admin, "spam", recipe=Recipe(inputs[:1]), now=NOW)
    assert run(store, admin, mails(tmp_path / "b.parquet", range(1, 4)))["added"] == 2
    _, pool = pool_of(store)
    assert pool.take(range(4), ["size"])["size"].to_pylist() == [1.5, 2.5, None, None]
    assert pool.take(range(4), ["scan"])["scan"].null_count == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_keys_that_objects_begin_to_have_late_are_told_or_kept(
    store: Store, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "SAMPLE_ROWS", 1)
    a_project(store, key_column="id")
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "body": "a", "note": "x"}\n{"id": 2, "body": "b", "late": 1}\n')
    first = run(store, admin, path)
    assert first["unused_columns"] == ["late"]
    path = tmp_path / "b.jsonl"
    path.write_text('{"id": 3, "body": "c"}\n{"id": 4, "body": "d", "note": "y"}\n')
    assert run(store, admin, path)["unused_columns"] == []
    _, pool = pool_of(store)
    assert pool.take(range(4))["note"].to_pylist() == ["x", None, None, "y"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_column_named_as_one_of_ours_is_refused_by_its_name(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    path = tmp_path / "a.csv"
    path.write_text("body,mlvajra.key\na,1\n")
    with pytest.raises(BadSource, match=r"the column 'mlvajra\.key' bears a name"):
        run(store, admin, path)


def test_of_many_columns_the_pool_does_not_have_some_are_named(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    run(store, admin, mails(tmp_path / "a.parquet", range(10)))
    others = {name: ["x"] * 10 for name in ["a" * 900, *"bcdefg"]}
    result = run(store, admin, mails(tmp_path / "b.parquet", range(10), **others))
    assert result["unused_columns"] == sorted(others)
    assert result["message"] == (
        "0 samples added, 10 were there already; 7 columns the pool does not have are not used: "
        f"{'a' * 40}, b, c, d, e and 2 more."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("id,label\nx,ham\n", "the column 'body' is not there"),
        ("body,label\nx y,ham\n", "the column 'id' is not there"),
        ("id,body\nx,hello there\nx,hello again\n", "'x' stands twice, on line 2 and line 3"),
        ('id,body\nx,hello\ny,"a\nb"\nz\n', "line 5 has 1 fields where 2 are expected"),
    ],
)
def test_a_bad_file_imports_nothing(
    content: str, sentence: str, store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, key_column="id")
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(BadSource, match="bad.csv: ") as caught:
        do(store, queue(store, admin, path))
    assert sentence in str(caught.value)
    after, pool = pool_of(store)
    assert (len(pool), after.holdout_threshold) == (0, 0.0)
    with store.read() as connection:
        assert ranking.waiting(connection, project.id) == 0
    assert list(pool_folder(store.home, project.id).glob("*.arrow")) == []


def test_all_that_a_file_lacks_is_named_at_once_its_labels_too(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    run(store, admin, mails(tmp_path / "a.parquet", range(30)))
    path = tmp_path / "b.csv"
    path.write_text("Body,sender\nhello there,ada\n")
    with pytest.raises(BadSource) as caught:
        run(store, admin, path, "label")
    assert str(caught.value) == (
        "b.csv: the columns 'body', 'id', 'label' are not there (found: Body, sender); "
        "did you mean 'Body'? If not, restore them or choose another file"
    )


def test_inputs_are_read_as_the_recipe_says(store: Store, admin: Person, tmp_path: Path) -> None:
    recipe = Recipe((Column("code", "categorical"), Column("size", "numeric")))
    a_project(store, recipe=recipe)
    path = tmp_path / "x.csv"
    path.write_text("code,size,when\n1,2.5,2024-01-02\n2,,2024-01-03\n1,7,2024-01-04\n")
    run(store, admin, path)
    _, pool = pool_of(store)
    assert pool.held == (
        Column("code", "categorical"), Column("size", "numeric"), Column("when", "ignored")
    )  # fmt: skip
    assert pool.take([0], ["code"])["code"].to_pylist() == ["1"]
    assert pool.content == ("code", "size")


def test_a_column_that_nobody_uses_is_kept_in_words_and_stops_no_import(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    took = [timedelta(minutes=n) for n in range(30)]
    path = mails(tmp_path / "a.parquet", range(30), took=took, png=[b"\x89PNG"] * 30)
    assert run(store, admin, path)["added"] == 30
    later = tmp_path / "b.jsonl"
    later.write_text('{"id": "x", "body": "y z", "took": {"hours": 1}, "png": [[1], "x"]}\n')
    assert run(store, admin, later)["added"] == 1
    _, pool = pool_of(store)
    assert pool.take([1, 30], ["took", "png"]).to_pylist() == [
        {"took": "0:01:00", "png": "(4 bytes)"},
        {"took": '{"hours":1}', "png": '[[1],"x"]'},
    ]


@pytest.mark.parametrize("role", ["key_column", "group_column", "gold_column", "title_column"])
def test_nested_objects_are_refused_where_the_project_needs_the_column(
    role: str, store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, **{role: "meta"})
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "y z", "meta": {"hours": 1}}\n')
    with pytest.raises(BadSource, match="line 1, key 'meta' holds a nested object"):
        run(store, admin, path)


def test_bytes_that_are_no_text_name_no_samples(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    path = mails(tmp_path / "a.parquet", range(2), id=[b"\xff\x01", b"\xff\x02"])
    with pytest.raises(BadSource, match="column 'id': holds binary that is not text"):
        run(store, admin, path)


def test_numbers_written_with_a_comma_are_numbers_in_the_pool_and_in_rows_sent(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    recipe = Recipe((Column("size", "numeric", "1.234,50"), Column("day", "date", "31.12.2026")))
    a_project(store, recipe=recipe)
    for name, rows in (("a.csv", "1,5;1.2.2024\n2.000;"), ("b.csv", "7;28.11.2024\n0,25;3.4.2024")):
        (tmp_path / name).write_text(f"size;day\n{rows}\n")
        run(store, admin, tmp_path / name)
    _, pool = pool_of(store)
    assert pool.held == recipe.columns
    assert pool.take([0, 1, 2, 3], ["size"])["size"].to_pylist() == [1.5, 2000.0, 7.0, 0.25]
    rows = [{"size": "3,5", "day": "31.1.2024"}, {"size": 4, "day": None}]
    sent = predicting.typed(recipe.columns, rows)
    assert sent["size"].to_pylist() == [3.5, 4.0]
    assert frames.to_frame(sent, recipe)["day"].dt.day.tolist()[0] == 31
    with pytest.raises(BadSource, match="'3.5' is not written as 1.234,50 is"):
        predicting.typed(recipe.columns, [{"size": "3.5", "day": None}])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_sent_is_read_as_the_pool_holds_it_whatever_the_recipe_makes_of_it(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    kinds: dict[str, ColumnKind] = {"code": "numeric", "paid": "boolean", "day": "date"}
    kinds |= {"note": "text", "colour": "ignored"}
    held = tuple(Column(name, kind) for name, kind in kinds.items())
    a_project(store, recipe=Recipe((*held, Column("size", "numeric"))))
    path = tmp_path / "a.csv"
    path.write_text("code,paid,day,size,note,colour\n1,yes,2026-01-02,4,, red\n")
    run(store, admin, path)
    _, pool = pool_of(store)
    codes = Recipe(
        (*(Column(name, "categorical") for name in kinds), Column("size", "numeric", "1.234,50"))
    )
    known = frames.to_frame(pool.take([0]), codes).to_dict("records")
    for sent in (
        {"code": "1", "paid": "y", "day": "2026-01-02", "size": "4,0"},
        {"code": 1, "paid": True, "day": "2026-01-02 00:00", "size": 4},
    ):
        rows = [sent | {"note": "", "colour": " red"}]
        read = predicting.typed(predicting.read_as(codes, pool), rows)
        assert frames.to_frame(read, codes).to_dict("records") == known
    pool.path(pool.shards[0]).unlink()
    assert predicting.read_as(codes, Pool(pool.folder, pool.shards)) == codes.columns


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_column_becomes_later_only_what_something_in_it_can_be_read_as(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    held = [Column("body", "text"), Column("size", "numeric", "1.234,50"), Column("kind", "text")]
    a_project(store, recipe=Recipe(tuple(held)))
    path = tmp_path / "a.csv"
    path.write_text('body;size;kind;note;empty;scan\nx;1,5;flat;n.a.;;"[[1]]"\ny;2,5;house;12;;x\n')
    run(store, admin, path)

    def become(*columns: Column) -> None:
        recipe = Recipe((held[0], *columns))
        project_services.set_recipe(store, admin, "spam", recipe=recipe, now=NOW)

    for column, words in (
        (Column("kind", "numeric"), "nothing in the column 'kind' .* numeric: 'flat' is not a num"),
        (Column("kind", "date", "31.12.2026"), "'flat' is not written as 31.12.2026 is"),
        (Column("size", "date"), "it holds numbers"),
        (Column("scan", "image"), "it was imported as something else"),
        (
            Column("size", "numeric"),
            "was read as numeric 1.234,50 .* to read it as numeric, import",
        ),
    ):
        with pytest.raises(Invalid, match=words):
            become(column)
    become(Column("note", "numeric"), Column("empty", "date"), Column("size", "categorical"))
    become(*held[1:], Column("nowhere", "numeric"))


def test_a_column_left_as_it_was_written_may_become_numbers_later() -> None:
    recipe = Recipe((Column("size", "numeric", "1.234,50"),))
    left = pa.table({"size": ["1.234,5 €", "7", None, "n.a."]})
    assert frames.to_frame(left, recipe)["size"].fillna(-1).tolist() == [1234.5, 7.0, -1.0, -1.0]


def test_ranges_of_numeric_columns_are_kept_for_the_card(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, recipe=Recipe((Column("size", "numeric"),)))
    table = pa.table({"size": [None, *map(float, range(101))], "empty": [None] * 102})
    pq.write_table(table, tmp_path / "x.parquet")
    run(store, admin, tmp_path / "x.parquet")
    with store.read() as connection:
        found = projects.statistics(connection, project.id)
    assert found == {
        "samples": 102,
        "columns": {
            "size": {
                "min": 0.0,
                "max": 100.0,
                "quantiles": [5.0, 25.0, 50.0, 75.0, 95.0],
                "missing": 1,
            }
        },
    }


def test_labels_of_a_source_become_answers_of_a_named_one(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, key_column="id")
    result = run(store, admin, mails(tmp_path / "a.parquet", range(90)), "label")
    assert (result["added"], result["labels_added"], result["labels_known"]) == (90, 60, 0)
    _, pool = pool_of(store)
    with store.read() as connection:
        said = list(events.history(connection, project.id, Filter()))
        person = people.by_name(connection, "import: label")[0]
        gold, holdout = resolving.gold(connection, projects.by_name(connection, "spam"))
        queued = {job.kind for job in jobs.listed(connection, project.id, states=("queued",))}
        known = ranking.waiting(connection, project.id)
        known += ranking.waiting(connection, project.id, holdout=True)
    assert person.disabled_at is not None
    assert {event.person for event in said} == {"import: label"}
    assert {event.source for event in said} == {"a.parquet"}
    assert all(event.why is None and event.action == "answer" for event in said)
    truth = {f"m{n}": ["ham", "spam", None][n % 3] for n in range(90)}
    assert all(event.label == truth[event.sample_key] for event in said)
    assert all(pool.key(event.position) == event.sample_key for event in said)
    held = pool.holdout(0.2)
    assert {item.position for item in holdout} == {e.position for e in said if held[e.position]}
    assert len(gold) + len(holdout) == 60
    assert known == 30  # what has a label is not asked
    assert queued == {"prepare", "retrain"}


def test_labels_that_come_later_close_the_questions_and_changed_ones_supersede(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, key_column="id")
    run(store, admin, mails(tmp_path / "a.parquet", range(30)))
    with store.read() as connection:
        asked = ranking.waiting(connection, project.id)
        asked += ranking.waiting(connection, project.id, holdout=True)
    assert asked == 30
    run(store, admin, mails(tmp_path / "a.parquet", range(30)), "label")
    with store.read() as connection:
        asked = ranking.waiting(connection, project.id)
        asked += ranking.waiting(connection, project.id, holdout=True)
    assert asked == 10
    again = run(store, admin, mails(tmp_path / "a.parquet", range(30)), "label")
    assert (again["labels_added"], again["labels_known"]) == (0, 20)
    changed = mails(tmp_path / "b.parquet", range(30), label=["spam"] * 30)
    result = run(store, admin, changed, "label")
    assert (result["labels_added"], result["labels_known"]) == (20, 10)
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "spam"): 30}
        assert events.total(connection, project.id) == 40


def test_labels_may_come_in_a_column_that_the_pool_does_not_have(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, key_column="id")
    bare, labelled = tmp_path / "bare.csv", tmp_path / "labelled.csv"
    bare.write_text("id,body\n" + "".join(f"m{n},words {n}\n" for n in range(30)))
    labelled.write_text("id,body,kind\n" + "".join(f"m{n},words {n},ham\n" for n in range(30)))
    run(store, admin, bare)
    result = run(store, admin, labelled, "kind")
    assert (result["labels_added"], result["unused_columns"]) == (30, [])
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "ham"): 30}


def test_copies_with_labels_of_their_own_count_once(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    path = tmp_path / "a.csv"
    path.write_text("body,label\nsame words,ham\nsame words,spam\nother words,spam\n")
    result = run(store, admin, path, "label")
    assert (result["added"], result["copies"], result["labels_added"]) == (2, 1, 2)
    with store.read() as connection:
        counts = said(store, connection, project)
    assert counts == {("answer", "ham"): 1, ("answer", "spam"): 1}


def test_of_copies_that_disagree_the_commonest_label_counts_and_it_is_said(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    path = tmp_path / "a.csv"
    path.write_text("body,label\nsame,ham\nsame,spam\nsame,spam\ntie,ham\ntie,spam\none,ham\n")
    result = run(store, admin, path, "label")
    assert (result["labels_added"], result["labels_disputed"]) == (3, 2)
    assert "2 samples have different labels in several rows" in result["message"]
    with store.read() as connection:
        counts = said(store, connection, project)
    assert counts == {("answer", "spam"): 1, ("answer", "ham"): 2}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_may_come_from_a_column_that_the_pool_holds_as_numbers(
    store: Store, admin: Person, tmp_path: Path, ending: str
) -> None:
    names = (Label("0", "No", "1", "#000"), Label("1", "Yes", "2", "#fff"))
    project = a_project(store, labels=names)
    table = pa.table({"body": [f"mail {n}" for n in range(20)], "flag": [n % 2 for n in range(20)]})
    path = tmp_path / f"a.{ending}"
    (csv.write_csv if ending == "csv" else pq.write_table)(table, path)
    run(store, admin, path)
    assert run(store, admin, path, "flag")["labels_added"] == 20
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "0"): 10, ("answer", "1"): 10}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_labels_may_come_from_what_was_an_input_when_content_was_to_name_samples(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    inputs = (Column("body", "text"), Column("label", "numeric"))
    labels = tuple(Label(n, n, n, "#2563eb") for n in ("0", "1"))
    project = a_project(store, recipe=Recipe(inputs), labels=labels)
    path = mails(tmp_path / "a.parquet", range(6), label=[0, 1, 0, 1, 0, None])
    run(store, admin, path)
    project_services.set_recipe(store, admin, "spam", recipe=Recipe(inputs[:1]), now=NOW)
    result = run(store, admin, path, labels_from="label")
    assert result["message"] == "0 samples added, 6 were there already, 5 labels imported."
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "0"): 3, ("answer", "1"): 2}


def test_what_the_model_does_not_look_at_may_hold_anything(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    first, later = tmp_path / "a.csv", tmp_path / "b.csv"
    numbers = "".join(f"mail {n},{n}\n" for n in range(10_400))
    first.write_text(f"body,extra\n{numbers}one more,n.a.\n")
    later.write_text("body,extra\nand another,unknown\n")
    assert run(store, admin, first)["added"] == 10_401
    assert run(store, admin, later)["added"] == 1
    _, pool = pool_of(store)
    kept = pool.take(np.arange(len(pool)), ["extra"])["extra"].to_pylist()
    assert {"n.a.", "unknown", "7"} <= set(kept)


def test_unknown_labels_are_listed_and_nothing_is_imported(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    path = mails(tmp_path / "a.parquet", range(30), label=[f"kind {n % 8}" for n in range(30)])
    sentence = (
        r"a.parquet: column 'label' holds 'kind 0', 'kind 1', 'kind 2', 'kind 3', 'kind 4' and 3 "
        r"more, which are not labels of this project; add them .* the labels are ham, spam"
    )
    with pytest.raises(BadSource, match=sentence):
        run(store, admin, path, "label")
    assert len(pool_of(store)[1]) == 0


def test_one_unknown_label_is_spoken_of_as_one(store: Store, admin: Person, tmp_path: Path) -> None:
    a_project(store)
    path = mails(tmp_path / "a.parquet", range(3), label=["ham", "spam", "billing"])
    with pytest.raises(BadSource, match="holds 'billing', which is no label of .*; add it to"):
        run(store, admin, path, "label")


def test_the_labels_of_a_file_are_those_of_all_its_rows(tmp_path: Path) -> None:
    kinds = [" ham ", "spam", "", None, *["ham"] * 60_000, "billing"]
    path = mails(tmp_path / "a.parquet", range(len(kinds)), label=kinds)
    found = importing.labels_in(path, "label", multilabel=False)
    assert (found.names, found.more) == (("billing", "ham", "spam"), False)
    with pytest.raises(BadSource, match="a.parquet: column 'label' holds 'billing', which is no"):
        importing.require_labels(path, "label", names=["ham", "spam"], multilabel=False)
    importing.require_labels(path, "label", names=found.names, multilabel=False)


def test_of_spellings_of_a_label_the_commonest_is_found_and_all_are_that_label(
    tmp_path: Path,
) -> None:
    kinds = ["BUG", "Bug", "bug ", "Bug", "how  to", "How to", "how to", "Praise\nor thanks"]
    kinds += ["entrée", "entrée", "entre\u0301e"]
    path = mails(tmp_path / "a.parquet", range(len(kinds)), label=kinds)
    found = importing.labels_in(path, "label", multilabel=False)
    assert found.names == ("Bug", "Praise or thanks", "entrée", "how to")
    importing.require_labels(path, "label", names=found.names, multilabel=False)
    several = [f"{one}; {other}" for one, other in itertools.pairwise(kinds)]
    path = mails(tmp_path / "b.parquet", range(len(several)), label=several)
    found = importing.labels_in(path, "label", multilabel=True)
    assert found.names == ("Bug", "Praise or thanks", "entrée", "how to")
    importing.require_labels(path, "label", names=found.names, multilabel=True)


@pytest.mark.parametrize("multilabel", [False, True])
def test_markers_of_missing_values_are_found_to_be_no_labels(
    tmp_path: Path, multilabel: bool
) -> None:
    kinds = ["ham", "spam", "n/a", "?", "-", "NA", "null", "None", " nan "]
    path = mails(tmp_path / "a.parquet", range(len(kinds)), label=kinds)
    found = importing.labels_in(path, "label", multilabel=multilabel)
    assert found.names == ("ham", "spam")
    assert found.missing == ("-", "?", "NA", "None", "n/a", "nan", "null")
    importing.require_labels(path, "label", names=["ham", "spam"], multilabel=multilabel)


def test_spellings_are_read_as_the_label_and_missing_values_as_none(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, key_column="id")
    kinds = ["Ham", "SPAM", " spam", "n/a", "?", "NA"] * 3
    result = run(store, admin, mails(tmp_path / "a.parquet", range(18), label=kinds), "label")
    assert (result["added"], result["labels_added"]) == (18, 9)
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "ham"): 3, ("answer", "spam"): 6}


def test_a_label_that_looks_like_a_missing_value_counts_where_the_set_has_it(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    names = (Label("favor", "Favor", "1", "#000"), Label("none", "None", "2", "#fff"))
    project = a_project(store, labels=names)
    path = mails(tmp_path / "a.parquet", range(4), label=["favor", "none", "None", "n/a"])
    assert run(store, admin, path, "label")["labels_added"] == 3
    with store.read() as connection:
        assert said(store, connection, project) == {("answer", "favor"): 1, ("answer", "none"): 2}


def test_labels_of_samples_with_several_are_counted_one_by_one(tmp_path: Path) -> None:
    path = mails(tmp_path / "a.parquet", range(3), label=["art; sport", "food, drink", "[]"])
    found = importing.labels_in(path, "label", multilabel=True)
    assert found.names == ("art", "drink", "food", "sport")
    names = ["art", "sport", "food, drink"]
    importing.require_labels(path, "label", names=names, multilabel=True)
    with pytest.raises(BadSource, match="holds 'art', 'food', 'drink', which are not labels"):
        importing.require_labels(path, "label", names=["sport"], multilabel=True)


def test_values_too_many_for_labels_are_not_counted_to_the_end(tmp_path: Path) -> None:
    rows = range(2 * importing.MOST_NAMES)
    path = mails(tmp_path / "a.parquet", rows, label=[f"value {n}" for n in rows])
    found = importing.labels_in(path, "label", multilabel=False)
    assert (len(found.names), found.more) == (importing.MOST_NAMES, True)
    with pytest.raises(BadSource, match=f"'value 4' and {importing.MOST_NAMES - 4} more, which"):
        importing.require_labels(path, "label", names=["ham", "spam"], multilabel=False)


def test_labels_that_came_with_a_file_are_no_rate_at_which_people_label(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store, key_column="id")
    run(store, admin, mails(tmp_path / "a.parquet", range(30)), "label")
    answers = [an_answer("m2"), an_answer("m5")]
    labelling.record(store, a_person(store), "spam", answers=answers, now=NOW, lease=LEASE)
    rate = overview.answer_rate(store, None, "spam", now=NOW + timedelta(minutes=5))
    assert (rate.last_hour, sum(count for _, count in rate.counts)) == (2, 2)


def test_labels_cannot_be_an_input(store: Store, admin: Person, tmp_path: Path) -> None:
    a_project(store)
    path = mails(tmp_path / "a.parquet", range(3))
    with pytest.raises(Invalid, match="'body' is an input of the model"):
        importing.start_import(store, admin, "spam", uri=path, labels_from="body", now=NOW)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_labels_cannot_be_the_title_of_cards(store: Store, admin: Person, tmp_path: Path) -> None:
    a_project(store, title_column="label")
    path = mails(tmp_path / "a.parquet", range(3))
    with pytest.raises(Invalid, match="'label' is the title of cards"):
        importing.start_import(store, admin, "spam", uri=path, labels_from="label", now=NOW)


def test_groups_too_few_to_hold_any_out_are_refused(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, group_column="group")
    path = mails(tmp_path / "a.parquet", range(50), group=["all"] * 50)
    with pytest.raises(Invalid, match="the groups in 'group' are too few to hold out 20% of 50"):
        run(store, admin, path)
    assert list(pool_folder(store.home, project.id).glob("*.arrow")) == []


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        (["the same"], "No holdout: of 300 samples none is held out, because samples that are"),
        ([f"{n} of few" for n in range(9)], "Hardly a holdout: of 300 samples"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_samples_that_are_the_same_and_leave_hardly_a_holdout_are_told(
    store: Store, admin: Person, tmp_path: Path, bodies: list[str], said: str
) -> None:
    a_project(store, key_column="id")
    body = [bodies[n % len(bodies)] for n in range(300)]
    told = run(store, admin, mails(tmp_path / "a.parquet", range(300), body=body))["message"]
    assert told.startswith(f"300 samples added. {said}")
    held = versions.held_out(store, admin, "spam")
    assert str(held.scarcity).lower() in told.lower() and held.size < 150
    more = mails(tmp_path / "b.parquet", range(300, 600))
    assert run(store, admin, more)["message"] == "300 samples added."


@pytest.mark.parametrize("empty", [None, ""])
def test_who_has_no_group_is_drawn_alone(
    store: Store, admin: Person, tmp_path: Path, empty: str | None
) -> None:
    a_project(store, group_column="thread")
    threads = [empty if n % 5 < 3 else f"t{n // 10}" for n in range(1_000)]
    run(store, admin, mails(tmp_path / "a.parquet", range(1_000), thread=threads))
    project, pool = pool_of(store)
    held = pool.holdout(project.holdout_threshold)
    named = pool.take(np.arange(len(pool)), ["thread"])["thread"].to_pylist()
    alone = np.array([not thread for thread in named])
    assert 0.15 < held[alone].mean() < 0.25
    sides = {(thread, side) for thread, side in zip(named, held, strict=True) if thread}
    assert len(sides) == 100, "who shares a thread is on one side"


def test_the_holdout_of_a_large_pool_is_bounded(
    store: Store, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "MAX_HOLDOUT", 20)
    a_project(store)
    run(store, admin, mails(tmp_path / "a.parquet", range(400)))
    project, pool = pool_of(store)
    assert project.holdout_threshold == 20 / 400
    assert 8 <= pool.holdout(project.holdout_threshold).sum() <= 36


def test_an_import_is_queued_once_however_often_it_is_clicked(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    path = mails(tmp_path / "a.parquet", range(3))
    first, second = (
        importing.start_import(store, admin, "spam", uri=path, now=NOW) for _ in range(2)
    )
    assert (first.id, first.kind, first.state) == (second.id, "ingest", "queued")
    assert first.person == "Root"
    with store.read() as connection:
        assert len(jobs.listed(connection, project.id)) == 1
        assert audit.listed(connection, audit.Filter(), limit=1)[0].action == "import started"


def test_the_trail_names_an_upload_as_the_person_knows_it(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    folder = store.home / "uploads" / "be3b0f0e9d0c4c1d8f0a7b6c5d4e3f2a"
    folder.mkdir(parents=True)
    sources = [mails(folder / "mails of May.parquet", range(3))]
    sources.append(mails(tmp_path / "on the server.parquet", range(3)))
    for source in sources:
        importing.start_import(store, admin, "spam", uri=source, now=NOW)
    with store.read() as connection:
        newest, first = audit.listed(connection, audit.Filter(), limit=2)
    assert (first.detail, newest.detail) == ("mails of May.parquet", str(sources[1]))


def test_only_admins_import_and_only_into_living_projects(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    path = mails(tmp_path / "a.parquet", range(3))
    with pytest.raises(NotAllowed, match="only an admin may import data"):
        importing.start_import(store, a_person(store), "spam", uri=path, now=NOW)
    with pytest.raises(BadSource, match="there is no such file"):
        importing.start_import(store, admin, "spam", uri=tmp_path / "none.csv", now=NOW)
    project_services.set_archived(store, admin, "spam", archived=True, now=NOW)
    with pytest.raises(Conflict, match="archived"):
        importing.start_import(store, admin, "spam", uri=path, now=NOW)


def test_one_import_at_a_time_changes_a_pool(store: Store, admin: Person, tmp_path: Path) -> None:
    project = a_project(store)
    job = queue(store, admin, mails(tmp_path / "a.parquet", range(3)))
    with exclusive(pool_folder(store.home, project.id)):
        with pytest.raises(Conflict, match="another import into this project is under way"):
            do(store, job)
    assert do(store, job)["added"] == 3


KILLED = """
import os
from datetime import timedelta
from pathlib import Path
from mlvajra_al.services.jobs import ingesting
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import jobs, projects, staging
from mlvajra_al.store.database import Store

url, home, job_id, point = arguments
store = Store.open(url, Path(home))
with store.read() as connection:
    job = jobs.get(connection, int(job_id))
module, name = {
    "before the files move": (staging, "commit"),
    "before the transaction": (ingesting, "summarise"),
    "in the transaction": (projects, "set_statistics"),
    "after the transaction": (staging, "sweep"),
}[point]
setattr(module, name, lambda *args, **kwargs: os._exit(9))
clock = lambda: job.started_at
tell = Tell(store, job, worker="test", clock=clock, lease=timedelta(minutes=5))
ingesting.ingest(store, job, tell)
"""


@pytest.mark.parametrize(
    ("point", "registered"),
    [
        ("before the files move", 0),
        ("before the transaction", 0),
        ("in the transaction", 0),
        ("after the transaction", 60),
    ],
)
def test_a_killed_import_leaves_all_or_nothing_and_can_be_repeated(
    point: str, registered: int, store: Store, admin: Person, tmp_path: Path, forks: Forks
) -> None:
    project = a_project(store, key_column="id")
    job = queue(store, admin, mails(tmp_path / "a.parquet", range(60)), "label")
    assert forks.run(KILLED, url_of(store), store.home, job.id, point) == 9
    _, pool = pool_of(store)
    assert len(pool) == registered
    pool.verify()
    with store.read() as connection:
        assert events.total(connection, project.id) == registered * 2 // 3
    if registered:  # the job ended with its transaction
        with pytest.raises(Cancelled):
            do(store, job)
    else:
        assert do(store, job)["added"] == 60
    _, pool = pool_of(store)
    assert len(pool) == 60
    pool.verify()
    run(store, admin, mails(tmp_path / "a.parquet", range(60)))
    folder = pool_folder(store.home, project.id)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["lock", *(pool.path(shard).name for shard in pool.shards)]
    )
    with store.read() as connection:
        assert events.total(connection, project.id) == 40


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_an_upload_streams_to_a_file_of_its_own_name(store: Store, admin: Person) -> None:
    saved = asyncio.run(
        importing.save_upload(
            store, admin, chunks(b"a,b\n", b"1,2\n"), name="../my mail.csv", limit_mb=1
        )
    )
    assert saved.name == "my mail.csv"
    assert saved.read_bytes() == b"a,b\n1,2\n"
    assert saved.is_relative_to(store.home / "uploads")
    assert [column.name for column in importing.inspect_upload(saved).columns] == ["a", "b"]


def test_an_upload_over_the_limit_leaves_nothing(store: Store, admin: Person) -> None:
    with pytest.raises(TooLarge, match="larger than 1 MB; import it on the server"):
        asyncio.run(
            importing.save_upload(
                store, admin, chunks(b"x" * 2**20, b"y"), name="x.csv", limit_mb=1
            )
        )
    assert list((store.home / "uploads").iterdir()) == []
    with pytest.raises(NotAllowed):
        asyncio.run(
            importing.save_upload(store, a_person(store), chunks(b"x"), name="x", limit_mb=1)
        )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("mail.csv", "mail.csv"),
        ("..\\..\\etc\\passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        (".hidden", "hidden"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("Zoë & co (1).csv", "Zoë _ co (1).csv"),
        ("..", "upload"),
        ("", "upload"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("邮" * 100 + ".csv", "邮" * 65 + ".csv"),
        ("a." + "x" * 199, "x" * 199),
    ],
)
def test_an_uploads_name_is_never_a_path(sent: str, kept: str) -> None:
    assert uploads.safe_name(sent) == kept


def saved(store: Store, admin: Person, content: bytes = b"body,label\nhello there,ham\n") -> Path:
    return asyncio.run(
        importing.save_upload(store, admin, chunks(content), name="x.csv", limit_mb=1)
    )


def test_old_uploads_go_unless_a_job_waits_for_them(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    a_project(store)
    kept, asked_about, forgotten = (saved(store, admin) for _ in range(3))
    importing.start_import(store, admin, "spam", uri=kept, now=NOW)
    question = asking.Question(upload=uploads.id_of(asked_about))
    with store.begin() as connection:
        project = projects.by_name(connection, "spam")
        payload = question.payload(store.home)
        jobs.enqueue(connection, project.id, "predict", payload=payload, now=NOW)
    (kept.parent.parent / ".DS_Store").write_text("put there by a file manager")
    later = NOW.fromtimestamp(kept.stat().st_mtime, NOW.tzinfo) + timedelta(days=2)
    with store.read() as connection:
        assert uploads.sweep(connection, store.home, now=later - timedelta(days=2)) == 0
        assert uploads.sweep(connection, store.home, now=later) == 1
    assert [path.exists() for path in (kept, asked_about, forgotten)] == [True, True, False]


def test_the_file_of_a_failed_import_goes_a_day_later_though_nothing_is_imported_again(
    store: Store, admin: Person
) -> None:
    a_project(store)
    path = saved(store, admin, b"other\n1\n")
    job = importing.start_import(store, admin, "spam", uri=path, now=NOW)
    begun = worker.utc_now()
    clock = [begun]
    one = worker.Worker(store, "w", clock=lambda: clock[0])
    assert one.work()
    with store.read() as connection:
        assert jobs.get(connection, job.id).state == "failed"
    for hours, there in ((0, True), (23, True), (25, False)):
        clock[0] = begun + timedelta(hours=hours)
        assert not one.work()
        assert path.exists() == there
    assert importing.uploaded_for(store, job) is None


def test_an_import_that_was_cancelled_writes_nothing(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store)
    job = queue(store, admin, mails(tmp_path / "a.parquet", range(30)))
    with store.begin() as connection:
        jobs.finish(connection, job.id, state="cancelled", now=NOW)
    with pytest.raises(Cancelled):
        do(store, job)
    assert len(pool_of(store)[1]) == 0
    assert [path.name for path in pool_folder(store.home, project.id).iterdir()] == ["lock"]


def test_the_brightest_pixel_of_a_pool_is_known(
    store: Store, admin: Person, tmp_path: Path
) -> None:
    project = a_project(store, recipe=Recipe((Column("pixels", "image"),)))
    pq.write_table(pa.table({"pixels": [[[0, 3], [4, 16]], [[1, 1], [1, 1]]]}), tmp_path / "x.pq")
    run(store, admin, tmp_path / "x.pq")
    with store.read() as connection:
        found = projects.statistics(connection, project.id)
    assert found["columns"] == {"pixels": {"min": 0.0, "max": 16.0, "missing": 0}}


def test_many_labels_are_stored_in_parts_and_a_killed_import_says_the_rest(
    store: Store, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "LABELS_AT_ONCE", 7)
    project = a_project(store, key_column="id")
    job = queue(store, admin, mails(tmp_path / "a.parquet", range(60)), "label")
    tell = telling(store, job)

    def dying(progress: float, message: str = "") -> None:
        if progress > 0.95:
            raise SystemExit
        tell(progress, message)

    dying.clock, dying.check, dying.settle = tell.clock, tell.check, tell.settle  # type: ignore
    with pytest.raises(SystemExit):
        ingest(store, job, dying)  # type: ignore[arg-type]
    with store.read() as connection:
        partly = events.total(connection, project.id)
        assert jobs.get(connection, job.id).state == "running"
    assert 7 <= partly < 40
    assert partly % 7 == 0
    result = do(store, job)
    assert (result["labels_added"], result["labels_known"]) == (40 - partly, partly)
    with store.read() as connection:
        assert said(store, connection, project) == {
            ("answer", "ham"): 20,
            ("answer", "spam"): 20,
        }
        waiting = ranking.waiting(connection, project.id)
        waiting += ranking.waiting(connection, project.id, holdout=True)
    assert waiting == 20


def test_a_part_of_the_labels_asks_for_no_more_than_its_own_samples(
    store: Store, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "LABELS_AT_ONCE", 7)
    project = a_project(store, key_column="id")
    run(store, admin, mails(tmp_path / "a.parquet", range(60)))
    of_all: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "UNION" in statement and "annotation.position" in statement:
            of_all.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    run(store, admin, mails(tmp_path / "a.parquet", range(60)), "label")
    assert len(of_all) <= 2, "to fill the ranking of pool and holdout"
    with store.read() as connection:
        waiting = ranking.waiting(connection, project.id)
        waiting += ranking.waiting(connection, project.id, holdout=True)
    assert waiting == 20

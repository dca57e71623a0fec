from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import Invalid, NotAllowed, NotFound
from mlvajra_al.records import Person, Policy, Project
from mlvajra_al.services import labelling, reviewing
from mlvajra_al.services.export_formats import FORMATS, Format, to_csv
from mlvajra_al.services.exporting import HISTORY_SCHEMA, LABEL_SCHEMA, What, export
from mlvajra_al.sources import formulas
from mlvajra_al.sources.formulas import escaped, is_ours
from mlvajra_al.store import exports, projects
from mlvajra_al.store.database import Store
from mlvajra_al.store.naming import Plan
from mlvajra_al.store.shards import Pool, pool_folder
from mlvajra_al.store.staging import commit, stage
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


@pytest.fixture
def admin(store: Store) -> Person:
    return a_person(store, "Grace", role="admin")


@pytest.fixture
def project(store: Store) -> Project:
    made = a_project(store)
    rank(store, made, 12)
    return made


def say(store: Store, person: Person, key: str, label: str | None, **kwargs: str) -> None:
    answer = replace(an_answer(key, label), **kwargs)
    labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)


def read(data: bytes, file_format: Format) -> list[dict[str, object]]:
    if file_format == "parquet":
        return pq.read_table(io.BytesIO(data)).to_pylist()
    if file_format == "jsonl":
        return [json.loads(line) for line in data.splitlines()]
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def exported(
    store: Store, person: Person, what: What, file_format: Format
) -> list[dict[str, object]]:
    pieces = export(store, person, "spam", what=what, file_format=file_format, now=NOW)
    return read(b"".join(pieces), file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_labels_come_with_who_when_how_and_their_sample(
    store: Store, project: Project, admin: Person, file_format: Format
) -> None:
    say(store, admin, "p3", "spam")
    say(store, admin, "p1", "ham")
    rows = exported(store, admin, "labels", file_format)
    assert [(row["key"], row["label"], row["person"]) for row in rows] == [
        ("p1", "ham", "Grace"),
        ("p3", "spam", "Grace"),
    ]
    assert {row["body"] for row in rows} == {"text number 1", "text number 3"}
    assert {row["resolved"] for row in rows} == {"first answer"}
    when = rows[0]["answered_at"]
    assert (when if isinstance(when, datetime) else datetime.fromisoformat(str(when))) == NOW


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_history_holds_every_event_with_its_reason(
    store: Store, project: Project, admin: Person, file_format: Format
) -> None:
    say(store, admin, "p1", "ham")
    say(store, admin, "p1", "spam")
    say(store, admin, "p2", None, action="skip")
    rows = exported(store, admin, "history", file_format)
    assert [row["action"] for row in rows] == ["answer", "answer", "skip"]
    assert rows[1]["supersedes"] == rows[0]["event_id"]
    assert {row["strategy"] for row in rows} == {"random"}
    assert list(rows[0]) == HISTORY_SCHEMA.names


@pytest.mark.parametrize("what", ["labels", "history"])
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_of_nothing_is_a_file_that_can_be_read(
    store: Store, project: Project, admin: Person, what: What, file_format: Format
) -> None:
    assert exported(store, admin, what, file_format) == []


def test_a_changed_answer_is_exported_as_it_stands_and_a_retracted_one_is_not(
    store: Store, project: Project, admin: Person
) -> None:
    say(store, admin, "p1", "ham")
    say(store, admin, "p1", "spam")
    say(store, admin, "p2", "ham")
    say(store, admin, "p2", None, action="retract")
    rows = exported(store, admin, "labels", "jsonl")
    assert [(row["key"], row["label"]) for row in rows] == [("p1", "spam")]


def test_a_majority_names_everybody_who_agreed(store: Store, admin: Person) -> None:
    rank(store, a_project(store, policy=Policy(overlap=3, holdout_rate=0.0)), 4)
    for name, label in (("Ada", "spam"), ("Ben", "ham"), ("Cyd", "spam")):
        say(store, a_person(store, name), "p0", label)
    (row,) = exported(store, admin, "labels", "jsonl")
    assert row["label"] == "spam"
    assert row["person"] == "Ada; Cyd"
    assert row["resolved"] == "majority"
    assert row["answers"] == 3


def test_formulas_are_escaped_in_csv_and_left_alone_elsewhere(
    store: Store, project: Project, admin: Person
) -> None:
    say(store, admin, "p1", "ham", comment='=HYPERLINK("http://evil","x")')
    raw = b"".join(
        export(store, admin, "spam", what="history", file_format="csv", now=NOW)
    ).decode()
    assert "\"'=HYPERLINK(" in raw
    (row,) = exported(store, admin, "history", "jsonl")
    assert str(row["comment"]).startswith("=HYPERLINK")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_can_start_a_formula(start: str) -> None:
    assert escaped(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("schema", "begins"), [(LABEL_SCHEMA, formulas.LABELS), (HISTORY_SCHEMA, formulas.HISTORY)]
)
def test_a_csv_file_of_ours_is_recognised(schema: pa.Schema, begins: tuple[str, ...]) -> None:
    assert tuple(schema.names[: len(begins)]) == begins
    held = schema.append(pa.field('a "name"\nof two lines', pa.string()))
    head = b"".join(to_csv(held, iter([]))).decode()
    assert is_ours(head)
    assert not is_ours(head.replace("\r\n", "\n"))
    assert not is_ours(head.replace('"', ""))


def test_numbers_stay_numbers_and_separators_cut_nothing_out() -> None:
    schema = pa.schema([("=name", pa.float64()), ("text", pa.string())])
    page = pa.table({"=name": [-1.5, None], "text": ["-7", "a;=1+1"]}, schema=schema)
    raw = b"".join(to_csv(schema, iter([page]))).decode()
    assert raw == '"\'=name","text"\r\n-1.5,"-7"\r\n"","a;=1+1"\r\n'


def test_text_with_every_nuisance_survives_a_round_trip() -> None:
    nuisances = ['a "quoted" one', "two\nlines", "tab\there", "naïve 😀", "", "null\0byte", "1,2;3"]
    table = pa.table({"text": nuisances})
    for file_format in FORMATS:
        data = b"".join(FORMATS[file_format](table.schema, iter([table])))
        assert [row["text"] for row in read(data, file_format)] == nuisances


def test_pages_keep_all_answers_of_a_sample_together(store: Store, admin: Person) -> None:
    project = a_project(store, policy=Policy(overlap=3, holdout_rate=0.0))
    rank(store, project, 5)
    for name in ("Ada", "Ben", "Cyd"):
        person = a_person(store, name)
        for key in range(5):
            say(store, person, f"p{key}", "spam")
    pages = list(exports.answers_by_sample(store, project.id, until_seq=15, page=4))
    assert [[row.sample_key for row in page] for page in pages] == [[f"p{n}"] * 3 for n in range(5)]


def test_what_is_said_after_the_start_of_an_export_is_not_in_it(
    store: Store, project: Project, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    for key in range(4):
        say(store, admin, f"p{key}", "ham")
    pieces = export(store, admin, "spam", what="history", file_format="jsonl", now=NOW)
    first = next(pieces)
    say(store, admin, "p5", "spam")
    assert (first + b"".join(pieces)).count(b"\n") == 4


def test_an_export_is_streamed_in_bounded_memory() -> None:
    schema = pa.schema([("text", pa.string())])
    most = 0
    made = 0

    def pages() -> Iterator[pa.Table]:
        nonlocal made
        rng = np.random.default_rng(0)
        for _ in range(50):
            made += 1
            yield pa.table({"text": [rng.bytes(50).hex() for _ in range(1_000)]}, schema=schema)

    for to_bytes in FORMATS.values():
        made = 0
        for place, piece in enumerate(to_bytes(schema, pages())):
            most = max(most, len(piece))
            assert made <= place + 1  # nothing is read before it is asked for
        assert made == 50
    assert most < 300_000


def test_an_annotator_may_not_export(store: Store, project: Project) -> None:
    with pytest.raises(NotAllowed):
        export(store, a_person(store), "spam", what="labels", file_format="csv", now=NOW)


def test_a_wrong_wish_is_refused_before_the_first_byte(
    store: Store, project: Project, admin: Person
) -> None:
    with pytest.raises(Invalid, match="choose labels or history"):
        export(store, admin, "spam", what="labels", file_format="xlsx", now=NOW)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        export(store, admin, "nothing", what="labels", file_format="csv", now=NOW)


HOSTILE = ["=1+1", "key", "sample.key", 'a"b', "a,b;c", "two\nlines", "＝x", "label", "naïve 😀"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_columns_of_every_name_are_exported_under_one_of_their_own(
    store: Store, admin: Person, file_format: Format
) -> None:
    project = a_project(store)
    fields = [pa.field("id", pa.large_string()), *(pa.field(n, pa.string()) for n in HOSTILE)]
    row = pa.table({"id": ["p0"]} | {name: [f"@{name}"] for name in HOSTILE}, pa.schema(fields))
    folder = pool_folder(store.home, project.id)
    plan = Plan(project.id, "hostile", 7, ("id",), key_column="id")
    empty = Pool(folder, ())
    staged = stage(folder, row.to_batches(), existing=empty, plan=plan, at=NOW, place=str)
    with store.begin() as connection:
        projects.add_shards(connection, commit(staged, folder))
    say(store, admin, "p0", "ham")
    (found,) = exported(store, admin, "labels", file_format)
    as_text = file_format == "csv"
    assert list(found)[7:] == [
        "id",
        "'=1+1" if as_text else "=1+1",
        "sample.sample.key",
        "sample.key",
        'a"b',
        "a,b;c",
        "two\nlines",
        "'＝x" if as_text else "＝x",
        "sample.label",
        "naïve 😀",
    ]
    assert list(found.values())[8:] == [f"{chr(39) * as_text}@{name}" for name in HOSTILE]
    assert (found["key"], found["label"]) == ("p0", "ham")


@pytest.mark.parametrize("file_format", FORMATS)
def test_whoever_hangs_up_leaves_nothing_running(
    store: Store, project: Project, admin: Person, file_format: Format
) -> None:
    say(store, admin, "p1", "ham")
    pieces = export(store, admin, "spam", what="history", file_format=file_format, now=NOW)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    say(store, admin, "p2", "ham")
    assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_what_a_reviewer_decided_is_exported_as_theirs(store: Store, admin: Person) -> None:
    rank(store, a_project(store, policy=Policy(overlap=2, holdout_rate=0.0)), 2)
    for name, label in (("Ada", "spam"), ("Ben", "ham")):
        say(store, a_person(store, name), "p0", label)
    assert exported(store, admin, "labels", "jsonl") == []
    decision = reviewing.Decision("p0", "label", "spam")
    reviewing.decide(store, admin, "spam", decision=decision, now=NOW, lease=LEASE)
    (row,) = exported(store, admin, "labels", "jsonl")
    assert (row["label"], row["person"], row["resolved"]) == ("spam", "Grace", "adjudicated")


def test_images_are_exported_as_lists() -> None:
    values = pa.array([[0, 1], [2, 3]], pa.list_(pa.float32(), 2))
    table = pa.table({"pixels": values})
    raw = b"".join(to_csv(table.schema, iter([table]))).decode()
    assert raw == '"pixels"\r\n"[0.0, 1.0]"\r\n"[2.0, 3.0]"\r\n'

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlvajra_al.errors import MISSING, BadSource, Conflict, Damaged
from mlvajra_al.records import Shard
from mlvajra_al.store import shards, staging
from mlvajra_al.store.hashing import hash_content, hash_keys, mix
from mlvajra_al.store.naming import Plan, keys_of
from mlvajra_al.store.shards import KEY, Pool, held_out, open_pool, pool_folder
from mlvajra_al.store.staging import Staged, commit, exclusive, stage, sweep

AT = datetime(2026, 11, 23, tzinfo=UTC)
PLAN = Plan(project_id=1, source="mail.csv", seed=7, content=("text", "size"), max_rows=40)
KEYED = replace(PLAN, key_column="id")


def a_table(rows: range | Sequence[int], **other: Any) -> pa.Table:
    columns = {
        "id": pa.array([f"m{n}" for n in rows], pa.large_string()),
        "text": pa.array([f"text {n}" for n in rows], pa.large_string()),
        "size": pa.array([float(n) for n in rows]),
    }
    return pa.table(columns | other)


def append(
    folder: Path,
    table: pa.Table,
    *,
    plan: Plan = PLAN,
    pool: Pool | None = None,
    batch_rows: int = 16,
) -> tuple[Pool, Staged]:
    existing = pool or Pool(folder, ())
    with exclusive(folder):
        staged = stage(
            folder,
            table.to_batches(max_chunksize=batch_rows),
            existing=existing,
            plan=plan,
            at=AT,
            place=lambda row: f"line {row + 2}",
        )
        return Pool(folder, (*existing.shards, *commit(staged, folder))), staged


def test_what_goes_in_comes_out_by_position(tmp_path: Path) -> None:
    table = a_table(range(100))
    pool, staged = append(tmp_path, table)
    assert (len(pool), staged.added, staged.rows) == (100, 100, 100)
    assert [(shard.start, shard.rows) for shard in pool.shards] == [(0, 40), (40, 40), (80, 20)]
    assert pool.columns == ("id", "text", "size")
    assert pool.take([99, 0, 41, 0], ["text"]).column("text").to_pylist() == [
        "text 99",
        "text 0",
        "text 41",
        "text 0",
    ]
    many = np.random.default_rng(0).integers(0, 100, 500)
    assert pool.take(many).to_pylist() == table.take(many).to_pylist()
    batches = list(pool.iter_batches(["size"], batch_rows=30))
    assert [batch.num_rows for batch in batches] == [30, 10, 30, 10, 20]
    assert np.concatenate([batch.column(0).to_numpy() for batch in batches]).tolist() == list(
        range(100)
    )


def test_a_pool_is_read_on_from_any_position(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    for start in (0, 39, 40, 57, 99, 100):
        batches = list(pool.iter_batches([KEY, "size"], batch_rows=30, start=start))
        assert [key for batch in batches for key in batch.column(0).to_pylist()] == pool.keys(
            range(start, 100)
        )
        sizes = [size for batch in batches for size in batch.column(1).to_pylist()]
        assert sizes == list(range(start, 100))


def test_what_many_rows_have_mapped_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "TOUCHED", 5)
    pool, _ = append(tmp_path, a_table(range(100)))
    mapped = []
    before = shards._map
    monkeypatch.setattr(shards, "_map", lambda path: mapped.append(path) or before(path))
    for position in (0, 1, 2, 3, 4):
        pool.rows([position], ["text"])
    assert len(mapped) == 1
    pool.rows([5], ["text"])
    assert pool.rows([6], ["text"]) == [{"text": "text 6"}]
    assert len(mapped) == 2
    assert pool.unreadable() == {}
    assert len(mapped) == 4, "the two others have never been looked at"
    pool.rows(range(6), ["text"])
    assert pool.unreadable() == {}
    assert len(mapped) == 4, "that a shard can be read is known though it is not mapped"


def test_a_file_that_goes_after_it_was_let_go_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "TOUCHED", 0)
    pool, _ = append(tmp_path, a_table(range(100)))
    assert pool.unreadable() == {}
    pool.rows([50], ["text"])
    pool.path(pool.shards[1]).unlink()
    with pytest.raises(Damaged):
        pool.rows([50], ["text"])
    assert list(pool.unreadable()) == [pool.shards[1]]


def test_a_file_that_goes_or_is_cut_is_told_before_a_sample_of_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    assert pool.unreadable() == {}
    gone, cut, whole = (pool.path(shard) for shard in pool.shards)
    content = gone.read_bytes()
    gone.unlink()
    cut.write_bytes(b"cut short")
    assert [*pool.unreadable()] == [*pool.shards[:2]]
    monkeypatch.setattr(shards, "TOUCHED", 0)
    pool.rows([99], ["text"])
    whole.unlink()
    assert [*pool.unreadable()] == [*pool.shards]
    gone.write_bytes(content)
    assert [*pool.unreadable()] == [*pool.shards[1:]]
    assert pool.rows([0], ["text"]) == [{"text": "text 0"}]


def test_the_holdout_is_looked_for_once(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    before = pool.holdout(0.4).tolist(), pool.holdout_order(0.4).tolist()
    for shard in pool.shards:
        pool.path(shard).unlink()
    assert (pool.holdout(0.4).tolist(), pool.holdout_order(0.4).tolist()) == before
    with pytest.raises(ValueError, match="read-only"):
        pool.holdout_order(0.4)[0] = 1


def test_keys_lead_to_positions_and_back(tmp_path: Path) -> None:
    for plan in (PLAN, KEYED):
        pool, _ = append(tmp_path / str(plan.key_column), a_table(range(100)), plan=plan)
        keys = pool.keys(range(100))
        assert len(set(keys)) == 100
        assert pool.positions(keys[::-1]).tolist() == list(range(99, -1, -1))
        assert pool.positions(["nobody", keys[3], ""]).tolist() == [-1, 3, -1]
        assert pool.positions([]).tolist() == []
        assert pool.key(7) == keys[7]
        assert pool.keys([]) == []
    assert keys[:2] == ["m0", "m1"]


def test_of_some_samples_it_is_told_whether_they_are_held_out_and_no_others_are_read(
    tmp_path: Path,
) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    some = [99, 0, 41, 0, *range(1, 81)]
    assert pool.held_out(some, 0.4).tolist() == pool.holdout(0.4)[some].tolist()
    assert pool.held_out([], 0.4).tolist() == []
    again = Pool(tmp_path, pool.shards)
    pool.path(pool.shards[1]).unlink()
    assert again.held_out([3], 0.4).tolist() == [bool(pool.holdout(0.4)[3])]


def test_a_hash_that_collides_does_not_name_a_sample(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(10)), plan=KEYED)
    other = pa.array(["somebody else"], pa.large_string())
    assert pool.find(other, hash_keys(["m3"])).tolist() == [-1]


def test_a_position_beyond_the_pool_is_refused(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(10)))
    for position in (-1, 10):
        with pytest.raises(IndexError, match=f"position {position} of a pool of 10"):
            pool.keys([5, position, 6])


@pytest.mark.parametrize("position", [-1, 100])
def test_the_row_of_a_position_beyond_the_pool_is_refused(tmp_path: Path, position: int) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    with pytest.raises(IndexError, match=f"position {position} of a pool of 100"):
        pool.rows([0, position], ["text"])


def test_rows_are_what_a_table_of_them_would_hold(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    asked = [99, 0, 39, 40, 79, 80, 0]
    for columns in (["text"], ["size", "id"], []):
        assert pool.rows(asked, columns) == [
            {name: row[name] for name in columns} for row in pool.take(asked).to_pylist()
        ]


def test_an_empty_pool_answers_every_question(tmp_path: Path) -> None:
    pool = Pool(tmp_path, ())
    assert (len(pool), pool.columns, pool.content, pool.held) == (0, (), None, ())
    assert pool.positions(["x"]).tolist() == [-1]
    assert pool.holdout(0.5).tolist() == pool.holdout_order(0.5).tolist() == pool.keys([]) == []
    assert list(pool.iter_batches()) == []
    assert pool.take([], ["text"]).num_rows == 0
    pool.verify()


def test_importing_again_adds_nothing(tmp_path: Path) -> None:
    for plan in (PLAN, KEYED):
        folder = tmp_path / str(plan.key_column)
        first, _ = append(folder, a_table(range(100)), plan=plan)
        again, staged = append(folder, a_table(range(100)), plan=plan, pool=first)
        assert again.shards == first.shards
        assert (staged.added, staged.known, staged.changed) == (0, 100, 0)


def test_a_superset_adds_only_what_is_new(tmp_path: Path) -> None:
    for plan in (PLAN, KEYED):
        folder = tmp_path / str(plan.key_column)
        first, _ = append(folder, a_table(range(0, 100, 2)), plan=plan)
        both, staged = append(folder, a_table(range(100)), plan=plan, pool=first)
        assert (staged.added, staged.known, len(both)) == (50, 50, 100)
        assert both.keys(range(50)) == first.keys(range(50))
        assert both.take(range(50, 100), ["size"])["size"].to_pylist() == list(range(1, 100, 2))


def test_order_and_batches_of_the_source_change_nothing_about_a_sample(tmp_path: Path) -> None:
    straight, _ = append(tmp_path / "a", a_table(range(100)))
    shuffled = a_table(np.random.default_rng(1).permutation(100).tolist())
    mixed, _ = append(tmp_path / "b", shuffled, batch_rows=7)
    there = mixed.positions(straight.keys(range(100)))
    assert sorted(there.tolist()) == list(range(100))
    assert (straight.holdout(0.3) == mixed.holdout(0.3)[there]).all()
    assert straight.keys(straight.holdout_order(0.3)) == mixed.keys(mixed.holdout_order(0.3))


def test_copies_are_stored_once_and_counted(tmp_path: Path) -> None:
    table = pa.concat_tables([a_table(range(30)), a_table(range(10, 20)), a_table([0, 0])])
    pool, staged = append(tmp_path, table, batch_rows=11)
    assert (len(pool), staged.copies, staged.rows) == (30, 12, 42)


def test_copies_under_other_keys_fall_on_the_same_side(tmp_path: Path) -> None:
    ids = pa.array([f"m{n}" for n in range(200)], pa.large_string())
    table = a_table([n // 2 for n in range(200)], id=ids)
    pool, _ = append(tmp_path, table, plan=KEYED)
    held = pool.holdout(0.4)
    assert len(pool) == 200
    assert (held[::2] == held[1::2]).all()
    assert 20 < held[::2].sum() < 60


def test_groups_stay_together_and_other_seeds_draw_others(tmp_path: Path) -> None:
    group = pa.array([f"g{n % 25}" for n in range(200)], pa.large_string())
    plan = replace(KEYED, group_column="group")
    pool, _ = append(tmp_path / "a", a_table(range(200), group=group), plan=plan)
    held = pool.holdout(0.4)
    by_group = {name: set() for name in set(group.to_pylist())}  # type: ignore[var-annotated]
    for name, side in zip(group.to_pylist(), held.tolist(), strict=True):
        by_group[name].add(side)
    assert all(len(sides) == 1 for sides in by_group.values())
    assert 0 < held.sum() < 200
    other, _ = append(tmp_path / "b", a_table(range(200)), plan=replace(KEYED, seed=8))
    same, _ = append(tmp_path / "c", a_table(range(200)), plan=KEYED)
    assert (other.holdout(0.4) != same.holdout(0.4)).any()


def test_the_holdout_is_the_share_asked_for_and_grows_with_it(tmp_path: Path) -> None:
    plan = replace(KEYED, max_rows=5_000)
    pool, _ = append(tmp_path, a_table(range(5_000)), plan=plan, batch_rows=5_000)
    small, large = pool.holdout(0.1), pool.holdout(0.2)
    assert small.mean() == pytest.approx(0.1, abs=0.02)
    assert large.mean() == pytest.approx(0.2, abs=0.02)
    assert large[small].all()
    assert not pool.holdout(0.0).any()
    assert pool.holdout(1.0).all()
    order = pool.holdout_order(0.2)
    assert sorted(order.tolist()) == np.flatnonzero(large).tolist()
    assert np.corrcoef(order, np.arange(len(order)))[0, 1] == pytest.approx(0, abs=0.1)


def test_a_key_that_stands_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    twice = a_table([*range(30), 7, 8])
    with pytest.raises(BadSource, match="the key 'm7' stands twice, on line 9 and line 32; make"):
        append(tmp_path, twice, plan=KEYED, batch_rows=10)
    with pytest.raises(BadSource, match="the key 'm7' stands twice, on line 9 and line 32"):
        append(tmp_path, twice, plan=KEYED, batch_rows=100)
    assert list(tmp_path.glob("*.arrow")) == []


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (None, "mail.csv: line 5 has no key in column 'id'; fill it in, or choose"),
        ("x" * 201, "mail.csv: line 5 has a key of more than 200 characters; choose a shorter"),
        ("d\0e", "mail.csv: line 5 has a NUL in its key in column 'id'; remove it, or choose"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(
    key: str | None, sentence: str, tmp_path: Path
) -> None:
    ids = pa.array(["a", "b", "c", key], pa.large_string())
    with pytest.raises(BadSource, match=sentence):
        append(tmp_path, a_table(range(4), id=ids), plan=KEYED, batch_rows=2)
    assert list(tmp_path.rglob("*.arrow")) == []


def test_a_known_key_with_other_content_keeps_the_first_and_is_counted(tmp_path: Path) -> None:
    first, _ = append(tmp_path, a_table(range(20)), plan=KEYED)
    texts = pa.array([f"text {n}" if n < 15 else "new" for n in range(20)], pa.large_string())
    again, staged = append(tmp_path, a_table(range(20), text=texts), plan=KEYED, pool=first)
    assert (staged.added, staged.known, staged.changed) == (0, 20, 5)
    assert again.take([19], ["text"])["text"].to_pylist() == ["text 19"]


def test_rows_of_another_shape_do_not_join_a_pool(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(10)))
    numbers = pa.array(["many"] * 3, pa.large_string())
    with pytest.raises(BadSource, match="column 'size' holds large_string where the pool has doub"):
        append(tmp_path, a_table(range(3), size=numbers), pool=pool)
    with pytest.raises(BadSource, match="column 'id' is not there where the pool has large_string"):
        append(tmp_path, a_table(range(3)).drop_columns("id"), pool=pool)


def test_images_of_another_size_are_told_by_their_sizes(tmp_path: Path) -> None:
    def scans(kind: pa.DataType) -> pa.Table:
        return a_table(range(1), scan=pa.array([[[0.0, 1.0]]], pa.list_(kind, 1)))

    pool, _ = append(tmp_path, scans(pa.list_(pa.float32(), 2)))
    other = a_table(range(1), scan=pa.array([[[0.0]] * 3], pa.list_(pa.list_(pa.float32(), 1), 3)))
    words = "'scan' holds images of 3 rows of 1 pixels where the pool has images of 1 rows of 2 pix"
    with pytest.raises(BadSource, match=words):
        append(tmp_path, other, pool=pool)


def test_a_damaged_shard_is_found_and_a_lost_one_too(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    pool.verify()
    path = pool.path(pool.shards[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match="does not match"):
        Pool(tmp_path, pool.shards[:2]).verify()
    path.unlink()
    without = Pool(tmp_path, pool.shards)
    assert {s: error.what for s, error in without.unreadable().items()} == {pool.shards[1]: MISSING}
    assert without.take([39, 80], ["id"]).to_pylist() == [{"id": "m39"}, {"id": "m80"}]
    with pytest.raises(Damaged, match=path.name):
        without.take([40])


def test_the_same_import_repeated_after_a_crash_gives_the_same_files(tmp_path: Path) -> None:
    lost, _ = append(tmp_path, a_table(range(100)))  # as if never registered
    files = {path.name for path in tmp_path.glob("*.arrow")}
    again, _ = append(tmp_path, a_table(range(100)))
    assert again.shards == lost.shards
    assert {path.name for path in tmp_path.glob("*.arrow")} == files


def test_files_without_a_shard_are_swept_and_others_stay(tmp_path: Path) -> None:
    pool, _ = append(tmp_path, a_table(range(100)))
    (tmp_path / "stray.arrow").write_bytes(b"x")
    assert sweep(tmp_path, pool.shards) == 1
    assert sweep(tmp_path, pool.shards) == 0
    Pool(tmp_path, pool.shards).verify()


def test_a_source_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    def breaking() -> Any:
        yield from a_table(range(50)).to_batches()
        raise BadSource("mail.csv", "line 52 is broken", "mend it")

    with pytest.raises(BadSource), exclusive(tmp_path):
        stage(tmp_path, breaking(), existing=Pool(tmp_path, ()), plan=PLAN, at=AT, place=str)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_two_imports_do_not_change_a_pool_at_once(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        with pytest.raises(Conflict, match="another import"), exclusive(tmp_path):
            pass
    with exclusive(tmp_path):
        pass


def test_shards_are_cut_by_size_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "SHARD_BYTES", 2_000)
    pool, _ = append(tmp_path, a_table(range(100)), plan=replace(PLAN, max_rows=1_000))
    assert len(pool.shards) > 1
    assert pool.keys(range(100)) == [pool.key(at) for at in range(100)]


def test_opening_the_same_shards_again_is_free(tmp_path: Path) -> None:
    home = tmp_path
    pool, _ = append(pool_folder(home, 1), a_table(range(10)))
    assert open_pool(home, 1, pool.shards) is open_pool(home, 1, pool.shards)
    assert open_pool(home, 1, ()).shards == ()


def test_content_is_what_decides_and_nothing_beside_it() -> None:
    def digests(**columns: Any) -> list[bytes]:
        return hash_content(pa.record_batch(columns), list(columns))

    text = pa.large_string()
    apart = digests(a=pa.array(["ab", "a"], text), b=pa.array(["c", "bc"], text))
    assert apart[0] != apart[1]
    missing = digests(a=pa.array(["", None], text))
    assert missing[0] != missing[1]
    numbers = digests(a=pa.array([0.0, -0.0, None, 1.0]))
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 3
    flags = digests(a=pa.array([True, False, None]))
    assert len(set(flags)) == 3
    dates = digests(a=pa.array([AT.replace(tzinfo=None), None], pa.timestamp("us")))
    assert dates[0] != dates[1]
    pixels = pa.list_(pa.list_(pa.float32(), 2), 1)
    images = digests(a=pa.array([[[1, 2]], [[2, 1]], [[1, 2]]], pixels))
    assert images[0] == images[2] != images[1]
    mixed = digests(a=pa.array([1.0, 1.0]), b=pa.array(["x", "y"], text))
    assert mixed[0] != mixed[1]
    assert all(len(digest) == 16 for digest in mixed)


def test_a_slice_hashes_as_the_rows_it_shows() -> None:
    images = pa.array([[[n, 0], [1, 2]] for n in range(20)], pa.list_(pa.list_(pa.float32(), 2), 2))
    flags = pa.array([[True, False, None][n % 3] for n in range(20)])
    batch = a_table(range(20), image=images, flag=flags).to_batches()[0]
    columns = ["text", "size", "image", "flag"]
    whole = hash_content(batch, columns)
    assert len(set(whole)) == 20
    assert hash_content(batch.slice(5, 7), columns) == whole[5:12]


def test_keys_of_a_batch_are_those_the_pool_gives_it(tmp_path: Path) -> None:
    table = a_table(range(20))
    for plan in (PLAN, KEYED):
        pool, _ = append(tmp_path / str(plan.key_column), table, plan=plan)
        (batch,) = table.to_batches()
        assert keys_of(batch, plan, first=0, place=str).to_pylist() == pool.keys(range(20))


def test_hashes_are_the_same_for_ever() -> None:
    assert hash_keys(["m1"]).tolist() == [EXPECTED_KEY]
    assert mix(hash_keys(["m1"]), 7).tolist() == [EXPECTED_MIX]
    assert held_out(np.array([2**63], dtype=np.uint64), 0.5).tolist() == [False]
    assert held_out(np.array([2**63 - 2**12], dtype=np.uint64), 0.5).tolist() == [True]


EXPECTED_KEY = 6104225451280506833
EXPECTED_MIX = 15544422512189735366


def test_shards_say_what_their_columns_hold(tmp_path: Path) -> None:
    fields = [
        pa.field("id", pa.large_string(), metadata={"kind": "ignored"}),
        pa.field("text", pa.large_string(), metadata={"kind": "text"}),
        pa.field("size", pa.float64(), metadata={"kind": "numeric"}),
    ]
    pool, _ = append(tmp_path, a_table(range(5)).cast(pa.schema(fields)))
    assert [(column.name, column.kind) for column in pool.held] == [
        ("id", "ignored"), ("text", "text"), ("size", "numeric"),
    ]  # fmt: skip
    assert pool.content == ("text", "size")
    assert KEY not in pool.schema.names
    assert isinstance(pool.shards[0], Shard)

"""What compaction refuses, keeps and forgets, whatever the size of the slices it works in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.core.mvcc import Store

from .naive_store import Event
from .observing import history, photograph


def finish(store: Store, max_records: int = 1000) -> None:
    while store.compact_step(max_records):
        pass
    assert not store.compaction_pending
    store.check()


def revisions(store: Store, key: bytes) -> list[str]:
    """The revisions that are kept of a key, in etcd's writing: a tombstone has a t."""
    return [
        f"{one.main}t" if one.value is None else f"{one.main}"
        for one in history(store)
        if one.key == key
    ]


@pytest.fixture
def etcds_example() -> Store:
    """key_index.go: put, put, tombstone, put, tombstone of foo, which there begins at 1."""
    store = Store()
    store.put(b"foo", b"1")  # 2, etcd's 1
    store.put(b"foo", b"2")
    store.delete_range(b"foo", None)  # 4
    store.put(b"foo", b"4")
    store.delete_range(b"foo", None)  # 6
    store.put(b"bar", b"")  # 7: there is a revision after the example's last
    return store


def test_etcds_example_compacted_step_by_step(etcds_example: Store) -> None:
    left = []
    for revision in (3, 5, 6, 7):  # etcd's 2, 4, 5, 6
        etcds_example.compact(revision)
        finish(etcds_example)
        left.append(revisions(etcds_example, b"foo"))
    assert left == [["3", "4t", "5", "6t"], ["5", "6t"], ["6t"], []]


@pytest.mark.parametrize(
    ("revision", "left"),
    [
        (2, ["2", "3", "4t", "5", "6t"]),
        (3, ["3", "4t", "5", "6t"]),
        (4, ["4t", "5", "6t"]),
        (5, ["5", "6t"]),
        (6, ["6t"]),
        (7, []),
    ],
)
def test_etcds_example_compacted_at_once(
    etcds_example: Store, revision: int, left: list[str]
) -> None:
    etcds_example.compact(revision)
    finish(etcds_example)
    assert revisions(etcds_example, b"foo") == left


def test_a_tombstone_exactly_at_the_compact_revision_stays_until_the_next(
    etcds_example: Store,
) -> None:
    etcds_example.compact(6)
    finish(etcds_example)
    assert revisions(etcds_example, b"foo") == ["6t"]
    etcds_example.compact(7)
    finish(etcds_example)
    assert revisions(etcds_example, b"foo") == []


def test_a_key_that_did_not_change_since_stays() -> None:
    store = Store()
    store.put(b"old", b"")
    store.put(b"other", b"")
    store.compact(2)
    finish(store)
    store.compact(3)
    finish(store)
    assert [one.key for one in store.range(b"", b"").versions] == [b"old", b"other"]
    assert len(history(store)) == 2


def test_reads_below_it_are_refused_before_anything_is_dropped(etcds_example: Store) -> None:
    etcds_example.compact(5)
    assert etcds_example.compaction_pending
    with pytest.raises(errors.COMPACTED):
        etcds_example.range(b"foo", None, revision=4)
    assert [v.value for v in etcds_example.range(b"foo", None, revision=5).versions] == [b"4"]


def test_a_compaction_of_the_future_or_of_what_is_compacted_is_refused() -> None:
    store = Store()
    store.put(b"k", b"")
    with pytest.raises(errors.FUTURE_REV):
        store.compact(3)
    store.compact(2)
    for revision in (-1, 0, 1, 2):
        with pytest.raises(errors.COMPACTED):
            store.compact(revision)
    assert store.compact_revision == 2


def test_a_first_compaction_at_revision_0_is_accepted_as_etcd_accepts_it() -> None:
    store = Store()
    with pytest.raises(errors.COMPACTED):
        store.compact(-1)
    store.compact(0)
    finish(store)
    assert store.compact_revision == 0
    with pytest.raises(errors.COMPACTED):
        store.compact(0)


def test_a_put_and_a_delete_of_one_key_in_the_compact_revision_leave_the_tombstone() -> None:
    store = Store()
    with store.write() as txn:
        txn.put(b"k", b"")
        txn.delete_range(b"k", None)
    store.put(b"other", b"")
    store.compact(2)
    finish(store)
    assert history(store, 0)[0] == Event(2, 1, b"k", None, 0)
    store.compact(3)
    finish(store)
    assert history(store) == [Event(3, 0, b"other", b"", 0)]


def test_a_delete_and_a_put_of_one_key_in_the_compact_revision_leave_the_put() -> None:
    store = Store()
    store.put(b"k", b"")
    with store.write() as txn:
        txn.delete_range(b"k", None)
        txn.put(b"k", b"again")
    store.compact(3)
    finish(store)
    assert history(store) == [Event(3, 1, b"k", b"again", 0)]


def test_a_long_history_is_dropped_in_slices() -> None:
    store = Store()
    for _ in range(100):
        store.put(b"k", b"")
    store.compact(store.current_revision)
    left = [len(history(store))]
    while store.compact_step(10):
        left.append(len(history(store)))
        store.check()
        assert len(store.range(b"k", None, revision=store.compact_revision).versions) == 1
    assert max(before - after for before, after in pairwise(left)) in range(5, 11)
    assert len(history(store)) == 1


def test_a_key_that_is_half_dropped_can_be_written_and_compacted_further() -> None:
    store = Store()
    for _ in range(50):
        store.put(b"k", b"")
    store.compact(30)
    assert store.compact_step(7)
    store.put(b"k", b"")
    store.delete_range(b"k", None)
    store.compact(store.current_revision)
    finish(store, 7)
    assert revisions(store, b"k") == ["53t"]


def test_a_second_compaction_forgets_the_tombstones_at_the_first_though_it_came_half_way() -> None:
    store = Store()
    for key in (b"a", b"b", b"c"):
        store.put(key, b"")
    store.delete_range(b"a", b"d")  # three tombstones in revision 5
    store.put(b"x", b"")
    store.compact(5)
    for _ in range(20):
        store.compact_step(1)
        if store._background.compaction.walk == (5, 2, 5):  # two tombstones were met, and kept
            break
    else:
        pytest.fail("the walk never stood inside revision 5")
    store.compact(6)
    finish(store)
    assert history(store) == [Event(6, 0, b"x", b"", 0)]


def test_memory_of_forgotten_revisions_is_given_back() -> None:
    store = Store()
    for _ in range(5000):
        store.put(b"k", b"")
    store.compact(store.current_revision)
    finish(store)
    assert list(store._log._segments) == [5001 >> 10]
    assert store._index.histories == {}


OPERATIONS = st.lists(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans()), min_size=1, max_size=3),
    min_size=1,
    max_size=20,
)


def generations(store: Store, key: bytes, compact_revision: int) -> list[str]:
    """What etcd's key index keeps of a key, by generations as its documentation tells it."""
    runs: list[list[str]] = [[]]
    for revision in revisions(store, key):
        runs[-1].append(revision)
        if revision.endswith("t"):
            runs.append([])

    def main(revision: str) -> int:
        return int(revision.rstrip("t"))

    while len(runs) > 1 and main(runs[0][-1]) < compact_revision:
        del runs[0]
    first = runs[0]
    while len(first) > 1 and main(first[1]) <= compact_revision:
        del first[0]
    return [revision for run in runs for revision in run]


@given(OPERATIONS, st.data())
def test_each_key_keeps_what_etcds_generations_keep(
    operations: list[list[tuple[bytes, bool]]], data: st.DataObject
) -> None:
    store = Store()
    for changes in operations:
        with store.write() as txn:
            seen = set()
            for key, delete in changes:
                if key in seen:
                    continue  # no request changes a key twice in one revision
                seen.add(key)
                if delete:
                    txn.delete_range(key, None)
                else:
                    txn.put(key, b"")
    for _ in range(3):
        if store.compact_revision >= store.current_revision:
            break
        revision = data.draw(
            st.integers(max(store.compact_revision, 0) + 1, store.current_revision)
        )
        expected = {key: generations(store, key, revision) for key in (b"a", b"b", b"c")}
        store.compact(revision)
        finish(store, data.draw(st.integers(1, 10)))
        assert {key: revisions(store, key) for key in expected} == expected


@given(OPERATIONS, st.integers(1, 8), st.data())
def test_each_slice_can_be_taken_back(
    operations: list[list[tuple[bytes, bool]]], max_records: int, data: st.DataObject
) -> None:
    store = Store()
    for changes in operations:
        with store.write() as txn:
            for key, delete in changes:
                if delete:
                    txn.delete_range(key, None)
                else:
                    txn.put(key, b"")
    store.put(b"z", b"")
    taken = [(store.journal.snapshot(), photograph(store))]
    store.compact(data.draw(st.integers(2, store.current_revision)))
    more = True
    while more:
        taken.append((store.journal.snapshot(), photograph(store)))
        more = store.compact_step(max_records)
    for snapshot, photo in reversed(taken):
        store.journal.restore(snapshot)
        store.check()
        assert photograph(store) == photo

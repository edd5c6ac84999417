"""The store in sentences: what etcd does with revisions, versions, transactions and ranges."""

from __future__ import annotations

import doctest

import pytest

from fake_etcd.api import errors
from fake_etcd.core.mvcc import Store, revision, store

from .naive_store import Event, KeyValue
from .observing import answer, history


@pytest.fixture
def filled() -> Store:
    """a (revision 2), b (3), c (4), each with its own name as the value."""
    filled = Store()
    for key in (b"a", b"b", b"c"):
        filled.put(key, key)
    return filled


def keys(
    store: Store, key: bytes, range_end: bytes | None, revision: int = 0, limit: int = 0
) -> list[bytes]:
    found = store.range(key, range_end, revision=revision, limit=limit)
    return [one.key for one in found.versions]


@pytest.mark.parametrize("module", [store, revision])
def test_examples_in_the_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module


def test_an_empty_store_is_at_revision_1_and_was_never_compacted() -> None:
    empty = Store()
    assert (empty.current_revision, empty.compact_revision) == (1, -1)
    assert answer(empty.range(b"", b"")) == ((), 0, 1)
    assert history(empty) == []
    empty.check()


def test_the_first_put_creates_the_key_at_revision_2() -> None:
    store = Store()
    assert store.put(b"k", b"v", lease=7) == 2
    assert answer(store.range(b"k", None)) == ((KeyValue(b"k", b"v", 2, 2, 1, 7),), 1, 2)


def test_a_second_put_keeps_the_creation_and_counts_the_version() -> None:
    store = Store()
    store.put(b"k", b"v", lease=7)
    assert store.put(b"k", b"w") == 3
    assert answer(store.range(b"k", None)) == ((KeyValue(b"k", b"w", 2, 3, 2, 0),), 1, 3)


def test_a_deleted_key_is_gone_and_begins_anew() -> None:
    store = Store()
    store.put(b"k", b"v")
    assert store.delete_range(b"k", None) == (1, 3)
    assert answer(store.range(b"k", None)) == ((), 0, 3)
    store.put(b"k", b"w")
    assert answer(store.range(b"k", None)) == ((KeyValue(b"k", b"w", 4, 4, 1, 0),), 1, 4)
    store.check()


def test_delete_of_nothing_keeps_the_revision(filled: Store) -> None:
    assert filled.delete_range(b"x", None) == (0, 4)
    assert filled.delete_range(b"x", b"z") == (0, 4)
    assert filled.delete_range(b"c", b"a") == (0, 4)
    assert filled.current_revision == 4
    assert len(history(filled)) == 3


def test_a_deletion_of_several_keys_is_one_revision_in_order_of_keys(filled: Store) -> None:
    assert filled.delete_range(b"a", b"c") == (2, 5)
    assert history(filled, 5) == [Event(5, 0, b"a", None, 0), Event(5, 1, b"b", None, 0)]
    filled.check()


@pytest.mark.parametrize(
    ("key", "range_end", "found"),
    [
        (b"b", None, [b"b"]),
        (b"x", None, []),
        (b"a", b"c", [b"a", b"b"]),
        (b"b", b"", [b"b", b"c"]),
        (b"", b"", [b"a", b"b", b"c"]),
        (b"", b"b", [b"a"]),
        (b"b", b"b", []),
        (b"c", b"a", []),
        (b"aa", b"b\x00", [b"b"]),
    ],
)
def test_a_range_holds_its_first_key_and_not_its_end(
    filled: Store, key: bytes, range_end: bytes | None, found: list[bytes]
) -> None:
    assert keys(filled, key, range_end) == found
    assert keys(filled, key, range_end, revision=4) == found
    filled.put(b"zz", b"")
    filled.delete_range(b"zz", None)
    assert keys(filled, key, range_end, revision=4) == found
    assert filled.delete_range(key, range_end)[0] == len(found)


@pytest.mark.parametrize("old", [False, True])
def test_a_limit_ends_the_list_and_not_the_count(filled: Store, old: bool) -> None:
    at = filled.current_revision if old else 0
    if old:
        filled.put(b"d", b"")
    result = filled.range(b"a", b"d", revision=at, limit=2)
    assert ([one.key for one in result.versions], result.count) == ([b"a", b"b"], 3)
    result = filled.range(b"a", b"d", revision=at, limit=2, total_count=False)
    assert ([one.key for one in result.versions], result.count) == ([b"a", b"b"], 2)
    result = filled.range(b"a", b"d", revision=at, limit=2, count_only=True)
    assert (result.versions, result.count) == ([], 3)
    assert keys(filled, b"a", b"d", revision=at, limit=-1) == [b"a", b"b", b"c"]


def test_a_read_at_a_revision_shows_what_lived_then(filled: Store) -> None:
    filled.put(b"a", b"A")
    filled.delete_range(b"b", None)
    assert answer(filled.range(b"a", b"z", revision=3)) == (
        (KeyValue(b"a", b"a", 2, 2, 1, 0), KeyValue(b"b", b"b", 3, 3, 1, 0)),
        2,
        6,
    )
    assert answer(filled.range(b"b", None, revision=5)) == (
        (KeyValue(b"b", b"b", 3, 3, 1, 0),),
        1,
        6,
    )
    assert answer(filled.range(b"b", None, revision=6)) == ((), 0, 6)
    assert answer(filled.range(b"a", None, revision=1)) == ((), 0, 6)


def test_a_negative_revision_reads_the_newest_state(filled: Store) -> None:
    assert keys(filled, b"a", b"z", revision=-5) == [b"a", b"b", b"c"]


def test_a_future_revision_is_refused_before_a_compacted_one(filled: Store) -> None:
    filled.compact(4)
    with pytest.raises(errors.FUTURE_REV):
        filled.range(b"a", None, revision=5)
    with pytest.raises(errors.COMPACTED):
        filled.range(b"a", None, revision=3)
    assert keys(filled, b"a", b"z", revision=4) == [b"a", b"b", b"c"]


class TestTransactions:
    """Several changes that are one revision."""

    def test_one_without_changes_moves_nothing(self, filled: Store) -> None:
        with filled.write() as txn:
            assert txn.delete_range(b"x", None) == (0, 4)
            assert not txn.has_changes
        assert filled.current_revision == 4
        filled.check()

    def test_its_changes_are_one_revision_with_sub_revisions(self, filled: Store) -> None:
        with filled.write() as txn:
            assert txn.put(b"d", b"d") == 5
            assert txn.delete_range(b"a", b"c") == (2, 5)
            assert txn.put(b"c", b"C", lease=3) == 5
        assert filled.current_revision == 5
        assert history(filled, 5) == [
            Event(5, 0, b"d", b"d", 0),
            Event(5, 1, b"a", None, 0),
            Event(5, 2, b"b", None, 0),
            Event(5, 3, b"c", b"C", 3),
        ]
        filled.check()

    def test_it_sees_its_own_writes_as_the_next_revision(self, filled: Store) -> None:
        with filled.write() as txn:
            assert answer(txn.range(b"a", None)) == ((KeyValue(b"a", b"a", 2, 2, 1, 0),), 1, 4)
            with pytest.raises(errors.FUTURE_REV):
                txn.range(b"a", None, revision=5)
            txn.put(b"a", b"A")
            new = ((KeyValue(b"a", b"A", 2, 5, 2, 0),), 1, 5)
            assert answer(txn.range(b"a", None)) == new
            assert answer(txn.range(b"a", None, revision=5)) == new
            assert answer(txn.range(b"a", b"b", revision=5)) == new
            old = ((KeyValue(b"a", b"a", 2, 2, 1, 0),), 1, 5)
            assert answer(txn.range(b"a", None, revision=4)) == old
            assert answer(txn.range(b"a", b"b", revision=4)) == old
            with pytest.raises(errors.FUTURE_REV):
                txn.range(b"a", None, revision=6)

    def test_a_delete_after_a_change_answers_with_the_next_revision(self, filled: Store) -> None:
        with filled.write() as txn:
            txn.put(b"d", b"")
            assert txn.delete_range(b"x", None) == (0, 5)

    def test_a_key_put_and_deleted_in_one_revision_leaves_both_in_history(self) -> None:
        store = Store()
        with store.write() as txn:
            txn.put(b"k", b"v")
            txn.delete_range(b"k", None)
        assert history(store) == [Event(2, 0, b"k", b"v", 0), Event(2, 1, b"k", None, 0)]
        store.put(b"other", b"")
        assert answer(store.range(b"", b"", revision=2)) == ((), 0, 3)
        store.check()

    def test_a_key_deleted_and_put_in_one_revision_begins_anew(self) -> None:
        store = Store()
        store.put(b"k", b"v")
        with store.write() as txn:
            txn.delete_range(b"k", None)
            txn.put(b"k", b"w")
        assert answer(store.range(b"k", None)) == ((KeyValue(b"k", b"w", 3, 3, 1, 0),), 1, 3)
        store.check()

    def test_only_one_is_open_at_a_time_and_ends_once(self, filled: Store) -> None:
        txn = filled.write()
        with pytest.raises(AssertionError, match="one transaction ends before the next"):
            filled.write()
        txn.end()
        with pytest.raises(AssertionError, match="ends once"):
            txn.end()

    def test_a_result_is_the_callers_own(self, filled: Store) -> None:
        filled.range(b"a", b"z").versions.clear()
        assert keys(filled, b"a", b"z") == [b"a", b"b", b"c"]

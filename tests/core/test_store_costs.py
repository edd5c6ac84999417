"""What operations cost, by counting and not by the clock.

Two counts that no busy machine changes: the bytecodes that Python executes, and the comparisons
that the bisections, which are C, ask of a key or revision that counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from fake_etcd.core.mvcc import Store

from .counting import CountedKey, bytecodes

SMALL, LARGE = 3_000, 48_000  # both several blocks of a sorted list; four bisection steps apart


def key(number: int) -> bytes:
    return b"key-%08d" % number


def store_of(keys: int) -> Store:
    store = Store()
    for number in range(keys):
        store.put(key(number), b"value")
    store.range(b"", b"", count_only=True)  # the sorted list builds its positions when first asked
    return store


def store_of_one(versions: int) -> Store:
    store = Store()
    for _ in range(versions):
        store.put(b"k", b"value")
    return store


class CountedRevision(int):
    """A revision that counts the comparisons made with it."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        CountedRevision.compared += 1
        return int(self) < other


@pytest.fixture(scope="module")
def small() -> Store:
    return store_of(SMALL)


@pytest.fixture(scope="module")
def large() -> Store:
    return store_of(LARGE)


OPERATIONS: dict[str, Callable[[Store, bytes], object]] = {
    "get": lambda store, key: store.range(key, None),
    "get of nothing": lambda store, key: store.range(key + b"x", None),
    "put of a live key": lambda store, key: store.put(key, b"new"),
    "put of a new key": lambda store, key: store.put(key + b"new", b"new"),
    "range": lambda store, key: store.range(key, key[:-2] + b"99"),
    "range with a limit and the full count": lambda store, key: store.range(b"", b"", limit=5),
    "count": lambda store, key: store.range(b"", b"", count_only=True),
    "delete": lambda store, key: store.delete_range(key, None),
    "snapshot": lambda store, key: store.journal.release(store.journal.snapshot()),
    "compact": lambda store, key: store.compact(store.compact_revision + 3),
    "slice of compaction": lambda store, key: store.compact_step(50),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bytecodes_hardly_grow_with_the_number_of_keys(
    small: Store, large: Store, operation: str
) -> None:
    run = OPERATIONS[operation]
    of_small = bytecodes(lambda: run(small, key(1200)))
    of_large = bytecodes(lambda: run(large, key(1200)))
    # Sixteen times the keys may cost four more levels of the sorted list's positions,
    # some 30 bytecodes each time one is looked up; a step for each key would cost 100,000s.
    assert 0 < of_large <= of_small + 500, (of_small, of_large)


@pytest.mark.parametrize(
    "operation",
    [
        lambda store, key: store.range(key, None),
        lambda store, key: store.put(key, b"new"),
        lambda store, key: store.put(CountedKey(key + b"newer"), b""),
        lambda store, key: store.range(key, b"", limit=1),
        lambda store, key: store.range(key, b"", count_only=True),
    ],
)
def test_comparisons_of_keys_are_those_of_a_bisection(
    large: Store, operation: Callable[[Store, bytes], object]
) -> None:
    CountedKey.compared = 0
    operation(large, CountedKey(key(LARGE // 2)))
    assert CountedKey.compared <= LARGE.bit_length() + 4


@pytest.mark.parametrize("revision", [2, 3_000, 15_999])
def test_a_read_of_an_old_revision_bisects_the_history(revision: int) -> None:
    store = store_of_one(16_000)
    CountedRevision.compared = 0
    found = store.range(b"k", None, revision=CountedRevision(revision)).versions
    assert [one.mod_revision for one in found] == [revision]
    assert 0 < CountedRevision.compared <= 16


@pytest.mark.parametrize(
    "operation",
    [
        lambda store: store.put(b"k", b""),
        lambda store: store.range(b"k", None),
        lambda store: store.range(b"k", None, revision=50),
        lambda store: store.delete_range(b"k", None),
        lambda store: store.put(b"k", b"again"),
        lambda store: next(store.versions_since(90)),
        lambda store: store.compact(100),
        lambda store: store.compact_step(20),
    ],
)
def test_bytecodes_do_not_grow_with_the_history_of_a_key(
    operation: Callable[[Store], object], histories: tuple[Store, Store]
) -> None:
    short, long = histories
    of_short, of_long = bytecodes(partial(operation, short)), bytecodes(partial(operation, long))
    # Room for longer varints, and for the count of a segment that is full.
    assert 0 < of_long <= of_short * 3 // 2, (of_short, of_long)


@pytest.fixture(scope="module")
def histories() -> tuple[Store, Store]:
    return store_of_one(300), store_of_one(16_000)


def test_a_limited_read_of_an_old_revision_looks_only_as_far_as_the_limit() -> None:
    counts = []
    for size in (SMALL, LARGE):
        store = store_of(size)
        revision = store.current_revision
        store.delete_range(key(5), key(10))
        read = partial(store.range, b"", b"", revision=revision, limit=10, total_count=False)
        counts.append(bytecodes(read))
    assert counts[1] <= counts[0] + 500, counts


def test_a_slice_of_compaction_is_bounded_by_its_size() -> None:
    store = store_of_one(20_000)
    for number in range(2_000):
        store.put(key(number % 100), b"")
    store.delete_range(b"", b"")
    store.put(b"last", b"")
    store.compact(store.current_revision)
    most, more = 0, True

    def step() -> None:
        nonlocal more
        more = store.compact_step(100)

    while more:
        most = max(most, bytecodes(step))
    assert most < 100 * 250, most


@pytest.mark.parametrize("keys", [10, 5_000])
def test_restoring_runs_as_many_inverses_as_there_were_changes(keys: int) -> None:
    store = store_of(keys)
    snapshot = store.journal.snapshot()
    assert store.journal.restore(snapshot) == 0
    for _ in range(3):
        store.put(key(3), b"")  # a version and a revision
    store.range(b"", b"")
    store.delete_range(b"nothing", None)
    assert store.journal.restore(snapshot) == 6
    with store.write() as txn:  # three versions, a range of tombstones and a revision
        for place in range(3):
            txn.put(key(place), b"")
        txn.delete_range(key(0), key(3))
    assert store.journal.restore(snapshot) == 5
    for place in range(4):
        store.put(key(place), b"")
    taken = store.journal.snapshot()
    store.compact(store.current_revision)
    while store.compact_step(1_000_000):
        pass
    # The compact revision, the beginning and end of the work, of the walk and of the hash, with
    # its two steps, and a key each that lost a version.
    assert store.journal.restore(taken) == 9 + 4
    store.check()

"""Hashes of history, against etcd's rules applied to a plain list of records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.core.crc32c import crc32c
from fake_etcd.core.mvcc import Store, background
from fake_etcd.core.mvcc.hash import KEPT_HASHES, Hashing, KeyValueHash
from fake_etcd.core.mvcc.version import Version


@dataclass
class Naive:
    """The records of a database; a compaction is through as soon as it is asked for."""

    records: list[Version] = field(default_factory=list)
    compact_revision: int = -1
    stored: list[KeyValueHash] = field(default_factory=list)

    def live_at(self, revision: int) -> set[int]:
        newest = {each.key: each for each in self.records if each.mod_revision <= revision}
        return {id(each) for each in newest.values() if not each.is_tombstone}

    def hashed(self, compacted: int, revision: int, keep: set[int]) -> KeyValueHash:
        data = b"key"
        for each in self.records:
            if each.mod_revision > revision:
                continue
            if each.mod_revision <= compacted and keep and id(each) not in keep:
                continue
            if each.mod_revision == compacted and each.is_tombstone:
                continue
            data += each.database_key + each.database_value
        return KeyValueHash(crc32c(data), compacted, revision)

    def compact(self, revision: int) -> None:
        keep = self.live_at(revision)
        keep |= {
            id(each) for each in self.records if each.mod_revision == revision and each.is_tombstone
        }
        self.stored.append(self.hashed(self.compact_revision, revision, keep))
        self.records = [
            each for each in self.records if each.mod_revision > revision or id(each) in keep
        ]
        self.compact_revision = revision

    def at(self, revision: int) -> KeyValueHash:
        for each in self.stored[-KEPT_HASHES:]:
            if each.revision == revision:
                return each
        return self.hashed(self.compact_revision, revision, self.live_at(revision))


KEYS = st.sampled_from([b"a", b"b", b"c" * 200])
CHANGES = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=200)),
    st.tuples(st.just("delete"), KEYS, st.just(b"")),
    st.tuples(st.just("delete all"), st.just(b"\0"), st.just(b"")),
)
STEPS = st.one_of(
    CHANGES,
    st.lists(CHANGES, min_size=1, max_size=3, unique_by=lambda change: change[1]),
    st.integers(0, 6),
)


def change(store: Store, what: tuple[str, bytes, bytes]) -> None:
    kind, key, value = what
    if kind == "put":
        store.put(key, value)
    else:
        store.delete_range(key, None if kind == "delete" else b"")


def play(store: Store, naive: Naive, steps: list[object], slices: int) -> None:
    for step in steps:
        if isinstance(step, int):
            revision = store.current_revision - step
            if revision <= store.compact_revision:
                continue
            store.compact(revision)
            naive.compact(revision)
            while store.compact_step(slices):
                pass
            continue
        before = store.current_revision
        if isinstance(step, tuple):
            change(store, step)
        else:
            assert isinstance(step, list)
            with store.write() as txn:
                for kind, key, value in step:
                    if kind == "put":
                        txn.put(key, value)
                    elif kind == "delete":
                        txn.delete_range(key, None)
        naive.records += store.versions_since(before + 1)
    store.check()


def refused(ask: Callable[[], KeyValueHash]) -> KeyValueHash | str:
    try:
        return ask()
    except (errors.COMPACTED, errors.FUTURE_REV) as refusal:
        return type(refusal).__name__


def hash_or_refusal(store: Store, revision: int) -> KeyValueHash | str:
    return refused(lambda: store.hash_at(revision))


def result_or_refusal(hashing: Hashing) -> KeyValueHash | str:
    return refused(hashing.result)


def hashes(store: Store) -> dict[int, KeyValueHash | str]:
    revisions = range(-1, store.current_revision + 2)
    return {revision: hash_or_refusal(store, revision) for revision in revisions}


def expected(store: Store, naive: Naive) -> dict[int, KeyValueHash | str]:
    found: dict[int, KeyValueHash | str] = {}
    kept = {each.revision for each in naive.stored[-KEPT_HASHES:]}
    for revision in range(-1, store.current_revision + 2):
        if 0 < revision < store.compact_revision and revision not in kept:
            found[revision] = "COMPACTED"
        elif revision > store.current_revision:
            found[revision] = "FUTURE_REV"
        else:
            asked = revision if revision or 0 in kept else store.current_revision
            # What is kept of a compaction answers for its own revision, not for the newest one.
            newest = naive.hashed(naive.compact_revision, asked, naive.live_at(asked))
            found[revision] = naive.at(revision) if revision in kept else newest
    return found


@given(st.lists(STEPS, max_size=20), st.sampled_from([1, 2, 1_000]))
def test_all_revisions_have_etcds_hash(steps: list[object], slices: int) -> None:
    store, naive = Store(), Naive()
    play(store, naive, steps, slices)
    assert hashes(store) == expected(store, naive)


@given(st.lists(STEPS, max_size=10), st.lists(STEPS, max_size=10), st.booleans())
def test_what_is_taken_back_leaves_the_hashes_as_they_were(
    before: list[object], after: list[object], half: bool
) -> None:
    store, naive = Store(), Naive()
    play(store, naive, before, 1_000)
    expected_hashes = hashes(store)
    taken = store.journal.snapshot()
    play(store, naive, after, 1_000)
    if half and store.current_revision > store.compact_revision:
        store.compact(store.current_revision)
        store.compact_step(1)
    store.journal.restore(taken)
    store.check()
    assert hashes(store) == expected_hashes


def test_only_the_ten_newest_compactions_are_kept() -> None:
    store = Store()
    for _ in range(12):
        store.put(b"a", b"")
        store.compact(store.current_revision)
    found = hashes(store)
    assert [revision for revision, each in found.items() if each == "COMPACTED"] == [1, 2, 3]
    assert found[4] == store.hash_at(4)
    assert [each.compact_revision for each in found.values() if isinstance(each, KeyValueHash)] == [
        13, 13, *range(3, 13)
    ]  # fmt: skip


def store_of_9000_puts() -> Store:
    store = Store()
    for number in range(9_000):
        store.put(b"%d" % (number % 5_000), b"")
    return store


def test_of_compactions_that_meet_the_first_alone_has_a_hash() -> None:
    """All answers are real etcd's, with `--compaction-sleep-interval=100ms`."""
    store = store_of_9000_puts()
    for revision in (5_000, 6_000, 7_000):
        store.compact(revision)
    assert hash_or_refusal(store, 5_000) == (547994671, -1, 5_000)
    assert hash_or_refusal(store, 6_000) == "COMPACTED"
    assert hash_or_refusal(store, 7_000) == (3038944611, 7_000, 7_000)
    assert hash_or_refusal(store, 8_000) == (2025895579, 7_000, 8_000)
    assert hash_or_refusal(store, 0) == (3131731691, 7_000, 9_001)
    store.compact(8_000)
    assert hash_or_refusal(store, 8_000) == (2025895579, 7_000, 8_000)


def test_readings_come_in_order_with_compactions_and_writes_go_on_beside_them() -> None:
    store, quiet = store_of_9000_puts(), store_of_9000_puts()
    for each in (store, quiet):
        each.compact(5_000)
    of_5000, of_9001 = store.hashing(5_000), store.hashing(0)
    store.read(of_5000)
    store.read(of_9001)
    store.compact(7_000)
    with pytest.raises(errors.FUTURE_REV):  # at once, for it waits for nothing
        store.hashing(9_002)
    of_8000, of_6000 = store.hashing(8_000), store.hashing(6_000)
    store.read(of_8000)
    store.read(of_6000)
    for number in range(100):
        store.put(b"%d" % number, b"again")
    store.delete_range(b"2", b"3")
    steps = 0
    while store.compact_step(500):
        steps += 1
        assert not store.compaction_pending or not of_8000.is_over
    assert steps > 30
    store.check()
    assert of_5000.result() == (547994671, -1, 5_000)
    assert (of_9001.result(), of_9001.current_revision) == (quiet.hash_at(), 9_001)
    assert of_8000.result() == (2025895579, 7_000, 8_000)
    with pytest.raises(errors.COMPACTED):
        of_6000.result()


def test_a_reading_that_is_forgotten_is_waited_for_no_more() -> None:
    store = store_of_9000_puts()
    reading = store.hashing(0)
    store.read(reading)
    store.compact_step(10)
    store.compact(9_000)
    for _ in range(3):
        store.compact_step(10)
    assert (store.finished_compaction, len(list(store.versions_since(0)))) == (-1, 9_000)
    store.forget(reading)
    store.forget(reading)
    store.finish_compaction()
    assert not reading.is_over
    assert not store.has_work
    assert len(list(store.versions_since(0))) == 5_001


BESIDE: list[object] = [
    ("put", b"a", b""),
    ("put", b"b", b""),
    ("delete", b"a", b""),
    ("delete all", b"\0", b""),
    0,
    2,
    "slice",
    "hash",
    ("hash at", -1),
    ("hash at", 4),
    ("hash at", 7),
]


@given(st.lists(st.sampled_from(BESIDE), min_size=6, max_size=30), st.integers(1, 3))
def test_a_hash_is_of_the_moment_when_it_was_asked_for(steps: list[object], size: int) -> None:
    """Whatever comes between its slices. The twin does all at once."""
    store, twin = Store(), Store()
    waiting: list[tuple[Hashing, KeyValueHash | str]] = []
    with mock.patch.object(background, "_STEPS_OF_A_SMALL_ONE", 0):
        for step in steps:
            if step == "slice":
                store.compact_step(size)
            elif isinstance(step, int):
                if store.current_revision - step > store.compact_revision:
                    compact_both(store, twin, store.current_revision - step)
            elif step == "hash" or (isinstance(step, tuple) and step[0] == "hash at"):
                revision = step[1] if isinstance(step, tuple) else 0
                if revision > store.current_revision:
                    assert hash_or_refusal(store, revision) == "FUTURE_REV"
                    continue
                store.read(hashing := store.hashing(revision))
                waiting.append((hashing, hash_or_refusal(twin, revision)))
            else:
                assert isinstance(step, tuple)
                change(store, step)
                change(twin, step)
            store.check()
    while store.compact_step(size):
        pass
    assert [result_or_refusal(each) for each, _ in waiting] == [found for _, found in waiting]
    assert hashes(store) == hashes(twin)


def compact_both(store: Store, twin: Store, revision: int) -> None:
    store.compact(revision)
    # That one which meets another leaves none is shown elsewhere.
    twin.compact(revision, leaves_hash=store._background._asked[-1].leaves_hash)
    twin.finish_compaction()


def test_a_hash_of_nothing_lives_is_of_all_that_is_left() -> None:
    """The map of what is kept is empty then, and etcd leaves nothing out for an empty one."""
    store, naive = Store(), Naive()
    steps: list[object] = [("put", b"a", b"1"), ("put", b"b", b"1"), 0, ("delete all", b"\0", b"")]
    play(store, naive, steps, 1_000)
    found = store.hash_at(4)
    data = b"key" + b"".join(
        each.database_key + each.database_value for each in store.versions_since(0)
    )
    assert (found.hash, len(naive.records)) == (crc32c(data), 4)


def test_a_slice_is_bounded_by_its_bytes_as_well() -> None:
    store = Store()
    for number in range(50):
        store.put(b"%d" % number, bytes(1_000_000))
    store.delete_range(b"", b"")
    store.put(b"last", b"")
    store.compact(store.current_revision)
    steps = 1
    while store.compact_step(2_000):
        steps += 1
    assert steps > 50

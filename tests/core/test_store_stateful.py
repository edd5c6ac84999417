"""Any operations in any order: the store against the naive one, its invariants, and undo."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_etcd.api import errors
from fake_etcd.core.journal import Snapshot
from fake_etcd.core.mvcc import Store, WriteTxn

from .naive_store import NaiveStore, Refused
from .observing import answer, history, photograph, reason

Span = tuple[bytes, bytes | None]

KEYS = [b"a", b"a\x00", b"aa", b"ab", b"b", b"c", b"\xff", b"\xff\xff"]
keys = st.sampled_from(KEYS)
spans = st.tuples(
    keys | st.sampled_from([b"\x00", b"d"]),
    st.none() | keys | st.sampled_from([b"", b"\x00", b"d"]),
)
values = st.sampled_from([b"", b"1", b"22"])
leases = st.sampled_from([0, 0, 7, -3])
limits = st.integers(-1, 5)
# Distances from the newest revision: near ones above all, and one that is in the future.
ages = st.integers(-1, 4) | st.integers(0, 40)


class PutOp(NamedTuple):
    key: bytes
    value: bytes
    lease: int


class DeleteOp(NamedTuple):
    span: Span


class ReadOp(NamedTuple):
    span: Span
    age: int
    limit: int


puts = st.builds(PutOp, keys, values, leases)
deletes = st.builds(DeleteOp, spans)
reads = st.builds(ReadOp, spans, ages, limits)


class Kept(NamedTuple):
    """An outstanding snapshot, with all that restoring it has to bring back."""

    snapshot: Snapshot
    naive: NaiveStore
    photo: tuple[object, ...]


class StoreMachine(RuleBasedStateMachine):
    """Runs each operation on both stores and compares whole answers."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.naive = NaiveStore()
        self.kept: list[Kept] = []

    @initialize(changes=st.lists(st.tuples(keys, st.booleans()), max_size=12))
    def some_history(self, changes: list[tuple[bytes, bool]]) -> None:
        for key, delete in changes:
            if delete:
                self.delete((key, None))
            else:
                self.put(key, b"0", 0)

    @rule(key=keys, value=values, lease=leases)
    def put(self, key: bytes, value: bytes, lease: int) -> None:
        self.naive.current_revision += 1
        self.naive.change(self.naive.current_revision, 0, key, value, lease)
        assert self.store.put(key, value, lease) == self.naive.current_revision

    @rule(span=spans)
    def delete(self, span: Span) -> None:
        deleted = self.naive.delete(self.naive.current_revision + 1, 0, *span)
        self.naive.current_revision += 1 if deleted else 0
        assert self.store.delete_range(*span) == (deleted, self.naive.current_revision)

    @rule(operations=st.lists(st.one_of(puts, deletes, reads), max_size=6))
    def transaction(self, operations: list[PutOp | DeleteOp | ReadOp]) -> None:
        begin, sub = self.naive.current_revision, 0
        txn = self.store.write()
        for operation in operations:
            if isinstance(operation, PutOp):
                self.naive.change(begin + 1, sub, *operation)
                sub += 1
                assert txn.put(*operation) == begin + 1
            elif isinstance(operation, DeleteOp):
                deleted = self.naive.delete(begin + 1, sub, *operation.span)
                sub += deleted
                after = begin + 1 if sub else begin
                assert txn.delete_range(*operation.span) == (deleted, after)
            else:
                current = begin + 1 if sub else begin
                revision = current - operation.age
                self._compare(txn, current, operation.span, revision, operation.limit, False, True)
            assert txn.has_changes == bool(sub)
        txn.end()
        self.naive.current_revision += 1 if sub else 0

    @rule(span=spans, age=ages, limit=limits, count_only=st.booleans(), total_count=st.booleans())
    def read(
        self,
        span: Span,
        age: int,
        limit: int,
        count_only: bool,
        total_count: bool,
    ) -> None:
        current = self.naive.current_revision
        self._compare(self.store, current, span, current - age, limit, count_only, total_count)

    @rule(span=spans, limit=limits)
    def read_at_every_revision(self, span: Span, limit: int) -> None:
        current = self.naive.current_revision
        for revision in range(-1, current + 2):
            self._compare(self.store, current, span, revision, limit, False, True)

    def _compare(
        self,
        view: Store | WriteTxn,
        current: int,
        span: Span,
        revision: int,
        limit: int,
        count_only: bool,
        total_count: bool,
    ) -> None:
        expected: object
        seen: object
        try:
            expected = self.naive.read(
                *span, revision, limit, count_only, total_count, current=current
            )
        except Refused as refused:
            expected = refused.reason
        try:
            seen = answer(
                view.range(
                    *span,
                    revision=revision,
                    limit=limit,
                    count_only=count_only,
                    total_count=total_count,
                )
            )
        except errors.EtcdError as error:
            seen = reason(error)
        assert seen == expected

    @rule(age=ages)
    def compact(self, age: int) -> None:
        revision = self.naive.current_revision - age
        expected = seen = None
        try:
            self.naive.compact(revision)
        except Refused as refused:
            expected = refused.reason
        try:
            self.store.compact(revision)
        except errors.EtcdError as error:
            seen = reason(error)
        assert seen == expected

    @precondition(lambda self: self.store.compaction_pending)
    @rule(max_records=st.integers(1, 6))
    def compact_a_little(self, max_records: int) -> None:
        assert self.store.compact_step(max_records) == self.store.compaction_pending

    @precondition(lambda self: self.store.compaction_pending)
    @rule()
    def compact_to_the_end(self) -> None:
        while self.store.compact_step(4):
            pass
        assert history(self.store) == self.naive.survivors()

    @rule()
    def snapshot(self) -> None:
        photo = photograph(self.store)
        self.kept.append(Kept(self.store.journal.snapshot(), self.naive.copy(), photo))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.kept) - 1))
        kept = self.kept[place]
        self.store.journal.restore(kept.snapshot)
        self.naive = kept.naive.copy()
        assert photograph(self.store) == kept.photo
        assert not any(newer.snapshot.valid for newer in self.kept[place + 1 :])
        del self.kept[place + 1 :]

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        kept = self.kept.pop(data.draw(st.integers(0, len(self.kept) - 1)))
        self.store.journal.release(kept.snapshot)

    @invariant()
    def the_store_is_sound_and_shows_what_the_naive_one_shows(self) -> None:
        self.store.check()
        assert self.store.current_revision == self.naive.current_revision
        assert self.store.compact_revision == self.naive.compact_revision
        self._compare(self.store, self.naive.current_revision, (b"", b""), 0, 0, False, True)

    @invariant()
    def nothing_is_missing_from_the_history_that_may_be_asked_for(self) -> None:
        after = max(self.naive.compact_revision, 0) + 1
        assert history(self.store, after) == [e for e in self.naive.events if e.main >= after]
        survivors = set(self.naive.survivors())
        assert survivors <= set(history(self.store)) <= set(self.naive.events)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    settings.default, max_examples=200, stateful_step_count=50, deadline=None
)

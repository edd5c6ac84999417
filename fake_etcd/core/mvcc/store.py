"""The multi-version store: reads at any revision, transactions that are one revision, compaction.

This is the room's front: revisions are given out and checked here, and every change notes what
takes it back. Versions by key are in `key_index`, versions by revision in `revision_log`. Request
rules, leases and watches are other rooms'. etcd: server/storage/mvcc/kvstore.go, kvstore_txn.go.

One worked example. Revisions count from 1, the empty store's; a version is written
key@main.sub=value, a tombstone key@main.sub t:

    put a=1                                   revision 2    a@2.0=1
    put a=2                                   revision 3    a@3.0=2
    write(): put b=1, delete a, end()         revision 4    b@4.0=1  a@4.1 t

    now        range(a, z)              [b@4.0=1]           head reads touch live keys only
    at 3       range(a, z, revision=3)  [a@3.0=2]           each key bisects its history
    compact(3) a@2.0 can no longer be read, and a slice later it is gone
    compact(4) a@3.0 goes, a@4.1 stays: a watch from 4 on may still ask for it
    put c=1, compact(5)                                     a is forgotten wholly
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from fake_etcd.api import errors
from fake_etcd.core.damaged import Damaged
from fake_etcd.core.journal import Journal
from fake_etcd.core.mvcc.background import Background
from fake_etcd.core.mvcc.encoding import encode_field
from fake_etcd.core.mvcc.hash import Hashing, KeyValueHash
from fake_etcd.core.mvcc.key_index import KeyIndex
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.mvcc.revision_log import SEGMENT, Batch, Record, RevisionLog
from fake_etcd.core.mvcc.version import Version

_UNHURRIED = 10_000


class LeaseKeys(Protocol):
    """What the store tells of keys with leases; a lessor."""

    attached: int
    """How many live keys have a lease."""

    def attach(self, id: int, key: bytes) -> None: ...

    def detach(self, id: int, key: bytes) -> None: ...


class RangeResult:
    """What a range found.

    Attributes:
        versions: in order of keys, at most `limit` of them; empty with `count_only`. The
            caller's own list.
        count: keys in the range whatever the limit; without `total_count` and with a limit, the
            number of `versions`.
        revision: of the store when it was read, for the answer's header.
    """

    __slots__ = ("count", "revision", "versions")

    def __init__(self, versions: list[Version], count: int, revision: int) -> None:
        self.versions = versions
        self.count = count
        self.revision = revision


class Store:
    """Keys and their versions.

    Not for several threads at a time: a node lets one driver in.

    >>> store = Store()
    >>> store.put(b"a", b"1"), store.put(b"a", b"2")
    (2, 3)
    >>> store.range(b"a", None, revision=2).versions[0].value
    b'1'
    >>> with store.write() as txn:
    ...     txn.put(b"b", b"1"), txn.delete_range(b"a", None)
    (4, (1, 4))
    >>> store.range(b"a", b"z").versions, store.current_revision
    ([<4.0 b'b' b'1' version 1>], 4)
    """

    __slots__ = (
        "_background",
        "_index",
        "_live",
        "_log",
        "_writing",
        "compact_revision",
        "current_revision",
        "deletes",
        "journal",
        "leases",
        "on_commit",
        "puts",
        "ranges",
        "txns",
    )

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal if journal is not None else Journal()
        self.current_revision = 1
        """Main revision of the newest transaction that changed something."""
        self.compact_revision = -1
        """Reads below it are refused; -1 before the first compaction."""
        self._index = KeyIndex()
        self._log = RevisionLog()
        self._background = Background(self._index, self._log, self.journal)
        self._live = self._index.live
        self._writing = False
        self.leases: LeaseKeys | None = None
        """Told of keys that get or lose a lease; a put names one that exists. None: nobody is."""
        self.on_commit: Callable[[int, Record, bytes | None], None] | None = None
        """Called with each new revision and what it changed, for watchers; and with the key, if
        that is at hand, since a version must cut it out. None: nobody listens."""
        self.ranges = self.puts = self.deletes = self.txns = 0
        """How many there were, for metrics; who has several of them in one adds to `txns`."""

    # Reading

    @property
    def key_count(self) -> int:
        """How many keys there are now. O(1)."""
        return len(self._live)

    def newest(self, key: bytes) -> Version | None:
        """`range` of one key now, at half the cost. O(1)."""
        self.ranges += 1
        return self._live.get(key)

    def range(
        self,
        key: bytes,
        range_end: bytes | None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        total_count: bool = True,
    ) -> RangeResult:
        """Read one key or a range of them, now or at an older revision.

        Args:
            key: the key, or the first of the range.
            range_end: None for the one key, b"" for all keys from `key` on, else the first key
                that is not in the range. An end not above `key` is an empty range.
            revision: main revision to read at; 0 or less for the newest.
            limit: how many versions at most; 0 or less for all.
            count_only: count and give no versions.
            total_count: count all keys of the range although a limit ends the list. Costs
                nothing at the newest revision.

        Raises:
            errors.FUTURE_REV: `revision` is above the current one.
            errors.COMPACTED: `revision` is below the compact revision.

        At the newest revision O(1) for one key, else O(log n + answer), and O(log n) to count.
        At an older one O(log h) for a key with h versions, else that for each live and dead key
        of the range, or with a limit and no total count only as far as the limit goes.
        """
        self.ranges += 1
        if range_end is None and revision <= 0:
            version = self._live.get(key)
            if version is None:
                return RangeResult([], 0, self.current_revision)
            return RangeResult([] if count_only else [version], 1, self.current_revision)
        return self._range(
            self.current_revision, key, range_end, revision, limit, count_only, total_count
        )

    def _range(
        self,
        current: int,
        key: bytes,
        range_end: bytes | None,
        revision: int,
        limit: int,
        count_only: bool,
        total_count: bool,
    ) -> RangeResult:
        """`range` where `current` is the newest revision, a writer's own included."""
        # etcd: kvstore_txn.go, rangeKeys; the order of the two errors is etcd's.
        if revision > current:
            raise errors.FUTURE_REV
        if 0 < revision < self.compact_revision:
            raise errors.COMPACTED
        index = self._index
        newest = revision <= 0 or revision == current
        if range_end is None:
            version = self._live.get(key) if newest else index.at(key, revision)
            if version is None:
                return RangeResult([], 0, current)
            return RangeResult([] if count_only else [version], 1, current)
        if newest:
            start, stop = index.span(key, range_end)
            count = stop - start
            if count_only:
                return RangeResult([], count, current)
            if 0 < limit < count:
                stop = start + limit
                if not total_count:
                    count = limit
            return RangeResult(index.newest(start, stop), count, current)
        if count_only:
            return RangeResult([], index.count_at(key, range_end, revision), current)
        versions, count = index.range_at(key, range_end, revision, max(limit, 0), total_count)
        return RangeResult(versions, count, current)

    def versions_since(self, revision: int) -> Iterator[Version]:
        """History in order: every version from main revision `revision` on that is kept.

        From the compact revision on nothing is missing. O(1) to begin, then O(1) each. The
        store must not change while it is iterated.
        """
        return self._log.since(revision)

    def record_sizes(self, main: int, most: int) -> tuple[int, list[int]]:
        """How many versions are kept of a main revision, and bytes of the KeyValue of each.

        Where there were more than `most`, of those that are left of so many among them. O(most).
        """
        slots = self._log.slots(main)
        record = slots[main & (SEGMENT - 1)] if slots is not None else None
        if isinstance(record, Batch):
            step = -(-len(record.versions) // most)
            sizes = [len(it.field) for it in record.versions[::step] if it is not None]
            return record.left, sizes
        return (0, []) if record is None else (1, [len(record.field)])

    def hash_at(self, revision: int = 0) -> KeyValueHash:
        """The hash of history that another etcd with the same history has, too.

        Where a compaction to this very revision is not long ago, it is the hash that this took,
        of all since the compaction before it, and older revisions have none but these.

        Args:
            revision: up to which; 0 for the current one. Less: of nothing.

        Raises:
            errors.COMPACTED, errors.FUTURE_REV: as `range`.

        Work that was asked for before is brought to its end. O(records), about 1 us each.
        """
        hashing = self.hashing(revision)
        self.read(hashing)
        while not hashing.is_over:
            self.compact_step(_UNHURRIED)
        return hashing.result()

    def hashing(self, revision: int = 0) -> Hashing:
        """The same in slices: to be given to `read`; of what there is now, whatever changes. O(1).

        Raises:
            errors.FUTURE_REV: `revision` is above the current one. Its `result` may raise, too.
        """
        if revision > self.current_revision:
            raise errors.FUTURE_REV
        hashes = self._background.hashes
        return Hashing(hashes, self.compact_revision, self.current_revision, revision)

    def read(self, reading: Reading) -> None:
        """Have it gone through by `compact_step` when its turn comes. O(1)."""
        self._background.read(reading)

    def forget(self, reading: Reading) -> None:
        """Go through it no more. Nothing where it is over."""
        self._background.forget(reading)

    def some_versions(
        self, start: Revision, last: int, most: int
    ) -> tuple[list[Version], Revision | None]:
        """A slice of history, for a `Reading`: as `RevisionLog.some`."""
        return self._log.some(start, last, most)

    # Writing

    def put(self, key: bytes, value: bytes, lease: int = 0) -> int:
        """A transaction of one put: the same as `write`, `put`, `end`, at half the cost.

        Returns:
            the new main revision. O(1) for a live key, else O(log n).
        """
        self._commit(self._put(key, value, lease, self.current_revision + 1, 0), key)
        return self.current_revision

    def delete_range(self, key: bytes, range_end: bytes | None) -> tuple[int, int]:
        """A transaction of one `WriteTxn.delete_range`."""
        assert not self._writing, "one transaction ends before the next begins"
        tombstones = self._delete(key, range_end, self.current_revision + 1, 0)
        if tombstones:
            self._commit(tombstones[0] if len(tombstones) == 1 else Batch(tombstones))
        return len(tombstones), self.current_revision

    def write(self) -> WriteTxn:
        """Begin a transaction; nothing else may write until its `end`."""
        assert not self._writing, "one transaction ends before the next begins"
        self._writing = True
        return WriteTxn(self)

    def _put(self, key: bytes, value: bytes, lease: int, main: int, sub: int) -> Version:
        self.puts += 1
        old = self._live.get(key)
        previous: Version | None
        if old is None:
            field = encode_field(key, value, main, main, 1, lease)
            version = Version(main, main, sub, 1, lease, field)
            previous = self._index.create(key, version)
            if lease:
                self._change_lease(key, 0, lease)
        else:
            created, number = old.create_revision, old.version + 1
            field = encode_field(key, value, created, main, number, lease)
            version = Version(created, main, sub, number, lease, field)
            self._index.replace(key, old, version)
            previous = old
            if lease != old.lease:
                self._change_lease(key, old.lease, lease)
        if self.journal.recording:
            self.journal.record(self._index.undo_put, key, previous)
        return version

    def _delete(self, key: bytes, range_end: bytes | None, main: int, sub: int) -> list[Version]:
        self.deletes += 1
        index = self._index
        if range_end is None:
            old = self._live.get(key)
            if old is None:
                return []
            if old.lease:
                self._change_lease(key, old.lease, 0)
            tombstones = [index.bury_key(key, main, sub)]
        else:
            start, stop = index.span(key, range_end)
            if start == stop:
                return []
            if self.leases is not None and self.leases.attached:
                for old in index.newest(start, stop):
                    if old.lease:
                        self._change_lease(old.key, old.lease, 0)
            tombstones = index.bury(start, stop, main, sub)
        if self.journal.recording:
            self.journal.record(index.undo_bury, tombstones)
        return tombstones

    def _change_lease(self, key: bytes, old: int, new: int) -> None:
        """Tell of a key that had another lease, or had or will have none: 0."""
        leases = self.leases
        if leases is None:
            return
        if old:
            leases.detach(old, key)
        if new:
            leases.attach(new, key)

    def _commit(self, record: Record, key: bytes | None = None) -> None:
        if self.journal.recording:
            self.journal.record(self._undo_commit, self._log.last)
        main = self.current_revision + 1
        self._log.append(main, record)
        self.current_revision = main
        if self.on_commit is not None:
            self.on_commit(main, record, key)

    def _undo_commit(self, last: int) -> None:
        self._log.remove_last(last)
        self.current_revision -= 1

    # Compaction

    def compact(self, revision: int, *, leaves_hash: bool = True) -> None:
        """Give up all history that reads at `revision` and later do not need. O(1).

        Reads below it are refused at once; what is superseded goes by `compact_step`.

        Args:
            revision: the new compact revision.
            leaves_hash: whether `hash_at` may say what it kept, if no other is under way.

        Raises:
            errors.COMPACTED: that was done already for this revision or a later one.
            errors.FUTURE_REV: `revision` is above the current one.
        """
        assert not self._writing, "a compaction waits for the transaction's end"
        if revision <= self.compact_revision:
            raise errors.COMPACTED
        if revision > self.current_revision:
            raise errors.FUTURE_REV
        self._background.compact(self.compact_revision, revision, leaves_hash)
        if self.journal.recording:
            self.journal.record(self._set_compact_revision, self.compact_revision)
        self.compact_revision = revision

    def _set_compact_revision(self, revision: int) -> None:
        self.compact_revision = revision

    @property
    def compaction_pending(self) -> bool:
        """Whether a compaction is not through. No answer to a request depends on it."""
        return self._background.is_compacting

    @property
    def has_work(self) -> bool:
        """Whether `compact_step` has anything to do."""
        return self._background.is_pending

    @property
    def finished_compaction(self) -> int:
        """The revision of the last compaction that is through; -1 before the first."""
        return self._background.compacted(self.compact_revision)

    def compact_step(self, max_records: int) -> bool:
        """Do a slice of pending compactions and readings: look at about `max_records` versions.

        About 2 us each, so that 1,000 keep everyone waiting for 2 ms.

        Returns:
            whether more is left.
        """
        self._background.step(max_records)
        return self._background.is_pending

    def finish_compaction(self) -> None:
        """Do all compactions at once. O(versions that are still to be looked at)."""
        while self.compaction_pending:
            self.compact_step(_UNHURRIED)

    # Loading

    def load(
        self, versions: Iterable[tuple[bytes, Version]], compacted: int, least_revision: int
    ) -> None:
        """Fill a store that has nothing yet. About 1 us for each version, and O(n log n) at last.

        Leases are not told: their keys are attached by whoever has them.

        Args:
            versions: keys and all their versions that are left, in order of revisions.
            compacted: the compact revision; -1 for none.
            least_revision: the current revision is this one, if no version has a later one.

        Raises:
            Damaged: they cannot be versions of one store.
        """
        assert self.current_revision == 1, "nothing was written"
        assert not self.journal.recording, "nobody can take it back"
        self._log.load(self._index.load(versions))
        self._refuse_what_is_compacted(compacted)
        self.current_revision = max(self._log.last, least_revision, 1)
        self.compact_revision = compacted

    def _refuse_what_is_compacted(self, compacted: int) -> None:
        """etcd says that a compaction is through when nothing is left that it drops."""
        index = self._index
        left = any(
            (len(history) > 1 and history[1].mod_revision <= compacted)
            or (history[0].is_tombstone and history[0].mod_revision < compacted)
            for history in index.histories.values()
        ) or any(head.mod_revision < compacted for head in index.dead.values())
        if left:
            raise Damaged(f"it is compacted to {compacted}, and has versions that this drops")

    def live_versions(self) -> Iterable[tuple[bytes, Version]]:
        """The keys there are and their newest versions, in no order."""
        return self._live.items()

    # Invariants

    def check(self) -> None:
        """Assert all that must hold between transactions. O(all versions); for tests."""
        assert not self._writing, "no transaction is open"
        assert self.compact_revision <= self.current_revision, "compaction is of what has been"
        self._index.check()
        self._log.check()
        index, walk = self._index, self._background.compaction.walk
        by_key = {key: [head] for heads in (index.live, index.dead) for key, head in heads.items()}
        for key, history in index.histories.items():
            by_key[key] = [version for version in history if version.mod_revision]
            assert walk is not None or len(by_key[key]) == len(history), (
                "a history is half cut only while a compaction is pending"
            )
        indexed = sorted((v for versions in by_key.values() for v in versions), key=_revision)
        logged = list(self._log.since(0))
        assert len(indexed) == len(logged), "the log holds as many versions as the index"
        assert all(a is b for a, b in zip(indexed, logged, strict=True)), "and the same ones"
        if logged:
            assert logged[-1].mod_revision <= self.current_revision, "no version is of the future"
        if walk is not None:
            assert walk.main <= walk.target <= self.compact_revision, "a walk ends at its revision"
            return
        finished = self.finished_compaction
        for versions in by_key.values():
            old = [v for v in versions if v.mod_revision <= finished]
            assert len(old) <= 1, "compaction leaves a key one version up to its revision"
            assert not old or old[0].version or old[0].mod_revision == finished, (
                "and a tombstone only exactly there"
            )


class WriteTxn:
    """Several changes that are one revision, applied in place; sees its own writes.

    It cannot be abandoned: whoever begins one ends it, and checks before it begins. As a context
    manager it ends itself.
    """

    __slots__ = ("_begin", "_store", "changes")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begin = store.current_revision
        self.changes: list[Version] = []
        """Versions that this transaction made, in order."""

    @property
    def has_changes(self) -> bool:
        """Whether `end` will make a new revision."""
        return bool(self.changes)

    def range(
        self,
        key: bytes,
        range_end: bytes | None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        total_count: bool = True,
    ) -> RangeResult:
        """`Store.range` that sees this transaction's changes, as of the revision they will be."""
        self._store.ranges += 1
        current = self._begin + 1 if self.changes else self._begin
        return self._store._range(current, key, range_end, revision, limit, count_only, total_count)

    def put(self, key: bytes, value: bytes, lease: int = 0) -> int:
        """Set a key; O(1) for a live key, else O(log n).

        Returns:
            the main revision that this transaction makes.
        """
        main, changes = self._begin + 1, self.changes
        changes.append(self._store._put(key, value, lease, main, len(changes)))
        return main

    def delete_range(self, key: bytes, range_end: bytes | None) -> tuple[int, int]:
        """Delete one key or a range, as `range` understands it. O(log n) for each key deleted.

        Returns:
            how many keys were deleted, and the revision for the answer: the one that this
            transaction makes, or the current one if it has changed nothing so far.
        """
        changes = self.changes
        tombstones = self._store._delete(key, range_end, self._begin + 1, len(changes))
        changes += tombstones
        return len(tombstones), self._begin + 1 if changes else self._begin

    def end(self) -> None:
        """Make the revision, if anything changed."""
        changes, store = self.changes, self._store
        assert store._writing, "a transaction ends once"
        store._writing = False
        if changes:
            store._commit(changes[0] if len(changes) == 1 else Batch(changes))

    def __enter__(self) -> WriteTxn:
        return self

    def __exit__(self, *failure: object) -> None:
        self.end()


def _revision(version: Version) -> tuple[int, int]:
    return version.revision

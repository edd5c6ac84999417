"""The physical part of a compaction: dropping superseded versions, a slice at a time.

etcd: server/storage/mvcc/kvstore_compaction.go and index.go, Compact. etcd walks all keys of the
index and then all its database up to the compact revision; we walk the log from the previous
compact revision to the new one, for only a key that changed in between has anything to drop:

- a put that is newest at both revisions stays;
- a tombstone exactly at the previous compact revision stayed then and is met first now;
- every other version up to the new one is superseded by a change in between, and by meeting that
  change the key's older versions go, wherever in the log they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fake_etcd.core.journal import Journal
from fake_etcd.core.mvcc.key_index import KeyIndex
from fake_etcd.core.mvcc.revision_log import SEGMENT, SEGMENT_BITS, Batch, Record, RevisionLog
from fake_etcd.core.mvcc.version import Version


class Walk(NamedTuple):
    """How far a walk has come: it goes on at (main, sub) and ends after revision `target`."""

    main: int
    sub: int
    target: int


class Compaction:
    """Drops what compactions supersede, as far as it is told to go at a time."""

    __slots__ = ("_index", "_journal", "_log", "walk")

    def __init__(self, index: KeyIndex, log: RevisionLog, journal: Journal) -> None:
        self._index = index
        self._log = log
        self._journal = journal
        self.walk: Walk | None = None
        """None while there is nothing to do."""

    def begin(self, previous: int, target: int) -> None:
        """Begin the walk: the compact revision went from `previous` to `target`. O(1).

        Revisions not above 0 mean that nothing was compacted before.
        """
        assert self.walk is None, "one walk ends before the next begins"
        self._move(Walk(max(previous, 0), 0, target))

    def step(self, max_records: int) -> bool:
        """Look at or drop about `max_records` versions; about 2 us each.

        Returns:
            whether more is left to do.
        """
        walk = self.walk
        if walk is None:
            return False
        main, sub, target = walk
        index, log = self._index, self._log
        left = max(max_records, 1)
        while left > 0 and main <= target:
            slots = log.slots(main)
            if slots is None:
                number = log.next_segment((main >> SEGMENT_BITS) + 1)
                main = target + 1 if number is None else number << SEGMENT_BITS
                sub, left = 0, left - 1
                continue
            record = slots[main & (SEGMENT - 1)]
            version, last = _version_at(record, sub)
            more = False
            left -= 1
            if version is not None:
                key = version.key
                dropped, more = index.superseded(key, target, max(left, 1))
                if dropped:
                    self._drop(key, dropped, more)
                    left -= len(dropped)
            if more:
                # Out of budget. If this very version was dropped, the rest is met further on.
                continue
            main, sub = (main + 1, 0) if last else (main, sub + 1)
        self._move(Walk(main, sub, target) if main <= target else None)
        return self.walk is not None

    def _drop(self, key: bytes, dropped: Sequence[Version], more: bool) -> None:
        records = [self._log.drop(version) for version in dropped]
        gone = self._index.cut(key, dropped, more)
        if self._journal.recording:
            self._journal.record(self._undo_drop, key, dropped, more, gone, records)

    def _undo_drop(
        self,
        key: bytes,
        dropped: Sequence[Version],
        more: bool,
        gone: int,
        records: Sequence[Record],
    ) -> None:
        self._index.undo_cut(key, dropped, more, gone)
        for version, record in zip(reversed(dropped), reversed(records), strict=True):
            self._log.put_back(version, record)

    def _move(self, walk: Walk | None) -> None:
        if self._journal.recording:
            self._journal.record(self._set_walk, self.walk)
        self.walk = walk

    def _set_walk(self, walk: Walk | None) -> None:
        self.walk = walk


def _version_at(record: Record | None, sub: int) -> tuple[Version | None, bool]:
    """The version at a sub revision, or place in its batch, and whether it is the last."""
    if isinstance(record, Batch):
        return record.versions[sub], sub + 1 == len(record.versions)
    return record, True

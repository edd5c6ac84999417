"""All versions in the order of their revisions.

This is what etcd's database bucket "key" is: revision -> KeyValue. It serves compaction (which
keys changed up to a revision) and whoever needs history in order (watch, hash, snapshot).

Main revisions have no gaps, so a record's place is computed: segment `main >> 10`, slot
`main & 1023`. A slot holds the revision's only version, or a `Batch` of several, or None where
nothing is left. That is 8 bytes per revision, and growing never moves what is there:

    put a (2); txn: put b, delete a (3); put a (4)      0     1     2    3           4    5 ...
                                             segment 0: None, None, a@2, Batch(b@3,  a@4, None ...
                                                                               a@3)
    drop a@2, drop a@3                                  None, None, None, Batch(b@3, a@4, None ...
                                                                               None)

A full segment of which nothing is left is freed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.mvcc.version import Version

SEGMENT_BITS = 10
SEGMENT = 1 << SEGMENT_BITS
_SLOT_MASK = SEGMENT - 1

_LOOKED_FOR = 64
"""Segments in a row that are looked for one by one, before all that there are are looked at."""


class Batch:
    """The versions of a revision that made several changes, by sub revision; None once dropped.

    Of a revision that was loaded some may have been missing from the start. Then those that there
    were lie in a row, and `places` says where.
    """

    __slots__ = ("left", "places", "versions")

    def __init__(self, versions: Sequence[Version], places: dict[int, int] | None = None) -> None:
        self.versions: list[Version | None] = list(versions)
        self.left = len(versions)
        self.places = places

    def place(self, sub: int) -> int:
        """Where in `versions` a sub revision lies."""
        return sub if self.places is None else self.places[sub]


Record = Version | Batch


def _record_of(versions: list[Version]) -> Record:
    """The record of a revision of which some versions may be missing."""
    subs = [version.sub for version in versions]
    if subs == [0]:
        return versions[0]
    if subs == list(range(len(subs))):
        return Batch(versions)
    return Batch(versions, {sub: place for place, sub in enumerate(subs)})


class RevisionLog:
    """Versions by revision. Methods are O(1) where nothing else is said."""

    __slots__ = ("_left", "_segments", "last")

    def __init__(self) -> None:
        self._segments: dict[int, list[Record | None]] = {}
        # Records left in a full segment, counted when the first of them is dropped.
        self._left: dict[int, int] = {}
        self.last = 0
        """The newest main revision that has been appended; 0 before the first."""

    def append(self, main: int, record: Record) -> None:
        """Put the record of a new revision. `main` is greater than `last`."""
        segment = self._segments.get(main >> SEGMENT_BITS)
        if segment is None:
            segment = self._segments[main >> SEGMENT_BITS] = [None] * SEGMENT
        segment[main & _SLOT_MASK] = record
        self.last = main

    def load(self, versions: Iterable[Version]) -> None:
        """Append versions that are in order; some of a revision may be missing."""
        main = 0
        row: list[Version] = []
        for version in versions:
            if version.mod_revision != main:
                if row:
                    self.append(main, _record_of(row))
                main, row = version.mod_revision, []
            row.append(version)
        if row:
            self.append(main, _record_of(row))

    def remove_last(self, before: int) -> None:
        """Take the newest record back; `before` is what `last` was when it came."""
        number, slot = self.last >> SEGMENT_BITS, self.last & _SLOT_MASK
        self._segments[number][slot] = None
        self.last = before
        if before >> SEGMENT_BITS != number:
            del self._segments[number]
        # The segment that grows again is not full, whether it was counted or not.
        self._left.pop(before >> SEGMENT_BITS, None)

    def drop(self, version: Version) -> Record:
        """Forget one version.

        Returns:
            the record that held it, for `put_back`.
        """
        number, slot = version.mod_revision >> SEGMENT_BITS, version.mod_revision & _SLOT_MASK
        segment = self._segments[number]
        record = segment[slot]
        assert record is not None, "a version that is dropped is in the log"
        if isinstance(record, Batch):
            place = record.place(version.sub)
            assert record.versions[place] is version, "a version lies at its sub revision"
            record.versions[place] = None
            record.left -= 1
            if record.left:
                return record
        segment[slot] = None
        if number < self.last >> SEGMENT_BITS:
            left = self._left.get(number)
            if left is None:
                left = SEGMENT - segment.count(None)
            else:
                left -= 1
            if left:
                self._left[number] = left
            else:
                self._left.pop(number, None)
                del self._segments[number]
        return record

    def put_back(self, version: Version, record: Record) -> None:
        """Take back the newest `drop`, which returned `record`."""
        number, slot = version.mod_revision >> SEGMENT_BITS, version.mod_revision & _SLOT_MASK
        if isinstance(record, Batch):
            record.versions[record.place(version.sub)] = version
            record.left += 1
            if record.left > 1:
                return
        segment = self._segments.get(number)
        if segment is None:
            segment = self._segments[number] = [None] * SEGMENT
            self._left[number] = 0
        segment[slot] = record
        if number in self._left:
            self._left[number] += 1

    def slots(self, main: int) -> list[Record | None] | None:
        """The segment that holds `main`, at `main & (SEGMENT - 1)`; None where it was freed."""
        return self._segments.get(main >> SEGMENT_BITS)

    def since(self, main: int) -> Iterator[Version]:
        """All versions from a main revision on, in order. O(1) to begin, then O(1) each.

        The log must not change while it is iterated.
        """
        first, slot = max(main, 0) >> SEGMENT_BITS, max(main, 0) & _SLOT_MASK
        number = self.next_segment(first)
        while number is not None:
            for record in self._segments[number][slot if number == first else 0 :]:
                if isinstance(record, Batch):
                    for version in record.versions:
                        if version is not None:
                            yield version
                elif record is not None:
                    yield record
            number = self.next_segment(number + 1)

    def next_segment(self, number: int) -> int | None:
        """The first segment from this one on that is there. O(1) where revisions are dense."""
        segments, end = self._segments, (self.last >> SEGMENT_BITS) + 1
        for each in range(number, min(number + _LOOKED_FOR, end)):
            if each in segments:
                return each
        if number + _LOOKED_FOR >= end:
            return None
        # Revisions can leap by a thousand million (etcdutl snapshot restore --bump-revision).
        return min((each for each in segments if each >= number), default=None)

    def some(self, start: Revision, last: int, most: int) -> tuple[list[Version], Revision | None]:
        """The next versions from a revision on, up to main revision `last`.

        Args:
            start: where to begin.
            last: where to end.
            most: about how many; what is large counts for more, 128 bytes as much as a version,
                which is what hashing them costs (`core.crc32c`). So does a segment that was freed.

        Returns:
            the versions in order, and where to go on; None where they end. O(most).
        """
        found: list[Version] = []
        main, sub = start
        end = min(last, self.last)
        while main <= end:
            if most <= 0:
                return found, Revision(main, sub)
            segment = self._segments.get(main >> SEGMENT_BITS)
            if segment is None:
                main, most = (main | _SLOT_MASK) + 1, most - 1
                continue
            record = segment[main & _SLOT_MASK]
            if isinstance(record, Batch):
                version, is_last = record.versions[sub], sub + 1 == len(record.versions)
            else:
                version, is_last = record, True
            most -= 1
            if version is not None:
                found.append(version)
                most -= len(version.field) >> 7
            main, sub = (main + 1, 0) if is_last else (main, sub + 1)
        return found, None

    def check(self) -> None:
        """Assert the invariants. O(log)."""
        for number, segment in self._segments.items():
            assert len(segment) == SEGMENT, "a segment has all its slots from the start"
            assert number <= self.last >> SEGMENT_BITS, "no segment lies beyond the last revision"
            records = [record for record in segment if record is not None]
            full = number < self.last >> SEGMENT_BITS
            assert records or not full, "a full segment without records is freed"
            if number in self._left:
                assert full, "records are counted in full segments only"
                assert self._left[number] == len(records), "the count of records left is right"
            for slot, record in enumerate(segment):
                main = number << SEGMENT_BITS | slot
                if isinstance(record, Batch):
                    left = [version for version in record.versions if version is not None]
                    assert record.left == len(left) > 0, "a batch's count of versions is right"
                    for place, version in enumerate(record.versions):
                        if version is not None:
                            assert version.mod_revision == main, "a version lies at its place"
                            assert record.place(version.sub) == place, "and in its batch, too"
                elif record is not None:
                    assert record.revision == (main, 0), "a version lies at its place"
        assert self._left.keys() <= self._segments.keys(), "no freed segment is counted"

"""Hashes of history, by which etcd's members compare what they hold: HashKV.

A hash is the CRC-32C of the database's bucket "key": its name, and then each record's key and
value in order of revisions (`Version.database_key`, `database_value`). What of a compaction is not
through yet must not be seen in it, so of the records up to the compact revision only those count
that the compaction keeps and that are also still newest at the revision that is asked for.

A compaction takes a hash on its way, of all up to its revision as if it had not been, since the
one before. The ten newest of these are kept and answer for their revisions from then on. That
hash is over records that the compaction drops, so it is taken in three parts, each in slices:

    compact(5) after compact(3)     a@2  b@3 | a@4  c@5 | c@6       before
    1. what came since, all of it              a@4  c@5             beside it, while all is there
    2. the records go                    b@3 | a@4  c@5 | c@6
    3. what is left of the older         b@3                        in front of 1
    hash at 5, since 3                   b@3   a@4  c@5

Where no key lives at the revision that is asked for, none of the older records is left out (what
is kept is an empty map in etcd then, which it takes for none). Of a compaction that cannot be: it
keeps what its own revision changed.
etcd: server/storage/mvcc/hash.go, kvstore.go (hashByRev, compact), kvstore_compaction.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fake_etcd.api import errors
from fake_etcd.core.crc32c import combine, crc32c
from fake_etcd.core.journal import Journal
from fake_etcd.core.mvcc.key_index import KeyIndex
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.mvcc.revision_log import RevisionLog
from fake_etcd.core.mvcc.version import Version

KEPT_HASHES = 10
"""Of compactions (etcd: hashStorageMaxSize)."""

_BUCKET = crc32c(b"key")
_START = Revision(0, 0)


class KeyValueHash(NamedTuple):
    """A hash and what it is of.

    Attributes:
        hash: 32 bits.
        compact_revision: up to which superseded records are left out; -1 for none.
        revision: up to which it goes.
    """

    hash: int
    compact_revision: int
    revision: int


class _Part(NamedTuple):
    """The hash of some records that is being taken: what there is of it, and what comes next."""

    crc: int
    length: int
    next: Revision | None
    last: int


class _Work(NamedTuple):
    """The hash of a compaction that is under way; `older` waits until the records have gone."""

    previous: int
    target: int
    since: _Part
    older: _Part


class Hashes:
    """Hashes of a store's history, and those of its compactions.

    Attributes:
        index, log: of the store.
        kept: of the newest compactions, by their revision.
    """

    __slots__ = ("_journal", "_work", "index", "kept", "log")

    def __init__(self, index: KeyIndex, log: RevisionLog, journal: Journal) -> None:
        self.index = index
        self.log = log
        self._journal = journal
        self._work: _Work | None = None
        self.kept: tuple[KeyValueHash, ...] = ()

    def of_compaction(self, revision: int) -> KeyValueHash | None:
        """What a compaction to this revision left, if it is kept."""
        return next((each for each in self.kept if each.revision == revision), None)

    # Of a compaction

    def begin(self, previous: int, target: int) -> None:
        """Take the hash of a compaction that begins. O(1)."""
        since = _Part(0, 0, Revision(max(previous, 0) + 1, 0), target)
        self._move(_Work(previous, target, since, _Part(_BUCKET, 0, _START, previous)))

    @property
    def lets_go(self) -> bool:
        """Whether the compaction may drop records now: all that go are in the hash."""
        return self._work is None or self._work.since.next is None

    @property
    def pending(self) -> bool:
        """Whether a hash is being taken."""
        return self._work is not None

    def step(self, max_records: int) -> None:
        """Go on by so many records; about 1 us each. The older ones: once the others have gone."""
        work = self._work
        assert work is not None, "there is a hash to go on with"
        if work.since.next is not None:
            self._move(work._replace(since=self._read(work.since, work.previous, max_records)))
            return
        work = work._replace(older=self._read(work.older, work.previous, max_records))
        if work.older.next is not None:
            self._move(work)
            return
        self._keep(work)
        self._move(None)

    def _read(self, part: _Part, previous: int, max_records: int) -> _Part:
        assert part.next is not None, "a part that is read is not at its end"
        versions, position = self.log.some(part.next, part.last, max_records)
        data = records_of(
            version
            for version in versions
            if not (version.is_tombstone and version.mod_revision == previous)
        )
        return _Part(crc32c(data, part.crc), part.length + len(data), position, part.last)

    def _keep(self, work: _Work) -> None:
        crc = combine(work.older.crc, work.since.crc, work.since.length)
        if self._journal.recording:
            self._journal.record(self._set_kept, self.kept)
        found = KeyValueHash(crc, work.previous, work.target)
        self.kept = (*self.kept, found)[-KEPT_HASHES:]

    def _set_kept(self, kept: tuple[KeyValueHash, ...]) -> None:
        self.kept = kept

    def _move(self, work: _Work | None) -> None:
        if self._journal.recording:
            self._journal.record(self._set_work, self._work)
        self._work = work

    def _set_work(self, work: _Work | None) -> None:
        self._work = work


class Hashing(Reading):
    """The hash of all up to a revision, as it is taken in slices.

    Args:
        hashes: of the store.
        compact_revision, current_revision: the store's when it was asked for.
        revision: up to which; 0 for the current one. Less: of nothing.

    Attributes:
        current_revision: the same.
    """

    __slots__ = (
        "_crc",
        "_found",
        "_has_begun",
        "_hashes",
        "_keeps",
        "_look_on",
        "_next",
        "_refusal",
        "_revision",
        "current_revision",
    )

    def __init__(
        self, hashes: Hashes, compact_revision: int, current_revision: int, revision: int
    ) -> None:
        super().__init__(compact_revision)
        self.current_revision = current_revision
        self._hashes = hashes
        self._revision = revision
        self._has_begun = False
        self._keeps = True
        self._look_on: bytes | None = None
        """From which key on it is to be found out whether `_keeps` is so."""
        self._crc = _BUCKET
        self._next: Revision | None = _START
        self._found: KeyValueHash | None = None
        self._refusal: type[errors.EtcdError] | None = None

    @property
    def is_over(self) -> bool:
        return self._found is not None or self._refusal is not None

    def result(self) -> KeyValueHash:
        """What was found, once it is over.

        Raises:
            errors.COMPACTED: there was none of this revision.
        """
        if self._refusal is not None:
            raise self._refusal
        assert self._found is not None, "it is over"
        return self._found

    def step(self, max_records: int) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._begin()
        if self.is_over:
            return
        if self._look_on is not None:
            self._look(self._look_on, max_records)
        else:
            self._read(max_records)

    def _begin(self) -> None:
        """All compactions that were asked for before are through."""
        revision, compacted = self._revision, self.compact_revision
        self._found = self._hashes.of_compaction(revision)
        if self._found is not None:
            return
        if 0 < revision < compacted:
            self._refusal = errors.COMPACTED
        self._revision = revision or self.current_revision
        if compacted > 0 and self._revision > 0:
            self._look_on = b""

    def _look(self, start: bytes, max_records: int) -> None:
        version, self._look_on = self._hashes.index.find_at(start, self._revision, max_records)
        self._keeps = version is not None
        if self._keeps:
            self._look_on = None

    def _read(self, max_records: int) -> None:
        assert self._next is not None, "what is over is not read"
        log, compacted, revision = self._hashes.log, self.compact_revision, self._revision
        versions, self._next = log.some(self._next, revision, max_records)
        counted = [each for each in versions if each.mod_revision > compacted or self._counts(each)]
        self._crc = crc32c(records_of(counted), self._crc)
        if self._next is None:
            self._found = KeyValueHash(self._crc, compacted, revision)

    def _counts(self, version: Version) -> bool:
        """Of a version up to the compact revision."""
        if version.is_tombstone and version.mod_revision == self.compact_revision:
            return False
        return not self._keeps or _is_newest(self._hashes.index, version, self._revision)


def _is_newest(index: KeyIndex, version: Version, revision: int) -> bool:
    key = version.key
    return index.live.get(key) is version or index.at(key, revision) is version


def records_of(versions: Iterable[Version]) -> bytes:
    """The records that etcd's database has of them, keys and values, without what parts them."""
    parts: list[bytes] = []
    for version in versions:
        parts += (version.database_key, version.database_value)
    return b"".join(parts)

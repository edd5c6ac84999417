"""What a store does beside its calls, in slices and in order: compactions, and readings of history.

Each compaction is work of its own, as in etcd: one that comes while another is not through waits
for it. A reading, a hash for example, is of what there is when it is asked for. So it comes behind
the compactions of before, and those that come later wait for it, for what they drop is in it.
Writes go on all the time; they take nothing from the history up to a revision.

    compact(5)  compact(8)  a reading at 9  put (10)  compact(10)
    slices:  drop up to 5 | drop up to 8 | read what 8 leaves, up to 9 | drop up to 10

A compaction leaves a hash, see `hash`, unless another was not through when it was asked for.
etcd: server/storage/mvcc/kvstore.go (compact, checkPrevCompactionCompleted, hashByRev, whose lock
keeps all writes away meanwhile), pkg/schedule.
"""

from __future__ import annotations

from typing import NamedTuple

from fake_etcd.core.journal import Journal
from fake_etcd.core.mvcc.compaction import Compaction
from fake_etcd.core.mvcc.hash import Hashes
from fake_etcd.core.mvcc.key_index import KeyIndex
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.revision_log import RevisionLog

_LITTLE = 2_000
_STEPS_OF_A_SMALL_ONE = 3
"""Which is brought to its end where another compaction comes: hash, walk, hash."""


class _Asked(NamedTuple):
    """A compaction that is not through: from which revision to which."""

    previous: int
    target: int
    leaves_hash: bool


class Background:
    """The work of one store.

    Attributes:
        compaction: the walk of the compaction whose turn it is.
        hashes: those that compactions leave.
    """

    __slots__ = ("_asked", "_journal", "_readings", "compaction", "hashes")

    def __init__(self, index: KeyIndex, log: RevisionLog, journal: Journal) -> None:
        self.compaction = Compaction(index, log, journal)
        self.hashes = Hashes(index, log, journal)
        self._journal = journal
        self._asked: tuple[_Asked, ...] = ()
        # Not in the journal: who waits for one is gone when a snapshot is restored.
        self._readings: tuple[Reading, ...] = ()

    @property
    def is_compacting(self) -> bool:
        """Whether a compaction is not through."""
        return bool(self._asked)

    @property
    def is_pending(self) -> bool:
        """Whether `step` has anything to do."""
        return bool(self._asked or self._readings)

    def compacted(self, compact_revision: int) -> int:
        """The revision of the last one that is through; `compact_revision` is the store's."""
        return self._asked[0].previous if self._asked else compact_revision

    def compact(self, previous: int, target: int, leaves_hash: bool) -> None:
        """Have all dropped that a compaction supersedes; `previous` is the one before it."""
        for _ in range(_STEPS_OF_A_SMALL_ONE):
            self.step(_LITTLE)
        self._ask((*self._asked, _Asked(previous, target, leaves_hash and not self._asked)))

    def read(self, reading: Reading) -> None:
        """Have this read when its turn comes."""
        self._readings = (*self._readings, reading)

    def forget(self, reading: Reading) -> None:
        """Read no more of it. Nothing where it is over."""
        self._readings = tuple(each for each in self._readings if each is not reading)

    def step(self, max_records: int) -> None:
        """Do a slice of what comes next: about so many versions, at 2 us each."""
        asked, readings = self._asked, self._readings
        if readings and (not asked or readings[0].compact_revision <= asked[0].previous):
            readings[0].step(max_records)
            if readings[0].is_over:
                self._readings = readings[1:]
        elif asked:
            self._compact(asked[0], max_records)

    def _compact(self, asked: _Asked, max_records: int) -> None:
        compaction, hashes = self.compaction, self.hashes
        if compaction.walk is None and not hashes.pending:
            compaction.begin(asked.previous, asked.target)
            if asked.leaves_hash:
                hashes.begin(asked.previous, asked.target)
        if compaction.walk is not None and hashes.lets_go:
            compaction.step(max_records)
        else:
            hashes.step(max_records)
        if compaction.walk is None and not hashes.pending:
            self._ask(self._asked[1:])

    def _ask(self, asked: tuple[_Asked, ...]) -> None:
        if self._journal.recording:
            self._journal.record(self._set_asked, self._asked)
        self._asked = asked

    def _set_asked(self, asked: tuple[_Asked, ...]) -> None:
        self._asked = asked

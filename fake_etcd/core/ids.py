"""Where a member's request ids come from, of which the ids of leases are some.

etcd: pkg/idutil/id.go. An id has the member in its upper 16 bits, and below them a counter of 48
that begins with the time at which the member was started:

    0x694d 0190c3f1a2 07        member 8e9e05c52164694d
    member time       count     low 40 bits of its start in milliseconds, then 8 to count with

Here the time is a number that a host gives, so that the same calls give the same ids. etcd takes
an id from the same counter for every write; we take one where somebody gets to see it.
"""

from __future__ import annotations

from fake_etcd.core.journal import Journal

_COUNT_BITS = 8
_SUFFIX = (1 << 48) - 1
_POSITIVE = (1 << 63) - 1


class IdSource:
    """Gives ids, each once.

    Args:
        member_id: whose; its low 16 bits count.
        start: when that was started, in milliseconds, or any other number; its low 40 bits count.
        journal: for undo.

    >>> ids = IdSource(0x8e9e05c52164694d, 1)
    >>> f"{ids.next():x}", f"{ids.next():x}"
    ('694d000000000101', '694d000000000102')
    """

    __slots__ = ("_journal", "_prefix", "_suffix")

    def __init__(self, member_id: int, start: int, journal: Journal | None = None) -> None:
        self._journal = journal if journal is not None else Journal()
        self._prefix = (member_id & 0xFFFF) << 48
        self._suffix = start << _COUNT_BITS & _SUFFIX

    def next(self) -> int:
        """A new id, a positive int64. O(1)."""
        while True:
            if self._journal.recording:
                self._journal.record(self._set, self._suffix)
            self._suffix = self._suffix + 1 & _SUFFIX
            number = (self._prefix | self._suffix) & _POSITIVE
            if number:
                return number

    def _set(self, suffix: int) -> None:
        self._suffix = suffix

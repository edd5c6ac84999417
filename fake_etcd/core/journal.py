"""The undo journal: how every room of the core can be set back to an earlier moment.

Whoever changes state records, while a snapshot is outstanding, a call that takes the change back.
`restore` runs those calls newest first, so it costs what changed since, not what there is. What a
change is and what takes it back is the business of the rooms (store, lessor, users); nothing of
them is here. There is no etcd counterpart.

Worked example; the inverse of change n is written -n:

    a = snapshot()          a[]
    changes 1, 2            a[-1 -2]
    b = snapshot()          a[-1 -2] b[]
    change 3                a[-1 -2] b[-3]
    restore(b)  runs -3     a[-1 -2] b[]        b can be restored again
    restore(a)  runs -2 -1  a[]                 b is no longer valid
    release(a)                                  nothing is recorded any more

Releasing a snapshot leaves its inverses to the one before it, which still needs them; where there
is none before it they are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec

P = ParamSpec("P")

Inverse = Callable[[], object]


class Snapshot:
    """A moment that `Journal.restore` can go back to. Opaque; made by `Journal.snapshot`."""

    __slots__ = ("_inverses", "_journal")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._inverses: list[Inverse] | None = []

    @property
    def valid(self) -> bool:
        """Whether it can still be restored: neither released nor overtaken by an older one."""
        return self._inverses is not None


class Journal:
    """Keeps inverses of changes while at least one snapshot is outstanding.

    A room asks `recording` before it builds an inverse: one attribute test is all that a change
    costs while nobody holds a snapshot.

    >>> journal, state = Journal(), [1]
    >>> before = journal.snapshot()
    >>> state.append(2)
    >>> if journal.recording:
    ...     journal.record(state.pop)
    >>> journal.restore(before), state
    (1, [1])
    """

    __slots__ = ("_snapshots", "recording")

    def __init__(self) -> None:
        self._snapshots: list[Snapshot] = []
        self.recording = False

    def record(self, inverse: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Note what takes back the change that was just made. Only while `recording`.

        The inverse sees the state exactly as it was right after the change, must not fail and
        must not record. O(1).
        """
        inverses = self._snapshots[-1]._inverses
        assert inverses is not None, "an outstanding snapshot keeps a list of inverses"
        inverses.append(partial(inverse, *args, **kwargs))

    def snapshot(self) -> Snapshot:
        """Remember this moment. O(1), however much state there is.

        Each snapshot should end in `release`: until then all changes keep their inverses.
        """
        snapshot = Snapshot(self)
        self._snapshots.append(snapshot)
        self.recording = True
        return snapshot

    def restore(self, snapshot: Snapshot) -> int:
        """Take back every change since `snapshot`, which stays valid; newer ones do not.

        Returns:
            how many inverses ran; the time taken is proportional to it.

        Raises:
            ValueError: the snapshot is another journal's, was released, or an older one was
                restored since.
        """
        self._require(snapshot)
        self.recording = False
        ran = 0
        while True:
            newest = self._snapshots[-1]
            inverses = newest._inverses
            assert inverses is not None, "an outstanding snapshot keeps a list of inverses"
            while inverses:
                inverses.pop()()
                ran += 1
            if newest is snapshot:
                break
            newest._inverses = None
            self._snapshots.pop()
        self.recording = True
        return ran

    def release(self, snapshot: Snapshot) -> None:
        """Forget `snapshot`; the state stays as it is. At most O(inverses it holds).

        Raises:
            ValueError: as `restore`.
        """
        position = self._require(snapshot)
        inverses, snapshot._inverses = snapshot._inverses, None
        del self._snapshots[position]
        if position and inverses:
            before = self._snapshots[position - 1]._inverses
            assert before is not None, "an outstanding snapshot keeps a list of inverses"
            before.extend(inverses)
        self.recording = bool(self._snapshots)

    def _require(self, snapshot: Snapshot) -> int:
        if snapshot._journal is not self:
            raise ValueError("this snapshot was taken from another journal")
        if not snapshot.valid:
            raise ValueError(
                "this snapshot is no longer valid: it was released, or an older one was restored"
            )
        return self._snapshots.index(snapshot)

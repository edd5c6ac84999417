"""Moments of a FakeEtcd that it can go back to."""

from __future__ import annotations

import weakref

from fake_etcd.core.node import Node, NodeSnapshot


class Snapshot:
    """A moment; `FakeEtcd.snapshot` makes it, `FakeEtcd.restore` goes back to it.

    Nothing is copied: while it is kept, each change notes what takes it back. So do not keep
    it for longer than it is needed; one that nobody refers to is forgotten.
    """

    __slots__ = ("__weakref__", "_kept", "_time")

    def __init__(self, kept: NodeSnapshot, time: float) -> None:
        self._kept = kept
        self._time = time

    @property
    def is_valid(self) -> bool:
        """Whether it can be gone back to: not after `reset`, `release`, or going back further."""
        return self._kept.journal.valid

    @property
    def time(self) -> float:
        """What the clock showed, in seconds."""
        return self._time

    def __repr__(self) -> str:
        state = "" if self.is_valid else ", no longer valid"
        return f"<snapshot of time {self._time:.3f}{state}>"


class Snapshots:
    """Those of one node that are not released. Whoever calls a method holds the node.

    Args:
        node: whose.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._all: list[tuple[weakref.ref[Snapshot], NodeSnapshot]] = []

    def take(self) -> Snapshot:
        """A new one. O(1), and what those cost that were forgotten since the last one."""
        self._release_forgotten()
        kept = self._node.snapshot()
        snapshot = Snapshot(kept, self._node.clock.now())
        self._all.append((weakref.ref(snapshot), kept))
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """Have the node be what it was.

        Raises:
            ValueError: the snapshot is another's, or no longer valid.
        """
        if not snapshot.is_valid:
            raise ValueError(
                "this snapshot is no longer valid: reset(), release(), or going back to one that "
                "was taken before it, has ended it"
            )
        if not self._has(snapshot):
            raise ValueError("this snapshot is of another FakeEtcd")
        self._node.restore(snapshot._kept)

    def release(self, snapshot: Snapshot) -> None:
        """Forget it. Nothing where that was done."""
        if self._has(snapshot) and snapshot.is_valid:
            self._node.release(snapshot._kept)

    def release_all(self) -> None:
        """Forget all of them."""
        for _, kept in self._all:
            if kept.journal.valid:
                self._node.release(kept)
        self._all.clear()

    def _has(self, snapshot: Snapshot) -> bool:
        return any(kept is snapshot._kept for _, kept in self._all)

    def _release_forgotten(self) -> None:
        """Not by a finalizer: that may run in the midst of a change."""
        left = []
        for reference, kept in self._all:
            if not kept.journal.valid:
                continue
            if reference() is None:
                self._node.release(kept)
            else:
                left.append((reference, kept))
        self._all = left

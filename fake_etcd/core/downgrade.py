"""The versions that a cluster and its storage are of, and a downgrade, which lowers them.

Nothing changes at once: every four seconds the leader looks whether the cluster's version is the
one that it should be, and where it is not, sets it, and the storage follows. All that a lower
version changes here is what is told of it.
etcd: server/etcdserver/version/{version,monitor,downgrade}.go, server.go (monitorVersionInterval).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fake_etcd.api import errors, version
from fake_etcd.core.clock import Clock
from fake_etcd.core.journal import Journal
from fake_etcd.core.schedule import Appointment, Schedule

INTERVAL_SECONDS = 4.0
"""etcd: server.go, monitorVersionInterval."""


class Release(NamedTuple):
    """A release without its patch."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.0"


def parsed(text: str) -> Release:
    """The release that is meant by "3.6", "3.6.1" or "3.6.0-rc.1+build".

    Raises:
        errors.WRONG_DOWNGRADE_VERSION_FORMAT

    >>> str(parsed("3.6"))
    '3.6.0'
    """
    for given in (text, text + ".0"):
        numbers = given.partition("+")[0].partition("-")[0].split(".")
        if len(numbers) == 3 and all(each.isascii() and each.isdigit() for each in numbers):
            return Release(int(numbers[0]), int(numbers[1]))
    raise errors.WRONG_DOWNGRADE_VERSION_FORMAT


OWN = parsed(version.CLUSTER)
"""What the cluster is of where no downgrade has been asked for."""


class Member(Protocol):
    """Whose versions these are: a node."""

    raft_index: int

    @property
    def clock(self) -> Clock: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def journal(self) -> Journal: ...


class Versions:
    """What is told of versions.

    Attributes:
        cluster: that of the cluster, and of its storage.
        target: to what it is to be lowered; None while it is not.
        seen: all that the cluster was of, for metrics, which forget none.
    """

    def __init__(self, node: Member) -> None:
        self._node = node
        self._start = node.clock.now()
        self._look: Appointment | None = None
        self._time: float | None = None  # of that look
        self.cluster = OWN
        self.target: Release | None = None
        self.seen = {OWN}

    def check_downgrade(self, target: Release) -> None:
        """Whether a downgrade may begin.

        Raises:
            errors.INVALID_DOWNGRADE_TARGET_VERSION: it is not to the release before.
            errors.DOWNGRADE_IN_PROCESS
        """
        if target != (self.cluster.major, self.cluster.minor - 1):
            raise errors.INVALID_DOWNGRADE_TARGET_VERSION
        if self.target is not None:
            raise errors.DOWNGRADE_IN_PROCESS

    def enable(self, target: Release) -> None:
        """Begin a downgrade that `check_downgrade` allows."""
        self._aim_at(target)

    def cancel(self) -> bool:
        """Give it up.

        Returns:
            whether there was one.
        """
        if self.target is None:
            return False
        self._aim_at(None)
        return True

    def load(self, target: Release | None, stored: Release | None) -> None:
        """Go on with a downgrade that was under way, or with none.

        A member that becomes leader looks at once, so its cluster is of what it is to be already.

        Args:
            target: to what it is lowered.
            stored: what the cluster was of, if its log goes on. Another one takes an entry there.
        """
        self.target = target
        self.cluster = target or OWN
        self.seen = {self.cluster}
        if stored not in (None, self.cluster):
            self._node.raft_index += 1

    def _aim_at(self, target: Release | None) -> None:
        self._record()
        self.target = target
        if self._time is None:
            passed = self._node.clock.now() - self._start
            self._look_at(self._start + (passed // INTERVAL_SECONDS + 1) * INTERVAL_SECONDS)

    def _on_look(self) -> None:
        self._record()
        self._time = None
        wanted = self.target or OWN
        if wanted != self.cluster:
            self._node.raft_index += 1
            self.cluster = wanted
            self.seen.add(wanted)

    def _look_at(self, time: float | None) -> None:
        """Look then, and at no other time."""
        if self._look is not None:
            self._look.cancel()
        self._time = time
        self._look = None if time is None else self._node.schedule.at(time, self._on_look)

    def _record(self) -> None:
        if self._node.journal.recording:
            self._node.journal.record(self._undo, self.cluster, self.target, self._time)

    def _undo(self, cluster: Release, target: Release | None, time: float | None) -> None:
        self.cluster, self.target = cluster, target
        self._look_at(time)

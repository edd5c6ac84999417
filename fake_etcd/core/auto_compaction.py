"""Compaction without being asked: of what is older than a period, or than a number of revisions.

etcd: server/etcdserver/api/v3compactor/periodic.go and revision.go, timed by the node's schedule.

Worked example, `--auto-compaction-retention=1h`: the revision is noted every 6 minutes and the last
11 notes are kept. Each time the first one is looked at before a new one is made.

    0:00  note 1
    0:06  note 40        ...        1:00  the first note is that of 0:00: compact(1), note 900
    1:06  the last compaction was 6 minutes ago: only note
    2:00  the first note is that of 0:54, which is an hour or a little more ago: compact it
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Protocol

from fake_etcd.api import errors
from fake_etcd.core.clock import Clock
from fake_etcd.core.journal import Journal
from fake_etcd.core.schedule import Schedule

LONGEST_PERIOD_SECONDS = 3_600.0
"""Compactions are no further apart than that, however much is kept."""

NOTES_PER_PERIOD = 10
"""etcd: retryDivisor."""

REVISIONS_INTERVAL_SECONDS = 300.0
"""etcd: revInterval."""


class Compactable(Protocol):
    """What is compacted: a node."""

    raft_index: int

    @property
    def clock(self) -> Clock: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def current_revision(self) -> int: ...

    def compact(self, revision: int) -> None: ...


class PeriodicCompaction:
    """Keeps the history of a period.

    Args:
        node: whose.
        period_seconds: how long what was superseded can still be read.
    """

    def __init__(self, node: Compactable, period_seconds: float) -> None:
        assert period_seconds > 0, "0 means that nothing is compacted"
        self._node = node
        self._interval = min(period_seconds, LONGEST_PERIOD_SECONDS)
        self._step = self._interval / NOTES_PER_PERIOD
        self._wait = period_seconds  # before the first compaction; later ones wait an interval
        notes = int(round(period_seconds / self._step, 6)) + 1
        self._revisions: deque[int] = deque(maxlen=notes)
        self._last_revision = 0
        self._last_success = node.clock.now()
        self._ticks = 0
        self._start = self._last_success
        self._note()

    def _note(self) -> None:
        self._revisions.append(self._node.current_revision)
        self._ticks += 1
        self._ask()

    def _ask(self) -> None:
        # Counted from the start, so that a sum of tenths stays a whole.
        time = self._start + self._ticks * self._step
        self._tick = self._node.schedule.at(time, self._on_tick)

    def _undo_tick(
        self, revisions: deque[int], wait: float, last_revision: int, last_success: float
    ) -> None:
        self._revisions, self._wait = revisions, wait
        self._last_revision, self._last_success = last_revision, last_success
        self._ticks -= 1
        self._tick.cancel()
        self._ask()

    def _on_tick(self) -> None:
        revision, now = self._revisions[0], self._node.clock.now()
        if self._node.journal.recording:
            before = (self._revisions.copy(), self._wait, self._last_revision, self._last_success)
            self._node.journal.record(self._undo_tick, *before)
        is_time = now - self._last_success >= self._wait - _ROUNDING_SECONDS
        if is_time and revision != self._last_revision:
            self._wait = self._interval
            if _compact(self._node, revision):
                self._last_revision, self._last_success = revision, now
        self._note()


class RevisionCompaction:
    """Keeps a number of revisions; looks every five minutes.

    Args:
        node: whose.
        retention: how many revisions before the current one can still be read.
    """

    def __init__(self, node: Compactable, retention: int) -> None:
        self._node = node
        self._retention = retention
        self._last_revision = 0
        self._ask(node.clock.now() + REVISIONS_INTERVAL_SECONDS)

    def _ask(self, time: float) -> None:
        self._time = time
        self._tick = self._node.schedule.at(time, self._on_tick)

    def _undo_tick(self, time: float, last_revision: int) -> None:
        self._last_revision = last_revision
        self._tick.cancel()
        self._ask(time)

    def _on_tick(self) -> None:
        if self._node.journal.recording:
            self._node.journal.record(self._undo_tick, self._time, self._last_revision)
        revision = self._node.current_revision - self._retention
        is_time = revision > 0 and revision != self._last_revision
        if is_time and _compact(self._node, revision):
            self._last_revision = revision
        self._ask(self._node.clock.now() + REVISIONS_INTERVAL_SECONDS)


_ROUNDING_SECONDS = 1e-6


def _compact(node: Compactable, revision: int) -> bool:
    """Whether that was done: where the data is corrupt it is tried again later."""
    node.raft_index += 1
    try:
        # That somebody did it by hand is a success too, to etcd as well.
        with contextlib.suppress(errors.COMPACTED):
            node.compact(revision)
    except errors.CORRUPT:
        return False
    return True

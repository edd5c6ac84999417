"""The clock that the node of a FakeEtcd asks: real time until it is frozen, then its owner's."""

from __future__ import annotations

import time
from typing import Protocol

from fake_etcd.core.clock import VirtualClock


class Callees(Protocol):
    """Who is to be called at times of a clock."""

    def next_due(self) -> float | None:
        """The time of the first; None where there are none."""

    def run_due(self, now: float) -> None:
        """Call those whose time has come."""

    def shift(self, seconds: float) -> None:
        """The clock was put to another time: who had to wait for a second still has to."""


class SwitchClock(VirtualClock):
    """A virtual clock that can also run by itself.

    Its zero is when it was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._began: float | None = time.monotonic()
        """Real time at its zero; None while it is frozen."""
        self.timers: Callees | None = None
        """Who is to be called by it, besides those that are attached."""

    @property
    def is_frozen(self) -> bool:
        """Whether only its owner moves it."""
        return self._began is None

    @property
    def next_due(self) -> float | None:
        due = super().next_due
        called = None if self.timers is None else self.timers.next_due()
        if due is None or called is None:
            return due if called is None else max(called, self._now)
        return max(min(due, called), self._now)

    def set(self, time: float) -> None:
        super().set(time)
        self._call_due()  # those that were given while it moved

    def _run_due(self) -> None:
        super()._run_due()
        self._call_due()

    def _call_due(self) -> None:
        if self.timers is not None:
            self.timers.run_due(self._now)

    def freeze(self) -> None:
        """Stand still."""
        self._now = self.now()
        self._began = None

    def run(self) -> None:
        """Go on from here as real time does."""
        self._began = time.monotonic() - self.now()

    def put_back(self, time_then: float) -> None:
        """Have it be an earlier (or later) time; nothing becomes due."""
        if self.timers is not None:
            self.timers.shift(time_then - self.now())
        self._now = time_then
        if self._began is not None:
            self._began = time.monotonic() - time_then

    def now(self) -> float:
        return self._now if self._began is None else time.monotonic() - self._began

    def seconds_until(self, time: float) -> float | None:
        if self._began is None:
            return super().seconds_until(time)
        return max(time - self.now(), 0.0)

    def idle(self) -> bool:
        return self.is_frozen and super().idle()

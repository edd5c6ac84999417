"""The clock of a FakeEtcd: real time until it is frozen, then the test's.

`switch_clock` is what the node asks; `TestClock` is what a test holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from fake_etcd.testing.switch_clock import SwitchClock
from fake_etcd.testing.timers import Timers


class Driven(Protocol):
    """What a test's clock does its work on."""

    def hold(self, step: Callable[[], None]) -> None:
        """Do a step while nobody else uses the node, and have all that it sends be sent."""


class TestClock:
    """Time, as a test wants it.

    It runs by itself until it is frozen; then it stands still, and only `advance` and
    `advance_to_next` move it. Leases, progress notices, automatic compaction, deadlines of calls
    through `FakeEtcd.channel()`, and whoever waits by `call_at` follow it. It is a clock for
    `clientv3.Config(clock=...)`.

    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd:
    ...     etcd.clock.freeze()
    ...     before = etcd.clock.now
    ...     etcd.clock.advance(10)
    ...     round(etcd.clock.now - before, 6)
    10.0
    """

    __test__ = False  # to pytest a class of this name is a test

    def __init__(self, clock: SwitchClock, driven: Driven, timers: Timers) -> None:
        self._clock = clock
        self._driven = driven
        self._timers = timers

    @property
    def now(self) -> float:
        """Seconds since the FakeEtcd was made."""
        return self._clock.now()

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._clock.is_frozen

    @property
    def is_automatic(self) -> bool:
        """Whether it moves on when all callers wait; see `auto_advance`."""
        return self._clock.automatic

    def freeze(self) -> None:
        """Stand still from now on. Nothing where it does already."""
        if not self._clock.is_frozen:
            self._driven.hold(self._clock.freeze)

    def real(self) -> None:
        """Run by itself again, from the time that it is now; `auto_advance` ends."""
        self._clock.automatic = False
        if self._clock.is_frozen:
            self._driven.hold(self._clock.run)

    def advance(self, seconds: float) -> None:
        """Move on. All that becomes due on the way happens, in order, each thing at its time.

        When it returns, everything has been sent; a watcher in this process has its events.

        Raises:
            ValueError: it would go back, or never end.
            RuntimeError: the clock is not frozen.
        """
        self._require_frozen("advance(...)")
        if seconds < 0:
            raise ValueError(
                f"advance({seconds}): time does not go back; restore a snapshot for that"
            )
        if not math.isfinite(seconds):
            raise ValueError(f"advance({seconds}): say by how many seconds")
        self._driven.hold(lambda: self._clock.advance(seconds))

    def advance_to_next(self) -> float:
        """Move on to the next time at which anything is due, and have that happen.

        Returns:
            By how many seconds.

        Raises:
            RuntimeError: nothing is due at any time, or the clock is not frozen.
        """
        self._require_frozen("advance_to_next()")
        before = self._clock.now()
        found: list[bool] = []
        self._driven.hold(lambda: found.append(self._clock.jump()))
        if not found[0]:
            raise RuntimeError(
                "advance_to_next(): nothing is due, no lease, progress notice or deadline; "
                "advance(seconds) moves the clock all the same"
            )
        return self._clock.now() - before

    def call_at(self, time: float, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back once when it is a time of `now`, or later; at once, if that has come.

        Where the clock is moved further, it is called when it has arrived there. It may be called
        in any thread, and should be quick: to wake who waits. Where the clock is put back, by
        `FakeEtcd.restore` or `reset`, there is as much time left as before; `close` is the end.

        Returns:
            what takes that back.

        Raises:
            RuntimeError: the FakeEtcd is closed.

        >>> from fake_etcd.testing import FakeEtcd
        >>> with FakeEtcd() as etcd:
        ...     etcd.clock.freeze()
        ...     _ = etcd.clock.call_at(etcd.clock.now + 10, lambda: print("ten seconds"))
        ...     etcd.clock.advance(10)
        ten seconds
        """
        return self._timers.call_at(time, callback)

    @property
    def waiting(self) -> list[float]:
        """The times that somebody waits for by `call_at`, in order: what a test looks at before it
        moves the clock, to see that a client in another thread has come to wait."""
        return self._timers.times()

    def auto_advance(self, on: bool = True) -> None:
        """Freeze, and move on to what is due next whenever all callers wait for something.

        A caller is who waits for an answer through `FakeEtcd.channel()` or `.aio_channel()`, or for
        a time by `call_at`; where this process has other threads, 5 ms without a call count as
        waiting.
        """

        def switch() -> None:
            if on:
                self._clock.freeze()
            self._clock.automatic = on

        self._driven.hold(switch)

    def _require_frozen(self, what: str) -> None:
        if not self._clock.is_frozen:
            raise RuntimeError(
                f"{what} needs a clock that stands still: call clock.freeze() before"
            )

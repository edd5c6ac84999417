"""Who is to be called at a time of a FakeEtcd's clock: clients whose time it is, too.

A clock that stands still calls when it is moved. One that runs by itself needs somebody to wait,
and so does one that moves on when everybody waits: a thread, which is there only while such a clock
has something to wait for.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import partial

from fake_etcd.testing.switch_clock import SwitchClock
from fake_etcd.transport.shared_node import QUIET_SECONDS, SharedNode

Callback = Callable[[], object]

_AS_GOOD_AS = 1e-9
"""Seconds: a test's clock goes by nanoseconds, and sums of times are no exact numbers."""


class Timers:
    """Callbacks, each with its time.

    They are called while nobody holds the node, in order of their times, and of when they were
    given where those are the same.

    Args:
        shared: whose node it is that moves with the clock, and whose callers may wait.
        clock: the time.
    """

    def __init__(self, shared: SharedNode, clock: SwitchClock) -> None:
        self._shared = shared
        self._clock = clock
        self._changed = threading.Condition(threading.Lock())
        """Held for a few steps. Whoever holds it does not take the node."""
        self._pending: dict[int, tuple[float, Callback]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._is_told = False
        """Whether the node tells when the clock is moved, or goes otherwise."""
        self._is_closed = False

    def call_at(self, time: float, callback: Callback) -> Callable[[], None]:
        """Call back once; here and now, if the time has come. Returns what takes that back.

        Raises:
            RuntimeError: the etcd is closed, and its time has ended.
        """
        with self._changed:
            if self._is_closed:
                raise RuntimeError("this FakeEtcd is closed, and nothing is due by its clock")
            number = next(self._numbers)
            self._pending[number] = (time, callback)
            was_told, self._is_told = self._is_told, True
        if not was_told:
            self._shared.add_host(self._look_again)
        if self._clock.now() + _AS_GOOD_AS >= time:
            if self._take(number):
                callback()
        else:
            self._look_again()
        return lambda: self._forget(number)

    def times(self) -> list[float]:
        """The times of all, in order."""
        with self._changed:
            return sorted(time for time, _ in self._pending.values())

    def next_due(self) -> float | None:
        """The time of the first; None where there are none."""
        with self._changed:
            return min((time for time, _ in self._pending.values()), default=None)

    def run_due(self, now: float) -> None:
        """Call those whose time has come, when the node is let go of. It is held."""
        for callback in self._taken(now):
            self._shared.calls += 1  # somebody is told something: he may have something to do
            self._shared.afterwards(partial(_call, callback))

    def shift(self, seconds: float) -> None:
        """The clock was put to another time: who had to wait for a second still has to."""
        with self._changed:
            self._pending = {
                number: (time + seconds, callback)
                for number, (time, callback) in self._pending.items()
            }

    def close(self) -> None:
        """Call nobody any more. No thread is left."""
        with self._changed:
            self._is_closed = True
            self._pending.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _take(self, number: int) -> bool:
        with self._changed:
            return self._pending.pop(number, None) is not None

    def _taken(self, now: float) -> list[Callback]:
        now += _AS_GOOD_AS
        with self._changed:
            due = sorted(
                (time, number) for number, (time, _) in self._pending.items() if time <= now
            )
            return [self._pending.pop(number)[1] for _, number in due]

    def _forget(self, number: int) -> None:
        with self._changed:
            self._pending.pop(number, None)

    # The thread

    def _look_again(self) -> None:
        """There is something new to wait for, or the clock goes otherwise."""
        if not self._pending:
            return
        with self._changed:
            if self._thread is not None:
                self._changed.notify_all()
            elif self._needs_thread():
                self._thread = threading.Thread(
                    target=self._work, name="fake-etcd: clock", daemon=True
                )
                self._thread.start()

    def _needs_thread(self) -> bool:
        moves = self._clock.automatic or not self._clock.is_frozen
        return moves and bool(self._pending) and not self._is_closed

    def _work(self) -> None:
        while self._wait():
            if self._clock.is_frozen:
                continue
            for callback in self._taken(self._clock.now()):
                callback()

    def _wait(self) -> bool:
        """Wait until a time may have come, and move a clock on that does so by itself; False where
        there is nothing more to wait for."""
        with self._changed:
            if not self._needs_thread():
                self._thread = None
                return False
            calls = self._shared.calls
            if self._clock.is_frozen:
                was_told = self._changed.wait(QUIET_SECONDS)
            else:
                due = min(time for time, _ in self._pending.values())
                seconds = self._clock.seconds_until(due)
                self._changed.wait(None if seconds is None else min(seconds, threading.TIMEOUT_MAX))
                return True
        if not was_told and self._clock.automatic:
            self._shared.move_on(calls)
        return True


def _call(callback: Callback) -> None:
    callback()

"""Calls that are to be made at certain times, in order of these.

A heap; what is cancelled stays in it until its time has come. Nothing in etcd corresponds to it:
there, goroutines wait for tickers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Appointment:
    """One call; `cancel` keeps it from being made."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do not make the call. Nothing where it was made."""
        self._call = None

    @property
    def is_due(self) -> bool:
        """Whether it is still to be made."""
        return self._call is not None

    def make(self) -> None:
        """Make the call, once."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Schedule:
    """What is to be called when. Methods are O(log n).

    >>> schedule, said = Schedule(), []
    >>> late = schedule.at(2.0, lambda: said.append("late"))
    >>> early = schedule.at(1.0, lambda: said.append("early"))
    >>> schedule.next_due
    1.0
    >>> schedule.run_due(2.0)
    >>> said
    ['early', 'late']
    """

    __slots__ = ("_count", "_heap", "on_sooner")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Appointment]] = []
        self._count = 0
        self.on_sooner: Callable[[], None] = _nobody
        """Called when something is due sooner than all before."""

    def at(self, time: float, call: Callable[[], None]) -> Appointment:
        """Have a call made at a time; those of the same time in the order they were asked for."""
        appointment = Appointment(call)
        due = self.next_due
        self._count += 1
        heapq.heappush(self._heap, (time, self._count, appointment))
        if due is None or time < due:
            self.on_sooner()
        return appointment

    @property
    def next_due(self) -> float | None:
        """The time of the next call; None where there is none."""
        heap = self._heap
        while heap and not heap[0][2].is_due:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run_due(self, now: float) -> None:
        """Make every call whose time has come, those included that they ask for themselves."""
        while (due := self.next_due) is not None and due <= now:
            heapq.heappop(self._heap)[2].make()


def _nobody() -> None:
    """Nobody waits for it."""

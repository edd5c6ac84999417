"""Time, as the core is told it: who asks for it, and a clock that its owner moves.

Times are seconds on a clock that never goes back and whose zero means nothing. The clock of the
system is the hosts' (`transport/loop_host.py`); here is the one of whoever wants time to be a part
of the test. Nothing in etcd corresponds to it.

Worked example: a lease of 5 seconds, whose expiry is looked for every half second.

    clock.advance(4.9)      0.5, 1.0 ... 4.5 are run in turn, each at its own time; now is 4.9
    clock.advance(0.1)      5.0 is run: the lease is gone; now is 5.0
    clock.jump()            to 5.5, the next time at which anything is due
    clock.automatic = True
    clock.idle()            to 6.0, as it does whenever nothing else can happen
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    @property
    def automatic(self) -> bool:
        """Whether `idle` may move it on."""

    def now(self) -> float:
        """Seconds."""

    def seconds_until(self, time: float) -> float | None:
        """How long a host has to wait for a time; 0 where it has come, None where only the owner
        of the clock can bring it about."""

    def idle(self) -> bool:
        """Told by a host whose callers all wait, while nothing is due: nothing else can happen.

        Only a door that knows its callers can say so: the clients behind a socket have a time of
        their own.

        Returns:
            whether time has moved on, so that it is worth to look again.
        """


class Scheduled(Protocol):
    """Something that has work to do at certain times, such as a node."""

    def next_due(self, now: float) -> float | None:
        """When, `now` or later; None for never."""

    def run_due(self, now: float) -> None:
        """Do a piece of what is due."""


class VirtualClock:
    """A clock that stands still but for its owner.

    Args:
        start: the time it begins with, in seconds.
        automatic: whether time moves on to what is due next when nothing else can happen, so that
            nobody waits in vain. It can be changed at any time.

    >>> clock = VirtualClock()
    >>> clock.advance(2.5)
    >>> clock.now()
    2.5
    """

    def __init__(self, start: float = 0.0, automatic: bool = False) -> None:
        self._now = start
        self.automatic = automatic
        self._scheduled: list[Scheduled] = []
        self._moving = False
        self.on_move: Callable[[], None] = _nobody
        """Called after each move; a host wakes what it has waiting."""

    def now(self) -> float:
        return self._now

    def seconds_until(self, time: float) -> float | None:
        return 0.0 if time <= self._now else None

    def attach(self, scheduled: Scheduled) -> None:
        """Let `advance`, `set` and `jump` run what is due here. In order of attachment."""
        self._scheduled.append(scheduled)

    def detach(self, scheduled: Scheduled) -> None:
        """Run nothing more of it."""
        self._scheduled.remove(scheduled)

    @property
    def next_due(self) -> float | None:
        """The next time at which anything attached has work; None for never."""
        due = [time for one in self._scheduled if (time := one.next_due(self._now)) is not None]
        return max(min(due), self._now) if due else None

    def advance(self, seconds: float) -> None:
        """Move on, and run all that becomes due on the way at its own time.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: advance({seconds})")
        # To the nanosecond: ten times 0.1 is 1.0, and what is due then is run.
        self.set(max(self._now, round(self._now + seconds, 9)))

    def set(self, time: float) -> None:
        """Move on to a time, likewise.

        Raises:
            ValueError: it is over already.
        """
        if time < self._now:
            raise ValueError(f"time does not go back: it is {self._now}, and not {time} again")
        assert not self._moving, "what is due does not move the clock"
        self._moving = True
        try:
            while (due := self.next_due) is not None and due <= time:
                self._now = due
                self._run_due()
            self._now = time
        finally:
            self._moving = False
        self.on_move()

    def jump(self) -> bool:
        """Move on to the next time at which anything is due, and run that.

        Returns:
            whether there was one.
        """
        due = self.next_due
        if due is None:
            return False
        self.set(due)
        return True

    def idle(self) -> bool:
        """Jump, where the clock is automatic."""
        return self.automatic and not self._moving and self.jump()

    def _run_due(self) -> None:
        for one in self._scheduled:
            due = one.next_due(self._now)
            if due is not None and due <= self._now:
                one.run_due(self._now)


def _nobody() -> None:
    """Nobody waits for this clock."""

"""The system's time for a node, and a timer on an asyncio event loop that runs what becomes due.

The core has no clock of its own and waits for nothing.
"""

from __future__ import annotations

import asyncio
import time

from fake_etcd.core.node import Node


class SystemClock:
    """Time as it passes. A `Clock` of the core's."""

    automatic = False

    def idle(self) -> bool:
        """Nobody moves it."""
        return False

    def now(self) -> float:
        """Seconds on the system's monotonic clock."""
        return time.monotonic()

    def seconds_until(self, time: float) -> float:
        """How long that is from now; 0 where it is over."""
        return max(time - self.now(), 0.0)


class NodeTimer:
    """One timer, set to what is due next.

    On a clock that its owner moves, only what is due at once is run here: the owner runs the rest.
    """

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        node.on_due = self.set

    def set(self) -> None:
        """Look again at what is due next."""
        self.cancel()
        clock = self._node.clock
        due = self._node.next_due(clock.now())
        wait = None if due is None else clock.seconds_until(due)
        if wait is not None:
            # A timer even where it is due now: what clients sent meanwhile goes first.
            self._handle = self._loop.call_later(wait, self._run)

    def cancel(self) -> None:
        """Run nothing more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._node.run_due(self._node.clock.now())
        self.set()

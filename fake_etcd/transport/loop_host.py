"""An asyncio event loop, and what it does for the node that it drives: time, and long work aside.

The core has no clock of its own and waits for nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fake_etcd.core.node import Node, Work

LOOP_VARIABLE = "FAKE_ETCD_LOOP"
"""Environment: "uvloop" or "asyncio" forces that event loop; without it, uvloop where it exists."""


class NoSuchLoop(Exception):
    """Why there is no event loop of the kind that the environment asks for; one line."""


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop of the kind that the environment asks for.

    Raises:
        NoSuchLoop: that kind is not there.
    """
    wanted = os.environ.get(LOOP_VARIABLE, "")
    if wanted not in ("", "asyncio", "uvloop"):
        raise NoSuchLoop(f'{LOOP_VARIABLE}={wanted}: it can be "asyncio" or "uvloop"')
    if wanted != "asyncio":
        try:
            import uvloop
        except ImportError:
            if wanted:
                raise NoSuchLoop(f"{LOOP_VARIABLE}=uvloop: uvloop is not installed") from None
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


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


def threads_aside() -> ThreadPoolExecutor:
    """Threads for long work; they leave one processor to those who do not wait for it."""
    return ThreadPoolExecutor(max((os.cpu_count() or 1) - 1, 1), "fake_etcd-aside")


class Aside:
    """Long work of a node's, done by threads while its loop goes on.

    Args:
        node: whose `aside` this takes.
        loop: the one loop that uses the node.
    """

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads = threads_aside()
        node.aside = self._do

    def close(self) -> None:
        """Do nothing more; wait for what is being done."""
        self._threads.shutdown(cancel_futures=True)

    def _do(self, work: Work) -> None:
        self._loop.run_in_executor(self._threads, work).add_done_callback(_go_on)


def _go_on(done: asyncio.Future[Callable[[], None]]) -> None:
    if not done.cancelled():
        done.result()()

"""Timers of a shared node on an asyncio event loop."""

from __future__ import annotations

import asyncio

from fake_etcd.transport.shared_node import QUIET_SECONDS, SharedNode


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this code is run by this loop."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class SharedTimer:
    """Runs on an event loop what is due of a shared node, as `loop_host.NodeTimer` does of its own.

    It may be made and closed on its loop only. Where the loop is closed before, that is its end.
    """

    def __init__(self, shared: SharedNode, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._is_set_soon = False
        self._is_closed = False
        shared.add_host(self._come)
        self._set()

    def close(self) -> None:
        """Run nothing more."""
        self._is_closed = True
        self._shared.remove_host(self._come)
        self._cancel()

    def _come(self) -> None:
        if self._is_set_soon and not self._loop.is_closed():
            return
        if runs_here(self._loop):
            self._set()
        else:
            self._is_set_soon = True
            try:
                self._loop.call_soon_threadsafe(self._set)
            except RuntimeError:  # it is closed
                self._shared.remove_host(self._come)

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set(self) -> None:
        with self._shared.unnoticed() as shared:
            self._is_set_soon = False
            self._cancel()
            if self._is_closed:  # since it was told, or by what it has just run
                return
            clock = shared.node.clock
            due = shared.node.next_due(clock.now())
            if due is None:
                return
            wait = clock.seconds_until(due)
            if wait is not None:
                # A timer even where it is due now: what clients sent meanwhile goes first.
                self._handle = self._loop.call_later(wait, self._run)
            elif clock.automatic:
                self._handle = self._when_quiet()

    def _when_quiet(self) -> asyncio.TimerHandle | None:
        """What clients of sockets wait for is not known here: they do not move a clock."""
        return None

    def _run(self) -> None:
        with self._shared.unnoticed() as shared:
            self._handle = None
            shared.node.run_due(shared.node.clock.now())
        self._set()


class CallersTimer(SharedTimer):
    """The same for a loop whose callers are known: an automatic clock moves on while they wait.

    Time moves when for `QUIET_SECONDS` nobody called, and was told nothing, in any thread.
    """

    def __init__(self, shared: SharedNode, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting = 0
        super().__init__(shared, loop)

    def begin_to_wait(self) -> None:
        """One more waits."""
        self._waiting += 1
        if self._waiting == 1 and self._shared.node.clock.automatic:
            self._set()

    def end_to_wait(self) -> None:
        """One waits no more."""
        self._waiting -= 1

    def _when_quiet(self) -> asyncio.TimerHandle | None:
        if not self._waiting:
            return None
        return self._loop.call_later(QUIET_SECONDS, self._move_on, self._shared.calls)

    def _move_on(self, calls: int) -> None:
        self._handle = None
        if self._waiting:
            self._is_set_soon = True  # each step would set it
            self._shared.move_on(calls)
            self._set()

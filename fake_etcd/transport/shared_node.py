"""A node that several threads and event loops drive, one at a time.

Whoever calls a handler, moves the clock or runs what is due holds the node for so long (`with
shared:`), and lets go of it before it waits. Where nobody waits, nothing runs: what became due
meanwhile is done before the next call, so that no thread is needed to keep time.
Nothing in etcd corresponds to it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType

from fake_etcd.core.node import Node
from fake_etcd.services.call import Endpoints

QUIET_SECONDS = 0.005
"""Real time without a call after which all threads are taken to wait, where that is not known."""

_STEPS_AT_ONCE = 500
"""How often an automatic clock moves before others may call: a few milliseconds."""


def _refuse() -> bool:
    """Stands in a forked child for taking the lock: its threads stayed behind."""
    raise RuntimeError(
        "this etcd belongs to the process that made it; a forked child has to make its own, or "
        "be a client of an `endpoint` that was opened before"
    )


class SharedNode:
    """A node with the one lock that its doors share.

    Args:
        node: whose `on_due` this takes.
        endpoints: what the doors serve; `serve` replaces them.

    Attributes:
        node: the same.
        endpoints: what is served now.
        calls: how many times somebody has taken the node or was told something by it, for those
            who look for quiet.
    """

    def __init__(self, node: Node, endpoints: Endpoints) -> None:
        self.node = node
        self.endpoints = endpoints
        self.calls = 0
        self._lock = threading.RLock()
        self._acquire: Callable[[], bool] = self._lock.acquire
        self._depth = 0
        self._afterwards: list[Callable[[], None]] = []
        self._left_behind: deque[Callable[[], None]] = deque()
        self._sleepers: list[threading.Condition] = []
        """What they sleep on, once for each: several may sleep on one."""
        self._hosts: tuple[Callable[[], None], ...] = ()
        self._servers: list[Callable[[Endpoints], None]] = []
        node.on_due = self._work_came
        _ALL.add(self)

    def __enter__(self) -> SharedNode:
        self._acquire()
        self._depth += 1
        self.calls += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._left_behind and self._depth == 1:
            self._clear_away()
        self._depth -= 1
        if self._depth or not self._afterwards:
            self._lock.release()
            return
        afterwards, self._afterwards = self._afterwards, []
        self._lock.release()
        for call in afterwards:
            call()

    def afterwards(self, call: Callable[[], None]) -> None:
        """Have a call made when the node is let go of: what is not ours may take it again."""
        self._afterwards.append(call)

    @property
    def is_disowned(self) -> bool:
        """Whether this is a forked child's copy, which nobody can use."""
        return self._acquire is _refuse

    def require_owned(self) -> None:
        """Raises RuntimeError in a forked child, as every use does there."""
        if self.is_disowned:
            _refuse()

    def clear_away(self, call: Callable[[], None]) -> None:
        """Have something ended that nobody refers to any more; for finalizers, at any moment.

        The garbage collector may run in the midst of a change: then it is done when the node is
        let go of. In a forked child nothing is done, what it has is a dead copy.
        """
        if self.is_disowned:
            return
        self._left_behind.append(call)
        # Who is interrupted may hold what another thread waits for that has the node: no waiting.
        if self._lock.acquire(blocking=False):
            self._depth += 1
            self.__exit__(None, None, None)  # it is done here, if nobody is in the midst of it

    def _clear_away(self) -> None:
        while self._left_behind:
            self._left_behind.popleft()()

    def replace(self, node: Node) -> None:
        """Be about this node from now on. The old one is held, and nobody's any more."""
        self.node.on_due = _nobody
        self.node = node
        node.on_due = self._work_came

    # What is served

    def serve(self, endpoints: Endpoints) -> None:
        """Serve these from the next call on."""
        self.endpoints = endpoints
        for tell in self._servers:
            tell(endpoints)

    def add_server(self, tell: Callable[[Endpoints], None]) -> None:
        """Tell a door that keeps endpoints of its own when they are replaced."""
        self._servers.append(tell)

    def remove_server(self, tell: Callable[[Endpoints], None]) -> None:
        """Tell it no more."""
        self._servers.remove(tell)

    # What is due

    def add_host(self, tell: Callable[[], None]) -> None:
        """Tell a host, that runs what is due, when there may be work sooner than before."""
        self._hosts = (*self._hosts, tell)

    def remove_host(self, tell: Callable[[], None]) -> None:
        """Tell it no more. Nothing where it was not told."""
        self._hosts = tuple(host for host in self._hosts if host != tell)

    def run_due(self) -> None:
        """Do all that is due by now. The node is held."""
        node = self.node
        now = node.clock.now()
        while (due := node.next_due(now)) is not None and due <= now:
            node.run_due(now)

    def moved(self) -> None:
        """The clock was moved or goes otherwise: whoever waits for a time looks again."""
        self._work_came()

    def _work_came(self) -> None:
        for tell in self._hosts:
            tell()
        # All of them: who is told of it may have its answer and be gone before it is due.
        for sleeper in self._sleepers:
            sleeper.notify_all()

    # Waiting

    def condition(self) -> threading.Condition:
        """Something that one caller can sleep on; the node is let go of meanwhile."""
        return threading.Condition(self._lock)

    def sleep(self, condition: threading.Condition, most_seconds: float | None = None) -> None:
        """Sleep until somebody notifies; do what becomes due meanwhile. The node is held.

        May end early: the caller looks whether there is what it waits for. It ends after
        `most_seconds` of real time at the latest.
        """
        if self._afterwards or self._left_behind:
            depth, self._depth = self._depth, 1
            try:
                self.__exit__(None, None, None)
            finally:
                self._lock.acquire()
                self._depth = depth
            return
        node, clock = self.node, self.node.clock
        now = clock.now()
        due = node.next_due(now)
        if due is not None and due <= now:
            node.run_due(now)
            return
        seconds = None if due is None else clock.seconds_until(due)
        if most_seconds is not None and (seconds is None or most_seconds < seconds):
            seconds = most_seconds
        if due is not None and clock.automatic:
            if self._nobody_else_runs(condition):
                self._move_on()
        else:
            self._wait(condition, seconds)

    def move_on(self, calls: int) -> None:
        """Move an automatic clock on for a host whose callers wait, if nobody has called since
        `calls`, which was `QUIET_SECONDS` ago."""
        with self.unnoticed():
            if calls == self.calls:
                self._move_on()

    def _move_on(self) -> None:
        """To the next time at which somebody is told something, or a good way towards it."""
        calls, clock = self.calls, self.node.clock
        for _ in range(_STEPS_AT_ONCE):
            if not clock.idle() or calls != self.calls:
                return

    def unnoticed(self) -> SharedNode:
        """For a `with` that is to be no call: of those who only look."""
        self._acquire()
        self.calls -= 1
        self._lock.release()
        return self

    def _nobody_else_runs(self, condition: threading.Condition) -> bool:
        """Whether all threads of this process sleep here, or nobody called for a while.

        It may have waited for that, and the caller may have been notified meanwhile.
        """
        if threading.active_count() == len(self._sleepers) + 1:
            return True
        calls = self.calls
        self._wait(condition, QUIET_SECONDS)
        return calls == self.calls

    def _wait(self, condition: threading.Condition, seconds: float | None) -> None:
        self._sleepers.append(condition)
        depth, self._depth = self._depth, 0
        try:
            condition.wait(None if seconds is None else min(seconds, threading.TIMEOUT_MAX))
        finally:
            self._depth = depth
            self._sleepers.remove(condition)


def _nobody() -> None:
    """Whatever is due of a node that is gone stays undone."""


_ALL: weakref.WeakSet[SharedNode] = weakref.WeakSet()


def _disown() -> None:
    for shared in _ALL:
        shared._acquire = _refuse


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)

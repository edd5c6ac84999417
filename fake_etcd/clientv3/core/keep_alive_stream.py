"""Leases kept alive in the background.

All leases that are kept alive share one stream (`KeepAliveStream`) and two tasks, which are there
while there is such a lease: one sends what is due, and sees which leases had no answer for as long
as they live; the other receives, and opens the stream again when it breaks. A lease is renewed a
third of its TTL after the last answer; while there is none, it is asked for every half second.

Worked example, a lease of 9 seconds, whose connection breaks at 7:

    0.0  keep_alive: renewed, answered with a TTL of 9; the deadline is 9.0
    3.0  renewed, answered; the deadline is 12.0
    6.0  renewed, answered; the deadline is 15.0
    7.5  the stream is opened again, on whichever endpoint answers; a renewal is due at 9.0
    15.0 had nobody answered by now, the lease would be lost

etcd: client/v3/lease.go. What is done otherwise: renewals and ends come on time, not at the next
look, which Go has every half second and every second; a lease that is lost is told with the reason,
where Go closes a channel; the tasks end with the last lease.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, ContextError, with_cancel
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.failures import error_of
from fake_etcd.clientv3.core.io import CallFailed, Stream, Task, Waiter, sleep
from fake_etcd.clientv3.core.keep_alive import KeepAlive
from fake_etcd.clientv3.core.watch import with_require_leader
from fake_etcd.clientv3.errors import Error, KeepAliveHalted, LeaseLost
from fake_etcd.clientv3.responses import (
    LeaseKeepAliveResponse,
)

_DEFAULT_TTL = 5.0
"""Seconds that a first answer may take, while the lease's TTL is not known."""

_RETRY = 0.5
"""Seconds until a lease is asked for again, and until a stream is opened again."""

_AS_GOOD_AS = 1e-9
"""Seconds by which a time may be early: clocks that a test moves go by nanoseconds."""


class _Kept:
    """A lease on the stream, and who keeps it alive. Times are the client's clock's."""

    __slots__ = ("deadline", "due", "keepers", "next_send", "ttl", "wakes_at")

    def __init__(self, now: float, first_timeout: float) -> None:
        self.keepers: list[KeepAlive] = []
        self.ttl = first_timeout
        self.deadline = now + first_timeout
        """When it is lost, if no answer comes."""
        self.due = now
        """When it is to be renewed, going by the last answer."""
        self.next_send = now
        """When it is to be asked for: the same, or later where it was asked for already."""
        self.wakes_at = math.inf

    def renewed(self, now: float, ttl: float) -> None:
        """It lives for so long from now on."""
        self.ttl = ttl
        self.deadline = now + ttl
        self.due = self.next_send = now + ttl / 3

    def ask_again(self, now: float) -> None:
        """Nobody answers any more what it was asked for."""
        if self.deadline > now + self.ttl:  # a test's clock, which was put back
            self.deadline, self.due = now + self.ttl, now
        self.next_send = self.due

    def wake_time(self, is_open: bool) -> float:
        """When there is something to do for it."""
        ends = min((keeper.ends_at for keeper in self.keepers), default=math.inf)
        return min(self.deadline, ends, self.next_send if is_open else math.inf)


class KeepAliveStream:
    """A stream, opened again and again, and the leases on it. It ends with the last of them.

    Args:
        caller: opens it.
        ctx: that of the client.
        first_timeout: seconds that a lease's first answer may take.
    """

    def __init__(self, caller: Caller, ctx: Context, first_timeout: float) -> None:
        self._caller = caller
        self._io = caller.io
        self._ctx, self._cancel = with_cancel(with_require_leader(ctx))
        self._first_timeout = first_timeout
        self._lock = threading.Lock()
        self._kept: dict[int, _Kept] = {}
        self._agenda: list[tuple[float, int, int]] = []
        """A heap of when to look at which lease: time, a number that orders, id. A lease's last
        entry is at its `wakes_at`; others are void."""
        self._numbers = itertools.count()
        self._stream: Stream | None = None
        self._outgoing: dict[int, None] = {}
        """The leases to ask for, in order; each once."""
        self._is_sending = False
        self._sleeper: Waiter | None = None
        self._sleeps_until = -math.inf
        self._last_failure: Error | None = None
        self._tasks: list[Task] = []
        self._running = 0
        self.is_over = False

    def add(self, keeper: KeepAlive) -> bool:
        """Keep one more alive; False where the stream is over."""
        with self._lock:
            if self.is_over:
                return False
            kept = self._kept.get(keeper.lease)
            if kept is None:
                kept = self._kept[keeper.lease] = _Kept(self._io.now(), self._first_timeout)
            kept.keepers.append(keeper)
            keeper.bind(self)
            sleeper = self._plan(keeper.lease, kept)
            if not self._tasks:
                self._running = 2
                self._tasks = [
                    self._io.spawn("clientv3: lease answers", self._until_done(self._receive())),
                    self._io.spawn("clientv3: lease renewals", self._until_done(self._renew())),
                ]
        _wake(sleeper)
        return True

    def remove(self, keeper: KeepAlive) -> None:
        """Keep it alive no longer. Nothing where it is not here."""
        with self._lock:
            kept = self._kept.get(keeper.lease)
            if kept is None or keeper not in kept.keepers:
                return
            kept.keepers.remove(keeper)
            if not kept.keepers:
                del self._kept[keeper.lease]
            is_idle = self._is_idle()
        if is_idle:
            self._cancel()

    @property
    def is_done(self) -> bool:
        """Whether its tasks have ended, too."""
        return self.is_over and not self._running

    async def join(self) -> None:
        """Wait for the end of its tasks."""
        for task in self._tasks:
            await task.join()

    async def _until_done(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            with self._lock:
                self._running -= 1

    def _is_idle(self) -> bool:
        """Whether no lease is left; the stream is over then."""
        self.is_over = self.is_over or not self._kept
        return self.is_over

    def _plan(self, lease: int, kept: _Kept) -> Waiter | None:
        """See to the lease in time; gives whom to wake for that, where he sleeps longer."""
        time = kept.wake_time(self._stream is not None)
        if time == kept.wakes_at:
            return None
        kept.wakes_at = time
        heapq.heappush(self._agenda, (time, next(self._numbers), lease))
        return self._sleeper if time < self._sleeps_until else None

    # The task that sends

    async def _renew(self) -> None:
        while True:
            waiter = self._io.waiter()
            with self._lock:
                self._sleeper = waiter
                ended = self._look(self._io.now())
                sends = bool(self._outgoing)
                until = self._agenda[0][0] if self._agenda else math.inf
                self._sleeps_until = until
                is_idle = self._is_idle()
            for keeper, error in ended:
                keeper.end(error)
            if is_idle:
                self._cancel()
            if self._ctx.err() is not None:
                return
            if sends:
                self._io.do_soon(self._send)
            forget = self._ctx.after(waiter.wake)
            try:
                await waiter.wait_until(None if until == math.inf else until)
            finally:
                forget()

    def _look(self, now: float) -> list[tuple[KeepAlive, Error | None]]:
        """See to what has come: what to ask for is in `_outgoing`; gives who ended, and why."""
        ended: list[tuple[KeepAlive, Error | None]] = []
        by = now + _AS_GOOD_AS
        while self._agenda and self._agenda[0][0] <= by:
            time, _, lease = heapq.heappop(self._agenda)
            kept = self._kept.get(lease)
            if kept is None or kept.wakes_at != time:
                continue
            if kept.deadline <= by:
                del self._kept[lease]
                lost = LeaseLost(lease, self._last_failure)
                ended += [(keeper, lost) for keeper in kept.keepers]
                continue
            ended += [(keeper, None) for keeper in kept.keepers if keeper.ends_at <= by]
            kept.keepers = [keeper for keeper in kept.keepers if keeper.ends_at > by]
            if not kept.keepers:
                del self._kept[lease]
                continue
            if self._stream is not None and kept.next_send <= by:
                kept.next_send = now + _RETRY
                self._outgoing[lease] = None
            self._plan(lease, kept)
        return ended

    async def _send(self) -> None:
        """Send what is to be sent; one does it for all that comes meanwhile. Nobody waits for it:
        on a connection that is still to be made it may take long."""
        while True:
            with self._lock:
                if self._is_sending or self._stream is None or not self._outgoing:
                    return
                self._is_sending = True
                stream, lease = self._stream, next(iter(self._outgoing))
                del self._outgoing[lease]
            try:
                await stream.send(m.LeaseKeepAliveRequest(ID=lease))
            except CallFailed:
                continue  # whoever receives is told why, and opens the stream again
            finally:
                self._is_sending = False

    # The task that receives

    async def _receive(self) -> None:
        try:
            while True:
                error = await self._open_and_receive()
                if self._ctx.err() is not None:
                    return
                self._caller.log.warning("error occurred during lease keep alive loop: %s", error)
                if isinstance(error, rpctypes.ErrNoLeader):
                    self._end_those_that_require_a_leader(error)
                await sleep(self._io, self._ctx, _RETRY)
        except ContextError:
            return
        finally:
            self._end_all()

    async def _open_and_receive(self) -> Error:
        """Use one stream until it breaks; why it did."""
        try:
            stream = await self._caller.stream(rpcs.LEASE_KEEP_ALIVE, self._ctx)
            self._use(stream)
            while True:
                answer: m.LeaseKeepAliveResponse | None = await stream.receive()
                if answer is None:
                    raise CallFailed(Code.UNAVAILABLE, "the server ended the stream")
                self._take(answer)
        except CallFailed as failed:
            error: Error = error_of(failed, self._ctx)
        except Error as failure:  # no token, or the client was closed
            error = failure
        finally:
            with self._lock:
                ended, self._stream = self._stream, None
                self._outgoing.clear()
            if ended is not None:
                ended.cancel()
        self._last_failure = error
        return error

    def _use(self, stream: Stream) -> None:
        """Send on this one from now on, and at once what the one before was asked in vain."""
        with self._lock:
            self._stream = stream
            now = self._io.now()
            for lease, kept in self._kept.items():
                kept.ask_again(now)
                self._plan(lease, kept)
            sleeper = self._sleeper
        _wake(sleeper)

    def _take(self, pb: m.LeaseKeepAliveResponse) -> None:
        answer = LeaseKeepAliveResponse.of(pb)
        sleeper = None
        with self._lock:
            kept = self._kept.get(answer.id)
            if kept is None:
                return
            keepers = list(kept.keepers)
            if answer.ttl <= 0:
                del self._kept[answer.id]
            else:
                kept.renewed(self._io.now(), answer.ttl)
                sleeper = self._plan(answer.id, kept)
            is_idle = self._is_idle()
        _wake(sleeper)
        if answer.ttl > 0:
            for keeper in keepers:
                keeper.take(answer)
        else:
            self._lose(keepers, LeaseLost(answer.id, rpctypes.ErrLeaseNotFound()))
        if is_idle:
            self._cancel()

    def _end_those_that_require_a_leader(self, error: Error) -> None:
        with self._lock:
            keepers = [
                keeper
                for kept in self._kept.values()
                for keeper in kept.keepers
                if keeper.requires_leader
            ]
        for keeper in keepers:
            self.remove(keeper)
        self._lose(keepers, error)

    def _lose(self, keepers: list[KeepAlive], error: Error) -> None:
        for keeper in keepers:
            keeper.end(error)

    def _end_all(self) -> None:
        with self._lock:
            self.is_over = True
            keepers = [keeper for kept in self._kept.values() for keeper in kept.keepers]
            self._kept.clear()
        self._cancel()
        for keeper in keepers:
            keeper.end(None)


class Lessor:
    """The leases that a client keeps alive.

    Args:
        caller: opens their streams.
        ctx: the client's.
    """

    def __init__(self, caller: Caller, ctx: Context) -> None:
        self.caller = caller
        """Of the client."""
        self._ctx = ctx
        self._lock = threading.Lock()
        self._streams: list[KeepAliveStream] = []
        dial_timeout = caller.config.dial_timeout
        self._first_timeout = dial_timeout + 1 if dial_timeout else _DEFAULT_TTL

    def keep(self, keeper: KeepAlive) -> None:
        """Have a lease be kept alive from now on.

        Raises:
            KeepAliveHalted: the client was closed.
        """
        with self._lock:
            ended = self._ctx.err()
            if ended is not None:
                raise KeepAliveHalted(ended)
            self._streams = [stream for stream in self._streams if not stream.is_done]
            if not self._streams or not self._streams[-1].add(keeper):
                stream = KeepAliveStream(self.caller, self._ctx, self._first_timeout)
                self._streams.append(stream)
                stream.add(keeper)
        keeper.begin()

    def keep_quietly(self, lease: int, ctx: Context, on_end: Callable[[], object]) -> KeepAlive:
        """The same for a session, which reads no answers; calls back at the end, whatever it is."""
        keeper = KeepAlive(lease, self.caller, ctx, _ignore, None, on_end)
        self.keep(keeper)
        return keeper

    async def join(self) -> None:
        """Wait for the end of all; the client's context has to have ended."""
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            await stream.join()


def _wake(sleeper: Waiter | None) -> None:
    if sleeper is not None:
        sleeper.wake()


def _ignore(answer: LeaseKeepAliveResponse) -> None:
    """Sessions need no answers."""

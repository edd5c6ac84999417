"""A call that tasks of an event loop wait for; the asyncio twin of `talk.py`.

What a handler says to a call of another thread's loop is written down at once; the loop is told
to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fake_etcd.api.status import Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.exchange import Exchange
from fake_etcd.transport.in_process.limits import MessageLimits
from fake_etcd.transport.in_process.line import Line
from fake_etcd.transport.in_process.talk import CANCELLED, COLLECTED, guarded
from fake_etcd.transport.shared_node import SharedNode
from fake_etcd.transport.shared_timer import CallersTimer, runs_here

LOOP_CLOSED = Status(Code.CANCELLED, "fake_etcd: the call's event loop is closed")
"""How a call ends that nobody can be told of."""


class Caller:
    """An event loop that calls come from; it runs what is due as long as any is open.

    Args:
        shared: what is called.
        loop: the running one.

    Attributes:
        shared, loop: the same.
    """

    def __init__(self, shared: SharedNode, loop: asyncio.AbstractEventLoop) -> None:
        self.shared = shared
        self.loop = loop
        self._calls = 0
        self._timer: CallersTimer | None = None

    def opened(self) -> None:
        """One more call is open."""
        self._calls += 1
        if self._timer is None:
            self._timer = CallersTimer(self.shared, self.loop)

    def closed(self) -> None:
        """One less is."""
        self._calls -= 1
        if not self._calls and self._timer is not None:
            self._timer.close()
            self._timer = None

    async def wait(self, news: asyncio.Future[None]) -> None:
        """Wait for something that a call has to tell."""
        timer = self._timer
        if timer is None:  # it is over; there is nothing to run
            await news
            return
        timer.begin_to_wait()
        try:
            await news
        finally:
            timer.end_to_wait()


class AioTalk:
    """What becomes of one call. All methods are for its own loop.

    Args:
        caller: whose it is.
        line: what it goes over.
        path: "/etcdserverpb.KV/Put".
        metadata: the caller's.
        timeout: seconds on the node's clock.
        limits: the caller's.
        has_one_answer: see `Exchange`.
        over: called with it at the end; by another thread where its loop is closed.

    Attributes:
        deadline: on the node's clock, or None.
        was_cancelled: whether the caller ended it, and not the other side.
    """

    __slots__ = (
        "_caller",
        "_done",
        "_exchange",
        "_is_finished",
        "_is_told",
        "_over",
        "_waiters",
        "deadline",
        "was_cancelled",
    )

    def __init__(
        self,
        caller: Caller,
        line: Line,
        path: str,
        metadata: Metadata,
        timeout: float | None,
        limits: MessageLimits,
        has_one_answer: bool,
        over: Callable[[AioTalk], None],
    ) -> None:
        self._caller = caller
        self._done: list[Callable[[], None]] = []
        self._is_finished = False
        self._is_told = False
        self._over = over
        self._waiters: list[asyncio.Future[None]] = []
        self.was_cancelled = False
        self.deadline = None if timeout is None else self.now() + timeout
        self._exchange = Exchange(
            line, path, metadata, self.deadline, limits, has_one_answer, self._news
        )
        caller.opened()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Its own."""
        return self._caller.loop

    def now(self) -> float:
        """Seconds on the clock of `deadline`."""
        return self._caller.shared.node.clock.now()

    @property
    def status(self) -> Status | None:
        """How it ended; see `Exchange.over`."""
        return self._exchange.over

    # Requests

    def begin(self, wait_for_ready: bool, only_request: bytes | None) -> None:
        """Open it on the loop's next turn: a call that is cancelled at once is none."""
        self._caller.loop.call_soon(self._begin, wait_for_ready, only_request)

    def _begin(self, wait_for_ready: bool, only_request: bytes | None) -> None:
        with self._caller.shared as shared:
            shared.run_due()
            self._exchange.open(wait_for_ready)
            if only_request is not None:
                self._exchange.message(only_request)
                self._exchange.half_close()
            self._news()  # that it has begun

    async def until_begun(self) -> None:
        """Wait until it goes over a line, or is over."""
        while self.status is None and not self._exchange.has_begun:
            await self._wait()

    async def until_answered(self) -> None:
        """Wait for the first answer, or the end."""
        while not self._exchange.has_answered and self._exchange.status is None:
            await self._wait()

    async def ask(self, raw: bytes) -> None:
        """Send a request, as soon as answers are taken."""
        while self._exchange.holds_requests_back:
            await self._wait()
        with self._caller.shared as shared:
            shared.run_due()
            self._exchange.message(raw)

    def half_close(self) -> None:
        """There are no more requests."""
        with self._caller.shared:
            self._exchange.half_close()

    # The end

    def cut(self, status: Status) -> None:
        """End it for a reason on the caller's side."""
        with self._caller.shared:
            self._exchange.cut(status)

    def cancel(self) -> bool:
        """End it because the caller wants no more; False where it is over."""
        with self._caller.shared:
            if self.status is not None:
                return False
            self.was_cancelled = True
            self._exchange.cut(CANCELLED)
            return True

    def forget(self) -> None:
        """Nobody holds the call object any more: end it, as soon as that can be."""
        if self.status is None:
            self._caller.shared.clear_away(self._collect)

    def _collect(self) -> None:
        self._exchange.cut(COLLECTED)

    def when_done(self, call: Callable[[], None]) -> None:
        """Have something called on the loop at the end; at once where that is over."""
        if self._is_finished:
            call()
        else:
            self._done.append(call)

    async def end(self) -> Status:
        """How it ended, once it has."""
        while (status := self.status) is None:
            await self._wait()
        return status

    # Answers

    async def next(self) -> bytes | None:
        """The next answer, as soon as there is one; None at the end."""
        while True:
            with self._caller.shared as shared:
                shared.run_due()
                raw = self._exchange.take()
            if raw is not None:
                if self.status is not None:
                    self._look()
                return raw
            if self._exchange.status is not None:
                return None
            await self._wait()

    def take(self) -> bytes | None:
        """An answer that is there."""
        with self._caller.shared:
            return self._exchange.take()

    # Waiting

    async def _wait(self) -> None:
        self._caller.shared.require_owned()
        news = self._caller.loop.create_future()
        self._waiters.append(news)
        try:
            await self._caller.wait(news)
        finally:
            if news in self._waiters:
                self._waiters.remove(news)

    def _news(self) -> None:
        """The node is held, by any thread."""
        shared, loop = self._caller.shared, self._caller.loop
        shared.calls += 1
        if self._is_told and not loop.is_closed():
            return
        self._is_told = True  # before the loop is told, whose thread may look at once
        if runs_here(loop):
            shared.afterwards(self._look)
        else:
            try:
                loop.call_soon_threadsafe(self._look)
            except RuntimeError:  # it is closed
                shared.afterwards(self._lose)

    def _look(self) -> None:
        self._is_told = False
        waiters, self._waiters = self._waiters, []
        for news in waiters:
            if not news.done():
                news.set_result(None)
        if self.status is not None and not self._is_finished:
            self._finish()
            done, self._done = self._done, []
            for call in done:
                guarded(call)()

    def _lose(self) -> None:
        """End it without its loop, on which nobody can be told."""
        with self._caller.shared:
            self.cut(LOOP_CLOSED)
            if not self._is_finished:
                self._waiters.clear()
                self._done.clear()
                self._finish()

    def _finish(self) -> None:
        self._is_finished = True
        self._caller.closed()
        self._over(self)

"""A lease that is kept alive, as its holder has it: what the server says to each renewal.

Who sends the renewals is `keep_alive_stream`.

etcd: client/v3/lease.go (`keepAlive`).
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.io import Waiter
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.responses import (
    LeaseKeepAliveResponse,
)

QUEUE_SIZE = 16
"""Answers that are kept for who reads them, as in Go; more are dropped until he has read some."""

_REQUIRES_LEADER = ("hasleader", "true")


class KeepAlives(Protocol):
    """Where a lease is kept alive; see `keep_alive_stream.KeepAliveStream`."""

    def remove(self, keeper: KeepAlive) -> None:
        """It has ended here."""


class KeepAlive(AsyncIterator[LeaseKeepAliveResponse]):
    """A lease that is kept alive: what the server says to each renewal.

    It goes on whether or not anybody reads; who does not keep up misses answers. It ends without an
    error when it is canceled, and when its context or its client ends.

    Args:
        lease: its id.
        caller: of the client.
        ctx: what it runs under, which is for its whole life.
        on_response: called with each answer, which then is not there to be read.
        on_lost: called once if it is lost.
        on_end: called once at the end, whatever ends it.

    Raises (what iterates it does):
        LeaseLost: the lease is gone, or may be: there was no answer for as long as it lives.
        ErrNoLeader: the context requires a leader (`with_require_leader`), and there is none.
    """

    def __init__(
        self,
        lease: int,
        caller: Caller,
        ctx: Context,
        on_response: Callable[[LeaseKeepAliveResponse], object] | None = None,
        on_lost: Callable[[Error], object] | None = None,
        on_end: Callable[[], object] | None = None,
    ) -> None:
        self._lease = lease
        self._io = caller.io
        self._log = caller.log
        self._ctx = ctx
        self._on_response = on_response
        self._on_lost = on_lost
        self._on_end = on_end
        self._lock = threading.Lock()
        self._answers: deque[LeaseKeepAliveResponse] = deque()
        self._misses = False
        """Whether the reader has missed answers since he last read one."""
        self._waiters: list[Waiter] = []
        self._is_over = False
        self._error: Error | None = None
        self._untold: Error | None = None
        self._stream: KeepAlives | None = None
        self._forget: Callable[[], None] = _nothing
        remaining = ctx.remaining()
        self.ends_at = math.inf if remaining is None else self._io.now() + remaining
        """When its context's time is up, by the client's clock."""

    @property
    def lease(self) -> int:
        """The lease's id."""
        return self._lease

    @property
    def is_over(self) -> bool:
        """Whether this keeps the lease alive no longer."""
        return self._is_over

    @property
    def error(self) -> Error | None:
        """Why it ended, where it was lost; None before, and where it was ended from here."""
        return self._error

    def cancel(self) -> None:
        """End it, from any thread, any number of times. What was told before can still be read.

        The lease stays for the rest of its TTL, or as long as something else keeps it alive.
        """
        stream = self._stream
        if stream is not None:
            stream.remove(self)
        self.end(None)

    async def close(self) -> None:
        """The same."""
        self.cancel()

    def __aiter__(self) -> KeepAlive:
        return self

    async def __aenter__(self) -> KeepAlive:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.cancel()

    async def __anext__(self) -> LeaseKeepAliveResponse:
        while True:
            waiter = self._io.waiter()
            with self._lock:
                if self._answers:
                    self._misses = False
                    return self._answers.popleft()
                if self._is_over:
                    untold, self._untold = self._untold, None
                    if untold is not None:
                        raise untold
                    raise StopAsyncIteration
                self._waiters.append(waiter)
            try:
                await waiter.wait()
            finally:
                with self._lock:
                    if waiter in self._waiters:
                        self._waiters.remove(waiter)

    def __repr__(self) -> str:
        state = "over" if self._is_over else "kept alive"
        return f"<KeepAlive of lease {self._lease:x}, {state}>"

    # What follows is for its stream.

    @property
    def requires_leader(self) -> bool:
        """Whether it is to end where the member that is asked sees no leader."""
        return _REQUIRES_LEADER in self._ctx.metadata

    def bind(self, stream: KeepAlives) -> None:
        """It is this stream's."""
        self._stream = stream

    def begin(self) -> None:
        """Follow the context from now on; it has its stream."""
        self._forget = self._ctx.after(self.cancel)
        if self._is_over:
            self._forget()

    def take(self, answer: LeaseKeepAliveResponse) -> None:
        """The lease was renewed."""
        if self._on_response is not None:
            if not self._is_over:
                self._call(self._on_response, answer)
            return
        with self._lock:
            if self._is_over:
                return
            if len(self._answers) < QUEUE_SIZE:
                self._answers.append(answer)
                is_first_miss = False
            else:
                is_first_miss, self._misses = not self._misses, True
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.wake()
        if is_first_miss:
            self._log.warning(
                "lease %x keepalive response queue is full; dropping responses", self._lease
            )

    def end(self, error: Error | None) -> None:
        """It is over, for this reason, if there is one to be told."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._error = self._untold = error
            waiters, self._waiters = self._waiters, []
        self._forget()
        if self._on_end is not None:
            self._call(self._on_end)
        for waiter in waiters:
            waiter.wake()
        if error is not None and self._on_lost is not None:
            self._call(self._on_lost, error)

    def _call(self, callback: Callable[..., object], *told: object) -> None:
        """Call what the user gave. Other leases must not suffer from what it raises."""
        try:
            callback(*told)
        except Exception:
            self._log.exception("%r, called about lease %x, has failed", callback, self._lease)


def _nothing() -> None:
    """A context that cannot be canceled calls nobody."""

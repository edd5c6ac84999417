"""A call that threads wait for: requests go in, one thread sleeps until there is an answer.

Here is what goes on whether or not anybody still holds the caller's call object; that is in
`calls.py`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from fake_etcd.api.status import Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.exchange import Exchange
from fake_etcd.transport.in_process.limits import MessageLimits
from fake_etcd.transport.in_process.line import Line

Serialize = Callable[[Any], Any]
"""Makes bytes of a request; None, or an exception, says that it cannot."""

_log = logging.getLogger("fake_etcd.transport")

CANCELLED = Status(Code.CANCELLED, "Locally cancelled by application!")
COLLECTED = Status(Code.CANCELLED, "Cancelled upon garbage collection!")
CHANNEL_CLOSED = Status(Code.CANCELLED, "Channel closed!")
BAD_ITERATOR = Status(Code.UNKNOWN, "Exception iterating requests!")
BAD_REQUEST = Status(Code.INTERNAL, "Exception serializing request!")
BAD_RESPONSE = Status(Code.INTERNAL, "Exception deserializing response!")
"""grpcio's words for what goes wrong on the caller's side."""

_READY_MADE: tuple[type[Iterator[Any]], ...] = (type(iter([])), type(iter(())))
"""Iterators that never wait, so that no thread has to."""


class Talk:
    """What becomes of one call.

    Args:
        line: what it goes over.
        path: "/etcdserverpb.KV/Put".
        metadata: the caller's.
        timeout: seconds on the node's clock.
        limits: the caller's.
        has_one_answer: see `Exchange`.

    Attributes:
        deadline: on the node's clock, or None.
        was_cancelled: whether the caller ended it, and not the other side.
    """

    __slots__ = (
        "_condition",
        "_done",
        "_exchange",
        "_shared",
        "deadline",
        "was_cancelled",
    )

    def __init__(
        self,
        line: Line,
        path: str,
        metadata: Metadata,
        timeout: float | None,
        limits: MessageLimits,
        has_one_answer: bool,
    ) -> None:
        self._shared = line.shared
        self._condition = self._shared.condition()
        self._done: list[Callable[[], None]] | None = []
        self.deadline = None if timeout is None else self.now() + timeout
        self._exchange = Exchange(
            line, path, metadata, self.deadline, limits, has_one_answer, self._news
        )
        self.was_cancelled = False

    def now(self) -> float:
        """Seconds on the clock of `deadline`."""
        return self._shared.node.clock.now()

    @property
    def status(self) -> Status | None:
        """How it ended; see `Exchange.over`."""
        return self._exchange.over

    # Requests

    def begin(self, wait_for_ready: bool) -> None:
        """Open it."""
        with self._shared as shared:
            shared.run_due()
            self._exchange.open(wait_for_ready)

    def ask(self, raw: bytes) -> None:
        """Send the only request."""
        with self._shared:
            self._exchange.message(raw)
            self._exchange.half_close()

    def ask_all(self, requests: Iterator[Any], serialize: Serialize) -> None:
        """Send every request, no faster than answers are taken, and return at once.

        A thread does it where the iterator, or the other side, may have the caller wait; grpcio
        has one for each such call. It ends with the iterator, or with the call: the next time
        that the iterator comes up with a request.
        """
        if isinstance(requests, _READY_MADE) and self._ask_for_now(requests, serialize):
            return
        threading.Thread(
            target=self._ask_in_turn,
            args=(requests, serialize),
            name="fake-etcd-requests",
            daemon=True,
        ).start()

    def _ask_for_now(self, requests: Iterator[Any], serialize: Serialize) -> bool:
        """Whether that was all there is to ask."""
        while not self._exchange.holds_requests_back:
            if not self._ask_next(requests, serialize):
                return True
        return False

    def _ask_in_turn(self, requests: Iterator[Any], serialize: Serialize) -> None:
        while self._ask_next(requests, serialize):
            with self._shared as shared:
                while self._exchange.holds_requests_back:
                    shared.sleep(self._condition)

    def _ask_next(self, requests: Iterator[Any], serialize: Serialize) -> bool:
        """Whether there may be more."""
        try:
            request = next(requests)
        except StopIteration:
            with self._shared:
                self._exchange.half_close()
            return False
        except Exception:
            _log.exception(BAD_ITERATOR.message)
            self.cut(BAD_ITERATOR)
            return False
        raw = serialized(request, serialize)
        if raw is None:
            self.cut(BAD_REQUEST)
            return False
        with self._shared as shared:
            shared.run_due()
            self._exchange.message(raw)
            return self._exchange.status is None

    # The end

    def cut(self, status: Status) -> None:
        """End it for a reason on the caller's side."""
        with self._shared:
            self._exchange.cut(status)

    def cancel(self) -> bool:
        """End it because the caller wants no more; False where it is over."""
        with self._shared:
            if self.status is not None:
                return False
            self.was_cancelled = True
            self._exchange.cut(CANCELLED)
            return True

    def forget(self) -> None:
        """Nobody holds the call object any more: end it, as soon as that can be."""
        if self.status is None:
            self._shared.clear_away(self._collect)

    def _collect(self) -> None:
        self._exchange.cut(COLLECTED)

    def when_done(self, call: Callable[[], None]) -> bool:
        """Have something called at the end, without the node; False where that is over."""
        with self._shared:
            if self._done is None:
                return False
            self._done.append(call)
            return True

    def _news(self) -> None:
        self._shared.calls += 1
        self._condition.notify_all()
        self._look_whether_done()

    def _look_whether_done(self) -> None:
        if self._done is not None and self.status is not None:
            done, self._done = self._done, None
            for call in done:
                self._shared.afterwards(guarded(call))

    # Answers

    def next(self) -> bytes | None:
        """The next answer, as soon as there is one; None at the end."""
        with self._shared as shared:
            shared.run_due()
            while True:
                raw = self._exchange.take()
                if raw is not None:
                    self._look_whether_done()
                    return raw
                if self._exchange.status is not None:
                    return None
                shared.sleep(self._condition)

    def until_answered(self) -> None:
        """Wait for the first answer, or the end."""
        with self._shared as shared:
            shared.run_due()
            while not self._exchange.has_answered and self._exchange.status is None:
                shared.sleep(self._condition)

    def take(self) -> bytes | None:
        """An answer that is there."""
        with self._shared:
            return self._exchange.take()

    def end(self, timeout: float | None = None) -> Status:
        """How it ended, once it has.

        Raises:
            grpc.FutureTimeoutError: not within so many real seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with self._shared as shared:
            shared.run_due()
            while (status := self.status) is None:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    raise grpc.FutureTimeoutError
                shared.sleep(self._condition, left)
            return status


def serialized(request: Any, serialize: Serialize) -> bytes | None:
    """The bytes of a request; None where they cannot be made, which is logged."""
    try:
        raw: bytes | None = serialize(request)
    except Exception:
        _log.exception(BAD_REQUEST.message)
        return None
    return raw


def guarded(call: Callable[[], None]) -> Callable[[], None]:
    """Whoever brought the end about has nothing to do with who wants to know of it."""

    def made() -> None:
        try:
            call()
        except Exception:
            _log.exception("exception in a callback of a call")

    return made

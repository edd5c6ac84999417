"""Calls of the in-process `grpc.Channel`: what grpcio's own call objects are and do.

grpc: src/python/grpcio/grpc/__init__.py (Call, Future), grpc/_channel.py.
"""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.exchange import Exchange
from fake_etcd.transport.in_process.line import Line

if TYPE_CHECKING:  # where they are typed they are generic
    Future = grpc.Future[Any]
else:
    Future = grpc.Future

Serialize = Callable[[Any], bytes]
Deserialize = Callable[[bytes], Any]

CODES = {code.value[0]: code for code in grpc.StatusCode}
"""grpcio's status codes by number."""

CANCELLED = Status(Code.CANCELLED, "Locally cancelled by application!")
BAD_ITERATOR = Status(Code.UNKNOWN, "Exception iterating requests!")
BAD_REQUEST = Status(Code.INTERNAL, "Exception serializing request!")
BAD_RESPONSE = Status(Code.INTERNAL, "Exception deserializing response!")
"""grpcio's words for what goes wrong on the caller's side."""


class _Told:
    """What every call says of itself; some are asked before they are over."""

    def _status(self) -> Status | None:
        """How it ended; None before that."""
        raise NotImplementedError

    def initial_metadata(self) -> Any:
        return ()

    def trailing_metadata(self) -> Any:
        return ()

    def is_active(self) -> bool:
        return self._status() is None

    def debug_error_string(self) -> str:
        status = self._status()
        if status is None:
            return ""
        return f'in-process {{grpc_status:{int(status.code)}, grpc_message:"{status.message}"}}'

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        status = self._status()
        if status is None:
            return f"<{type(self).__name__} object, in flight>"
        lines = [f"\tstatus = {CODES[status.code]}", f'\tdetails = "{status.message}"']
        if status.code is not Code.OK:
            lines.append(f'\tdebug_error_string = "{self.debug_error_string()}"')
        return "\n".join([f"<{type(self).__name__} of RPC that terminated with:", *lines, ">"])


class Ended(_Told, grpc.RpcError, grpc.Call):
    """A unary call that is over: what is raised where it failed, and what `with_call` gives."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self._ended = status

    def _status(self) -> Status:
        return self._ended

    def code(self) -> grpc.StatusCode:
        return CODES[self._ended.code]

    def details(self) -> str:
        return self._ended.message

    def time_remaining(self) -> Any:  # None where there is no deadline
        return None

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False


class OpenCall(_Told, grpc.RpcError, grpc.Call, Future):
    """A call that may still be going on: a future, and an iterator over its answers.

    Like grpcio's, it is raised itself where it failed.

    Args:
        line: what it goes over.
        path: "/etcdserverpb.KV/Put".
        metadata: the caller's.
        timeout: seconds on the node's clock.
        deserialize: makes an answer of its bytes.
    """

    def __init__(
        self,
        line: Line,
        path: str,
        metadata: Metadata,
        timeout: float | None,
        deserialize: Deserialize,
    ) -> None:
        super().__init__()
        self._shared = line.shared
        self._deserialize = deserialize
        self._condition = self._shared.condition()
        self._done: list[Callable[[], None]] = []
        self._result: Any = None
        clock = self._shared.node.clock
        self._deadline = None if timeout is None else clock.now() + timeout
        self._exchange = Exchange(line, path, metadata, self._deadline, self._news)
        self._failure: Status | None = None

    def _news(self) -> None:
        self._condition.notify_all()
        if self._exchange.status is not None and self._done:
            done, self._done = self._done, []
            for call in done:
                self._shared.afterwards(call)

    def _status(self) -> Status | None:
        return self._failure or self._exchange.status

    # Requests

    def begin(self, wait_for_ready: bool) -> None:
        """Open it."""
        with self._shared as shared:
            shared.run_due()
            self._exchange.open(wait_for_ready)

    def ask(self, raw: bytes) -> None:
        """Send the only request; it does not wait for the line to come up."""
        with self._shared:
            self._exchange.message(raw)
            self._exchange.half_close()

    def ask_all(self, requests: Iterator[Any], serialize: Serialize) -> None:
        """Send every request, no faster than answers are taken. Returns when there are no more."""
        failure = BAD_ITERATOR
        try:
            for request in requests:
                failure = BAD_REQUEST
                raw = serialize(request)
                failure = BAD_ITERATOR
                if not self._ask_in_turn(raw):
                    return
        except Exception:
            self.cut(failure)
            return
        with self._shared:
            if self._wait_until_open():
                self._exchange.half_close()

    def _ask_in_turn(self, raw: bytes) -> bool:
        with self._shared as shared:
            while self._wait_until_open() and self._exchange.is_full:
                shared.sleep(self._condition)
            shared.run_due()
            self._exchange.message(raw)
            return self._exchange.is_open

    def _wait_until_open(self) -> bool:
        while not self._exchange.is_open and self._exchange.status is None:
            self._shared.sleep(self._condition)
        return self._exchange.is_open

    def cut(self, status: Status) -> None:
        """End it for a reason on the caller's side."""
        with self._shared:
            self._exchange.cut(status)

    # Answers

    def __iter__(self) -> OpenCall:
        return self

    def __next__(self) -> Any:
        """The next answer, as soon as there is one.

        Raises:
            StopIteration: there are no more.
            OpenCall: itself, where it failed.
        """
        raw = self._next()
        if raw is not None:
            self._result = self._decoded(raw)
            return self._result
        if self._status() == OK:
            raise StopIteration
        raise self

    def next(self) -> Any:
        """As grpcio's calls have it."""
        return self.__next__()

    def _next(self) -> bytes | None:
        """The next answer; None at the end."""
        with self._shared as shared:
            shared.run_due()
            while True:
                raw = self._exchange.take()
                if raw is not None or self._exchange.status is not None:
                    return raw
                shared.sleep(self._condition)

    def only(self) -> tuple[bytes, Status]:
        """The answer of a call that has one, and how it ended."""
        with self._shared as shared:
            while self._exchange.status is None:
                shared.sleep(self._condition)
            return self._exchange.take() or b"", self._exchange.status

    def _decoded(self, raw: bytes) -> Any:
        try:
            return self._deserialize(raw)
        except Exception:
            self.cut(BAD_RESPONSE)
            self._failure = BAD_RESPONSE
            raise self from None

    # grpc.Call

    def code(self) -> grpc.StatusCode:
        """Waits for the end, as grpcio's does."""
        return CODES[self._end().code]

    def details(self) -> str:
        return self._end().message

    def time_remaining(self) -> Any:  # None where there is no deadline
        if self._deadline is None:
            return None
        return max(self._deadline - self._shared.node.clock.now(), 0.0)

    def cancel(self) -> bool:
        """End it.

        Returns:
            Whether it was still going on.
        """
        with self._shared:
            is_open = self._exchange.status is None
            self._exchange.cut(CANCELLED)
        return is_open

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have something called at the end; False where that is over already."""
        with self._shared:
            if self._exchange.status is not None:
                return False
            self._done.append(callback)
            return True

    def _end(self, timeout: float | None = None) -> Status:
        """How it ended, once it has; after so many real seconds at the latest."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._shared as shared:
            shared.run_due()
            while self._exchange.status is None:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    raise grpc.FutureTimeoutError
                shared.sleep(self._condition, left)
        status = self._status()
        assert status is not None, "it is over"
        return status

    # grpc.Future

    def cancelled(self) -> bool:
        return self._status() == CANCELLED

    def running(self) -> bool:
        return self._status() is None

    def done(self) -> bool:
        return self._status() is not None

    def result(self, timeout: float | None = None) -> Any:
        """The answer, or the last of them.

        Raises:
            grpc.FutureTimeoutError: it is not over after so many real seconds.
            grpc.FutureCancelledError: it was cancelled.
            OpenCall: itself, where it failed.
        """
        if self.exception(timeout) is not None:
            raise self
        with self._shared:
            raw = self._exchange.take()
        if raw is not None:
            self._result = self._decoded(raw)
        return self._result

    def exception(self, timeout: float | None = None) -> Exception | None:
        status = self._end(timeout)
        if status == CANCELLED:
            raise grpc.FutureCancelledError
        return None if status.code is Code.OK else self

    def traceback(self, timeout: float | None = None) -> types.TracebackType | None:
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Have it called with this call at the end; at once where it is over."""
        if not self.add_callback(lambda: fn(self)):
            fn(self)

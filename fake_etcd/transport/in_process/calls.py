"""Calls of the in-process `grpc.Channel`: what grpcio's own call objects are and do.

grpc: src/python/grpcio/grpc/__init__.py (Call, Future), grpc/_channel.py.
"""

from __future__ import annotations

import logging
import sys
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from fake_etcd.api.status import OK, Code, Status
from fake_etcd.transport.in_process.talk import BAD_RESPONSE, Talk

if TYPE_CHECKING:  # where they are typed they are generic
    Future = grpc.Future[Any]
else:
    Future = grpc.Future

Deserialize = Callable[[bytes], Any]

_log = logging.getLogger("fake_etcd.transport")

CODES = {code.value[0]: code for code in grpc.StatusCode}
"""grpcio's status codes by number."""


def deserialized(raw: bytes, deserialize: Deserialize) -> Any:
    """The answer of its bytes; None where it cannot be made, which is logged."""
    try:
        return deserialize(raw)
    except Exception:
        _log.exception(BAD_RESPONSE.message)
        return None


def debug_error_string(status: Status | None) -> str:
    """What grpcio's core says of an end: something to read, in no fixed form."""
    if status is None or status.code is Code.OK:
        return ""
    return f"{status.code.name}:{status.message} {{grpc_status:{int(status.code)}}}"


def described(name: str, status: Status | None) -> str:
    """A call for people, in grpcio's form."""
    if status is None:
        return f"<{name} object>"
    lines = [f"\tstatus = {CODES[status.code]}", f'\tdetails = "{status.message}"']
    if status.code is not Code.OK:
        lines.append(f'\tdebug_error_string = "{debug_error_string(status)}"')
    return "\n".join([f"<{name} of RPC that terminated with:", *lines, ">"])


def _traceback_of(error: Exception) -> types.TracebackType | None:
    try:
        raise error
    except grpc.RpcError:
        return sys.exc_info()[2]


class Ended(grpc.RpcError, grpc.Call, Future):
    """A call that is over: what is raised where it failed, and what `with_call` gives.

    Args:
        status: how it ended.
        answer: of one that went well.
    """

    def __init__(self, status: Status, answer: Any = None) -> None:
        super().__init__(status.message)
        self._status = status
        self._answer = answer

    def initial_metadata(self) -> Any:
        return ()

    def trailing_metadata(self) -> Any:
        return ()

    def code(self) -> grpc.StatusCode:
        return CODES[self._status.code]

    def details(self) -> str:
        return self._status.message

    def debug_error_string(self) -> str:
        return debug_error_string(self._status)

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> Any:  # None: there is no deadline any more
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> Any:
        if self._status.code is not Code.OK:
            raise self
        return self._answer

    def exception(self, timeout: float | None = None) -> Exception | None:
        return None if self._status.code is Code.OK else self

    def traceback(self, timeout: float | None = None) -> types.TracebackType | None:
        return None if self._status.code is Code.OK else _traceback_of(self)

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        fn(self)

    def __str__(self) -> str:
        return described(type(self).__name__, self._status)

    __repr__ = __str__


class OpenCall(grpc.RpcError, grpc.Call, Future):
    """A call that may still be going on: a future, and an iterator over its answers.

    Like grpcio's, it is raised itself where it failed, and it ends when nobody refers to it.

    Args:
        talk: what becomes of it.
        deserialize: makes an answer of its bytes.
    """

    def __init__(self, talk: Talk, deserialize: Deserialize) -> None:
        super().__init__()
        self._talk = talk
        self._deserialize = deserialize
        self._failure: Status | None = None

    def __del__(self) -> None:
        self._talk.forget()

    def _status(self) -> Status | None:
        """How it ended; None before that."""
        return self._failure or self._talk.status

    def _end(self, timeout: float | None = None) -> Status:
        status = self._failure or self._talk.end(timeout)
        return self._failure or status

    # Answers

    def __iter__(self) -> OpenCall:
        return self

    def __next__(self) -> Any:
        """The next answer, as soon as there is one.

        Answers that came before an error come before it here; grpcio may drop them then.

        Raises:
            StopIteration: there are no more.
            OpenCall: itself, where it failed.
        """
        raw = self._talk.next() if self._failure is None else None
        if raw is None:
            if self._end() == OK:
                raise StopIteration
            raise self
        answer = deserialized(raw, self._deserialize)
        if answer is None:
            self._failure = BAD_RESPONSE
            self._talk.cut(BAD_RESPONSE)
            raise self
        return answer

    def next(self) -> Any:
        """As grpcio's calls have it."""
        return self.__next__()

    # grpc.Call

    def initial_metadata(self) -> Any:
        """Waits for the first answer, with which it comes, as it does from etcd."""
        self._talk.until_answered()
        return ()

    def trailing_metadata(self) -> Any:
        """Waits for the end, as grpcio's does."""
        self._end()
        return ()

    def code(self) -> grpc.StatusCode:
        """Waits for the end, as grpcio's does."""
        return CODES[self._end().code]

    def details(self) -> str:
        """Waits for the end, as grpcio's does."""
        return self._end().message

    def debug_error_string(self) -> str:
        """Waits for the end, as grpcio's does."""
        return debug_error_string(self._end())

    def is_active(self) -> bool:
        return self._status() is None

    def time_remaining(self) -> Any:  # None where there is no deadline
        """Seconds on the node's clock."""
        deadline = self._talk.deadline
        return None if deadline is None else max(deadline - self._talk.now(), 0.0)

    def cancel(self) -> bool:
        """End it.

        Returns:
            Whether it was still going on.
        """
        return self._talk.cancel()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have something called at the end; False where that is over already."""
        return self._talk.when_done(callback)

    # grpc.Future

    def cancelled(self) -> bool:
        return self._talk.was_cancelled

    def running(self) -> bool:
        return self._status() is None

    def done(self) -> bool:
        return self._status() is not None

    def result(self, timeout: float | None = None) -> Any:
        """None for a stream, whose answers are iterated over.

        Raises:
            grpc.FutureTimeoutError: it is not over after so many real seconds.
            grpc.FutureCancelledError: it was cancelled.
            OpenCall: itself, where it failed.
        """
        if self.exception(timeout) is not None:
            raise self
        return None

    def exception(self, timeout: float | None = None) -> Exception | None:
        status = self._end(timeout)
        if status.code is Code.OK:
            return None
        if self._talk.was_cancelled:
            raise grpc.FutureCancelledError
        return self

    def traceback(self, timeout: float | None = None) -> types.TracebackType | None:
        error = self.exception(timeout)
        return None if error is None else _traceback_of(error)

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Have it called with this call at the end; at once where it is over."""
        if self._status() is not None or not self.add_callback(lambda: fn(self)):
            fn(self)

    def __str__(self) -> str:
        return described(type(self).__name__, self._status())

    __repr__ = __str__


class OpenCallOfOneAnswer(OpenCall):
    """One that has one answer, which is its result.

    The answer is deserialized when somebody first asks how the call ended: an answer that cannot
    be is an end that went wrong.
    """

    def __init__(self, talk: Talk, deserialize: Deserialize) -> None:
        super().__init__(talk, deserialize)
        self._settling = threading.Lock()
        self._answer: Any = None
        self._is_settled = False

    def _status(self) -> Status | None:
        if not self._is_settled and self._talk.status == OK:
            self._settle()
        return super()._status()

    def _end(self, timeout: float | None = None) -> Status:
        super()._end(timeout)
        status = self._status()
        assert status is not None, "it is over"
        return status

    def _settle(self) -> None:
        with self._settling:
            if self._is_settled:
                return
            raw = self._talk.take()
            if raw is not None:
                self._answer = deserialized(raw, self._deserialize)
                if self._answer is None:
                    self._failure = BAD_RESPONSE
            self._is_settled = True

    def __next__(self) -> Any:
        if self._end() == OK:
            raise StopIteration
        raise self

    def result(self, timeout: float | None = None) -> Any:
        """The answer.

        Raises:
            grpc.FutureTimeoutError: it is not over after so many real seconds.
            grpc.FutureCancelledError: it was cancelled.
            OpenCall: itself, where it failed.
        """
        super().result(timeout)
        return self._answer

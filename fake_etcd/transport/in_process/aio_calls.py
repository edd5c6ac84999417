"""Calls of the in-process `grpc.aio.Channel`: what grpc.aio's own call objects are and do.

grpc: src/python/grpcio/grpc/aio/_base_call.py, _call.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from fake_etcd.api.status import Code, Status
from fake_etcd.transport.in_process.aio_talk import AioTalk
from fake_etcd.transport.in_process.calls import (
    CODES,
    Deserialize,
    debug_error_string,
    described,
    deserialized,
)
from fake_etcd.transport.in_process.metadata import INVALID
from fake_etcd.transport.in_process.talk import Serialize, serialized

if TYPE_CHECKING:  # where they are typed they are generic
    UnaryUnaryBase = grpc.aio.UnaryUnaryCall[Any, Any]
    UnaryStreamBase = grpc.aio.UnaryStreamCall[Any, Any]
    StreamUnaryBase = grpc.aio.StreamUnaryCall[Any, Any]
    StreamStreamBase = grpc.aio.StreamStreamCall[Any, Any]
else:
    UnaryUnaryBase = grpc.aio.UnaryUnaryCall
    UnaryStreamBase = grpc.aio.UnaryStreamCall
    StreamUnaryBase = grpc.aio.StreamUnaryCall
    StreamStreamBase = grpc.aio.StreamStreamCall

_log = logging.getLogger("fake_etcd.transport")

FINISHED = "RPC already finished."
HALF_CLOSED = 'RPC is half closed after calling "done_writing".'
MIXED = "The iterator and read/write APIs may not be mixed on a single RPC."
"""grpc.aio's words."""


def raw_request(request: Any, serialize: Serialize) -> bytes:
    """A request's bytes: none at all where it cannot be serialized, which is logged.

    So it is with grpc.aio: the request arrives and is empty.
    """
    return serialized(request, serialize) or b""


class _AioCall:
    """What all kinds share.

    Args:
        talk: what becomes of it.
        deserialize: makes an answer of its bytes.
    """

    def __init__(self, talk: AioTalk, deserialize: Deserialize) -> None:
        self._talk = talk
        self._deserialize = deserialize

    def __del__(self) -> None:
        self._talk.forget()

    def cancel(self) -> bool:
        """End it.

        Returns:
            Whether it was still going on.
        """
        return self._talk.cancel()

    def cancelled(self) -> bool:
        """Whether it ended as CANCELLED, whoever brought that about."""
        status = self._talk.status
        return status is not None and status.code is Code.CANCELLED

    def done(self) -> bool:
        return self._talk.status is not None

    def time_remaining(self) -> float | None:
        """Seconds on the node's clock."""
        deadline = self._talk.deadline
        return None if deadline is None else max(deadline - self._talk.now(), 0.0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have it called with this call at the end; at once where it is over."""
        self._talk.when_done(lambda: callback(self))

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Waits for the first answer, with which it comes, as it does from etcd."""
        await self._talk.until_answered()
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        await self._talk.end()
        return grpc.aio.Metadata()

    async def code(self) -> grpc.StatusCode:
        """Waits for the end."""
        return CODES[(await self._talk.end()).code]

    async def details(self) -> str:
        """Waits for the end."""
        return (await self._talk.end()).message

    async def debug_error_string(self) -> str:
        """Waits for the end."""
        return debug_error_string(await self._talk.end())

    async def wait_for_connection(self) -> None:
        """Raises what `raise_for` does where it has failed by then."""
        await self._or_cancel(self._talk.until_begun())
        if self._talk.status is not None:
            self._raise_for(self._talk.status)

    def _raise_for(self, status: Status) -> None:
        """The error of a call that ended so.

        Raises:
            asyncio.CancelledError: the caller cancelled it.
            grpc.aio.InternalError: it was never sent, because of its metadata.
            grpc.aio.AioRpcError: it failed.
        """
        if self._talk.was_cancelled:
            raise asyncio.CancelledError
        if status is INVALID:
            raise grpc.aio.InternalError(INVALID.message)
        if status.code is not Code.OK:
            none = grpc.aio.Metadata()
            text = debug_error_string(status)
            raise grpc.aio.AioRpcError(CODES[status.code], none, none, status.message, text)

    async def _or_cancel(self, waiting: Any) -> Any:
        """Whoever is cancelled while waiting for a call cancels that."""
        try:
            return await waiting
        except asyncio.CancelledError:
            self._talk.cancel()
            raise

    def __str__(self) -> str:
        return described(type(self).__name__, self._talk.status)

    __repr__ = __str__


class _OneAnswer(_AioCall):
    """Calls that are awaited."""

    def __init__(self, talk: AioTalk, deserialize: Deserialize) -> None:
        super().__init__(talk, deserialize)
        self._answer: Any = None
        self._is_taken = False

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        """The answer; None, as with grpc.aio, where it cannot be deserialized, which is logged."""
        self._raise_for(await self._or_cancel(self._talk.end()))
        if not self._is_taken:
            self._is_taken = True
            raw = self._talk.take()
            if raw is not None:
                self._answer = deserialized(raw, self._deserialize)
        return self._answer


class _ManyAnswers(_AioCall):
    """Calls whose answers are read, or iterated over, and not both."""

    def __init__(self, talk: AioTalk, deserialize: Deserialize) -> None:
        super().__init__(talk, deserialize)
        self._answers: AsyncIterator[Any] | None = None
        self._reads = False

    def __aiter__(self) -> AsyncIterator[Any]:
        """Answers, one after the other.

        Raises:
            grpc.aio.UsageError: `read` was called before.
        """
        if self._reads:
            raise grpc.aio.UsageError(MIXED)
        if self._answers is None:
            self._answers = self._iterated()
        return self._answers

    async def _iterated(self) -> AsyncIterator[Any]:
        while (answer := await self._next()) is not grpc.aio.EOF:
            yield answer

    async def read(self) -> Any:
        """The next answer; `grpc.aio.EOF` where there are no more.

        Raises:
            grpc.aio.UsageError: the answers are iterated over.
            asyncio.CancelledError, grpc.aio.AioRpcError: the call was cancelled, or has failed.
        """
        if self.done():
            self._raise_for(await self._talk.end())
            return grpc.aio.EOF
        if self._answers is not None:
            raise grpc.aio.UsageError(MIXED)
        self._reads = True
        return await self._next()

    async def _next(self) -> Any:
        raw = await self._or_cancel(self._talk.next())
        if raw is not None:
            return deserialized(raw, self._deserialize)
        self._raise_for(await self._talk.end())
        return grpc.aio.EOF


class _ManyRequests(_AioCall):
    """Calls whose requests are written, or come from an iterator."""

    _serialize: Serialize
    _iterates = False
    _is_half_closed = False

    def take_requests(
        self,
        requests: AsyncIterable[Any] | Iterable[Any] | None,
        serialize: Serialize,
    ) -> None:
        """Ask what an iterator gives, if there is one; otherwise what is written."""
        self._serialize = serialize
        if requests is not None:
            self._iterates = True
            task = self._talk.loop.create_task(_ask_all(self._talk, requests, serialize))

            def stop() -> None:
                task.cancel()

            self._talk.when_done(stop)

    async def write(self, request: Any) -> None:
        """Send a request, as soon as answers are taken.

        Raises:
            grpc.aio.UsageError: the requests come from an iterator.
            asyncio.InvalidStateError: the call is over, or `done_writing` was called.
            asyncio.CancelledError, grpc.aio.AioRpcError: as `read`.
        """
        self._require_writing()
        if self.done():
            raise asyncio.InvalidStateError(FINISHED)
        if self._is_half_closed:
            raise asyncio.InvalidStateError(HALF_CLOSED)
        await self._or_cancel(self._talk.ask(raw_request(request, self._serialize)))
        if self._talk.status is not None:
            self._raise_for(self._talk.status)

    async def done_writing(self) -> None:
        """There are no more requests. Nothing the second time.

        Raises:
            grpc.aio.UsageError: the requests come from an iterator.
        """
        self._require_writing()
        if not self.done() and not self._is_half_closed:
            self._is_half_closed = True
            self._talk.half_close()

    def _require_writing(self) -> None:
        if self._iterates:
            raise grpc.aio.UsageError(MIXED)


async def _ask_all(
    talk: AioTalk, requests: AsyncIterable[Any] | Iterable[Any], serialize: Serialize
) -> None:
    """Without the call object, which would never be let go of otherwise."""
    try:
        if isinstance(requests, AsyncIterable):
            async for request in requests:
                await talk.ask(raw_request(request, serialize))
        else:
            for request in requests:
                await talk.ask(raw_request(request, serialize))
    except asyncio.CancelledError:
        talk.cancel()
        raise
    except Exception:
        _log.exception("Client request_iterator raised exception")
        talk.cancel()
    else:
        talk.half_close()


class AioUnaryUnary(_OneAnswer, UnaryUnaryBase):
    """A request, and an answer that is awaited."""

    async def wait_for_connection(self) -> None:
        """Waits for the end, as grpc.aio does here."""
        self._raise_for(await self._or_cancel(self._talk.end()))


class AioUnaryStream(_ManyAnswers, UnaryStreamBase):
    """A request, and answers that are read or iterated over."""


class AioStreamUnary(_ManyRequests, _OneAnswer, StreamUnaryBase):
    """Requests, and an answer that is awaited."""


class AioStreamStream(_ManyRequests, _ManyAnswers, StreamStreamBase):
    """Requests, and answers that are read or iterated over."""

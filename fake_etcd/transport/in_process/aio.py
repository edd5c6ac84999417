"""A `grpc.aio.Channel` whose calls run on the caller's event loop, against a node in this process.

grpc: src/python/grpcio/grpc/aio/_base_channel.py, _channel.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.aio_calls import (
    AioStreamStream,
    AioStreamUnary,
    AioUnaryStream,
    AioUnaryUnary,
    raw_request,
)
from fake_etcd.transport.in_process.aio_talk import AioTalk, Caller
from fake_etcd.transport.in_process.calls import Deserialize
from fake_etcd.transport.in_process.limits import Options, from_options
from fake_etcd.transport.in_process.line import Line
from fake_etcd.transport.in_process.metadata import INVALID, checked
from fake_etcd.transport.in_process.talk import CHANNEL_CLOSED, Serialize

if TYPE_CHECKING:  # where they are typed they are generic
    UnaryUnaryBase = grpc.aio.UnaryUnaryMultiCallable[Any, Any]
    UnaryStreamBase = grpc.aio.UnaryStreamMultiCallable[Any, Any]
    StreamUnaryBase = grpc.aio.StreamUnaryMultiCallable[Any, Any]
    StreamStreamBase = grpc.aio.StreamStreamMultiCallable[Any, Any]
else:
    UnaryUnaryBase = grpc.aio.UnaryUnaryMultiCallable
    UnaryStreamBase = grpc.aio.UnaryStreamMultiCallable
    StreamUnaryBase = grpc.aio.StreamUnaryMultiCallable
    StreamStreamBase = grpc.aio.StreamStreamMultiCallable

CLOSED = "Channel is closed."
NO_CREDENTIALS = "Call credentials are only valid on secure channels"
"""grpc.aio's words."""

_States = grpc.ChannelConnectivity


def _same(raw: bytes) -> bytes:
    return raw


class CallOptions(NamedTuple):
    """What a caller says beside the request; timeout in seconds on the node's clock."""

    timeout: float | None
    metadata: Iterable[Any] | None
    credentials: object
    wait_for_ready: bool | None


class InProcessAioChannel(grpc.aio.Channel):
    """Stubs of any protos work on it: it moves bytes.

    A call belongs to the loop that runs when it is made; a channel may be made anywhere, and used
    by one loop after the other. Compression does nothing to what is not sent over a wire.

    Args:
        line: what its calls go over.
        options: as `grpc.aio.insecure_channel` takes them; see `limits.from_options`.
        metadata: sent with each call, behind the call's own.
    """

    def __init__(self, line: Line, options: Options | None = None, metadata: Metadata = ()) -> None:
        self._line = line
        self._limits = from_options(options)
        self._metadata = tuple(metadata)
        self._talks: dict[AioTalk, None] = {}
        self._caller: Caller | None = None
        self._is_closed = False
        self._observers: list[Callable[[bool], None]] = []

    # grpc.aio.Channel

    def unary_unary(
        self,
        method: str,
        request_serializer: Serialize | None = None,
        response_deserializer: Deserialize | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryUnary:
        return UnaryUnary(self, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Serialize | None = None,
        response_deserializer: Deserialize | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryStream:
        return UnaryStream(self, method, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Serialize | None = None,
        response_deserializer: Deserialize | None = None,
        _registered_method: bool | None = False,
    ) -> StreamUnary:
        return StreamUnary(self, method, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Serialize | None = None,
        response_deserializer: Deserialize | None = None,
        _registered_method: bool | None = False,
    ) -> StreamStream:
        return StreamStream(self, method, request_serializer, response_deserializer)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """READY, TRANSIENT_FAILURE while the endpoint is down, or SHUTDOWN."""
        if self._is_closed:
            return _States.SHUTDOWN
        return _States.READY if self._line.is_up else _States.TRANSIENT_FAILURE

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Returns once the state is another one.

        Raises:
            grpc.aio.UsageError: the channel is closed.
        """
        self._require_open()
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: bool) -> None:
            with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
                loop.call_soon_threadsafe(changed.set)

        with self._line.shared:
            self._observers.append(tell)
            self._line.watch(tell)
        try:
            while self.get_state() is last_observed_state:
                await changed.wait()
                changed.clear()
        finally:
            with self._line.shared:
                self._observers.remove(tell)
                self._line.unwatch(tell)

    async def channel_ready(self) -> None:
        """Returns once calls get through.

        Raises:
            grpc.aio.UsageError: the channel is closed.
        """
        self._require_open()
        while (state := self.get_state()) is not _States.READY:
            await self.wait_for_state_change(state)

    async def close(self, grace: float | None = None) -> None:
        """Let there be no new calls, give those that are open `grace` real seconds, cancel them.

        Raises:
            ValueError: `grace` is negative.
        """
        if grace is not None and grace < 0:
            raise ValueError(f"grace must be non-negative, got {grace}.")
        self._shut()
        loop = asyncio.get_running_loop()
        mine = [talk for talk in self._talks if talk.loop is loop]
        if grace and mine:
            ends = [loop.create_task(talk.end()) for talk in mine]
            await asyncio.wait(ends, timeout=grace)
            for end in ends:
                end.cancel()
        for talk in mine:
            talk.cancel()
        self.drop()

    async def __aenter__(self) -> InProcessAioChannel:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # What others use of it

    def drop(self) -> None:
        """Close it, from any thread and without its loop. Nothing in a forked child."""
        if self._line.shared.is_disowned:
            return
        self._shut()
        with self._line.shared:
            for talk in list(self._talks):
                talk.cut(CHANNEL_CLOSED)

    def open(
        self,
        path: str,
        options: CallOptions,
        has_one_answer: bool,
        only_request: bytes | None,
    ) -> AioTalk:
        """Begin a call, on the loop's next turn.

        Raises:
            grpc.aio.UsageError: the channel is closed, or there are call credentials.
        """
        self._require_open()
        if options.credentials is not None:
            raise grpc.aio.UsageError(NO_CREDENTIALS)
        metadata = checked(options.metadata)
        talk = AioTalk(
            self._caller_now(),
            self._line,
            path,
            (*(metadata or ()), *self._metadata),
            options.timeout,
            self._limits,
            has_one_answer,
            self._forget,
        )
        self._talks[talk] = None
        if metadata is None:
            talk.cut(INVALID)
        else:
            talk.begin(bool(options.wait_for_ready), only_request)
        return talk

    def _caller_now(self) -> Caller:
        self._line.shared.require_owned()
        loop = asyncio.get_running_loop()
        if self._caller is None or self._caller.loop is not loop:
            self._caller = Caller(self._line.shared, loop)
        return self._caller

    def _forget(self, talk: AioTalk) -> None:
        self._talks.pop(talk, None)

    def _shut(self) -> None:
        with self._line.shared:
            self._is_closed = True
            for tell in self._observers:
                tell(False)

    def _require_open(self) -> None:
        if self._is_closed:
            raise grpc.aio.UsageError(CLOSED)


class _MultiCallable:
    """What a method's callables share."""

    def __init__(
        self,
        channel: InProcessAioChannel,
        path: str,
        serialize: Serialize | None,
        deserialize: Deserialize | None,
    ) -> None:
        self._channel = channel
        self._path = path
        self._serialize = serialize or _same
        self._deserialize = deserialize or _same


class UnaryUnary(_MultiCallable, UnaryUnaryBase):
    """A method with one request and one answer."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> AioUnaryUnary:
        raw = raw_request(request, self._serialize)
        options = CallOptions(timeout, metadata, credentials, wait_for_ready)
        return AioUnaryUnary(self._channel.open(self._path, options, True, raw), self._deserialize)


class UnaryStream(_MultiCallable, UnaryStreamBase):
    """A method with one request and many answers."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> AioUnaryStream:
        raw = raw_request(request, self._serialize)
        options = CallOptions(timeout, metadata, credentials, wait_for_ready)
        talk = self._channel.open(self._path, options, False, raw)
        return AioUnaryStream(talk, self._deserialize)


class StreamUnary(_MultiCallable, StreamUnaryBase):
    """A method with many requests and one answer. etcd has none: the answer is its error."""

    def __call__(
        self,
        request_iterator: AsyncIterable[Any] | Iterable[Any] | None = None,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> AioStreamUnary:
        options = CallOptions(timeout, metadata, credentials, wait_for_ready)
        talk = self._channel.open(self._path, options, True, None)
        call = AioStreamUnary(talk, self._deserialize)
        call.take_requests(request_iterator, self._serialize)
        return call


class StreamStream(_MultiCallable, StreamStreamBase):
    """A method with many requests and many answers."""

    def __call__(
        self,
        request_iterator: AsyncIterable[Any] | Iterable[Any] | None = None,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> AioStreamStream:
        options = CallOptions(timeout, metadata, credentials, wait_for_ready)
        talk = self._channel.open(self._path, options, False, None)
        call = AioStreamStream(talk, self._deserialize)
        call.take_requests(request_iterator, self._serialize)
        return call

"""A `grpc.Channel` whose calls run in the caller's thread, against a node in this process.

grpc: src/python/grpcio/grpc/__init__.py (Channel and the multi-callables), grpc/_channel.py.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from fake_etcd.api.status import Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.calls import (
    BAD_REQUEST,
    BAD_RESPONSE,
    Deserialize,
    Ended,
    OpenCall,
    Serialize,
)
from fake_etcd.transport.in_process.exchange import answered
from fake_etcd.transport.in_process.line import Line

if TYPE_CHECKING:  # where they are typed they are generic
    UnaryUnaryBase = grpc.UnaryUnaryMultiCallable[Any, Any]
    UnaryStreamBase = grpc.UnaryStreamMultiCallable[Any, Any]
    StreamUnaryBase = grpc.StreamUnaryMultiCallable[Any, Any]
    StreamStreamBase = grpc.StreamStreamMultiCallable[Any, Any]
else:
    UnaryUnaryBase = grpc.UnaryUnaryMultiCallable
    UnaryStreamBase = grpc.UnaryStreamMultiCallable
    StreamUnaryBase = grpc.StreamUnaryMultiCallable
    StreamStreamBase = grpc.StreamStreamMultiCallable

_READY_MADE: tuple[type[Iterator[Any]], ...] = (type(iter([])), type(iter(())))
"""Iterators that never wait, so that no thread has to."""


_KEY = re.compile("[0-9a-z_.-]+")
"""What a metadata key may be (gRPC over HTTP/2: Header-Name)."""


def _same(raw: bytes) -> bytes:
    return raw


class InProcessChannel(grpc.Channel):
    """Stubs of any protos work on it: it moves bytes.

    Args:
        line: what its calls go over.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._calls: dict[OpenCall, None] = {}
        self._is_closed = False
        self._subscribers: dict[Callable[[grpc.ChannelConnectivity], None], Callable[[bool], None]]
        self._subscribers = {}

    # grpc.Channel

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

    def subscribe(
        self,
        callback: Callable[[grpc.ChannelConnectivity], None],
        try_to_connect: bool | None = False,
    ) -> None:
        """Tell of READY or TRANSIENT_FAILURE: now, and whenever the endpoint comes or goes."""

        def tell(is_up: bool) -> None:
            states = grpc.ChannelConnectivity
            state = states.READY if is_up else states.TRANSIENT_FAILURE
            self._line.shared.afterwards(lambda: callback(state))

        with self._line.shared:
            self._subscribers[callback] = tell
            self._line.watch(tell)
            tell(self._line.is_up)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        with self._line.shared:
            tell = self._subscribers.pop(callback, None)
            if tell is not None:
                self._line.unwatch(tell)

    def close(self) -> None:
        """End the calls that are open; there can be no new ones."""
        with self._line.shared:
            self._is_closed = True
            calls, self._calls = self._calls, {}
            for callback in list(self._subscribers):
                self.unsubscribe(callback)
        for call in calls:
            call.cancel()

    def __enter__(self) -> InProcessChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What its multi-callables use

    def require_open(self) -> None:
        """As grpcio says it."""
        if self._is_closed:
            raise ValueError("Cannot invoke RPC on closed channel!")

    def call_unary(
        self, path: str, raw: bytes, metadata: Metadata, timeout: float | None
    ) -> tuple[bytes, Status] | None:
        """The answer of a handler that does not have to wait; None where this may be otherwise."""
        self.require_open()
        line = self._line
        with line.shared as shared:
            shared.run_due()
            endpoint = shared.endpoints.get(path)
            if endpoint is None or endpoint.unary is None or not line.is_up:
                return None
            if timeout is None:
                return answered(line, endpoint, raw, metadata, None)
            if timeout <= 0:
                return None
            deadline = shared.node.clock.now() + timeout
            return answered(line, endpoint, raw, metadata, deadline)

    def open(
        self,
        path: str,
        metadata: Metadata,
        timeout: float | None,
        deserialize: Deserialize,
        wait_for_ready: bool,
    ) -> OpenCall:
        """Begin a call."""
        self.require_open()
        call = OpenCall(self._line, path, metadata, timeout, deserialize)
        with self._line.shared:
            self._calls[call] = None
            call.add_callback(lambda: self._forget(call))
            call.begin(wait_for_ready)
        return call

    def _forget(self, call: OpenCall) -> None:
        self._calls.pop(call, None)


class _MultiCallable:
    """What a method's callables share."""

    def __init__(
        self,
        channel: InProcessChannel,
        path: str,
        serialize: Serialize | None,
        deserialize: Deserialize | None,
    ) -> None:
        self._channel = channel
        self._path = path
        self._serialize = serialize or _same
        self._deserialize = deserialize or _same

    def _open(
        self, metadata: Iterable[Any] | None, timeout: float | None, wait_for_ready: bool | None
    ) -> OpenCall:
        return self._channel.open(
            self._path, checked(metadata), timeout, self._deserialize, bool(wait_for_ready)
        )

    def _ask(self, call: OpenCall, request: Any) -> OpenCall:
        try:
            raw = self._serialize(request)
        except Exception:
            call.cut(BAD_REQUEST)
        else:
            call.ask(raw)
        return call

    def _ask_all(self, call: OpenCall, requests: Iterator[Any]) -> OpenCall:
        if isinstance(requests, _READY_MADE):
            call.ask_all(requests, self._serialize)
        else:
            arguments = (requests, self._serialize)
            name = "fake-etcd-requests"  # as grpcio, whose iterators may wait, too
            threading.Thread(target=call.ask_all, args=arguments, name=name, daemon=True).start()
        return call


class UnaryUnary(_MultiCallable, UnaryUnaryBase):
    """A method with one request and one answer."""

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._call(request, timeout, metadata, wait_for_ready)[0]

    def with_call(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> tuple[Any, grpc.Call]:
        answer, status = self._call(request, timeout, metadata, wait_for_ready)
        return answer, Ended(status)

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._ask(self._open(metadata, timeout, wait_for_ready), request)

    def _call(
        self,
        request: Any,
        timeout: float | None,
        metadata: Iterable[Any] | None,
        wait_for_ready: bool | None,
    ) -> tuple[Any, Status]:
        try:
            raw = self._serialize(request)
        except Exception:
            raise Ended(BAD_REQUEST) from None
        found = self._channel.call_unary(self._path, raw, checked(metadata), timeout)
        if found is None:
            call = self._open(metadata, timeout, wait_for_ready)
            call.ask(raw)
            found = call.only()
        answer, status = found
        if status.code is not Code.OK:
            raise Ended(status)
        try:
            return self._deserialize(answer), status
        except Exception:
            raise Ended(BAD_RESPONSE) from None


class UnaryStream(_MultiCallable, UnaryStreamBase):
    """A method with one request and many answers."""

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._ask(self._open(metadata, timeout, wait_for_ready), request)


class StreamUnary(_MultiCallable, StreamUnaryBase):
    """A method with many requests and one answer. etcd has none: the answer is its error."""

    def __call__(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self.with_call(request_iterator, timeout, metadata, None, wait_for_ready)[0]

    def with_call(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> tuple[Any, grpc.Call]:
        call = self.future(request_iterator, timeout, metadata, None, wait_for_ready)
        return call.result(), call

    def future(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._ask_all(self._open(metadata, timeout, wait_for_ready), request_iterator)


class StreamStream(_MultiCallable, StreamStreamBase):
    """A method with many requests and many answers."""

    def __call__(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._ask_all(self._open(metadata, timeout, wait_for_ready), request_iterator)


def checked(metadata: Iterable[Any] | None) -> Metadata:
    """Metadata as it may be sent.

    Raises:
        ValueError: in grpcio's words, where it may not.
    """
    if not metadata:
        return ()
    pairs = [(str(key), value) for key, value in metadata]
    for key, value in pairs:
        wanted = bytes if key.endswith("-bin") else (str, bytes)
        if not _KEY.fullmatch(key) or not isinstance(value, wanted):
            raise ValueError(f"metadata was invalid: {metadata}")
    return pairs

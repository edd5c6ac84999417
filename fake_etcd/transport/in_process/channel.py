"""A `grpc.Channel` whose calls run in the caller's thread, against a node in this process.

grpc: src/python/grpcio/grpc/__init__.py (Channel and the multi-callables), grpc/_channel.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.transport.in_process.calls import (
    Deserialize,
    Ended,
    OpenCall,
    OpenCallOfOneAnswer,
    deserialized,
)
from fake_etcd.transport.in_process.exchange import answered
from fake_etcd.transport.in_process.limits import Options, from_options
from fake_etcd.transport.in_process.line import Line
from fake_etcd.transport.in_process.metadata import INVALID, checked
from fake_etcd.transport.in_process.talk import (
    BAD_REQUEST,
    BAD_RESPONSE,
    CHANNEL_CLOSED,
    Serialize,
    Talk,
    guarded,
    serialized,
)

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

NO_CREDENTIALS = Status(
    Code.UNAUTHENTICATED,
    "Established channel does not have a sufficient security level to transfer call credential.",
)
"""What grpcio says of call credentials on a channel without TLS."""

CLOSED = "Cannot invoke RPC on closed channel!"


def _same(raw: bytes) -> bytes:
    return raw


class InProcessChannel(grpc.Channel):
    """Stubs of any protos work on it: it moves bytes.

    Compression does nothing to what is not sent over a wire.

    Args:
        line: what its calls go over.
        options: as `grpc.insecure_channel` takes them; see `limits.from_options`.
        metadata: sent with each call, behind the call's own.
    """

    def __init__(self, line: Line, options: Options | None = None, metadata: Metadata = ()) -> None:
        self._line = line
        self._limits = from_options(options)
        self._metadata = tuple(metadata)
        self._talks: dict[Talk, None] = {}
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
            self._line.shared.afterwards(guarded(lambda: callback(state)))

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
        """End the calls that are open; there can be no new ones. Nothing in a forked child."""
        shared = self._line.shared
        if self._is_closed or shared.is_disowned:
            return
        with shared:
            self._is_closed = True
            for callback in list(self._subscribers):
                self.unsubscribe(callback)
            for talk in list(self._talks):
                talk.cut(CHANNEL_CLOSED)

    def __enter__(self) -> InProcessChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What its multi-callables use

    def call_unary(
        self, path: str, raw: bytes, metadata: Metadata, timeout: float | None
    ) -> tuple[bytes, Status] | None:
        """The answer of a handler that does not have to wait; None where this may be otherwise.

        Raises:
            ValueError: the channel is closed.
        """
        if self._is_closed:
            raise ValueError(CLOSED)
        line = self._line
        with line.shared as shared:
            shared.run_due()
            endpoint = shared.endpoints.get(path)
            if endpoint is None or endpoint.unary is None or not line.is_up:
                return None
            deadline = None
            if timeout is not None:
                if timeout <= 0:
                    return None
                deadline = shared.node.clock.now() + timeout
            too_large = self._limits.of_request(len(raw))
            if too_large is not None:
                return b"", too_large
            if self._metadata:
                metadata = (*metadata, *self._metadata)
            found = answered(line, endpoint, raw, metadata, deadline)
            too_large = self._limits.of_answer(len(found[0]))
            return found if too_large is None else (b"", too_large)

    def open(
        self,
        path: str,
        metadata: Metadata,
        timeout: float | None,
        wait_for_ready: bool,
        has_one_answer: bool,
        refused: Status | None,
    ) -> Talk:
        """Begin a call, or have it end at once where it is refused on the caller's side.

        Raises:
            ValueError: the channel is closed.
        """
        metadata = (*metadata, *self._metadata)
        talk = Talk(self._line, path, metadata, timeout, self._limits, has_one_answer)
        with self._line.shared:
            if self._is_closed:
                raise ValueError(CLOSED)
            self._talks[talk] = None
            talk.when_done(lambda: self._forget(talk))
            if refused is None:
                talk.begin(wait_for_ready)
            else:
                talk.cut(refused)
        return talk

    def _forget(self, talk: Talk) -> None:
        self._talks.pop(talk, None)


class _MultiCallable:
    """What a method's callables share."""

    has_one_answer = False

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
        self,
        metadata: Iterable[Any] | None,
        timeout: float | None,
        wait_for_ready: bool | None,
        credentials: object,
    ) -> Talk:
        good, refused = checked(metadata), None
        if good is None:
            refused = INVALID
        elif credentials is not None:
            refused = NO_CREDENTIALS
        ready, one = bool(wait_for_ready), self.has_one_answer
        return self._channel.open(self._path, good or (), timeout, ready, one, refused)

    def _serialized(self, request: Any) -> bytes:
        raw = serialized(request, self._serialize)
        if raw is None:
            raise Ended(BAD_REQUEST)
        return raw


class UnaryUnary(_MultiCallable, UnaryUnaryBase):
    """A method with one request and one answer."""

    has_one_answer = True

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        return self._call(request, timeout, metadata, credentials, wait_for_ready)[0]

    def with_call(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> tuple[Any, grpc.Call]:
        answer, status = self._call(request, timeout, metadata, credentials, wait_for_ready)
        return answer, Ended(status, answer)

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        raw = self._serialized(request)
        talk = self._open(metadata, timeout, wait_for_ready, credentials)
        talk.ask(raw)
        return OpenCallOfOneAnswer(talk, self._deserialize)

    def _call(
        self,
        request: Any,
        timeout: float | None,
        metadata: Iterable[Any] | None,
        credentials: object,
        wait_for_ready: bool | None,
    ) -> tuple[Any, Status]:
        raw = self._serialized(request)
        found = None
        good = checked(metadata) if metadata else ()
        if good is not None and credentials is None:
            found = self._channel.call_unary(self._path, raw, good, timeout)
        if found is None:
            found = self._wait_for(raw, timeout, metadata, credentials, wait_for_ready)
        answer, status = found
        if status is not OK and status.code is not Code.OK:
            raise Ended(status)
        decoded = deserialized(answer, self._deserialize)
        if decoded is None:
            raise Ended(BAD_RESPONSE)
        return decoded, status

    def _wait_for(
        self,
        raw: bytes,
        timeout: float | None,
        metadata: Iterable[Any] | None,
        credentials: object,
        wait_for_ready: bool | None,
    ) -> tuple[bytes, Status]:
        talk = self._open(metadata, timeout, wait_for_ready, credentials)
        try:
            talk.ask(raw)
            status = talk.end()
        finally:
            talk.forget()  # where the wait was broken off
        return talk.take() or b"", status


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
        raw = self._serialized(request)
        talk = self._open(metadata, timeout, wait_for_ready, credentials)
        talk.ask(raw)
        return OpenCall(talk, self._deserialize)


class StreamUnary(_MultiCallable, StreamUnaryBase):
    """A method with many requests and one answer. etcd has none: the answer is its error."""

    has_one_answer = True

    def __call__(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        call = self.future(request_iterator, timeout, metadata, credentials, wait_for_ready)
        return call.result()

    def with_call(
        self,
        request_iterator: Iterator[Any],
        timeout: float | None = None,
        metadata: Iterable[Any] | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> tuple[Any, grpc.Call]:
        call = self.future(request_iterator, timeout, metadata, credentials, wait_for_ready)
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
        talk = self._open(metadata, timeout, wait_for_ready, credentials)
        talk.ask_all(request_iterator, self._serialize)
        return OpenCallOfOneAnswer(talk, self._deserialize)


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
        talk = self._open(metadata, timeout, wait_for_ready, credentials)
        talk.ask_all(request_iterator, self._serialize)
        return OpenCall(talk, self._deserialize)

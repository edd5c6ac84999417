"""Counts calls and messages, for metrics: a layer over endpoints.

A call counts from when its handler has its request, as with etcd's interceptors: what a transport
refuses is not counted. That costs some 0.1 us, a hundredth of a get through a socket
(`python -m bench --only counting`).
etcd: server/etcdserver/api/v3rpc/{grpc,codec}.go; grpc-ecosystem's prometheus interceptors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.counts import Counts, StreamCount, UnaryCount
from fake_etcd.core.node import Node
from fake_etcd.services.call import (
    Call,
    Endpoint,
    Endpoints,
    Receiver,
    Sink,
    StreamHandler,
    UnaryHandler,
)
from fake_etcd.services.layer import Layer


def layer(node: Node, endpoints: Endpoints) -> Endpoints:
    """The same endpoints, counted in the node's counts."""
    counts = node.counts
    found = Layer(endpoints, lambda endpoint: _counted(counts, endpoint))
    if not node.config.extensive_metrics:
        return found
    return Layer(found, lambda endpoint: _timed(node, endpoint))


def _timed(node: Node, endpoint: Endpoint) -> Endpoint:
    """The same, with the time that each call takes."""
    now, count = node.clock.now, node.counts.calls[endpoint.method.path]
    unary, stream = endpoint.unary, endpoint.stream
    if unary is not None:
        handler = unary

        def timed(request: Message, call: Call) -> bytes:
            start = now()
            try:
                return handler(request, call)
            finally:
                count.took(now() - start)

        return Endpoint(endpoint.method, unary=timed)
    assert stream is not None, "an endpoint has one of the two handlers"
    open_stream = stream

    def timed_stream(call: Call, sink: Sink) -> Receiver:
        start = now()
        receiver = open_stream(call, sink)
        assert isinstance(receiver, _Stream), "it was made by this layer"
        receiver.took = lambda: count.took(now() - start)
        return receiver

    return Endpoint(endpoint.method, stream=timed_stream)


def _counted(counts: Counts, endpoint: Endpoint) -> Endpoint:
    method = endpoint.method
    if endpoint.unary is not None:
        size_of = method.request.ByteSize
        return Endpoint(method, unary=_unary(counts.unary(method.path), endpoint.unary, size_of))
    assert endpoint.stream is not None, "an endpoint has one of the two handlers"
    count = counts.stream(method.path)
    return Endpoint(method, stream=_stream(count, endpoint.stream, method.kind))


def _unary(
    count: UnaryCount, handler: UnaryHandler, size_of: Callable[[Message], int]
) -> UnaryHandler:
    # To ask protobuf for the size takes longer than all the rest.
    failed = count.failed
    calls = received_bytes = sent_bytes = 0

    def counted(request: Message, call: Call) -> bytes:
        nonlocal calls, received_bytes, sent_bytes
        calls += 1
        size = call.size
        received_bytes += size if size >= 0 else size_of(request)
        try:
            response = handler(request, call)
        except EtcdError as error:
            failed[error.code] += 1
            raise
        sent_bytes += len(response)
        return response

    count.readers.append(lambda: (calls, received_bytes, sent_bytes))
    return counted


def _stream(count: StreamCount, handler: StreamHandler, kind: Kind) -> StreamHandler:
    def counted(call: Call, sink: Sink) -> Receiver:
        stream = _Stream(count, sink, kind)
        try:
            stream.inner = handler(call, stream)
        except EtcdError as error:
            stream.over(error.code)
            raise
        return stream

    return counted


def _untimed() -> None:
    """Nobody asks how long it took."""


class _Stream:
    """A call that answers when it likes, seen from both sides."""

    __slots__ = ("_count", "_has_one", "_is_over", "_reads_on", "_sink", "inner", "took")

    inner: Receiver

    def __init__(self, count: StreamCount, sink: Sink, kind: Kind) -> None:
        self._count = count
        self._sink = sink
        self._is_over = False
        self.took: Callable[[], None] = _untimed
        self._has_one = kind is Kind.UNARY
        self._reads_on = kind is Kind.BIDI
        """Whether a handler of etcd's would be about to read, which counts however it ends."""
        count.started += 1

    def over(self, code: Code) -> None:
        """It has ended, if it had not."""
        if not self._is_over:
            self._is_over = True
            self._count.ended[code] += 1
            if self._has_one and code is not Code.OK:
                self._count.sent += 1  # an error is its one message
            self.took()

    def _stop_reading(self) -> None:
        if self._reads_on:
            self._reads_on = False
            self._count.received += 1

    # Sink

    def send(self, message: bytes) -> bool:
        self._count.sent += 1
        self._count.sent_bytes += len(message)
        return self._sink.send(message)

    def send_all(self, messages: Sequence[bytes]) -> bool:
        self._count.sent += len(messages)
        self._count.sent_bytes += sum(map(len, messages))
        return self._sink.send_all(messages)

    def close(self, status: Status = OK) -> None:
        self.over(status.code)
        self._sink.close(status)

    # Receiver

    def message(self, request: Message) -> None:
        self._count.received += 1
        self._count.received_bytes += request.ByteSize()
        try:
            self.inner.message(request)
        except EtcdError as error:
            self.over(error.code)
            raise

    def half_close(self) -> None:
        self._stop_reading()
        try:
            self.inner.half_close()
        except EtcdError as error:
            self.over(error.code)
            raise

    def cancelled(self) -> None:
        self._stop_reading()
        self.over(Code.CANCELLED)
        self.inner.cancelled()

    def writable(self) -> None:
        try:
            self.inner.writable()
        except EtcdError as error:
            self.over(error.code)
            raise

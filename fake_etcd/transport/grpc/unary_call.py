"""A unary call: one request, one answer, a plain function call between them."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import DecodeError

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.status import Status
from fake_etcd.services.call import Call, UnaryHandler
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.handling import (
    frame_message,
    go_decode_reason,
    internal_error,
)
from fake_etcd.transport.grpc.head import Head
from fake_etcd.transport.grpc.messages import PREFIX_SIZE, MessageReader, unpack_prefix
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ErrorCode
from fake_etcd.transport.http2.streams import Stream


class UnaryHost(Protocol):
    """What a unary call needs of the connection it came on."""

    http2: Http2Connection
    max_receive_bytes: int

    def call(self, head: Head, deadline: float | None, size: int = -1) -> Call: ...

    def end(self, stream: Stream, head: Head, status: Status) -> None: ...

    def has_backlog(self) -> bool: ...

    def wait(self, call: UnaryCall, stream: Stream, message: bytes) -> None: ...

    def stop_waiting(self, stream: Stream) -> WaitingCall: ...


class UnaryCall:
    """One request, one answer, nothing to wait for."""

    __slots__ = ("_connection", "_handler", "_head", "_reader", "_stream", "deadline")

    def __init__(
        self,
        connection: UnaryHost,
        stream: Stream,
        head: Head,
        handler: UnaryHandler,
        deadline: float | None,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._head = head
        self._handler = handler
        self.deadline = deadline
        self._reader: MessageReader | None = None

    @property
    def is_over(self) -> bool:
        """It has its answer, even where that waits for the caller to read on."""
        return self._stream.sent_all or self._stream.trailers is not None

    def data(self, payload: bytes, end_stream: bool) -> None:
        if self.is_over:  # a half-close that came by itself
            return
        if self._reader is None and len(payload) >= PREFIX_SIZE:
            # Nearly always the whole message is here, uncompressed.
            flag, size = unpack_prefix(payload)
            limit = self._connection.max_receive_bytes
            if flag == 0 and size == len(payload) - PREFIX_SIZE and size <= limit:
                self.serve(payload[PREFIX_SIZE:])
                return
        self._assemble(payload, end_stream)

    def _assemble(self, payload: bytes, end_stream: bool) -> None:
        reader = self._reader
        if reader is None:
            limit = self._connection.max_receive_bytes
            reader = self._reader = MessageReader(limit, self._head.encoding)
        reader.add(payload)
        try:
            message = reader.take()  # grpc-go reads no further than the first one
        except StatusError as error:
            self._fail(error.status)
            return
        if message is not None:
            self._reader = None
            self.serve(message)
            self._connection.http2.keep(self._stream, 0, 0)
        elif end_stream:
            self._fail(errors.HALF_A_MESSAGE if reader.is_inside_message else errors.NO_MESSAGE)
        else:
            self._connection.http2.keep(self._stream, reader.kept, reader.missing)

    def serve(self, message: bytes) -> None:
        """Decode, handle, answer."""
        connection = self._connection
        stream = self._stream
        if stream.sent_all:
            return
        if connection.has_backlog():
            connection.wait(self, stream, message)
            return
        head = self._head
        try:
            request = head.parse(message)
            if head.verdict is not None:
                raise StatusError(head.verdict)
            response = self._handler(request, connection.call(head, self.deadline, len(message)))
        except EtcdError as error:
            self._fail(error.status)
            return
        except DecodeError as error:
            self._fail(errors.cannot_unmarshal(go_decode_reason(error)))
            return
        except Exception:
            self._fail(internal_error(head))
            return
        connection.http2.respond(
            stream, head.response_fields, frame_message(response, head.encoding), head.ok_ending
        )

    def _fail(self, status: Status) -> None:
        self._connection.end(self._stream, self._head, status)

    def expire(self) -> None:
        """The deadline has come."""
        if self._head.is_behind_http:
            self._fail(errors.EXPIRED)
        else:
            self._connection.http2.reset(self._stream, ErrorCode.CANCEL)

    def closed(self, code: ErrorCode) -> None: ...

    def drained(self) -> None: ...


class WaitingCall:
    """A unary call that has its request and is put off; what else the caller sends is nothing."""

    __slots__ = ("_connection", "call", "message", "stream")

    def __init__(
        self, connection: UnaryHost, stream: Stream, call: UnaryCall, message: bytes
    ) -> None:
        self._connection = connection
        self.stream = stream
        self.call = call
        self.message = message

    def data(self, payload: bytes, end_stream: bool) -> None: ...

    def closed(self, code: ErrorCode) -> None:
        self._connection.stop_waiting(self.stream)

    def drained(self) -> None: ...

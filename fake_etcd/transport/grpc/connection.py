"""gRPC on one HTTP/2 connection: calls are opened, decoded, handled and answered here.

A unary call is a plain function call, from the last byte of its request to the frames of its
answer. A streaming call is a `Sink` for its handler and hands it what arrives. Which endpoint a
request means is `head`'s to say, and how its bytes become messages `messages`'.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable

from google.protobuf.message import DecodeError, Message

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Endpoints, Receiver, StreamHandler, UnaryHandler
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.coding import decode_timeout
from fake_etcd.transport.grpc.head import (
    CONTENT_TYPE,
    SHORTEST_TIMEOUT,
    TIMEOUT,
    Head,
    Refusal,
    parse_head,
    status_fields,
)
from fake_etcd.transport.grpc.messages import (
    GZIP,
    PREFIX_SIZE,
    MessageReader,
    compress,
    pack_prefix,
    unpack_prefix,
)
from fake_etcd.transport.http2.connection import (
    NOBODY,
    Http2Connection,
    Stream,
    StreamUser,
)
from fake_etcd.transport.http2.frames import ErrorCode, StreamFailure
from fake_etcd.transport.http2.hpack import Field, Fields
from fake_etcd.transport.http2.requests import MalformedRequest, header_list_size

_log = logging.getLogger("fake_etcd.transport")

_CONTENT_TYPE_FIELD: Field = (b"content-type", CONTENT_TYPE)
_OK_FIELDS = status_fields(OK)
_KEPT_FIELDS = frozenset((_CONTENT_TYPE_FIELD, *_OK_FIELDS))

_MAX_HEADS = 1_024
"""Different header lists whose meaning is remembered; a usual client has one a method."""

_LARGEST_HEAD = 8_192
"""Bytes of a header list that is worth remembering."""

SINK_LIMIT = 2**18
"""Bytes that wait on one stream before its handler is told to stop."""

BACKLOG_LIMIT = 4 * 2**20
"""Bytes of answers that wait on one connection before its next requests wait as well."""

WAITING_LIMIT = 16 * 2**20
"""Bytes of requests that wait behind a full backlog; more are refused, which a client may repeat.
"""

_CALL_SIZE = 1_024
"""Bytes that a call which waits takes beside its request's, about."""

_FEW = 64


class GrpcServer:
    """What all connections of a server share.

    Args:
        endpoints: what is served.
        max_receive_bytes: size of the largest request message, in bytes.
        max_concurrent_streams: calls at once on one connection; None is no limit.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        max_receive_bytes: int,
        max_concurrent_streams: int | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.max_receive_bytes = max_receive_bytes
        self.max_concurrent_streams = max_concurrent_streams
        self._heads: dict[Fields, Head | Refusal] = {}

    def head(self, fields: Fields) -> Head | Refusal:
        """What these header fields mean; a dictionary look-up but for the first time.

        Raises:
            MalformedRequest: where they are no HTTP/2 request.
        """
        head = self._heads.get(fields)
        if head is None:
            head = parse_head(fields, self.endpoints)
            if header_list_size(fields) <= _LARGEST_HEAD:
                if len(self._heads) >= _MAX_HEADS:
                    self._heads.clear()
                self._heads[fields] = head
        return head


class GrpcConnection:
    """The calls of one connection.

    Args:
        server: what is served.
        peer: the other end, for handlers and people to read.
        wake: called when there is output, or a nearer deadline, that no `receive` brought about.
    """

    def __init__(
        self, server: GrpcServer, peer: str = "", wake: Callable[[], None] = lambda: None
    ) -> None:
        self._server = server
        self._peer = peer
        self._wake = wake
        self._now = 0.0
        self._is_receiving = False
        self._deadlines: list[tuple[float, int, _UnaryCall | _StreamCall]] = []
        self._new_calls: list[_UnaryCall] = []  # with a deadline, of this `receive`
        self._waiting: dict[int, _WaitingCall] = {}  # by stream
        self._waiting_bytes = 0
        self.http2 = Http2Connection(
            self, _KEPT_FIELDS, TIMEOUT, max_concurrent_streams=server.max_concurrent_streams
        )

    # --- what the host calls -------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the peer at `now` (seconds, monotonic). Never raises."""
        self._now = now
        self._is_receiving = True
        self.http2.receive(data)
        if self._new_calls:
            self._watch_new_calls()
        if self._waiting:
            self._serve_waiting()
        self._is_receiving = False

    def take_output(self) -> bytes:
        """Bytes that are ready to be sent, in order: call it until it gives none."""
        out = self.http2.take_output()
        if not out and self._waiting:
            self._serve_waiting()
            out = self.http2.take_output()
        return out

    def resume(self) -> None:
        """The socket takes bytes again."""
        self.http2.resume()
        self._serve_waiting()

    def lost(self) -> None:
        """The peer is gone: every open call is told. Nothing may be called behind this."""
        self.http2.lost()
        self._deadlines.clear()

    @property
    def has_news(self) -> bool:
        """There may be more output, a nearer deadline, or an end of the connection."""
        return bool(self._deadlines) or bool(self.http2.pending_size) or self.http2.is_done

    @property
    def next_deadline(self) -> float | None:
        """When `run_deadlines` has something to do, on the host's monotonic clock."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][2].is_over:
            heapq.heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    def run_deadlines(self, now: float) -> None:
        """End the calls whose deadline has come: by a reset, as grpc-go does, since the caller
        knows its own deadline."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            heapq.heappop(deadlines)[2].expire()

    # --- what HTTP/2 calls ---------------------------------------------------------------

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> StreamUser:
        head = self._head(stream, fields)
        timeout: float | None = None
        if volatile is not None:
            try:
                timeout = decode_timeout(volatile)
            except ValueError:
                timeout = 0.0
            if timeout < SHORTEST_TIMEOUT:
                # Rare enough to go the long way, where the error has its place in the order:
                # clients write the timeout before their metadata.
                at = sum(name[:1] == b":" for name, _ in fields)
                head = self._head(stream, (*fields[:at], (TIMEOUT, volatile), *fields[at:]))
        if isinstance(head, Refusal):
            self.http2.send_headers(stream, head.fields, end_stream=True)
            if head.is_early:
                self.http2.stop_request(stream)
            return NOBODY
        if volatile is None:
            timeout = head.timeout
        if head.content_length is not None:
            stream.content_left = head.content_length
        deadline = None if timeout is None else self._now + timeout
        endpoint = head.endpoint
        if endpoint.unary is not None:
            unary = _UnaryCall(self, stream, head, endpoint.unary, deadline)
            if deadline is not None:
                self._new_calls.append(unary)
            return unary
        assert endpoint.stream is not None, "an endpoint has one of the two handlers"
        call = _StreamCall(self, stream, head)
        call.open(endpoint.stream, deadline)
        return call

    def _head(self, stream: Stream, fields: Fields) -> Head | Refusal:
        try:
            return self._server.head(fields)
        except MalformedRequest as error:
            raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, str(error)) from None

    # --- calls ---------------------------------------------------------------------------

    def call(self, head: Head, deadline: float | None) -> Call:
        return Call(head.endpoint.method, head.metadata, deadline, self._peer)

    def end(self, stream: Stream, head: Head, status: Status) -> None:
        """Answer with a status alone: what grpc-go calls a trailers-only response."""
        fields = (*head.response_fields[:2], *status_fields(status))
        self.http2.send_headers(stream, fields, end_stream=True)

    def has_backlog(self) -> bool:
        return self.http2.pending_size > BACKLOG_LIMIT

    def wait(self, call: _UnaryCall, stream: Stream, message: bytes) -> None:
        """Put a call off until its connection's earlier answers are on their way."""
        size = self._waiting_bytes + len(message) + _CALL_SIZE
        if size > WAITING_LIMIT:
            self.http2.reset(stream, ErrorCode.REFUSED_STREAM)
            return
        self._waiting_bytes = size
        stream.user = self._waiting[stream.id] = _WaitingCall(self, stream, call, message)

    def stop_waiting(self, stream: Stream) -> _WaitingCall:
        waiting = self._waiting.pop(stream.id)
        self._waiting_bytes -= len(waiting.message) + _CALL_SIZE
        stream.user = NOBODY
        return waiting

    def _serve_waiting(self) -> None:
        while self._waiting and not self.has_backlog():
            waiting = self.stop_waiting(next(iter(self._waiting.values())).stream)
            waiting.call.serve(waiting.message)

    def changed(self) -> None:
        """A handler gave output outside of `receive`."""
        if not self._is_receiving:
            self._wake()

    def _watch_new_calls(self) -> None:
        # Nearly always they have their answers by now: a deadline costs them nothing.
        if self.http2.open_streams:
            for call in self._new_calls:
                if call.deadline is not None and not call.is_over:
                    self.watch_deadline(call.deadline, call)
        self._new_calls.clear()

    def watch_deadline(self, deadline: float, call: _UnaryCall | _StreamCall) -> None:
        deadlines = self._deadlines
        if len(deadlines) > 2 * self.http2.open_streams + _FEW:
            # Calls that ended before their time must not pile up until it comes.
            deadlines[:] = [entry for entry in deadlines if not entry[2].is_over]
            heapq.heapify(deadlines)
        heapq.heappush(deadlines, (deadline, id(call), call))


class _UnaryCall:
    """One request, one answer, nothing to wait for."""

    __slots__ = ("_connection", "_handler", "_head", "_reader", "_stream", "deadline")

    def __init__(
        self,
        connection: GrpcConnection,
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
        if self._stream.sent_all:
            return
        if self._reader is None and len(payload) >= PREFIX_SIZE:
            # Nearly always the whole message is here, uncompressed.
            flag, size = unpack_prefix(payload)
            limit = self._connection._server.max_receive_bytes
            if flag == 0 and size == len(payload) - PREFIX_SIZE and size <= limit:
                self.serve(payload[PREFIX_SIZE:])
                return
        self._assemble(payload, end_stream)

    def _assemble(self, payload: bytes, end_stream: bool) -> None:
        reader = self._reader
        if reader is None:
            limit = self._connection._server.max_receive_bytes
            reader = self._reader = MessageReader(limit, self._head.encoding)
        reader.add(payload)
        try:
            message = reader.take()  # grpc-go reads no further than the first one
        except StatusError as error:
            self._fail(error.status)
            return
        if message is not None:
            self.serve(message)
        elif end_stream:
            self._fail(errors.HALF_A_MESSAGE if reader.is_inside_message else errors.NO_MESSAGE)

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
            response = self._handler(request, connection.call(head, self.deadline))
        except EtcdError as error:
            self._fail(error.status)
            return
        except DecodeError as error:
            self._fail(errors.cannot_unmarshal(_go_decode_reason(error)))
            return
        except Exception:
            self._fail(_internal_error(head))
            return
        connection.http2.respond(
            stream, head.response_fields, frame_message(response, head.encoding), _OK_FIELDS
        )

    def _fail(self, status: Status) -> None:
        self._connection.end(self._stream, self._head, status)

    def expire(self) -> None:
        """The deadline has come."""
        self._connection.http2.reset(self._stream, ErrorCode.CANCEL)

    def closed(self, code: ErrorCode) -> None: ...

    def drained(self) -> None: ...


class _WaitingCall:
    """A unary call that has its request and is put off; what else the caller sends is nothing."""

    __slots__ = ("_connection", "call", "message", "stream")

    def __init__(
        self, connection: GrpcConnection, stream: Stream, call: _UnaryCall, message: bytes
    ) -> None:
        self._connection = connection
        self.stream = stream
        self.call = call
        self.message = message

    def data(self, payload: bytes, end_stream: bool) -> None: ...

    def closed(self, code: ErrorCode) -> None:
        self._connection.stop_waiting(self.stream)

    def drained(self) -> None: ...


def frame_message(message: bytes, encoding: bytes) -> bytes:
    """A message behind its prefix, packed as the request was."""
    if encoding == GZIP:
        packed = compress(message)
        return pack_prefix(1, len(packed)) + packed
    return pack_prefix(0, len(message)) + message


def _internal_error(head: Head) -> Status:
    _log.exception("bug in the handler of %s", head.endpoint.method.path)
    return Status(Code.INTERNAL, "fake_etcd: internal error, see the server's log")


def _go_decode_reason(error: DecodeError) -> str:
    # protobuf's Python runtimes name no reason that could be mapped; Go has two. Its "proto:" has
    # a no-break space behind it in some builds and a plain one in others, so that nobody relies
    # on it (protobuf-go: internal/errors).
    if "utf" in str(error).lower():
        return "string field contains invalid UTF-8"
    return "proto: cannot parse invalid wire-format data"


class _Deaf:
    """The receiver of a call whose handler has not answered, or is done."""

    def message(self, request: Message) -> None: ...

    def half_close(self) -> None: ...

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


_DEAF: Receiver = _Deaf()


class _StreamCall:
    """A call whose handler answers when and as often as it likes; it is the handler's `Sink`."""

    __slots__ = (
        "_connection",
        "_has_all",
        "_head",
        "_is_full",
        "_opened",
        "_reader",
        "_request",
        "_stream",
        "receiver",
    )

    def __init__(self, connection: GrpcConnection, stream: Stream, head: Head) -> None:
        self._connection = connection
        self._stream = stream
        self._head = head
        self._reader = MessageReader(connection._server.max_receive_bytes, head.encoding)
        self._has_all = False
        self._opened = False
        self._is_full = False
        self._request: Message | None = None
        self.receiver = _DEAF

    def open(self, handler: StreamHandler, deadline: float | None) -> None:
        """Let the handler take the call."""
        connection = self._connection
        try:
            if self._head.endpoint.method.kind is not Kind.UNARY:
                self._check_verdict()
            receiver = handler(connection.call(self._head, deadline), self)
        except EtcdError as error:
            self.close(error.status)
            return
        except Exception:
            self.close(_internal_error(self._head))
            return
        if not self.is_over:
            self.receiver = receiver
            if deadline is not None:
                connection.watch_deadline(deadline, self)

    @property
    def is_over(self) -> bool:
        """Everything is said: the caller has its status, or it will when it reads on."""
        return self._stream.sent_all or self._stream.trailers is not None

    # Sink

    def send(self, message: bytes) -> bool:
        stream = self._stream
        if self.is_over:
            return True
        self._open()
        self._connection.http2.send_data(stream, frame_message(message, self._head.encoding))
        self._connection.changed()
        self._is_full = stream.pending_size > SINK_LIMIT
        return not self._is_full

    def close(self, status: Status = OK) -> None:
        stream = self._stream
        if self.is_over:
            return
        self.receiver = _DEAF
        if self._opened:
            self._connection.http2.send_trailers(stream, status_fields(status))
        else:
            self._connection.end(stream, self._head, status)
        self._connection.changed()

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            self._connection.http2.send_headers(self._stream, self._head.response_fields)

    # StreamUser

    def data(self, payload: bytes, end_stream: bool) -> None:
        if self.receiver is _DEAF:
            return
        self._reader.add(payload)
        self._has_all = end_stream
        self._guard(self._read)

    def _read(self) -> None:
        """Hand on what has come; while the sink is full it waits, and so does its sender."""
        while not self._is_full and self.receiver is not _DEAF:
            message = self._reader.take()
            if message is None:
                if self._has_all:
                    self._has_all = False
                    self._half_close()
                return
            self._message(message)

    def _guard(self, step: Callable[[], None]) -> None:
        """Whatever goes wrong in `step` ends the call."""
        try:
            step()
        except EtcdError as error:
            self._end(error.status)
        except DecodeError as error:
            is_unary = self._head.endpoint.method.kind is Kind.UNARY
            status = errors.cannot_unmarshal if is_unary else errors.cannot_unmarshal_in_stream
            self._end(status(_go_decode_reason(error)))
        except Exception:
            self._end(_internal_error(self._head))

    def _message(self, message: bytes) -> None:
        kind = self._head.endpoint.method.kind
        if kind is Kind.BIDI:
            self.receiver.message(self._head.parse(message))
        elif self._request is None:
            self._request = self._head.parse(message)
            if kind is Kind.UNARY:
                self._check_verdict()
                self.receiver.message(self._request)
        elif kind is Kind.SERVER_STREAM:
            self._head.parse(message)  # its own errors come first
            raise StatusError(errors.TOO_MANY_MESSAGES)

    def _check_verdict(self) -> None:
        if self._head.verdict is not None:
            raise StatusError(self._head.verdict)

    def _half_close(self) -> None:
        kind = self._head.endpoint.method.kind
        if self._reader.is_inside_message:
            unary = kind is Kind.UNARY
            raise StatusError(errors.HALF_A_MESSAGE if unary else errors.HALF_A_STREAM_MESSAGE)
        if kind is not Kind.BIDI and self._request is None:
            unary = kind is Kind.UNARY
            raise StatusError(errors.NO_MESSAGE if unary else errors.NO_STREAM_MESSAGE)
        if kind is Kind.SERVER_STREAM and self._request is not None:
            # Only now is it sure that there is one request and no more.
            self.receiver.message(self._request)
        self.receiver.half_close()

    def closed(self, code: ErrorCode) -> None:
        receiver, self.receiver = self.receiver, _DEAF
        self._cancel(receiver)

    def _cancel(self, receiver: Receiver) -> None:
        try:
            receiver.cancelled()
        except Exception:
            _internal_error(self._head)  # there is nobody left to be told

    def drained(self) -> None:
        if self._is_full:
            self._is_full = False
            self._guard(self._go_on)

    def _go_on(self) -> None:
        self.receiver.writable()
        self._read()

    def expire(self) -> None:
        """The deadline has come."""
        self._connection.http2.reset(self._stream, ErrorCode.CANCEL)

    def _end(self, status: Status) -> None:
        """Close for a reason that the handler does not know of (or raised)."""
        receiver = self.receiver
        self.close(status)
        self._cancel(receiver)

"""A streaming call: its handler answers when and as often as it likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from google.protobuf.message import DecodeError, Message

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Status
from fake_etcd.services.call import Call, Receiver, StreamHandler
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.handling import frame_message, go_decode_reason, internal_error
from fake_etcd.transport.grpc.head import Head
from fake_etcd.transport.grpc.messages import GZIP, MessageReader, pack_prefix
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ErrorCode
from fake_etcd.transport.http2.streams import Stream

SINK_LIMIT = 2**18
"""Bytes that wait on one stream before its handler is told to stop; under backlog of all the
connection's streams together, any that wait on it are enough."""


BURST_MESSAGES = 128
"""Answers that nobody asked for, within `BURST_SECONDS`, after which a stream takes a breath."""

BURST_SECONDS = 0.005

BREATH_SECONDS = 0.02
"""How long its handler is told to wait then: what it has to say meanwhile it says in fewer, larger
answers, which cost both sides a part. etcd's watchers fall behind in such a flood, too, and are
told the rest every 100 ms (etcd: watchable_store.go, syncWatchersLoop)."""


class StreamHost(Protocol):
    """What a streaming call needs of the connection it came on."""

    http2: Http2Connection
    max_receive_bytes: int
    is_receiving: bool

    def call(self, head: Head, deadline: float | None) -> Call: ...

    def end(self, stream: Stream, head: Head, status: Status) -> None: ...

    def changed(self) -> None: ...

    def has_backlog(self) -> bool: ...

    def put_off(self, call: StreamCall) -> None: ...

    def forget(self, call: StreamCall) -> None: ...

    def watch_deadline(self, deadline: float, call: StreamCall | Breath) -> None: ...

    def time(self) -> float: ...


class Breath:
    """The end of a stream's pause."""

    __slots__ = ("_call",)

    def __init__(self, call: StreamCall) -> None:
        self._call = call

    @property
    def is_over(self) -> bool:
        return self._call.is_over

    def expire(self) -> None:
        self._call.breathed()


class _Deaf:
    """The receiver of a call whose handler has not answered, or is done."""

    def message(self, request: Message) -> None: ...

    def half_close(self) -> None: ...

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


_DEAF: Receiver = _Deaf()


class StreamCall:
    """A call whose handler answers when and as often as it likes; it is the handler's `Sink`."""

    __slots__ = (
        "_answer",
        "_burst",
        "_burst_ends",
        "_connection",
        "_has_all",
        "_head",
        "_is_bidi",
        "_is_full",
        "_is_out_of_breath",
        "_is_plain",
        "_opened",
        "_parse",
        "_reader",
        "_request",
        "_stream",
        "is_unary",
        "receiver",
    )

    def __init__(self, connection: StreamHost, stream: Stream, head: Head) -> None:
        self._connection = connection
        self._stream = stream
        self._head = head
        self._parse = head.parse
        self._reader = MessageReader(connection.max_receive_bytes, head.encoding)
        self._has_all = False
        kind = head.endpoint.method.kind
        self._is_bidi = kind is Kind.BIDI
        self.is_unary = kind is Kind.UNARY
        """It has one request and one answer, which takes its time."""
        self._is_plain = not self.is_unary and head.encoding != GZIP
        """Its answers go out as they are, behind a prefix."""
        self._answer: bytes | None = None
        """Framed; of a unary call, which says it when it ends."""
        self._opened = False
        self._is_full = False
        self._burst = 0
        self._burst_ends = 0.0
        self._is_out_of_breath = False
        self._request: Message | None = None
        self.receiver = _DEAF

    def open(self, handler: StreamHandler, deadline: float | None) -> None:
        """Let the handler take the call."""
        connection = self._connection
        try:
            if not self.is_unary:
                self._check_verdict()
            receiver = handler(connection.call(self._head, deadline), self)
        except EtcdError as error:
            self.close(error.status)
            return
        except Exception:
            self.close(internal_error(self._head))
            return
        if not self.is_over:
            self.receiver = receiver
            if deadline is not None:
                connection.watch_deadline(deadline, self)

    @property
    def is_over(self) -> bool:
        """Everything is said: the caller has its status, or it will when it reads on."""
        return self._stream.sent_all or self._stream.trailers is not None

    @property
    def has_begun(self) -> bool:
        """It has said something, if only that it is there."""
        return self._opened

    # Sink

    def send(self, message: bytes) -> bool:
        if self._is_plain:
            # Nearly all answers of streams; `frame_message` is a twentieth of a keep-alive.
            return self._send_framed(pack_prefix(0, len(message)) + message)
        framed = frame_message(message, self._head.encoding)
        if self.is_unary:
            self._answer = framed
            return True
        return self._send_framed(framed)

    def _send_framed(self, framed: bytes) -> bool:
        stream = self._stream
        # `is_over` and `_open` in place: a call of its own is a twentieth of a keep-alive.
        if stream.sent_all or stream.trailers is not None:
            return True
        if not self._opened:
            self._open()
        connection = self._connection
        connection.http2.send_data(stream, framed)
        if not connection.is_receiving:
            connection.changed()
        waiting = stream.pending_size
        if waiting and (waiting > SINK_LIMIT or connection.has_backlog()):
            # Once full it owes a `writable`, whatever is sent meanwhile.
            self._is_full = True
        return not self._is_full

    def send_all(self, messages: Sequence[bytes]) -> bool:
        self._count(len(messages))
        encoding = self._head.encoding
        if encoding == GZIP:
            return self._send_framed(b"".join([frame_message(one, encoding) for one in messages]))
        # Without a call for each: a tenth of what an event costs that hundreds are told of
        # (`python -m bench --only watching`).
        parts: list[bytes] = []
        for message in messages:
            parts.append(pack_prefix(0, len(message)))
            parts.append(message)
        return self._send_framed(b"".join(parts))

    def _count(self, messages: int) -> None:
        now = self._connection.time()
        if now >= self._burst_ends:
            self._burst = 0
            self._burst_ends = now + BURST_SECONDS
        self._burst += messages
        if self._burst > BURST_MESSAGES and not self._is_out_of_breath:
            self._is_full = self._is_out_of_breath = True
            self._connection.watch_deadline(now + BREATH_SECONDS, Breath(self))

    def breathed(self) -> None:
        """The pause is over: the handler may go on, if what it said before is on its way."""
        self._is_out_of_breath = False
        self._burst = 0
        if not self._stream.pending_size:
            self.drained()

    def close(self, status: Status = OK) -> None:
        stream = self._stream
        if self.is_over:
            return
        self.receiver = _DEAF
        if self._answer is not None and status is OK:
            # At once what would be three calls: a tenth of what a lock costs.
            head = self._head
            self._connection.http2.respond(
                stream, head.response_fields, self._answer, head.ok_ending
            )
        elif self._opened:
            self._connection.http2.send_trailers(stream, self._head.ending(status))
        else:
            self._connection.end(stream, self._head, status)
        self._connection.changed()

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            self._connection.http2.send_headers(self._stream, self._head.response_fields)

    # StreamUser

    def data(self, payload: bytes, end_stream: bool) -> None:
        receiver = self.receiver
        if receiver is _DEAF:
            return
        if self._is_bidi and not (end_stream or self._is_full):
            # What a client that waits for its answers sends: a message at a time.
            message = self._reader.whole(payload)
            if message is not None:
                try:
                    receiver.message(self._parse(message))
                except Exception as error:
                    self._failed(error)
                return
        elif self.is_unary and end_stream and self._request is None:
            message = self._reader.whole(payload)
            if message is not None and not self._is_to_wait():
                try:
                    self._take_only(message)
                except Exception as error:
                    self._failed(error)
                return
        self._reader.add(payload)
        self._has_all = end_stream
        self._guard(self._read)
        self._keep()

    def _keep(self) -> None:
        reader = self._reader
        self._connection.http2.keep(self._stream, reader.kept, reader.missing)

    def _read(self) -> None:
        """Hand on what has come; while the sink is full it waits, and so does its sender."""
        while not self._is_full and self.receiver is not _DEAF:
            if self._is_to_wait():
                self._connection.put_off(self)
                return
            message = self._reader.take()
            if message is None:
                if self._has_all:
                    self._has_all = False
                    self._half_close()
                return
            self._message(message)

    def _is_to_wait(self) -> bool:
        """A call with one request waits with it under backlog, as a unary one does: else each of
        a thousand calls would hold its first answer for a caller who does not read."""
        return not self._is_bidi and self._connection.has_backlog()

    def go_on(self) -> None:
        """The backlog that it waited for is gone."""
        if self.receiver is not _DEAF:
            self._guard(self._read)
            self._keep()

    def _guard(self, step: Callable[[], None]) -> None:
        """Whatever goes wrong in `step` ends the call."""
        try:
            step()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, EtcdError):
            self.end(error.status)
        elif isinstance(error, DecodeError):
            status = errors.cannot_unmarshal if self.is_unary else errors.cannot_unmarshal_in_stream
            self.end(status(go_decode_reason(error)))
        else:
            self.end(internal_error(self._head))

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

    def _take_only(self, message: bytes) -> None:
        """What `_read` does of a unary call that is here as a whole."""
        request = self._request = self._head.parse(message)
        self._check_verdict()
        self.receiver.message(request)
        self.receiver.half_close()

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
        self._connection.forget(self)
        receiver, self.receiver = self.receiver, _DEAF
        self._cancel(receiver)

    def _cancel(self, receiver: Receiver) -> None:
        try:
            receiver.cancelled()
        except Exception:
            internal_error(self._head)  # there is nobody left to be told

    def drained(self) -> None:
        if self._is_full and not self._is_out_of_breath:
            self._is_full = False
            self._guard(self._go_on)
            self._keep()

    def _go_on(self) -> None:
        self.receiver.writable()
        self._read()

    def refuse(self) -> None:
        """Nothing of the call was looked at: its caller may try it again."""
        self._connection.http2.reset(self._stream, ErrorCode.REFUSED_STREAM)

    def expire(self) -> None:
        """The deadline has come."""
        if self._head.is_behind_http:
            self.end(errors.EXPIRED)
        else:
            self._connection.http2.reset(self._stream, ErrorCode.CANCEL)

    def end(self, status: Status) -> None:
        """Close for a reason that the handler does not know of (or raised)."""
        receiver = self.receiver
        self.close(status)
        self._cancel(receiver)

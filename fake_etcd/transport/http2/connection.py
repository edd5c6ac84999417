"""One HTTP/2 connection, server side, without a socket (RFC 9113).

Bytes go in through `receive`; what they mean goes to an `Application` and to each stream's
`StreamUser` by plain calls, and bytes to send come out of `take_output`. Reading frames and the
streams' states live here; responses and their flow control in `sending`; what a request means in
neither.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from fake_etcd.transport.bounds import (
    HEADER_BLOCK_SECONDS,
    OPENING_SECONDS,
    STREAMS_A_FRAME,
    Patience,
)
from fake_etcd.transport.http2.frames import (
    CONTINUATION,
    DATA,
    DEFAULT_MAX_FRAME_SIZE,
    DEFAULT_WINDOW,
    FLAG_ACK,
    FLAG_END_HEADERS,
    FLAG_END_STREAM,
    FLAG_PADDED,
    FLAG_PRIORITY,
    GOAWAY,
    HEADER_SIZE,
    HEADERS,
    MAX_MAX_FRAME_SIZE,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    ConnectionFailure,
    ErrorCode,
    Setting,
    StreamFailure,
    frame,
    goaway_frame,
    ping_ack_frame,
    rst_stream_frame,
    settings_frame,
    unpack_header,
    window_update_frame,
)
from fake_etcd.transport.http2.hpack import MAX_HEADER_LIST_SIZE, Field, Fields, HpackDecoder
from fake_etcd.transport.http2.requests import MalformedRequest, check_trailers
from fake_etcd.transport.http2.sending import Sending
from fake_etcd.transport.http2.streams import (
    NOBODY,
    STREAM_RECEIVE_WINDOW,
    Application,
    RecentResets,
    Stream,
    StreamUser,
)

RECEIVE_WINDOW = 16 * 2**20
"""Bytes a peer may have under way on the connection before it waits for us; grpc-go grows its
window to 16 MiB too when the line allows it."""

_MAX_HEADER_BLOCK = MAX_HEADER_LIST_SIZE
"""Bytes of one compressed header block: a list that is not too large fits, whatever its coding;
more is a CONTINUATION flood."""

_MAX_CONTINUATIONS = 256
"""Frames of one header block: a peer that fills its frames needs 16."""

_CRUMB = 4_096
"""Bytes by which no client that means to read opens a connection's window."""

_NO_LAST_STREAM = 2**31 - 1
"""Stands for the last stream's id until it is known."""

_FAREWELL_PING = bytes((1, 6, 1, 8, 0, 3, 3, 9))
"""grpc-go's: clients may know its stops by it."""

_REMEMBERED_GAPS = 64
"""Skipped ranges of stream ids that are still told from closed streams."""


class _NoApplication:
    """Stands for the application of a connection that is over."""

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> StreamUser:
        raise StreamFailure(stream.id, ErrorCode.REFUSED_STREAM, "the connection is over")


_NO_APPLICATION = _NoApplication()


def is_never_too_many() -> bool:
    return False


def _standstill() -> float:
    return 0.0


class Http2Connection:
    """The state machine of one connection.

    Args:
        application: gets the requests.
        kept_fields: response header fields worth a place in the compression table.
        volatile_field: the request field that changes each time (see `HpackDecoder`).
        max_concurrent_streams: announced and enforced; None means no limit, etcd's default.
        is_ping_too_many: told of each ping when it has its answer; True ends the connection.
        time: the monotonic clock, in seconds, that bounds on bad peers go by.
    """

    def __init__(
        self,
        application: Application,
        kept_fields: frozenset[Field] = frozenset(),
        volatile_field: bytes | None = None,
        max_concurrent_streams: int | None = None,
        is_ping_too_many: Callable[[], bool] = is_never_too_many,
        time: Callable[[], float] = _standstill,
    ) -> None:
        self._is_ping_too_many = is_ping_too_many
        self._application = application
        self._time = time
        self._patience = Patience(time)
        self.must_go_on_by: float | None = time() + OPENING_SECONDS
        """When `give_up` is due, where the peer is in the middle of what it has to end."""
        self._decoder = HpackDecoder(volatile=volatile_field)
        self._max_streams = max_concurrent_streams
        self._streams: dict[int, Stream] = {}
        self._last_id = 0
        self._gaps: deque[range] = deque(maxlen=_REMEMBERED_GAPS)
        self._resets = RecentResets()
        self._self_dependent = 0
        self._is_going_away = False
        self._farewell: bytes | None = None
        """What is said about going away, once that was said."""
        self.closed = False
        """The connection is over: send what `take_output` still has, then cut."""
        self.failure: ConnectionFailure | None = None
        """Why, where the peer broke a rule."""

        self._chunks: list[bytes] = []
        self._buffered = 0
        self._wanted = 0
        self._preface_left = PREFACE
        self._first_frame = True
        self._block: bytearray | None = None  # a header block still going on
        self._block_stream = 0
        self._block_ends_stream = False
        self._block_frames = 0

        self._receive_window = RECEIVE_WINDOW

        self.sending = sending = Sending(self._streams, self._resets, kept_fields)
        # The half of the interface that is `Sending`'s, without a hop on the way.
        self.take_output = sending.take_output
        self.pause = sending.pause
        self.resume = sending.resume
        self.respond = sending.respond
        self.send_headers = sending.send_headers
        self.send_data = sending.send_data
        self.send_rest = sending.send_rest
        self.send_trailers = sending.send_trailers
        self.stop_request = sending.stop_request
        self._out = sending.out
        settings = {
            Setting.INITIAL_WINDOW_SIZE: STREAM_RECEIVE_WINDOW,
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_SIZE,
        }
        if max_concurrent_streams is not None:
            settings[Setting.MAX_CONCURRENT_STREAMS] = max_concurrent_streams
        self._out.append(settings_frame(settings))
        self._out.append(window_update_frame(0, RECEIVE_WINDOW - DEFAULT_WINDOW))

    # --- bytes in, bytes out -------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer, any number at any boundary. Never raises."""
        if self.closed:
            return
        if self._chunks:
            self._chunks.append(data)
            self._buffered += len(data)
            if self._buffered < self._wanted:
                return
            data = b"".join(self._chunks)
            self._chunks.clear()
        try:
            rest = self._handshake(data) if self._first_frame else data[self._frames(data) :]
        except ConnectionFailure as failure:
            self._fail(failure)
            return
        if rest:
            self._chunks.append(rest)
            self._buffered = len(rest)

    def lost(self) -> None:
        """The peer is gone: every open stream is told."""
        self._close_all(ErrorCode.CANCEL)
        self._application = _NO_APPLICATION  # nothing keeps the other alive
        self._is_ping_too_many = is_never_too_many
        self._time = _standstill
        self._patience = Patience(_standstill)

    def give_up(self) -> None:
        """The time is over that the peer had for its preface or for a header block."""
        self.must_go_on_by = None
        if not self.closed:
            self._fail(ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "the peer takes too long"))

    def cut(self) -> None:
        """End without telling the peer: every open stream's user is told."""
        self._close_all(ErrorCode.CANCEL)

    def go_away(self, debug_data: bytes = b"") -> None:
        """Take no new streams; those that are open may end (RFC 9113 §6.8)."""
        if not self._is_going_away and not self.closed:
            self._is_going_away = True
            self._out.append(goaway_frame(self._last_id, ErrorCode.NO_ERROR, debug_data))

    def prepare_to_go_away(self, debug_data: bytes = b"") -> None:
        """Have the peer open no more streams, and take those that it opens before it knows: the
        answer to a ping says that it does, and then this goes away (RFC 9113 §6.8)."""
        if self._farewell is None and not self._is_going_away and not self.closed:
            self._farewell = debug_data
            self._out.append(goaway_frame(_NO_LAST_STREAM, ErrorCode.NO_ERROR, debug_data))
            self._out.append(frame(PING, 0, 0, _FAREWELL_PING))

    def abandon(self, stream: Stream) -> None:
        """Forget a stream of a connection that goes away; its peer sees only the cut."""
        if stream.id in self._streams:
            self._resets.add(stream.id)
            self._drop(stream, ErrorCode.CANCEL)

    def ping(self) -> None:
        """Ask the peer whether it is there."""
        if not self.closed:
            self._out.append(frame(PING, 0, 0, bytes(8)))

    @property
    def pending_size(self) -> int:
        """Bytes of answers that wait on all streams together."""
        return self.sending.pending_size

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    @property
    def users(self) -> list[StreamUser]:
        """Those of all open streams."""
        return [stream.user for stream in self._streams.values()]

    @property
    def streams(self) -> list[Stream]:
        """All that are open."""
        return list(self._streams.values())

    @property
    def is_going_away(self) -> bool:
        """No new streams are taken."""
        return self._is_going_away

    @property
    def is_done(self) -> bool:
        """Nothing will come of this connection any more: cut it once its output is sent."""
        return self.closed or (self._is_going_away and not self._streams)

    # --- reading frames ------------------------------------------------------------------

    def _handshake(self, data: bytes) -> bytes:
        """Take the preface and the SETTINGS frame that must follow (RFC 9113 §3.4)."""
        expected = self._preface_left
        if expected:
            seen = data[: len(expected)]
            if not expected.startswith(seen):
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "bad connection preface")
            self._preface_left = expected[len(seen) :]
            data = data[len(seen) :]
        if len(data) < HEADER_SIZE:
            self._wanted = HEADER_SIZE
            return data
        if data[3] != SETTINGS or data[4] & FLAG_ACK:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "first frame is not SETTINGS")
        consumed = self._frames(data)
        if consumed and self._block is None:
            self.must_go_on_by = None
        self._first_frame = not consumed
        return data[consumed:]

    def _frames(self, data: bytes) -> int:
        """Act on each whole frame; returns how many bytes they were."""
        streams = self._streams
        position = 0
        size = len(data)
        while True:
            start = position + HEADER_SIZE
            if start > size:
                self._wanted = HEADER_SIZE
                return position
            high, low, kind, flags, stream_id = unpack_header(data, position)
            length: int = high << 8 | low
            if length > DEFAULT_MAX_FRAME_SIZE:
                raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "frame too large")
            end = start + length
            if end > size:
                self._wanted = HEADER_SIZE + length
                return position
            position = end
            stream_id &= 0x7FFFFFFF
            payload = data[start:end]
            if self._block is not None and (
                kind != CONTINUATION or stream_id != self._block_stream
            ):
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "header block interrupted")
            try:
                if kind == DATA:
                    stream = streams.get(stream_id)
                    if stream is None or stream.received_all:
                        self._data_on_closed(stream, stream_id, payload, flags)
                    else:
                        self._data(stream, payload, flags, length)
                elif kind == HEADERS:
                    self._headers(stream_id, flags, payload)
                elif kind <= CONTINUATION:
                    _FRAME_METHODS[kind](self, stream_id, flags, payload)
                else:  # Frames of unknown types are let pass (RFC 9113 §4.1).
                    self._patience.spend()
            except StreamFailure as failure:
                self._patience.spend()
                self._reset(failure.stream_id, failure.code)
            if self.closed:
                return position

    def _data(self, stream: Stream, payload: bytes, flags: int, length: int) -> None:
        # The whole frame counts, padding and its length byte included (RFC 9113 §6.9.1).
        self._take_connection_window(length)
        if flags & FLAG_PADDED:
            payload = _without_padding(payload)
        window = stream.receive_window - length
        if window < 0:
            raise StreamFailure(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "stream window overrun")
        end_stream = bool(flags & FLAG_END_STREAM)
        if end_stream:
            stream.received_all = True
        elif window < STREAM_RECEIVE_WINDOW // 2 and not stream.pending_size:
            self._out.append(window_update_frame(stream.id, STREAM_RECEIVE_WINDOW - window))
            window = STREAM_RECEIVE_WINDOW
        stream.receive_window = window
        if stream.content_left is not None:
            stream.content_left -= len(payload)
            if stream.content_left < 0 or (end_stream and stream.content_left):
                raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, "content-length is wrong")
        if not payload and not end_stream:
            self._patience.spend()
        stream.user.data(payload, end_stream)

    def _take_connection_window(self, length: int) -> None:
        # Nobody can overrun it: it is filled up again as soon as half of it is used.
        window = self._receive_window - length
        if window < RECEIVE_WINDOW // 2:
            self._out.append(window_update_frame(0, RECEIVE_WINDOW - window))
            window = RECEIVE_WINDOW
        self._receive_window = window

    def _data_on_closed(
        self, stream: Stream | None, stream_id: int, payload: bytes, flags: int
    ) -> None:
        if self._is_idle(stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "DATA on an idle stream")
        self._take_connection_window(len(payload))
        if flags & FLAG_PADDED:
            _without_padding(payload)  # a wrong one breaks the connection wherever it is
        if stream is None and stream_id in self._resets:
            return  # it was under way when we reset the stream
        raise StreamFailure(stream_id, ErrorCode.STREAM_CLOSED, "DATA behind the stream's end")

    def _headers(self, stream_id: int, flags: int, payload: bytes) -> None:
        if flags & (FLAG_PADDED | FLAG_PRIORITY):
            if flags & FLAG_PADDED:
                payload = _without_padding(payload)
            if flags & FLAG_PRIORITY:
                if len(payload) < 5:
                    raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short")
                if _depends_on(payload) == stream_id:
                    self._self_dependent = stream_id  # its fields are decoded first
                payload = payload[5:]
        if flags & FLAG_END_HEADERS:
            self._header_block(stream_id, payload, bool(flags & FLAG_END_STREAM))
            return
        if not stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0")
        self._block = bytearray(payload)
        self._block_stream = stream_id
        self._block_ends_stream = bool(flags & FLAG_END_STREAM)
        self._block_frames = 0
        self.must_go_on_by = self._time() + HEADER_BLOCK_SECONDS

    def _continuation(self, stream_id: int, flags: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        block += payload
        self._block_frames += 1
        if len(block) > _MAX_HEADER_BLOCK or self._block_frames > _MAX_CONTINUATIONS:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
        if flags & FLAG_END_HEADERS:
            self._block = None
            self.must_go_on_by = None
            self._header_block(stream_id, bytes(block), self._block_ends_stream)

    def _header_block(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        # Decoded first, whatever becomes of the stream: the tables must stay in step.
        fields, volatile = self._decoder.decode(block)
        if stream_id <= self._last_id or not stream_id & 1:
            self._late_headers(stream_id, fields, end_stream)
            return
        if stream_id > self._last_id + 2:
            self._gaps.append(range(self._last_id + 1 | 1, stream_id, 2))
        self._last_id = stream_id
        if stream_id == self._self_dependent:
            raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")
        if self._is_going_away:
            self._patience.spend()
            self._resets.add(stream_id)
            return
        if self._max_streams is not None and len(self._streams) >= self._max_streams:
            raise StreamFailure(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        stream = Stream(stream_id, self.sending.stream_window, end_stream)
        self._streams[stream_id] = stream
        user = self._application.request(stream, fields, volatile, end_stream)
        if not stream.sent_all:
            stream.user = user
        if end_stream:
            if stream.content_left:
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length is wrong")
            user.data(b"", True)

    def _late_headers(self, stream_id: int, fields: Fields, end_stream: bool) -> None:
        """HEADERS on a stream that is not new: trailers, or an error."""
        stream = self._streams.get(stream_id)
        if stream is None:
            if stream_id in self._resets:
                if end_stream:
                    return
                # No header block that was under way: a request's first one came, and what follows
                # a body ends the stream.
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "HEADERS go on")
            if self._was_opened(stream_id):
                raise ConnectionFailure(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "bad stream id in HEADERS")
        if stream.received_all:
            raise StreamFailure(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS behind the end")
        if not end_stream:
            raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM")
        try:
            check_trailers(fields)
        except MalformedRequest as error:
            raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, str(error)) from None
        if stream.content_left:
            raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length is wrong")
        stream.received_all = True
        stream.user.data(b"", True)

    def _priority(self, stream_id: int, flags: int, payload: bytes) -> None:
        if not stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        self._patience.spend()
        if len(payload) != 5:
            self._refuse_priority(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes")
        if _depends_on(payload) == stream_id:
            self._refuse_priority(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")

    def _refuse_priority(self, stream_id: int, code: ErrorCode, reason: str) -> NoReturn:
        if self._is_idle(stream_id):
            # Nobody may send RST_STREAM there (RFC 9113 §6.4), and the peer may open it yet.
            raise ConnectionFailure(code, reason)
        raise StreamFailure(stream_id, code, reason)

    def _rst_stream(self, stream_id: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 bytes")
        if self._is_idle(stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        self._patience.spend()
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._drop(stream, _error_code(int.from_bytes(payload, "big")))
        else:
            self._resets.remove(stream_id)  # who resets it, too, has nothing more under way

    def _settings(self, stream_id: int, flags: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        self._patience.spend(1 + len(payload) // 6)
        if flags & FLAG_ACK:
            if payload:
                raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS ack with a payload")
            return
        if len(payload) % 6:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS not in sixes")
        for key, value in struct.iter_unpack(">HL", payload):
            self._apply_setting(key, value)
        self._out.append(SETTINGS_ACK)
        self.sending.flush()

    def _apply_setting(self, key: int, value: int) -> None:
        if key == Setting.HEADER_TABLE_SIZE:
            self.sending.resize_table(value)
        elif key == Setting.ENABLE_PUSH:
            if value > 1:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
        elif key == Setting.INITIAL_WINDOW_SIZE:
            self._patience.spend(len(self._streams) // STREAMS_A_FRAME)
            self.sending.resize_windows(value)
        elif key == Setting.MAX_FRAME_SIZE:
            if not DEFAULT_MAX_FRAME_SIZE <= value <= MAX_MAX_FRAME_SIZE:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range")
            self.sending.max_frame_size = value
        # MAX_CONCURRENT_STREAMS is about pushes, which we never make; MAX_HEADER_LIST_SIZE is
        # advice; unknown settings are let pass (RFC 9113 §6.5.2).

    def _push_promise(self, stream_id: int, flags: int, payload: bytes) -> None:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _ping(self, stream_id: int, flags: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 bytes")
        self._patience.spend()
        if flags & FLAG_ACK:
            if self._farewell is not None and payload == _FAREWELL_PING:
                self.go_away(self._farewell)
        else:
            self._out.append(ping_ack_frame(payload))
            if self._is_ping_too_many():
                raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")

    def _goaway(self, stream_id: int, flags: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY too short")
        # The peer opens no more streams; those under way go on, and it closes when they are done.

    def _window_update(self, stream_id: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 bytes")
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if not stream_id:
            if not increment:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
            if increment < _CRUMB:
                # Each that waits is looked at, and hardly one gets anywhere.
                self._patience.spend(1 + len(self.sending.blocked) // STREAMS_A_FRAME)
            self.sending.widen(increment)
            self.sending.flush()
        else:
            if self._is_idle(stream_id):
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on idle stream")
            stream = self._streams.get(stream_id)
            if not increment:
                wrong = "WINDOW_UPDATE by 0"
                if stream is None:  # there is nothing left to reset, and nobody means this
                    raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, wrong)
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, wrong)
            if stream is None:
                return
            self.sending.widen_stream(stream, increment)

    # --- streams' ends -------------------------------------------------------------------

    def _is_idle(self, stream_id: int) -> bool:
        """Nobody opened this stream yet (or nobody can: 0, and the server's even ones)."""
        return stream_id > self._last_id or not stream_id & 1

    def _was_opened(self, stream_id: int) -> bool:
        return not self._is_idle(stream_id) and not any(stream_id in gap for gap in self._gaps)

    def _reset(self, stream_id: int, code: ErrorCode) -> None:
        self._out.append(rst_stream_frame(stream_id, code))
        self._resets.add(stream_id)
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._drop(stream, code)

    def _drop(self, stream: Stream, code: ErrorCode) -> None:
        """Forget the stream and tell its user."""
        del self._streams[stream.id]
        self.sending.forget(stream)
        stream.sent_all = stream.received_all = True
        user, stream.user = stream.user, NOBODY
        user.closed(code)

    def _fail(self, failure: ConnectionFailure) -> None:
        # A copy: the one that was raised holds on to its frames, and they to this connection.
        self.failure = ConnectionFailure(failure.code, failure.reason)
        debug_data = failure.reason.encode()
        self._out.append(goaway_frame(self._last_id, failure.code, debug_data))
        self._close_all(failure.code)

    def _close_all(self, code: ErrorCode) -> None:
        self.closed = True
        self._chunks.clear()
        while self._streams:  # being told, a user may end other streams
            self._drop(next(iter(self._streams.values())), code)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Break the stream off; its user is told."""
        if stream.id in self._streams and not stream.sent_all:
            self._reset(stream.id, code)


_FRAME_METHODS = {
    PRIORITY: Http2Connection._priority,
    RST_STREAM: Http2Connection._rst_stream,
    SETTINGS: Http2Connection._settings,
    PUSH_PROMISE: Http2Connection._push_promise,
    PING: Http2Connection._ping,
    GOAWAY: Http2Connection._goaway,
    WINDOW_UPDATE: Http2Connection._window_update,
    CONTINUATION: Http2Connection._continuation,
}


def _depends_on(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "big") & 0x7FFFFFFF


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def _error_code(value: int) -> ErrorCode:
    """Unknown codes mean INTERNAL_ERROR (RFC 9113 §7)."""
    try:
        return ErrorCode(value)
    except ValueError:
        return ErrorCode.INTERNAL_ERROR

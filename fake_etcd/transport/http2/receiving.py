"""The receiving half of an HTTP/2 connection: bytes become frames, frames become requests.

What frames change that carry nothing of a request is in `control`; what is sent, in `sending`.
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.transport.bounds import HEADER_BLOCK_SECONDS, OPENING_SECONDS, Patience
from fake_etcd.transport.http2.control import METHODS, Control, depends_on
from fake_etcd.transport.http2.ending import Ending
from fake_etcd.transport.http2.frames import (
    CONTINUATION,
    DATA,
    DEFAULT_MAX_FRAME_SIZE,
    FLAG_ACK,
    FLAG_END_HEADERS,
    FLAG_END_STREAM,
    FLAG_PADDED,
    FLAG_PRIORITY,
    HEADER_SIZE,
    HEADERS,
    PREFACE,
    SETTINGS,
    ConnectionFailure,
    ErrorCode,
    StreamFailure,
    unpack_header,
    window_update_frame,
)
from fake_etcd.transport.http2.hpack import MAX_HEADER_LIST_SIZE, Fields, HpackDecoder
from fake_etcd.transport.http2.intake import LARGE_HEAD, Intake
from fake_etcd.transport.http2.open_streams import OpenStreams
from fake_etcd.transport.http2.requests import MalformedRequest, check_trailers
from fake_etcd.transport.http2.sending import Sending
from fake_etcd.transport.http2.streams import (
    STREAM_RECEIVE_WINDOW,
    Application,
    Stream,
    StreamUser,
)

RECEIVE_WINDOW = 16 * 2**20
"""Bytes a peer may have under way on the connection before it waits for us; grpc-go grows its
window to 16 MiB too when the line allows it."""

_HALF_USED = STREAM_RECEIVE_WINDOW // 2
_HALF_OF_ALL = RECEIVE_WINDOW // 2

_MAX_HEADER_BLOCK = MAX_HEADER_LIST_SIZE
"""Bytes of one compressed header block: a list that is not too large fits, whatever its coding;
more is a CONTINUATION flood."""

_MAX_CONTINUATIONS = 256
"""Frames of one header block: a peer that fills its frames needs 16."""


class _NoApplication:
    """Stands for the application of a connection that is over."""

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> StreamUser:
        raise StreamFailure(stream.id, ErrorCode.REFUSED_STREAM, "the connection is over")


_NO_APPLICATION = _NoApplication()


def standstill() -> float:
    """A clock."""
    return 0.0


class Receiving:
    """What a connection receives.

    Args:
        application: gets the requests.
        streams, sending, intake, ending: the rest of the connection.
        control: acts on frames that carry nothing of a request.
        volatile_field: the request field that changes each time (see `HpackDecoder`).
        max_concurrent_streams: enforced; None means no limit.
        patience: how much work for nothing is borne.
        time: the monotonic clock, in seconds, that bounds on bad peers go by.

    Attributes:
        must_go_on_by: when the peer has to have ended what it is in the middle of; None where it
            is in the middle of nothing.
    """

    __slots__ = (
        "_application",
        "_block",
        "_block_ends_stream",
        "_block_frames",
        "_block_stream",
        "_buffered",
        "_by_id",
        "_chunks",
        "_control",
        "_decode",
        "_ending",
        "_first_frame",
        "_intake",
        "_max_streams",
        "_out",
        "_patience",
        "_preface_left",
        "_receive_window",
        "_self_dependent",
        "_sending",
        "_streams",
        "_time",
        "_wanted",
        "must_go_on_by",
    )

    def __init__(
        self,
        application: Application,
        streams: OpenStreams,
        sending: Sending,
        intake: Intake,
        ending: Ending,
        control: Control,
        volatile_field: bytes | None,
        max_concurrent_streams: int | None,
        patience: Patience,
        time: Callable[[], float],
    ) -> None:
        self._application = application
        self._streams = streams
        self._by_id = streams.by_id
        self._sending = sending
        self._intake = intake
        self._out = sending.out
        self._ending = ending
        self._control = control
        self._decode = HpackDecoder(volatile=volatile_field).decode
        self._max_streams = max_concurrent_streams
        self._patience = patience
        self._time = time
        self.must_go_on_by: float | None = time() + OPENING_SECONDS

        self._chunks: list[bytes] = []  # of a frame that is not whole
        self._buffered = 0
        self._wanted = 0
        self._preface_left = PREFACE
        self._first_frame = True
        self._block: bytearray | None = None  # a header block still going on
        self._block_stream = 0
        self._block_ends_stream = False
        self._block_frames = 0
        self._self_dependent = 0
        self._receive_window = RECEIVE_WINDOW

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer, any number at any boundary. Never raises."""
        if self._ending.closed:
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
            self.discard()
            self._ending.fail(failure)
            return
        if rest:
            self._chunks.append(rest)
            self._buffered = len(rest)

    @property
    def buffered(self) -> int:
        """Bytes that are kept of a frame that is not whole."""
        return sum(map(len, self._chunks))

    def discard(self) -> None:
        """Nothing that is kept is of use any more."""
        self._chunks.clear()
        self._block = None

    def let_go(self) -> None:
        """The connection is over, and nothing is to keep its application."""
        self.discard()
        self._application = _NO_APPLICATION
        self._time = standstill

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
        streams = self._by_id
        ending = self._ending
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
                    elif (
                        not flags
                        and length
                        and stream.content_left is None
                        and (window := stream.receive_window - length) >= _HALF_USED
                        and (left := self._receive_window - length) >= _HALF_OF_ALL
                    ):
                        # A piece of a request that goes on, with nothing more to be said of it:
                        # what `_data` does, at a third of what it takes.
                        stream.receive_window = window
                        self._receive_window = left
                        stream.user.data(payload, False)
                    else:
                        self._data(stream, payload, flags, length)
                elif kind == HEADERS:
                    self._headers(stream_id, flags, payload)
                elif kind == CONTINUATION:
                    self._continuation(stream_id, flags, payload)
                elif kind in METHODS:
                    METHODS[kind](self._control, stream_id, flags, payload)
                else:  # Frames of unknown types are let pass (RFC 9113 §4.1).
                    self._patience.spend()
            except StreamFailure as failure:
                self._patience.spend()
                self._streams.reset(failure.stream_id, failure.code)
            if ending.closed:
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
        stream.receive_window = window
        if stream.content_left is not None:
            stream.content_left -= len(payload)
            if stream.content_left < 0 or (end_stream and stream.content_left):
                raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, "content-length is wrong")
        if not payload and not end_stream:
            self._patience.spend()
        stream.user.data(payload, end_stream)
        if window < _HALF_USED:
            self._intake.settle(stream)

    def _take_connection_window(self, length: int) -> None:
        # Nobody can overrun it: it is filled up again as soon as half of it is used.
        window = self._receive_window - length
        if window < _HALF_OF_ALL:
            self._out.append(window_update_frame(0, RECEIVE_WINDOW - window))
            window = RECEIVE_WINDOW
        self._receive_window = window

    def _data_on_closed(
        self, stream: Stream | None, stream_id: int, payload: bytes, flags: int
    ) -> None:
        if self._streams.is_idle(stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "DATA on an idle stream")
        self._take_connection_window(len(payload))
        if flags & FLAG_PADDED:
            _without_padding(payload)  # a wrong one breaks the connection wherever it is
        if stream is None and stream_id in self._streams.resets:
            return  # it was under way when we reset the stream
        raise StreamFailure(stream_id, ErrorCode.STREAM_CLOSED, "DATA behind the stream's end")

    def _headers(self, stream_id: int, flags: int, payload: bytes) -> None:
        if flags & (FLAG_PADDED | FLAG_PRIORITY):
            if flags & FLAG_PADDED:
                payload = _without_padding(payload)
            if flags & FLAG_PRIORITY:
                if len(payload) < 5:
                    raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short")
                if depends_on(payload) == stream_id:
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
        fields, volatile = self._decode(block)
        streams = self._streams
        if stream_id <= streams.last_id or not stream_id & 1:
            self._late_headers(stream_id, fields, end_stream)
            return
        streams.use(stream_id)
        if stream_id == self._self_dependent:
            raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")
        if self._ending.is_going_away:
            self._patience.spend()
            streams.resets.add(stream_id)
            return
        if self._max_streams is not None and len(self._by_id) >= self._max_streams:
            raise StreamFailure(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        stream = Stream(stream_id, self._sending.stream_window, end_stream)
        self._by_id[stream_id] = stream
        if len(block) > LARGE_HEAD:
            self._intake.keep_head(stream, len(block))
        user = self._application.request(stream, fields, volatile, end_stream)
        if not stream.sent_all:
            stream.user = user
        if end_stream:
            if stream.content_left:
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length is wrong")
            user.data(b"", True)

    def _late_headers(self, stream_id: int, fields: Fields, end_stream: bool) -> None:
        """HEADERS on a stream that is not new: trailers, or an error."""
        stream = self._by_id.get(stream_id)
        if stream is None:
            if stream_id in self._streams.resets:
                if end_stream:
                    return
                # No header block that was under way: a request's first one came, and what follows
                # a body ends the stream.
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, "HEADERS go on")
            if self._streams.was_opened(stream_id):
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


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]

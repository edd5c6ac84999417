"""Frames that carry nothing of a request: what they change (RFC 9113 §6.3 to §6.9)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NoReturn

from fake_etcd.transport.bounds import STREAMS_A_FRAME, Patience
from fake_etcd.transport.http2.ending import Ending
from fake_etcd.transport.http2.frames import (
    DEFAULT_MAX_FRAME_SIZE,
    FLAG_ACK,
    GOAWAY,
    MAX_MAX_FRAME_SIZE,
    PING,
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
    ping_ack_frame,
)
from fake_etcd.transport.http2.open_streams import OpenStreams
from fake_etcd.transport.http2.sending import Sending

_CRUMB = 4_096
"""Bytes by which no client that means to read opens a connection's window."""


class Control:
    """What such frames do to one connection; each method raises what the frame did wrong.

    Args:
        streams, sending, ending: what they change.
        patience: how many of them are borne.

    Attributes:
        is_ping_too_many: told of each ping when it has its answer; True ends the connection.
    """

    __slots__ = ("_ending", "_out", "_patience", "_sending", "_streams", "is_ping_too_many")

    def __init__(
        self,
        streams: OpenStreams,
        sending: Sending,
        ending: Ending,
        patience: Patience,
        is_ping_too_many: Callable[[], bool],
    ) -> None:
        self._streams = streams
        self._sending = sending
        self._ending = ending
        self._patience = patience
        self._out = sending.out
        self.is_ping_too_many = is_ping_too_many

    def _priority(self, stream_id: int, flags: int, payload: bytes) -> None:
        if not stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        self._patience.spend()
        if len(payload) != 5:
            self._refuse_priority(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes")
        if depends_on(payload) == stream_id:
            self._refuse_priority(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")

    def _refuse_priority(self, stream_id: int, code: ErrorCode, reason: str) -> NoReturn:
        if self._streams.is_idle(stream_id):
            # Nobody may send RST_STREAM there (RFC 9113 §6.4), and the peer may open it yet.
            raise ConnectionFailure(code, reason)
        raise StreamFailure(stream_id, code, reason)

    def _rst_stream(self, stream_id: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 bytes")
        if self._streams.is_idle(stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        self._patience.spend()
        stream = self._streams.by_id.get(stream_id)
        if stream is not None:
            self._streams.drop(stream, _error_code(int.from_bytes(payload, "big")))
        else:
            self._streams.resets.remove(stream_id)  # who resets it, too, has nothing more under way

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
        self._sending.flush()

    def _apply_setting(self, key: int, value: int) -> None:
        if key == Setting.HEADER_TABLE_SIZE:
            self._sending.resize_table(value)
        elif key == Setting.ENABLE_PUSH:
            if value > 1:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
        elif key == Setting.INITIAL_WINDOW_SIZE:
            self._patience.spend(len(self._streams.by_id) // STREAMS_A_FRAME)
            self._sending.resize_windows(value)
        elif key == Setting.MAX_FRAME_SIZE:
            if not DEFAULT_MAX_FRAME_SIZE <= value <= MAX_MAX_FRAME_SIZE:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range")
            self._sending.max_frame_size = value
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
            self._ending.ping_answered(payload)
        else:
            self._out.append(ping_ack_frame(payload))
            if self.is_ping_too_many():
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
                self._patience.spend(1 + len(self._sending.blocked) // STREAMS_A_FRAME)
            self._sending.widen(increment)
            self._sending.flush()
        else:
            if self._streams.is_idle(stream_id):
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on idle stream")
            stream = self._streams.by_id.get(stream_id)
            if not increment:
                wrong = "WINDOW_UPDATE by 0"
                if stream is None:  # there is nothing left to reset, and nobody means this
                    raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, wrong)
                raise StreamFailure(stream_id, ErrorCode.PROTOCOL_ERROR, wrong)
            if stream is None:
                return
            self._sending.widen_stream(stream, increment)


METHODS = {
    PRIORITY: Control._priority,
    RST_STREAM: Control._rst_stream,
    SETTINGS: Control._settings,
    PUSH_PROMISE: Control._push_promise,
    PING: Control._ping,
    GOAWAY: Control._goaway,
    WINDOW_UPDATE: Control._window_update,
}
"""By the type of frame; not by a method of `Control`, since each call has such frames."""


def depends_on(payload: bytes) -> int:
    """The stream that a PRIORITY, or HEADERS with one, makes its stream depend on."""
    return int.from_bytes(payload[:4], "big") & 0x7FFFFFFF


def _error_code(value: int) -> ErrorCode:
    """Unknown codes mean INTERNAL_ERROR (RFC 9113 §7)."""
    try:
        return ErrorCode(value)
    except ValueError:
        return ErrorCode.INTERNAL_ERROR

"""How a connection ends: by itself once its streams have, or at once (RFC 9113 §5.4.1, §6.8)."""

from __future__ import annotations

from fake_etcd.transport.http2.frames import (
    PING,
    ConnectionFailure,
    ErrorCode,
    frame,
    goaway_frame,
)
from fake_etcd.transport.http2.open_streams import OpenStreams

_NO_LAST_STREAM = 2**31 - 1
"""Stands for the last stream's id until it is known."""

_FAREWELL_PING = bytes((1, 6, 1, 8, 0, 3, 3, 9))
"""grpc-go's: clients may know its stops by it."""


class Ending:
    """Whether a connection is at its end, and why.

    Args:
        streams: its streams.
        out: frames that are ready to be sent, in order.

    Attributes:
        closed: it is over: what is ready is still sent, then it is cut.
        failure: why, where the peer broke a rule.
        is_going_away: no new streams are taken.
    """

    __slots__ = ("_farewell", "_out", "_streams", "closed", "failure", "is_going_away")

    def __init__(self, streams: OpenStreams, out: list[bytes | memoryview]) -> None:
        self._streams = streams
        self._out = out
        self.closed = False
        self.failure: ConnectionFailure | None = None
        self.is_going_away = False
        self._farewell: bytes | None = None  # what is said about going away, once that was said

    def go_away(self, debug_data: bytes) -> None:
        """Take no new streams; those that are open may end."""
        if not self.is_going_away and not self.closed:
            self.is_going_away = True
            last_id = self._streams.last_id
            self._out.append(goaway_frame(last_id, ErrorCode.NO_ERROR, debug_data))

    def prepare_to_go_away(self, debug_data: bytes) -> None:
        """Have the peer open no more streams, and take those that it opens before it knows."""
        if self._farewell is None and not self.is_going_away and not self.closed:
            self._farewell = debug_data
            self._out.append(goaway_frame(_NO_LAST_STREAM, ErrorCode.NO_ERROR, debug_data))
            self._out.append(frame(PING, 0, 0, _FAREWELL_PING))

    def ping_answered(self, payload: bytes) -> None:
        """The peer answered a ping; one of them means that it knows of the end."""
        if self._farewell is not None and payload == _FAREWELL_PING:
            self.go_away(self._farewell)

    def fail(self, failure: ConnectionFailure) -> None:
        """The peer broke a rule: it is told which one, and all is over."""
        # A copy: the one that was raised holds on to its frames, and they to this connection.
        self.failure = ConnectionFailure(failure.code, failure.reason)
        debug_data = failure.reason.encode()
        self._out.append(goaway_frame(self._streams.last_id, failure.code, debug_data))
        self.close(failure.code)

    def close(self, code: ErrorCode) -> None:
        """End without another word to the peer; the users of open streams are told."""
        self.closed = True
        self._streams.drop_all(code)

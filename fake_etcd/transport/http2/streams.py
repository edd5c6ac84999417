"""What a stream is: its state, who serves it, and what is remembered of those that were reset."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from fake_etcd.transport.http2.frames import ErrorCode
from fake_etcd.transport.http2.hpack import Fields

STREAM_RECEIVE_WINDOW = 2**16
"""Bytes a peer may have under way on any stream, as grpc-go has it; for a message that is larger
it gets more when the message has begun (see `intake`)."""

_REMEMBERED_RESETS = 1_024
"""Streams that we reset and whose late frames are still let pass without an answer."""


class StreamUser(Protocol):
    """What a stream tells whoever serves it."""

    def data(self, payload: bytes, end_stream: bool) -> None:
        """Bytes of the request's body, not counting padding; the last ones with `end_stream`."""

    def closed(self, code: ErrorCode) -> None:
        """The stream ended before its time: reset by the peer or by us, or the connection broke."""

    def drained(self) -> None:
        """All that waited for the peer's window or for the socket is on its way."""


class Application(Protocol):
    """What a connection tells whoever serves its requests."""

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> StreamUser:
        """A new request; its fields are not checked yet. Returns who takes what follows.

        Raises:
            StreamFailure: to have the stream reset.
        """


class _Nobody:
    """Takes what arrives before the application answered, and after a stream was given up."""

    def data(self, payload: bytes, end_stream: bool) -> None: ...

    def closed(self, code: ErrorCode) -> None: ...

    def drained(self) -> None: ...


NOBODY = _Nobody()


class Held:
    """What is kept of a request: bytes of its header fields and of its data, how many are missing
    to the end of the message that has begun, and how many were let in for it."""

    __slots__ = ("head_size", "let_in", "missing", "size")

    def __init__(self, head_size: int) -> None:
        self.head_size = head_size
        self.size = 0
        self.missing = 0
        self.let_in = 0


class Stream:
    """One stream's state; `user` serves it, everything else is the connection's to change."""

    __slots__ = (
        "content_left",
        "held",
        "id",
        "pending",
        "pending_size",
        "receive_window",
        "received_all",
        "send_window",
        "sent_all",
        "trailers",
        "user",
    )

    def __init__(self, stream_id: int, send_window: int, received_all: bool) -> None:
        self.id = stream_id
        self.user: StreamUser = NOBODY
        self.received_all = received_all
        self.sent_all = False
        self.send_window = send_window
        self.receive_window = STREAM_RECEIVE_WINDOW
        self.content_left: int | None = None
        self.held: Held | None = None
        self.pending: deque[bytes | memoryview] | None = None
        self.pending_size = 0
        self.trailers: Fields | None = None


class RecentResets:
    """Ids of streams that we reset: what their peers had under way may still arrive."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}

    def add(self, stream_id: int) -> None:
        ids = self._ids
        ids[stream_id] = None
        if len(ids) > _REMEMBERED_RESETS:
            del ids[next(iter(ids))]

    def remove(self, stream_id: int) -> None:
        self._ids.pop(stream_id, None)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._ids

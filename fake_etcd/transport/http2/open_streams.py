"""The streams of one connection: which are open, which ids were used, and how a stream ends."""

from __future__ import annotations

from collections import deque

from fake_etcd.transport.http2.frames import ErrorCode, rst_stream_frame
from fake_etcd.transport.http2.sending import Sending
from fake_etcd.transport.http2.streams import NOBODY, RecentResets, Stream

REMEMBERED_GAPS = 64
"""Skipped ranges of stream ids that are still told from closed streams."""


class OpenStreams:
    """Those of one connection.

    Args:
        by_id: those that are open; `Sending` takes out whose response is complete.
        resets: those that were reset not long ago.
        sending: what of their responses is under way.

    Attributes:
        last_id: the largest that the peer has opened.
    """

    __slots__ = ("_gaps", "_sending", "by_id", "last_id", "resets")

    def __init__(self, by_id: dict[int, Stream], resets: RecentResets, sending: Sending) -> None:
        self.by_id = by_id
        self.resets = resets
        self._sending = sending
        self.last_id = 0
        self._gaps: deque[range] = deque(maxlen=REMEMBERED_GAPS)

    @property
    def gaps(self) -> int:
        """How many skipped ranges of ids are remembered."""
        return len(self._gaps)

    def use(self, stream_id: int) -> None:
        """The peer opened this one, which is larger than all before."""
        if stream_id > self.last_id + 2:
            self._gaps.append(range(self.last_id + 1 | 1, stream_id, 2))
        self.last_id = stream_id

    def is_idle(self, stream_id: int) -> bool:
        """Nobody opened this stream yet (or nobody can: 0, and the server's even ones)."""
        return stream_id > self.last_id or not stream_id & 1

    def was_opened(self, stream_id: int) -> bool:
        return not self.is_idle(stream_id) and not any(stream_id in gap for gap in self._gaps)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Tell the peer that the stream is broken off, and its user where it is open."""
        self._sending.out.append(rst_stream_frame(stream_id, code))
        self.resets.add(stream_id)
        stream = self.by_id.get(stream_id)
        if stream is not None:
            self.drop(stream, code)

    def abandon(self, stream: Stream) -> None:
        """Forget a stream, if it is open, without telling the peer."""
        if stream.id in self.by_id:
            self.resets.add(stream.id)
            self.drop(stream, ErrorCode.CANCEL)

    def drop(self, stream: Stream, code: ErrorCode) -> None:
        """Forget an open stream and tell its user."""
        del self.by_id[stream.id]
        self._sending.forget(stream)
        stream.sent_all = stream.received_all = True
        user, stream.user = stream.user, NOBODY
        user.closed(code)

    def drop_all(self, code: ErrorCode) -> None:
        while self.by_id:  # being told, a user may end other streams
            self.drop(next(iter(self.by_id.values())), code)

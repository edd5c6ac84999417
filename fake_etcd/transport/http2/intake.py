"""What a connection keeps of requests: how much there may be of it, and whose turn it is.

A stream may always have `STREAM_RECEIVE_WINDOW` bytes under way. Whoever serves it says what it
keeps of them, and how much is missing to the message that has begun; what is missing is let in as
a whole, by a larger window, as long as all messages that are let in so are no more than
`LARGE_MESSAGES`. The others wait for their turn, with what their windows let through. The
connection's own window bounds none of this: were it to run out on many halves of messages, none of
them could ever end.

An example, with 64 KiB and 16 MiB: a client puts twelve values of 1.5 MiB at once, a frame of each
in turn. When 32 KiB of each are here, the first ten get windows for the rest, which makes 15 MiB.
The other two send 32 KiB more each, and get theirs when two of the ten are whole.
"""

from __future__ import annotations

from fake_etcd.transport.http2.frames import ErrorCode, StreamFailure, window_update_frame
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW, Held, Stream

LARGE_MESSAGES = 16 * 2**20
"""Bytes of unfinished messages that are let in beyond their streams' first windows; the one that
has been at it longest may be larger."""

MOST_KEPT = 128 * 2**20
"""Bytes kept of all requests of a connection: 2,000 first windows. The stream that brings more is
reset, and its caller told that the resources are exhausted."""

LARGE_HEAD = 8_192
"""Bytes of a header block that are counted as kept: less costs no more than its stream does."""

_HALF_USED = STREAM_RECEIVE_WINDOW // 2


class Intake:
    """The bytes of requests that one connection keeps.

    Args:
        out: frames that are ready to be sent, in order.

    Attributes:
        kept: how many there are.
    """

    __slots__ = ("_let_in", "_let_in_bytes", "_out", "_waiting", "kept")

    def __init__(self, out: list[bytes | memoryview]) -> None:
        self._out = out
        self.kept = 0
        self._let_in: dict[int, Stream] = {}  # by id, the longest first
        self._let_in_bytes = 0
        self._waiting: dict[int, Stream] = {}

    @property
    def is_empty(self) -> bool:
        """Nothing is kept, and nobody waits for a turn."""
        return not (self.kept or self._let_in or self._let_in_bytes or self._waiting)

    def keep_head(self, stream: Stream, size: int) -> None:
        """So many bytes of header fields are kept as long as the stream is served.

        Raises:
            StreamFailure: ENHANCE_YOUR_CALM, where that is too much.
        """
        stream.held = Held(size)
        self._add(stream, size)

    def keep(self, stream: Stream, size: int, missing: int) -> None:
        """So many bytes of the stream's data are kept now.

        Args:
            stream: on which they came.
            size: how many they are, all in all.
            missing: to the end of the message that has begun; 0 where a whole one waits for
                something else.

        Raises:
            StreamFailure: ENHANCE_YOUR_CALM, where more is kept than before and that is too much.
        """
        held = stream.held
        if held is None:
            if not size or stream.sent_all:
                return
            held = stream.held = Held(0)
        grown = size - held.size
        held.size = size
        held.missing = missing
        if grown > 0:
            self._add(stream, grown)
            return
        self.kept += grown
        if grown < 0:
            self._release(stream, held)
            self.settle(stream)
            self._next_turn()

    def settle(self, stream: Stream) -> None:
        """Let the peer go on with a request of whose window half is used, if it may."""
        window = stream.receive_window
        if window >= _HALF_USED or stream.received_all or stream.pending_size:
            return  # whoever does not read its answers may not go on asking
        held = stream.held
        most = STREAM_RECEIVE_WINDOW
        if held is not None and held.size:
            if window >= held.missing:
                return  # nothing is missing, or no more than may come
            if not self._is_let_in(stream, held):
                self._waiting[stream.id] = stream
                return
            most = max(most, held.missing)
        self._out.append(window_update_frame(stream.id, most - window))
        stream.receive_window = most

    def forget(self, stream: Stream) -> None:
        """Nothing is kept of the stream any more."""
        held, stream.held = stream.held, None
        if held is not None:
            self.kept -= held.head_size + held.size
            self._waiting.pop(stream.id, None)
            if self._release(stream, held):
                self._next_turn()

    def _add(self, stream: Stream, size: int) -> None:
        self.kept += size
        if self.kept > MOST_KEPT:
            raise StreamFailure(stream.id, ErrorCode.ENHANCE_YOUR_CALM, "too much is kept")

    def _is_let_in(self, stream: Stream, held: Held) -> bool:
        """Whether the rest of the message may come, beyond the stream's first window."""
        oldest = next(iter(self._let_in), stream.id)
        size = held.size + held.missing
        total = self._let_in_bytes - held.let_in + size
        if total > LARGE_MESSAGES and oldest != stream.id:
            return False
        self._let_in[stream.id] = stream
        self._let_in_bytes = total
        held.let_in = size
        return True

    def _release(self, stream: Stream, held: Held) -> bool:
        """A message has ended; whether it was one that was let in."""
        if self._let_in.pop(stream.id, None) is None:
            return False
        self._let_in_bytes -= held.let_in
        held.let_in = 0
        return True

    def _next_turn(self) -> None:
        """Messages were let in that are here: others may follow."""
        waiting = self._waiting
        oldest = next(iter(self._let_in), None)
        if oldest in waiting:
            self.settle(waiting.pop(oldest))
        while waiting:
            stream = waiting.pop(next(iter(waiting)))
            self.settle(stream)
            if stream.id in waiting:
                break

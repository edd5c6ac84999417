"""What a peer that means no good may cost: every bound on time and on work for nothing.

Bounds on what is kept for a peer that does use what it asks for (windows, backlogs) are beside
the code that keeps it; docs/limits.md lists all of them. Times are in seconds on the clock of the
loop.
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.transport.http2.frames import ConnectionFailure, ErrorCode

OPENING_SECONDS = 120.0
"""From the socket's first moment to the end of the preface and the first SETTINGS frame, or of
the first request line; grpc-go gives a connection as long (server.go, `connectionTimeout`)."""

HTTP1_REQUEST_SECONDS = 300.0
"""From a request's first byte to its answer; etcd gives the headers as long (server/embed/serve.go,
`ReadHeaderTimeout`) and the body for ever."""

HEADER_BLOCK_SECONDS = 120.0
"""From HEADERS to the CONTINUATION that ends the block, during which no call of the connection
gets anywhere."""

IDLE_WORK = 20_000
"""Frames for nothing within `IDLE_WORK_SECONDS` that a connection may send: PING, SETTINGS,
PRIORITY, empty DATA, RST_STREAM, and requests that break the rules. A client that cancels each
of its calls as fast as it can, 1,000 at once, sends 3,000 a second; who floods sends 100,000 and
more. net/http lets 10,000 wait for being sent (`maxQueuedControlFrames`)."""

IDLE_WORK_SECONDS = 1.0

STREAMS_A_FRAME = 64
"""Open streams whose windows are moved for about the price of a frame."""

HTTP1_OUTPUT = 2**20
"""Bytes of answers to pipelined HTTP/1.1 requests after which the next ones wait until these
are sent."""


class Patience:
    """How much work for nothing one connection may still cause.

    Nothing is measured until `IDLE_WORK` is used up: a frame costs one subtraction. If that took
    longer than `IDLE_WORK_SECONDS`, there is as much again.

    Args:
        time: the clock.
    """

    __slots__ = ("_left", "_since", "_time")

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._since = time()
        self._left = IDLE_WORK

    def spend(self, work: int = 1) -> None:
        """So many frames' worth of work was for nothing.

        Raises:
            ConnectionFailure: ENHANCE_YOUR_CALM, where it was too much in too short a time.
        """
        self._left -= work
        if self._left < 0:
            self._renew()

    def stop(self) -> None:
        """No more work comes, and the clock is not to be kept."""
        self._time = float

    def _renew(self) -> None:
        now = self._time()
        if now - self._since < IDLE_WORK_SECONDS:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too many frames for nothing")
        self._since = now
        self._left = IDLE_WORK

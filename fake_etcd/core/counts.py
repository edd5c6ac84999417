"""What a member counts as it works, for its metrics: plain numbers, added to in passing.

They begin at 0 with the process and only grow; going back to a snapshot takes none of them back.
What can be read off the member's state (keys, revisions, sizes) is not counted here.
etcd: the counters of server/storage/mvcc/metrics.go, server/lease/metrics.go and grpc-ecosystem's
interceptors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, as Prometheus' clients divide them unless they are told otherwise."""


class CallCount:
    """The calls of one method.

    Attributes:
        started: how many there were.
        ended: how many are over, by the number of their status.
        received, sent: messages.
        times: how many took as long as each of `BOUNDS` and not as long as the one before, and
            behind these how many took longer; zeros where calls are not timed.
        seconds: how long they took together.
    """

    __slots__ = ("ended", "received", "seconds", "sent", "started", "times")

    def __init__(self) -> None:
        self.started = 0
        self.received = 0
        self.sent = 0
        self.ended: Counter[int] = Counter()
        self.times = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def took(self, seconds: float) -> None:
        """A call is over that took so long."""
        self.times[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    @property
    def open(self) -> int:
        """How many are under way."""
        return self.started - self.ended.total()


class Counts:
    """All that is counted.

    Attributes:
        calls: by path.
        received_bytes, sent_bytes: of messages of gRPC.
        events: how many watchers were told.
        checks: health checks by page ("livez"), name and whether all was well.
        healthy, unhealthy: answers of /health.
        pages: answers of /metrics.
    """

    __slots__ = (
        "calls",
        "checks",
        "events",
        "healthy",
        "pages",
        "received_bytes",
        "sent_bytes",
        "unhealthy",
    )

    def __init__(self) -> None:
        self.calls: dict[str, CallCount] = {}
        self.events = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.checks: Counter[tuple[str, str, bool]] = Counter()
        self.healthy = 0
        self.unhealthy = 0
        self.pages = 0

    def of(self, path: str) -> CallCount:
        """The calls of a method; counting begins when it is first asked for."""
        return self.calls.setdefault(path, CallCount())

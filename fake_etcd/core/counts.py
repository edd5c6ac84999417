"""What a member counts as it works, for its metrics: plain numbers, added to in passing.

They begin at 0 with the process and only grow; going back to a snapshot takes none of them back.
What can be read off the member's state (keys, revisions, sizes) is not counted here.
etcd: the counters of server/storage/mvcc/metrics.go, server/lease/metrics.go and grpc-ecosystem's
interceptors.
"""

from __future__ import annotations

from collections import Counter


class CallCount:
    """The calls of one method.

    Attributes:
        started: how many there were.
        ended: how many are over, by the number of their status.
        received, sent: messages.
    """

    __slots__ = ("ended", "received", "sent", "started")

    def __init__(self) -> None:
        self.started = 0
        self.received = 0
        self.sent = 0
        self.ended: Counter[int] = Counter()

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

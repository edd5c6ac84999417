"""What a member counts as it works, for its metrics: plain numbers, added to in passing.

They begin at 0 with the process and only grow; going back to a snapshot takes none of them back.
What can be read off the member's state (keys, revisions, sizes) is not counted here.
etcd: the counters of server/storage/mvcc/metrics.go, server/lease/metrics.go and grpc-ecosystem's
interceptors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, as Prometheus' clients divide them unless they are told otherwise."""


class _Timed:
    """How long the calls of a method took, where calls are timed.

    Attributes:
        times: how many took as long as each of `BOUNDS` and not as long as the one before, and
            behind these how many took longer.
        seconds: how long they took together.
    """

    __slots__ = ("seconds", "times")

    def __init__(self) -> None:
        self.times = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def took(self, seconds: float) -> None:
        """A call is over that took so long."""
        self.times[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class StreamCount(_Timed):
    """The calls of a method that take their time.

    Attributes:
        started: how many there were.
        ended: how many are over, by the number of their status.
        received, sent: messages.
        received_bytes, sent_bytes: of these.
    """

    __slots__ = ("ended", "received", "received_bytes", "sent", "sent_bytes", "started")

    def __init__(self) -> None:
        super().__init__()
        self.started = 0
        self.received = self.received_bytes = 0
        self.sent = self.sent_bytes = 0
        self.ended: defaultdict[int, int] = defaultdict(int)

    @property
    def open(self) -> int:
        """How many are under way."""
        return self.started - sum(self.ended.values())


class UnaryCount(_Timed):
    """The calls of a method whose calls are over when the next begins, so that most of what there
    is to know of them follows from how many there were.

    Attributes:
        failed: how many failed, by the number of their status.
        readers: give how many calls somebody counted, the bytes of their requests, and those of
            their answers. Numbers that a function has to itself cost half of what attributes do.
    """

    __slots__ = ("failed", "readers")

    def __init__(self) -> None:
        super().__init__()
        self.failed: defaultdict[int, int] = defaultdict(int)
        self.readers: list[Callable[[], tuple[int, int, int]]] = []

    @property
    def started(self) -> int:
        """How many there were."""
        return sum(read()[0] for read in self.readers)

    @property
    def received_bytes(self) -> int:
        """Of their requests."""
        return sum(read()[1] for read in self.readers)

    @property
    def sent_bytes(self) -> int:
        """Of their answers."""
        return sum(read()[2] for read in self.readers)

    @property
    def received(self) -> int:
        """Messages: one of each call."""
        return self.started

    @property
    def sent(self) -> int:
        """Messages: an error counts, too, where it is all there is."""
        return self.started

    @property
    def ended(self) -> dict[int, int]:
        """How many are over, by the number of their status."""
        return {**self.failed, 0: self.started - sum(self.failed.values())}


CallCount = StreamCount | UnaryCount


class Counts:
    """All that is counted.

    Attributes:
        calls: by path, of the methods that were called.
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
        "unhealthy",
    )

    def __init__(self) -> None:
        self.calls: dict[str, CallCount] = {}
        self.events = 0
        self.checks: Counter[tuple[str, str, bool]] = Counter()
        self.healthy = 0
        self.unhealthy = 0
        self.pages = 0

    def of(self, path: str) -> CallCount:
        """What there is to say of a method, which nobody may have called yet."""
        return self.calls.get(path) or StreamCount()

    def unary(self, path: str) -> UnaryCount:
        """Begin to count the calls of a method that answers at once, or go on."""
        count = self.calls.setdefault(path, UnaryCount())
        assert isinstance(count, UnaryCount), "a method is of one kind"
        return count

    def stream(self, path: str) -> StreamCount:
        """Likewise of one that takes its time."""
        count = self.calls.setdefault(path, StreamCount())
        assert isinstance(count, StreamCount), "a method is of one kind"
        return count

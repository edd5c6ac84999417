"""Keepalive on a connection of gRPC's: which pings are too many, and when to ping the client.

No clock and no frames: the connection says what the time is, and does what is told here.
grpc-go: internal/transport/http2_server.go (`handlePing`, `keepalive`); etcd: server/embed/etcd.go
(`serveClients`), which permits no pings without streams.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

_MAX_STRIKES = 2
_MIN_TIME_WITHOUT_STREAMS = 7_200.0
_DEFAULT_MIN_TIME = 300.0
"""Seconds; grpc-go's, which holds where etcd sets none."""
_DEFAULT_INTERVAL, _DEFAULT_TIMEOUT = 7_200.0, 20.0


@dataclass(frozen=True, slots=True)
class KeepaliveRules:
    """What --grpc-keepalive-min-time, -interval and -timeout say, in seconds.

    Args:
        min_time_seconds: between two pings of a client that has calls open; 0 is grpc-go's own
            default, five minutes.
        interval_seconds: without a byte from a client, after which it is pinged.
        timeout_seconds: from there to the end of the connection, where it stays silent. Where one
            of the two is 0, both are grpc-go's own: two hours, and 20 seconds.
    """

    min_time_seconds: float = 5.0
    interval_seconds: float = _DEFAULT_INTERVAL
    timeout_seconds: float = _DEFAULT_TIMEOUT


class PingStrikes:
    """Counts the pings that came too soon."""

    __slots__ = ("_last", "_min_time", "_strikes")

    def __init__(self, rules: KeepaliveRules) -> None:
        self._min_time = rules.min_time_seconds if rules.min_time_seconds > 0 else _DEFAULT_MIN_TIME
        self._last = -math.inf
        self._strikes = 0

    def is_one_too_many(self, now: float, open_streams: int, has_answered: bool) -> bool:
        """Take a ping at `now`; True where it ends the connection.

        Args:
            now: seconds, monotonic.
            open_streams: how many there are.
            has_answered: whether headers or data were sent since the last ping.
        """
        last, self._last = self._last, now
        if has_answered:
            self._strikes = 0
            return False
        least = self._min_time if open_streams else _MIN_TIME_WITHOUT_STREAMS
        if last + least > now:
            self._strikes += 1
        return self._strikes > _MAX_STRIKES


class Due(enum.Enum):
    """What is to be done about a silent client."""

    NOTHING = enum.auto()
    PING = enum.auto()
    CUT = enum.auto()


class ClientPings:
    """Whether a client is still there; `at` is when to ask next (seconds, monotonic)."""

    __slots__ = ("_interval", "_is_asked", "_left", "_seen", "_timeout", "at")

    def __init__(self, rules: KeepaliveRules, now: float) -> None:
        interval, timeout = rules.interval_seconds, rules.timeout_seconds
        if interval <= 0 or timeout <= 0:
            interval, timeout = _DEFAULT_INTERVAL, _DEFAULT_TIMEOUT
        self._interval = max(interval, 1.0)  # grpc-go: server.go, KeepaliveParams
        self._timeout = timeout
        self._seen = now
        self._is_asked = False
        self._left = 0.0
        self.at = now + self._interval

    def run(self, now: float, last_read: float) -> Due:
        """`at` has come; the last byte was read at `last_read`."""
        if last_read > self._seen:
            self._seen = last_read
            self._is_asked = False
            self.at = last_read + self._interval
            return Due.NOTHING
        if self._is_asked and self._left <= 0:
            self.at = math.inf
            return Due.CUT
        due = Due.NOTHING if self._is_asked else Due.PING
        if not self._is_asked:
            self._is_asked = True
            self._left = self._timeout
        pause = min(self._interval, self._left)
        self._left -= pause
        self.at = now + pause
        return due

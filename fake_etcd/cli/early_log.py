"""Log lines of the time before the log is set up: what the command line makes etcd say.

etcd: client/pkg/logutil/zap.go (`CreateDefaultZapLogger`), used in server/etcdmain.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


def timestamp(seconds: float) -> str:
    """A time in seconds since 1970, as etcd's logger writes it.

    >>> timestamp(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1_000_000):06}Z"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: zap's level, where in etcd it is logged, the message, and its fields."""

    level: str
    caller: str
    message: str
    fields: Mapping[str, object] = field(default_factory=dict)

    def json(self, seconds: float) -> str:
        """The line as zap's JSON encoder has it, for a time in seconds since 1970.

        >>> LogLine("warn", "a/b.go:1", "m", {"k": "v"}).json(0.5)
        '{"level":"warn","ts":"1970-01-01T00:00:00.500000Z","caller":"a/b.go:1","msg":"m","k":"v"}'
        """
        line = {
            "level": self.level,
            "ts": timestamp(seconds),
            "caller": self.caller,
            "msg": self.message,
            **self.fields,
        }
        return json.dumps(line, separators=(",", ":"), ensure_ascii=False)

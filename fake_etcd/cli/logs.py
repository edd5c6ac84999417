"""Log lines on stderr, one JSON object each, with the names and levels that etcd's lines have.

etcd: zap's production encoder as client/pkg/logutil sets it up. What is logged is not etcd's.
"""

from __future__ import annotations

import json
import logging
import time

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "dpanic": logging.CRITICAL,
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
"""zap's levels as Python's; nothing here logs above error."""

_NAMES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}


class JsonLines(logging.Formatter):
    """One record as one line: level, ts, caller, msg, then the fields of the call.

    A call gives its fields as `extra={"fields": {...}}`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "level": _NAMES.get(record.levelno, "info"),
            "ts": _timestamp(record.created),
            "caller": f"{record.module}.py:{record.lineno}",
            "msg": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)


def _timestamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1_000_000):06}Z"


def set_up(level: str) -> logging.Logger:
    """Send everything of this level and above to stderr.

    Args:
        level: a key of `LEVELS`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    # A stderr that went away must not print a traceback about itself for every line.
    logging.raiseExceptions = False
    return logging.getLogger("fake_etcd")

"""Log lines as etcd's logger writes them: JSON or console, to stderr, stdout and files.

etcd: client/pkg/logutil (zap's encoders and their set-up), server/embed/config_logging.go. Which of
etcd's lines there are is in `etcd_lines.py`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence

from fake_etcd.cli.early_log import timestamp

PANIC = logging.CRITICAL - 1
"""The level of what ends the process with a panic, which zap has below fatal."""

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "dpanic": PANIC,
    "panic": PANIC,
    "fatal": logging.CRITICAL,
}
"""zap's levels as Python's."""

_NAMES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
    PANIC: "panic",
}

DEFAULT = "default"
"""The output that is stderr, and may not be one of several."""

JOURNAL = "systemd/journal"
"""The output that is systemd's, and may not be one of several."""


class LogError(Exception):
    """Why there can be no such log; one line, etcd's words where etcd refuses it too."""


class JsonLines(logging.Formatter):
    """One record as one line: level, ts, caller, msg, then the fields of the call.

    A call gives its fields as `extra={"fields": {...}}`, and where the line is etcd's own, where
    etcd has it as `extra={"caller": "embed/serve.go:139"}`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "level": _NAMES.get(record.levelno, "info"),
            "ts": timestamp(record.created),
            "caller": _caller(record),
            "msg": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)


class ConsoleLines(logging.Formatter):
    """One record as ts, level, caller, msg and an object of the fields, with tabs between.

    What a traceback there is comes on lines of its own, as zap has it.
    """

    def format(self, record: logging.LogRecord) -> str:
        parts = [
            timestamp(record.created),
            _NAMES.get(record.levelno, "info"),
            _caller(record),
            record.getMessage(),
        ]
        fields = getattr(record, "fields", {})
        if fields:
            parts.append(json.dumps(fields, default=str, ensure_ascii=False))
        line = "\t".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


FORMATS = {"json": JsonLines, "console": ConsoleLines}
"""What --log-format may be."""


def _caller(record: logging.LogRecord) -> str:
    given: str | None = getattr(record, "caller", None)
    return given or f"{record.module}.py:{record.lineno}"


def set_up(
    level: str,
    log_format: str = "json",
    outputs: Sequence[str] = (DEFAULT,),
    rotation: str | None = None,
) -> logging.Logger:
    """Send everything of this level and above to the outputs.

    Args:
        level: a key of `LEVELS`.
        log_format: a key of `FORMATS`.
        outputs: "default" or "stderr", "stdout", "systemd/journal", or paths of files, which are
            appended to; each once, whatever is said twice.
        rotation: --log-rotation-config-json, where --enable-log-rotation is given.

    Raises:
        LogError: a file cannot be opened, or the outputs do not go together.
    """
    chosen = tuple(dict.fromkeys(outputs)) or (DEFAULT,)
    if len(outputs) > 1 and DEFAULT in outputs:
        raise LogError(f'multi logoutput for "{DEFAULT}" is not supported yet')
    handlers = [_handler(output, rotation) for output in chosen]
    for handler in handlers:
        handler.setFormatter(FORMATS[log_format]())
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(LEVELS[level])
    # A stderr that went away must not print a traceback about itself for every line.
    logging.raiseExceptions = False
    return logging.getLogger("fake_etcd")


def _handler(output: str, rotation: str | None) -> logging.Handler:
    if output in (DEFAULT, "stderr"):
        return logging.StreamHandler(sys.stderr)
    if output == "stdout":
        return logging.StreamHandler(sys.stdout)
    if output == JOURNAL:
        from fake_etcd.cli import journal_log  # which is rare

        try:
            return journal_log.JournalHandler()
        except journal_log.NoJournal as error:
            raise LogError(str(error)) from None
    try:
        if rotation is not None:
            from fake_etcd.cli import log_rotation  # which is rare

            return log_rotation.RotatingFile(output, log_rotation.read(rotation))
        return logging.FileHandler(output, encoding="utf-8")
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise LogError(f'open sink "{output}": open {output}: {reason}') from None

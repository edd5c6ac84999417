"""What is wrong with a command line, and how far etcd comes before it says so."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from fake_etcd.cli.early_log import LogLine

BAD_FLAG = 2
"""Exit status of etcd for a flag it cannot parse."""

BAD_CONFIGURATION = 1
"""Exit status of etcd for flags that parse but make no sense."""

Warned = tuple[str, Mapping[str, object]]
"""What to log as a warning: the message, and its fields."""


class Stage(enum.Enum):
    """How far etcd comes before it finds that something is wrong, which decides how it says so."""

    PARSE = "a flag cannot be read: the message and the usage, on stderr"
    PLAIN = "the message alone, on stderr"
    PANIC = "a panic, whose first line we have"
    ENVIRONMENT = "a fatal line of the log"
    VERIFY = "a warning of the log: failed to verify flags"
    START = "a fatal line of the log: discovery failed"


class UsageError(Exception):
    """What is wrong with the command line: one line, and the status to exit with.

    Attributes:
        exit_status: etcd's.
        stage: where etcd finds it.
        lines: what etcd logs before it says so.
    """

    def __init__(
        self, message: str, exit_status: int = BAD_FLAG, stage: Stage | None = None
    ) -> None:
        super().__init__(message)
        self.exit_status = exit_status
        self.stage = stage or (Stage.PARSE if exit_status == BAD_FLAG else Stage.VERIFY)
        self.lines: tuple[LogLine, ...] = ()


def does_not_start(message: str) -> UsageError:
    return UsageError(message, BAD_CONFIGURATION, Stage.START)

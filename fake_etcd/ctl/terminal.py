"""Where a command reads and writes, and how it ends when it does not end well."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from types import FrameType
from typing import BinaryIO


class Status(IntEnum):
    """Exit statuses. etcd: pkg/cobrautl/error.go."""

    SUCCESS = 0
    ERROR = 1
    BAD_CONNECTION = 2
    INVALID_INPUT = 3
    BAD_FEATURE = 4
    INTERRUPTED = 5
    BAD_ARGS = 128


class Exit(Exception):
    """The command ends here.

    Args:
        status: the process's.
        message: what is said on stderr, behind "Error: "; None: all has been said.
    """

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status, message)
        self.status = int(status)
        self.message = message


Handler = Callable[[], object]


@contextmanager
def on_signals(told: Handler) -> Iterator[None]:
    """Call back for SIGINT and SIGTERM in place of ending, in another thread.

    A handler runs in the main thread, in the middle of whatever that does; what is to wake it must
    not wait for a lock that it holds.
    """

    def handler(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=told).start()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)


@dataclass(frozen=True, slots=True)
class Terminal:
    """The streams, as bytes, and the environment of a command.

    Args:
        stdin: is read.
        stdout: gets what was asked for; flushed after each line or message.
        stderr: gets complaints.
        environ: is looked at for `ETCDCTL_…`, and given to commands that are run.
    """

    stdin: BinaryIO = field(default_factory=lambda: sys.stdin.buffer)
    stdout: BinaryIO = field(default_factory=lambda: sys.stdout.buffer)
    stderr: BinaryIO = field(default_factory=lambda: sys.stderr.buffer)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def write(self, data: bytes) -> None:
        """Put bytes out at once."""
        self.stdout.write(data)
        self.stdout.flush()

    def say(self, *lines: str | bytes) -> None:
        """Print lines."""
        self.write(b"".join(_bytes(line) + b"\n" for line in lines))

    def complain(self, *lines: str) -> None:
        """Print lines on stderr."""
        self.stderr.write(b"".join(_bytes(line) + b"\n" for line in lines))
        self.stderr.flush()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")

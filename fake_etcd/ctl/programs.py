"""Commands that others are given to run: `watch … -- command`, `lock name command`.

Go: os/exec, in how it tells of what goes wrong.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from fake_etcd.ctl.gotext import in_words, quote
from fake_etcd.ctl.terminal import Terminal


class ProgramFailed(Exception):
    """A command did not end well.

    Args:
        message: as Go tells it.
        status: its exit status; 255 if a signal ended it, 1 if it could not be started.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def run(words: Sequence[str], variables: Mapping[str, str], terminal: Terminal) -> None:
    """Run a command with nothing on its stdin, and wait for it.

    Args:
        words: the program and its arguments.
        variables: its environment has these beside what it has anyway.
        terminal: where it writes.

    Raises:
        ProgramFailed: it could not be started, or its status is not 0.
    """
    environment = {**terminal.environ, **variables}
    try:
        status = _status(words, environment, terminal)
    except FileNotFoundError as error:
        if "/" in words[0]:
            raise ProgramFailed(f"fork/exec {words[0]}: {in_words(error)}", 1) from None
        told = f"exec: {quote(words[0])}: executable file not found in $PATH"
        raise ProgramFailed(told, 1) from None
    except OSError as error:
        raise ProgramFailed(f"fork/exec {words[0]}: {in_words(error)}", 1) from None
    if status < 0:
        raise ProgramFailed(f"signal: {_SIGNALS.get(-status, f'signal {-status}')}", 255)
    if status:
        raise ProgramFailed(f"exit status {status}", status)


def _status(words: Sequence[str], environment: Mapping[str, str], terminal: Terminal) -> int:
    if _is_file(terminal.stdout) and _is_file(terminal.stderr):
        return subprocess.call(
            list(words),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal.stdout,
            stderr=terminal.stderr,
        )
    ended = subprocess.run(
        list(words), env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    terminal.stdout.write(ended.stdout)
    terminal.stderr.write(ended.stderr)
    return ended.returncode


def _is_file(stream: BinaryIO) -> bool:
    """Whether it is one that a process can be given."""
    try:
        stream.fileno()
    except OSError:  # io.UnsupportedOperation: it is in memory
        return False
    return True


_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    6: "aborted",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    15: "terminated",
}
"""What Go calls those that programs commonly end by (syscall.Signal.String)."""

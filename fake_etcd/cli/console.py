"""What the dev server says to whoever started it: text on stdout, complaints on stderr."""

from __future__ import annotations

import contextlib
import os
import sys


def open_closed() -> None:
    """Put /dev/null where whoever started this process closed stdin, stdout or stderr.

    Go does the same (runtime/fds_unix.go). Otherwise our first sockets would have their numbers,
    and uvloop ends a process that closes a socket of such a number.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if _is_open(number):
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        mode = "w" if number else "r"
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def say(text: str) -> None:
    """Print to stdout at once; a reader who has gone away (`fake-etcd | head -1`) is no fault."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        # The interpreter flushes stdout once more when it exits, and would complain then.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it stays open until the end


def say_to(number: int, text: str) -> None:
    """Write to a file descriptor and close it; a reader who has gone away is no fault here, too."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(number, "w", encoding="utf-8") as stream:
        stream.write(text)


def complain(message: str) -> None:
    """Print to stderr, on one line whatever the message is."""
    sys.stderr.write(" ".join(message.splitlines()) + "\n")

"""Passwords that are asked for, as bgentry/speakeasy does it for etcdctl.

The prompt is on stdout, the answer a line of stdin, which is not shown where that is a terminal.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fake_etcd.ctl.terminal import Terminal


def ask(prompt: str, terminal: Terminal) -> str:
    """A password; empty where stdin has ended."""
    terminal.write(prompt.encode())
    with _unseen(terminal):
        line = terminal.stdin.readline()
    terminal.write(b"\n")
    return os.fsdecode(line).rstrip("\r\n")


@contextmanager
def _unseen(terminal: Terminal) -> Iterator[None]:
    """What is typed is not shown; Ctrl-C ends the process with that undone."""
    if sys.platform == "win32" or not terminal.stdin.isatty():
        yield
        return
    import termios

    number = terminal.stdin.fileno()
    before = termios.tcgetattr(number)
    unseen = [*before]
    unseen[3] = before[3] & ~termios.ECHO
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        termios.tcsetattr(number, termios.TCSAFLUSH, unseen)
        yield
    except KeyboardInterrupt:
        termios.tcsetattr(number, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
    finally:
        termios.tcsetattr(number, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGINT, handler)

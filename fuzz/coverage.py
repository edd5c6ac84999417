"""Which lines follow which while a call runs, and how many run: what guides the fuzzer.

`sys.settrace` sees it on every Python that we support, with nothing to install; only the modules
under test are traced, so the libraries behind them cost nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import fake_etcd.transport

_FOLDER = fake_etcd.transport.__path__[0]

Arc = tuple[str, int, int]
"""A module's file, a line, and the one that ran behind it in the same call."""


class Coverage:
    """What ran.

    Attributes:
        arcs: all that were seen.
        lines: how many lines ran, each time counted.
    """

    def __init__(self) -> None:
        self.arcs: set[Arc] = set()
        self.lines = 0

    def run(self, call: Callable[[], None]) -> None:
        """Make the call and watch it; what it raises comes through."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_FOLDER):
            return None
        arcs = self.arcs
        last = frame.f_code.co_firstlineno

        def line(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal last
            if event == "line":
                number = frame.f_lineno
                arcs.add((name, last, number))
                last = number
                self.lines += 1
            return line

        return line

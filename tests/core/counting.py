"""Counts that no busy machine changes: bytecodes that Python executes, comparisons of keys."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def bytecodes(operation: Callable[[], object]) -> int:
    """How many bytecodes an operation executes; what is C does not count."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> TraceFunction:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
    return count


class CountedKey(bytes):
    """A key that counts the comparisons made with it."""

    compared = 0

    def __lt__(self, other: object) -> bool:
        CountedKey.compared += 1
        return bytes(self) < other  # type: ignore[operator]  # always bytes

    def __gt__(self, other: object) -> bool:
        CountedKey.compared += 1
        return bytes(self) > other  # type: ignore[operator]  # always bytes

    __hash__ = bytes.__hash__

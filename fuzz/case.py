"""A case: what a peer and its socket do to one connection, step by step, and how a file holds it.

Any bytes are a case, so that a file damaged by hand or by a mutator still means something.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass


class Do(enum.IntEnum):
    """What a step is."""

    RECEIVE = 0
    PAUSE = 1
    RESUME = 2
    ADVANCE = 3
    GO_AWAY = 4
    SEND = 5
    END = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `data` is what is received, or how far time moves (its length, in seconds).

    Where the peer has a TLS of its own, SEND is what it has to say through that.
    """

    do: Do
    data: bytes = b""


Case = tuple[Step, ...]

_HEAD = struct.Struct(">BH")


def pack(case: Case) -> bytes:
    """The file of a case; a step's data is at most 65,535 bytes."""
    return b"".join(_HEAD.pack(step.do, len(step.data)) + step.data for step in case)


def unpack(data: bytes) -> Case:
    """The case of a file, whatever is in it."""
    steps = []
    position = 0
    while position + _HEAD.size <= len(data):
        do, size = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        steps.append(Step(Do(do % len(Do)), data[position : position + size]))
        position += size
    return tuple(steps)


def received(*pieces: bytes) -> Case:
    """The case in which these arrive one after the other."""
    return tuple(Step(Do.RECEIVE, piece) for piece in pieces)

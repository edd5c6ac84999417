"""Makes a new case of an old one: by whole pieces of the grammar, by steps, and by bytes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fuzz.case import Case, Do, Step
from fuzz.grammar import chance

Piece = Callable[[Random], bytes]

MOST_STEPS = 24
MOST_BYTES = 4_096
"""Of one step: large enough for every length field's carry, small enough to be quick."""


def mutate(
    random: Random, case: Case, other: Case, pieces: tuple[Piece, ...], others: tuple[Do, ...]
) -> Case:
    """One case made of two; never empty.

    Args:
        random: where everything comes from.
        case: what is changed.
        other: what steps are taken from.
        pieces: give bytes that are nearly right.
        others: what a step may be beside bytes that are received.
    """
    steps = list(case)
    for _ in range(random.choice((1, 1, 2, 4))):
        _change(random, steps, other, pieces, others)
    return tuple(steps[:MOST_STEPS]) or (Step(Do.RECEIVE, random.choice(pieces)(random)),)


def _change(
    random: Random,
    steps: list[Step],
    other: Case,
    pieces: tuple[Piece, ...],
    others: tuple[Do, ...],
) -> None:
    at = random.randrange(len(steps) + 1)
    what = random.randrange(8)
    if what <= 1 or not steps:
        steps.insert(at, Step(Do.RECEIVE, random.choice(pieces)(random)))
    elif what == 2 and other:
        start = random.randrange(len(other))
        steps[at:at] = other[start : start + random.randrange(1, 4)]
    elif what == 3:
        del steps[at : at + 1]
    elif what == 4:
        steps.insert(at, _other(random, random.choice(others), pieces))
    else:
        at %= len(steps)
        step = steps[at]
        if what == 5:
            cut = random.randrange(len(step.data) + 1)
            steps[at : at + 1] = [Step(step.do, step.data[:cut]), Step(step.do, step.data[cut:])]
        elif what == 6:
            steps[at] = Step(step.do, step.data + random.choice(pieces)(random))
        else:
            steps[at] = Step(step.do, _bytes(random, step.data))
        if len(steps[at].data) > MOST_BYTES:
            steps[at] = Step(step.do, steps[at].data[:MOST_BYTES])


def _other(random: Random, do: Do, pieces: tuple[Piece, ...]) -> Step:
    if do is Do.SEND:
        wish = bytes((random.choice((0, 0, 1, 2, 16, random.randrange(32))),))
        return Step(do, wish + random.choice(pieces)(random) * random.randrange(3))
    return Step(do, bytes(random.randrange(4)))


def _bytes(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 3))):
        at = random.randrange(len(changed) + 1)
        if chance(random, 3) or at == len(changed):
            changed[at:at] = random.randbytes(random.randrange(1, 4))
        elif chance(random, 3):
            del changed[at : at + random.randrange(1, 10)]
        elif chance(random, 2):
            changed[at] ^= 1 << random.randrange(8)
        else:
            changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(changed)

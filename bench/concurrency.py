"""The part about locks: how often a lock is taken and let go again.

A cycle is two calls, Lock and Unlock. Once every caller has a lock of its own, so that nobody
waits; once all want the same one, so that each release wakes the next in the queue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench import growth, measure
from bench.scenarios import Turns
from conformance.oracle import Running

_CALLERS_OF_ONE = 16
"""Callers that want the same lock; more make the queue longer and nothing else."""


@dataclass(frozen=True, slots=True)
class Locks:
    """Cycles a second, by server and turn.

    Args:
        own: of callers that have a lock each.
        shared: of callers that want the same one.
        serial: of one caller.
    """

    own: Turns
    shared: Turns
    serial: Turns


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Locks:
    """Measure on new servers each turn."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(turns):
        for name, start in growth.SERVERS.items():
            say(f"locks, turn {turn + 1} of {turns}: {name}")
            with start() as server:
                for what, value in _one_turn(server, seconds).items():
                    found[what][name].append(value)
    return Locks(**{what: Turns(dict(values)) for what, values in found.items()})


def _one_turn(server: Running, seconds: float) -> dict[str, float]:
    times = (f"-seconds={seconds}", f"-warmup={seconds / 5}")
    flags = {
        "own": ("-op=lock",),
        "shared": ("-op=lock-shared", f"-workers={_CALLERS_OF_ONE}"),
        "serial": ("-op=lock", "-workers=1", "-conns=1"),
    }
    return {what: measure.load(server, *each, *times).per_second for what, each in flags.items()}

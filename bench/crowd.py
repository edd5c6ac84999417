"""The part about many connections: what rate is left where a thousand call instead of a few.

Each connection is there before anything is measured. The calls are not made by the official client,
which is slower than the servers as soon as there are so many of it: see bench/golang.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench import growth, measure, scenarios
from bench.measure import Load
from bench.scenarios import Turns
from conformance.oracle import Running

CONNECTIONS, WORKERS = 1_000, 10
"""Workers are those of each connection; all of them call at a time."""

FEW_CONNECTIONS, FEW_WORKERS = 8, 8
"""As many as all other rates have."""

OPERATIONS = ("get", "put")

_ASKED = {"real": ("get",), "uvloop": OPERATIONS}
"""Of 10,000 puts at a time real etcd refuses some: "etcdserver: too many requests"."""

_ROUNDS = 3
"""In each turn; short and one behind the other, as the two sizes are to meet the same machine."""

_SIZES = ((FEW_CONNECTIONS, FEW_WORKERS), (CONNECTIONS, WORKERS))


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was measured: operation to measure (as in `Load`) to server and turn.

    Args:
        few: by 64 callers on 8 connections, as all other rates.
        many: by the crowd.
    """

    few: dict[str, dict[str, Turns]]
    many: dict[str, dict[str, Turns]]

    def kept(self, operation: str, server: str) -> float:
        """The share of its rate that a server keeps: the median over the turns."""
        many = self.many[operation]["per_second"].by_server[server]
        few = self.few[operation]["per_second"].by_server[server]
        return statistics.median(crowd / usual for crowd, usual in zip(many, few, strict=True))


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Crowd:
    """Measure on fresh servers each turn, first by few and at once by many."""
    found: list[dict[str, dict[str, list[Load]]]] = [
        {operation: defaultdict(list) for operation in OPERATIONS} for _ in _SIZES
    ]
    for turn in range(turns):
        for name, start in growth.SERVERS.items():
            say(f"{CONNECTIONS:,} connections, turn {turn + 1} of {turns}: {name}")
            with start() as server:
                measure.fill(server, 0, scenarios.KEYS)
                for operation in _ASKED[name] * _ROUNDS:
                    for seen, (connections, workers) in zip(found, _SIZES, strict=True):
                        load = _load(server, connections, workers, operation, seconds)
                        seen[operation][name].append(load)
    few, many = map(_by_measure, found)
    return Crowd(few, many)


def _load(server: Running, connections: int, workers: int, operation: str, seconds: float) -> Load:
    # The warm-up is long: the first answers to a whole crowd come after half a second.
    times = (f"-seconds={seconds}", f"-warmup={seconds / 2}", f"-keys={scenarios.KEYS}")
    return measure.crowd(server, connections, workers, f"-op={operation}", *times)


def _by_measure(found: dict[str, dict[str, list[Load]]]) -> dict[str, dict[str, Turns]]:
    return {
        operation: {
            field: Turns(
                {name: [getattr(load, field) for load in loads] for name, loads in seen.items()}
            )
            for field in Load.__slots__
        }
        for operation, seen in found.items()
    }

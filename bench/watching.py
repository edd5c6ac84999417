"""The part about watchers and leases: events told, what idle ones cost, and what each weighs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench import growth, measure
from bench.scenarios import Turns
from conformance.oracle import Running

WATCHERS = 500
"""Watchers of the one key that is put."""

IDLE = 10_000
"""Watchers of other keys and ranges while puts are measured; also what is weighed."""

_KEYS = 10_000

_FANOUTS = 5
"""How often events are told in a turn: each time takes a quarter of a second, and varies."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What was measured, by server and turn.

    Args:
        events: events a second that the watchers of one key were told, put after put.
        flood: the same with several putters at a time.
        puts, puts_with_idle: puts a second without, and with, idle watchers.
        grants, keepalives: calls a second.
        watcher_bytes, lease_bytes: resident memory that each of many took.
    """

    events: Turns
    flood: Turns
    puts: Turns
    puts_with_idle: Turns
    grants: Turns
    keepalives: Turns
    watcher_bytes: Turns
    lease_bytes: Turns

    def kept(self, server: str) -> float:
        """The share of its put rate that a server keeps beside idle watchers."""
        pairs = zip(self.puts_with_idle.by_server[server], self.puts.by_server[server], strict=True)
        return statistics.median(beside / alone for beside, alone in pairs)


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Watching:
    """Measure on new servers each turn."""
    found: dict[str, dict[str, list[float]]] = {
        name: defaultdict(list) for name in Watching.__dataclass_fields__
    }
    for turn in range(turns):
        for name, start in growth.SERVERS.items():
            say(f"watchers and leases, turn {turn + 1} of {turns}: {name}")
            with start() as server:
                for what, value in _one_turn(server, seconds).items():
                    found[what][name].append(value)
    return Watching(**{what: Turns(dict(values)) for what, values in found.items()})


def _one_turn(server: Running, seconds: float) -> dict[str, float]:
    times = (f"-seconds={seconds}", f"-warmup={seconds / 5}", f"-keys={_KEYS}")
    seen: dict[str, float] = {}
    for what, putters in (("events", 1), ("flood", 4)):
        rates = [measure.fanout(server, WATCHERS, putters) for _ in range(_FANOUTS)]
        seen[what] = statistics.median(rates)
    seen["puts"] = measure.load(server, "-op=put", *times).per_second
    before = measure.resident_bytes(server)
    with measure.held(server, watchers=IDLE):
        seen["watcher_bytes"] = (measure.resident_bytes(server) - before) / IDLE
        seen["puts_with_idle"] = measure.load(server, "-op=put", *times).per_second
    seen["keepalives"] = measure.load(server, "-op=keepalive", *times).per_second
    before = measure.resident_bytes(server)
    with measure.held(server, leases=IDLE):
        seen["lease_bytes"] = (measure.resident_bytes(server) - before) / IDLE
    seen["grants"] = measure.load(server, "-op=grant", *times).per_second
    return seen

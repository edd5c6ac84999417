"""The speed part: which loads there are, and running them in turns over all servers."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench import measure, servers
from bench.measure import Load
from conformance import oracle
from conformance.oracle import Running

KEYS = 10_000
"""Keys in the store while speed is measured."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load, by the flags of `loadgen load`.

    Args:
        name: as --only takes it and the tables show it.
        title: for people.
        serial: one worker; its latency matters, not its rate.
    """

    name: str
    title: str
    flags: tuple[str, ...]
    serial: bool = False


_SERIAL = ("-workers=1", "-conns=1")
_DEADLINE = "-deadline=5s"

# Reads come first: they find the store as it was filled.
SCENARIOS = (
    Scenario("get", "get", ("-op=get",)),
    Scenario("get-deadline", "get with deadline", ("-op=get", _DEADLINE)),
    Scenario("range", "range of 1,000 keys", ("-op=range",)),
    Scenario("serial-get", "serial get", ("-op=get", *_SERIAL), serial=True),
    Scenario("put", "put", ("-op=put",)),
    Scenario("put-deadline", "put with deadline", ("-op=put", _DEADLINE)),
    Scenario("txn", "txn (compare and put)", ("-op=txn",)),
    Scenario("serial-put", "serial put", ("-op=put", *_SERIAL), serial=True),
)

Start = Callable[[], AbstractContextManager[Running]]
"""Starts a server for as long as the context lasts."""

SERVERS: dict[str, Start] = {
    "real": oracle.start,
    "uvloop": lambda: servers.ours("uvloop"),
    "asyncio": lambda: servers.ours("asyncio"),
    "limit": servers.limit,
}


@dataclass(frozen=True, slots=True)
class Turns:
    """All that was measured of one thing, by server and turn."""

    by_server: dict[str, list[float]]

    def median(self, server: str) -> float:
        return statistics.median(self.by_server[server])

    def ratio(self, server: str) -> float:
        """The median over the turns of server / real within one turn.

        What else the machine does changes from turn to turn and hits both sides of one.
        """
        pairs = zip(self.by_server[server], self.by_server["real"], strict=True)
        return statistics.median(mine / real for mine, real in pairs)


Speed = dict[str, dict[str, Turns]]
"""Scenario name, then measure ("per_second", "p50_us", "p99_us", "cpu_us")."""


def run(only: Collection[str], turns: int, seconds: float, say: Callable[[str], None]) -> Speed:
    """Measure the chosen scenarios; see `in_turns`.

    Args:
        only: scenario names; empty is all.
    """
    chosen = [scenario for scenario in SCENARIOS if not only or scenario.name in only]
    return in_turns(SERVERS, chosen, turns, seconds, say)


def in_turns(
    starts: Mapping[str, Start],
    chosen: Sequence[Scenario],
    turns: int,
    seconds: float,
    say: Callable[[str], None],
    flags: Sequence[str] = (),
) -> Speed:
    """Measure on fresh servers each turn.

    Args:
        starts: the servers.
        chosen: what is measured.
        turns: how often each server has its turn; the order of servers rotates.
        seconds: length of one measurement.
        say: told what goes on.
        flags: what the load generator needs to be let in.
    """
    found: dict[str, dict[str, dict[str, list[float]]]] = {
        scenario.name: {name: defaultdict(list) for name in Load.__slots__} for scenario in chosen
    }
    times = (f"-seconds={seconds}", f"-warmup={seconds / 5}", f"-keys={KEYS}")
    names = list(starts)
    for turn in range(turns):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            say(f"turn {turn + 1} of {turns}: {name}")
            with starts[name]() as server:
                if name != "limit":  # which has no store
                    measure.fill(server, 0, KEYS, *flags)
                for scenario in chosen:
                    seen = measure.load(server, *scenario.flags, *times, *flags)
                    for field in Load.__slots__:
                        found[scenario.name][field][name].append(getattr(seen, field))
    return {
        scenario: {field: Turns(dict(values)) for field, values in fields.items()}
        for scenario, fields in found.items()
    }

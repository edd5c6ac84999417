"""The speed part: which loads there are, and running them in turns over all servers."""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

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

SERVERS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
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
    """Measure the chosen scenarios, on fresh servers each turn.

    Args:
        only: scenario names; empty is all.
        turns: how often each server has its turn; the order of servers rotates.
        seconds: length of one measurement.
        say: told what goes on.
    """
    chosen = [scenario for scenario in SCENARIOS if not only or scenario.name in only]
    found: dict[str, dict[str, dict[str, list[float]]]] = {
        scenario.name: {name: defaultdict(list) for name in Load.__slots__} for scenario in chosen
    }
    names = list(SERVERS)
    for turn in range(turns):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            say(f"turn {turn + 1} of {turns}: {name}")
            for scenario, seen in _one_turn(name, chosen, seconds).items():
                for field in Load.__slots__:
                    found[scenario][field][name].append(getattr(seen, field))
    return {
        scenario: {field: Turns(dict(values)) for field, values in fields.items()}
        for scenario, fields in found.items()
    }


def _one_turn(name: str, chosen: list[Scenario], seconds: float) -> dict[str, Load]:
    with SERVERS[name]() as server:
        if name != "limit":  # which has no store
            measure.fill(server, 0, KEYS)
        times = (f"-seconds={seconds}", f"-warmup={seconds / 5}", f"-keys={KEYS}")
        return {scenario.name: measure.load(server, *scenario.flags, *times) for scenario in chosen}


def starts(turns: int) -> Turns:
    """Seconds from the start of the process to the first answer, for all servers with a store."""
    found: dict[str, list[float]] = {"real": [], "uvloop": [], "asyncio": []}
    for _ in range(turns):
        with tempfile.TemporaryDirectory(prefix="bench-etcd-") as directory:
            url, command = oracle.command(oracle.build(), Path(directory))
            found["real"].append(measure.first_answer_seconds(url, command, {}))
        for loop in ("uvloop", "asyncio"):
            url = f"http://127.0.0.1:{oracle.free_ports(1)[0]}"
            command = servers.ours_command(url)
            seconds = measure.first_answer_seconds(url, command, servers.ours_environment(loop))
            found[loop].append(seconds)
    return Turns(found)

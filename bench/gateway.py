"""The part about the JSON gateway: its rate beside real etcd's.

64 connections of HTTP/1.1 with one call at a time each, as other rates have 64 callers. The servers
take turns within each round, since a machine is not the same from one minute to the next.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench import golang, growth
from bench.scenarios import Turns
from conformance.oracle import Running

OPERATIONS = ("get", "put")

MEASURES = ("per_second", "p50_us", "cpu_us")

_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Gateway:
    """What was measured: operation to measure (of `MEASURES`) to server and turn."""

    found: dict[str, dict[str, Turns]]


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Gateway:
    """Measure on new servers each turn."""
    seen: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(turns):
        for name, start in growth.SERVERS.items():
            say(f"gateway, turn {turn + 1} of {turns}: {name}")
            with start() as server:
                for operation in OPERATIONS:
                    load = posts(server, operation, seconds)
                    for measure in MEASURES:
                        seen[operation, measure][name].append(load[measure])
    return Gateway(
        {
            operation: {measure: Turns(dict(seen[operation, measure])) for measure in MEASURES}
            for operation in OPERATIONS
        }
    )


def posts(server: Running, operation: str, seconds: float) -> dict[str, float]:
    """What `loadgen posts` saw, with the server's processor time for a call in it."""
    command = [
        str(golang.loadgen()),
        "posts",
        f"-endpoint={server.url}",
        f"-pid={server.pid}",
        f"-op={operation}",
        f"-seconds={seconds}",
    ]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found

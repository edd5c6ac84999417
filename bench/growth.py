"""The growth part: what an operation costs, and what a key weighs, as the store grows.

Cost is the server's processor time for one call, which does not mind what else the machine does
meanwhile, unlike a rate. The client side is the same 64 workers throughout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench import measure, servers
from conformance import oracle
from conformance.oracle import Running

SIZES = (1_000, 10_000, 100_000, 1_000_000)
HISTORIES = (100, 1_000, 10_000, 100_000)

RANGE_SPAN = 100
_PUTS = 300
"""Puts that one point of the history plot is measured over: few, since each adds a revision."""

SERVERS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
    "real": oracle.start,
    "uvloop": lambda: servers.ours("uvloop"),
}


@dataclass(slots=True)
class Growth:
    """What one server showed as it grew.

    Args:
        costs: operation to points of (size, microseconds of processor time for one call).
        empty_bytes: resident memory before the first key.
        memory: points of (keys, resident bytes).
        compaction_pause_us: longest get that a serial reader saw while the largest store, a
            fifth of its keys twice written, was compacted.
        hash_pause_us: the same while HashKV went through all of that store.
    """

    costs: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    empty_bytes: int = 0
    memory: list[tuple[int, int]] = field(default_factory=list)
    compaction_pause_us: float = 0.0
    hash_pause_us: float = 0.0

    @property
    def bytes_per_key(self) -> float:
        """At the largest size, without what the empty server takes."""
        keys, resident = self.memory[-1]
        return (resident - self.empty_bytes) / keys

    def add(self, operation: str, size: int, cost: float) -> None:
        """Note one point of an operation's line."""
        self.costs.setdefault(operation, []).append((size, cost))


def over_keys(name: str, sizes: Sequence[int], seconds: float) -> Growth:
    """Fill a fresh server step by step, and measure at each."""
    growth = Growth()
    with SERVERS[name]() as server:
        growth.empty_bytes = measure.resident_bytes(server)
        filled = 0
        for size in sizes:
            measure.fill(server, filled, size)
            filled = size
            growth.memory.append((size, measure.resident_bytes(server)))
            times = (f"-seconds={seconds}", f"-warmup={seconds / 5}", f"-keys={size}")
            for operation, flags in {
                "get": ("-op=get",),
                f"range of {RANGE_SPAN}": ("-op=range", f"-span={RANGE_SPAN}"),
                "put": ("-op=put",),
                "txn": ("-op=txn",),
            }.items():
                growth.add(operation, size, measure.load(server, *flags, *times).cpu_us)
        measure.fill(server, 0, filled // 5)
        growth.hash_pause_us = _pause_of(measure.hash_history, server, filled)
        growth.compaction_pause_us = _pause_of(measure.compact, server, filled)
    return growth


def _pause_of(work: Callable[[Running], None], server: Running, keys: int) -> float:
    flags = ("-op=get", "-workers=1", "-conns=1", "-warmup=0.5", "-seconds=3", f"-keys={keys}")
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(measure.load, server, *flags)
        # The reader's warm-up runs while this starts; the work falls into what is measured.
        time.sleep(0.7)
        work(server)
        return reader.result().max_us


def over_history(name: str, histories: Sequence[int], seconds: float) -> Growth:
    """Put one key ever more often on a fresh server, and measure at each step."""
    growth = Growth()
    with SERVERS[name]() as server:
        first, versions = 0, 0
        for size in histories:
            grown = measure.grow(server, size - versions)
            first, versions = first or grown.before + 1, size
            times = ("-index=0", f"-seconds={seconds}", f"-warmup={seconds / 5}")
            growth.add("get", size, measure.load(server, "-op=get", *times).cpu_us)
            past = (f"-rev-min={first}", f"-rev-max={grown.after}")
            old = measure.load(server, "-op=get-rev", *past, *times)
            growth.add("get of an old revision", size, old.cpu_us)
            put = measure.load(server, "-op=put", "-index=0", f"-ops={_PUTS}", "-conns=1")
            growth.add("put", size, put.cpu_us)
            versions += _PUTS
    return growth

"""The part about what it costs that calls are counted for /metrics.

A server that counts and one that does not run side by side and take turns every half second,
the one that begins changing: what differs is a few hundredths, and so does a machine from one
second to the next. What the store and the watchers add up as they work is counted in both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench import measure, servers
from bench.measure import Load
from bench.scenarios import KEYS

OPERATIONS = ("get", "put")

_ROUNDS = 15
"""For each turn."""

_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Counting:
    """What was measured: operation to pairs, with counting and without, one for each round."""

    pairs: dict[str, list[tuple[Load, Load]]]

    def kept(self, operation: str) -> float:
        """The rate with counting, as a part of that without: the median of the rounds'.

        On a busy machine there may be rounds that nobody answered in, which say nothing.
        """
        pairs = self.pairs[operation]
        return median(on.per_second / off.per_second for on, off in pairs if off.per_second)

    def medians(self, operation: str, field: str) -> tuple[float, float]:
        """Of one field of `Load`, with counting and without."""
        pairs = self.pairs[operation]
        return (
            median(getattr(on, field) for on, _ in pairs),
            median(getattr(off, field) for _, off in pairs),
        )


def run(turns: int, say: Callable[[str], None]) -> Counting:
    """Measure on the same two servers from first to last."""
    found: dict[str, list[tuple[Load, Load]]] = defaultdict(list)
    with ExitStack() as stack:
        both = {name: stack.enter_context(servers.counting(name)) for name in ("on", "off")}
        for server in both.values():
            measure.fill(server, 0, KEYS)
        times = (f"-seconds={_SECONDS}", f"-warmup={_SECONDS / 5}", f"-keys={KEYS}")
        for turn in range(turns):
            say(f"counting, turn {turn + 1} of {turns}")
            for number in range(_ROUNDS):
                for operation in OPERATIONS:
                    order = ("on", "off") if number % 2 else ("off", "on")
                    seen = {
                        name: measure.load(both[name], f"-op={operation}", *times) for name in order
                    }
                    found[operation].append((seen["on"], seen["off"]))
    return Counting(dict(found))

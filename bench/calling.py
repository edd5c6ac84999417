"""The part about auth: what it costs that calls are somebody's, and whether the number of users
and of their permissions matters."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench import growth, measure
from bench.scenarios import Turns
from conformance.oracle import Running

USERS = {"real": 30, "uvloop": 10_000}
"""Users beside the first few. Real etcd computes what each user may do at each change of any, so
that thousands take hours to make."""

FEWER_USERS = {"real": 10, "uvloop": 1_000}
"""For a short run."""

PERMISSIONS = 100
"""Permissions of each of them, of which no two can be merged."""

_CALLERS = 8
"""As the load generator has it: users that its connections log in as."""

_KEYS = 10_000

OPERATIONS = ("get", "put")
"""What is measured by users."""


@dataclass(frozen=True, slots=True)
class Calling:
    """What was measured, by server and turn, but for what users cost.

    Args:
        puts, gets: calls a second without auth.
        puts_as, gets_as: the same by users, each with one permission.
        costs: operation to server to microseconds of processor time, medians: of users with one
            permission where there are few, then of users with many where there are many.
        users: how many are many, by server.
        user_bytes: resident memory that each of the many took, by server.
    """

    puts: Turns
    puts_as: Turns
    gets: Turns
    gets_as: Turns
    costs: dict[str, dict[str, tuple[float, float]]]
    users: dict[str, int]
    user_bytes: dict[str, float]

    def kept(self, operation: str, server: str) -> float:
        """The share of its rate that a server keeps with auth: the median over the turns."""
        without: Turns = getattr(self, operation)
        with_auth: Turns = getattr(self, f"{operation}_as")
        pairs = zip(with_auth.by_server[server], without.by_server[server], strict=True)
        return statistics.median(on / off for on, off in pairs)


def run(
    turns: int, seconds: float, say: Callable[[str], None], users: dict[str, int] = USERS
) -> Calling:
    """Measure rates on new servers each turn, and then costs by users on two servers by turns.

    Args:
        turns: how often each server has its turn.
        seconds: length of one measurement.
        say: told what goes on.
        users: how many each server is filled with.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(turns):
        for name, start in growth.SERVERS.items():
            say(f"calls of users, turn {turn + 1} of {turns}: {name}")
            with start() as server:
                for what, value in _one_turn(server, seconds).items():
                    found[what][name].append(value)
    costs: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    user_bytes = {}
    for name, start in growth.SERVERS.items():
        with start() as few, start() as many:
            say(f"calls beside {users[name]:,} users: {name}")
            _add_few(few)
            _add_few(many)
            user_bytes[name] = _add_many(many, users[name])
            seen = [
                (_costs(few, seconds, 0), _costs(many, seconds, _CALLERS)) for _ in range(turns)
            ]
        for operation in OPERATIONS:
            costs[operation][name] = (
                statistics.median(of_few[operation] for of_few, _ in seen),
                statistics.median(of_many[operation] for _, of_many in seen),
            )
    rates = {what: Turns(dict(found[what])) for what in ("puts", "puts_as", "gets", "gets_as")}
    return Calling(**rates, costs=dict(costs), users=users, user_bytes=user_bytes)


def _one_turn(server: Running, seconds: float) -> dict[str, float]:
    measure.fill(server, 0, _KEYS)
    measure.add_users(server, 0, _CALLERS, 1)
    seen = {}
    for what, operation in (("gets", "get"), ("puts", "put")):
        seen[what] = _load(server, operation, seconds, -1).per_second
        measure.set_auth(server, on=True)
        seen[f"{what}_as"] = _load(server, operation, seconds, 0).per_second
        measure.set_auth(server, on=False)
    return seen


def _add_few(server: Running) -> None:
    measure.fill(server, 0, _KEYS)
    measure.add_users(server, 0, _CALLERS, 1)
    measure.set_auth(server, on=True)


def _add_many(server: Running, users: int) -> float:
    """Resident bytes that each of them takes."""
    measure.set_auth(server, on=False)
    before = measure.resident_bytes(server)
    measure.add_users(server, _CALLERS, _CALLERS + users, PERMISSIONS)
    each = (measure.resident_bytes(server) - before) / users
    measure.set_auth(server, on=True)
    return each


def _costs(server: Running, seconds: float, user: int) -> dict[str, float]:
    return {operation: _load(server, operation, seconds, user).cpu_us for operation in OPERATIONS}


def _load(server: Running, operation: str, seconds: float, user: int) -> measure.Load:
    times = (f"-seconds={seconds}", f"-warmup={seconds / 5}", f"-keys={_KEYS}")
    return measure.load(server, f"-op={operation}", f"-user={user}", *times)

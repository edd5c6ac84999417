"""Faults: rules by which calls go wrong, for `FakeEtcd.faults`.

`on` says which calls, the functions here say what happens to them:

    etcd.faults.add(on.Put(key="a"), faults.lose_answer(), times=1)
"""

from fake_etcd.testing.faults.effects import (
    Effect,
    compact_under_watcher,
    cut,
    delay,
    deny_connections,
    drop,
    expire_leases,
    expire_tokens,
    lose_answer,
    lose_watch,
    refuse,
    stall,
)
from fake_etcd.testing.faults.rules import Faults, Rule

__all__ = [
    "Effect",
    "Faults",
    "Rule",
    "compact_under_watcher",
    "cut",
    "delay",
    "deny_connections",
    "drop",
    "expire_leases",
    "expire_tokens",
    "lose_answer",
    "lose_watch",
    "refuse",
    "stall",
]

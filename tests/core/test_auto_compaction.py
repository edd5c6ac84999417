"""Compaction by age and by number, on a clock that the test moves."""

from __future__ import annotations

import pytest

from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node, NodeConfig

MINUTE, HOUR = 60.0, 3_600.0


def started(**config: float) -> tuple[Node, VirtualClock]:
    clock = VirtualClock(1_000.0)
    node = Node(NodeConfig(**config), clock)  # type: ignore[arg-type]  # the dataclass checks names
    clock.attach(node)
    return node, clock


def put_every(clock: VirtualClock, node: Node, seconds: float, times: int) -> list[int]:
    """A put, then time; gives the compact revision after each."""
    found = []
    for _ in range(times):
        node.store.put(b"a", b"")
        clock.advance(seconds)
        found.append(node.store.compact_revision)
    return found


def test_without_a_retention_nothing_is_compacted() -> None:
    node, clock = started()
    assert clock.next_due is None
    assert put_every(clock, node, 30 * MINUTE, 100)[-1] == -1


def test_a_period_is_kept_from_its_first_end_on() -> None:
    """A put a minute, 10 minutes of them kept: minute k ends with revision k + 1."""
    node, clock = started(auto_compaction_period_seconds=10 * MINUTE)
    found = put_every(clock, node, MINUTE, 41)
    assert found[:9] == [-1] * 9
    assert found[9] == 1, "what was there when the first ten minutes began"
    assert found[10:19] == [1] * 9, "and then only every ten minutes"
    assert [found[19], found[29], found[39]] == [10, 20, 30], "the note of 11 minutes ago"


def test_a_period_above_an_hour_is_compacted_every_hour() -> None:
    node, clock = started(auto_compaction_period_seconds=3 * HOUR)
    found = put_every(clock, node, HOUR, 7)
    assert found == [-1, -1, 1, 2, 3, 4, 5]


def test_a_store_that_stands_still_is_not_compacted_again() -> None:
    node, clock = started(auto_compaction_period_seconds=10.0)
    node.store.put(b"a", b"")
    clock.advance(100.0)
    assert node.store.compact_revision == 2
    node.store.put(b"a", b"")
    clock.advance(9.0)
    assert node.store.compact_revision == 2
    clock.advance(11.0)
    assert node.store.compact_revision == 3


def test_what_was_compacted_by_hand_is_no_failure() -> None:
    node, clock = started(auto_compaction_period_seconds=10.0)
    for _ in range(5):
        node.store.put(b"a", b"")
    node.compact(6)
    clock.advance(10.0)
    assert node.store.compact_revision == 6
    node.store.put(b"a", b"")
    clock.advance(20.0)
    assert node.store.compact_revision == 7


def test_a_number_of_revisions_is_kept_every_five_minutes() -> None:
    node, clock = started(auto_compaction_revisions=3)
    assert put_every(clock, node, MINUTE, 15) == [-1] * 4 + [3] * 5 + [8] * 5 + [13]


def test_fewer_revisions_than_are_kept_are_left_alone() -> None:
    node, clock = started(auto_compaction_revisions=1_000)
    assert put_every(clock, node, MINUTE, 15) == [-1] * 15


@pytest.mark.parametrize(
    "config", [{"auto_compaction_period_seconds": 7.0}, {"auto_compaction_revisions": 2}]
)
def test_the_same_moves_give_the_same_compactions(config: dict[str, float]) -> None:
    def run() -> list[int]:
        node, clock = started(**config)
        return put_every(clock, node, 33.3, 40)

    assert run() == run()

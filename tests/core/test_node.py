"""The node: headers as bytes, and work that is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.node import Node, NodeConfig

from .watching import Stream


@given(st.one_of(st.integers(1, 400), st.integers(1, (1 << 63) - 1)), st.integers(0, 300))
def test_headers_are_what_protobuf_makes_of_them(revision: int, step: int) -> None:
    """One after the other too, as headers of neighbouring revisions are made together."""
    node = Node(NodeConfig(initial_cluster_token="t0"))
    for number in (revision, min(revision + step, (1 << 63) - 1), max(1, revision - step)):
        message = m.PutResponse(
            header=m.ResponseHeader(
                cluster_id=node.cluster_id,
                member_id=node.member_id,
                revision=number,
                raft_term=2,
            )
        )
        assert node.header(number) == message.SerializeToString()


def test_defaults_are_etcds() -> None:
    node = Node()
    assert (node.member_id, node.cluster_id) == (0x8E9E05C52164694D, 0xCDF818194E3A8C32)
    assert (node.config.max_request_bytes, node.config.max_txn_ops) == (1536 * 1024, 128)
    assert node.raft_term == 2


@pytest.fixture
def busy() -> Node:
    """A node with 10,000 versions of a key that can be compacted."""
    node = Node()
    for _ in range(10_000):
        node.store.put(b"a", b"")
    return node


def test_nothing_is_due_before_a_compaction(busy: Node) -> None:
    assert busy.next_due(5.0) is None
    busy.run_due(5.0)


def test_the_host_is_told_of_new_work_once(busy: Node) -> None:
    told: list[str] = []
    busy.on_due = lambda: told.append("due")
    busy.compact(5_000)
    busy.compact(9_000)
    assert told == ["due"]
    assert busy.next_due(5.0) == 5.0


def test_the_host_is_told_of_appointments_that_are_sooner() -> None:
    told: list[float | None] = []
    node = Node()
    node.on_due = lambda: told.append(node.next_due(0.0))
    node.schedule.at(9.0, lambda: None)
    node.schedule.at(10.0, lambda: None)
    node.schedule.at(8.0, lambda: None)
    assert told == [9.0, 8.0]


def test_the_host_is_told_of_watchers_that_are_behind(busy: Node) -> None:
    told: list[float | None] = []
    busy.on_due = lambda: told.append(busy.next_due(5.0))
    Stream(busy.watches).watch(b"a", None, 2)
    assert told == [5.0]
    slices = 0
    while busy.next_due(5.0) is not None:
        busy.run_due(5.0)
        slices += 1
    assert slices > 2


def test_a_compaction_takes_several_slices_and_then_tells(busy: Node) -> None:
    done: list[str] = []
    busy.compact(9_000)
    busy.when_compacted(lambda: done.append("done"))
    slices = 0
    while busy.next_due(0.0) is not None:
        assert not done
        busy.run_due(0.0)
        slices += 1
    assert slices > 2
    assert done == ["done"]
    busy.store.check()


def test_without_a_compaction_nobody_waits(busy: Node) -> None:
    done: list[str] = []
    busy.when_compacted(lambda: done.append("done"))
    assert done == ["done"]


def test_who_went_away_is_not_told(busy: Node) -> None:
    def callback() -> None:
        raise AssertionError("told")

    busy.compact(9_000)
    busy.when_compacted(callback)
    busy.forget_compaction_waiter(callback)
    busy.forget_compaction_waiter(callback)
    while busy.next_due(0.0) is not None:
        busy.run_due(0.0)


def test_a_refused_compaction_makes_nothing_due(busy: Node) -> None:
    with pytest.raises(errors.FUTURE_REV):
        busy.compact(99_999)
    assert busy.next_due(0.0) is None


def test_no_lease_exists_yet() -> None:
    assert not Node().lease_exists(1)


def test_a_node_that_is_set_back_says_the_same_again() -> None:
    node = Node(NodeConfig(seed=3))
    node.noise.bits(8)
    before = node.snapshot()
    said = [(node.noise.bits(64), node.ids.next(), node.store.put(b"a", b"")) for _ in range(2)]
    assert node.restore(before) >= 4
    assert [
        (node.noise.bits(64), node.ids.next(), node.store.put(b"a", b"")) for _ in range(2)
    ] == said
    node.release(before)
    assert not node.journal.recording


def test_a_host_is_told_that_there_may_be_work_after_going_back() -> None:
    node = Node()
    told: list[int] = []
    before = node.snapshot()
    node.on_due = lambda: told.append(1)
    node.restore(before)
    assert told == [1]

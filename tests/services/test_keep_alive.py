"""The receiver of LeaseKeepAlive without a transport: what it does when, with which sink."""

from __future__ import annotations

import pytest

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Receiver
from tests.services.handlers import MemorySink

PATH = "/etcdserverpb.Lease/LeaseKeepAlive"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def node(clock: VirtualClock) -> Node:
    """At 2.2 with leases 7 and 8, which expired at 2.1 and are found at 2.5, and 9."""
    node = Node(clock=clock)
    clock.attach(node)
    clock.advance(0.1)
    for id in (7, 8):
        node.lessor.grant(id, 2, clock.now())
    node.lessor.grant(9, 60, clock.now())
    clock.advance(2.1)
    return node


def open_stream(node: Node, sink: MemorySink) -> Receiver:
    handler = registry.endpoints(node)[PATH].stream
    assert handler is not None
    return handler(Call(METHODS[PATH]), sink)


def ask(receiver: Receiver, *ids: int) -> None:
    for id in ids:
        receiver.message(m.LeaseKeepAliveRequest(ID=id))


def answers(sink: MemorySink) -> list[tuple[int, int]]:
    """Id and TTL of what was sent; takes it away."""
    taken, sink.messages = sink.messages, []
    return [(each.ID, each.TTL) for each in map(m.LeaseKeepAliveResponse.FromString, taken)]


def test_an_expired_lease_holds_up_its_stream_alone(node: Node, clock: VirtualClock) -> None:
    first, second = MemorySink(), MemorySink()
    ask(open_stream(node, first), 9, 7, 9, 8, 9)
    ask(open_stream(node, second), 9)
    assert (answers(first), answers(second)) == ([(9, 60)], [(9, 60)])
    clock.advance(0.3)
    assert answers(first) == [(7, 0), (9, 60), (8, 0), (9, 60)]
    assert first.status is None


@pytest.mark.parametrize("behind", [(), (9,), (9, 8, 9)])
def test_a_half_closed_stream_ends_after_its_last_answer(
    behind: tuple[int, ...], node: Node, clock: VirtualClock
) -> None:
    sink = MemorySink()
    receiver = open_stream(node, sink)
    ask(receiver, 7, *behind)
    receiver.half_close()
    assert (answers(sink), sink.status) == ([], None)
    clock.advance(0.3)
    expected = [(id, 60 if id == 9 else 0) for id in (7, *behind)]
    assert (answers(sink), sink.status) == (expected, OK)


def test_a_stream_that_waits_for_nothing_ends_at_once(node: Node) -> None:
    sink = MemorySink()
    open_stream(node, sink).half_close()
    assert sink.status == OK


def test_what_is_canceled_waits_no_more(node: Node, clock: VirtualClock) -> None:
    sink = MemorySink()
    receiver = open_stream(node, sink)
    ask(receiver, 7, 9)
    assert node.lessor.waiting == 1
    receiver.cancelled()
    assert node.lessor.waiting == 0
    clock.advance(1)
    assert answers(sink) == []


def test_behind_a_full_sink_renewals_wait_and_are_of_when_they_are_done(
    node: Node, clock: VirtualClock
) -> None:
    sink = MemorySink(room=2)
    receiver = open_stream(node, sink)
    ask(receiver, 9, 9, 9, 9, 9)
    receiver.half_close()
    assert answers(sink) == [(9, 60), (9, 60)]
    clock.advance(1)
    lease = node.lessor.lookup(9)
    assert lease is not None
    assert lease.remaining_seconds(clock.now()) == 59
    receiver.writable()
    assert answers(sink) == [(9, 60), (9, 60)]
    assert lease.remaining_seconds(clock.now()) == 60
    assert sink.status is None
    receiver.writable()
    assert (answers(sink), sink.status) == ([(9, 60)], OK)


def test_a_stream_ends_once_though_its_last_answer_filled_the_sink(node: Node) -> None:
    sink = MemorySink(room=1)
    receiver = open_stream(node, sink)
    ask(receiver, 9)
    receiver.half_close()
    receiver.writable()
    assert (answers(sink), sink.status) == ([(9, 60)], OK)


def test_a_lease_that_is_taken_back_lets_go_of_who_waits(node: Node, clock: VirtualClock) -> None:
    snapshot = node.journal.snapshot()
    node.lessor.grant(5, 2, clock.now())
    clock.advance(1.9)
    node.lessor.grant(6, 2, clock.now())
    clock.advance(2.05)
    sink = MemorySink()
    ask(open_stream(node, sink), 6, 9)
    assert answers(sink) == []
    node.journal.restore(snapshot)
    clock.advance(0)
    assert answers(sink) == [(6, 0), (9, 60)]

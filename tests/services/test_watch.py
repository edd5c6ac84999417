"""Watch, on the handler with a sink that a test empties, and over every transport."""

from __future__ import annotations

import gc
import queue
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.cli import background
from fake_etcd.core.clock import Clock, VirtualClock
from fake_etcd.core.mvcc.watch import WatchHub
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import watch
from tests.services import servers
from tests.services.client import KvClient, Start, WatchStream, header, kv
from tests.services.handlers import Handlers, MemorySink, WatchPeer

Answer = m.WatchResponse
Filter = m.WatchCreateRequest


def put_event(key: bytes, value: bytes, create: int, mod: int = 0, version: int = 1) -> m.Event:
    return m.Event(kv=kv(key, value, create, mod or create, version))


def delete_event(key: bytes, mod: int) -> m.Event:
    return m.Event(type=m.Event.DELETE, kv=m.KeyValue(key=key, mod_revision=mod))


def answer(revision: int, watch_id: int = 0, **fields: object) -> Answer:
    return Answer(header=header(revision), watch_id=watch_id, **fields)


def revisions(answers: list[Answer]) -> list[list[int]]:
    return [[event.kv.mod_revision for event in answer.events] for answer in answers]


def do_all(node: Node) -> None:
    """Everything that is due at once."""
    while node.next_due(now := node.clock.now()) == now:
        node.run_due(now)


def new_node(clock: VirtualClock | None = None, **config: object) -> Node:
    """A node on a clock that runs what is due."""
    clock = clock or VirtualClock()
    node = Node(NodeConfig(**config), clock)  # type: ignore[arg-type]  # names are checked by the dataclass
    clock.attach(node)
    return node


@pytest.fixture
def node() -> Node:
    return new_node()


@pytest.fixture
def peer(node: Node) -> WatchPeer:
    return WatchPeer(node)


# What is told


def test_a_watcher_is_told_of_puts_and_deletions(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a")
    node.store.put(b"a", b"1")
    node.store.put(b"b", b"1")
    node.store.put(b"a", b"2")
    node.store.delete_range(b"a", None)
    assert peer.take() == [
        answer(1, created=True),
        answer(2, events=[put_event(b"a", b"1", 2)]),
        answer(4, events=[put_event(b"a", b"2", 2, 4, 2)]),
        answer(5, events=[delete_event(b"a", 5)]),
    ]


def test_a_transaction_is_one_answer(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a", range_end=b"c")
    node.store.put(b"b", b"1")
    with node.store.write() as txn:
        txn.put(b"a", b"1")
        txn.put(b"c", b"1")
        txn.delete_range(b"b", None)
    assert peer.take()[2:] == [answer(3, events=[put_event(b"a", b"1", 3), delete_event(b"b", 3)])]


@pytest.mark.parametrize(
    ("key", "range_end", "told"),
    [
        (b"b", b"", [b"b"]),
        (b"b", b"c", [b"b", b"b\0"]),
        (b"b", b"\0", [b"b", b"b\0", b"c"]),
        (b"", b"", [b"\0"]),
        (b"", b"b", [b"\0", b"a"]),
        (b"\0", b"\0", [b"\0", b"a", b"b", b"b\0", b"c"]),
    ],
)
def test_ranges_are_those_of_range(
    node: Node, peer: WatchPeer, key: bytes, range_end: bytes, told: list[bytes]
) -> None:
    peer.create(key, range_end=range_end)
    for changed in (b"\0", b"a", b"b", b"b\0", b"c"):
        node.store.put(changed, b"")
    assert [event.kv.key for answer in peer.take() for event in answer.events] == told


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ([], [[2], [3], [4]]),
        ([Filter.NOPUT], [[3]]),
        ([Filter.NODELETE], [[2], [4]]),
        ([Filter.NOPUT, Filter.NODELETE], []),
        ([7], [[2], [3], [4]]),
    ],
)
def test_filters_take_events_out(
    node: Node, peer: WatchPeer, filters: list[int], told: list[list[int]]
) -> None:
    peer.create(b"a", filters=filters)
    node.store.put(b"a", b"1")
    node.store.delete_range(b"a", None)
    node.store.put(b"a", b"2")
    assert revisions(peer.take()[1:]) == told


def test_of_the_same_history_each_is_told_what_it_asked_for(node: Node, peer: WatchPeer) -> None:
    """They share one reading; with what was there before, and without, it is encoded apart."""
    for value in (b"1", b"2", b"3"):
        node.store.put(b"a", value)
    for prev_kv in (False, True, False, True):
        peer.create(b"a", start_revision=3, prev_kv=prev_kv)
    peer.take()
    do_all(node)
    plain = [put_event(b"a", b"2", 2, 3, 2), put_event(b"a", b"3", 2, 4, 3)]
    full = [put_event(b"a", b"2", 2, 3, 2), put_event(b"a", b"3", 2, 4, 3)]
    full[0].prev_kv.CopyFrom(kv(b"a", b"1", 2))
    full[1].prev_kv.CopyFrom(kv(b"a", b"2", 2, 3, 2))
    assert peer.take() == [
        answer(4, watch_id, events=full if watch_id % 2 else plain) for watch_id in range(4)
    ]


def test_prev_kv_is_what_was_there_before(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a", prev_kv=True)
    peer.create(b"a")
    node.store.put(b"a", b"1")
    node.store.put(b"a", b"2")
    node.store.delete_range(b"a", None)
    told = peer.take()[2:]
    second, third = put_event(b"a", b"2", 2, 3, 2), delete_event(b"a", 4)
    assert [one.events[0] for one in told if one.watch_id] == [
        put_event(b"a", b"1", 2),
        second,
        third,
    ]
    second.prev_kv.CopyFrom(kv(b"a", b"1", 2))
    third.prev_kv.CopyFrom(kv(b"a", b"2", 2, 3, 2))
    assert [one.events[0] for one in told if not one.watch_id] == [
        put_event(b"a", b"1", 2),
        second,
        third,
    ]


def test_a_start_in_the_past_is_told_in_one_answer_of_now(node: Node, peer: WatchPeer) -> None:
    for value in (b"1", b"2", b"3"):
        node.store.put(b"a", value)
    node.store.put(b"b", b"")
    peer.create(b"a", start_revision=3)
    assert peer.take() == [answer(5, created=True)]
    do_all(node)
    events = [put_event(b"a", b"2", 2, 3, 2), put_event(b"a", b"3", 2, 4, 3)]
    assert peer.take() == [answer(5, events=events)]


def test_a_start_in_the_future_waits_for_it(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a", start_revision=4)
    for _ in range(4):
        node.store.put(b"a", b"")
    assert revisions(peer.take()) == [[], [4], [5]]


# Ids and refusals


def test_ids_are_counted_and_those_that_were_asked_for_are_passed_over(peer: WatchPeer) -> None:
    for watch_id in (0, 2, 1, 0, 0, -5, 0):
        peer.create(b"a", watch_id=watch_id)
    assert [one.watch_id for one in peer.take()] == [0, 2, 1, 3, 4, -5, 5]


def test_an_id_is_free_again_once_it_is_cancelled_but_not_counted_again(peer: WatchPeer) -> None:
    peer.create()
    peer.create(watch_id=7)
    peer.cancel(0)
    peer.cancel(7)
    peer.create(watch_id=7)
    peer.create()
    assert [(one.watch_id, one.canceled) for one in peer.take()] == [
        (0, False),
        (7, False),
        (0, True),
        (7, True),
        (7, False),
        (1, False),
    ]


def test_streams_have_ids_of_their_own(node: Node) -> None:
    for _ in range(2):
        peer = WatchPeer(node)
        peer.create()
        peer.create(watch_id=5)
        assert [one.watch_id for one in peer.take()] == [0, 5]


def test_a_cancelled_watcher_hears_that_and_nothing_more(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a")
    peer.create(b"a", start_revision=1)
    node.store.put(b"a", b"")
    peer.cancel(0)
    peer.cancel(1)
    node.store.put(b"a", b"")
    do_all(node)
    assert peer.take() == [
        answer(1, created=True),
        answer(1, 1, created=True),
        answer(2, events=[put_event(b"a", b"", 2)]),
        answer(2, canceled=True),
        answer(2, 1, canceled=True),
    ]


def test_nothing_is_said_of_an_id_that_is_not_there(peer: WatchPeer) -> None:
    peer.create()
    peer.take()
    for watch_id in (1, -1, 99):
        peer.cancel(watch_id)
    peer.cancel(0)
    peer.cancel(0)
    assert peer.take() == [answer(1, canceled=True)]


def test_a_request_that_is_none_of_the_three_is_passed_over(peer: WatchPeer) -> None:
    peer.send(m.WatchRequest())
    assert peer.take() == []


REFUSALS: dict[str, tuple[dict[str, object], str]] = {
    "a negative revision": ({"start_revision": -1}, errors.COMPACTED.message),
    "a range that ends before it begins": ({"range_end": b"A"}, watch.EMPTY_RANGE),
    "a range that ends where it begins": ({"range_end": b"a"}, watch.EMPTY_RANGE),
    "an id that is taken": ({"watch_id": 3}, watch.DUPLICATE_ID),
    "revision before range": (
        {"start_revision": -9, "range_end": b"A", "watch_id": 3},
        errors.COMPACTED.message,
    ),
    "range before id": ({"range_end": b"A", "watch_id": 3}, watch.EMPTY_RANGE),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_watcher_is_refused_under_the_id_of_none(node: Node, peer: WatchPeer, what: str) -> None:
    fields, reason = REFUSALS[what]
    peer.create(b"z", watch_id=3)
    node.store.put(b"z", b"")
    peer.take()
    peer.create(b"a", **fields)
    refusal = answer(2, -1, created=True, canceled=True, cancel_reason=reason)
    assert peer.take() == [refusal]
    peer.create(b"a")
    node.store.put(b"a", b"")
    assert [one.watch_id for one in peer.take()] == [0, 0]


def test_reasons_are_etcds() -> None:
    assert watch.EMPTY_RANGE == "mvcc: watcher range is empty"
    assert watch.DUPLICATE_ID == "mvcc: duplicate watch ID provided on the WatchStream"
    assert errors.COMPACTED.message == "etcdserver: mvcc: required revision has been compacted"


def test_the_empty_key_is_the_smallest_one_and_its_range_may_be_empty(peer: WatchPeer) -> None:
    """b"" means b"\\0", and so a range to b"\\0" would be one, were that not the sign of no end."""
    peer.create(b"", range_end=b"\0")
    peer.create(b"\0\0", range_end=b"\0")
    assert [one.canceled for one in peer.take()] == [False, False]


# Compaction


def test_a_compacted_start_is_told_without_a_revision_in_the_header(
    node: Node, peer: WatchPeer
) -> None:
    for _ in range(4):
        node.store.put(b"a", b"")
    node.compact(4)
    peer.create(b"a", start_revision=3)
    peer.create(b"a", start_revision=4)
    do_all(node)
    node.store.put(b"a", b"")
    told = peer.take()
    assert told[0] == answer(5, created=True)
    assert [one for one in told if one.compact_revision] == [
        Answer(header=header(0), canceled=True, compact_revision=4)
    ]
    assert revisions([one for one in told if one.watch_id == 1]) == [[], [4, 5], [6]]


def test_a_compacted_watcher_keeps_its_id_until_it_is_cancelled(
    node: Node, peer: WatchPeer
) -> None:
    """etcd takes it out of its groups and leaves it with the stream (chooseAll)."""
    for _ in range(3):
        node.store.put(b"a", b"")
    node.compact(3)
    peer.create(b"a", watch_id=9, start_revision=2)
    do_all(node)
    peer.take()
    peer.create(b"a", watch_id=9)
    peer.request_progress()
    assert [one.cancel_reason for one in peer.take()] == [watch.DUPLICATE_ID]
    peer.cancel(9)
    peer.create(b"a", watch_id=9)
    assert peer.take() == [answer(4, 9, canceled=True), answer(4, 9, created=True)]
    node.watches.check()


# Full sinks


def test_who_cannot_be_told_falls_behind_and_reads_history_later(node: Node) -> None:
    peer = WatchPeer(node, MemorySink(room=2))
    peer.create(b"a")
    for value in (b"1", b"2", b"3", b"4"):
        node.store.put(b"a", value)
    do_all(node)
    assert revisions(peer.take()) == [[], [2]]
    do_all(node)
    assert peer.take() == [
        answer(
            5,
            events=[put_event(b"a", b"%d" % v, 2, v + 1, v) for v in (2, 3, 4)],
        )
    ]
    node.store.put(b"a", b"5")
    assert revisions(peer.take()) == [[6]]


def test_a_full_sink_delays_no_other_stream(node: Node) -> None:
    slow, quick = WatchPeer(node, MemorySink(room=1)), WatchPeer(node)
    slow.create(b"a")
    quick.create(b"a")
    for _ in range(3):
        node.store.put(b"a", b"")
    do_all(node)
    assert revisions(quick.take()) == [[], [2], [3], [4]]
    assert len(slow.sink.messages) == 1


def test_watchers_of_a_full_stream_take_turns(node: Node) -> None:
    """Room for one answer, three watchers that are behind: each is told when there is room."""
    for _ in range(3):
        node.store.put(b"a", b"")
    peer = WatchPeer(node, MemorySink(room=1))
    for _ in range(3):
        peer.create(b"a", start_revision=2)
    peer.take()
    told = []
    for _ in range(3):
        do_all(node)
        told += peer.take()
    assert sorted(one.watch_id for one in told) == [0, 1, 2]
    assert revisions(told) == [[2, 3, 4]] * 3


def test_events_do_not_pile_up_in_a_full_sink(node: Node) -> None:
    peer = WatchPeer(node, MemorySink(room=5))
    for _ in range(4):
        peer.create(b"a")
    for _ in range(1_000):
        node.store.put(b"a", b"")
        do_all(node)
    assert len(peer.sink.messages) == 4 + 4, "a transaction is told to all that share a stream"


@pytest.mark.parametrize(("value", "most"), [(b"", 64), (b"v" * 2_000, 1)])
def test_a_full_sink_is_noticed_among_many_watchers_of_one_stream(
    node: Node, value: bytes, most: int
) -> None:
    """Small answers are gathered, up to 64; of large ones none is sent after it is full."""
    peer = WatchPeer(node)
    for _ in range(200):
        peer.create(b"a")
    peer.take()
    peer.sink.room = 1
    node.store.put(b"a", value)
    do_all(node)
    assert len(peer.sink.messages) == most
    peer.sink.room = 100_000
    told = peer.take()
    peer.receiver.writable()
    do_all(node)
    told += peer.take()
    assert sorted(one.watch_id for one in told) == list(range(200))


# Half-close and the end


def test_a_half_close_leaves_the_watchers(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a", progress_notify=True)
    peer.receiver.half_close()
    node.store.put(b"a", b"")
    assert revisions(peer.take()) == [[], [2]]
    assert peer.sink.status is None
    assert node.schedule.next_due is not None


def nobody_is_left(node: Node) -> bool:
    """No watcher in step, none behind, no tick to come."""
    node.watches.check()
    node.watches.resume()
    return (
        node.store.on_commit is None
        and not node.watches.has_work
        and node.schedule.next_due is None
    )


def test_the_end_of_a_stream_leaves_nothing(node: Node) -> None:
    peer = WatchPeer(node, MemorySink(room=4))
    node.store.put(b"a", b"")
    node.store.put(b"a", b"")
    peer.create(b"a", progress_notify=True)
    peer.create(b"a", range_end=b"b", start_revision=2)
    peer.create(b"a", start_revision=99)
    peer.create(b"b", start_revision=1)
    do_all(node)
    node.compact(2)
    assert not nobody_is_left(node)
    peer.receiver.cancelled()
    assert nobody_is_left(node)
    told = len(peer.sink.messages)
    node.store.put(b"a", b"")
    node.clock.advance(2_000)  # type: ignore[attr-defined]  # a virtual one
    assert len(peer.sink.messages) == told


def test_the_end_in_the_middle_of_a_pass_leaves_nothing(node: Node) -> None:
    for _ in range(5_000):
        node.store.put(b"a", b"")
    peer = WatchPeer(node)
    peer.create(b"a", start_revision=1, progress_notify=True)
    node.run_due(0.0)
    assert node.watches.has_work
    peer.receiver.cancelled()
    do_all(node)
    assert nobody_is_left(node)
    assert len(peer.take()) == 1


def test_the_end_of_one_stream_is_nothing_to_another(node: Node) -> None:
    one, other = WatchPeer(node), WatchPeer(node)
    one.create(b"a", progress_notify=True)
    other.create(b"a", progress_notify=True)
    one.receiver.cancelled()
    node.store.put(b"a", b"")
    assert (revisions(one.take()), revisions(other.take())) == ([[]], [[], [2]])
    assert node.schedule.next_due is not None


# Progress, asked for


def test_progress_is_told_once_for_all_of_a_stream(node: Node, peer: WatchPeer) -> None:
    for _ in range(3):
        peer.create(b"a")
    node.store.put(b"b", b"")
    peer.take()
    peer.request_progress()
    assert peer.take() == [answer(2, -1)]


def test_a_stream_without_watchers_has_no_progress(node: Node, peer: WatchPeer) -> None:
    peer.request_progress()
    peer.create()
    peer.cancel(0)
    peer.take()
    peer.request_progress()
    assert peer.take() == []


def test_one_watcher_that_is_behind_keeps_progress_from_all(node: Node, peer: WatchPeer) -> None:
    node.store.put(b"a", b"")
    peer.create(b"a")
    peer.create(b"a", start_revision=2)
    peer.take()
    peer.request_progress()
    assert peer.take() == []
    do_all(node)
    peer.take()
    peer.request_progress()
    assert peer.take() == [answer(2, -1)]


def test_one_watcher_of_the_future_keeps_progress_from_all(node: Node, peer: WatchPeer) -> None:
    peer.create(b"a")
    peer.create(b"a", start_revision=3)
    for revision in (1, 2, 3):
        peer.take()
        peer.request_progress()
        assert peer.take() == ([answer(3, -1)] if revision == 3 else [])
        node.store.put(b"b", b"")


# Progress, unasked


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def time_of_notice(clock: VirtualClock, peer: WatchPeer, most_seconds: float) -> float:
    """Jumps until there is an answer."""
    while not peer.sink.messages:
        assert clock.jump(), "a tick is due"
        assert clock.now() <= most_seconds
    return clock.now()


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_is_as_configured_and_up_to_a_tenth_more(
    clock: VirtualClock, seed: int
) -> None:
    node = new_node(clock, progress_notify_interval_seconds=600.0, seed=seed)
    peer = WatchPeer(node)
    peer.create(progress_notify=True)
    peer.take()
    assert 600 <= time_of_notice(clock, peer, 1_000) < 660
    assert peer.take() == [answer(1)]


def test_intervals_differ_from_stream_to_stream(clock: VirtualClock) -> None:
    node = new_node(clock)
    times = set()
    for _ in range(10):
        peer = WatchPeer(node)
        peer.create(progress_notify=True)
        due = node.schedule.next_due
        assert due is not None
        times.add(due - clock.now())
        peer.receiver.cancelled()
    assert len(times) == 10
    assert max(times) - min(times) > 20


@pytest.mark.parametrize("configured", [0.0, 0.001, 0.099, 0.1])
def test_no_interval_is_shorter_than_a_tenth_of_a_second(
    clock: VirtualClock, configured: float
) -> None:
    node = new_node(clock, progress_notify_interval_seconds=configured)
    peer = WatchPeer(node)
    peer.create(progress_notify=True)
    peer.take()
    assert 0.1 <= time_of_notice(clock, peer, 1) < 0.11


INTERVAL = 1.0
TICK = 1.1  # by then every stream that was opened at 0 has had its first tick, and no second one


def test_an_automatic_clock_brings_about_what_a_caller_waits_for(clock: VirtualClock) -> None:
    node = new_node(clock)
    node.lessor.grant(7, 60, clock.now())
    Handlers(node).call("Put", m.PutRequest(key=b"a", lease=7))
    peer = WatchPeer(node)
    peer.create()
    peer.take()
    clock.automatic = True
    while not peer.sink.messages:
        assert clock.idle(), "the lease is due"
    assert clock.now() == 60.0
    (answer,) = peer.take()
    assert [(each.type, each.kv.key) for each in answer.events] == [(m.Event.DELETE, b"a")]


@pytest.fixture
def ticking(clock: VirtualClock) -> Node:
    return new_node(clock, progress_notify_interval_seconds=INTERVAL)


def test_only_who_wants_it_is_told_of_progress(clock: VirtualClock, ticking: Node) -> None:
    peer = WatchPeer(ticking)
    peer.create(b"a")
    peer.create(b"a", progress_notify=True)
    peer.create(b"b", progress_notify=True)
    ticking.store.put(b"c", b"")
    peer.take()
    clock.advance(TICK)
    assert peer.take() == [answer(2, 1), answer(2, 2)]


def test_nothing_ticks_where_nobody_wants_it(clock: VirtualClock, ticking: Node) -> None:
    peer = WatchPeer(ticking)
    peer.create(b"a")
    assert ticking.next_due(clock.now()) is None


def test_who_was_told_something_since_the_last_tick_is_passed_over(
    clock: VirtualClock, ticking: Node
) -> None:
    peer = WatchPeer(ticking)
    peer.create(b"a", progress_notify=True)
    peer.create(b"b", progress_notify=True)
    ticking.store.put(b"a", b"")
    peer.take()
    clock.advance(TICK)
    assert peer.take() == [answer(2, 1)]
    clock.advance(TICK - 0.01)
    assert peer.take() == [answer(2, 0), answer(2, 1)]


def test_who_is_behind_is_told_of_no_progress(clock: VirtualClock, ticking: Node) -> None:
    peer = WatchPeer(ticking, MemorySink(room=2))
    peer.create(b"a", progress_notify=True)
    peer.create(b"a", progress_notify=True, start_revision=99)
    ticking.store.put(b"a", b"")
    clock.advance(TICK)
    assert [len(one.events) for one in peer.take()] == [0, 0]


def test_a_compacted_watcher_is_told_of_no_progress(clock: VirtualClock, ticking: Node) -> None:
    for _ in range(3):
        ticking.store.put(b"a", b"")
    ticking.compact(3)
    peer = WatchPeer(ticking)
    peer.create(b"a", progress_notify=True, start_revision=2)
    clock.advance(0)
    assert [one.compact_revision for one in peer.take()] == [0, 3]
    clock.advance(2 * TICK)
    assert peer.take() == []


def test_ticks_are_counted_from_the_opening_of_the_stream(
    clock: VirtualClock, ticking: Node
) -> None:
    """Not from the watcher's creation: whoever comes late in an interval waits less."""
    peer = WatchPeer(ticking)
    clock.advance(0.9)
    peer.create(b"a", progress_notify=True)
    peer.take()
    clock.advance(TICK - 0.9)
    assert peer.take() == [answer(1)]


def test_ticks_that_nobody_wanted_are_over(clock: VirtualClock, ticking: Node) -> None:
    peer = WatchPeer(ticking)
    clock.advance(10 * TICK)
    peer.create(b"a", progress_notify=True)
    clock.advance(0)
    assert peer.take() == [answer(1, created=True)]
    due = ticking.schedule.next_due
    assert due is not None
    assert 0 < due - clock.now() <= TICK


def test_ticks_go_on_as_long_as_somebody_wants_them(clock: VirtualClock, ticking: Node) -> None:
    peer = WatchPeer(ticking)
    peer.create(b"a", progress_notify=True)
    peer.create(b"a", progress_notify=True)
    peer.cancel(0)
    peer.take()
    clock.advance(TICK)
    assert peer.take() == [answer(1, 1)]
    assert ticking.schedule.next_due is not None
    peer.cancel(1)
    clock.advance(TICK - 0.01)
    assert ticking.schedule.next_due is None
    peer.create(b"a", progress_notify=True)
    assert ticking.schedule.next_due is not None


class SmallSink(MemorySink):
    """Takes so few messages that an endless row of them is seen."""

    def send(self, message: bytes) -> bool:
        assert len(self.messages) < 2_000, "this never ends"
        return super().send(message)


@pytest.mark.parametrize("seed", range(10))
def test_each_tick_tells_once_for_as_long_as_it_goes_on(seed: int) -> None:
    """However the times of ticks are rounded; the clock stands at zero or far from it."""
    for start in (0.0, 1e6 / 3):
        clock = VirtualClock(start)
        node = new_node(clock, progress_notify_interval_seconds=600.0, seed=seed)
        peer = WatchPeer(node, SmallSink())
        peer.create(b"a", progress_notify=True)
        peer.take()
        times = []
        for _ in range(500):
            assert clock.jump()
            times.append(clock.now())
            assert peer.take() == [answer(1)]
        gaps = [after - before for before, after in zip([start, *times], times, strict=False)]
        assert max(gaps) - min(gaps) < 1e-6


def test_progress_does_not_pile_up_in_a_full_sink(clock: VirtualClock, ticking: Node) -> None:
    """etcd leaves out what does not fit (watchable_store.go, send)."""
    peer = WatchPeer(ticking, MemorySink(room=2))
    peer.create(b"a", progress_notify=True)
    for _ in range(50):
        clock.jump()
    assert len(peer.sink.messages) == 2


# Fragments


def etcd_fragments(whole: Answer, limit: int) -> list[Answer]:
    """v3rpc/watch.go, sendFragments, as it stands there; sizes are protobuf's own."""
    if whole.ByteSize() < limit or len(whole.events) < 2:
        return [whole]
    pieces, place = [], 0
    while True:
        piece = Answer(header=whole.header, watch_id=whole.watch_id, fragment=True)
        for event in whole.events[place:]:
            piece.events.append(event)
            if len(piece.events) > 1 and piece.ByteSize() >= limit:
                del piece.events[-1]
                break
            place += 1
        if place == len(whole.events):
            piece.fragment = False
        pieces.append(piece)
        if not piece.fragment:
            return pieces


def fragmenting_node(limit: int) -> Node:
    """One whose largest message is `limit` bytes; half a megabyte of it is gRPC's."""
    node = new_node(max_request_bytes=limit - 512 * 1024)
    assert node.config.max_receive_bytes == limit
    return node


def told_of(
    node: Node, sizes: list[int], *, fragment: bool = True, watch_id: int = 0
) -> list[Answer]:
    peer = WatchPeer(node)
    peer.create(b"k", range_end=b"l", fragment=fragment, watch_id=watch_id)
    with node.store.write() as txn:
        for number, size in enumerate(sizes):
            txn.put(b"k%04d" % number, b"v" * size)
    return peer.take()[1:]


def whole_answer(sizes: list[int], watch_id: int = 0) -> Answer:
    (whole,) = told_of(new_node(), sizes, watch_id=watch_id)
    assert not whole.fragment
    return whole


@pytest.mark.parametrize("watch_id", [0, 300])
def test_an_answer_is_cut_at_exactly_the_limit(watch_id: int) -> None:
    sizes = [400, 500]
    whole = whole_answer(sizes, watch_id)
    size = whole.ByteSize()
    assert told_of(fragmenting_node(size + 1), sizes, watch_id=watch_id) == [whole]
    first, second = told_of(fragmenting_node(size), sizes, watch_id=watch_id)
    assert (first.fragment, second.fragment) == (True, False)
    assert [*first.events, *second.events] == list(whole.events)
    assert first.header == second.header == whole.header
    assert first.watch_id == second.watch_id == watch_id


def test_a_piece_may_be_one_byte_less_than_the_limit() -> None:
    """Measured with the sign of a fragment, which the last piece does not have in the end."""
    sizes = [300, 300, 300, 300]
    whole = whole_answer(sizes)
    two = Answer(header=whole.header, fragment=True, events=whole.events[:2]).ByteSize()
    assert [len(p.events) for p in told_of(fragmenting_node(two + 1), sizes)] == [2, 2]
    assert [len(p.events) for p in told_of(fragmenting_node(two), sizes)] == [1, 1, 1, 1]


def test_an_event_that_is_too_large_is_a_piece_of_its_own() -> None:
    sizes = [10, 2_000, 10, 2_000]
    told = told_of(fragmenting_node(1_000), sizes)
    assert [[len(event.kv.value) for event in one.events] for one in told] == [[s] for s in sizes]
    assert [one.fragment for one in told] == [True, True, True, False]
    told = told_of(fragmenting_node(1_000), [2_000, 10, 10])
    assert [len(one.events) for one in told] == [1, 2]
    assert [len(one.events) for one in told_of(fragmenting_node(1_000), [5_000])] == [1]


def test_nothing_is_cut_for_who_did_not_ask_for_it() -> None:
    told = told_of(fragmenting_node(500), [400] * 5, fragment=False)
    assert [(len(one.events), one.fragment) for one in told] == [(5, False)]


@pytest.mark.parametrize("limit", [*range(900, 1_000), 2_000, 100_000])
def test_pieces_are_those_of_etcd(limit: int) -> None:
    sizes = [(number * 7919) % 450 for number in range(12)]
    assert told_of(fragmenting_node(limit), sizes) == etcd_fragments(whole_answer(sizes), limit)


def test_history_is_cut_as_well() -> None:
    node = fragmenting_node(1_000)
    for number in range(10):
        node.store.put(b"a", b"v" * 300 + b"%d" % number)
    peer = WatchPeer(node)
    peer.create(b"a", start_revision=2, fragment=True)
    do_all(node)
    told = peer.take()[1:]
    assert revisions(told) == [[2, 3, 4], [5, 6, 7], [8, 9, 10], [11]]
    assert [one.fragment for one in told] == [True] * 3 + [False]


def test_the_limit_is_the_request_limit_and_half_a_megabyte() -> None:
    limit = NodeConfig(max_request_bytes=100_000).max_receive_bytes
    assert limit == 100_000 + 512 * 1024


# The same again


def test_two_nodes_that_are_told_the_same_say_the_same_bytes() -> None:
    def run() -> list[bytes]:
        clock = VirtualClock()
        node = new_node(clock, progress_notify_interval_seconds=0.5, seed=42)
        peers = [WatchPeer(node, MemorySink(room)) for room in (None, 3, 1)]
        said = []
        for step in range(60):
            peer = peers[step % 3]
            if step % 4 == 0:
                peer.create(
                    b"%d" % (step % 5),
                    range_end=b"\0" if step % 8 else b"",
                    start_revision=step % 7,
                    prev_kv=bool(step % 3),
                    progress_notify=step % 5 == 0,
                )
            if step == 30:
                node.compact(5)
            node.store.put(b"%d" % (step % 6), b"%d" % step)
            node.store.delete_range(b"%d" % (step % 11), None)
            peer.request_progress()
            if step % 20 == 19:
                clock.advance(0.2)
                for one in peers:
                    said += list(one.sink.messages)
                    one.take()
        clock.advance(0.2)
        return said + [message for one in peers for message in one.sink.messages]

    first = run()
    assert len(first) > 80
    assert first == run()


# Over every transport


def test_create_event_and_cancel(etcd: KvClient) -> None:
    with etcd.open_watch() as stream:
        stream.ask_to_create(key=b"a")
        assert stream.next() == answer(1, created=True)
        etcd.put(key=b"a", value=b"1")
        assert stream.next() == answer(2, events=[put_event(b"a", b"1", 2)])
        etcd.delete_range(key=b"a")
        assert stream.next() == answer(3, events=[delete_event(b"a", 3)])
        stream.cancel(0)
        assert stream.next() == answer(3, canceled=True)
        etcd.put(key=b"a")
        stream.create(key=b"b")
        etcd.put(key=b"b")
        assert stream.next() == answer(5, 1, events=[put_event(b"b", b"", 5)])


def test_a_transaction_of_a_client_is_one_answer(etcd: KvClient) -> None:
    with etcd.open_watch() as stream:
        stream.create(key=b"a", range_end=b"\0", prev_kv=True)
        puts = [m.RequestOp(request_put=m.PutRequest(key=key)) for key in (b"a", b"b")]
        etcd.txn(success=puts)
        assert stream.next().events == [put_event(b"a", b"", 2), put_event(b"b", b"", 2)]
        etcd.txn(success=[m.RequestOp(request_range=m.RangeRequest(key=b"a"))])
        stream.request_progress()
        assert stream.next() == answer(2, -1)


def test_history_is_replayed_from_a_revision_on(etcd: KvClient) -> None:
    for value in range(2_500):
        etcd.put(key=b"a", value=b"%d" % value)
    with etcd.open_watch() as stream:
        stream.create(key=b"a", start_revision=2)
        answers = [stream.next() for _ in range(3)]
        assert [len(one.events) for one in answers] == [1_000, 1_000, 500]
        values = [event.kv.value for one in answers for event in one.events]
        assert values == [b"%d" % value for value in range(2_500)]
        etcd.put(key=b"a")
        assert stream.revisions(1) == [2_502]


def test_a_compacted_start_is_told_over_the_wire(etcd: KvClient) -> None:
    for _ in range(3):
        etcd.put(key=b"a")
    etcd.compact(3)
    with etcd.open_watch() as stream:
        stream.create(key=b"a", start_revision=2)
        assert stream.next() == Answer(header=header(0), canceled=True, compact_revision=3)


def test_events_keep_coming_after_a_half_close(etcd: KvClient) -> None:
    with etcd.open_watch() as stream:
        stream.create(key=b"a")
        stream.half_close()
        for revision in range(2, 6):
            etcd.put(key=b"a")
            assert stream.revisions(1) == [revision]


def test_streams_of_one_connection_are_apart(etcd: KvClient) -> None:
    with etcd.open_watch() as one, etcd.open_watch() as other:
        assert one.create(key=b"a") == other.create(key=b"a") == 0
        one.cancel(0)
        assert one.next().canceled
        etcd.put(key=b"a")
        assert other.revisions(1) == [2]


def test_progress_comes_unasked_in_its_time() -> None:
    with (
        background.serve(["--watch-progress-notify-interval=100ms"]) as url,
        KvClient(url.removeprefix("http://")) as etcd,
        etcd.open_watch() as stream,
    ):
        stream.create(key=b"a", progress_notify=True)
        for _ in range(2):
            assert stream.next() == answer(1)


VALUE = bytes(50_000)


def test_a_slow_reader_gets_everything_later(etcd: KvClient) -> None:
    """10 MB, far more than windows and sinks take; others are served meanwhile."""
    with etcd.open_watch() as slow, etcd.open_watch() as quick:
        slow.create(key=b"a")
        quick.create(key=b"a")
        for revision in range(2, 202):
            etcd.put(key=b"a", value=VALUE)
            assert quick.revisions(1) == [revision]
        assert slow.revisions(200) == list(range(2, 202))
        etcd.put(key=b"a")
        assert slow.revisions(1) == [202]


@pytest.mark.parametrize("read", range(4))
def test_a_slow_reader_that_asks_for_something_gets_everything_too(
    etcd: KvClient, read: int
) -> None:
    """It has read some of what waits when it asks, and its answer comes into the full sink."""
    with etcd.open_watch(timeout_seconds=5) as slow:
        slow.create(key=b"a")
        for _ in range(20):
            etcd.put(key=b"a", value=VALUE * 2)
        told = slow.revisions(read)
        slow.ask_to_create(key=b"b")
        for _ in range(50):
            etcd.range(key=b"a", count_only=True)  # time for the server to read what was asked
        told += slow.revisions(20 - len(told))
        assert told == list(range(2, 22))


def test_what_a_slow_reader_does_not_read_takes_no_memory(etcd: KvClient) -> None:
    """20 MB are written and compacted away; the slow one is told that in the end."""
    with etcd.open_watch() as slow, etcd.open_watch() as quick:
        slow.create(key=b"a")
        quick.create(key=b"a")
        gc.collect()
        tracemalloc.start()
        try:
            for revision in range(2, 402):
                etcd.put(key=b"a", value=VALUE)
                assert quick.revisions(1) == [revision]
            etcd.compact(401, physical=True)
            gc.collect()
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert used < 3_000_000
        told = []
        while not told or not told[-1].compact_revision:
            told.append(slow.next())
        read = [number for one in told for number in revisions([one])[0]]
        assert read == list(range(2, 2 + len(read)))
        assert len(read) < 100
        assert told[-1] == Answer(header=header(0), canceled=True, compact_revision=401)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """The nodes of the servers that a test starts."""
    made: list[Node] = []

    class Known(Node):
        def __init__(self, config: NodeConfig, clock: Clock | None = None) -> None:
            super().__init__(config, clock)
            made.append(self)

    monkeypatch.setattr(servers, "Node", Known)
    return made


@contextmanager
def removals(monkeypatch: pytest.MonkeyPatch, count: int) -> Iterator[None]:
    """Waits at its end for so many watchers to be removed from whatever hub."""
    seen: queue.SimpleQueue[None] = queue.SimpleQueue()
    remove = WatchHub.remove

    def noted(hub: WatchHub, watcher: object) -> None:
        remove(hub, watcher)  # type: ignore[arg-type]  # handed through
        seen.put(None)

    monkeypatch.setattr(WatchHub, "remove", noted)
    yield
    for _ in range(count):
        seen.get(timeout=20)


def cancel_the_call(etcd: KvClient, stream: WatchStream) -> None:
    stream.call.cancel()


def close_the_channel(etcd: KvClient, stream: WatchStream) -> None:
    etcd.channel.close()


@pytest.mark.parametrize("end", [cancel_the_call, close_the_channel])
def test_the_watchers_of_a_lost_call_are_removed(
    nodes: list[Node],
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[KvClient, WatchStream], None],
) -> None:
    etcd = start()
    stream = etcd.open_watch()
    for key in (b"a", b"b", b"c"):
        stream.create(key=key, progress_notify=True)
    assert not nobody_is_left(nodes[0])
    with removals(monkeypatch, 3):
        end(etcd, stream)
    assert nobody_is_left(nodes[0])

"""What each fault does, to clients without a socket and to real ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.testing import FakeEtcd, faults, on
from fake_etcd.testing.faults.effects import Effect
from fake_etcd.transport.in_process.channel import InProcessChannel
from tests.testing.stubs import stub

Connect = Callable[[], grpc.Channel]


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd(endpoints=2) as made:
        yield made


@pytest.fixture(params=["in-process", "socket"])
def connect(request: pytest.FixtureRequest, etcd: FakeEtcd) -> Iterator[Connect]:
    """Makes clients' channels, each with a connection of its own."""
    made: list[grpc.Channel] = []

    def make() -> grpc.Channel:
        if request.param == "in-process":
            channel: grpc.Channel = etcd.channel()
        else:
            options = [
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 100),
            ]
            channel = grpc.insecure_channel(etcd.endpoint, options)
        made.append(channel)
        return channel

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(connect: Connect) -> grpc.Channel:
    return connect()


def put(channel: grpc.Channel, key: bytes, value: bytes = b"", **options: Any) -> int:
    """Gives the revision."""
    return int(
        stub(channel, "KV/Put")(m.PutRequest(key=key, value=value), **options).header.revision
    )


def put_again(channel: grpc.Channel, key: bytes) -> int:
    """A put behind a cut: grpcio may begin it on what is left of the connection, in vain."""
    for _ in range(10):
        call = stub(channel, "KV/Put").future(m.PutRequest(key=key), wait_for_ready=True)
        if call.code() is grpc.StatusCode.OK:
            return int(call.result().header.revision)
        assert call.code() is grpc.StatusCode.UNAVAILABLE
    raise AssertionError("it never got through")


def keys(etcd: FakeEtcd) -> list[bytes]:
    """All there are, by a way of its own."""
    everything = m.RangeRequest(key=b"\0", range_end=b"\0")
    return [kv.key for kv in stub(etcd.channel(), "KV/Range")(everything).kvs]


def failure(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """How a call fails."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    error: Any = raised.value
    return error.code(), error.details()


class Stream:
    """A stream whose requests a test sends one by one."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self.call = stub(channel, name)(iter(self._requests.get, None), wait_for_ready=True)

    def ask(self, request: object) -> None:
        self._requests.put(request)

    def next(self) -> Any:
        return next(self.call)

    def end(self) -> tuple[grpc.StatusCode, list[Any]]:
        """How it ends, and the answers before."""
        answers: list[Any] = []
        with suppress(grpc.RpcError):
            answers.extend(self.call)  # those before the end are there whatever the end is
        self._requests.put(None)
        return self.call.code(), answers


def watch(channel: grpc.Channel, key: bytes, start_revision: int = 0) -> Stream:
    """A watcher that is there when this returns."""
    stream = Stream(channel, "Watch/Watch")
    create = m.WatchCreateRequest(key=key, start_revision=start_revision)
    stream.ask(m.WatchRequest(create_request=create))
    assert stream.next().created
    return stream


@pytest.fixture(autouse=True)
def streams_end(etcd: FakeEtcd) -> Iterator[None]:
    """Threads of streams' requests do not outlive the test."""
    made: list[Stream] = []
    begin = Stream.__init__

    def noted(self: Stream, *arguments: Any) -> None:
        begin(self, *arguments)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "__init__", noted)
        yield
    for stream in made:
        stream.ask(None)
        stream.call.cancel()


# Refused


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no leader", errors.NO_LEADER),
        ("request timed out", errors.TIMEOUT),
        ("too many requests", errors.REQUEST_TOO_MANY_REQUESTS),
        ("auth token invalid", errors.INVALID_AUTH_TOKEN),
    ],
)
def test_a_call_is_refused_with_etcds_own_error(
    etcd: FakeEtcd, channel: grpc.Channel, name: str, error: type[errors.EtcdError]
) -> None:
    etcd.faults.add(on.Put(), faults.refuse(name), times=1)
    code, details = failure(lambda: put(channel, b"a"))
    assert (code.value[0], details) == (error.code, error.message)
    assert keys(etcd) == []
    assert put(channel, b"a") == 2


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (faults.refuse(grpc.StatusCode.ABORTED, "why"), (grpc.StatusCode.ABORTED, "why")),
        (faults.refuse("ABORTED", "why"), (grpc.StatusCode.ABORTED, "why")),
        (faults.refuse(Code.ABORTED), (grpc.StatusCode.ABORTED, "")),
        (faults.refuse(Status(Code.UNKNOWN, "x")), (grpc.StatusCode.UNKNOWN, "x")),
        (faults.refuse("NO_SPACE"), (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.NO_SPACE.message)),
        (faults.refuse(errors.STOPPED), (grpc.StatusCode.UNAVAILABLE, errors.STOPPED.message)),
    ],
)
def test_a_call_is_refused_with_any_status(
    etcd: FakeEtcd, effect: Effect, expected: tuple[grpc.StatusCode, str]
) -> None:
    etcd.faults.add(on.any(), effect, times=1)
    assert failure(lambda: put(etcd.channel(), b"a")) == expected


@pytest.mark.parametrize("row", errors.ALL.values(), ids=list(errors.ALL))
def test_each_of_etcds_errors_is_known_by_its_name_and_its_text(
    row: type[errors.EtcdError],
) -> None:
    expected = str(faults.refuse(row))
    short = row.message.removeprefix("etcdserver: ")
    assert [str(faults.refuse(name)) for name in (row.__name__, row.message, short)] == [
        expected
    ] * 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("no laeder",), r"etcd has no such error; near are 'no leader'"),
        (("nothing like it",), r"etcd has no such error; near are "),
        ((Code.OK,), "is no error"),
        (("no leader", "why"), "has its own text"),
    ],
)
def test_what_is_no_error_is_not_taken_for_one(arguments: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        faults.refuse(*arguments)


def test_a_request_on_a_stream_that_was_open_before_is_refused(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    stream = Stream(channel, "Lease/LeaseKeepAlive")
    stream.ask(m.LeaseKeepAliveRequest(ID=7))
    assert stream.next().ID == 7
    etcd.faults.add(on.LeaseKeepAlive(), faults.refuse("no leader"))
    stream.ask(m.LeaseKeepAliveRequest(ID=7))
    assert stream.end() == (grpc.StatusCode.UNAVAILABLE, [])
    assert stream.call.details() == errors.NO_LEADER.message


# Lost with the connection


def test_a_lost_answer_leaves_its_change(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    rule = etcd.faults.add(on.Put(key="a"), faults.lose_answer(), times=1)
    assert failure(lambda: put(channel, b"a"))[0] is grpc.StatusCode.UNAVAILABLE
    assert (keys(etcd), rule.acted) == ([b"a"], 1)
    assert put_again(channel, b"b") == 3


def test_a_dropped_request_changes_nothing(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    rule = etcd.faults.add(on.Put(key="a"), faults.drop(), times=1)
    assert failure(lambda: put(channel, b"a"))[0] is grpc.StatusCode.UNAVAILABLE
    assert (keys(etcd), rule.acted) == ([], 1)
    assert put_again(channel, b"b") == 2


def test_an_error_is_an_answer_that_can_be_lost(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    etcd.faults.add(on.Put(), faults.lose_answer(), times=1)
    code, details = failure(lambda: put(channel, b""))
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "key is not provided" not in details


@pytest.mark.parametrize("effect", [faults.lose_answer(), faults.drop(), faults.cut()])
def test_a_connection_is_lost_with_all_its_calls_and_no_other(
    etcd: FakeEtcd, connect: Connect, effect: Effect
) -> None:
    first, second = connect(), connect()
    own, others = watch(first, b"x"), watch(second, b"x")
    etcd.faults.add(on.Put(key="a"), effect)
    assert failure(lambda: put(first, b"a"))[0] is grpc.StatusCode.UNAVAILABLE
    assert own.end() == (grpc.StatusCode.UNAVAILABLE, [])
    put(second, b"x")
    assert others.next().events[0].kv.key == b"x"


def test_the_answer_of_a_compaction_that_takes_time_is_lost_when_it_is_due(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    put(channel, b"a")
    put(channel, b"a")
    etcd.faults.add(on.Compact(), faults.lose_answer(), times=1)
    compact = m.CompactionRequest(revision=3, physical=True)
    code, _ = failure(lambda: stub(channel, "KV/Compact")(compact))
    assert code is grpc.StatusCode.UNAVAILABLE
    put_again(channel, b"b")
    again = failure(lambda: stub(channel, "KV/Compact")(compact))
    assert again[1] == errors.COMPACTED.message


def test_a_request_on_a_stream_is_handled_and_its_answer_lost(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.faults.add(on.LeaseKeepAlive(), faults.lose_answer(), skip=1)
    stream = Stream(channel, "Lease/LeaseKeepAlive")
    stream.ask(m.LeaseKeepAliveRequest(ID=7))
    assert stream.next().ID == 7
    stream.ask(m.LeaseKeepAliveRequest(ID=7))
    assert stream.end() == (grpc.StatusCode.UNAVAILABLE, [])


def test_a_request_that_has_no_answer_loses_the_connection_all_the_same(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    stream = watch(channel, b"a")
    etcd.faults.add(on.Watch(), faults.lose_answer())
    stream.ask(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=7)))
    assert stream.end() == (grpc.StatusCode.UNAVAILABLE, [])


# Cut


@pytest.mark.parametrize("messages", [1, 2, 3])
def test_a_connection_is_cut_after_so_many_answers(
    etcd: FakeEtcd, channel: grpc.Channel, messages: int
) -> None:
    etcd.faults.add(on.Watch(key="a"), faults.cut(messages=messages), times=1)
    stream = Stream(channel, "Watch/Watch")
    stream.ask(m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a")))
    for _ in range(messages - 1):
        stream.next()
        put(etcd.channel(), b"a")
    code, answers = stream.end()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert len(answers) in arrived(channel, 1)
    put_again(channel, b"a")
    watch(channel, b"a")


def arrived(channel: grpc.Channel, sent: int) -> tuple[int, ...]:
    """How many answers come of what was sent just before the connection was cut: grpcio forgets
    what it has not given out when it reads the end of the connection as well."""
    return (sent,) if isinstance(channel, InProcessChannel) else (0, sent)


def test_a_unary_call_whose_connection_is_cut_behind_its_answer_has_no_status(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.faults.add(on.Put(), faults.cut(messages=1))
    assert failure(lambda: put(channel, b"a"))[0] is grpc.StatusCode.UNAVAILABLE
    assert keys(etcd) == [b"a"]


@pytest.mark.parametrize(("spare", "whole"), [(-1, 0), (0, 1), (1, 1)])
def test_a_connection_is_cut_after_so_many_bytes_of_answers(
    etcd: FakeEtcd, channel: grpc.Channel, spare: int, whole: int
) -> None:
    size = len(m.WatchResponse(header=_header(etcd), created=True).SerializeToString())
    event = m.WatchResponse(header=_header(etcd))
    event.events.add().kv.CopyFrom(
        m.KeyValue(key=b"a", mod_revision=2, create_revision=2, version=1)
    )
    size += len(event.SerializeToString()) + spare
    etcd.faults.add(on.Watch(), faults.cut(bytes=size))
    stream = watch(channel, b"a")
    put(etcd.channel(), b"a")
    if spare > 0:
        put(etcd.channel(), b"a")
    code, answers = stream.end()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert len(answers) in arrived(channel, whole)


def _header(etcd: FakeEtcd) -> Any:
    header = stub(etcd.channel(), "KV/Range")(m.RangeRequest(key=b"a")).header
    header.revision = max(header.revision, 2)
    return header


def test_a_stream_that_is_open_is_cut_at_once(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    stream = watch(channel, b"a")
    etcd.faults.add(on.Watch(key="a"), faults.cut(), times=1)
    assert stream.end() == (grpc.StatusCode.UNAVAILABLE, [])
    put_again(channel, b"b")
    watch(channel, b"a")


@pytest.mark.parametrize("number", [0, -1])
def test_a_cut_that_lets_nothing_through_is_another_fault(number: int) -> None:
    with pytest.raises(ValueError, match="lose_answer"):
        faults.cut(messages=number)
    with pytest.raises(ValueError, match="lose_answer"):
        faults.cut(bytes=number)
    with pytest.raises(ValueError, match="either"):
        faults.cut(messages=1, bytes=1)


# Later


def test_a_delayed_call_is_handled_when_its_time_has_come(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.clock.freeze()
    etcd.faults.add(on.Put(key="a"), faults.delay(5))
    late = stub(channel, "KV/Put").future(m.PutRequest(key=b"a"))
    _wait_for(etcd, 1)
    assert put(channel, b"b") == 2
    etcd.clock.advance(4.9)
    assert (keys(etcd), late.done()) == ([b"b"], False)
    etcd.clock.advance(0.1)
    assert late.result(5).header.revision == 3


def _wait_for(etcd: FakeEtcd, acted: int) -> None:
    """Until so many requests were struck: those of sockets come when they come."""
    struck = threading.Event()
    for _ in range(5_000):
        if sum(rule.acted for rule in etcd.faults) >= acted:
            return
        struck.wait(0.001)
    raise AssertionError("nothing was struck")


def test_a_call_that_is_delayed_beyond_its_deadline_changes_nothing(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.faults.add(on.Put(key="a"), faults.delay(60))
    code, _ = failure(lambda: put(channel, b"a", timeout=0.05))
    # The server resets a call that is too late; grpcio may see that before its own deadline.
    assert code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    etcd.clock.freeze()
    etcd.clock.advance(61)
    assert keys(etcd) == []


def test_nothing_is_due_of_a_delayed_call_that_was_cancelled(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.faults.add(on.Put(), faults.delay(5))
    call = stub(etcd.channel(), "KV/Put").future(m.PutRequest(key=b"a"))
    assert etcd.node.schedule.next_due is not None
    call.cancel()
    assert etcd.node.schedule.next_due is None


def test_a_delay_of_real_time_passes_while_the_clock_stands_still(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.clock.freeze()
    etcd.faults.add(on.Put(), faults.delay(0.01, real=True))
    assert put(channel, b"a") == 2
    assert etcd.faults.describe().endswith("acted once")


def test_nothing_is_left_of_a_real_delay_that_nobody_waits_for() -> None:
    threads = set(threading.enumerate())
    with FakeEtcd() as etcd:
        etcd.faults.add(on.Put(), faults.delay(1_000, real=True))
        call = stub(etcd.channel(), "KV/Put").future(m.PutRequest(key=b"a"))
        assert len(set(threading.enumerate()) - threads) == 1
        call.cancel()
        call = stub(etcd.channel(), "KV/Put").future(m.PutRequest(key=b"a"))
    assert set(threading.enumerate()) <= threads


def test_requests_behind_a_delayed_one_keep_their_order(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    etcd.clock.freeze()
    etcd.faults.add(on.LeaseKeepAlive(), faults.delay(1), times=1)
    stream = Stream(channel, "Lease/LeaseKeepAlive")
    for id in (1, 2, 3):
        stream.ask(m.LeaseKeepAliveRequest(ID=id))
    _wait_for(etcd, 1)
    etcd.clock.advance(1)
    assert [stream.next().ID for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("end", ["remove", "clear", "seconds"])
def test_a_stalled_watcher_is_told_everything_in_the_end(
    etcd: FakeEtcd, channel: grpc.Channel, end: str
) -> None:
    etcd.clock.freeze()
    stream = watch(channel, b"a")
    rule = etcd.faults.add(on.Watch(key="a"), faults.stall(5 if end == "seconds" else None))
    for value in (b"1", b"2"):
        put(etcd.channel(), b"a", value)
    got: SimpleQueue[list[bytes]] = SimpleQueue()
    reader = threading.Thread(
        target=lambda: got.put([stream.next().events[0].kv.value for _ in range(2)])
    )
    reader.start()
    if end == "seconds":
        etcd.clock.advance(4.9)
    assert got.empty()
    if end == "remove":
        etcd.faults.remove(rule)
    elif end == "clear":
        etcd.faults.clear()
    else:
        etcd.clock.advance(0.1)
    assert got.get(timeout=5) == [b"1", b"2"]
    reader.join()


def test_a_stalled_call_has_changed_what_it_was_to_change(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    rule = etcd.faults.add(on.Put(), faults.stall())
    late = stub(channel, "KV/Put").future(m.PutRequest(key=b"a"))
    failed = stub(channel, "KV/Put").future(m.PutRequest())
    _wait_for(etcd, 2)
    assert (keys(etcd), late.done(), failed.done()) == ([b"a"], False, False)
    etcd.faults.remove(rule)
    assert late.result(5).header.revision == 2
    assert failed.exception(5).details() == errors.EMPTY_KEY.message


def test_a_watcher_that_is_stalled_under_a_flood_is_told_it_all(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    stream = watch(channel, b"a")
    rule = etcd.faults.add(on.Watch(), faults.stall())
    value = bytes(100_000)
    for _ in range(20):
        put(etcd.channel(), b"a", value)
    etcd.faults.remove(rule)
    seen: list[int] = []
    while len(seen) < 20:
        seen += [event.kv.mod_revision for event in stream.next().events]
    assert seen == list(range(2, 22))


# The state, and watchers


def test_leases_expire_under_a_call(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    for id in (7, 8):
        stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(ID=id, TTL=100))
        key = b"%d" % id
        stub(channel, "KV/Put")(m.PutRequest(key=key, lease=id))
    rule = etcd.faults.add(on.Put(key="b"), faults.expire_leases(7))
    put(channel, b"b")
    assert keys(etcd) == [b"8", b"b"]
    etcd.faults.remove(rule)
    etcd.faults.now(faults.expire_leases())
    assert keys(etcd) == [b"b"]


def test_a_watcher_that_is_behind_finds_its_revision_compacted(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    for _ in range(3):
        put(channel, b"a")
    rule = etcd.faults.add(on.Watch(), faults.compact_under_watcher())
    watch(channel, b"a")
    watch(channel, b"a", 5)
    assert rule.acted == 0
    behind = watch(channel, b"a", 3)
    answer = behind.next()
    assert (answer.canceled, answer.compact_revision, rule.acted) == (True, 4, 1)


def test_a_watcher_that_fell_behind_is_told_that_what_it_missed_is_compacted(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    stream = watch(channel, b"a")
    stalled = etcd.faults.add(on.Watch(), faults.stall())
    for _ in range(20):
        put(etcd.channel(), b"a", bytes(100_000))
    etcd.faults.now(faults.compact_under_watcher())
    etcd.faults.remove(stalled)
    answer = stream.next()
    while not answer.canceled:
        answer = stream.next()
    assert answer.compact_revision == 21


def test_a_client_that_loses_its_watch_connection_can_resume(
    etcd: FakeEtcd, channel: grpc.Channel
) -> None:
    rule = etcd.faults.add(on.Watch(key="a"), faults.lose_watch(after=1))
    stream = watch(channel, b"a")
    put(etcd.channel(), b"a", b"1")
    assert stream.next().events[0].kv.value == b"1"
    put(etcd.channel(), b"a", b"2")
    assert stream.end() == (grpc.StatusCode.UNAVAILABLE, [])
    put_again(channel, b"b")
    resumed = watch(channel, b"a", 3)
    assert resumed.next().events[0].kv.value == b"2"
    assert (rule.acted, rule.is_spent) == (1, True)


# Connections


def test_new_connections_are_denied_as_often_as_the_rule_says(
    etcd: FakeEtcd, connect: Connect
) -> None:
    first = connect()
    put(first, b"a")
    rule = etcd.faults.add(on.connection(endpoint=0), faults.deny_connections())
    put(first, b"b")
    second = connect()
    assert failure(lambda: put(second, b"c"))[0] is grpc.StatusCode.UNAVAILABLE
    assert rule.acted >= 1
    assert put(etcd.channel(1), b"d") == 4
    etcd.faults.remove(rule)
    assert put_again(second, b"e") == 5


def test_a_client_that_waits_for_a_connection_tries_again(etcd: FakeEtcd) -> None:
    etcd.clock.auto_advance()
    rule = etcd.faults.add(on.connection(), faults.deny_connections(), times=3)
    assert put(etcd.channel(), b"a", wait_for_ready=True) == 2
    assert (rule.acted, etcd.clock.now > 0.9) == (3, True)


def test_a_connection_that_is_cut_is_denied_a_new_one(etcd: FakeEtcd) -> None:
    channel = etcd.channel()
    put(channel, b"a")
    rule = etcd.faults.add(on.connection(), faults.deny_connections())
    etcd.faults.add(on.Put(key="a"), faults.drop())
    assert failure(lambda: put(channel, b"a"))[1] == "fake_etcd: the connection was cut"
    assert failure(lambda: put(channel, b"b"))[1] == "fake_etcd: this endpoint is down"
    etcd.faults.remove(rule)
    assert put(channel, b"b") == 3


def test_going_back_leaves_connections_as_they_are(etcd: FakeEtcd) -> None:
    channel = etcd.channel()
    before = etcd.snapshot()
    rule = etcd.faults.add(on.connection(), faults.deny_connections())
    etcd.restore(before)
    assert (put(channel, b"a"), rule.acted) == (2, 0)


# Their end


def test_reset_takes_the_rules_away(etcd: FakeEtcd, channel: grpc.Channel) -> None:
    etcd.faults.add(on.any(), faults.refuse("no leader"))
    etcd.faults.add(on.connection(), faults.deny_connections())
    etcd.reset()
    assert (len(etcd.faults), etcd.faults.describe()) == (0, "")
    assert put(channel, b"a") == 2


def test_a_unary_call_that_no_rule_is_about_goes_straight_to_its_handler(etcd: FakeEtcd) -> None:
    before = etcd._shared.endpoints["/etcdserverpb.KV/Put"]
    rule = etcd.faults.add(on.Range(), faults.delay(1))
    assert etcd._shared.endpoints["/etcdserverpb.KV/Put"].unary is not None
    assert etcd._shared.endpoints["/etcdserverpb.KV/Range"].unary is None
    etcd.faults.remove(rule)
    assert etcd._shared.endpoints["/etcdserverpb.KV/Range"].unary is not None
    assert before.unary is not None

"""A test's own time, through the doors."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from tests.testing.stubs import stub


def grant(channel: grpc.Channel, id: int, ttl: int) -> None:
    stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(ID=id, TTL=ttl))


def remaining(channel: grpc.Channel, id: int) -> int:
    answer = stub(channel, "Lease/LeaseTimeToLive")(m.LeaseTimeToLiveRequest(ID=id))
    return int(answer.TTL)


def watch(channel: grpc.Channel) -> Any:
    """A watch of everything that has been created."""
    create = m.WatchCreateRequest(key=b"\0", range_end=b"\0")
    call = stub(channel, "Watch/Watch")(iter([m.WatchRequest(create_request=create)]))
    assert next(call).created
    return call


def deleted(call: Any) -> list[bytes]:
    """The keys of its next answer, all of which are gone."""
    events = next(call).events
    assert {event.type for event in events} == {m.Event.DELETE}
    return [event.kv.key for event in events]


def leased(channel: grpc.Channel) -> None:
    """Key 1 for 3 seconds, 2 for 5."""
    for id, ttl in ((1, 3), (2, 5)):
        grant(channel, id, ttl)
        stub(channel, "KV/Put")(m.PutRequest(key=b"%d" % id, lease=id))


@pytest.mark.parametrize("inside", [True, False])
def test_what_becomes_due_has_happened_and_has_been_sent_when_advance_returns(inside: bool) -> None:
    with FakeEtcd() as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        channel = etcd.channel() if inside else outside
        etcd.clock.freeze()
        leased(channel)
        call = watch(channel)
        began = etcd.clock.now
        etcd.clock.advance(2)
        assert remaining(channel, 1) == 1
        etcd.clock.advance(1.5)
        assert remaining(channel, 1) == -1
        assert deleted(call) == [b"1"]
        etcd.clock.advance(100)
        assert deleted(call) == [b"2"]
        assert etcd.clock.now == pytest.approx(began + 103.5)


def test_it_goes_from_one_thing_that_is_due_to_the_next() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        channel = etcd.channel()
        leased(channel)
        call = watch(channel)
        seconds = 0.0
        while remaining(channel, 1) != -1:
            seconds += etcd.clock.advance_to_next()
        assert 3 <= seconds <= 3.5, "etcd looks for what has expired twice a second"
        assert deleted(call) == [b"1"]
        while remaining(channel, 2) != -1:
            seconds += etcd.clock.advance_to_next()
        assert 5 <= seconds <= 5.5
        with pytest.raises(RuntimeError, match=r"^advance_to_next\(\): nothing is due"):
            etcd.clock.advance_to_next()


def test_who_waits_moves_an_automatic_clock() -> None:
    with FakeEtcd() as etcd:
        channel = etcd.channel()
        leased(channel)
        call = watch(channel)
        etcd.clock.auto_advance()
        began = etcd.clock.now
        assert deleted(call) == [b"1"]
        assert 2 <= etcd.clock.now - began <= 3.5
        assert deleted(call) == [b"2"]
        etcd.clock.auto_advance(False)
        stopped = etcd.clock.now
        assert etcd.clock.is_frozen
        assert 4 <= stopped - began <= 5.5
        etcd.clock.advance(1)
        assert etcd.clock.now == pytest.approx(stopped + 1)


def test_who_waits_already_notices_that_the_clock_is_automatic_now() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        channel = etcd.channel()
        leased(channel)
        call = watch(channel)
        found: list[list[bytes]] = []
        waiting = threading.Thread(target=lambda: found.append(deleted(call)))
        waiting.start()
        while not etcd._shared._sleepers:
            threading.Event().wait(0.001)
        etcd.clock.auto_advance()
        waiting.join(10)
        assert found == [[b"1"]]


def test_deadlines_are_moved_to_as_well() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.auto_advance()
        began = etcd.clock.now
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
        call = stub(etcd.channel(), "Watch/Watch")(iter([create]), timeout=3_600)
        assert next(call).created
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert etcd.clock.now == pytest.approx(began + 3_600)


def test_time_that_runs_is_not_moved() -> None:
    with FakeEtcd() as etcd:
        for move in (lambda: etcd.clock.advance(1), etcd.clock.advance_to_next):
            with pytest.raises(RuntimeError, match=r"call clock\.freeze\(\) before$"):
                move()


def test_time_does_not_go_back() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        with pytest.raises(ValueError, match=r"^advance\(-1\): time does not go back"):
            etcd.clock.advance(-1)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan")])
def test_it_is_moved_by_what_has_an_end(seconds: float) -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        leased(etcd.channel())
        before = etcd.clock.now
        with pytest.raises(ValueError, match=r"^advance\(\w+\): say by how many seconds$"):
            etcd.clock.advance(seconds)
        assert etcd.clock.now == before


def test_it_stands_still_and_runs_again_from_there() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        frozen = etcd.clock.now
        assert etcd.clock.now == frozen
        etcd.clock.freeze()
        etcd.clock.advance(50)
        etcd.clock.real()
        assert not etcd.clock.is_frozen
        first, second = etcd.clock.now, etcd.clock.now
        assert frozen + 50 <= first <= second


def test_what_became_due_while_nobody_called_is_done_before_the_next_call() -> None:
    with FakeEtcd() as etcd:
        channel = etcd.channel()
        grant(channel, 1, 2)
        etcd._clock.put_back(10.0)  # so much real time went by
        assert remaining(channel, 1) == -1


def test_a_closed_one_has_no_time_left_to_move() -> None:
    etcd = FakeEtcd()
    etcd.clock.freeze()
    etcd.close()
    with pytest.raises(RuntimeError, match=r"^this FakeEtcd is closed$"):
        etcd.clock.advance(1)

"""Keep-alives by a clock that the test moves: when renewals come, and when a loss is told.

Each step waits for what the client does, so that nothing depends on how fast that is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import LeaseLost, context, rpctypes, with_require_leader
from fake_etcd.clientv3.errors import StatusError
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face

NewClient = Callable[..., Any]


@pytest.fixture
def etcd(fake_etcd: FakeEtcd) -> FakeEtcd:
    """One whose time stands still at 1000."""
    fake_etcd.clock.freeze()
    fake_etcd.clock.advance(1000 - fake_etcd.clock.now)
    return fake_etcd


@pytest.fixture
def cli(etcd: FakeEtcd, new_client: NewClient) -> Any:
    """A client that goes by its clock."""
    return new_client(clock=etcd.clock)


@pytest.fixture
def in_process(etcd: FakeEtcd, face: Face, new_client: NewClient) -> Any:
    """One that needs no port: no connection of gRPC's, with a time of its own, is between."""
    channel = etcd.aio_channel if face.is_asyncio else etcd.channel
    return new_client(clock=etcd.clock, dial=lambda endpoint: channel())


class Told:
    """What the client says of a lease, and when."""

    def __init__(self, etcd: FakeEtcd, cli: Any, lease: int, **options: Any) -> None:
        self._etcd = etcd
        self.queue: queue.Queue[tuple[float, object]] = queue.Queue()
        self.kept = cli.keep_alive(
            lease,
            on_response=lambda answer: self._put(answer.ttl),
            on_lost=self._put,
            **options,
        )

    def _put(self, told: object) -> None:
        self.queue.put((round(self._etcd.clock.now, 6), told))

    def next(self) -> tuple[float, object]:
        return self.queue.get(timeout=10)


def asked(etcd: FakeEtcd) -> list[int]:
    """The ids of all renewals that were asked for."""
    return [
        request.ID for call in etcd.history.calls("LeaseKeepAlive") for request in call.requests
    ]


def test_a_lease_is_renewed_each_third_of_its_ttl(etcd: FakeEtcd, cli: Any) -> None:
    told = Told(etcd, cli, cli.grant(9).id)
    assert told.next() == (1000, 9)
    for number in range(1, 100):
        etcd.clock.advance(2.9)
        etcd.clock.advance(0.1)
        assert told.next() == (1000 + 3 * number, 9)
    assert len(asked(etcd)) == 100
    assert told.queue.empty()


def test_all_leases_share_one_stream_and_each_has_its_time(etcd: FakeEtcd, cli: Any) -> None:
    one, two = Told(etcd, cli, cli.grant(9, id=1).id), Told(etcd, cli, cli.grant(30, id=2).id)
    assert (one.next(), two.next()) == ((1000, 9), (1000, 30))
    for number in (1, 2, 3):
        etcd.clock.advance(3)
        assert one.next() == (1000 + 3 * number, 9)
    etcd.clock.advance(1)
    assert two.next() == (1010, 30)
    assert asked(etcd) == [1, 2, 1, 1, 1, 2]
    assert len(etcd.history.calls("LeaseKeepAlive")) == 1


def test_those_who_keep_the_same_lease_share_its_renewals(etcd: FakeEtcd, cli: Any) -> None:
    lease = cli.grant(9, id=7).id
    first = Told(etcd, cli, lease)
    assert first.next() == (1000, 9)
    second = Told(etcd, cli, lease)
    etcd.clock.advance(3)
    assert (first.next(), second.next()) == ((1003, 9), (1003, 9))
    first.kept.cancel()
    etcd.clock.advance(3)
    assert second.next() == (1006, 9)
    assert first.queue.empty()
    assert asked(etcd) == [7, 7, 7]
    second.kept.cancel()
    etcd.clock.advance(30)
    assert asked(etcd) == [7, 7, 7]
    assert cli.leases().leases == ()


def test_a_lease_without_answers_is_asked_for_each_half_second_and_lost_at_its_time(
    etcd: FakeEtcd, cli: Any
) -> None:
    told = Told(etcd, cli, cli.grant(9, id=7).id)
    assert told.next() == (1000, 9)
    etcd.faults.add(on.LeaseKeepAlive(), faults.stall())
    etcd.clock.advance(3)
    for number in range(2, 14):
        wait_until(lambda: len(asked(etcd)) == number)  # noqa: B023
        etcd.clock.advance(0.5)
    time, error = told.next()
    assert time == 1009
    assert isinstance(error, LeaseLost)
    assert (error.lease, error.reason) == (7, None)
    assert str(error) == "etcdclient: lease 7 is lost: no answer for as long as it lives"
    assert told.kept.error is error


def test_a_stream_that_breaks_is_opened_again_half_a_second_later(etcd: FakeEtcd, cli: Any) -> None:
    told = Told(etcd, cli, cli.grant(9, id=7).id)
    assert told.next() == (1000, 9)
    etcd.clock.advance(1)
    for streams, time in ((2, 1001.5), (3, 1002), (4, 1002.5)):
        etcd.cut_connections()
        wait_for(etcd, time)
        etcd.clock.advance(0.5)
        etcd.history.wait_for("LeaseKeepAlive", times=streams)
    wait_for(etcd, 1003)
    etcd.clock.advance(0.5)
    assert told.next() == (1003, 9)
    assert asked(etcd) == [7, 7]


def test_a_lease_whose_stream_cannot_be_opened_is_lost_at_its_time(
    etcd: FakeEtcd, in_process: Any
) -> None:
    told = Told(etcd, in_process, in_process.grant(9, id=7).id)
    assert told.next() == (1000, 9)
    etcd.clock.advance(1)
    with etcd.down():
        wait_for(etcd, 1001.5)
        etcd.clock.advance(7.9)
        assert not told.kept.is_over
        etcd.clock.advance(0.1)
        time, error = told.next()
    assert time == 1009
    assert isinstance(error, LeaseLost)
    assert isinstance(error.reason, StatusError)
    assert error.reason.code is Code.UNAVAILABLE


def test_who_requires_a_leader_is_told_where_there_is_none(etcd: FakeEtcd, cli: Any) -> None:
    lease = cli.grant(9, id=7).id
    one = Told(etcd, cli, lease, ctx=with_require_leader(context.background()))
    assert one.next() == (1000, 9)
    other = Told(etcd, cli, lease)  # whose first answer is that to the next renewal
    etcd.faults.add(on.LeaseKeepAlive(), faults.refuse("no leader"), times=1)
    etcd.clock.advance(3)
    time, error = one.next()
    assert (time, type(error)) == (1003, rpctypes.ErrNoLeader)
    wait_until(lambda: etcd.clock.waiting.count(1003.5) == 2)  # to send, and to open the stream
    etcd.clock.advance(0.5)
    assert other.next() == (1003.5, 9)
    assert one.kept.is_over


def test_a_lease_that_ended_on_the_server_is_told(etcd: FakeEtcd, cli: Any) -> None:
    told = Told(etcd, cli, cli.grant(9, id=7).id)
    assert told.next() == (1000, 9)
    etcd.faults.now(faults.expire_leases())
    etcd.clock.advance(3)
    time, error = told.next()
    assert time == 1003
    assert isinstance(error, LeaseLost)
    assert isinstance(error.reason, rpctypes.ErrLeaseNotFound)


@pytest.mark.parametrize(("dial_timeout", "seconds"), [(None, 5.0), (2.0, 3.0)])
def test_a_first_answer_may_take_its_time(
    etcd: FakeEtcd, new_client: NewClient, dial_timeout: float | None, seconds: float
) -> None:
    cli = new_client(clock=etcd.clock, dial_timeout=dial_timeout)
    lease = cli.grant(60).id
    rule = etcd.faults.add(on.LeaseKeepAlive(), faults.refuse("no leader"))
    told = Told(etcd, cli, lease)
    wait_until(lambda: rule.acted == 1)
    etcd.clock.advance(seconds - 0.001)
    assert not told.kept.is_over
    etcd.clock.advance(0.001)
    time, error = told.next()
    assert (time, type(error)) == (1000 + seconds, LeaseLost)


@pytest.mark.parametrize("ends", ["cancel", "deadline"])
def test_a_context_ends_what_runs_under_it_and_nothing_else(
    etcd: FakeEtcd, cli: Any, ends: str
) -> None:
    lease = cli.grant(9).id
    ctx, cancel = context.with_timeout(context.background(), 4 if ends == "deadline" else 60)
    other = Told(etcd, cli, lease)
    assert other.next() == (1000, 9)
    kept = cli.keep_alive(lease, ctx=ctx)  # whose first answer is that to the next renewal
    etcd.clock.advance(3)
    assert other.next() == (1003, 9)
    assert next(kept).ttl == 9
    if ends == "cancel":
        cancel()
    else:
        etcd.clock.advance(1)
    assert list(kept) == []
    assert (kept.is_over, kept.error) == (True, None)
    etcd.clock.advance(1006 - etcd.clock.now)
    assert other.next() == (1006, 9)


def test_under_a_context_that_has_ended_nothing_is_kept_alive(etcd: FakeEtcd, cli: Any) -> None:
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    assert list(cli.keep_alive(cli.grant(9).id, ctx=ctx)) == []


def test_who_does_not_read_misses_answers(
    etcd: FakeEtcd, cli: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lease = cli.grant(9, id=0xA).id
    told = Told(etcd, cli, lease)
    assert told.next() == (1000, 9)
    kept = cli.keep_alive(lease)
    for number in range(1, 21):
        etcd.clock.advance(3)
        assert told.next() == (1000 + 3 * number, 9)
    told.kept.cancel()
    kept.cancel()
    assert [answer.ttl for answer in kept] == [9] * 16
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["lease a keepalive response queue is full; dropping responses"]


def test_a_callback_that_fails_is_told_to_the_log_alone(
    etcd: FakeEtcd, cli: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lease = cli.grant(9).id
    good = Told(etcd, cli, lease)
    assert good.next() == (1000, 9)
    bad = cli.keep_alive(lease, on_response=lambda answer: answer.nothing)
    for time in (1003, 1006):
        etcd.clock.advance(3)
        assert good.next() == (time, 9)
    assert not bad.is_over
    assert "AttributeError: 'LeaseKeepAliveResponse'" in caplog.text


def test_a_clock_that_is_put_back_takes_the_leases_along(etcd: FakeEtcd, cli: Any) -> None:
    lease = cli.grant(9, id=7).id
    before = etcd.snapshot()
    told = Told(etcd, cli, lease)
    assert told.next() == (1000, 9)
    for number in range(1, 5):
        etcd.clock.advance(3)
        assert told.next() == (1000 + 3 * number, 9)
    etcd.restore(before)
    wait_until(lambda: etcd.clock.waiting.count(1000.5) == 2)
    etcd.clock.advance(0.5)
    assert told.next() == (1000.5, 9)
    etcd.clock.advance(3)
    assert told.next() == (1003.5, 9)


def wait_until(condition: Callable[[], bool]) -> None:
    """Until the client has done what it is about to do; the clock stands still meanwhile."""
    for _ in range(5000):
        if condition():
            return
        threading.Event().wait(0.002)
    raise TimeoutError("it was not done in ten seconds")


def wait_for(etcd: FakeEtcd, time: float) -> None:
    """Until the client waits for this time."""
    wait_until(lambda: time in etcd.clock.waiting)

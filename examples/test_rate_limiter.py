"""The rate limiter, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from examples import rate_limiter
from examples.etcd import Etcd
from examples.one_line_less import one_line_less
from examples.rate_limiter import RateLimiter
from fake_etcd.testing import FakeEtcd, faults


def test_two_servers_admit_no_more_than_the_limit(fake_etcd: FakeEtcd) -> None:
    one, two = (RateLimiter(Etcd(fake_etcd.channel()), "login", 3, 60) for _ in range(2))
    admitted = [one.admit("r1"), two.admit("r2"), one.admit("r3"), two.admit("r4")]
    assert admitted == [True, True, True, False]


def test_a_window_ends_with_its_lease(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    limiter = RateLimiter(Etcd(fake_etcd.channel()), "login", limit=1, window_seconds=60)
    assert limiter.admit("r1")
    fake_etcd.clock.advance(59)
    assert not limiter.admit("r2")
    fake_etcd.clock.advance(2)
    assert limiter.admit("r2")


def test_the_same_request_is_counted_once(fake_etcd: FakeEtcd) -> None:
    limiter = RateLimiter(Etcd(fake_etcd.channel()), "login", limit=2, window_seconds=60)
    assert [limiter.admit(request_id) for request_id in ("r1", "r1", "r2")] == [True] * 3
    assert not limiter.admit("r3")


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """Three requests where two may come."""
    one, two = (app.RateLimiter(Etcd(etcd.channel()), "login", 2, 60) for _ in range(2))
    admitted = [one.admit("r1"), two.admit("r2"), one.admit("r3")]
    assert admitted == [True, True, False]


def test_no_fault_breaks_it(fake_etcd: FakeEtcd) -> None:
    fake_etcd.explore(partial(story, rate_limiter)).assert_ok()


def test_one_line_less_and_a_request_is_counted_twice(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(rate_limiter, "admitted.discard(request_id)")
    found = fake_etcd.explore(partial(story, app))
    # It is the transaction that admitted the last request that there was room for.
    assert [outcome.place.number for outcome in found.broken] == [5]
    assert {outcome.place.effect for outcome in found.broken} == {faults.lose_answer()}

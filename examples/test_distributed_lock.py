"""The distributed lock, when nothing goes wrong and when anything does."""

from __future__ import annotations

from examples.distributed_lock import Lock
from examples.etcd import Etcd
from fake_etcd.testing import FakeEtcd


def test_one_of_two_has_the_lock(fake_etcd: FakeEtcd) -> None:
    first, second = (Lock(Etcd(fake_etcd.channel()), "stock") for _ in range(2))
    assert [first.acquire(), second.acquire()] == [True, False]
    assert [first.write(b"stock", b"41"), second.write(b"stock", b"42")] == [True, False]
    first.release()
    assert [first.acquire(), second.acquire()] == [True, False]
    assert fake_etcd.store.get("stock") == b"41"


def test_a_crashed_owner_loses_the_lock_when_its_lease_ends(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    crashed, other = (Lock(Etcd(fake_etcd.channel()), "stock", ttl_seconds=6) for _ in range(2))
    assert crashed.acquire()
    fake_etcd.clock.advance(5)
    assert not other.acquire()
    fake_etcd.clock.advance(2)
    assert other.acquire()


def test_an_owner_that_slept_for_too_long_writes_nothing(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    sleeper, other = (Lock(Etcd(fake_etcd.channel()), "stock", ttl_seconds=6) for _ in range(2))
    assert sleeper.acquire()
    fake_etcd.clock.advance(7)
    assert other.acquire()
    assert not sleeper.write(b"stock", b"41")
    assert other.write(b"stock", b"42")
    assert not sleeper.beat()

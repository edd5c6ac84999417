"""The distributed lock, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from examples import distributed_lock
from examples.distributed_lock import Lock
from examples.etcd import Etcd
from examples.one_line_less import one_line_less
from fake_etcd.testing import FakeEtcd, faults


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


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """Two want the lock at once; one gets it and works, then it is the other one's turn."""
    locks = [app.Lock(Etcd(etcd.channel()), "stock") for _ in range(2)]
    owners = [lock for lock in locks if lock.acquire()]
    assert len(owners) == 1, f"{len(owners)} have the lock"
    assert owners[0].write(b"stock", b"41"), "the owner may not write"
    owners[0].release()
    (other,) = set(locks) - set(owners)
    assert other.acquire(), "nobody has the lock, and it is not to be had"


def test_no_fault_breaks_it(fake_etcd: FakeEtcd) -> None:
    fake_etcd.explore(partial(story, distributed_lock)).assert_ok()


def test_one_line_less_and_a_lock_does_not_recognise_itself(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(distributed_lock, "is_ours |= lock.lease == self._lease")
    found = fake_etcd.explore(partial(story, app))
    # Both are transactions that took the lock.
    assert [outcome.place.number for outcome in found.broken] == [2, 8]
    assert {outcome.place.effect for outcome in found.broken} == {faults.lose_answer()}

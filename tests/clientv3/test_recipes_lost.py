"""What becomes of locks and elections when answers are lost, and when leases are.

Only the emulator can lose them; what they do otherwise is in test_mutex and test_election.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from fake_etcd.clientv3 import LeaseLost, StatusError, op_put, rpctypes
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.concurrently import queued, until
from tests.clientv3.faces import Face


@pytest.fixture
def new_mutex(
    face: Face, concurrency: ModuleType, new_session: Callable[[], Any]
) -> Callable[..., Any]:
    def make(session: Any = None) -> Any:
        return face.make(concurrency.Mutex, session or new_session(), "/lock")

    return make


def is_owner(cli: Any, mutex: Any) -> bool:
    """As a transaction sees it, which may meet a connection that a fault has cut just now; nothing
    that may write is repeated by the client then."""
    for _ in range(100):
        with suppress(StatusError):
            succeeded: bool = (
                cli.txn().if_(mutex.is_owner()).then(op_put("n", "")).commit().succeeded
            )
            return succeeded
    raise AssertionError("no transaction came through")


def calls(etcd: FakeEtcd) -> list[str]:
    return [call.method for call in etcd.history.calls() if "etcdserverpb.KV" in call.path]


def test_a_lock_whose_answer_is_lost_is_nobodys_and_can_be_taken_again(
    fake_etcd: FakeEtcd, cli: Any, new_mutex: Callable[..., Any]
) -> None:
    mutex, other = new_mutex(), new_mutex()
    fake_etcd.faults.add(on.Txn(key=b"/lock/"), faults.lose_answer(), times=1)
    with pytest.raises(StatusError):
        mutex.lock()
    assert (mutex.key, fake_etcd.store.dump()) == (b"", {})
    other.lock(timeout=10.0)
    other.unlock()
    fake_etcd.history.clear()
    mutex.lock(timeout=10.0)
    # It waits until the key has been taken away for the last time.
    assert calls(fake_etcd) == ["Txn", "Txn"]
    assert is_owner(cli, mutex)


def test_what_another_of_the_session_has_is_not_taken_away(
    fake_etcd: FakeEtcd, cli: Any, new_session: Callable[[], Any], new_mutex: Callable[..., Any]
) -> None:
    session = new_session()
    mutex, same = new_mutex(session), new_mutex(session)
    mutex.lock()
    fake_etcd.faults.add(on.Txn(key=b"/lock/"), faults.lose_answer(), times=1)
    with pytest.raises(StatusError):
        same.lock()
    assert (same.key, is_owner(cli, mutex), is_owner(cli, same)) == (b"", True, False)
    fake_etcd.faults.add(on.Txn(prefix=b"/lock/"), faults.drop(), times=1)
    with pytest.raises(StatusError):
        mutex.lock()  # that it has already
    assert is_owner(cli, mutex)
    mutex.unlock()
    assert not is_owner(cli, mutex)


@pytest.mark.parametrize("effect", [faults.drop(), faults.lose_answer()], ids=str)
def test_a_lock_is_given_away_though_the_answer_is_lost(
    fake_etcd: FakeEtcd, cli: Any, new_mutex: Callable[..., Any], effect: faults.Effect
) -> None:
    mutex = new_mutex()
    rule = fake_etcd.faults.add(on.DeleteRange(), effect, times=1)
    with mutex:
        assert is_owner(cli, mutex)
    assert (rule.acted, cli.get("/lock/", prefix=True).kvs) == (1, ())


def test_a_lock_that_may_not_be_given_away_is_still_had(
    fake_etcd: FakeEtcd, cli: Any, new_mutex: Callable[..., Any]
) -> None:
    mutex = new_mutex()
    mutex.lock()
    fake_etcd.faults.add(on.DeleteRange(), faults.refuse("permission denied"), times=1)
    with pytest.raises(rpctypes.ErrPermissionDenied):
        mutex.unlock()
    assert is_owner(cli, mutex)
    mutex.unlock()
    assert not is_owner(cli, mutex)


def test_a_campaign_whose_answer_is_lost_elects_nobody(
    fake_etcd: FakeEtcd,
    face: Face,
    concurrency: ModuleType,
    new_session: Callable[[], Any],
) -> None:
    election = face.make(concurrency.Election, new_session(), "/boss")
    fake_etcd.faults.add(on.Txn(), faults.lose_answer(), times=1)
    with pytest.raises(StatusError):
        election.campaign("me")
    with pytest.raises(concurrency.ErrElectionNoLeader):
        election.leader()
    election.campaign("me", timeout=10.0)
    assert election.leader().kvs[0].key == election.key
    fake_etcd.faults.add(on.Txn(), faults.drop(), times=1)
    election.resign()
    with pytest.raises(concurrency.ErrElectionNoLeader):
        election.leader()


def test_an_owner_is_told_that_he_lost_his_lease_before_another_has_the_lock(
    fake_etcd: FakeEtcd,
    face: Face,
    concurrency: ModuleType,
    new_client: Callable[..., Any],
) -> None:
    clock = fake_etcd.clock
    clock.freeze()
    fake_etcd.faults.add(on.LeaseKeepAlive(), faults.stall())
    cli = new_client(clock=clock)
    owner, other = (face.make(concurrency.Session, cli, ttl=ttl) for ttl in (9, 60))
    for session in (owner, other):
        session.__enter__()
    mutex, next_one = (face.make(concurrency.Mutex, session, "/lock") for session in (owner, other))
    mutex.lock()
    with queued(cli, "/lock/", next_one.lock) as waits:
        assert not owner.done()
        clock.advance(8.9)
        until(owner.done)
        assert isinstance(owner.error, LeaseLost)
        assert (waits.is_alive(), is_owner(cli, mutex)) == (True, True)
        clock.advance(1.1)
        waits.outcome()
    assert [is_owner(cli, each) for each in (mutex, next_one)] == [False, True]

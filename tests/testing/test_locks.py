"""Locks without a socket: threads that wait for each other, going back in time, and what may go
wrong with a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.testing import FakeEtcd
from tests.testing.stubs import stub

SECONDS = 20.0


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as made:
        yield made


def lock_stub(channel: grpc.Channel, name: str) -> Any:
    method = METHODS[f"/v3lockpb.Lock/{name}"]
    return channel.unary_unary(
        method.path, method.request.SerializeToString, method.response.FromString
    )


def lock(channel: grpc.Channel, lease: int) -> bytes:
    request = m.LockRequest(name=b"l", lease=lease)
    key: bytes = lock_stub(channel, "Lock")(request, timeout=SECONDS).key
    return key


def unlock(channel: grpc.Channel, key: bytes) -> None:
    lock_stub(channel, "Unlock")(m.UnlockRequest(key=key), timeout=SECONDS)


def grant(channel: grpc.Channel, lease: int) -> None:
    stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(ID=lease, TTL=60))


def keys(etcd: FakeEtcd) -> list[bytes]:
    return [item[0] for item in etcd.store.items()]


def test_threads_take_turns(etcd: FakeEtcd) -> None:
    inside, most = 0, 0

    def work(lease: int) -> None:
        nonlocal inside, most
        channel = etcd.channel()
        grant(channel, lease)
        for _ in range(5):
            key = lock(channel, lease)
            inside += 1
            most = max(most, inside)
            stub(channel, "KV/Put")(m.PutRequest(key=b"work"))
            inside -= 1
            unlock(channel, key)

    threads = [threading.Thread(target=work, args=(lease,)) for lease in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert (most, inside, keys(etcd)) == (1, 0, [b"work"])


def test_who_waits_at_a_snapshot_keeps_its_key_when_it_is_gone_back_to(etcd: FakeEtcd) -> None:
    channel = etcd.channel()
    for lease in (7, 8):
        grant(channel, lease)
    lock(channel, 7)
    waiting = lock_stub(channel, "Lock").future(m.LockRequest(name=b"l", lease=8), timeout=SECONDS)
    before = etcd.snapshot()
    assert keys(etcd) == [b"l/7", b"l/8"]
    etcd.restore(before)
    with pytest.raises(grpc.RpcError) as refusal:
        waiting.result()
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert keys(etcd) == [b"l/7", b"l/8"]


def work_under_a_lock(etcd: FakeEtcd) -> None:
    """Its lock is that of a lease which is there already, so that it can be asked for twice."""
    channel = etcd.channel()
    for _ in range(2):
        try:
            key = lock(channel, 7)
            break
        except grpc.RpcError:
            continue
    else:
        raise AssertionError("only one call goes wrong")
    unlock(channel, key)


def one_at_most_has_it(etcd: FakeEtcd) -> bool:
    return keys(etcd) in ([], [b"l/7"])


def test_a_lock_that_is_asked_for_twice_is_one(etcd: FakeEtcd) -> None:
    grant(etcd.channel(), 7)
    found = etcd.explore(work_under_a_lock, one_at_most_has_it)
    found.assert_ok()
    assert str(found) == "none of 4 places breaks it, in 2 calls"

"""A lease that is kept alive, with each of its calls going wrong in turn.

Whatever goes wrong: a lease that the client reports alive is alive on the server, or its loss is
told, and nothing of the client is left behind. Time moves on whenever everybody waits; where this
machine is slow it may move on too early, and then a lease is lost that needs not be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fake_etcd.clientv3 import Config, Error, LeaseLost, context, rpctypes
from fake_etcd.testing import FakeEtcd, faults
from tests.clientv3.faces import Face

EFFECTS = (
    faults.drop(),
    faults.lose_answer(),
    faults.refuse("no leader"),
    faults.expire_leases(),
)
TTL = 9
RENEWALS = 3

Work = Callable[[Face, Any, FakeEtcd], None]


@contextmanager
def connected(face: Face, etcd: FakeEtcd) -> Iterator[Any]:
    """A client that has the etcd's time, without a network between."""
    etcd.clock.auto_advance()
    channel = etcd.aio_channel if face.is_asyncio else etcd.channel
    config = Config(endpoints=["it"], clock=etcd.clock, dial=lambda endpoint: channel())
    with face.client(config) as cli:
        yield cli


def is_there(etcd: FakeEtcd) -> bool:
    """Whether the lease lives: its key does."""
    return etcd.store.get("held") is not None


def keep(face: Face, cli: Any, etcd: FakeEtcd) -> None:
    lease = cli.grant(TTL).id
    cli.put("held", "", lease=lease)
    kept = cli.keep_alive(lease)
    told = loss(kept, RENEWALS)
    if told is None and not is_there(etcd):
        told = loss(kept)
        assert told is not None
    if told is not None:
        assert kept.is_over
        assert kept.error is told
        assert not isinstance(told.reason, rpctypes.ErrLeaseNotFound) or not is_there(etcd)


def loss(kept: Any, most_answers: int = 100) -> LeaseLost | None:
    """What is told of it, after answers that came before it was lost; None where it was not."""
    try:
        for _ in range(most_answers):
            assert next(kept).ttl == TTL
    except LeaseLost as lost:
        return lost
    return None


def renewals(etcd: FakeEtcd) -> int:
    """How often somebody has asked for one."""
    return sum(len(call.requests) for call in etcd.history.calls("LeaseKeepAlive"))


def have_session(face: Face, cli: Any, etcd: FakeEtcd) -> None:
    with face.make(face.module("concurrency").Session, cli, ttl=TTL) as session:
        cli.put("held", "", lease=session.lease)
        is_lost = False
        while not is_lost and renewals(etcd) < RENEWALS:
            is_lost = session.wait(TTL / 3) or not is_there(etcd)
        if is_lost:
            # More than once: time may move on before the keeper's thread has its turn.
            assert any(session.wait(2 * TTL) for _ in range(50))
            assert isinstance(session.ctx.err(), context.Canceled)
            assert isinstance(session.error, LeaseLost)
    assert not is_there(etcd)


@pytest.mark.parametrize("work", [keep, have_session])
def test_a_lease_is_alive_or_its_loss_is_told(face: Face, fake_etcd: FakeEtcd, work: Work) -> None:
    def with_client(etcd: FakeEtcd) -> None:
        with connected(face, etcd) as cli:
            work(face, cli, etcd)

    def nothing_is_left(etcd: FakeEtcd) -> None:
        assert [each.name for each in threading.enumerate() if "clientv3" in each.name] == []

    explored = fake_etcd.explore(with_client, nothing_is_left, effects=EFFECTS, allowed=(Error,))
    explored.assert_ok()
    names = [call.partition("(")[0] for call in explored.calls]
    assert names.count("LeaseKeepAlive") >= RENEWALS
    assert explored.left_out == 0

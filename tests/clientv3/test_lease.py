"""Leases through both faces: whole answers, renewals, and losses that are told."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Client, Config, KeepAliveHalted, LeaseLost, aio, context, rpctypes
from fake_etcd.clientv3.errors import StatusError
from fake_etcd.clientv3.responses import (
    LeaseGrantResponse,
    LeaseKeepAliveResponse,
    LeaseLeasesResponse,
    LeaseRevokeResponse,
    LeaseStatus,
    LeaseTimeToLiveResponse,
)
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.concurrently import other_tasks
from tests.clientv3.faces import Face

AUTH = {"root": "of root"}


def test_a_lease_is_granted_and_revoked(cli: Any) -> None:
    header = cli.put("before", "").header
    assert cli.grant(60, id=7) == LeaseGrantResponse(header, 7, 60)
    put = cli.put("k", "v", lease=7).header
    told = cli.time_to_live(7, attached_keys=True)
    assert told == LeaseTimeToLiveResponse(put, 7, told.ttl, 60, (b"k",))
    assert told.ttl in (58, 59, 60)
    assert cli.time_to_live(7).keys == ()
    assert cli.leases() == LeaseLeasesResponse(put, (LeaseStatus(7),))
    revoked = cli.revoke(7)
    assert revoked == LeaseRevokeResponse(cli.get("k").header)
    assert revoked.header.revision == put.revision + 1
    assert cli.get("k").kvs == ()
    assert cli.time_to_live(7) == LeaseTimeToLiveResponse(revoked.header, 7, -1)


def test_a_server_picks_an_id_where_none_is_given(cli: Any) -> None:
    first, second = cli.grant(60).id, cli.grant(60).id
    assert 0 != first != second != 0


def test_what_leases_cannot_be_is_an_error_of_etcd(cli: Any) -> None:
    cli.grant(60, id=7)
    with pytest.raises(rpctypes.ErrLeaseExist):
        cli.grant(60, id=7)
    with pytest.raises(rpctypes.ErrLeaseTTLTooLarge):
        cli.grant(9_000_000_001)
    for call in (cli.revoke, cli.keep_alive_once):
        with pytest.raises(rpctypes.ErrLeaseNotFound):
            call(404)


def test_a_lease_is_renewed_once(cli: Any) -> None:
    cli.grant(60, id=7)
    header = cli.put("k", "").header
    assert cli.keep_alive_once(7) == LeaseKeepAliveResponse(header, 7, 60)


def test_a_lease_is_kept_alive(cli: Any) -> None:
    header = cli.put("k", "").header
    cli.grant(1, id=7)
    with cli.keep_alive(7) as kept:
        answers = [next(kept) for _ in range(2)]
        assert (kept.lease, kept.is_over, kept.error) == (7, False, None)
    assert [answer.id for answer in answers] == [7, 7]
    assert answers[0] == LeaseKeepAliveResponse(header, 7, answers[0].ttl)
    assert list(kept) == []
    assert kept.is_over


def test_a_lease_that_is_not_there_is_lost_at_once(cli: Any) -> None:
    kept = cli.keep_alive(0x404)
    with pytest.raises(LeaseLost, match=r"^etcdclient: lease 404 is lost: etcdserver: requested"):
        next(kept)
    assert list(kept) == []


def test_callbacks_are_told(cli: Any) -> None:
    answers: queue.Queue[LeaseKeepAliveResponse] = queue.Queue()
    losses: queue.Queue[LeaseLost] = queue.Queue()
    cli.grant(1, id=7)
    kept = cli.keep_alive(7, on_response=answers.put, on_lost=losses.put)
    assert answers.get(timeout=10).id == 7
    cli.revoke(7)
    loss = losses.get(timeout=10)
    assert (loss.lease, type(loss.reason)) == (7, rpctypes.ErrLeaseNotFound)
    assert kept.error is loss
    with pytest.raises(LeaseLost):
        next(kept)
    assert losses.empty()


def test_a_closed_client_keeps_nothing_alive(cli: Any) -> None:
    cli.grant(60, id=7)
    kept = cli.keep_alive(7)
    next(kept)
    cli.close()
    assert list(kept) == []
    with pytest.raises(KeepAliveHalted, match=r"^etcdclient: leases keep alive halted: context c"):
        cli.keep_alive(7)


def test_keys_of_leases_are_told_as_they_are_in_a_namespace(
    face: Face, cli: Any, new_client: Callable[..., Any]
) -> None:
    cli.grant(60, id=7)
    for key in ("app/a", "app/sub/b", "other", "app"):
        cli.put(key, "", lease=7)
    namespaced = new_client(namespace="app/")
    wrap = face.module("namespace").NamespaceLease
    assert sorted(namespaced.time_to_live(7, attached_keys=True).keys) == [b"a", b"sub/b"]
    for lease in (face.make(wrap, namespaced, "sub/"), face.make(wrap, cli, "app/sub/")):
        assert lease.time_to_live(7, attached_keys=True).keys == (b"b",)
        assert lease.keep_alive_once(7).ttl == 60


def test_one_renewal_is_tried_again_while_the_server_is_away(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.grant(60, id=7)
    rule = fake_etcd.faults.add(on.LeaseKeepAlive(), faults.drop(), times=3)
    assert cli.keep_alive_once(7).ttl == 60
    assert rule.acted == 3


def test_one_renewal_ends_with_its_time(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.grant(60, id=7)
    fake_etcd.faults.add(on.LeaseKeepAlive(), faults.drop())
    with pytest.raises(context.DeadlineExceeded):
        cli.keep_alive_once(7, timeout=0.1)


def test_one_renewal_is_not_tried_again_where_etcd_refuses(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.grant(60, id=7)
    rule = fake_etcd.faults.add(on.LeaseKeepAlive(), faults.refuse("no leader"), times=2)
    with pytest.raises(rpctypes.ErrNoLeader):  # UNAVAILABLE, too, but Go's client stops here
        cli.keep_alive_once(7)
    assert rule.acted == 1
    fake_etcd.faults.clear()
    fake_etcd.faults.add(on.LeaseKeepAlive(), faults.refuse(Code.UNKNOWN))
    with pytest.raises(StatusError):
        cli.keep_alive_once(7)


def test_a_lease_survives_the_end_of_its_connection(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.grant(1, id=7)
    kept = cli.keep_alive(7)
    next(kept)
    for _ in range(2):
        fake_etcd.cut_connections()
        assert next(kept).id == 7


@pytest.mark.fake_etcd(auth=AUTH)
def test_each_stream_has_a_token_of_its_own(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(username="root", password="of root")
    cli.grant(1, id=7)
    kept = cli.keep_alive(7)
    next(kept)
    fake_etcd.faults.now(faults.expire_tokens())
    fake_etcd.cut_connections()
    assert next(kept).id == 7
    assert cli.keep_alive_once(7).id == 7
    fake_etcd.history.assert_called("Authenticate", times=4)  # the client's first, and for streams


def ours() -> list[str]:
    return sorted(each.name for each in threading.enumerate() if "clientv3: lease" in each.name)


def test_two_threads_keep_all_leases_alive_and_end_with_the_last_of_them(
    fake_etcd: FakeEtcd,
) -> None:
    cli = Client(Config(endpoints=fake_etcd.endpoints))
    assert ours() == []
    for _ in range(2):
        kept = [cli.keep_alive(cli.grant(60).id) for _ in range(30)]
        for each in kept:
            next(each)
        assert ours() == ["clientv3: lease answers", "clientv3: lease renewals"]
        for each in kept:
            each.cancel()
        for thread in threading.enumerate():
            if "clientv3: lease" in thread.name:
                thread.join(10)
        assert ours() == []
    with cli.keep_alive(cli.grant(60).id) as last:
        next(last)
        cli.close()
        assert ours() == []


def test_two_tasks_keep_all_leases_alive_and_end_with_the_client(fake_etcd: FakeEtcd) -> None:
    async def work() -> list[str]:
        async with aio.Client(Config(endpoints=fake_etcd.endpoints)) as cli:
            kept = [cli.keep_alive((await cli.grant(60)).id) for _ in range(30)]
            for each in kept:
                assert (await anext(each)).ttl == 60
            names = [task.get_name() for task in asyncio.all_tasks()]
            assert sorted(name for name in names if "clientv3" in name) == [
                "clientv3: lease answers",
                "clientv3: lease renewals",
            ]
        return [repr(task) for task in other_tasks()]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(work(), debug=True) == []
        gc.collect()


def test_a_loop_that_ends_before_its_client_ends_the_tasks(fake_etcd: FakeEtcd) -> None:
    ended = []

    async def work() -> aio.KeepAlive:
        cli = aio.Client(Config(endpoints=fake_etcd.endpoints))
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: ended.append(told))
        kept = cli.keep_alive((await cli.grant(60)).id)
        await anext(kept)
        return kept

    def work_and_leave() -> None:
        assert asyncio.run(work()).is_over
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed <clientv3.Client open"):
        work_and_leave()
    assert ended == []

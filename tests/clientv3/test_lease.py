"""Leases through both faces: whole answers, renewals, and losses that are told."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from fake_etcd.clientv3 import KeepAliveHalted, LeaseLost, rpctypes
from fake_etcd.clientv3.responses import (
    LeaseGrantResponse,
    LeaseKeepAliveResponse,
    LeaseLeasesResponse,
    LeaseRevokeResponse,
    LeaseStatus,
    LeaseTimeToLiveResponse,
)


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

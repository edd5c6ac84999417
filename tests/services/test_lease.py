"""The Lease service over every transport: complete answers, and time that the test moves."""

from __future__ import annotations

import time

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from tests.services.client import (
    TIMEOUT_SECONDS,
    KvClient,
    Refused,
    Start,
    header,
    kv,
    refused,
)
from tests.services.lease_client import LeaseClient
from tests.services.servers import HostedClock

LARGEST = 2**63 - 1


@pytest.fixture
def clock() -> HostedClock:
    return HostedClock(50.0)


@pytest.fixture
def etcd(start: Start, clock: HostedClock) -> KvClient:
    """A client of a fresh server on that clock."""
    return start(clock)


@pytest.fixture
def lease(etcd: KvClient) -> LeaseClient:
    return LeaseClient(etcd)


def granted(id: int, ttl: int, revision: int = 1) -> m.LeaseGrantResponse:
    return m.LeaseGrantResponse(header=header(revision), ID=id, TTL=ttl)


def renewed(id: int, ttl: int, revision: int = 1) -> m.LeaseKeepAliveResponse:
    return m.LeaseKeepAliveResponse(header=header(revision), ID=id, TTL=ttl)


def leased(key: bytes, lease: int, revision: int) -> m.KeyValue:
    found = kv(key, b"", revision)
    found.lease = lease
    return found


# Granting


@pytest.mark.parametrize("id", [7, -7, 1, LARGEST, -LARGEST - 1])
def test_a_grant_tells_id_and_ttl(id: int, lease: LeaseClient) -> None:
    assert lease.grant(id, 60) == granted(id, 60)


def test_a_grant_without_an_id_gets_the_next(lease: LeaseClient) -> None:
    assert lease.grant(0, 60) == granted(0x694D_0000_0000_0001, 60)
    assert lease.grant(ttl=5) == granted(0x694D_0000_0000_0002, 5)


def test_a_seed_begins_the_ids(start: Start) -> None:
    assert LeaseClient(start(seed=0xABC)).grant(0, 60) == granted(0x694D_0000_000A_BC01, 60)


def test_an_id_that_the_server_would_choose_may_be_taken(lease: LeaseClient) -> None:
    lease.grant(0x694D_0000_0000_0001, 60)
    with refused(errors.LEASE_EXIST):
        lease.grant(0, 60)
    assert lease.grant(0, 60) == granted(0x694D_0000_0000_0002, 60)


@pytest.mark.parametrize(("asked", "ttl"), [(-5, 2), (0, 2), (1, 2), (2, 2), (3, 3)])
def test_a_short_grant_is_extended(asked: int, ttl: int, lease: LeaseClient) -> None:
    assert lease.grant(7, asked) == granted(7, ttl)


def test_the_election_timeout_is_what_it_is_extended_by(start: Start) -> None:
    slow = LeaseClient(start(election_timeout_ms=5000))
    assert slow.grant(7, 1) == granted(7, 8)


def test_a_grant_is_refused_for_its_ttl_then_for_its_id(lease: LeaseClient) -> None:
    assert lease.grant(7, 9_000_000_000) == granted(7, 9_000_000_000)
    with refused(errors.LEASE_TTL_TOO_LARGE):
        lease.grant(7, 9_000_000_001)
    with refused(errors.LEASE_EXIST):
        lease.grant(7, 60)


def test_what_writes_may_be_too_large(start: Start) -> None:
    """Bytes that etcd takes with this flag: see conformance/scenarios/lease/grants.py."""
    etcd = start(max_request_bytes=1024)

    def send(method: str, request: bytes, size: int) -> int:
        padding = size - len(request) - 3
        unknown = b"\x4a" + bytes((padding & 0x7F | 0x80, padding >> 7)) + b"v" * padding
        status = None
        try:
            etcd.raw(f"/etcdserverpb.Lease/{method}", request + unknown)
        except Refused as refusal:
            status = refusal.status
        return size if status == errors.REQUEST_TOO_LARGE.status else 0

    sizes = range(995, 1012)
    first = {
        (method, request): next(filter(None, (send(method, request, size) for size in sizes)))
        for method, request in (
            ("LeaseGrant", b"\x10\x07"),
            ("LeaseGrant", b"\x08\x05"),
            ("LeaseRevoke", b"\x08\x07"),
        )
    }
    assert list(first.values()) == [1009, 999, 1009], "an id that is chosen takes ten bytes more"
    assert send("LeaseTimeToLive", b"", 2000) == send("LeaseLeases", b"", 2000) == 0


# Revoking and showing


def test_a_revocation_deletes_keys_in_one_revision(etcd: KvClient, lease: LeaseClient) -> None:
    lease.grant(7, 60)
    for key in (b"b", b"a", b"c"):
        etcd.put(key=key, lease=7)
    etcd.put(key=b"d")
    assert lease.revoke(7) == m.LeaseRevokeResponse(header=header(6))
    assert etcd.range(key=b"\0", range_end=b"\0") == m.RangeResponse(
        header=header(6), kvs=[kv(b"d", b"", 5)], count=1
    )


def test_a_revocation_without_keys_makes_no_revision(lease: LeaseClient) -> None:
    lease.grant(7, 60)
    assert lease.revoke(7) == m.LeaseRevokeResponse(header=header(1))


@pytest.mark.parametrize("id", [0, 7, -7])
def test_a_revocation_of_nothing_is_refused(id: int, lease: LeaseClient) -> None:
    with refused(errors.LEASE_NOT_FOUND):
        lease.revoke(id)


def test_time_to_live_tells_what_is_left(
    etcd: KvClient, lease: LeaseClient, clock: HostedClock
) -> None:
    lease.grant(7, 60)
    for key in (b"b", b"a" * 200, b"c"):
        etcd.put(key=key, lease=7)
    clock.advance_there(14.2)
    shown = m.LeaseTimeToLiveResponse(header=header(4), ID=7, TTL=45, grantedTTL=60)
    assert lease.time_to_live(7) == shown
    shown.keys.extend([b"a" * 200, b"b", b"c"])
    assert lease.time_to_live(7, keys=True) == shown


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("id", [0, 7, -7])
def test_what_is_not_there_has_minus_1_left(id: int, keys: bool, lease: LeaseClient) -> None:
    shown = m.LeaseTimeToLiveResponse(header=header(1), ID=id, TTL=-1)
    assert lease.time_to_live(id, keys) == shown


def test_leases_are_listed_by_expiry(lease: LeaseClient) -> None:
    assert lease.leases() == m.LeaseLeasesResponse(header=header(1))
    for id, ttl in ((1, 30), (-2, 10), (3, 20), (4, 10)):
        lease.grant(id, ttl)
    statuses = [m.LeaseStatus(ID=id) for id in (-2, 4, 3, 1)]
    assert lease.leases() == m.LeaseLeasesResponse(header=header(1), leases=statuses)


# Keys


def test_a_put_shows_and_moves_its_lease(etcd: KvClient, lease: LeaseClient) -> None:
    for id in (7, -7):
        lease.grant(id, 60)
    etcd.put(key=b"a", lease=7)
    assert list(etcd.range(key=b"a").kvs) == [leased(b"a", 7, 2)]
    assert etcd.put(key=b"a", lease=-7, prev_kv=True).prev_kv == leased(b"a", 7, 2)
    assert [list(lease.time_to_live(id, keys=True).keys) for id in (7, -7)] == [[], [b"a"]]
    etcd.put(key=b"a")
    assert [list(lease.time_to_live(id, keys=True).keys) for id in (7, -7)] == [[], []]


def test_a_put_with_an_unknown_lease_is_refused(etcd: KvClient, lease: LeaseClient) -> None:
    with refused(errors.LEASE_NOT_FOUND):
        etcd.put(key=b"a", lease=7)
    lease.grant(7, 60)
    lease.revoke(7)
    with refused(errors.LEASE_NOT_FOUND):
        etcd.txn(success=[m.RequestOp(request_put=m.PutRequest(key=b"a", lease=7))])
    assert etcd.range(key=b"a") == m.RangeResponse(header=header(1))


# Keeping alive


def test_renewals_are_answered_in_turn(lease: LeaseClient) -> None:
    lease.grant(7, 60)
    lease.grant(8, 5)
    stream = lease.keep_alive()
    stream.send(7, 9, 8, 0, 7)
    stream.half_close()
    answers = [stream.receive() for _ in range(6)]
    ttls = ((7, 60), (9, 0), (8, 5), (0, 0), (7, 60))
    assert answers == [*(renewed(id, ttl) for id, ttl in ttls), None]


def test_a_renewal_begins_anew(lease: LeaseClient, clock: HostedClock) -> None:
    lease.grant(7, 5)
    stream = lease.keep_alive()
    for _ in range(4):
        clock.advance_there(4.9)
        assert lease.time_to_live(7).TTL == 0
        stream.send(7)
        assert stream.receive() == renewed(7, 5)
        assert lease.time_to_live(7).TTL == 5
    clock.advance_there(5.9)
    assert lease.ids() == []
    stream.send(7)
    assert stream.receive() == renewed(7, 0)


def test_a_stream_that_asks_nothing_ends_well(lease: LeaseClient) -> None:
    stream = lease.keep_alive()
    stream.half_close()
    assert stream.receive() is None


# Expiry


def test_a_lease_expires_with_its_keys(
    etcd: KvClient, lease: LeaseClient, clock: HostedClock
) -> None:
    lease.grant(7, 5)
    etcd.put(key=b"a", lease=7)
    etcd.put(key=b"b")
    clock.advance_there(4.999)
    assert list(etcd.range(key=b"a").kvs) == [leased(b"a", 7, 2)]
    clock.advance_there(0.001)
    assert etcd.range(key=b"a") == m.RangeResponse(header=header(4))
    assert lease.ids() == []


def test_what_has_expired_is_there_until_the_next_tick(
    etcd: KvClient, lease: LeaseClient, clock: HostedClock
) -> None:
    clock.advance_there(0.1)
    lease.grant(7, 2)
    clock.advance_there(2.3)
    etcd.put(key=b"a", lease=7)
    assert lease.time_to_live(7, keys=True) == m.LeaseTimeToLiveResponse(
        header=header(2), ID=7, grantedTTL=2, keys=[b"a"]
    )
    clock.advance_there(0.1)
    assert lease.time_to_live(7) == m.LeaseTimeToLiveResponse(header=header(3), ID=7, TTL=-1)


def test_a_renewal_of_what_has_expired_waits_and_others_behind_it(
    etcd: KvClient, lease: LeaseClient, clock: HostedClock
) -> None:
    clock.advance_there(0.1)
    lease.grant(7, 2)
    lease.grant(8, 60)
    etcd.put(key=b"a", lease=7)
    clock.advance_there(2.2)
    stream, other = lease.keep_alive(), lease.keep_alive()
    stream.send(7, 8, 7, 9)
    stream.half_close()
    other.send(8, 7)
    assert other.receive() == renewed(8, 60, revision=2)
    wait_for_waiters(clock, 2)
    etcd.put(key=b"b")
    assert lease.time_to_live(8).TTL == 60
    clock.advance_there(0.2)
    # The first with the revision of when it was asked, those behind it of when it was their turn.
    answers = [stream.receive() for _ in range(5)]
    ttls = ((7, 0, 2), (8, 60, 4), (7, 0, 4), (9, 0, 4))
    assert answers == [*(renewed(*each) for each in ttls), None]
    assert other.receive() == renewed(7, 0, revision=2)


def test_a_revocation_by_hand_ends_the_waiting(lease: LeaseClient, clock: HostedClock) -> None:
    clock.advance_there(0.1)
    lease.grant(7, 2)
    clock.advance_there(2.2)
    stream = lease.keep_alive()
    stream.send(7)
    wait_for_waiters(clock, 1)
    lease.revoke(7)
    assert stream.receive() == renewed(7, 0)


def test_who_waits_may_go(lease: LeaseClient, clock: HostedClock) -> None:
    clock.advance_there(0.1)
    lease.grant(7, 2)
    clock.advance_there(2.2)
    stream = lease.keep_alive()
    stream.send(7, 7)
    wait_for_waiters(clock, 1)
    stream.cancel()
    with refused(Status(Code.CANCELLED, "Locally cancelled by application!")):
        stream.receive()
    clock.advance_there(1)
    assert lease.ids() == []


def wait_for_waiters(clock: HostedClock, number: int) -> None:
    """Until the server has read so many renewals that have to wait."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while clock.node.lessor.waiting < number:
        assert time.monotonic() < deadline
        time.sleep(0.002)

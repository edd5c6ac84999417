"""Lock and Election over every transport: who waits, and with what it ends.

What etcd answers is recorded in the conformance area `concurrency`; here is what needs a clock
of the test's own, or a caller that goes away.
"""

from __future__ import annotations

from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import Code, Status
from tests.services.client import TIMEOUT_SECONDS, KvClient, Refused, Start, header, refused
from tests.services.lease_client import LeaseClient
from tests.services.servers import HostedClock

EXPIRED = Status(Code.UNKNOWN, "mutex: session is expired")

Response = TypeVar("Response", bound=Message)


@pytest.fixture
def clock() -> HostedClock:
    return HostedClock(50.0)


@pytest.fixture
def etcd(start: Start, clock: HostedClock) -> KvClient:
    """A client of a server on that clock, with leases 7 to 9 of 60, 70 and 80 seconds."""
    etcd = start(clock)
    for id, ttl in ((7, 60), (8, 70), (9, 80)):
        LeaseClient(etcd).grant(id, ttl)
    return etcd


class Waiting:
    """A call with one request; its answers one by one."""

    def __init__(self, etcd: KvClient, path: str, request: Message) -> None:
        method = METHODS[path]
        open_call = etcd.channel.unary_stream(
            path, method.request.SerializeToString, method.response.FromString
        )
        self.call = open_call(request, timeout=TIMEOUT_SECONDS)

    def next(self) -> Message | None:
        """The next answer; None behind the last one."""
        try:
            return next(self.call, None)
        except grpc.RpcError as error:
            raise Refused(error) from None


def ask(etcd: KvClient, path: str, request: Message, response: type[Response]) -> Response:
    answer = etcd.raw(path, request.SerializeToString())
    message = response.FromString(answer)
    assert message.SerializeToString() == answer, "answers are encoded as protobuf does it"
    return message


def lock(etcd: KvClient, lease: int) -> m.LockResponse:
    return ask(etcd, "/v3lockpb.Lock/Lock", m.LockRequest(name=b"l", lease=lease), m.LockResponse)


def wait_for_lock(etcd: KvClient, lease: int) -> Waiting:
    """Returns when it waits."""
    with etcd.open_watch() as watch:
        watch.create(key=b"l/%x" % lease)
        waiting = Waiting(etcd, "/v3lockpb.Lock/Lock", m.LockRequest(name=b"l", lease=lease))
        watch.next()
    return waiting


def unlock(etcd: KvClient, key: bytes) -> m.UnlockResponse:
    request = m.UnlockRequest(key=key)
    return ask(etcd, "/v3lockpb.Lock/Unlock", request, m.UnlockResponse)


def locked(revision: int, key: bytes) -> m.LockResponse:
    return m.LockResponse(header=header(revision), key=key)


def keys(etcd: KvClient) -> list[bytes]:
    return [kv.key for kv in etcd.range(key=b"\0", range_end=b"\0").kvs]


def test_a_lock_goes_from_hand_to_hand(etcd: KvClient) -> None:
    assert lock(etcd, 7) == locked(2, b"l/7")
    second = wait_for_lock(etcd, 8)
    third = wait_for_lock(etcd, 9)
    assert unlock(etcd, b"l/7") == m.UnlockResponse(header=header(5))
    assert (second.next(), second.next()) == (locked(5, b"l/8"), None)
    assert unlock(etcd, b"l/8") == m.UnlockResponse(header=header(6))
    assert (third.next(), third.next()) == (locked(6, b"l/9"), None)
    assert keys(etcd) == [b"l/9"]


def test_a_lock_is_free_once_the_lease_of_its_owner_expires(
    etcd: KvClient, clock: HostedClock
) -> None:
    lock(etcd, 7)
    second = wait_for_lock(etcd, 8)
    clock.advance_there(61)
    assert second.next() == locked(4, b"l/8")
    assert keys(etcd) == [b"l/8"]


def test_who_expires_while_it_waits_is_told_at_its_turn(etcd: KvClient, clock: HostedClock) -> None:
    lock(etcd, 9)
    second = wait_for_lock(etcd, 7)
    clock.advance_there(61)
    assert keys(etcd) == [b"l/9"]
    unlock(etcd, b"l/9")
    with refused(EXPIRED):
        second.next()
    assert keys(etcd) == []


def test_who_goes_takes_its_key_away_and_nobody_elses(etcd: KvClient) -> None:
    lock(etcd, 7)
    second = wait_for_lock(etcd, 8)
    third = wait_for_lock(etcd, 9)
    with etcd.open_watch() as watch:
        watch.create(key=b"l/8")
        second.call.cancel()
        watch.next()
    assert keys(etcd) == [b"l/7", b"l/9"]
    unlock(etcd, b"l/7")
    assert third.next() == locked(6, b"l/9")


def test_a_connection_that_is_lost_takes_its_keys_away(etcd: KvClient) -> None:
    lock(etcd, 7)
    with KvClient(etcd.address) as other, etcd.open_watch() as watch:
        waiting = wait_for_lock(other, 8)
        watch.create(key=b"l/8")
        other.channel.close()
        watch.next()
    assert waiting.call.code() is grpc.StatusCode.CANCELLED
    assert keys(etcd) == [b"l/7"]


def test_a_lock_without_lease_lives_for_a_minute(etcd: KvClient, clock: HostedClock) -> None:
    key = b"l/694d000000000001"
    assert lock(etcd, 0) == locked(2, key)
    assert LeaseClient(etcd).time_to_live(0x694D000000000001, keys=True).keys == [key]
    clock.advance_there(61)
    assert keys(etcd) == []


def campaign(lease: int, value: bytes) -> m.CampaignRequest:
    return m.CampaignRequest(name=b"e", lease=lease, value=value)


def test_an_election_goes_on_when_the_leader_expires(etcd: KvClient, clock: HostedClock) -> None:
    path = "/v3electionpb.Election/Campaign"
    first = ask(etcd, path, campaign(7, b"one"), m.CampaignResponse)
    leader = m.LeaderKey(name=b"e", key=b"e/7", rev=2, lease=7)
    assert first == m.CampaignResponse(header=header(2), leader=leader)
    with etcd.open_watch() as watch:
        watch.create(key=b"e/8")
        second = Waiting(etcd, path, campaign(8, b"two"))
        watch.next()
    observer = Waiting(etcd, "/v3electionpb.Election/Observe", m.LeaderRequest(name=b"e"))
    one = m.KeyValue(
        key=b"e/7", value=b"one", create_revision=2, mod_revision=2, version=1, lease=7
    )
    assert observer.next() == m.LeaderResponse(header=header(3), kv=one)
    clock.advance_there(61)
    leader = m.LeaderKey(name=b"e", key=b"e/8", rev=3, lease=8)
    assert second.next() == m.CampaignResponse(header=header(3), leader=leader)
    two = m.KeyValue(
        key=b"e/8", value=b"two", create_revision=3, mod_revision=3, version=1, lease=8
    )
    assert observer.next() == m.LeaderResponse(header=header(4), kv=two)
    observer.call.cancel()


@pytest.fixture
def other(start: Start) -> KvClient:
    return start()


def test_servers_share_no_locks(etcd: KvClient, other: KvClient) -> None:
    lock(etcd, 7)
    LeaseClient(other).grant(8, 60)
    assert lock(other, 8) == locked(2, b"l/8")

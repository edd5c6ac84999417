"""Granting, revoking and listing leases."""

from __future__ import annotations

from google.protobuf.message import Message

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import grant, keep_alive, leases, revoke, time_to_live

LARGEST = 2**63 - 1
LONGEST_TTL = 9_000_000_000  # server/lease/lessor.go, MaxLeaseTTL


def padded(request: Message, size: int) -> bytes:
    """The request with a field that nobody knows, for a length of `size`, 200 to 16,000."""
    encoded = request.SerializeToString()
    rest = size - len(encoded) - 3
    return encoded + b"\x4a" + bytes((rest & 0x7F | 0x80, rest >> 7)) + b"v" * rest


@scenario
def a_grant_takes_the_id_that_it_is_given(s: Session) -> None:
    for id in (7, -7, 1, -1, LARGEST, -LARGEST - 1):
        grant(s, id)


@scenario
def a_grant_without_an_id_gets_one(s: Session) -> None:
    for _ in range(3):
        time_to_live(s, grant(s))


@scenario
def a_grant_of_an_id_that_is_taken_is_refused(s: Session) -> None:
    grant(s, 7)
    grant(s, 7)
    grant(s, 7, ttl=100)
    time_to_live(s, 7)


@scenario
def an_id_can_be_granted_again_once_it_is_revoked(s: Session) -> None:
    for ttl in (60, 120):
        grant(s, 7, ttl)
        s.put(key=b"a", lease=7)
        time_to_live(s, 7, keys=True)
        revoke(s, 7)
        time_to_live(s, 7, keys=True)
    grant(s, 7)
    time_to_live(s, 7, keys=True)


@scenario
def a_lease_lives_for_two_seconds_at_least(s: Session) -> None:
    # etcd: server.go, NewServer: minTTL is one and a half election timeouts, in whole seconds
    for ttl in (-LARGEST - 1, -1, 0, 1, 2, 3):
        grant(s, 10 + max(ttl, -5), ttl)


@scenario(flags=("--election-timeout=5000",))
def a_lease_lives_for_one_and_a_half_election_timeouts_at_least(s: Session) -> None:
    for ttl in (0, 7, 8, 9):
        grant(s, 10 + ttl, ttl)


@scenario(flags=("--election-timeout=2099", "--heartbeat-interval=400"))
def the_election_timeout_counts_in_whole_heartbeats(s: Session) -> None:
    # 5 ticks; one and a half times that are 7, of 400 ms each: 2.8 s and not 3.1
    for ttl in (0, 3, 4):
        grant(s, 10 + ttl, ttl)


@scenario
def a_lease_lives_for_nine_billion_seconds_at_most(s: Session) -> None:
    for ttl in (LONGEST_TTL, LONGEST_TTL + 1, LARGEST):
        grant(s, ttl, ttl)
    leases(s)
    time_to_live(s, LONGEST_TTL)


@scenario
def a_ttl_that_is_too_large_is_told_before_an_id_that_is_taken(s: Session) -> None:
    grant(s, 7)
    grant(s, 7, LONGEST_TTL + 1)


@scenario
def a_grant_makes_no_revision(s: Session) -> None:
    s.put(key=b"a")
    grant(s, 7)
    s.put(key=b"a")


@scenario(flags=("--max-request-bytes=1024",))
def grants_and_revocations_count_as_requests_that_write(s: Session) -> None:
    writing: list[tuple[str, Message]] = [
        ("LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60)),
        ("LeaseGrant", m.LeaseGrantRequest(TTL=60)),
        ("LeaseRevoke", m.LeaseRevokeRequest(ID=7)),
    ]
    for size in (1007, 1008, 1009):
        for method, request in writing:
            s.call(f"Lease/{method}", padded(request, size))
    s.call("Lease/LeaseTimeToLive", padded(m.LeaseTimeToLiveRequest(ID=7), 2000))
    s.call("Lease/LeaseLeases", padded(m.LeaseLeasesRequest(), 2000))


@scenario
def a_revocation_without_keys_makes_no_revision(s: Session) -> None:
    s.put(key=b"a")
    grant(s, 7)
    revoke(s, 7)
    s.put(key=b"a")


@scenario
def a_revocation_of_what_is_not_there_is_refused(s: Session) -> None:
    for id in (0, 7, -7, LARGEST):
        revoke(s, id)
    grant(s, 7)
    revoke(s, 7)
    revoke(s, 7)


@scenario
def a_list_of_no_leases_is_empty(s: Session) -> None:
    leases(s)
    grant(s, 7)
    leases(s)
    revoke(s, 7)
    leases(s)


@scenario
def leases_are_listed_by_expiry(s: Session) -> None:
    for id, ttl in ((1, 300), (2, 100), (3, 200), (4, 100), (5, 9_000_000_000)):
        grant(s, id, ttl)
    leases(s)
    revoke(s, 3)
    leases(s)


@scenario
def a_renewed_lease_moves_back_in_the_list(s: Session) -> None:
    for id in (1, 2, 3):
        grant(s, id, 100)
    leases(s)
    keep_alive(s, 1)
    leases(s)
    keep_alive(s, 3, 2)
    leases(s)


@scenario
def time_to_live_tells_what_was_granted(s: Session) -> None:
    for id, ttl in ((7, 60), (-7, 100), (8, LONGEST_TTL)):
        grant(s, id, ttl)
        time_to_live(s, id)


@scenario
def the_time_to_live_of_what_is_not_there_is_minus_1(s: Session) -> None:
    for id in (0, 7, -7, LARGEST):
        time_to_live(s, id)
        time_to_live(s, id, keys=True)


@scenario
def what_is_not_a_request_is_refused(s: Session) -> None:
    for method in ("LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases"):
        s.call(f"Lease/{method}", b"\xff")
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))

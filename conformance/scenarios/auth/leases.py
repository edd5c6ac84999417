"""Who may grant, revoke, see, list and keep alive leases: it depends on the keys they have."""

from __future__ import annotations

from collections.abc import Mapping

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    WRITE,
    Right,
    add_person,
    as_person,
    delete_user,
    grant_lease,
    keep_alive,
    list_leases,
    one_person,
    revoke,
    revoke_lease,
    switch_on,
    time_to_live,
)

WRITERS: dict[str, Right] = {
    "reader": (READ, b"a", b"c"),
    "half": (WRITE, b"a"),
    "writer": (WRITE, b"a", b"c"),
}
"""Who may write none, one and both of "a" and "b"."""

READERS: dict[str, Right] = {
    "writer": (WRITE, b"a", b"c"),
    "half": (READ, b"a"),
    "reader": (READ, b"a", b"c"),
}
"""Who may read none, one and both of them."""


def with_people(s: Session, rights: Mapping[str, Right]) -> Session:
    """Root, on a server that knows people with one right each, and asks who it is."""
    for name, right in rights.items():
        add_person(s, name, right)
    return switch_on(s)


def lease_of_two_keys(s: Session, rights: Mapping[str, Right]) -> Session:
    """The same with lease 7 of the keys "a" and "b"."""
    root = with_people(s, rights)
    grant_lease(root, 7)
    for key in (b"a", b"b"):
        root.put(key=key, lease=7)
    return root


@scenario
def every_user_may_grant_a_lease(s: Session) -> None:
    root, alice = one_person(s)
    grant_lease(alice, 7)
    grant_lease(root, 8)
    grant_lease(alice, 8)
    grant_lease(alice, 9, ttl=9_000_000_001)
    grant_lease(s, 10)
    grant_lease(s, 8)
    grant_lease(s, 10, ttl=9_000_000_001)
    grant_lease(s.with_metadata(("token", "not a token")), 10)
    list_leases(root)


@scenario
def a_lease_without_keys_is_everybodys(s: Session) -> None:
    root, alice = one_person(s)
    grant_lease(root, 7)
    time_to_live(alice, 7)
    time_to_live(alice, 7, keys=True)
    list_leases(alice)
    keep_alive(alice, 7)
    revoke_lease(alice, 7)
    revoke_lease(alice, 7)


@scenario
def a_lease_is_revoked_by_who_may_write_all_its_keys(s: Session) -> None:
    root = lease_of_two_keys(s, WRITERS)
    for name in WRITERS:
        revoke_lease(as_person(s, name), 7)
    root.range(key=b"a", range_end=b"c")


@scenario
def a_lease_is_kept_alive_by_who_may_write_all_its_keys(s: Session) -> None:
    lease_of_two_keys(s, WRITERS)
    for name in WRITERS:
        keep_alive(as_person(s, name), 7)


@scenario
def the_keys_of_a_lease_are_shown_to_who_may_read_them_all(s: Session) -> None:
    lease_of_two_keys(s, READERS)
    for name in READERS:
        time_to_live(as_person(s, name), 7, keys=True)
        time_to_live(as_person(s, name), 7)


@scenario
def leases_are_listed_for_who_may_read_the_keys_of_all_of_them(s: Session) -> None:
    root = with_people(s, READERS)
    callers = [as_person(s, name) for name in READERS]
    grant_lease(root, 7)
    for caller in callers:
        list_leases(caller)
    root.put(key=b"a", lease=7)
    for caller in callers:
        list_leases(caller)
    grant_lease(root, 8)
    root.put(key=b"b", lease=8)
    for caller in callers:
        list_leases(caller)
    list_leases(root)


@scenario
def root_may_do_everything_with_every_lease(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    grant_lease(alice, 7)
    alice.put(key=b"a", lease=7)
    time_to_live(root, 7, keys=True)
    list_leases(root)
    keep_alive(root, 7)
    revoke_lease(root, 7)
    alice.range(key=b"a")


@scenario
def a_lease_that_is_not_there_is_not_there_for_everybody(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (root, alice, s, s.with_metadata(("token", "not a token"))):
        time_to_live(caller, 7)
        time_to_live(caller, 7, keys=True)
        keep_alive(caller, 7)
        revoke_lease(caller, 7)


@scenario
def a_lease_is_nobodys_without_a_token(s: Session) -> None:
    root, _ = one_person(s)
    grant_lease(root, 7)
    for caller in (s, s.with_metadata(("token", "not a token"))):
        time_to_live(caller, 7)
        time_to_live(caller, 7, keys=True)
        list_leases(caller)
        keep_alive(caller, 7)
        revoke_lease(caller, 7)
    time_to_live(root, 7)


@scenario
def who_may_no_longer_write_may_no_longer_revoke(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    grant_lease(alice, 7)
    alice.put(key=b"a", lease=7)
    keep_alive(alice, 7)
    revoke(root, "alice", b"a")
    keep_alive(alice, 7)
    time_to_live(alice, 7, keys=True)
    time_to_live(alice, 7)
    list_leases(alice)
    revoke_lease(alice, 7)
    root.delete_range(key=b"a")
    list_leases(alice)
    revoke_lease(alice, 7)


@scenario
def a_key_that_moves_to_another_lease_counts_there(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for id in (7, 8):
        grant_lease(root, id)
    root.put(key=b"z", lease=7)
    revoke_lease(alice, 7)
    root.put(key=b"z", lease=8)
    alice.put(key=b"a", lease=7)
    time_to_live(alice, 7, keys=True)
    revoke_lease(alice, 7)
    revoke_lease(alice, 8)


@scenario
def a_stream_of_keepalives_ends_with_the_first_refusal(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for id in (7, 8):
        grant_lease(root, id)
    root.put(key=b"z", lease=8)
    stream = alice.open("Lease/LeaseKeepAlive")
    for id in (7, 8):
        stream.send(m.LeaseKeepAliveRequest(ID=id))
        stream.receive()


@scenario
def a_stream_of_keepalives_is_asked_again_each_time(s: Session) -> None:
    root, alice = one_person(s)
    grant_lease(root, 7)
    stream = alice.open("Lease/LeaseKeepAlive")
    stream.send(m.LeaseKeepAliveRequest(ID=7))
    stream.receive()
    delete_user(root, "alice")
    stream.send(m.LeaseKeepAliveRequest(ID=7))
    stream.receive()


@scenario
def keys_that_a_lease_loses_no_longer_count(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    grant_lease(root, 7)
    for key in (b"a", b"z"):
        root.put(key=key, lease=7)
    revoke_lease(alice, 7)
    root.put(key=b"z")
    time_to_live(alice, 7, keys=True)
    list_leases(alice)
    revoke_lease(alice, 7)

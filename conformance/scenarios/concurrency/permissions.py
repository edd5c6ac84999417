"""Lock and Election where users have permissions: each asks for itself, and waits for itself."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from ..auth.asking import (
    READ,
    READWRITE,
    WRITE,
    add_person,
    as_person,
    delete_user,
    list_leases,
    one_person,
    revoke,
    switch_on,
)
from .asking import (
    ask_for_lock,
    campaign,
    changed,
    contested_election,
    contested_lock,
    finish,
    grant_all,
    leader,
    lock,
    observe,
    proclaim,
    resign,
    show,
    unlock,
    watch_all,
)


@scenario
def a_lock_takes_reading_and_writing(s: Session) -> None:
    for name, right in (("reader", READ), ("writer", WRITE), ("both", READWRITE)):
        add_person(s, name, (right, b"l/", b"l0"))
    add_person(s, "half", (READWRITE, b"l/7"))
    root = switch_on(s)
    grant_all(root, 7)
    for name in ("reader", "writer", "half", "both"):
        lock(as_person(s, name))
        unlock(as_person(s, name), b"l/7")
    lock(root)


@scenario
def a_lock_is_nobodys_without_a_token(s: Session) -> None:
    root, _ = one_person(s)
    grant_all(root, 7)
    for caller in (s, s.with_metadata(("token", "not a token"))):
        lock(caller)
        lock(caller, lease=0)
        unlock(caller, b"l/7")
    list_leases(root)


@scenario
def a_lease_is_granted_before_the_lock_is_refused(s: Session) -> None:
    root, alice = one_person(s)
    lock(alice, lease=0)
    list_leases(root)


@scenario
def an_election_takes_reading_and_writing(s: Session) -> None:
    for name, right in (("reader", READ), ("writer", WRITE), ("both", READWRITE)):
        add_person(s, name, (right, b"e/", b"e0"))
    root = switch_on(s)
    grant_all(root, 7)
    for name in ("reader", "writer", "both"):
        campaign(as_person(s, name))
    mine = campaign(root)
    for name in ("reader", "writer", "both"):
        caller = as_person(s, name)
        leader(caller)
        proclaim(caller, mine)
        proclaim(caller, changed(mine, rev=9))
        resign(caller, changed(mine, rev=9))
    resign(as_person(s, "both"), mine)


@scenario
def an_election_is_nobodys_without_a_token(s: Session) -> None:
    root, _ = one_person(s)
    grant_all(root, 7)
    mine = campaign(root)
    for caller in (s, s.with_metadata(("token", "not a token"))):
        leader(caller)
        campaign(caller)
        proclaim(caller, mine)
        resign(caller, mine)
        proclaim(caller, changed(mine, lease=0))


@scenario
def who_may_not_observe_sees_the_end(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (alice, s, s.with_metadata(("token", "not a token"))):
        finish(observe(caller))
    grant_all(root, 7)
    campaign(root)
    finish(observe(alice))


@scenario
def a_user_waits_for_what_another_has(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"l/", b"l0"))
    grant_all(root, 7, 8)
    key, _, (second,) = contested_lock(root, 8, by=alice)
    unlock(root, key)
    finish(second)
    show(root, b"l/")


@scenario
def nobody_takes_away_the_key_of_a_lock_that_is_given_up(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"l/", b"l0"))
    grant_all(root, 7, 8)
    key, _, (second,) = contested_lock(root, 8, by=alice)
    second.cancel()
    second.receive()
    unlock(root, key)
    show(root, b"l/")


@scenario
def nobody_takes_away_the_key_of_a_campaign_that_is_given_up(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"e/", b"e0"))
    grant_all(root, 7, 8)
    mine, _, (second,) = contested_election(root, 8, by=alice)
    second.cancel()
    second.receive()
    resign(root, mine)
    leader(root)


@scenario
def who_may_no_longer_is_refused_at_its_turn(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"l/", b"l0"))
    grant_all(root, 7, 8)
    key, _, (second,) = contested_lock(root, 8, by=alice)
    as_person(s, "alice")  # takes a while, in which the call before it comes to wait
    revoke(root, "alice", b"l/", b"l0")
    unlock(root, key)
    finish(second)
    show(root, b"l/")


@scenario
def who_is_no_more_is_refused_at_its_turn(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"e/", b"e0"))
    grant_all(root, 7, 8)
    mine, _, (second,) = contested_election(root, 8, by=alice)
    as_person(s, "alice")  # takes a while, in which the call before it comes to wait
    delete_user(root, "alice")
    resign(root, mine)
    finish(second)
    leader(root)


@scenario
def who_waits_first_decides_what_others_may_wait_for(s: Session) -> None:
    add_person(s, "alice", (READWRITE, b"a/", b"a0"))
    add_person(s, "bob", (READWRITE, b"b/", b"b0"))
    root = switch_on(s)
    grant_all(root, 7, 8, 9)
    watch = watch_all(root, b"a/")
    mine = lock(root, b"a")
    theirs = lock(root, b"b")
    watch.receive()
    first = ask_for_lock(as_person(s, "alice"), b"a")
    watch.receive()
    finish(ask_for_lock(as_person(s, "bob"), b"b", 9))
    show(root, b"b/")
    unlock(root, mine)
    finish(first)
    second = ask_for_lock(as_person(s, "bob"), b"b", 9)
    unlock(root, theirs)
    finish(second)
    show(root, b"b/")


@scenario
def observers_are_shown_what_the_first_of_them_may_see(s: Session) -> None:
    add_person(s, "alice", (READ, b"a/", b"a0"))
    add_person(s, "bob", (READ, b"b/", b"b0"))
    root = switch_on(s)
    grant_all(root, 7)
    for name in (b"a", b"b"):
        campaign(root, name)
    first = observe(as_person(s, "alice"), b"a")
    first.receive()
    second = observe(as_person(s, "bob"), b"b")
    finish(second)
    first.cancel()
    first.receive()

"""Locks that nobody else wants just then."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..lease.asking import grant, leases, revoke, time_to_live
from .asking import grant_all, lock, show, unlock


@scenario
def a_lock_that_nobody_has_is_had_at_once(s: Session) -> None:
    grant_all(s, 7)
    lock(s)
    show(s, b"l/")
    time_to_live(s, 7, keys=True)


@scenario
def the_key_of_a_lock_ends_with_its_lease_in_hexadecimal_digits(s: Session) -> None:
    for id in (10, 0xABCDEF, -1, -0xAB):
        grant_all(s, id)
        unlock(s, lock(s, lease=id))


@scenario
def a_lock_that_is_had_is_had_again_by_its_lease(s: Session) -> None:
    grant_all(s, 7)
    lock(s)
    s.put(key=b"x", value=b"1")
    lock(s)
    show(s, b"l/")


@scenario
def a_lock_without_lease_gets_one_of_a_minute(s: Session) -> None:
    key = lock(s, lease=0)
    leases(s)
    lease = int(key.rpartition(b"/")[2], 16)
    time_to_live(s, lease, keys=True)
    show(s, b"l/")
    lock(s, lease=lease)
    unlock(s, key)
    lock(s, lease=0)


@scenario
def a_lock_needs_a_lease_that_is_there(s: Session) -> None:
    lock(s)
    show(s, b"l/")
    grant_all(s, 7)
    lock(s)
    revoke(s, 7)
    lock(s)
    show(s, b"l/")


@scenario
def a_lock_may_have_any_name(s: Session) -> None:
    grant_all(s, 7)
    for name in (b"", b"/", b"a/b/", b"\0\xff", b"\xff\xfe%s", b"l" * 300):
        lock(s, name)


@scenario
def an_unlocked_lock_can_be_had_by_others(s: Session) -> None:
    grant_all(s, 7, 8)
    unlock(s, lock(s))
    unlock(s, lock(s, lease=8))
    lock(s)


@scenario
def to_unlock_is_to_delete_a_key(s: Session) -> None:
    s.put(key=b"x", value=b"1")
    unlock(s, b"x")
    unlock(s, b"x")
    s.range(key=b"x")
    unlock(s, b"l/7")
    unlock(s, b"")
    unlock(s, b"\xff\0")


@scenario
def a_lock_goes_with_its_lease(s: Session) -> None:
    grant_all(s, 7, 8)
    lock(s)
    revoke(s, 7)
    lock(s, lease=8)
    show(s, b"l/")


@scenario
def different_names_are_different_locks(s: Session) -> None:
    grant_all(s, 7, 8)
    lock(s, b"a")
    lock(s, b"b", 8)
    lock(s, b"ab", 8)
    lock(s, b"a", 7)


@scenario
def a_key_of_a_lock_may_be_written_by_hand(s: Session) -> None:
    grant_all(s, 7)
    s.put(key=b"l/7", value=b"mine")
    lock(s)
    s.put(key=b"l/7", value=b"still mine")
    lock(s)
    show(s, b"l/")
    time_to_live(s, 7, keys=True)


@scenario
def a_lock_below_another_is_one_of_its_keys(s: Session) -> None:
    grant_all(s, 7, 8)
    lock(s, b"a", 7)
    lock(s, b"a/7", 8)
    lock(s, b"a", 7)
    show(s, b"a/")


@scenario
def keys_of_locks_count_as_keys(s: Session) -> None:
    grant_all(s, 7)
    key = lock(s)
    s.compact(revision=s.at(2))
    lock(s)
    s.delete_range(key=b"\0", range_end=b"\0", prev_kv=True)
    unlock(s, key)
    lock(s)


@scenario
def a_name_that_makes_a_request_too_large_is_refused(s: Session) -> None:
    grant(s, 7, 600)
    large = b"l" * 1_000_000
    lock(s, large)
    lock(s, large[:400_000])


@scenario
def what_is_no_request_of_a_lock_is_refused(s: Session) -> None:
    grant_all(s, 7)
    s.call("Lock/Lock", b"\xff")
    s.call("Lock/Unlock", b"\xff")
    s.call("Lock/Lock", b"\x0a\x01l\x10\x07\x4a\x01v")
    s.call("Lock/Unlock", b"\x0a\x03l/7\x4a\x01v")
    s.call("Lock/Unlock", m.UnlockRequest(), [("client-api-version", "3.9")])


@scenario(flags=("--max-txn-ops=1",))
def a_lock_is_a_transaction_of_two(s: Session) -> None:
    grant_all(s, 7)
    lock(s)


@scenario
def without_space_a_lock_is_refused_and_let_go(s: Session) -> None:
    grant_all(s, 7, 8)
    key = lock(s)
    alarm = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, alarm=m.NOSPACE)
    s.call("Maintenance/Alarm", alarm)
    lock(s)
    lock(s, b"other", 8)
    lock(s, b"other", 0)
    unlock(s, key)
    lock(s)


@scenario
def a_lock_of_what_is_corrupt_is_refused(s: Session) -> None:
    grant_all(s, 7, 8)
    key = lock(s)
    alarm = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, alarm=m.CORRUPT)
    s.call("Maintenance/Alarm", alarm)
    lock(s)
    lock(s, b"other", 8)
    unlock(s, key)

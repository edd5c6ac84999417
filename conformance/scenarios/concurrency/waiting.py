"""Locks that others want too: who waits, for whom, and what happens meanwhile."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..lease.asking import revoke
from .asking import (
    ask_for_lock,
    contested_lock,
    finish,
    grant_all,
    lock,
    show,
    unlock,
    wait_for_lock,
    watch_all,
)


@scenario
def a_lock_that_somebody_has_is_waited_for(s: Session) -> None:
    grant_all(s, 7, 8)
    key, _, (second,) = contested_lock(s, 8)
    s.put(key=b"x", value=b"1")
    unlock(s, key)
    finish(second)
    show(s, b"l/")


@scenario
def a_lock_is_had_in_the_order_of_asking(s: Session) -> None:
    grant_all(s, 7, 9, 8, 11)
    key, _, waiting = contested_lock(s, 9, 8, 11)
    for call, lease in zip(waiting, (b"9", b"8", b"b"), strict=True):
        unlock(s, key)
        finish(call)
        key = b"l/" + lease
    unlock(s, key)
    show(s, b"l/")


@scenario
def a_lock_is_free_when_the_lease_of_its_owner_is_gone(s: Session) -> None:
    grant_all(s, 7, 8)
    _, _, (second,) = contested_lock(s, 8)
    revoke(s, 7)
    finish(second)


@scenario
def who_loses_its_lease_waits_on_and_is_told_at_its_turn(s: Session) -> None:
    grant_all(s, 7, 8)
    key, watch, (second,) = contested_lock(s, 8)
    revoke(s, 8)
    watch.receive()
    unlock(s, key)
    finish(second)
    show(s, b"l/")


@scenario
def who_is_gone_is_not_waited_for(s: Session) -> None:
    grant_all(s, 7, 8, 9)
    key, watch, (_, third) = contested_lock(s, 8, 9)
    revoke(s, 8)
    watch.receive()
    unlock(s, key)
    finish(third)
    show(s, b"l/")


@scenario
def whose_key_was_deleted_and_written_again_has_the_lock_all_the_same(s: Session) -> None:
    grant_all(s, 7, 8)
    key, _, (second,) = contested_lock(s, 8)
    s.delete_range(key=b"l/8")
    s.put(key=b"l/8", value=b"by hand")
    unlock(s, key)
    finish(second)
    show(s, b"l/")


@scenario
def a_call_that_is_given_up_takes_its_key_away(s: Session) -> None:
    grant_all(s, 7, 8)
    _, watch, (second,) = contested_lock(s, 8)
    second.cancel()
    watch.receive()
    second.receive()
    show(s, b"l/")


@scenario
def a_call_that_is_too_late_takes_its_key_away(s: Session) -> None:
    grant_all(s, 7, 8)
    _, watch, _ = contested_lock(s)
    ask_for_lock(s, lease=8, seconds=0.5)
    watch.receive()
    watch.receive()
    show(s, b"l/")


@scenario
def who_waits_behind_one_that_gives_up_waits_for_those_before(s: Session) -> None:
    grant_all(s, 7, 8, 9)
    key, watch, (second, third) = contested_lock(s, 8, 9)
    second.cancel()
    watch.receive()
    unlock(s, key)
    finish(third)


@scenario
def two_calls_with_one_lease_wait_with_one_key(s: Session) -> None:
    grant_all(s, 7, 8)
    key, _, (first,) = contested_lock(s, 8)
    second = ask_for_lock(s, lease=8)
    unlock(s, key)
    finish(first)
    finish(second)
    show(s, b"l/")


@scenario
def an_owner_that_writes_its_key_again_still_has_the_lock(s: Session) -> None:
    grant_all(s, 7, 8)
    key, _, (second,) = contested_lock(s, 8)
    s.put(key=key, value=b"again", lease=7)
    s.put(key=key, value=b"and again")
    unlock(s, key)
    finish(second)


@scenario
def an_owner_whose_key_is_replaced_has_lost_the_lock(s: Session) -> None:
    grant_all(s, 7, 8)
    key, _, (second,) = contested_lock(s, 8)
    delete = m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key))
    s.txn(success=[delete, m.RequestOp(request_put=m.PutRequest(key=b"x", value=b"1"))])
    finish(second)
    s.put(key=key, value=b"too late", lease=7)
    show(s, b"l/")


@scenario
def a_key_of_anybodys_below_the_name_is_waited_for(s: Session) -> None:
    grant_all(s, 8)
    s.put(key=b"l/somebody", value=b"1")
    watch = watch_all(s, b"l/")
    (second,) = wait_for_lock(s, watch, 8)
    s.put(key=b"l/later", value=b"1")
    s.delete_range(key=b"l/somebody")
    finish(second)


@scenario
def a_lock_waits_for_the_locks_below_its_name(s: Session) -> None:
    grant_all(s, 7, 8)
    watch = watch_all(s, b"l/")
    key = lock(s, b"l/below")
    watch.receive()
    (second,) = wait_for_lock(s, watch, 8)
    unlock(s, key)
    finish(second)


@scenario
def all_that_is_waited_for_may_go_at_once(s: Session) -> None:
    grant_all(s, 7, 8, 9)
    _, _, (second, third) = contested_lock(s, 8, 9)
    s.delete_range(key=b"l/", range_end=b"l0")
    finish(second)
    finish(third)
    show(s, b"l/")


@scenario
def a_lock_that_is_waited_for_is_had_with_a_lease_of_the_servers(s: Session) -> None:
    grant_all(s, 7)
    key, _, (second,) = contested_lock(s, 0)
    unlock(s, key)
    finish(second)

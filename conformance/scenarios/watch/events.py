"""What a watcher is told of each kind of change, and of a transaction."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..txn.building import FALSE, delete, get, nested, put
from .building import (
    EVERYTHING,
    nothing_more,
    put_each,
    take,
    watch,
)


@scenario
def a_put_is_told_with_the_whole_key(s: Session) -> None:
    stream = watch(s, key=b"a")
    for value in (b"1", b"2", b"", b"\0\xff"):
        s.put(key=b"a", value=value)
        take(stream)


@scenario
def a_put_of_the_same_value_is_an_event(s: Session) -> None:
    stream = watch(s, key=b"a")
    for _ in range(2):
        s.put(key=b"a", value=b"same")
        take(stream)


@scenario
def a_put_that_keeps_the_value_is_told_with_it(s: Session) -> None:
    s.put(key=b"a", value=b"kept")
    stream = watch(s, key=b"a")
    s.put(key=b"a", ignore_value=True)
    take(stream)


@scenario
def a_deletion_is_told_with_key_and_revision(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    stream = watch(s, key=b"a")
    s.delete_range(key=b"a")
    take(stream)


@scenario
def a_key_made_again_begins_anew(s: Session) -> None:
    stream = watch(s, key=b"a")
    for _ in range(2):
        put_each(s, "aa")
        take(stream, 2)
        s.delete_range(key=b"a")
        take(stream)


@scenario
def what_changes_nothing_is_not_told(s: Session) -> None:
    put_each(s, "b")
    stream = watch(s, **EVERYTHING)
    s.delete_range(key=b"a")
    s.range(key=b"b")
    s.put(key=b"b", lease=404)
    s.put(key=b"a", ignore_value=True)
    s.compact(revision=s.at(2))
    nothing_more(stream)


@scenario
def a_deletion_of_a_range_is_one_answer_in_the_order_of_keys(s: Session) -> None:
    put_each(s, ("c", "a", "\xff", "b", "ab", "A"))
    stream = watch(s, **EVERYTHING)
    s.delete_range(**EVERYTHING)
    take(stream)


@scenario
def of_a_deletion_of_a_range_each_is_told_its_part(s: Session) -> None:
    put_each(s, "abcd")
    streams = [watch(s, key=b"b", range_end=b"d"), watch(s, key=b"d"), watch(s, key=b"e")]
    s.delete_range(key=b"a", range_end=b"\0")
    take(streams[0])
    take(streams[1])
    nothing_more(streams[2])


@scenario
def a_transaction_is_one_answer_in_the_order_of_its_operations(s: Session) -> None:
    put_each(s, "xyz")
    stream = watch(s, **EVERYTHING)
    s.txn(success=[put(b"c", b"1"), delete(b"x", b"z"), put(b"a", b"2"), put(b"b"), delete(b"z")])
    take(stream)


@scenario
def nested_transactions_are_told_where_they_stand(s: Session) -> None:
    put_each(s, "x")
    stream = watch(s, **EVERYTHING)
    inner = nested([put(b"c"), nested([delete(b"x"), put(b"b")])])
    s.txn(success=[put(b"d"), inner, nested([], [put(b"n")]), put(b"a")])
    take(stream)


@scenario
def of_a_transaction_the_branch_that_was_taken_is_told(s: Session) -> None:
    stream = watch(s, **EVERYTHING)
    s.txn(compare=[FALSE], success=[put(b"a")], failure=[put(b"b"), put(b"a")])
    take(stream)


@scenario
def of_a_transaction_each_is_told_its_part(s: Session) -> None:
    put_each(s, "x")
    streams = [watch(s, key=key) for key in (b"a", b"b", b"x")]
    streams.append(watch(s, key=b"b", range_end=b"\0"))
    s.txn(success=[put(b"a"), delete(b"x"), put(b"c")])
    take(streams[0])
    nothing_more(streams[1])
    take(streams[2])
    take(streams[3])


@scenario
def a_transaction_that_changes_nothing_is_not_told(s: Session) -> None:
    put_each(s, "a")
    stream = watch(s, **EVERYTHING)
    s.txn()
    s.txn(success=[get(b"a"), delete(b"b"), nested()])
    s.txn(compare=[FALSE], success=[put(b"a")])
    nothing_more(stream)


@scenario
def a_transaction_that_is_refused_is_not_told(s: Session) -> None:
    put_each(s, "a")
    stream = watch(s, **EVERYTHING)
    s.txn(success=[put(b"b"), put(b"b")])
    s.txn(success=[put(b"b"), get(b"a", revision=s.at(99))])
    s.txn(success=[put(b"b"), put(b"c", lease=404)])
    nothing_more(stream)


@scenario
def a_key_deleted_twice_in_a_transaction_is_told_once(s: Session) -> None:  # etcd#20020
    put_each(s, "abc")
    stream = watch(s, **EVERYTHING)
    s.txn(success=[delete(b"b"), delete(b"b"), delete(b"a", b"c"), delete(b"b", b"\0")])
    take(stream)


@scenario
def each_revision_is_an_answer_of_its_own(s: Session) -> None:
    stream = watch(s, **EVERYTHING)
    for request in (
        m.TxnRequest(success=[put(b"a"), put(b"b")]),
        m.TxnRequest(success=[put(b"c")]),
    ):
        s.txn(request)
    put_each(s, "a")
    take(stream, 3)


@scenario
def an_event_tells_the_lease(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=600))
    stream = watch(s, key=b"a", prev_kv=True)
    for lease in (7, 0):
        s.put(key=b"a", lease=lease)
        take(stream)


@scenario
def the_keys_of_a_revoked_lease_are_told_in_one_answer(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=600))
    for key in (b"c", b"a", b"b"):
        s.put(key=key, lease=7)
    stream = watch(s, prev_kv=True, **EVERYTHING)
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=7))
    take(stream)


@scenario
def what_one_connection_writes_another_is_told(s: Session) -> None:
    other, third = s.connect(), s.connect()
    streams = [watch(s, key=b"a"), watch(other, key=b"a"), watch(other, key=b"a")]
    third.put(key=b"a", value=b"1")
    for stream in streams:
        take(stream)
    other.delete_range(key=b"a")
    for stream in streams:
        take(stream)


@scenario
def a_large_value_is_told_wholly(s: Session) -> None:
    stream = watch(s, key=b"a", prev_kv=True)
    for size in (1_000_000, 1_500_000):
        s.put(key=b"a", value=b"v" * size)
        take(stream)

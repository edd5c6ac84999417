"""What a transaction does and answers."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .building import FALSE, delete, get, nested, put, put_a_and_b


@scenario
def an_empty_transaction_changes_nothing(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.txn()
    s.txn(compare=[FALSE])
    s.txn(compare=[FALSE], success=[put(b"a", b"2")])
    s.txn(failure=[put(b"a", b"2")])
    s.range(key=b"a")


@scenario
def a_transaction_of_reads_leaves_the_revision(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.txn(success=[get(b"a"), get(b"b"), get(b"a", b"\0")])
    s.txn(compare=[FALSE], failure=[get(b"a")])
    s.txn(success=[get(b"a", serializable=True)], failure=[get(b"b", serializable=True)])
    s.put(key=b"b", value=b"1")


@scenario
def a_transaction_whose_writes_do_nothing_leaves_the_revision(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.txn(success=[delete(b"b")])
    s.txn(success=[delete(b"b", b"\0", prev_kv=True), get(b"a"), delete(b"b", b"a")])
    s.txn(success=[nested()])
    s.txn(success=[nested([delete(b"b")], [put(b"a")]), get(b"a")])
    s.put(key=b"b", value=b"1")


@scenario
def several_changes_share_one_revision(s: Session) -> None:
    s.put(key=b"c", value=b"1")
    s.txn(success=[put(b"b", b"2"), put(b"a", b"2"), delete(b"c"), nested([put(b"d", b"2")])])
    s.range(key=b"a", range_end=b"\0")
    s.range(key=b"a", range_end=b"\0", revision=s.at(2))
    s.range(key=b"a", range_end=b"\0", revision=s.at(3))


@scenario
def headers_inside_have_the_new_revision_from_the_first_change_on(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    reads = [get(b"a"), delete(b"none"), nested([get(b"b")])]
    s.txn(success=[*reads, put(b"b", b"2"), *reads])
    s.txn(success=[*reads, delete(b"b"), *reads])
    s.txn(success=[*reads, nested([put(b"b", b"2")]), *reads])


@scenario
def a_transaction_reads_its_own_changes(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"b", value=b"1")
    everything = get(b"a", b"\0")
    s.txn(
        success=[
            put(b"a", b"2"),
            everything,
            delete(b"b"),
            everything,
            nested([put(b"c", b"2"), everything]),
            get(b"a", b"\0", count_only=True),
        ]
    )


@scenario
def a_transaction_reads_older_revisions_without_its_changes(s: Session) -> None:
    put_a_and_b(s)
    for revision in (2, 3, 4):
        s.txn(success=[put(b"b", b"3"), get(b"a", b"\0", revision=s.at(revision))])
    s.txn(success=[get(b"a", b"\0", revision=s.at(2)), get(b"a", b"\0", revision=s.at(3))])


@scenario
def the_revision_that_a_transaction_makes_is_in_the_future_for_its_reads(s: Session) -> None:
    put_a_and_b(s)
    s.txn(success=[put(b"a", b"2"), get(b"a", revision=s.at(5))])
    s.txn(success=[get(b"a", revision=s.at(5))])
    s.txn(success=[put(b"a", b"2"), get(b"a", revision=s.at(4))])


@scenario(needs_fresh_server=True)
def a_negative_revision_inside_is_compacted_but_for_minus_1_on_a_new_store(s: Session) -> None:
    # etcd#13871; a Range of its own takes any.
    s.put(key=b"a", value=b"1")
    for revision in (-1, -2, -(2**63)):
        s.txn(success=[get(b"a", revision=revision)])
        s.txn(success=[put(b"b"), get(b"a", revision=revision)])
        s.range(key=b"a", revision=revision)
    s.compact(revision=0)
    s.txn(success=[get(b"a", revision=-1)])
    s.range(key=b"a", revision=-1)


@scenario
def a_compacted_revision_inside_is_refused_and_nothing_is_written(s: Session) -> None:
    # etcd#18667
    put_a_and_b(s)
    s.compact(revision=s.at(4))
    for writes in ([], [put(b"c", b"1")]):
        s.txn(success=[*writes, get(b"b", revision=s.at(3))])
        s.txn(success=[*writes, get(b"b", revision=s.at(4))])
    s.range(key=b"a", range_end=b"\0")


@scenario
def options_of_a_range_hold_inside(s: Session) -> None:
    put_a_and_b(s)
    s.put(key=b"c", value=b"0")
    R = m.RangeRequest
    ranges = [
        get(b"a", b"d", limit=2),
        get(b"a", b"d", limit=3),
        get(b"a", b"d", count_only=True, limit=1),
        get(b"a", b"d", keys_only=True),
        get(b"a", b"d", sort_order=R.DESCEND, limit=2),
        get(b"a", b"d", sort_order=R.ASCEND, sort_target=R.VALUE, limit=2),
        get(b"a", b"d", sort_target=R.VALUE, limit=1),
        get(b"a", b"d", min_mod_revision=s.at(3), max_mod_revision=s.at(4)),
        get(b"a", b"d", min_create_revision=s.at(4), max_create_revision=s.at(5)),
    ]
    s.txn(success=ranges)
    s.txn(success=[put(b"d", b"1"), *ranges])


@scenario
def prev_kv_inside_is_what_the_operations_before_left(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"b", value=b"1")
    s.txn(success=[put(b"a", b"2", prev_kv=True), put(b"c", b"2", prev_kv=True)])
    s.txn(success=[put(b"b", b"3"), delete(b"d", prev_kv=True), delete(b"c", b"\0", prev_kv=True)])
    s.txn(success=[delete(b"a", prev_kv=True), delete(b"a", b"c", prev_kv=True)])


@scenario
def ignore_value_and_ignore_lease_inside_keep_what_there_is(s: Session) -> None:
    put_a_and_b(s)
    s.txn(
        success=[
            put(b"a", ignore_value=True, prev_kv=True),
            put(b"b", b"3", ignore_lease=True),
            get(b"a", b"c"),
        ]
    )
    s.txn(success=[put(b"a", ignore_value=True, ignore_lease=True), get(b"a")])


@scenario
def ignore_value_and_ignore_lease_inside_need_a_key_from_before(s: Session) -> None:
    s.txn(success=[put(b"a", b"1"), put(b"b", ignore_value=True)])
    s.txn(success=[put(b"a", b"1"), nested([put(b"b", b"1", ignore_lease=True)])])
    s.txn(success=[nested([put(b"b")], [put(b"b", ignore_value=True)], [FALSE])])
    s.range(key=b"a", range_end=b"\0")


@scenario
def a_key_may_be_deleted_twice(s: Session) -> None:
    # etcd#20020
    put_a_and_b(s)
    s.txn(success=[delete(b"b"), delete(b"b", prev_kv=True), delete(b"a", b"c", prev_kv=True)])
    s.put(key=b"b", value=b"3")
    s.txn(success=[delete(b"a", b"c"), nested([delete(b"b")]), delete(b"b", b"d")])
    s.range(key=b"a", range_end=b"c")

"""Transactions in transactions, how large they may be, and operations that meet."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .building import (
    FALSE,
    NO_ARM,
    C,
    delete,
    encoded_levels,
    field,
    get,
    has_number,
    has_value,
    levels,
    nested,
    put,
    put_a_and_b,
)

# Nesting


@scenario
def the_header_of_a_nested_answer_is_empty(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.txn(success=[nested(), nested(compare=[FALSE]), nested([nested([put(b"b")])])])


@scenario
def nested_compares_see_the_keys_as_they_were_before_the_transaction(s: Session) -> None:
    s.put(key=b"a", value=b"1")

    def read_a_if(value: bytes) -> m.RequestOp:
        return nested([get(b"a")], compare=[has_value(b"a", value)])

    s.txn(success=[put(b"a", b"2"), read_a_if(b"1"), read_a_if(b"2")])
    s.txn(success=[nested([put(b"a", b"3")]), read_a_if(b"2"), nested([read_a_if(b"3")])])
    s.txn(
        success=[
            delete(b"a"),
            read_a_if(b"3"),
            nested(compare=[has_number(b"a", C.VERSION, C.EQUAL, 0)]),
        ]
    )


@scenario
def each_nested_transaction_takes_its_own_branch(s: Session) -> None:
    s.put(key=b"then")
    s.put(key=b"else")
    then, otherwise = [get(b"then")], [get(b"else")]
    yes, no = nested(then, otherwise), nested(then, otherwise, [FALSE])
    s.txn(success=[no, yes, *then, nested([no, yes, no], then), yes, no])
    s.txn(success=then, failure=[yes, nested([yes], [no, nested([no, yes])], [FALSE])])
    s.txn(compare=[FALSE], success=[yes], failure=[nested([yes, yes], [no], [FALSE]), yes])


@scenario
def a_transaction_may_be_nested_in_128_levels(s: Session) -> None:
    # In a branch that is not taken, for an answer that is not nested as deep.
    reads = encoded_levels(127, field(2, field(1, field(1, b"a"))))
    for request in (encoded_levels(128), encoded_levels(129), reads, encoded_levels(1, reads)):
        s.call("KV/Txn", m.TxnRequest(compare=[FALSE]).SerializeToString() + request)


@scenario(flags=("--max-txn-ops=4",))
def a_nested_transaction_has_the_operations_that_the_one_around_it_leaves(s: Session) -> None:
    three, two = [get(b"a")] * 3, [get(b"a")] * 2
    s.txn(success=[nested(three)])
    s.txn(success=[nested([*three, get(b"a")])])
    s.txn(success=[nested(two), nested(two)])
    s.txn(success=[nested(two), nested(three)])
    for sibling in (nested(three), nested(failure=three), nested(compare=[FALSE] * 3)):
        s.txn(compare=[FALSE] * 2, success=[sibling])
    s.txn(success=[nested(two)], failure=two)
    s.txn(success=[nested(two)], failure=three)


@scenario(flags=("--max-txn-ops=4",))
def every_level_takes_an_operation_and_an_empty_one_none(s: Session) -> None:
    s.txn(success=[levels(3, [get(b"a")])])
    s.txn(success=[levels(4)])
    s.txn(success=[levels(4, [get(b"a")])])
    s.txn(success=[levels(5)])
    s.txn(failure=[levels(5)])


# Limits


@scenario
def a_transaction_may_have_128_compares(s: Session) -> None:
    s.txn(compare=[C(key=b"a")] * 128)
    s.txn(compare=[C(key=b"a")] * 129)


@scenario
def a_transaction_may_have_128_operations(s: Session) -> None:
    # Of ones that are none: 128 are looked at, 129 are not.
    s.txn(success=[NO_ARM] * 128)
    s.txn(success=[NO_ARM] * 129)


@scenario(flags=("--max-txn-ops=4",))
def the_longest_list_counts_and_not_the_sum(s: Session) -> None:
    compares, reads = [C(key=b"a")], [get(b"a")]
    s.txn(compare=compares * 4, success=reads * 4, failure=reads * 4)
    s.txn(compare=compares * 5, success=reads, failure=reads)
    s.txn(compare=compares, success=reads * 5, failure=reads)
    s.txn(compare=compares, success=reads, failure=reads * 5)


@scenario(flags=("--max-txn-ops=0",))
def where_no_operations_are_allowed_an_empty_transaction_is(s: Session) -> None:
    s.txn()
    s.txn(compare=[FALSE])
    s.txn(success=[nested()])
    s.put(key=b"a", value=b"1")


# Overlaps


PUT, DELETE = put(b"k"), delete(b"k")


@scenario
def a_key_must_not_be_put_twice(s: Session) -> None:
    for operations in (
        [PUT, PUT],
        [PUT, nested([PUT])],
        [nested([PUT]), PUT],
        [nested(failure=[PUT]), PUT],
        [nested([PUT]), nested([PUT])],
        [nested([PUT]), nested(failure=[PUT])],
        [nested(failure=[PUT]), nested([PUT])],
        [nested(failure=[PUT]), nested(failure=[PUT])],
        [nested([PUT], [PUT]), nested([PUT])],
        [levels(2, [PUT]), PUT],
        [nested([PUT, PUT])],
        [nested(failure=[PUT, PUT])],
    ):
        s.txn(success=operations)
    s.range(key=b"k")


@scenario
def a_key_must_not_be_put_and_deleted(s: Session) -> None:
    for operations in (
        [PUT, DELETE],
        [DELETE, PUT],
        [PUT, delete(b"a", b"z")],
        [DELETE, nested([PUT])],
        [nested([PUT]), DELETE],
        [nested(failure=[PUT]), DELETE],
        [nested([DELETE]), PUT],
        [PUT, nested([DELETE])],
        [PUT, nested(failure=[DELETE])],
        [nested([DELETE]), nested([PUT])],
        [nested(failure=[DELETE]), nested([PUT])],
        [levels(2, [DELETE]), PUT],
        [nested([PUT, DELETE])],
    ):
        s.txn(success=operations)
    s.range(key=b"k")


@scenario
def a_branch_that_is_not_taken_must_not_overlap_either(s: Session) -> None:
    for operations in ([PUT, PUT], [DELETE, PUT], [nested([PUT]), PUT], [nested([PUT, PUT])]):
        s.txn(failure=operations)
        s.txn(compare=[FALSE], success=operations)


@scenario
def branches_of_one_transaction_may_overlap_with_each_other(s: Session) -> None:
    s.txn(success=[PUT], failure=[PUT])
    s.txn(success=[DELETE], failure=[PUT])
    s.txn(success=[nested([PUT], [PUT])])
    s.txn(success=[nested([PUT], [DELETE])])
    s.txn(success=[nested([DELETE], [PUT])])
    s.txn(success=[nested([nested([PUT], [PUT])], [PUT])])


@scenario
def a_put_may_touch_the_range_of_a_deletion(s: Session) -> None:
    for key, end in (
        (b"a", b"k"),  # up to it
        (b"k\0", b"z"),  # from the next one on
        (b"k", b"k"),
        (b"k", b"a"),
        (b"z", b"a"),
        (b"a", b"k\0"),
        (b"k", b"z"),
        (b"k", b"k\0"),
        (b"\0", b"\xff"),
    ):
        s.txn(success=[delete(key, end), PUT])
        s.txn(success=[PUT, nested([delete(key, end)])])


@scenario
def of_several_deletions_each_is_looked_at(s: Session) -> None:
    deletions = [delete(b"b", b"d"), delete(b"a"), delete(b"f", b"a"), delete(b"g"), delete(b"e")]
    for key in (b"a", b"a\0", b"b", b"c", b"d", b"e", b"f", b"g", b"h"):
        s.txn(success=[*deletions, put(key)])


@scenario
def a_nested_put_before_a_nested_deletion_is_no_overlap(s: Session) -> None:
    # The reverse is: etcd#16380
    s.put(key=b"k", value=b"1")
    s.txn(success=[nested([put(b"k", b"2")]), nested([delete(b"k", prev_kv=True)]), get(b"k")])
    s.range(key=b"k", revision=s.at(2))
    s.range(key=b"k", revision=s.at(3))
    s.txn(success=[nested([DELETE]), nested([PUT])])


@scenario(needs_fresh_server=True)
def a_deletion_to_the_end_overlaps_with_nothing(s: Session) -> None:
    # etcd#22445: real etcd dies of a compaction at such a revision, so not on anybody's server.
    put_a_and_b(s)
    everything = get(b"a", b"\0")
    s.txn(success=[delete(b"a", b"\0", prev_kv=True), put(b"b", b"3"), everything])
    s.txn(success=[delete(b"b", b"\0"), put(b"b", b"4"), everything])
    s.txn(success=[levels(2, [delete(b"\0", b"\0")]), put(b"b", b"5"), everything])
    s.txn(success=[put(b"b", b"6"), delete(b"a", b"\0", prev_kv=True), everything])


@scenario
def reads_overlap_with_nothing(s: Session) -> None:
    s.txn(success=[get(b"k"), PUT, get(b"k"), get(b"a", b"z"), nested([get(b"k")])])

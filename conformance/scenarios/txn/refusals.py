"""Transactions that are refused, and for which of several reasons."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .building import (
    FALSE,
    NO_ARM,
    C,
    delete,
    field,
    get,
    has_value,
    levels,
    nested,
    put,
    put_a_and_b,
)
from .nesting import PUT

# What cannot be done


@scenario
def an_operation_that_cannot_be_done_undoes_all(s: Session) -> None:
    put_a_and_b(s)
    for impossible in (
        get(b"a", revision=s.at(99)),
        put(b"z", ignore_value=True),
        put(b"z", ignore_lease=True),
        put(b"b", lease=7),
    ):
        s.txn(success=[put(b"c"), delete(b"a"), impossible])
        s.txn(success=[put(b"c"), delete(b"a"), levels(2, [impossible])])
        s.txn(compare=[FALSE], failure=[nested([put(b"c")]), impossible])
    s.range(key=b"a", range_end=b"\0")


@scenario
def only_the_branch_that_is_taken_has_to_be_possible(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for impossible in (
        get(b"a", revision=s.at(99)),
        put(b"z", ignore_value=True),
        put(b"a", lease=7),
    ):
        s.txn(failure=[impossible])
        s.txn(compare=[FALSE], success=[impossible])
        s.txn(success=[nested(failure=[impossible])])
        s.txn(success=[nested([impossible], compare=[FALSE])])


@scenario
def of_what_is_impossible_the_first_is_told(s: Session) -> None:
    lease, future, missing = put(b"a", lease=7), get(b"a", revision=s.at(9)), put(b"b")
    missing.request_put.ignore_value = True
    for operations in (
        [lease, future],
        [future, lease],
        [missing, lease],
        [nested([lease]), future],
        [nested([put(b"c")]), future, nested([lease])],
        [nested(failure=[future]), missing, lease],
        [put(b"z", lease=7, ignore_value=True)],
    ):
        s.txn(success=operations)


# What is wrong in itself


@scenario
def an_operation_without_an_arm_is_refused_as_a_key_not_found(s: Session) -> None:
    s.txn(success=[NO_ARM])
    s.txn(failure=[NO_ARM])
    s.txn(success=[put(b"a"), nested([NO_ARM])])
    s.txn(success=[nested(failure=[NO_ARM])])
    s.range(key=b"a")


@scenario
def an_operation_with_two_arms_has_the_one_that_came_last(s: Session) -> None:
    put_, range_ = field(2, field(1, b"a") + field(2, b"2")), field(1, field(1, b"a"))
    for operation in (put_ + range_, range_ + put_):
        s.call("KV/Txn", field(2, operation))
    s.range(key=b"a")


@scenario
def an_operation_with_one_arm_twice_is_merged(s: Session) -> None:
    key, value = field(2, field(1, b"a")), field(2, field(2, b"2"))
    s.call("KV/Txn", field(2, key + value))
    s.range(key=b"a")


@scenario
def a_key_is_needed_everywhere(s: Session) -> None:
    s.txn(compare=[C()])
    for without in (get(b""), put(b""), delete(b""), get(b"", b"\0"), delete(b"", b"\0")):
        s.txn(success=[put(b"a"), without])
        s.txn(failure=[without])
        s.txn(success=[nested(failure=[without])])
    s.txn(success=[nested(compare=[C(range_end=b"\0")])])
    s.range(key=b"a")


@scenario
def an_operation_is_checked_like_the_call_in_either_branch(s: Session) -> None:
    for wrong in (
        get(b"a", sort_order=3),
        get(b"a", sort_target=5),
        put(b"a", b"1", ignore_value=True),
        put(b"a", lease=7, ignore_lease=True),
    ):
        s.txn(success=[wrong])
        s.txn(failure=[wrong])
        s.txn(success=[nested(failure=[wrong])])


@scenario(flags=("--max-txn-ops=2",))
def what_is_wrong_is_told_in_an_order(s: Session) -> None:
    no_key, no_compare_key = put(b""), C()
    # The number of operations comes first, but for a nested transaction in its turn,
    s.txn(compare=[no_compare_key], success=[no_key] * 3)
    s.txn(success=[no_key, nested([PUT, PUT])])
    # then the keys of the compares,
    s.txn(compare=[no_compare_key], success=[NO_ARM])
    # then the operations as they come, success before failure,
    s.txn(success=[NO_ARM, no_key])
    s.txn(success=[no_key, NO_ARM])
    s.txn(success=[nested([PUT, PUT]), no_key])
    s.txn(success=[get(b"a", sort_order=3)], failure=[no_key])
    s.txn(success=[get(b"a")], failure=[NO_ARM, no_key])
    # then overlaps, and only then what cannot be done.
    s.txn(success=[PUT, PUT], failure=[no_key])
    s.txn(success=[put(b"k", lease=7), PUT])
    s.txn(success=[put(b"k", lease=7)], failure=[PUT, PUT])


@scenario(flags=("--max-request-bytes=200",))
def a_transaction_that_is_too_large_is_refused_unless_it_only_reads(s: Session) -> None:
    large = b"v" * 300
    s.txn(success=[put(b"a", large)])
    s.txn(failure=[put(b"a", large)])
    s.txn(compare=[has_value(b"a", large)], success=[delete(b"b")])
    s.txn(compare=[has_value(b"a", large)], success=[nested()])
    s.txn(compare=[has_value(b"a", large)], success=[get(large)])
    # Overlaps are told before, what cannot be done after.
    s.txn(success=[put(b"a", large), put(b"a", large)])
    s.txn(success=[put(b"a", large, lease=7)])

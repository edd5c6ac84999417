"""Transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

C = m.Compare
Ops = Sequence[m.RequestOp]

RESULTS = (C.EQUAL, C.GREATER, C.LESS, C.NOT_EQUAL)
ARMS = {C.VERSION: "version", C.CREATE: "create_revision", C.MOD: "mod_revision", C.LEASE: "lease"}
FALSE = C(key=b"none", target=C.VERSION, result=C.GREATER, version=0)
NO_ARM = m.RequestOp()


def put(key: bytes, value: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, value=value, **options))


def get(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_range=m.RangeRequest(key=key, range_end=end, **options))


def delete(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    request = m.DeleteRangeRequest(key=key, range_end=end, **options)
    return m.RequestOp(request_delete_range=request)


def nested(success: Ops = (), failure: Ops = (), compare: Sequence[m.Compare] = ()) -> m.RequestOp:
    request = m.TxnRequest(success=success, failure=failure, compare=compare)
    return m.RequestOp(request_txn=request)


def field(number: int, content: bytes) -> bytes:
    """A field with a length, encoded."""
    length = len(content)
    size = b""
    while length > 127:
        size += bytes((length % 128 + 128,))
        length //= 128
    return bytes((number << 3 | 2,)) + size + bytes((length,)) + content


def levels(depth: int, innermost: Ops = ()) -> m.RequestOp:
    """Transactions in transactions, `depth` of them."""
    for _ in range(depth):
        innermost = [nested(innermost)]
    return innermost[0]


def encoded_levels(depth: int, innermost: bytes = b"") -> bytes:
    """Likewise, deeper than Python's protobuf goes: the fields of the outermost one."""
    for _ in range(depth):
        innermost = field(2, field(4, innermost))
    return innermost


def has_number(key: bytes, target: int, result: int, given: int) -> m.Compare:
    arm: dict[str, Any] = {ARMS[target]: given}
    return C(key=key, target=target, result=result, **arm)


def has_value(key: bytes, value: bytes, end: bytes = b"") -> m.Compare:
    return C(key=key, range_end=end, target=C.VALUE, value=value)


def put_a_and_b(s: Session) -> None:
    """a has revision 2, b was made at 3 and is at 4."""
    s.put(key=b"a", value=b"1")
    s.put(key=b"b", value=b"1")
    s.put(key=b"b", value=b"2")


def compare_number(s: Session, target: int, actual: int) -> None:
    """Of key b, with the number that it has and those next to it."""
    put_a_and_b(s)
    for result in RESULTS:
        for given in (actual - 1, actual, actual + 1):
            s.txn(compare=[has_number(b"b", target, result, given)])


# Compares


@scenario
def a_version_is_compared(s: Session) -> None:
    compare_number(s, C.VERSION, 2)


@scenario
def a_create_revision_is_compared(s: Session) -> None:
    compare_number(s, C.CREATE, s.at(3))


@scenario
def a_mod_revision_is_compared(s: Session) -> None:
    compare_number(s, C.MOD, s.at(4))


@scenario
def the_lease_of_a_key_without_one_is_compared_as_0(s: Session) -> None:
    compare_number(s, C.LEASE, 0)


@scenario
def values_are_compared_as_bytes(s: Session) -> None:
    s.put(key=b"a", value=b"5\x80")
    for result in RESULTS:
        for value in (b"", b"10", b"5", b"5\x7f", b"5\x80", b"5\x80\0", b"5\xff"):
            s.txn(compare=[C(key=b"a", target=C.VALUE, result=result, value=value)])


@scenario
def an_empty_value_equals_an_empty_one_given_or_not(s: Session) -> None:
    s.put(key=b"a")
    for result in RESULTS:
        s.txn(compare=[C(key=b"a", target=C.VALUE, result=result)])
        s.txn(compare=[C(key=b"a", target=C.VALUE, result=result, value=b"")])


@scenario
def a_key_that_does_not_exist_has_numbers_of_0(s: Session) -> None:
    for target in ARMS:
        for result in RESULTS:
            for given in (-1, 0, 1):
                s.txn(compare=[has_number(b"a", target, result, given)])


@scenario
def a_value_compare_fails_on_a_key_that_does_not_exist(s: Session) -> None:
    # Even NOT_EQUAL, and even a result that is none (txn/txn.go, applyCompare).
    for result in (*RESULTS, 9):
        for value in (b"", b"1"):
            s.txn(compare=[C(key=b"a", target=C.VALUE, result=result, value=value)])


@scenario
def a_deleted_key_compares_as_one_that_never_was(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.delete_range(key=b"a")
    for target in ARMS:
        s.txn(compare=[has_number(b"a", target, C.EQUAL, 0)])
    s.txn(compare=[C(key=b"a", target=C.VALUE, result=C.NOT_EQUAL, value=b"2")])


@scenario
def numbers_are_compared_at_the_ends_of_int64(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for number in (-(2**63), 2**63 - 1):
        for result in RESULTS:
            s.txn(compare=[C(key=b"a", target=C.VERSION, result=result, version=number)])


@scenario
def a_compare_of_a_range_holds_if_it_holds_for_every_key(s: Session) -> None:
    put_a_and_b(s)
    for key, end in ((b"a", b"b"), (b"a", b"c"), (b"b", b"\0"), (b"\0", b"\0")):
        for result, version in ((C.GREATER, 0), (C.EQUAL, 1), (C.LESS, 2), (C.NOT_EQUAL, 1)):
            s.txn(
                compare=[
                    C(key=key, range_end=end, target=C.VERSION, result=result, version=version)
                ]
            )
        s.txn(compare=[has_value(key, b"1", end)])


@scenario
def a_compare_of_a_range_without_keys_is_one_of_a_key_that_does_not_exist(s: Session) -> None:
    put_a_and_b(s)
    for key, end in ((b"x", b"z"), (b"b", b"a"), (b"b", b"b"), (b"x", b"\0"), (b"a", b"\0\0")):
        for result in RESULTS:
            s.txn(compare=[C(key=key, range_end=end, target=C.VERSION, result=result, version=0)])
        s.txn(compare=[has_value(key, b"", end)])


@scenario
def an_unknown_target_is_always_equal(s: Session) -> None:
    put_a_and_b(s)
    for key in (b"b", b"none"):
        for target in (5, -1):
            for result in RESULTS:
                s.txn(compare=[C(key=key, target=target, result=result, version=7)])


@scenario
def an_unknown_result_is_always_met(s: Session) -> None:
    put_a_and_b(s)
    for key in (b"b", b"none"):
        for result in (4, -1):
            for target in ARMS:
                s.txn(compare=[has_number(key, target, result, -7)])
    s.txn(compare=[C(key=b"b", target=C.VALUE, result=4, value=b"7")])
    s.txn(compare=[C(key=b"b", target=5, result=4)])


@scenario
def without_a_target_union_a_target_is_compared_with_0(s: Session) -> None:
    put_a_and_b(s)
    for target in C.CompareTarget.values():
        for result in RESULTS:
            s.txn(compare=[C(key=b"b", target=target, result=result)])


@scenario
def a_union_of_another_target_counts_as_none(s: Session) -> None:
    put_a_and_b(s)
    for result in RESULTS:
        s.txn(compare=[C(key=b"b", target=C.VERSION, result=result, mod_revision=s.at(2))])
        s.txn(compare=[C(key=b"b", target=C.CREATE, result=result, version=3)])
        s.txn(compare=[C(key=b"b", target=C.MOD, result=result, lease=4)])
        s.txn(compare=[C(key=b"b", target=C.LEASE, result=result, value=b"0")])
        s.txn(compare=[C(key=b"b", target=C.VALUE, result=result, create_revision=s.at(2))])


@scenario
def a_compare_with_two_unions_has_the_one_that_came_last(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    version_1, value_1 = b"\x20\x01", field(7, b"1")
    for target in (C.VERSION, C.VALUE):
        for union in (version_1 + value_1, value_1 + version_1):
            compare = bytes((0x10, target)) + field(3, b"a") + union
            s.call("KV/Txn", field(1, compare))


@scenario
def all_compares_have_to_hold(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    true = has_value(b"a", b"1")
    for compares in ([true, true], [true, FALSE], [FALSE, true], [FALSE, FALSE]):
        s.txn(compare=compares, success=[get(b"a")], failure=[get(b"b")])


# Answers


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


@scenario(
    known_limit="protobuf's Python runtimes refuse messages nested deeper than 100; a level is two"
)
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

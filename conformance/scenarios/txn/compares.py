"""Which branch a transaction takes."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .building import (
    ARMS,
    FALSE,
    RESULTS,
    C,
    compare_number,
    field,
    get,
    has_number,
    has_value,
    put_a_and_b,
)


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

"""What a range selects, how much of it, and in which order."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .common import ORDERS, TARGETS, R, put_each, put_mixed, read_all

# What a range is


@scenario
def a_range_without_an_end_is_one_key(s: Session) -> None:
    put_each(s, ("a", "aa", "b"))
    for key in (b"a", b"aa", b"ab", b"A", b"a\0"):
        s.range(key=key)


@scenario
def the_end_of_a_range_is_not_part_of_it(s: Session) -> None:
    put_each(s, "abc")
    for end in (b"b", b"c", b"c\0", b"bb", b"z"):
        s.range(key=b"a", range_end=end)
    s.range(key=b"aa", range_end=b"bb")


@scenario
def an_end_at_or_below_the_key_is_an_empty_range(s: Session) -> None:
    put_each(s, "abc")
    for key, end in ((b"b", b"b"), (b"c", b"a"), (b"b", b"a\xff"), (b"b\0", b"b")):
        s.range(key=key, range_end=end)


@scenario
def an_end_of_one_zero_byte_is_no_end(s: Session) -> None:
    put_each(s, ("a", "b", "\xff\xff"))
    for key in (b"b", b"bb", b"\0", b"\xff", b"\xff\xff\xff"):
        s.range(key=key, range_end=b"\0", count_only=True)
    s.range(key=b"b", range_end=b"\0")


@scenario
def an_end_of_two_zero_bytes_is_an_end(s: Session) -> None:
    # etcd#22395
    put_each(s, ("\0", "a"))
    for key, end in ((b"\0", b"\0\0"), (b"a", b"\0\0"), (b"a", b"\0a"), (b"\0\0", b"\0\0")):
        s.range(key=key, range_end=end)


@scenario
def a_prefix_ends_before_its_last_byte_plus_one(s: Session) -> None:
    put_each(s, ("p", "p/", "p/1", "p/\xff", "p0", "q", "\xff", "\xff1"))
    for key, end in ((b"p/", b"p0"), (b"p", b"q"), (b"p/\xff", b"p0"), (b"\xff", b"\0")):
        s.range(key=key, range_end=end, keys_only=True)


@scenario
def keys_are_in_the_order_of_their_bytes(s: Session) -> None:
    put_each(s, ("\xff", "\x80", "\x7f", "b", "a\0", "aa", "a", "\0\0", "\0", "B", "\xff\xff"))
    read_all(s, keys_only=True)


@scenario
def a_key_of_a_zero_byte_is_a_key(s: Session) -> None:
    put_each(s, ("\0", "\0\0", "a"))
    s.range(key=b"\0")
    s.delete_range(key=b"\0", prev_kv=True)
    read_all(s)


# Limit, count, and what is left out


@scenario
def a_limit_cuts_a_range_and_says_that_there_is_more(s: Session) -> None:
    put_each(s, "abcd")
    for limit in (1, 3, 4, 5):
        read_all(s, limit=limit)
    s.range(key=b"b", limit=1)
    s.range(key=b"b", range_end=b"d", limit=1)
    s.range(key=b"x", range_end=b"z", limit=1)


@scenario
def a_limit_of_0_or_less_or_very_much_is_none(s: Session) -> None:
    put_each(s, "ab")
    for limit in (0, -1, -(2**63), 2**31 - 1, 2**31, 2**32 + 1, 2**63 - 2, 2**63 - 1):
        read_all(s, limit=limit)


@scenario
def count_only_counts_all_of_a_range_whatever_else_is_asked(s: Session) -> None:
    put_each(s, "abcd")
    read_all(s, count_only=True)
    read_all(s, count_only=True, limit=1)
    read_all(s, count_only=True, keys_only=True)
    read_all(s, count_only=True, min_mod_revision=s.at(4), max_create_revision=s.at(4))
    read_all(s, count_only=True, sort_order=R.DESCEND, sort_target=R.VALUE, limit=2)
    s.range(key=b"b", count_only=True)
    s.range(key=b"x", count_only=True)
    s.range(key=b"d", range_end=b"a", count_only=True)


@scenario
def count_only_counts_what_was_there_at_a_revision(s: Session) -> None:
    put_each(s, "ab")
    s.delete_range(key=b"a")
    for revision in (1, 2, 3, 4, 5):
        read_all(s, count_only=True, revision=s.at(revision))


@scenario
def keys_only_leaves_out_the_values(s: Session) -> None:
    put_each(s, "abca")
    s.delete_range(key=b"b")
    s.range(key=b"a", keys_only=True)
    s.range(key=b"b", keys_only=True)
    read_all(s, keys_only=True)
    read_all(s, keys_only=True, limit=1)
    read_all(s, keys_only=True, revision=s.at(4))
    read_all(s, keys_only=True, max_create_revision=s.at(3))


@scenario
def keys_only_may_be_sorted_by_what_it_leaves_out(s: Session) -> None:
    # etcd#21791
    put_mixed(s)
    for order in ORDERS:
        read_all(s, keys_only=True, sort_target=R.VALUE, sort_order=order, limit=2)


# Order


@scenario
def a_range_can_be_sorted_by_each_target_in_both_orders(s: Session) -> None:
    put_mixed(s)
    for target in TARGETS:
        for order in (R.ASCEND, R.DESCEND):
            read_all(s, sort_target=target, sort_order=order)


@scenario
def a_target_without_an_order_sorts_upwards(s: Session) -> None:
    put_mixed(s)
    for target in TARGETS:
        read_all(s, sort_target=target, sort_order=R.NONE)


@scenario
def an_order_cuts_after_sorting(s: Session) -> None:
    put_mixed(s)
    for target in TARGETS:
        for order in (R.ASCEND, R.DESCEND):
            read_all(s, sort_target=target, sort_order=order, limit=2, keys_only=True)
    read_all(s, sort_target=R.VALUE, sort_order=R.DESCEND, limit=4)


@scenario
def a_target_without_an_order_sorts_one_key_more_than_the_limit(s: Session) -> None:
    # server/etcdserver/txn/range.go: rangeLimit asks for the order, sortRangeResults makes one up
    put_mixed(s)
    for limit in (1, 2, 3, 4):
        read_all(s, sort_target=R.VALUE, limit=limit)


@scenario
def values_are_sorted_by_their_bytes(s: Session) -> None:
    for i, value in enumerate((b"\xff", b"aa", b"", b"\x80", b"a", b"\0", b"a\0")):
        s.put(key=b"%d" % i, value=value)
    for order in (R.ASCEND, R.DESCEND):
        read_all(s, sort_target=R.VALUE, sort_order=order)


@scenario
def an_order_at_an_older_revision_is_that_of_then(s: Session) -> None:
    put_mixed(s)
    for revision in (7, 9):
        for target in (R.VERSION, R.MOD, R.VALUE):
            read_all(s, revision=s.at(revision), sort_target=target, sort_order=R.DESCEND)


@scenario
def up_to_12_equal_keys_stay_in_the_order_of_keys(s: Session) -> None:
    for i in range(12):
        s.put(key=b"%02d" % i, value=b"%d" % (i % 2))
    for order in (R.ASCEND, R.DESCEND):
        read_all(s, sort_target=R.VERSION, sort_order=order, keys_only=True)
        read_all(s, sort_target=R.VALUE, sort_order=order)


@scenario
def any_number_of_keys_that_are_all_equal_stay_in_the_order_of_keys(s: Session) -> None:
    put_in_one_revision(s, 14, 1)
    for order in (R.ASCEND, R.DESCEND):
        read_all(s, sort_target=R.MOD, sort_order=order, keys_only=True)


@scenario
def more_than_12_keys_with_equals_among_them_come_as_go_sorts_them(s: Session) -> None:
    # Go's sort.Sort: an insertion sort, which is stable, of up to 12 elements only
    put_in_one_revision(s, 20, 3)
    for order in (R.ASCEND, R.DESCEND):
        read_all(s, sort_target=R.VALUE, sort_order=order, limit=19)


@scenario
def more_than_50_keys_with_equals_among_them_come_as_go_sorts_them(s: Session) -> None:
    # Go's sort.Sort: from 50 elements on the pivot is chosen otherwise
    put_in_one_revision(s, 60, 4)
    for order in (R.ASCEND, R.DESCEND):
        read_all(s, sort_target=R.VALUE, sort_order=order, keys_only=True)


def put_in_one_revision(s: Session, count: int, distinct: int) -> None:
    """So many keys, with so many different values."""
    puts = [m.PutRequest(key=b"%02d" % i, value=b"%d" % (i % distinct)) for i in range(count)]
    s.txn(success=[m.RequestOp(request_put=put) for put in puts])

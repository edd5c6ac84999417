"""Range, Put and DeleteRange."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

R = m.RangeRequest
TARGETS = (R.KEY, R.VERSION, R.CREATE, R.MOD, R.VALUE)
ORDERS = (R.NONE, R.ASCEND, R.DESCEND)
BOUNDS = ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision")


def put_each(s: Session, keys: Iterable[str], value: bytes = b"v") -> None:
    """One put, so one revision, for each key."""
    for key in keys:
        s.put(key=key.encode("latin-1"), value=value)


def put_mixed(s: Session) -> None:
    """Four keys, with another order for each of the sort targets.

    By key they are abcd, by creation bdac, by modification badc, by version cbda, by value dacb.
    """
    for put in (b"b1", b"b4", b"d9", b"d1", b"a0", b"a0", b"a0", b"a2", b"d1", b"c3"):
        s.put(key=put[:1], value=put[1:])


def read_all(s: Session, **options: Any) -> m.RangeResponse:
    """A range of all keys."""
    return s.range(key=b"\0", range_end=b"\0", **options)


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


# Bounds


@scenario
def bounds_on_mod_revisions_leave_the_full_count(s: Session) -> None:
    put_each(s, "abcda")
    for least, greatest in ((3, 0), (0, 4), (3, 5), (4, 4), (6, 6), (5, 3), (7, 0)):
        bound(s, min_mod_revision=least, max_mod_revision=greatest)


@scenario
def bounds_on_create_revisions_leave_the_full_count(s: Session) -> None:
    put_each(s, "abcda")
    for least, greatest in ((3, 0), (0, 4), (3, 4), (2, 2), (6, 6), (5, 3)):
        bound(s, min_create_revision=least, max_create_revision=greatest)


def bound(s: Session, **bounds: int) -> None:
    """A range of all keys with bounds, of which 0 is not shifted."""
    read_all(s, **{name: revision and s.at(revision) for name, revision in bounds.items()})


@scenario
def all_bounds_hold_together(s: Session) -> None:
    put_each(s, "abcdabc")
    for least, greatest, first, last in ((6, 8, 3, 4), (6, 7, 3, 5), (2, 9, 2, 5), (5, 5, 5, 5)):
        bound(
            s,
            min_mod_revision=least,
            max_mod_revision=greatest,
            min_create_revision=first,
            max_create_revision=last,
        )
    bound(s, min_mod_revision=7, max_create_revision=3)
    bound(s, max_mod_revision=6, min_create_revision=3)


@scenario
def a_bound_below_0_is_a_bound(s: Session) -> None:
    # server/etcdserver/txn/range.go: HasRevisionFilters asks for != 0
    put_each(s, "ab")
    for name in BOUNDS:
        for revision in (-1, -(2**63)):
            read_all(s, **{name: revision})


@scenario(needs_fresh_server=True)
def a_bound_may_be_the_greatest_revision_there_is(s: Session) -> None:
    put_each(s, "ab")
    for name in BOUNDS:
        read_all(s, **{name: 2**63 - 1})


@scenario
def a_limit_cuts_what_the_bounds_have_left(s: Session) -> None:
    # etcd#20745
    put_each(s, "abcd")
    read_all(s, min_mod_revision=s.at(3), limit=1)
    read_all(s, min_mod_revision=s.at(3), limit=3)
    read_all(s, max_mod_revision=s.at(3), limit=2)
    read_all(s, max_create_revision=s.at(4), limit=2, sort_order=R.DESCEND)
    read_all(s, max_create_revision=s.at(4), limit=1, sort_target=R.VALUE, keys_only=True)


@scenario
def bounds_at_an_older_revision_hold_for_what_was_then(s: Session) -> None:
    put_each(s, "abcba")
    for revision in (4, 5):
        read_all(s, revision=s.at(revision), min_mod_revision=s.at(4))
        read_all(s, revision=s.at(revision), max_create_revision=s.at(3), limit=1)
    s.range(key=b"b", min_mod_revision=s.at(6))


@scenario
def all_options_of_a_range_go_together(s: Session) -> None:
    put_mixed(s)
    options: dict[str, Any] = {
        "revision": s.at(10),
        "limit": 1,
        "sort_order": R.DESCEND,
        "sort_target": R.VERSION,
        "serializable": True,
        "min_mod_revision": s.at(5),
        "max_mod_revision": s.at(10),
        "min_create_revision": s.at(2),
        "max_create_revision": s.at(6),
    }
    for keys_only in (False, True):
        for count_only in (False, True):
            read_all(s, **options, keys_only=keys_only, count_only=count_only)


# Revisions of a read


@scenario
def an_older_revision_is_read_under_the_header_of_now(s: Session) -> None:
    put_each(s, "ab")
    s.put(key=b"a", value=b"w")
    s.delete_range(key=b"b")
    for revision in (1, 2, 3, 4, 5):
        read_all(s, revision=s.at(revision))


@scenario
def each_life_of_a_key_can_be_read_at_its_revisions(s: Session) -> None:
    for value in (b"1", b"2", b"", b"4", b"", b"6"):
        s.put(key=b"a", value=value) if value else s.delete_range(key=b"a")
    for revision in range(1, 8):
        s.range(key=b"a", revision=s.at(revision))


@scenario
def a_revision_of_0_or_less_is_the_newest(s: Session) -> None:
    put_each(s, "aa")
    for revision in (0, -1, -2, -(2**63)):
        s.range(key=b"a", revision=revision)


@scenario
def a_revision_that_has_not_been_is_refused(s: Session) -> None:
    put_each(s, "aa")
    s.range(key=b"a", revision=s.at(3))
    s.range(key=b"a", revision=s.at(4))
    s.range(key=b"a", revision=s.at(2**62))
    s.range(key=b"x", revision=s.at(4))
    s.range(key=b"b", range_end=b"a", revision=s.at(4))
    for option in ("serializable", "keys_only", "count_only"):
        read_all(s, revision=s.at(4), **{option: True})


@scenario(needs_fresh_server=True)
def a_new_store_is_at_revision_1(s: Session) -> None:
    read_all(s)
    for revision in (1, 2, 2**63 - 1):
        read_all(s, revision=revision)
    s.delete_range(key=b"\0", range_end=b"\0")
    put_each(s, "a")


@scenario
def a_serializable_range_is_the_same_on_one_member(s: Session) -> None:
    put_each(s, "aba")
    s.range(key=b"a", serializable=True)
    read_all(s, serializable=True, limit=1)
    s.range(key=b"a", serializable=True, revision=s.at(2))


@scenario
def every_connection_sees_what_was_written(s: Session) -> None:
    other = s.connect()
    s.put(key=b"a", value=b"1")
    other.range(key=b"a")
    other.put(key=b"a", value=b"2", prev_kv=True)
    s.range(key=b"a", serializable=True)


# Put


@scenario
def a_put_of_a_new_key_starts_it_at_version_1(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.range(key=b"a")


@scenario
def every_put_is_a_revision_and_a_version(s: Session) -> None:
    for value in (b"1", b"2", b"2"):
        s.put(key=b"a", value=value)
        s.put(key=b"b")
    read_all(s)


@scenario
def a_key_that_was_deleted_begins_anew(s: Session) -> None:
    put_each(s, "aa")
    s.delete_range(key=b"a")
    s.put(key=b"a", value=b"n", prev_kv=True)
    s.range(key=b"a")


@scenario
def prev_kv_of_a_put_is_what_it_replaces(s: Session) -> None:
    s.put(key=b"a", prev_kv=True)
    s.put(key=b"a", value=b"1", prev_kv=True)
    s.put(key=b"a", value=b"2")
    s.put(key=b"a", value=b"3", prev_kv=True)
    s.delete_range(key=b"a")
    s.put(key=b"a", value=b"4", prev_kv=True)


@scenario
def ignore_value_keeps_the_value_and_makes_a_version(s: Session) -> None:
    put_each(s, "ab")
    s.put(key=b"b", value=b"")
    s.put(key=b"a", ignore_value=True)
    s.put(key=b"a", ignore_value=True, prev_kv=True)
    s.put(key=b"b", ignore_value=True, prev_kv=True)
    read_all(s)


@scenario
def ignore_lease_takes_the_new_value(s: Session) -> None:
    put_each(s, "a")
    s.put(key=b"a", value=b"w", ignore_lease=True)
    s.put(key=b"a", ignore_lease=True, prev_kv=True)
    s.range(key=b"a")
    s.put(key=b"a", value=b"x", ignore_lease=True)
    s.put(key=b"a", ignore_value=True, ignore_lease=True, prev_kv=True)
    s.range(key=b"a")


@scenario
def there_is_nothing_to_keep_of_a_key_that_is_not_there(s: Session) -> None:
    put_each(s, "a")
    s.delete_range(key=b"a")
    for key in (b"a", b"b"):
        s.put(key=key, ignore_value=True)
        s.put(key=key, value=b"1", ignore_lease=True)
        s.put(key=key, ignore_value=True, ignore_lease=True, prev_kv=True)
    read_all(s)


@scenario
def a_put_with_a_lease_that_does_not_exist_writes_nothing(s: Session) -> None:
    put_each(s, "a")
    for lease in (7, -1, -(2**63), 2**63 - 1):
        s.put(key=b"a", value=b"w", lease=lease, prev_kv=True)
    s.put(key=b"a", value=b"w", lease=0)
    s.range(key=b"a")


@scenario
def an_empty_value_is_a_value(s: Session) -> None:
    s.put(key=b"a", value=b"")
    s.put(key=b"b", value=b"1")
    s.put(key=b"b", value=b"", prev_kv=True)
    s.put(key=b"b", value=b"2", prev_kv=True)
    read_all(s)
    s.delete_range(key=b"a", prev_kv=True)


@scenario
def keys_and_values_may_be_any_bytes(s: Session) -> None:
    for key in (b"\0", b"\xff\xfe", b"a\0b", b"\n\r\t", "\u20ac".encode(), b"\xed\xa0\x80"):
        s.put(key=key, value=key[::-1])
    s.put(key=b"z", value=bytes(range(256)))
    read_all(s)


@scenario
def large_keys_and_values_come_back_whole(s: Session) -> None:
    s.put(key=b"k" * 20_000, value=b"v" * 1_500_000)
    s.put(key=b"k" * 20_000, value=b"w" * 1_500_000, prev_kv=True)
    s.range(key=b"k" * 20_000)
    s.delete_range(key=b"k", range_end=b"l", prev_kv=True)


# DeleteRange


@scenario
def a_delete_of_one_key_is_a_revision(s: Session) -> None:
    put_each(s, ("a", "aa", "b"))
    s.delete_range(key=b"a")
    s.range(key=b"a")
    s.delete_range(key=b"b", prev_kv=True)
    read_all(s)


@scenario
def a_delete_of_a_range_is_one_revision(s: Session) -> None:
    put_each(s, "abcd")
    s.delete_range(key=b"b", range_end=b"d")
    for revision in (5, 6):
        read_all(s, revision=s.at(revision))


@scenario
def a_delete_may_have_no_end(s: Session) -> None:
    put_each(s, ("\0", "a", "b", "c", "\xff\xff"))
    s.delete_range(key=b"c", range_end=b"\0", prev_kv=True)
    read_all(s, keys_only=True)
    s.delete_range(key=b"\0", range_end=b"\0")
    read_all(s)


@scenario
def a_delete_of_nothing_makes_no_revision(s: Session) -> None:
    put_each(s, "bcd")
    s.delete_range(key=b"d")
    for prev_kv in (False, True):
        for key, end in ((b"d", b""), (b"x", b""), (b"c", b"c"), (b"z", b"a"), (b"d", b"\0")):
            s.delete_range(key=key, range_end=end, prev_kv=prev_kv)
    s.delete_range(key=b"b", range_end=b"\0\0")
    s.put(key=b"d")


@scenario
def prev_kvs_of_a_delete_are_in_the_order_of_keys(s: Session) -> None:
    put_each(s, "cabba")
    s.put(key=b"c")
    s.delete_range(key=b"a", range_end=b"c\0", prev_kv=True)
    s.delete_range(key=b"a", range_end=b"c\0", prev_kv=True)


@scenario
def a_range_with_deleted_keys_in_it_counts_the_others(s: Session) -> None:
    put_each(s, "abcd")
    s.delete_range(key=b"b")
    s.delete_range(key=b"a")
    read_all(s, limit=1)
    read_all(s, limit=1, keys_only=True)
    s.delete_range(key=b"a", range_end=b"d", prev_kv=True)


@scenario
def the_header_has_the_revision_after_the_request(s: Session) -> None:
    s.put(key=b"a")
    s.range(key=b"a")
    s.delete_range(key=b"b")
    s.delete_range(key=b"a")
    s.txn()
    s.txn(success=[m.RequestOp(request_put=m.PutRequest(key=b"a"))])
    s.range_stream(key=b"a")
    s.compact(revision=s.at(3))
    s.put(key=b"a", ignore_value=True)

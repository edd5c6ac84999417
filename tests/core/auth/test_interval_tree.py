"""The tree whose shape decides about ranges that end before they begin."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core.auth import interval_tree
from fake_etcd.core.auth.interval_tree import IntervalTree
from fake_etcd.core.auth.permissions import READ, Permission, RangePermissions

keys = st.integers(0, 40).map(lambda number: b"%02d" % number)
intervals = st.tuples(keys, st.none() | keys).filter(lambda it: it[1] is None or it[0] < it[1])


def holds(interval: tuple[bytes, bytes | None], key: bytes) -> bool:
    begin, end = interval
    return begin <= key and (end is None or key < end)


@given(st.lists(intervals, max_size=60))
def test_it_is_a_red_black_tree_however_it_grows(given: list[tuple[bytes, bytes | None]]) -> None:
    for count in range(len(given) + 1):
        IntervalTree(given[:count]).check()


@given(st.lists(intervals, max_size=20), keys, keys)
def test_what_no_interval_holds_is_refused_and_what_none_hides_is_permitted(
    given: list[tuple[bytes, bytes | None]], key: bytes, range_end: bytes
) -> None:
    permitted = IntervalTree(given).permits(key, range_end)
    is_held = any(holds(it, key) for it in given)
    is_hidden = any(range_end <= begin and end is not None and end <= key for begin, end in given)
    assert not permitted or is_held
    assert permitted or not is_held or is_hidden


def test_the_order_of_granting_decides() -> None:
    # Three in order make the middle one the root; it lies between "a" and "z", and hides "y".
    rights = [Permission(READ, b"b"), Permission(READ, b"x"), Permission(READ, b"y", b"\0")]
    assert not RangePermissions(rights).permits(READ, b"z", b"a")
    # Without a third one, or with the last one at the root, nothing is above it.
    assert RangePermissions(rights[2:]).permits(READ, b"z", b"a")
    later = [*rights, Permission(READ, b"zz")]
    assert not RangePermissions(later).permits(READ, b"z", b"a")
    assert RangePermissions([rights[2], rights[0]]).permits(READ, b"z", b"a")


def test_the_example_holds() -> None:
    assert doctest.testmod(interval_tree).failed == 0

"""What permissions allow together, against looking at each key."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fake_etcd.core.auth import permissions as module
from fake_etcd.core.auth.permissions import (
    READ,
    READWRITE,
    WRITE,
    Intervals,
    Permission,
    RangePermissions,
)
from tests.core.auth.naive_auth import any_permission, holds_all, key_names, range_ends
from tests.core.counting import CountedKey

valid_permissions = any_permission.filter(lambda permission: permission.is_valid)


@given(st.lists(valid_permissions, max_size=8), key_names, range_ends)
@example([Permission(READ, b"a", b"b"), Permission(READ, b"b", b"c")], b"a", b"c")
@example([Permission(READ, b"a"), Permission(READ, b"a\0", b"b")], b"a", b"b")
@example([Permission(WRITE, b"a", b"\0"), Permission(READ, b"a", b"\0")], b"z", b"\0")
def test_a_range_is_permitted_where_each_of_its_keys_is(
    granted: list[Permission], key: bytes, range_end: bytes
) -> None:
    assume(range_end in (b"", b"\0") or key <= range_end)
    permissions = RangePermissions(granted)
    for wanted, types in ((READ, (READ, READWRITE)), (WRITE, (WRITE, READWRITE))):
        ranges = [(it.key, it.range_end) for it in granted if it.perm_type in types]
        assert permissions.permits(wanted, key, range_end) is holds_all(ranges, key, range_end)


@given(st.lists(valid_permissions, max_size=8))
def test_intervals_are_in_order_and_apart(granted: list[Permission]) -> None:
    intervals = Intervals((it.key, it.range_end) for it in granted)
    begins, ends = intervals._begins, intervals._ends
    for begin, end in zip(begins, ends, strict=True):
        assert end is None or begin < end
    for end, begin in zip(ends, begins[1:], strict=False):
        assert end is not None
        assert end < begin


@pytest.mark.parametrize("count", [1, 100, 10_000])
def test_a_look_is_a_bisection(count: int) -> None:
    permissions = RangePermissions(
        Permission(READWRITE, b"%08d" % (2 * i), b"%08d" % (2 * i + 1)) for i in range(count)
    )
    key = CountedKey(b"%08d" % (count | 1))
    CountedKey.compared = 0
    permissions.permits(READ, key, b"")
    permissions.permits(WRITE, key, b"%08d" % (count + 2))
    assert CountedKey.compared <= 2 * (math.ceil(math.log2(count + 1)) + 1)


@pytest.mark.parametrize(
    ("key", "range_end", "valid"),
    [
        (b"", b"", False),
        (b"", b"a", False),
        (b"", b"\0", False),
        (b"a", b"", True),
        (b"a", b"b", True),
        (b"a", b"a", False),
        (b"b", b"a", False),
        (b"a", b"\0", True),
        (b"\0", b"\0", True),
        (b"a", b"\0\0", False),
    ],
)
def test_what_can_be_granted(key: bytes, range_end: bytes, valid: bool) -> None:
    assert Permission(READ, key, range_end).is_valid is valid


def test_the_example() -> None:
    assert doctest.testmod(module) == (0, 2)

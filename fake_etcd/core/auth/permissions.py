"""Permissions on keys, and what several of them allow together.

etcd: server/auth/range_perm_cache.go, pkg/adt/interval_tree.go, api/authpb/auth.proto.

Worked example; a user whose roles may read these, and what is kept of them:

    "a"          one key: from "a" to "a\0"
    "b" to "d"                                  "a" to "a\0"
    "c" to "f"                                  "b" to "g"
    "f" to "g"   they touch

A range may be read where one kept interval holds it: "b" to "g" may be, "a" to "c" may not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from fake_etcd.core.auth.interval_tree import IntervalTree

READ, WRITE, READWRITE = 0, 1, 2
"""etcd: authpb.Permission.Type. Other numbers can be granted, and allow nothing."""

_ALL_THAT_FOLLOW = b"\0"
"""As a range_end (etcd: isOpenEnded)."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a role may do with some keys.

    Args:
        perm_type: READ, WRITE or READWRITE.
        key: the first key.
        range_end: the first key after them; b"" for `key` alone, a zero byte for all that follow.
    """

    perm_type: int
    key: bytes
    range_end: bytes = b""

    @property
    def is_valid(self) -> bool:
        """Whether it can be granted (etcd: isValidPermissionRange)."""
        if not self.key:
            return False
        end = self.range_end
        return not end or self.key < end or end == _ALL_THAT_FOLLOW


class Intervals:
    """Keys as a union of half-open intervals, which are disjoint and do not touch.

    Args:
        ranges: pairs of key and range_end, as in `Permission`.

    >>> keys = Intervals([(b"a", b"c"), (b"b", b"d"), (b"x", b"")])
    >>> keys.has(b"c"), keys.has_range(b"a", b"d"), keys.has_range(b"a", b"e"), keys.has(b"x")
    (True, True, False, True)
    """

    __slots__ = ("_begins", "_ends", "_granted", "_tree")

    def __init__(self, ranges: Iterable[tuple[bytes, bytes]]) -> None:
        self._begins: list[bytes] = []
        self._ends: list[bytes | None] = []
        """None: there is no end. Only the last one can be so."""
        self._granted = list(ranges)
        self._tree: IntervalTree | None = None  # made when it is asked for, which is hardly ever
        for begin, range_end in sorted(self._granted):
            self._add(begin, _end(begin, range_end))

    def _add(self, begin: bytes, end: bytes | None) -> None:
        """One that begins where the last one does, or behind that."""
        if self._ends:
            last = self._ends[-1]
            if last is None:
                return
            if begin <= last:
                self._ends[-1] = None if end is None else max(last, end)
                return
        self._begins.append(begin)
        self._ends.append(end)

    def has(self, key: bytes) -> bool:
        """Whether a key is one of them. O(log n)."""
        place = bisect_right(self._begins, key) - 1
        if place < 0:
            return False
        end = self._ends[place]
        return end is None or key < end

    def has_range(self, key: bytes, range_end: bytes) -> bool:
        """Whether all keys of a range are, whether they exist or not. O(log n).

        A range that ends before it begins has none, and is permitted by etcd's own rule, which
        takes longer: see `interval_tree`.
        """
        place = bisect_right(self._begins, key) - 1
        if place < 0:
            return False
        end = self._ends[place]
        is_open = range_end == _ALL_THAT_FOLLOW
        if end is not None and (is_open or range_end > end):
            return False
        if is_open or range_end > key:
            return True
        if range_end == key:
            return end is None or key < end
        return self._in_order_of_granting().permits(key, range_end)

    def _in_order_of_granting(self) -> IntervalTree:
        if self._tree is None:
            self._tree = IntervalTree((key, _end(key, end)) for key, end in self._granted)
        return self._tree


def _end(key: bytes, range_end: bytes) -> bytes | None:
    if not range_end:
        return key + b"\0"
    return None if range_end == _ALL_THAT_FOLLOW else range_end


class RangePermissions:
    """What a user's permissions, of all its roles, allow (etcd: unifiedRangePermissions)."""

    __slots__ = ("_readable", "_writable")

    def __init__(self, permissions: Iterable[Permission]) -> None:
        granted = list(permissions)
        self._readable = _keys_of(granted, (READ, READWRITE))
        self._writable = _keys_of(granted, (WRITE, READWRITE))

    def permits(self, perm_type: int, key: bytes, range_end: bytes) -> bool:
        """Whether all these keys may be read (READ) or written (WRITE)."""
        keys = self._readable if perm_type == READ else self._writable
        return keys.has_range(key, range_end) if range_end else keys.has(key)


def _keys_of(permissions: list[Permission], perm_types: tuple[int, ...]) -> Intervals:
    return Intervals((it.key, it.range_end) for it in permissions if it.perm_type in perm_types)

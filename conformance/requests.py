"""Random requests of KV and of leases, of which a good part are wrong or odd.

Keys come from a small alphabet, so that requests meet each other; an empty key, unknown enum
values and revisions out of bounds are among what can be chosen. A request has few of its fields
set, any of them. Revisions are those of a server that was new before the program began.

A function makes one request from choices; for those that tests want by themselves there is a
strategy, which is called as many of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from hypothesis import strategies as st

from fake_etcd.api import messages as m

from .choices import Choices, Options, drawn, weighted

KEYS = (b"a", b"a\0", b"aa", b"ab", b"b", b"c", b"\0", b"\xff", b"l" * 130)
"""Neighbours, the first and the last key there can be, and one with a length of two bytes."""

RANGE_ENDS = (b"", b"\0", b"a", b"a\0", b"b", b"c", b"\xff", b"\xff\xff")
"""A single key, all from the key on, and ends that are before, at and behind the keys."""

VALUES = (b"", b"1", b"2", b"22", b"v" * 130, b"\0\xff")
_LARGE = b"\0\xff" * 10_000  # more than an HTTP/2 frame holds
_VALUES = (*VALUES[:-1] * 6, _LARGE)

LARGEST = (1 << 63) - 1
_REVISIONS = (1, 2, 3, 4, 5, 6, 7, 1_000, -1, -2, LARGEST, -LARGEST - 1)

_ANY_KEYS = (*KEYS, *KEYS, b"")
_FIRST_KEYS = (b"a", b"a", b"\0", b"\0", b"a\0", b"aa", b"b")
_WIDE_ENDS = (b"", b"b", b"c", b"\0", b"\0", b"\xff", b"\xff\xff", b"\xff\xff")

keys = st.sampled_from(KEYS)
range_ends = st.sampled_from(RANGE_ENDS)


def _each(name: str, *values: object) -> Options:
    return [(name, value) for value in values]


# Range

_GOOD_RANGE_OPTIONS = (
    *_each("limit", 1, 2, 3, 1, 2, 3),
    *_each("revision", 2, 3, 3, 4, 4, 5, 6),
    *_each("sort_order", 1, 2, 1, 2),
    *_each("sort_target", 1, 2, 3, 4, 1, 2, 3, 4),
    *_each("serializable", True),
    *_each("keys_only", True, True),
    *_each("count_only", True),
    *_each("min_mod_revision", 3, 5),
    *_each("max_mod_revision", 4, 6),
    *_each("min_create_revision", 3, 5),
    *_each("max_create_revision", 4, 6),
)
_ODD_RANGE_OPTIONS = (
    *_GOOD_RANGE_OPTIONS,
    *_each("limit", 100, -1, LARGEST),
    *_each("revision", *_REVISIONS),
    *_each("sort_order", 3, -1),
    *_each("sort_target", 5, -1),
    *(
        (name, value)
        for name in (
            "min_mod_revision",
            "max_mod_revision",
            "min_create_revision",
            "max_create_revision",
        )
        for value in (-1, LARGEST)
    ),
)


def good_range(choices: Choices) -> m.RangeRequest:
    key, end = choices.of(_FIRST_KEYS), choices.of(_WIDE_ENDS)
    return m.RangeRequest(key=key, range_end=end, **choices.some(_GOOD_RANGE_OPTIONS, 3))


def any_range(choices: Choices) -> m.RangeRequest:
    key, end = choices.of(_ANY_KEYS), choices.of(RANGE_ENDS)
    return m.RangeRequest(key=key, range_end=end, **choices.some(_ODD_RANGE_OPTIONS, 5))


# Put

_PREV_KV = _each("prev_kv", True)
_LEASED_PUT_OPTIONS = (*_PREV_KV, *_each("ignore_value", True))
_PUT_OPTIONS = (
    *_each("prev_kv", True, True),
    *_each("lease", 7, -1),
    *_each("ignore_value", True),
    *_each("ignore_lease", True),
)

LEASES = (7, -1)
"""Ids of leases that are granted; others are asked for."""


def good_put(choices: Choices) -> m.PutRequest:
    key, value = choices.of(KEYS), choices.of(_VALUES)
    return m.PutRequest(key=key, value=value, **choices.some(_PREV_KV, 1))


def leased_put(choices: Choices) -> m.PutRequest:
    key, lease = choices.of(KEYS), choices.of(LEASES)
    return m.PutRequest(key=key, lease=lease, **choices.some(_LEASED_PUT_OPTIONS, 1))


def any_put(choices: Choices) -> m.PutRequest:
    key, value = choices.of(_ANY_KEYS), choices.of(_VALUES)
    return m.PutRequest(key=key, value=value, **choices.some(_PUT_OPTIONS, 4))


# DeleteRange and Compact


def good_delete(choices: Choices) -> m.DeleteRangeRequest:
    return _delete(choices.of(KEYS), choices)


def any_delete(choices: Choices) -> m.DeleteRangeRequest:
    return _delete(choices.of(_ANY_KEYS), choices)


def _delete(key: bytes, choices: Choices) -> m.DeleteRangeRequest:
    end = choices.of(RANGE_ENDS)
    return m.DeleteRangeRequest(key=key, range_end=end, **choices.some(_PREV_KV, 1))


_COMPACTED = (*range(2, 8), *range(3, 8), *range(3, 6), 0, *_REVISIONS)


def compaction(choices: Choices) -> m.CompactionRequest:
    revision = choices.of(_COMPACTED)
    return m.CompactionRequest(revision=revision, **choices.some(_each("physical", True), 1))


# Leases

_TTLS = (60, 60, 100, 9_000_000_000, 9_000_000_001)  # none that ends before its program
_LEASE_IDS = (*LEASES, *LEASES, *LEASES, 0, 5)


def grant(choices: Choices) -> m.LeaseGrantRequest:
    return m.LeaseGrantRequest(ID=choices.of(LEASES), TTL=choices.of(_TTLS))


def revocation(choices: Choices) -> m.LeaseRevokeRequest:
    return m.LeaseRevokeRequest(ID=choices.of(_LEASE_IDS))


def time_to_live(choices: Choices) -> m.LeaseTimeToLiveRequest:
    return m.LeaseTimeToLiveRequest(ID=choices.of(_LEASE_IDS), keys=choices.below(4) > 0)


def list_of_leases(_: Choices) -> m.LeaseLeasesRequest:
    return m.LeaseLeasesRequest()


# Txn

_COMPARE_ENDS = (b"", b"", b"", *_WIDE_ENDS, *RANGE_ENDS)
_TARGETS = (*range(5), *range(5), *range(5), 5, -1)
_RESULTS = (*range(4), *range(4), *range(4), 4, -1)
_UNIONS = ("version", "create_revision", "mod_revision", "value", "lease")  # by target
_NUMBERS = (0, 1, 2, 3, 4, 5, 7, -1, LARGEST)


def compare(choices: Choices) -> m.Compare:
    """Mostly one that says what its target is compared with."""
    made = m.Compare(
        key=choices.of(KEYS),
        range_end=choices.of(_COMPARE_ENDS),
        target=choices.of(_TARGETS),
        result=choices.of(_RESULTS),
    )
    union = choices.below(8)  # of the target, none, or any
    name = _UNIONS[choices.below(5) if union == 7 else made.target % 5]
    if union != 6:
        setattr(made, name, choices.of(_VALUES if name == "value" else _NUMBERS))
    return made


_ARMS: tuple[tuple[int, str, Callable[[Choices], Message]], ...] = (
    (8, "request_put", good_put),
    (8, "request_range", good_range),
    (4, "request_delete_range", good_delete),
    (2, "request_put", leased_put),
)
_ODD_ARMS: tuple[tuple[int, str, Callable[[Choices], Message]], ...] = (
    *_ARMS,
    (2, "request_range", any_range),
    (2, "request_put", any_put),
    (2, "request_delete_range", any_delete),
)
_GOOD = weighted(*((weight, (arm, build)) for weight, arm, build in _ARMS))
_ODD = weighted(*((weight, (arm, build)) for weight, arm, build in _ODD_ARMS))

_DEEPEST = 3
"""Levels of transactions inside the outermost one."""


def txn(choices: Choices) -> m.TxnRequest:
    """With others inside, some of them; one in four has requests in it that may be wrong."""
    return _txn(choices, choices.below(4) == 3, _DEEPEST)


def _txn(choices: Choices, is_odd: bool, depth: int) -> m.TxnRequest:
    def operation(choices: Choices) -> m.RequestOp:
        kind = choices.below(32)
        if kind >= 26 and depth:
            return m.RequestOp(request_txn=_txn(choices, is_odd, depth - 1))
        if kind == 25 and is_odd:
            return m.RequestOp()
        arm, build = choices.of(_ODD if is_odd else _GOOD)
        fields: dict[str, Any] = {arm: build(choices)}
        return m.RequestOp(**fields)

    return m.TxnRequest(
        compare=choices.many(compare, 2),
        success=choices.many(operation, 4),
        failure=choices.many(operation, 3),
    )


# Strategies. The numbers are those of the bytes that a request takes, roughly.

good_ranges = drawn(good_range, 4, 8)
ranges = drawn(any_range, 6, 10)
good_puts = drawn(good_put, 3, 4)
puts = drawn(any_put, 4, 8)
good_deletes = drawn(good_delete, 3, 4)
deletes = drawn(any_delete, 3, 4)
compares = drawn(compare, 5, 8)
txns = drawn(txn, 24, 120)

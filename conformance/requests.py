"""Hypothesis strategies for requests of KV and of leases, of which a good part are wrong or odd.

Keys come from a small alphabet, so that requests meet each other; an empty key, unknown enum
values and revisions out of bounds are among what can be drawn. A request has few of its fields
set, any of them: one draw a field would cost more than the server takes to answer.
Revisions are those of a server that was new before the program began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message
from hypothesis import strategies as st

from fake_etcd.api import messages as m

Request = TypeVar("Request", bound=Message)
T = TypeVar("T")
Options = Sequence[tuple[str, object]]

KEYS = (b"a", b"a\0", b"aa", b"ab", b"b", b"c", b"\0", b"\xff", b"l" * 130)
"""Neighbours, the first and the last key there can be, and one with a length of two bytes."""

RANGE_ENDS = (b"", b"\0", b"a", b"a\0", b"b", b"c", b"\xff", b"\xff\xff")
"""A single key, all from the key on, and ends that are before, at and behind the keys."""

VALUES = (b"", b"1", b"2", b"22", b"v" * 130, b"\0\xff")
_LARGE = 10_000  # times the last one: more than an HTTP/2 frame holds

LARGEST = (1 << 63) - 1
_REVISIONS = (1, 2, 3, 4, 5, 6, 7, 1_000, -1, -2, LARGEST, -LARGEST - 1)

keys = st.sampled_from(KEYS)
any_keys = st.sampled_from((b"", *KEYS, *KEYS))
range_ends = st.sampled_from(RANGE_ENDS)
_wide_ends = st.sampled_from((b"", b"b", b"c", b"\0", b"\0", b"\xff", b"\xff\xff", b"\xff\xff"))
values = st.sampled_from((*VALUES[:-1] * 6, VALUES[-1])).map(
    lambda value: value * _LARGE if value == VALUES[-1] else value
)


def _each(name: str, *values: object) -> Options:
    return [(name, value) for value in values]


def _some(options: Options, most: int) -> st.SearchStrategy[dict[str, object]]:
    """A few of these fields with values; where a field is drawn twice, its last value."""
    return st.lists(st.sampled_from(options), max_size=most).map(dict)


def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of several, each as often as its weight says; `one_of` passes over repetitions."""
    table = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.sampled_from(range(len(table))).flatmap(table.__getitem__)


def _requests(
    kind: type[Request], options: Options, most: int, **fields: st.SearchStrategy[object]
) -> st.SearchStrategy[Request]:
    def build(drawn: tuple[object, ...], chosen: dict[str, object]) -> Request:
        return kind(**dict(zip(fields, drawn, strict=True)), **chosen)

    return st.builds(build, st.tuples(*fields.values()), _some(options, most))


_GOOD_RANGE_OPTIONS = (
    *_each("limit", 1, 2, 3, 1, 2, 3),
    *_each("revision", 3, 4, 5, 6, 7, 8),
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

_first_keys = st.sampled_from((b"a", b"a", b"\0", b"\0", b"a\0", b"aa", b"b"))

good_ranges = _requests(
    m.RangeRequest, _GOOD_RANGE_OPTIONS, 3, key=_first_keys, range_end=_wide_ends
)
ranges = _requests(m.RangeRequest, _ODD_RANGE_OPTIONS, 5, key=any_keys, range_end=range_ends)

good_puts = _requests(m.PutRequest, _each("prev_kv", True), 1, key=keys, value=values)
puts = _requests(
    m.PutRequest,
    (
        *_each("lease", 7, -1),
        *_each("prev_kv", True, True),
        *_each("ignore_value", True),
        *_each("ignore_lease", True),
    ),
    2,
    key=any_keys,
    value=values,
)

good_deletes = _requests(
    m.DeleteRangeRequest, _each("prev_kv", True), 1, key=keys, range_end=range_ends
)
deletes = _requests(
    m.DeleteRangeRequest, _each("prev_kv", True), 1, key=any_keys, range_end=range_ends
)

compactions = _requests(
    m.CompactionRequest,
    _each("physical", True),
    1,
    revision=st.sampled_from((*range(2, 10), *range(2, 10), 0, *_REVISIONS)),
)

LEASES = (7, -1)
"""Ids of leases that are granted; others are asked for."""

_TTLS = (60, 60, 100, 9_000_000_000, 9_000_000_001)  # none that ends before its program

_lease_ids = st.sampled_from((*LEASES, *LEASES, *LEASES, 0, 5))

grants = st.builds(m.LeaseGrantRequest, ID=st.sampled_from(LEASES), TTL=st.sampled_from(_TTLS))
revocations = st.builds(m.LeaseRevokeRequest, ID=_lease_ids)
times_to_live = _requests(
    m.LeaseTimeToLiveRequest, _each("keys", True, True, True), 2, ID=_lease_ids
)
lists_of_leases = st.builds(m.LeaseLeasesRequest)
leased_puts = _requests(
    m.PutRequest,
    (*_each("prev_kv", True), *_each("ignore_value", True)),
    1,
    key=keys,
    lease=st.sampled_from(LEASES),
)

_compare_numbers = st.sampled_from((0, 1, 2, 3, 4, 5, 7, -1, LARGEST))

compares = st.builds(
    lambda key, end, target, result, union: m.Compare(
        key=key, range_end=end, target=target, result=result, **union
    ),
    keys,
    st.sampled_from((b"", b"", *RANGE_ENDS)),
    st.sampled_from((*range(5), *range(5), 5, -1)),
    st.sampled_from((*range(4), *range(4), 4, -1)),
    st.one_of(
        st.just({}),
        st.builds(
            lambda name, number: {name: number},
            st.sampled_from(("version", "create_revision", "mod_revision", "lease")),
            _compare_numbers,
        ),
        values.map(lambda value: {"value": value}),
    ),
)

_flat_operations = weighted(
    (8, st.builds(m.RequestOp, request_range=good_ranges)),
    (8, st.builds(m.RequestOp, request_put=good_puts)),
    (4, st.builds(m.RequestOp, request_delete_range=good_deletes)),
    (2, st.builds(m.RequestOp, request_put=leased_puts)),
    (1, st.builds(m.RequestOp, request_range=ranges)),
    (1, st.builds(m.RequestOp, request_put=puts)),
    (1, st.builds(m.RequestOp, request_delete_range=deletes)),
    (1, st.builds(m.RequestOp)),
)


def _txns_of(operations: st.SearchStrategy[m.RequestOp]) -> st.SearchStrategy[m.TxnRequest]:
    return st.builds(
        lambda compare, success, failure: m.TxnRequest(
            compare=compare, success=success, failure=failure
        ),
        st.lists(compares, max_size=2),
        st.lists(operations, max_size=4),
        st.lists(operations, max_size=3),
    )


operations = st.recursive(
    _flat_operations,
    lambda inner: st.builds(m.RequestOp, request_txn=_txns_of(inner)),
    max_leaves=8,
)
"""What a transaction does, nested ones included."""

txns = _txns_of(operations)

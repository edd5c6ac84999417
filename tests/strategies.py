"""Hypothesis strategies that several rooms' tests share: keys, ranges and KV requests.

Keys come from a small alphabet, so that requests meet each other; odd values (empty keys, unknown
enum values, revisions out of bounds) are in the `any_…` strategies only.
"""

from __future__ import annotations

from hypothesis import strategies as st

from fake_etcd.api import messages as m

KEYS = (b"a", b"a\0", b"aa", b"ab", b"b", b"c", b"\0", b"\xff", b"l" * 130)
"""Neighbours, the first and the last key there can be, and one with a length of two bytes."""

keys = st.sampled_from(KEYS)
range_ends = st.sampled_from((b"", b"\0", b"a", b"a\0", b"b", b"c", b"\xff", b"\xff\xff"))
values = st.sampled_from((b"", b"1", b"2", b"22", b"v" * 130))

_any_keys = st.one_of(st.just(b""), keys)
_any_revisions = st.sampled_from((0, 0, 0, 1, 2, 3, 4, 1_000, -1, -2))
_any_limits = st.sampled_from((0, 0, 1, 2, 3, 100, -1, (1 << 63) - 1))
_bounds = st.sampled_from((0, 0, 0, 2, 3, 4, -1))


def _enum(size: int) -> st.SearchStrategy[int]:
    return st.sampled_from(range(size))


def _any_enum(size: int) -> st.SearchStrategy[int]:
    return st.sampled_from((*range(size), *range(size), size, -1))


puts = st.builds(m.PutRequest, key=keys, value=values, prev_kv=st.booleans())

any_puts = st.builds(
    m.PutRequest,
    key=_any_keys,
    value=values,
    lease=st.sampled_from((0, 0, 0, 7)),
    prev_kv=st.booleans(),
    ignore_value=st.booleans(),
    ignore_lease=st.booleans(),
)

deletes = st.builds(m.DeleteRangeRequest, key=keys, range_end=range_ends, prev_kv=st.booleans())

any_deletes = st.builds(
    m.DeleteRangeRequest, key=_any_keys, range_end=range_ends, prev_kv=st.booleans()
)

ranges = st.builds(
    m.RangeRequest,
    key=keys,
    range_end=range_ends,
    limit=st.integers(0, 4),
    sort_order=_enum(3),
    sort_target=_enum(5),
    keys_only=st.booleans(),
    count_only=st.booleans(),
    min_mod_revision=_bounds,
    max_mod_revision=_bounds,
    min_create_revision=_bounds,
    max_create_revision=_bounds,
)
"""Ranges of the newest revision."""

any_ranges = st.builds(
    m.RangeRequest,
    key=_any_keys,
    range_end=range_ends,
    limit=_any_limits,
    revision=_any_revisions,
    sort_order=_any_enum(3),
    sort_target=_any_enum(5),
    serializable=st.booleans(),
    keys_only=st.booleans(),
    count_only=st.booleans(),
    min_mod_revision=_bounds,
    max_mod_revision=_bounds,
    min_create_revision=_bounds,
    max_create_revision=_bounds,
)

_compare_numbers = st.sampled_from((0, 1, 2, 3, -1))

any_compares = st.builds(
    lambda target, union: m.Compare(**target, **union),
    st.fixed_dictionaries(
        {
            "key": _any_keys,
            "range_end": range_ends,
            "target": _any_enum(5),
            "result": _any_enum(4),
        }
    ),
    st.one_of(
        st.just({}),
        st.builds(lambda number: {"version": number}, _compare_numbers),
        st.builds(lambda number: {"create_revision": number}, _compare_numbers),
        st.builds(lambda number: {"mod_revision": number}, _compare_numbers),
        st.builds(lambda number: {"lease": number}, _compare_numbers),
        st.builds(lambda value: {"value": value}, values),
    ),
)

_flat_operations = st.one_of(
    st.builds(m.RequestOp),
    st.builds(m.RequestOp, request_range=any_ranges),
    st.builds(m.RequestOp, request_put=any_puts),
    st.builds(m.RequestOp, request_put=puts),
    st.builds(m.RequestOp, request_delete_range=any_deletes),
)


def _txns_of(operations: st.SearchStrategy[m.RequestOp]) -> st.SearchStrategy[m.TxnRequest]:
    return st.builds(
        m.TxnRequest,
        compare=st.lists(any_compares, max_size=2),
        success=st.lists(operations, max_size=4),
        failure=st.lists(operations, max_size=3),
    )


any_operations = st.recursive(
    _flat_operations,
    lambda inner: st.builds(m.RequestOp, request_txn=_txns_of(inner)),
    max_leaves=8,
)
any_txns = _txns_of(any_operations)

changes = st.recursive(
    st.one_of(
        st.builds(m.RequestOp, request_put=puts),
        st.builds(m.RequestOp, request_delete_range=deletes),
    ),
    lambda inner: st.builds(
        lambda success, failure: m.RequestOp(
            request_txn=m.TxnRequest(success=success, failure=failure)
        ),
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)
"""Operations that are valid by themselves and may meet each other."""

sorted_keys_with_ties = st.lists(st.integers(0, 6), max_size=80)
"""Sort keys of which many are equal, on both sides of the 12 up to which Go's sort is stable."""

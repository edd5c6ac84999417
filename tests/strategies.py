"""Hypothesis strategies that several rooms' tests share, beside those of `conformance.requests`.

All requests here are valid, whatever the keys are; odd ones are there.
"""

from __future__ import annotations

from hypothesis import strategies as st

from conformance import requests
from fake_etcd.api import messages as m

_bounds = st.sampled_from((0, 0, 0, 2, 3, 4, -1))

ranges = st.builds(
    m.RangeRequest,
    key=requests.keys,
    range_end=requests.range_ends,
    limit=st.integers(0, 4),
    sort_order=st.sampled_from(range(3)),
    sort_target=st.sampled_from(range(5)),
    keys_only=st.booleans(),
    count_only=st.booleans(),
    min_mod_revision=_bounds,
    max_mod_revision=_bounds,
    min_create_revision=_bounds,
    max_create_revision=_bounds,
)
"""Ranges of the newest revision, any option as likely as not: `requests.good_ranges` have few."""

changes = st.recursive(
    st.one_of(
        st.builds(m.RequestOp, request_put=requests.good_puts),
        st.builds(m.RequestOp, request_delete_range=requests.good_deletes),
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

_good_operations = st.recursive(
    st.one_of(
        st.builds(m.RequestOp, request_put=requests.good_puts),
        st.builds(m.RequestOp, request_delete_range=requests.good_deletes),
        st.builds(m.RequestOp, request_range=requests.good_ranges),
    ),
    lambda inner: st.builds(
        lambda compare, success, failure: m.RequestOp(
            request_txn=m.TxnRequest(compare=compare, success=success, failure=failure)
        ),
        st.lists(requests.compares, max_size=2),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2),
    ),
    max_leaves=5,
)

good_txns = st.builds(
    lambda compare, success, failure: m.TxnRequest(
        compare=compare, success=success, failure=failure
    ),
    st.lists(requests.compares, max_size=1),
    st.lists(_good_operations, min_size=1, max_size=3),
    st.lists(_good_operations, max_size=2),
)
"""Transactions of valid operations, which mostly are carried out."""

sorted_keys_with_ties = st.lists(st.integers(0, 6), max_size=80)
"""Sort keys of which many are equal, on both sides of the 12 up to which Go's sort is stable."""

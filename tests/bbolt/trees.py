"""Buckets to be written, and what comes back of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from hypothesis import strategies as st

from fake_etcd.bbolt import Bucket, Items, plan

Tree: TypeAlias = "Mapping[bytes, bytes | Tree]"

KEYS = st.binary(min_size=1, max_size=40)
VALUES = st.one_of(
    st.binary(max_size=60),
    # Larger than a page, and not told apart by hypothesis byte by byte.
    st.builds(lambda byte, size: bytes([byte]) * size, st.integers(0, 255), st.integers(0, 9_000)),
)


def _in_order(pairs: dict[bytes, bytes | Tree]) -> Tree:
    return dict(sorted(pairs.items()))


def trees() -> st.SearchStrategy[Tree]:
    """Buckets in buckets, some of many pairs."""
    numbered = st.builds(
        lambda count, value: {b"%06d" % number: value for number in range(count)},
        st.integers(0, 400),
        VALUES.filter(lambda value: len(value) < 500),
    )
    flat = st.one_of(st.dictionaries(KEYS, VALUES, max_size=12).map(_in_order), numbered)
    return st.recursive(
        flat,
        lambda below: st.dictionaries(KEYS, st.one_of(VALUES, below), max_size=6).map(_in_order),
        max_leaves=8,
    )


def written(tree: Items, page_bytes: int = 4_096) -> bytes:
    """The file of a tree."""
    planned = plan(tree, page_bytes)
    file = b"".join(planned.pages())
    assert len(file) == planned.size
    return file


def read(bucket: Bucket) -> Tree:
    """All that is in a bucket."""
    return {
        key: read(value) if isinstance(value, Bucket) else value for key, value in bucket.items()
    }

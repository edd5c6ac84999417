"""KV.DeleteRange: what it deletes, and what it says about it."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from tests.services.client import KvClient, header, kv, refused


@pytest.fixture
def abc(etcd: KvClient) -> KvClient:
    """a, b and c at revisions 2 to 4."""
    for key in (b"a", b"b", b"c"):
        etcd.put(key=key, value=b"1")
    return etcd


def test_delete_of_one_key_is_a_revision(abc: KvClient) -> None:
    assert abc.delete_range(key=b"b") == m.DeleteRangeResponse(header=header(5), deleted=1)
    assert [found.key for found in abc.range(key=b"a", range_end=b"z").kvs] == [b"a", b"c"]


def test_delete_of_a_range_is_one_revision(abc: KvClient) -> None:
    assert abc.delete_range(key=b"a", range_end=b"c") == m.DeleteRangeResponse(
        header=header(5), deleted=2
    )


def test_an_end_of_a_zero_byte_is_no_end(abc: KvClient) -> None:
    assert abc.delete_range(key=b"b", range_end=b"\0").deleted == 2


@pytest.mark.parametrize("end", [b"", b"b", b"zz", b"\0"])
def test_delete_of_nothing_keeps_the_revision(abc: KvClient, end: bytes) -> None:
    answer = abc.delete_range(key=b"z", range_end=end, prev_kv=True)
    assert answer == m.DeleteRangeResponse(header=header(4))


def test_prev_kvs_are_what_was_deleted(abc: KvClient) -> None:
    assert abc.delete_range(key=b"a", range_end=b"c", prev_kv=True) == m.DeleteRangeResponse(
        header=header(5), deleted=2, prev_kvs=[kv(b"a", b"1", 2), kv(b"b", b"1", 3)]
    )


def test_what_was_deleted_can_be_read_at_the_revision_before(abc: KvClient) -> None:
    abc.delete_range(key=b"b")
    assert list(abc.range(key=b"b", revision=4).kvs) == [kv(b"b", b"1", 3)]
    assert abc.range(key=b"b", revision=5) == m.RangeResponse(header=header(5))


def test_a_key_is_needed(etcd: KvClient) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.delete_range(range_end=b"z")

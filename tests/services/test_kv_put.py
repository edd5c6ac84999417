"""KV.Put: versions and revisions, what it can keep, and what it refuses."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from tests.services.client import KvClient, header, kv, refused


def test_the_first_put_is_revision_2(etcd: KvClient) -> None:
    assert etcd.put(key=b"a", value=b"1") == m.PutResponse(header=header(2))
    assert etcd.range(key=b"a") == m.RangeResponse(
        header=header(2), kvs=[kv(b"a", b"1", 2)], count=1
    )


def test_every_put_is_a_version_and_a_revision(etcd: KvClient) -> None:
    for _ in range(3):
        etcd.put(key=b"a", value=b"1")
    assert list(etcd.range(key=b"a").kvs) == [kv(b"a", b"1", 2, 4, 3)]


def test_a_key_that_was_deleted_begins_anew(etcd: KvClient) -> None:
    etcd.put(key=b"a", value=b"1")
    etcd.delete_range(key=b"a")
    etcd.put(key=b"a", value=b"2")
    assert list(etcd.range(key=b"a").kvs) == [kv(b"a", b"2", 4)]


def test_prev_kv_is_what_was_replaced(etcd: KvClient) -> None:
    assert etcd.put(key=b"a", value=b"1", prev_kv=True) == m.PutResponse(header=header(2))
    assert etcd.put(key=b"a", value=b"2", prev_kv=True) == m.PutResponse(
        header=header(3), prev_kv=kv(b"a", b"1", 2)
    )


def test_ignore_value_keeps_the_value_and_makes_a_version(etcd: KvClient) -> None:
    etcd.put(key=b"a", value=b"1")
    assert etcd.put(key=b"a", ignore_value=True) == m.PutResponse(header=header(3))
    assert list(etcd.range(key=b"a").kvs) == [kv(b"a", b"1", 2, 3, 2)]


def test_ignore_lease_takes_the_new_value(etcd: KvClient) -> None:
    etcd.put(key=b"a", value=b"1")
    etcd.put(key=b"a", value=b"2", ignore_lease=True)
    assert list(etcd.range(key=b"a").kvs) == [kv(b"a", b"2", 2, 3, 2)]


@pytest.mark.parametrize("option", ["ignore_value", "ignore_lease"])
def test_there_is_nothing_to_keep_of_an_absent_key(etcd: KvClient, option: str) -> None:
    with refused(errors.KEY_NOT_FOUND):
        etcd.put(key=b"a", **{option: True})
    assert etcd.range(key=b"a").header == header(1)


def test_a_key_is_needed(etcd: KvClient) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.put(value=b"1")


def test_a_value_beside_ignore_value(etcd: KvClient) -> None:
    with refused(errors.VALUE_PROVIDED):
        etcd.put(key=b"a", value=b"1", ignore_value=True)


def test_a_lease_beside_ignore_lease(etcd: KvClient) -> None:
    with refused(errors.LEASE_PROVIDED):
        etcd.put(key=b"a", lease=7, ignore_lease=True)


@pytest.mark.parametrize("lease", [7, -7, 1 << 62])
def test_a_lease_that_does_not_exist(etcd: KvClient, lease: int) -> None:
    with refused(errors.LEASE_NOT_FOUND):
        etcd.put(key=b"a", value=b"1", lease=lease)
    assert etcd.range(key=b"a") == m.RangeResponse(header=header(1))


def test_the_first_fault_in_etcds_order_is_told(etcd: KvClient) -> None:
    """Each request has all the faults that the later ones have too."""
    with refused(errors.EMPTY_KEY):
        etcd.put(value=b"1", lease=7, ignore_value=True, ignore_lease=True)
    with refused(errors.VALUE_PROVIDED):
        etcd.put(key=b"a", value=b"1", lease=7, ignore_value=True, ignore_lease=True)
    with refused(errors.LEASE_PROVIDED):
        etcd.put(key=b"a", lease=7, ignore_value=True, ignore_lease=True)
    with refused(errors.LEASE_NOT_FOUND):
        etcd.put(key=b"a", lease=7, ignore_value=True)
    with refused(errors.KEY_NOT_FOUND):
        etcd.put(key=b"a", ignore_value=True)


def test_an_unknown_field_is_no_fault(etcd: KvClient) -> None:
    request = m.PutRequest(key=b"a", value=b"1").SerializeToString() + b"\x98\x06\x05"
    answer = etcd.raw("/etcdserverpb.KV/Put", request)
    assert m.PutResponse.FromString(answer) == m.PutResponse(header=header(2))


def test_a_large_key_and_value_come_back(etcd: KvClient) -> None:
    key, value = b"k" * 20_000, b"v" * 1_500_000
    etcd.put(key=key, value=value)
    assert list(etcd.range(key=key).kvs) == [kv(key, value, 2)]


def test_revisions_of_every_length_are_encoded(etcd: KvClient) -> None:
    """127 and 128, 16,383 and 16,384 are where a varint grows."""
    for revision in range(2, 260):
        assert etcd.put(key=b"a") == m.PutResponse(header=header(revision))

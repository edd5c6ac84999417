"""The two limits on the size of a request: etcd's own, to the byte, and gRPC's.

etcd measures the entry of its log: the request with tag and length, and a header whose id takes 7
to 10 bytes, by the low 16 bits of the member's id. The tokens below make each of these.
"""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from tests.services.client import KvClient, Start, refused

TOKENS_BY_ID_SIZE = {7: "t36766", 8: "t227", 9: "etcd-cluster", 10: "t0"}
HEADER_SIZE_WITHOUT_ID = 4
LIMIT = 400


def largest(id_size: int, limit: int = LIMIT) -> int:
    """Size of the largest request: behind a tag and a length of two bytes."""
    return limit - HEADER_SIZE_WITHOUT_ID - id_size - 1 - 2


def put_of(size: int) -> m.PutRequest:
    request = m.PutRequest(key=b"k", value=b"v" * (size - 6))
    assert request.ByteSize() == size, "one byte each of two tags, a key and its length, and 2"
    return request


@pytest.mark.parametrize(("id_size", "token"), TOKENS_BY_ID_SIZE.items())
def test_the_limit_for_a_put_is_exact(start: Start, id_size: int, token: str) -> None:
    etcd = start(max_request_bytes=LIMIT, initial_cluster_token=token)
    etcd.put(put_of(largest(id_size)))
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.put(put_of(largest(id_size) + 1))


def test_the_limit_for_a_deletion_is_the_same(start: Start) -> None:
    etcd = start(max_request_bytes=LIMIT)
    etcd.delete_range(key=b"k", range_end=b"e" * (largest(9) - 6))
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.delete_range(key=b"k", range_end=b"e" * (largest(9) - 5))


def test_the_limit_for_a_transaction_is_the_same(start: Start) -> None:
    etcd = start(max_request_bytes=LIMIT)

    def txn_of(size: int) -> m.TxnRequest:
        put = put_of(size - 6)
        request = m.TxnRequest(success=[m.RequestOp(request_put=put)])
        assert request.ByteSize() == size
        return request

    etcd.txn(txn_of(largest(9)))
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.txn(txn_of(largest(9) + 1))


def test_unknown_fields_count(start: Start) -> None:
    etcd = start(max_request_bytes=LIMIT)
    unknown = b"\x98\x06\x05"
    room = largest(9) - len(unknown)
    etcd.raw("/etcdserverpb.KV/Put", put_of(room).SerializeToString() + unknown)
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.raw("/etcdserverpb.KV/Put", put_of(room + 1).SerializeToString() + unknown)
    compact = m.CompactionRequest(revision=1).SerializeToString() + b"\x9a\x06\x7f" + b"u" * 127
    etcd = start(max_request_bytes=len(compact))
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.raw("/etcdserverpb.KV/Compact", compact)


def test_a_request_that_does_not_go_through_the_log_has_no_limit(start: Start) -> None:
    etcd = start(max_request_bytes=LIMIT)
    get = m.RangeRequest(key=b"k" * LIMIT)
    assert etcd.range(get).count == 0
    assert etcd.range_stream(get)[0].count == 0
    assert etcd.txn(success=[m.RequestOp(request_range=get)]).succeeded
    nested = m.TxnRequest(success=[m.RequestOp(request_range=get)])
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.txn(success=[m.RequestOp(request_txn=nested)])


def test_size_comes_after_form_and_before_leases_and_keys(start: Start) -> None:
    etcd = start(max_request_bytes=LIMIT)
    long = b"v" * LIMIT
    with refused(errors.EMPTY_KEY):
        etcd.put(value=long)
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.put(key=b"k", value=long, lease=7)
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.put(key=long, ignore_value=True)


def test_grpcs_limit_is_half_a_mebibyte_above(etcd: KvClient) -> None:
    limit = 1_572_864 + 512 * 1024
    with refused(errors.REQUEST_TOO_LARGE):
        etcd.put(m.PutRequest(key=b"k", value=b"v" * (limit - 7)))
    too_large = Status(
        Code.RESOURCE_EXHAUSTED,
        f"grpc: received message larger than max ({limit + 1} vs. {limit})",
    )
    with refused(too_large):
        etcd.put(m.PutRequest(key=b"k", value=b"v" * (limit - 6)))
    with refused(too_large):
        etcd.range_stream(key=b"k" * (limit - 3))

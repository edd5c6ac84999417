"""Tries `fake_etcd.api` on whatever protobuf is there; prints its version and implementation.

A script, not a test: test_protobuf_matrix.py runs it in environments that hold protobuf and
nothing else, so it imports nothing else.
"""

from __future__ import annotations

import google.protobuf
from google.protobuf import descriptor_pool, json_format
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError, Message

from fake_etcd.api import errors, messages, methods


def probe_messages() -> None:
    put = messages.PutRequest(key=b"k", value=b"\x00\xff", lease=-(2**63), prev_kv=True)
    wire = b"\x0a\x01k\x12\x02\x00\xff\x18" + b"\x80" * 9 + b"\x01\x20\x01"
    assert put.SerializeToString() == wire
    assert messages.PutRequest.FromString(wire) == put
    assert isinstance(put, Message)

    answer = messages.RangeResponse(kvs=[messages.KeyValue(key=b"a", version=3)], count=1)
    answer.header.member_id = 2**64 - 1
    copy = messages.RangeResponse.FromString(answer.SerializeToString())
    assert (copy.kvs[0].key, copy.kvs[0].version, copy.count) == (b"a", 3, 1)
    assert copy.HasField("header")
    assert copy.header.member_id == 2**64 - 1

    operation = messages.RequestOp(request_txn=messages.TxnRequest())
    assert operation.WhichOneof("request") == "request_txn"
    statuses = messages.HealthListResponse()
    statuses.statuses[""].status = messages.HealthCheckResponse.SERVING
    copied = messages.HealthListResponse.FromString(statuses.SerializeToString())
    assert copied.statuses[""].status == 1

    try:
        messages.RangeRequest.FromString(b"\x0a\x05ab")
    except DecodeError:
        return
    raise AssertionError("a cut-off message was taken")


def probe_enums() -> None:
    request = messages.RangeRequest
    assert (request.DESCEND, request.SortOrder.Name(2)) == (2, "DESCEND")
    assert request.FromString(b"\x28\x09").sort_order == 9
    assert (messages.NOSPACE, messages.AlarmType.Value("CORRUPT")) == (1, 2)
    assert messages.Compare.RANGE_END_FIELD_NUMBER == 64


def probe_json() -> None:
    """What the gateway will need: names as in the .proto files, bytes as base64, int64 as text."""
    wanted = {"key": "Zm9v", "lease": "7"}
    put = messages.PutRequest(key=b"foo", lease=7)
    assert json_format.MessageToDict(put, preserving_proto_field_name=True) == wanted
    assert json_format.ParseDict(wanted, messages.PutRequest()) == put


def probe_pool() -> None:
    try:
        descriptor_pool.Default().FindMessageTypeByName("etcdserverpb.PutRequest")
    except KeyError:
        return
    raise AssertionError("the default pool knows etcdserverpb")


def probe_tables() -> None:
    assert len(methods.METHODS) == 52
    for path, method in methods.METHODS.items():
        service, _, name = path[1:].partition("/")
        assert method.request.DESCRIPTOR.file.pool is method.response.DESCRIPTOR.file.pool
        pool = method.request.DESCRIPTOR.file.pool
        described = pool.FindServiceByName(service).methods_by_name[name]
        assert described.input_type.full_name == method.request.DESCRIPTOR.full_name
        assert described.output_type.full_name == method.response.DESCRIPTOR.full_name
        assert method.request().SerializeToString() == b""
    assert len(errors.ALL) == 63
    error = errors.EMPTY_KEY()
    assert (error.code, str(error)) == (3, "etcdserver: key is not provided")


if __name__ == "__main__":
    probe_messages()
    probe_enums()
    probe_json()
    probe_pool()
    probe_tables()
    print(google.protobuf.__version__, api_implementation.Type())

"""Other etcd clients' generated modules live beside ours, whichever is imported first.

python-etcd3 and aetcd both register `etcdserverpb` in protobuf's default pool, with different
content, so they cannot meet: each gets processes of its own. python-etcd3's modules are from an
old protoc, which today's protobuf takes only in pure Python.
"""

from __future__ import annotations

import importlib.util

import pytest

from .processes import run_python

THEIRS = """
from {package} import kv_pb2, rpc_pb2
"""

OURS = """
from fake_etcd.api import messages, methods
"""

ROUND_TRIP = """
def check(make, read):
    request = make.PutRequest(key=b"k", value=b"v", lease=7, prev_kv=True)
    copy = read.PutRequest.FromString(request.SerializeToString())
    assert (copy.key, copy.value, copy.lease, copy.prev_kv) == (b"k", b"v", 7, True)
    answer = make.RangeResponse(count=2, more=True)
    answer.kvs.add(key=b"a", mod_revision=5, version=1)
    answer.header.revision = 9
    copy = read.RangeResponse.FromString(answer.SerializeToString())
    assert (copy.count, copy.more, copy.header.revision) == (2, True, 9)
    assert [(kv.key, kv.mod_revision, kv.version) for kv in copy.kvs] == [(b"a", 5, 1)]
    assert copy.SerializeToString() == answer.SerializeToString()

check(messages, rpc_pb2)
check(rpc_pb2, messages)
assert rpc_pb2.PutRequest is not messages.PutRequest
theirs, ours = rpc_pb2.PutRequest.DESCRIPTOR.file, messages.PutRequest.DESCRIPTOR.file
assert theirs.pool.FindFileByName(theirs.name) is theirs
assert ours.pool is not theirs.pool
print(theirs.name, ours.name)
"""


@pytest.mark.parametrize("first", ["ours", "theirs"])
@pytest.mark.parametrize(
    ("client", "package", "implementation"),
    [
        ("etcd3", "etcd3.etcdrpc", "python"),
        ("aetcd", "aetcd.rpc", "python"),
        ("aetcd", "aetcd.rpc", "upb"),
    ],
)
def test_a_message_goes_both_ways_between_a_clients_modules_and_ours(
    first: str,
    client: str,
    package: str,
    implementation: str,
) -> None:
    if importlib.util.find_spec(client) is None:
        pytest.skip(f"{client} is not installed")
    imports = [OURS, THEIRS.format(package=package)]
    if first == "theirs":
        imports.reverse()
    printed = run_python(
        "-c",
        "".join([*imports, ROUND_TRIP]),
        PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation,
    )
    assert printed.split() == ["rpc.proto", "fake_etcd/etcdserverpb/kv.proto"]

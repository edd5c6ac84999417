"""What requests cost of the space quota, to the byte, and when a node is looked at again."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import METHODS
from fake_etcd.core.alarm import CORRUPT, Alarm
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import registry
from fake_etcd.services.call import Call

NO_SPACE = "etcdserver: mvcc: database space exceeded"


def ask(node: Node, name: str, request: Message) -> str:
    """What became of it: nothing, or the text of its error."""
    path = f"/etcdserverpb.{name}"
    unary = registry.endpoints(node)[path].unary
    assert unary is not None
    try:
        unary(request, Call(METHODS[path]))
    except EtcdError as error:
        return error.status.message
    return ""


def put(size: int, key: bytes = b"k") -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, value=bytes(size)))


REQUESTS: dict[str, tuple[str, Message, int]] = {
    "a put": ("KV/Put", put(100, b"key").request_put, 256 + 3 + 100),
    "a lease": ("Lease/LeaseGrant", m.LeaseGrantRequest(TTL=60), 64),
    "a branch": ("KV/Txn", m.TxnRequest(success=[put(9, b"a"), put(1, b"b")]), 2 * 257 + 10),
    "the dearer branch": (
        "KV/Txn",
        m.TxnRequest(success=[put(5)], failure=[put(8)]),
        257 + 8,
    ),
    "a branch inside one": (
        "KV/Txn",
        m.TxnRequest(
            success=[m.RequestOp(request_txn=m.TxnRequest(success=[put(7)])), put(1, b"b")]
        ),
        2 * 257 + 8,
    ),
}
"""With what each costs: etcd: server/storage/quota.go, `leaseOverhead`, `kvOverhead`."""


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_fits_where_a_byte_is_left_behind_it(what: str) -> None:
    name, request, cost = REQUESTS[what]
    size = Node().db_size.file_bytes()
    full = Node(NodeConfig(quota_backend_bytes=size + cost))
    assert ask(full, name, request) == NO_SPACE
    assert ask(Node(NodeConfig(quota_backend_bytes=size + cost + 1)), name, request) == ""


def test_what_was_left_in_a_branch_is_not_left_behind_it() -> None:
    node = Node(NodeConfig(quota_backend_bytes=1_000_000))
    assert ask(node, "KV/Put", put(900_000).request_put) == ""
    before = node.snapshot()
    assert ask(node, "KV/DeleteRange", m.DeleteRangeRequest(key=b"k")) == ""
    node.compact(3)
    node.defragment()
    assert ask(node, "KV/Put", put(1).request_put) == ""  # there is much left to spend
    node.restore(before)
    assert ask(node, "KV/Put", put(100_000).request_put) == NO_SPACE
    node.release(before)


def test_where_corruption_ends_the_host_is_told_of_leases_that_are_due() -> None:
    node = Node()
    assert ask(node, "Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=5)) == ""
    node.alarms.activate(Alarm(CORRUPT, 5))
    told: list[float | None] = []
    node.on_due = lambda: told.append(node.next_due(0.0))
    request = m.AlarmRequest(action=m.AlarmRequest.DEACTIVATE, memberID=5, alarm=m.CORRUPT)
    assert ask(node, "Maintenance/Alarm", request) == ""
    assert told
    assert told[-1] is not None

"""What KV does with leases of keys, on the handlers.

Recorded from etcd 3.7.3 with a granted lease 7.
"""

from __future__ import annotations

import pytest

from fake_etcd.api import messages as m
from fake_etcd.core.node import Node
from tests.services.handlers import Handlers, MemorySink


@pytest.fixture
def leased() -> Handlers:
    """a with lease 7."""
    node = Node()
    node.lessor.grant(7, 60, node.clock.now())
    node.store.put(b"a", b"1", 7)
    return Handlers(node)


def lease_of_a(handlers: Handlers) -> int:
    return handlers.range(m.RangeRequest(key=b"a")).kvs[0].lease


def test_a_range_tells_the_lease(leased: Handlers) -> None:
    assert lease_of_a(leased) == 7


@pytest.mark.parametrize("target", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_keys_only_leaves_the_lease_out_unless_it_reads_values(
    leased: Handlers, target: int, order: int
) -> None:
    """To sort by value etcd has to read whole versions; otherwise its index is enough."""
    request = m.RangeRequest(key=b"a", keys_only=True, sort_target=target, sort_order=order)
    expected = 7 if target == m.RangeRequest.VALUE else 0
    assert leased.range(request).kvs[0].lease == expected


@pytest.mark.parametrize(("target", "expected"), [(0, 0), (4, 7)])
def test_so_it_is_in_a_stream(leased: Handlers, target: int, expected: int) -> None:
    sink = MemorySink()
    request = m.RangeRequest(key=b"a", keys_only=True, sort_target=target)
    leased.open("RangeStream", request, sink)
    [chunk] = map(m.RangeStreamResponse.FromString, sink.messages)
    assert chunk.range_response.kvs[0].lease == expected


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize(
    ("put", "lease"),
    [
        (m.PutRequest(key=b"a", value=b"2"), 0),
        (m.PutRequest(key=b"a", value=b"2", lease=7), 7),
        (m.PutRequest(key=b"a", value=b"2", ignore_lease=True), 7),
        (m.PutRequest(key=b"a", ignore_value=True), 0),
    ],
)
def test_a_put_sets_the_lease_unless_it_is_told_to_keep_it(
    leased: Handlers, put: m.PutRequest, lease: int, inside: bool
) -> None:
    if inside:
        leased.txn(m.TxnRequest(success=[m.RequestOp(request_put=put)]))
    else:
        leased.call("Put", put)
    assert lease_of_a(leased) == lease
    granted = leased.node.lessor.lookup(7)
    assert granted is not None
    assert granted.sorted_keys() == ([b"a"] if lease else [])
    leased.node.lessor.check()


@pytest.mark.parametrize(("result", "number"), [(0, 7), (1, 6), (2, 8), (3, 0)])
def test_a_compare_of_the_lease(leased: Handlers, result: int, number: int) -> None:
    compare = m.Compare(key=b"a", target=m.Compare.LEASE, result=result, lease=number)
    assert leased.txn(m.TxnRequest(compare=[compare])).succeeded


def test_what_etcd_crashes_on_keeps_nothing(leased: Handlers) -> None:
    """etcd's checks let a deletion to the end and a put that keeps the value pass side by side;
    then it panics. Here nothing is left to keep."""
    delete = m.DeleteRangeRequest(key=b"a", range_end=b"\0")
    put = m.PutRequest(key=b"a", ignore_value=True, ignore_lease=True)
    answer = leased.txn(
        m.TxnRequest(
            success=[m.RequestOp(request_delete_range=delete), m.RequestOp(request_put=put)]
        )
    )
    assert answer.succeeded
    assert list(leased.range(m.RangeRequest(key=b"a")).kvs) == [
        m.KeyValue(key=b"a", create_revision=3, mod_revision=3, version=1)
    ]
    leased.node.lessor.check()

"""Transactions of a few compares and an operation or two: done at once, as all are done wholly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import requests
from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.core.alarm import CORRUPT, NOSPACE, Alarm
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import kv_checks, kv_short_txn, kv_txn
from fake_etcd.services.call import Call
from tests.core.counting import bytecodes

TXN = METHODS["/etcdserverpb.KV/Txn"]

single_keys = st.sampled_from((*requests.KEYS, b""))
operations = st.one_of(
    st.builds(
        lambda key, value, lease: m.RequestOp(
            request_put=m.PutRequest(key=key, value=value, lease=lease)
        ),
        single_keys,
        st.sampled_from(requests.VALUES),
        st.sampled_from((0, 0, 0, *requests.LEASES, 9)),
    ),
    st.builds(
        lambda key: m.RequestOp(request_range=m.RangeRequest(key=key)),
        single_keys,
    ),
    st.builds(
        lambda key: m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key)),
        single_keys,
    ),
    st.builds(m.RequestOp, request_put=requests.puts),
    st.builds(m.RequestOp, request_range=requests.ranges),
    st.builds(m.RequestOp, request_delete_range=requests.deletes),
    st.just(m.RequestOp()),
)
short_txns = st.builds(
    lambda compare, success, failure: m.TxnRequest(
        compare=compare, success=success, failure=failure
    ),
    st.lists(requests.compares, max_size=3),
    st.lists(operations, max_size=1) | st.lists(operations, max_size=2),
    st.lists(operations, max_size=1) | st.lists(operations, max_size=2),
)


def node_with_leases(**options: object) -> Node:
    node = Node(NodeConfig(**options))  # type: ignore[arg-type]  # the test names them
    for lease in requests.LEASES:
        node.lessor.grant(lease, 60, node.clock.now())
    return node


def outcome(
    handler: Callable[[m.TxnRequest, Call], bytes], node: Node, request: m.TxnRequest
) -> tuple[object, ...]:
    """What is answered, and everything that it moves."""
    answer: object
    try:
        answer = handler(request, Call(TXN))
    except errors.EtcdError as error:
        answer = error.status
    store = node.store
    return (
        answer,
        [repr(version) for version in store.versions_since(1)],
        {lease.id: lease.sorted_keys() for lease in node.lessor.leases()},
        (store.ranges, store.puts, store.deletes, store.txns),
        node.raft_index,
        node.quota.allowance,
        node.alarms.listed(),
    )


@given(
    asked=st.lists(short_txns, min_size=1, max_size=8),
    alarm=st.sampled_from((None, None, None, NOSPACE, CORRUPT)),
    max_ops=st.sampled_from((128, 128, 2, 1, 0)),
    quota=st.sampled_from((0, 0, 40_000, -1)),
)
def test_the_short_way_is_the_long_one(
    asked: list[m.TxnRequest], alarm: int | None, max_ops: int, quota: int
) -> None:
    options = {"max_txn_ops": max_ops, "quota_backend_bytes": quota}
    short, long = node_with_leases(**options), node_with_leases(**options)
    handlers = kv_short_txn.make_txn(short), kv_txn.make_txn(long)
    for number, request in enumerate(asked):
        if alarm is not None and number == len(asked) // 2:
            for node in (short, long):
                node.alarms.activate(Alarm(alarm, node.member_id))
        assert outcome(handlers[0], short, request) == outcome(handlers[1], long, request)
    short.store.check()
    short.lessor.check()


def of(operation: m.RequestOp, otherwise: m.RequestOp | None = None) -> m.TxnRequest:
    compare = m.Compare(key=b"a", target=m.Compare.MOD, mod_revision=1)
    failure = [otherwise] if otherwise is not None else []
    return m.TxnRequest(compare=[compare], success=[operation], failure=failure)


PUT = m.RequestOp(request_put=m.PutRequest(key=b"a", value=b"1"))
LEASED = m.RequestOp(request_put=m.PutRequest(key=b"a", value=b"1", lease=7))
GET = m.RequestOp(request_range=m.RangeRequest(key=b"a"))
DELETE = m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"a"))


@pytest.mark.parametrize(
    "request_", [of(PUT), of(PUT, GET), of(LEASED, GET), of(GET, PUT), of(DELETE), of(PUT, DELETE)]
)
def test_what_locks_elections_and_caches_ask_for_goes_the_short_way(
    request_: m.TxnRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_with_leases()
    txn = kv_short_txn.make_txn(node)
    txn(of(PUT), Call(TXN))  # with the first put there is an allowance for more

    def refuse(request: m.TxnRequest, max_ops: int) -> None:
        raise AssertionError("it was looked at wholly")

    monkeypatch.setattr(kv_checks, "check_txn", refuse)
    txn(request_, Call(TXN))


def test_the_short_way_takes_two_thirds_of_the_steps() -> None:
    short, long = node_with_leases(), node_with_leases()
    handlers = kv_short_txn.make_txn(short), kv_txn.make_txn(long)
    request = of(GET, PUT)
    for handler in handlers:
        handler(request, Call(TXN))
    steps = [bytecodes(lambda one=handler: one(request, Call(TXN))) for handler in handlers]
    assert steps[0] * 3 < steps[1] * 2

"""Answers never go back in time, though a member that is behind may be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fake_etcd.clientv3 import op_get, op_txn
from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.context import Context, background
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.core.ordering import OrderingKV
from fake_etcd.clientv3.errors import Error, StatusError
from fake_etcd.clientv3.op import CompactOp, GetOp, Op, TxnOp
from fake_etcd.clientv3.ordering import ErrNoGreaterRev, switch_endpoint
from fake_etcd.clientv3.responses import (
    CompactResponse,
    GetResponse,
    OpResponse,
    ResponseHeader,
    TxnResponse,
)
from tests.clientv3.faces import Face


class Members(KV):
    """Members of which the next that is asked is at the next of some revisions."""

    def __init__(self, *revisions: int) -> None:
        self.revisions = list(revisions)

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        header = ResponseHeader(revision=self.revisions.pop(0))
        return TxnResponse(header) if isinstance(op, TxnOp) else GetResponse(header)

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        raise AssertionError("not asked here")

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        raise AssertionError("not asked here")


class Endpoints:
    endpoints = ("a", "b")


@pytest.mark.parametrize("op", [op_get("k"), op_txn()])
def test_an_answer_that_is_too_old_is_asked_for_again(op: Op) -> None:
    told: list[tuple[int, int]] = []
    members = Members(5, 4, 3, 6, 6)
    kv = OrderingKV(members, lambda _, answer, least: told.append((answer.header.revision, least)))
    revisions = [run(kv._do(op, background())).header.revision for _ in range(3)]
    assert (revisions, told) == ([5, 6, 6], [(4, 5), (3, 5)])


def test_after_five_rounds_over_the_endpoints_it_is_given_up() -> None:
    members = Members(5, *[4] * 100)
    kv = OrderingKV(members, switch_endpoint(Endpoints()))
    run(kv._do(op_get("k"), background()))
    with pytest.raises(ErrNoGreaterRev):
        run(kv._do(op_get("k"), background()))
    assert len(members.revisions) == 100 - (5 * 2 + 2)


def test_it_orders_a_clients_answers(face: Face, cli: Any) -> None:
    module = face.module("ordering")
    kv = face.make(module.OrderingKV, cli, module.switch_endpoint(cli))
    made = kv.put("k", "v").header.revision
    assert kv.get("k", serializable=True).header.revision == made
    kv.compact(made)
    with pytest.raises(StatusError, match=r"^rpc error: code = Unimplemented desc = GetStream is"):
        list(kv.get_stream("k"))
    assert issubclass(ErrNoGreaterRev, Error)

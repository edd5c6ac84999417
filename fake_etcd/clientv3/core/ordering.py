"""Gets and transactions whose answers never go back in time, whichever member gives them.

A serializable get is answered by the member that is asked, which may be behind one that was asked
before. Here an answer older than one that was given already is not returned: the call is made
again, for as long as a function of the caller's allows it.

etcd: client/v3/ordering.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from fake_etcd.api.status import Code
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.errors import Error, StatusError
from fake_etcd.clientv3.op import CompactOp, GetOp, Op, TxnOp
from fake_etcd.clientv3.responses import CompactResponse, GetResponse, OpResponse

OrderViolation = Callable[[Op, OpResponse, int], None]
"""Told of an operation, its answer, and the revision that the answer should have had at the least;
raises to give up, returns to have the operation repeated."""


class ErrNoGreaterRev(Error):
    """No member seems to have as new a revision as was seen already."""

    def __init__(self) -> None:
        super().__init__(
            "etcdclient: no cluster members have a revision higher than the previously received"
            " revision"
        )


class HasEndpoints(Protocol):
    """A client, as far as it matters here."""

    @property
    def endpoints(self) -> tuple[str, ...]: ...


def switch_endpoint(client: HasEndpoints) -> OrderViolation:
    """Repeat until every endpoint was asked about five times, by the turns that calls take.

    Raises (what it returns does):
        ErrNoGreaterRev: that did not help.
    """
    lock = threading.Lock()
    violations = 0

    def violated(op: Op, answer: OpResponse, previous: int) -> None:
        nonlocal violations
        with lock:
            if violations > 5 * len(client.endpoints):
                raise ErrNoGreaterRev
            violations += 1

    return violated


class OrderingKV(KV):
    """Keys whose gets and transactions are answered in the order of revisions.

    Args:
        kv: the keys.
        violated: what is asked when an answer is too old.
    """

    def __init__(self, kv: KV, violated: OrderViolation) -> None:
        self._ordered = kv
        self._violated = violated
        self._lock = threading.Lock()
        self._newest = 0

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        if not isinstance(op, GetOp | TxnOp):
            return await self._ordered._do(op, ctx)
        least = self._newest  # what others see meanwhile is not asked of this one
        while True:
            answer = await self._ordered._do(op, ctx)
            revision = answer.header.revision
            if revision >= least:
                with self._lock:
                    self._newest = max(self._newest, revision)
                return answer
            self._violated(op, answer, least)

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        return await self._ordered._compact(op, ctx)

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        raise StatusError(Code.UNIMPLEMENTED, "GetStream is not supported by kvOrdering")

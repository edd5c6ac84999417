"""Keys and values: put, get, delete, compact, do, txn.

What an operation says is `op`'s business; here it is called. `KV` is all that can be said in terms
of one operation; whoever makes something else of an operation (a namespace, an order, a cache)
gives it another `_do`.

etcd: client/v3/kv.go, txn.go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

from fake_etcd.api import messages as m
from fake_etcd.clientv3.compare import Cmp
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.failures import error_of
from fake_etcd.clientv3.core.io import CallFailed
from fake_etcd.clientv3.core.rpcs import Rpc
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.op import (
    CompactOp,
    DeleteOp,
    GetOp,
    Op,
    PutOp,
    Sort,
    TxnOp,
    op_compact,
    op_delete,
    op_get,
    op_put,
    op_txn,
)
from fake_etcd.clientv3.responses import (
    CompactResponse,
    DeleteResponse,
    GetResponse,
    OpResponse,
    PutResponse,
    TxnResponse,
)


class KV(ABC):
    """The keys of a store.

    Its methods are plain functions that give a coroutine, for each coroutine that waits for another
    costs a call that fails or returns twice; and what is wrong with their arguments is told at
    once.
    """

    @abstractmethod
    def _do(self, op: Op, ctx: Context) -> Coroutine[Any, Any, OpResponse]:
        """Carry out an operation. Its answer is of its kind: a GetResponse for a GetOp."""

    @abstractmethod
    def _compact(self, op: CompactOp, ctx: Context) -> Coroutine[Any, Any, CompactResponse]:
        """Forget what was before a revision."""

    @abstractmethod
    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        """Get in parts; StatusError UNIMPLEMENTED where the keys are not the store's own."""

    def do(
        self, op: Op, *, ctx: Context | None = None, timeout: float | None = None
    ) -> Coroutine[Any, Any, OpResponse]:
        """Carry out an operation that `op_get`, `op_put`, `op_delete` or `op_txn` made.

        Args:
            op: what to do.
            ctx: what the call runs under.
            timeout: seconds it may take.
        """
        return self._do(op, limited(ctx, timeout))

    def put(
        self,
        key: Text,
        value: Text,
        *,
        lease: int = 0,
        prev_kv: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, PutResponse]:
        """Give a key a value.

        Args:
            key: of the pair; text is encoded in UTF-8.
            value: of the pair.
            lease: id of the lease that the key ends with; 0 for none.
            prev_kv: answer with the pair that was there.
            ignore_value: keep the value that is there, and give an empty one here.
            ignore_lease: keep the lease that is there.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: two of these exclude each other.
            EtcdError: ErrEmptyKey, ErrLeaseNotFound, ErrKeyNotFound where something is to be kept.
        """
        op = op_put(
            key,
            value,
            lease=lease,
            prev_kv=prev_kv,
            ignore_value=ignore_value,
            ignore_lease=ignore_lease,
        )
        return cast(Coroutine[Any, Any, PutResponse], self._do(op, limited(ctx, timeout)))

    def get(
        self,
        key: Text,
        *,
        prefix: bool = False,
        range_end: Text | None = None,
        from_key: bool = False,
        limit: int = 0,
        rev: int = 0,
        sort: Sort | None = None,
        serializable: bool = False,
        keys_only: bool = False,
        count_only: bool = False,
        min_mod_rev: int = 0,
        max_mod_rev: int = 0,
        min_create_rev: int = 0,
        max_create_rev: int = 0,
        first_create: bool = False,
        last_create: bool = False,
        first_key: bool = False,
        last_key: bool = False,
        first_rev: bool = False,
        last_rev: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, GetResponse]:
        """Get a key, or the keys of a range; `op.op_get` says what the options mean.

        Args:
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: two options exclude each other.
            EtcdError: ErrEmptyKey, ErrCompacted and ErrFutureRev for `rev`.
        """
        op = op_get(
            key,
            prefix=prefix,
            range_end=range_end,
            from_key=from_key,
            limit=limit,
            rev=rev,
            sort=sort,
            serializable=serializable,
            keys_only=keys_only,
            count_only=count_only,
            min_mod_rev=min_mod_rev,
            max_mod_rev=max_mod_rev,
            min_create_rev=min_create_rev,
            max_create_rev=max_create_rev,
            first_create=first_create,
            last_create=last_create,
            first_key=first_key,
            last_key=last_key,
            first_rev=first_rev,
            last_rev=last_rev,
        )
        return cast(Coroutine[Any, Any, GetResponse], self._do(op, limited(ctx, timeout)))

    def get_stream(
        self,
        key: Text,
        *,
        prefix: bool = False,
        range_end: Text | None = None,
        from_key: bool = False,
        limit: int = 0,
        rev: int = 0,
        sort: Sort | None = None,
        serializable: bool = False,
        keys_only: bool = False,
        count_only: bool = False,
        min_mod_rev: int = 0,
        max_mod_rev: int = 0,
        min_create_rev: int = 0,
        max_create_rev: int = 0,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[GetResponse]:
        """Get the keys of a range in parts as the server sends them, from etcd 3.7 on.

        Header, `more` and `count` are those of the last part; `GetResponse.joined` makes one answer
        of all. The call begins with the first part, and raises as `get` where the parts are read.
        """
        op = op_get(
            key,
            prefix=prefix,
            range_end=range_end,
            from_key=from_key,
            limit=limit,
            rev=rev,
            sort=sort,
            serializable=serializable,
            keys_only=keys_only,
            count_only=count_only,
            min_mod_rev=min_mod_rev,
            max_mod_rev=max_mod_rev,
            min_create_rev=min_create_rev,
            max_create_rev=max_create_rev,
        )
        return self._get_stream(op, limited(ctx, timeout))

    def delete(
        self,
        key: Text,
        *,
        prefix: bool = False,
        range_end: Text | None = None,
        from_key: bool = False,
        prev_kv: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, DeleteResponse]:
        """Delete a key, or the keys of a range; `op.op_delete` says what the options mean.

        Raises as `get`.
        """
        op = op_delete(key, prefix=prefix, range_end=range_end, from_key=from_key, prev_kv=prev_kv)
        return cast(Coroutine[Any, Any, DeleteResponse], self._do(op, limited(ctx, timeout)))

    def compact(
        self,
        rev: int,
        *,
        physical: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, CompactResponse]:
        """Forget what was before a revision.

        Args:
            rev: the first that can still be read.
            physical: be answered when the server's file has forgotten it too.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            EtcdError: ErrCompacted, ErrFutureRev.
        """
        return self._compact(op_compact(rev, physical=physical), limited(ctx, timeout))

    def txn(self, *, ctx: Context | None = None, timeout: float | None = None) -> Txn:
        """A transaction to be told what to compare and do, and then committed.

        Args:
            ctx: what the commit runs under.
            timeout: seconds it may take, from `commit` on.
        """
        return Txn(self, ctx, timeout)


class Txn:
    """A transaction that is put together: `kv.txn().if_(…).then(…).else_(…).commit()`.

    As in Go each part is said once, in this order, and may be left out. For one inside another
    there is `op_txn`.
    """

    def __init__(self, kv: KV, ctx: Context | None, timeout: float | None) -> None:
        self._kv = kv
        self._ctx = ctx
        self._timeout = timeout
        self._compares: tuple[Cmp, ...] = ()
        self._then: tuple[Op, ...] = ()
        self._else: tuple[Op, ...] = ()
        self._said = ""

    def if_(self, *compares: Cmp) -> Txn:
        """What all has to hold for `then` to be done, and else `else_`; nothing always does.

        Raises:
            ValueError: said twice, or behind the others.
        """
        self._say("if_", ("",))
        self._compares = compares
        return self

    def then(self, *ops: Op) -> Txn:
        """What to do if all comparisons hold; raises as `if_`."""
        self._say("then", ("", "if_"))
        self._then = ops
        return self

    def else_(self, *ops: Op) -> Txn:
        """What to do if not all do; raises as `if_`."""
        self._say("else_", ("", "if_", "then"))
        self._else = ops
        return self

    async def commit(self) -> TxnResponse:
        """Carry it out.

        Raises:
            TypeError: it has something that is no comparison or no operation.
            EtcdError: ErrTooManyOps, ErrDuplicateKey, and what its operations raise.
        """
        op = op_txn(self._compares, self._then, self._else)
        answer = await self._kv._do(op, limited(self._ctx, self._timeout))
        return cast(TxnResponse, answer)

    def _say(self, part: str, behind: tuple[str, ...]) -> None:
        if self._said not in behind:
            raise ValueError(f"cannot call {part} after {self._said}")
        self._said = part


_ROWS: dict[type[Op], tuple[Rpc[Any, Any], Callable[[Any], OpResponse]]] = {
    GetOp: (rpcs.RANGE, GetResponse.of),
    PutOp: (rpcs.PUT, PutResponse.of),
    DeleteOp: (rpcs.DELETE_RANGE, DeleteResponse.of),
    TxnOp: (rpcs.TXN, TxnResponse.of),
}
"""What each kind of operation is called with, and what its answer is made into."""


class ServerKV(KV):
    """The keys as the server has them.

    Args:
        caller: makes the calls.
    """

    def __init__(self, caller: Caller) -> None:
        self._kv_caller = caller

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        rpc, answer_of = _ROWS[type(op)]
        answer = answer_of(await self._kv_caller.unary(rpc, op.to_request(), ctx))
        self._kv_caller.newest_revision = answer.header.revision
        return answer

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        answer = await self._kv_caller.unary(rpcs.COMPACT, op.to_request(), ctx)
        return CompactResponse.of(answer)

    async def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        stream = await self._kv_caller.stream(rpcs.RANGE_STREAM, ctx)
        try:
            await stream.send(op.to_request())
            await stream.half_close()
            while True:
                part: m.RangeStreamResponse | None = await stream.receive()
                if part is None:
                    return
                yield GetResponse.of(part.range_response)
        except CallFailed as failed:
            raise error_of(failed, ctx) from None
        finally:
            stream.cancel()

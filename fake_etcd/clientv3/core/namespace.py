"""A part of the key space as if it were all of it: a prefix that callers neither give nor see.

etcd: client/v3/namespace. What Go's does not do is done here: a get in parts goes through it too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypeVar

from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.compare import Cmp
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.core.watch import Watcher, WatchMethods
from fake_etcd.clientv3.keys import FROM_KEY_END, Text, prefix_range_end, to_bytes
from fake_etcd.clientv3.op import CompactOp, DeleteOp, GetOp, Op, PutOp, TxnOp, WatchOp
from fake_etcd.clientv3.responses import (
    CompactResponse,
    DeleteResponse,
    Event,
    GetResponse,
    KeyValue,
    OpResponse,
    PutResponse,
)

Ranged = TypeVar("Ranged", GetOp, DeleteOp, WatchOp)


class Namespace:
    """The prefix, and what it does to operations and answers.

    Args:
        prefix: of all keys; text is encoded in UTF-8.

    >>> Namespace("app/").key(b"a")
    b'app/a'
    >>> Namespace("app/").range_end(FROM_KEY_END)
    b'app0'
    """

    def __init__(self, prefix: Text) -> None:
        self.prefix = to_bytes(prefix, "prefix")

    def key(self, key: bytes) -> bytes:
        """A key as the server has it."""
        return self.prefix + key

    def range_end(self, range_end: bytes) -> bytes:
        """The end of a range as the server has it; what goes on for ever ends with the prefix."""
        if not range_end:
            return b""
        return prefix_range_end(self.prefix) if range_end == FROM_KEY_END else self.key(range_end)

    def ranged(self, op: Ranged) -> Ranged:
        """An operation on a key or a range, as the server is asked it."""
        return replace(op, key=self.key(op.key), range_end=self.range_end(op.range_end))

    def op(self, op: Op) -> Op:
        """Any operation, as the server is asked it."""
        if isinstance(op, TxnOp):
            return TxnOp(
                tuple(map(self.cmp, op.compares)),
                tuple(map(self.op, op.then)),
                tuple(map(self.op, op.else_)),
            )
        if isinstance(op, PutOp):
            return replace(op, key=self.key(op.key))
        if isinstance(op, GetOp):
            return self.ranged(op)
        if isinstance(op, DeleteOp):
            return self.ranged(op)
        raise TypeError(f"no operation that can be in a namespace: {op!r}")

    def cmp(self, cmp: Cmp) -> Cmp:
        """A comparison, as the server is asked it."""
        return replace(cmp, key=self.key(cmp.key), range_end=self.range_end(cmp.range_end))

    def stripped(self, kv: KeyValue) -> KeyValue:
        """A pair as callers see it."""
        return replace(kv, key=kv.key[len(self.prefix) :])

    def stripped_event(self, event: Event) -> Event:
        """An event as callers see it."""
        prev_kv = None if event.prev_kv is None else self.stripped(event.prev_kv)
        return replace(event, kv=self.stripped(event.kv), prev_kv=prev_kv)

    def keys_within(self, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Those of some keys that are in it, as callers see them."""
        return tuple(key[len(self.prefix) :] for key in keys if key.startswith(self.prefix))

    def answer(self, answer: OpResponse) -> OpResponse:
        """An answer as callers see it."""
        if isinstance(answer, GetResponse):
            return replace(answer, kvs=tuple(map(self.stripped, answer.kvs)))
        if isinstance(answer, PutResponse):
            prev_kv = answer.prev_kv
            return answer if prev_kv is None else replace(answer, prev_kv=self.stripped(prev_kv))
        if isinstance(answer, DeleteResponse):
            return replace(answer, prev_kvs=tuple(map(self.stripped, answer.prev_kvs)))
        return replace(answer, responses=tuple(map(self.answer, answer.responses)))


class NamespaceKV(KV):
    """The keys of a namespace.

    Args:
        kv: all keys.
        prefix: of those in it.
    """

    def __init__(self, kv: KV, prefix: Text) -> None:
        self._all_keys = kv
        self._namespace = Namespace(prefix)

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        if not isinstance(op, TxnOp):
            _require_key(op)
        answer = await self._all_keys._do(self._namespace.op(op), ctx)
        return self._namespace.answer(answer)

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        return await self._all_keys._compact(op, ctx)

    async def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        _require_key(op)
        async for part in self._all_keys._get_stream(self._namespace.ranged(op), ctx):
            yield replace(part, kvs=tuple(map(self._namespace.stripped, part.kvs)))


class NamespaceWatches(WatchMethods):
    """Watches of the keys of a namespace.

    Args:
        watches: of all keys.
        prefix: of those in it.
    """

    def __init__(self, watches: WatchMethods, prefix: Text) -> None:
        self._all_watches = watches
        self._namespace = Namespace(prefix)

    def _watch(self, op: WatchOp, ctx: Context) -> Watcher:
        watcher = self._all_watches._watch(self._namespace.ranged(op), ctx)
        return watcher.told_as(self._namespace.stripped_event)

    def _request_progress(self, ctx: Context) -> None:
        self._all_watches._request_progress(ctx)


def _require_key(op: Op) -> None:
    """An empty key would be the prefix's own, which is a key of somebody else."""
    if isinstance(op, GetOp | PutOp | DeleteOp) and not op.key:
        raise rpctypes.ErrEmptyKey

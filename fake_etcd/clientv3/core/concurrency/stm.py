"""Transactions in memory: a function reads and writes keys, and what it wrote is put all at once,
if what it read is still so; else the function is called again.

etcd: client/v3/concurrency/stm.go.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import cast, overload

from fake_etcd.clientv3.compare import Cmp, compare, mod_revision
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.keys import Text, to_bytes
from fake_etcd.clientv3.op import DeleteOp, Op, PutOp, op_delete, op_get, op_put, op_txn
from fake_etcd.clientv3.responses import GetResponse, TxnResponse

_INT64_MAX = 2**63 - 1


class Isolation(enum.IntEnum):
    """How far transactions are kept apart.

    SerializableSnapshot and Serializable: all that a function reads is of the revision of its first
    read, so whatever holds between keys at each revision holds in what it sees.
    RepeatableReads: what it read once it reads again, but between the reads of two keys others may
    change them. In all three what it wrote is put only if all that it read is still so.
    SerializableSnapshot also wants that nobody has put the keys that it writes since its first
    read. ReadCommitted puts what it wrote whatever has changed: updates can be lost.
    """

    SERIALIZABLE_SNAPSHOT = 0
    SERIALIZABLE = 1
    REPEATABLE_READS = 2
    READ_COMMITTED = 3


SerializableSnapshot = Isolation.SERIALIZABLE_SNAPSHOT
Serializable = Isolation.SERIALIZABLE
RepeatableReads = Isolation.REPEATABLE_READS
ReadCommitted = Isolation.READ_COMMITTED


class STM:
    """What a transaction's function reads and writes with, in one attempt after another.

    Made by `stm`.
    """

    def __init__(self, kv: KV, isolation: Isolation, ctx: Context) -> None:
        self._kv = kv
        self._ctx = ctx
        self._isolation = Isolation(isolation)
        self._has_snapshot = self._isolation in (SerializableSnapshot, Serializable)
        self._reads: dict[bytes, GetResponse] = {}
        self._writes: dict[bytes, PutOp | DeleteOp] = {}
        self._fetched: dict[bytes, GetResponse] = {}
        """What the failed attempt before this one was told, read by nobody yet."""
        self._rev = 0
        """The revision that all is read at; 0: the newest."""
        self._failure: Error | None = None

    @overload
    async def get(self, key: Text, /) -> bytes: ...
    @overload
    async def get(self, key: Text, /, *keys: Text) -> tuple[bytes, ...]: ...

    async def get(self, key: Text, /, *keys: Text) -> bytes | tuple[bytes, ...]:
        """The value of a key, as this transaction left it; b"" where there is none.

        Of several keys, a tuple of their values, and those that are not known yet come with one
        call. (In Go the value of one of them.)

        Raises:
            Error: what a transaction raises; there is no commit then, whatever the function does
                with it.
        """
        wanted = [to_bytes(each, "key") for each in (key, *keys)]
        await self._read([each for each in wanted if each not in self._writes])
        values = [self._value(each) for each in wanted]
        return tuple(values) if keys else values[0]

    def put(self, key: Text, value: Text, *, lease: int = 0) -> None:
        """Put a key when it is committed.

        Args:
            key: of the pair.
            value: of the pair.
            lease: id of the lease that the key ends with; 0 for none.
        """
        op = op_put(key, value, lease=lease)
        self._writes[op.key] = op

    def delete(self, key: Text) -> None:
        """Delete a key when it is committed."""
        op = op_delete(key)
        self._writes[op.key] = op

    async def rev(self, key: Text) -> int:
        """The revision of the last put of a key, whatever this transaction did with it; 0 where
        there is none. Raises as `get`."""
        wanted = to_bytes(key, "key")
        await self._read([wanted])
        return _mod_revision(self._reads[wanted])

    def _value(self, key: bytes) -> bytes:
        written = self._writes.get(key)
        if written is not None:
            return written.value if isinstance(written, PutOp) else b""
        kvs = self._reads[key].kvs
        return kvs[0].value if kvs else b""

    async def _read(self, keys: Sequence[bytes]) -> None:
        """Have these among what was read."""
        missing = list(dict.fromkeys(key for key in keys if key not in self._reads))
        if not missing:
            return
        if self._fetched and not self._reads and not all(key in self._fetched for key in missing):
            # The first read sets the revision of all, and this one needs a newer one. (Go mixes
            # them: such an attempt sees two revisions, and fails when it is committed.)
            self._fetched = {}
        for key in missing:
            if key in self._fetched:
                self._reads[key] = self._fetched.pop(key)
        missing = [key for key in missing if key not in self._reads]
        if missing:
            await self._fetch(missing)
        if self._has_snapshot and not self._rev:
            self._rev = self._reads[keys[0]].header.revision

    async def _fetch(self, keys: Sequence[bytes]) -> None:
        is_local = bool(self._rev) or not self._has_snapshot
        gets = [op_get(key, rev=self._rev, serializable=is_local) for key in keys]
        try:
            answer = await self._do((), gets, ())
        except Error as error:
            self._failure = error
            raise
        self._add(keys, answer)

    def _add(self, keys: Sequence[bytes], answer: TxnResponse) -> None:
        for key, got in zip(keys, answer.responses, strict=True):
            self._reads[key] = cast(GetResponse, got)

    async def _do(
        self, compares: Sequence[Cmp], then: Sequence[Op], else_: Sequence[Op]
    ) -> TxnResponse:
        return cast(TxnResponse, await self._kv._do(op_txn(compares, then, else_), self._ctx))

    def _begin(self) -> None:
        self._reads = {}
        self._writes = {}
        self._failure = None

    def _conflicts(self) -> list[Cmp]:
        """What has to hold still."""
        if self._isolation is ReadCommitted:
            return []
        compares = [
            compare(mod_revision(key), "=", _mod_revision(got)) for key, got in self._reads.items()
        ]
        if self._isolation is SerializableSnapshot:
            first = min(
                (got.header.revision for got in self._reads.values()), default=_INT64_MAX - 1
            )
            compares += [compare(mod_revision(key), "<", first + 1) for key in self._writes]
        return compares

    async def _commit(self) -> TxnResponse | None:
        """Put what was written; None where that is not possible any more."""
        if self._failure is not None:
            raise self._failure
        # A snapshot's attempt reads anew in the same call if it cannot be committed.
        again = list(self._reads) if self._has_snapshot else []
        answer = await self._do(
            self._conflicts(), list(self._writes.values()), [op_get(key) for key in again]
        )
        if answer.succeeded:
            return answer
        if self._has_snapshot:
            self._add(again, answer)
            self._fetched = self._reads
            self._rev = 0
        return None


def _mod_revision(got: GetResponse) -> int:
    return got.kvs[0].mod_revision if got.kvs else 0


async def stm(
    client: KV,
    apply: Callable[[STM], Awaitable[object] | object],
    *,
    isolation: Isolation = SerializableSnapshot,
    prefetch: Sequence[Text] = (),
    ctx: Context | None = None,
    timeout: float | None = None,
) -> TxnResponse:
    """Call a function whose reads and writes of keys are one transaction, until it is committed.

    What else the function does it may do several times. If it raises, nothing is written, and that
    is raised here.

    If the answer to the commit is lost, an error is raised and nobody knows whether it was made;
    as in Go it is not tried again.

    Args:
        client: whose keys they are; a client, or anything else with its `get` and `txn`.
        apply: the function, or a coroutine function.
        isolation: how far it is kept apart from other transactions.
        prefetch: keys that it will read in any case: they come with one call.
        ctx: what it runs under.
        timeout: seconds it may take in all.

    Returns:
        the commit's answer.

    Raises:
        Error: what a transaction raises.
    """
    if isinstance(prefetch, str | bytes):
        raise TypeError('prefetch is a list of keys: ["a", "b"]')
    attempt = STM(client, isolation, limited(ctx, timeout))
    while True:
        attempt._begin()
        if prefetch:
            await attempt.get(*prefetch)
        result = apply(attempt)
        if isawaitable(result):
            await result
        answer = await attempt._commit()
        if answer is not None:
            return answer

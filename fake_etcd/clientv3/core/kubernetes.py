"""What Kubernetes asks of etcd: get, list, count, and writes that say which revision they change.

etcd: client/v3/kubernetes.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_etcd.clientv3.compare import compare, mod_revision
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.kv import KV, Txn
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.keys import Text, prefix_range_end, to_bytes
from fake_etcd.clientv3.op import op_delete, op_get, op_put
from fake_etcd.clientv3.responses import GetResponse, KeyValue, TxnResponse


@dataclass(frozen=True, slots=True)
class KubernetesGetResponse:
    """`kv` is None where there is no such key; `revision` is the store's."""

    kv: KeyValue | None
    revision: int


@dataclass(frozen=True, slots=True)
class KubernetesListResponse:
    """`count` is how many there are, from the key on that the list continues with."""

    kvs: tuple[KeyValue, ...]
    count: int
    revision: int


@dataclass(frozen=True, slots=True)
class OptimisticResponse:
    """`kv` is what was there instead, where the write did not succeed and that was asked for."""

    kv: KeyValue | None
    succeeded: bool
    revision: int


class Kubernetes:
    """That interface, over the keys of a store.

    Args:
        kv: the keys.
    """

    def __init__(self, kv: KV) -> None:
        self._kv = kv

    async def get(
        self,
        key: Text,
        *,
        revision: int = 0,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> KubernetesGetResponse:
        """Get one key, at a revision where it is not 0; raises as `KV.get`."""
        answer = await self._kv.get(key, rev=revision, limit=1, ctx=ctx, timeout=timeout)
        return KubernetesGetResponse(_only(answer), answer.header.revision)

    async def list(
        self,
        prefix: Text,
        *,
        revision: int = 0,
        limit: int = 0,
        continue_: Text = b"",
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> KubernetesListResponse:
        """List the keys that begin with a prefix; raises as `KV.get`.

        Args:
            prefix: of the keys.
            revision: as of when; 0 for now.
            limit: how many at the most; 0 for all.
            continue_: the key to begin at, where a list with a limit goes on.
            ctx: what the call runs under.
            timeout: seconds it may take.
        """
        answer = await self._kv.get(
            continue_ or prefix,
            range_end=prefix_range_end(to_bytes(prefix, "prefix")),
            limit=limit,
            rev=revision,
            ctx=ctx,
            timeout=timeout,
        )
        return KubernetesListResponse(answer.kvs, answer.count, answer.header.revision)

    async def count(
        self, prefix: Text, *, ctx: Context | None = None, timeout: float | None = None
    ) -> int:
        """How many keys begin with a prefix; raises as `KV.get`."""
        answer = await self._kv.get(prefix, prefix=True, count_only=True, ctx=ctx, timeout=timeout)
        return answer.count

    async def optimistic_put(
        self,
        key: Text,
        value: Text,
        expected_revision: int,
        *,
        get_on_failure: bool = False,
        lease: int = 0,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> OptimisticResponse:
        """Put a value if the key was last changed at a revision.

        Args:
            key: of the pair.
            value: of the pair.
            expected_revision: its mod_revision; 0 for a key that is not there.
            get_on_failure: answer with what is there instead.
            lease: id of the lease that the key ends with; 0 for none.
            ctx: what the call runs under.
            timeout: seconds it may take.
        """
        txn = self._kv.txn(ctx=ctx, timeout=timeout)
        txn.if_(compare(mod_revision(key), "=", expected_revision))
        txn.then(op_put(key, value, lease=lease))
        return await self._committed(txn, key, get_on_failure)

    async def optimistic_delete(
        self,
        key: Text,
        expected_revision: int,
        *,
        get_on_failure: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> OptimisticResponse:
        """Delete a key if it was last changed at a revision; see `optimistic_put`."""
        txn = self._kv.txn(ctx=ctx, timeout=timeout)
        txn.if_(compare(mod_revision(key), "=", expected_revision))
        txn.then(op_delete(key))
        return await self._committed(txn, key, get_on_failure)

    async def _committed(self, txn: Txn, key: Text, get_on_failure: bool) -> OptimisticResponse:
        if get_on_failure:
            txn.else_(op_get(key))
        answer = await txn.commit()
        instead = _instead(answer) if get_on_failure and not answer.succeeded else None
        return OptimisticResponse(instead, answer.succeeded, answer.header.revision)


def _only(answer: GetResponse) -> KeyValue | None:
    return answer.kvs[0] if answer.kvs else None


def _instead(answer: TxnResponse) -> KeyValue | None:
    got = answer.responses[0] if answer.responses else None
    if not isinstance(got, GetResponse):
        raise Error(f"the answer to a write has nothing of the get it asked for: {answer}")
    return _only(got)

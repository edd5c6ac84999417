"""Transactions in memory; see `core.concurrency.stm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.client import KV
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.concurrency import stm as core
from fake_etcd.clientv3.core.concurrency.stm import Isolation, SerializableSnapshot
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.responses import TxnResponse


class STM:
    """What a transaction's function reads and writes with; see `core.concurrency.stm.STM`.

    Made by `stm`.
    """

    def __init__(self, attempt: core.STM) -> None:
        self._core = attempt

    @overload
    def get(self, key: Text, /) -> bytes: ...
    @overload
    def get(self, key: Text, /, *keys: Text) -> tuple[bytes, ...]: ...

    def get(self, key: Text, /, *keys: Text) -> bytes | tuple[bytes, ...]:
        """The value of a key, as this transaction left it, b"" where there is none; of several, a
        tuple of their values. See `core.concurrency.stm.STM.get`."""
        return run(self._core.get(key, *keys))

    def put(self, key: Text, value: Text, *, lease: int = 0) -> None:
        """Put a key when it is committed; see `core.concurrency.stm.STM.put`."""
        self._core.put(key, value, lease=lease)

    def delete(self, key: Text) -> None:
        """Delete a key when it is committed."""
        self._core.delete(key)

    def rev(self, key: Text) -> int:
        """The revision of the last put of a key, whatever this transaction did with it; 0 where
        there is none. Raises as `get`."""
        return run(self._core.rev(key))


def stm(
    client: KV,
    apply: Callable[[STM], object],
    *,
    isolation: Isolation = SerializableSnapshot,
    prefetch: Sequence[Text] = (),
    ctx: Context | None = None,
    timeout: float | None = None,
) -> TxnResponse:
    """Call a function whose reads and writes of keys are one transaction, until it is committed.

    See `core.concurrency.stm.stm`.

    >>> from fake_etcd.clientv3 import Client, Config
    >>> from fake_etcd.testing import FakeEtcd
    >>> def one_more(keys):
    ...     keys.put("n", str(int(keys.get("n") or 0) + 1))
    >>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
    ...     _ = stm(cli, one_more), stm(cli, one_more)
    ...     cli.get("n").kvs[0].value
    b'2'
    """

    def blocking_apply(attempt: core.STM) -> None:
        apply(STM(attempt))

    return run(
        core.stm(
            client._core,
            blocking_apply,
            isolation=isolation,
            prefetch=prefetch,
            ctx=ctx,
            timeout=timeout,
        )
    )

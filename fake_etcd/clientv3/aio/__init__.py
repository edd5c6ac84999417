"""The client for asyncio: the same as `clientv3`, with `await`.

Canceling a task cancels the call that it waits for. The modules beside the client are imported when
they are first used, as in `clientv3`.
"""

from __future__ import annotations

import importlib
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from fake_etcd.clientv3.aio.loop import LoopIo
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.core.auth import Auth
from fake_etcd.clientv3.core.client import Client as _Client
from fake_etcd.clientv3.core.cluster import Cluster
from fake_etcd.clientv3.core.keep_alive import KeepAlive
from fake_etcd.clientv3.core.kv import KV, Txn
from fake_etcd.clientv3.core.lease import Lease
from fake_etcd.clientv3.core.maintenance import Maintenance
from fake_etcd.clientv3.core.watch import Watcher

if TYPE_CHECKING:
    from fake_etcd.clientv3.aio import (
        concurrency,
        kubernetes,
        mirror,
        namespace,
        naming,
        ordering,
        snapshot,
    )

_BESIDE = frozenset(
    {"concurrency", "kubernetes", "mirror", "namespace", "naming", "ordering", "snapshot"}
)

if not TYPE_CHECKING:  # which would take every name for a module

    def __getattr__(name: str) -> ModuleType:
        if name in _BESIDE:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "KV",
    "Auth",
    "Client",
    "Cluster",
    "KeepAlive",
    "Lease",
    "Maintenance",
    "Txn",
    "Watcher",
    "concurrency",
    "kubernetes",
    "mirror",
    "namespace",
    "naming",
    "ordering",
    "snapshot",
]


class Client(_Client):
    """A client of a cluster, for one event loop.

    Use it with `async with`; where you do not, `await client.start()` gets the token and looks at
    the cluster's version where the configuration asks for it.

    Args:
        config: how it is to be.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config, LoopIo(config.clock))

    async def __aenter__(self) -> Client:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

"""A client of etcd in the shape of Go's clientv3, for threads; `clientv3.aio` is for asyncio.

It works with any etcd from 3.4 on and needs nothing of the emulator. What Go has in packages beside
its client is in modules beside this one: `clientv3.namespace`, `clientv3.kubernetes`; they are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from fake_etcd.clientv3 import context, rpctypes
from fake_etcd.clientv3.auth import Auth, str_to_permission_type
from fake_etcd.clientv3.client import KV, Client, KeepAlive, Lease, Txn, Watcher
from fake_etcd.clientv3.cluster import Cluster
from fake_etcd.clientv3.compare import (
    Cmp,
    CompareResult,
    CompareTarget,
    compare,
    create_revision,
    lease_value,
    mod_revision,
    value,
    version,
)
from fake_etcd.clientv3.config import TLS, Clock, Config
from fake_etcd.clientv3.context import Canceled, Context, ContextError, DeadlineExceeded
from fake_etcd.clientv3.core.lease import NO_LEASE
from fake_etcd.clientv3.core.watch import with_require_leader
from fake_etcd.clientv3.errors import (
    ClientClosed,
    Error,
    KeepAliveHalted,
    LeaseLost,
    MutuallyExclusiveConfig,
    NoAvailableEndpoints,
    OldCluster,
    StatusError,
)
from fake_etcd.clientv3.maintenance import Maintenance
from fake_etcd.clientv3.op import (
    Op,
    SortOrder,
    SortTarget,
    op_compact,
    op_delete,
    op_get,
    op_put,
    op_txn,
    op_watch,
)

if TYPE_CHECKING:
    from fake_etcd.clientv3 import (
        aio,
        clientv3util,
        concurrency,
        config_spec,
        kubernetes,
        leasing,
        mirror,
        namespace,
        naming,
        ordering,
        snapshot,
        yaml,
    )

_BESIDE = frozenset(
    {
        "aio",
        "clientv3util",
        "concurrency",
        "config_spec",
        "kubernetes",
        "leasing",
        "mirror",
        "namespace",
        "naming",
        "ordering",
        "snapshot",
        "yaml",
    }
)

if not TYPE_CHECKING:  # which would take every name for a module

    def __getattr__(name: str) -> ModuleType:
        if name in _BESIDE:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "KV",
    "NO_LEASE",
    "TLS",
    "Auth",
    "Canceled",
    "Client",
    "ClientClosed",
    "Clock",
    "Cluster",
    "Cmp",
    "CompareResult",
    "CompareTarget",
    "Config",
    "Context",
    "ContextError",
    "DeadlineExceeded",
    "Error",
    "KeepAlive",
    "KeepAliveHalted",
    "Lease",
    "LeaseLost",
    "Maintenance",
    "MutuallyExclusiveConfig",
    "NoAvailableEndpoints",
    "OldCluster",
    "Op",
    "SortOrder",
    "SortTarget",
    "StatusError",
    "Txn",
    "Watcher",
    "aio",
    "clientv3util",
    "compare",
    "concurrency",
    "config_spec",
    "context",
    "create_revision",
    "kubernetes",
    "lease_value",
    "leasing",
    "mirror",
    "mod_revision",
    "namespace",
    "naming",
    "op_compact",
    "op_delete",
    "op_get",
    "op_put",
    "op_txn",
    "op_watch",
    "ordering",
    "rpctypes",
    "snapshot",
    "str_to_permission_type",
    "value",
    "version",
    "with_require_leader",
    "yaml",
]

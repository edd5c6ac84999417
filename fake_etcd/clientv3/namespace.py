"""A part of the key space as if it were all of it; see `core.namespace`.

>>> from fake_etcd.clientv3 import Client, Config, namespace
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     app = namespace.NamespaceKV(cli, "app/")
...     _ = app.put("color", "red")
...     [kv.key for kv in app.get("", prefix=True).kvs], cli.get("app/color").count
([b'color'], 1)
"""

from __future__ import annotations

from fake_etcd.clientv3.client import KV, Lease, Watches
from fake_etcd.clientv3.core import lease as core_lease
from fake_etcd.clientv3.core import namespace
from fake_etcd.clientv3.keys import Text

__all__ = ["NamespaceKV", "NamespaceLease", "NamespaceWatches"]


class NamespaceKV(KV):
    """The keys of a namespace.

    Args:
        kv: all keys: a client, say.
        prefix: of those in it.
    """

    def __init__(self, kv: KV, prefix: Text) -> None:
        super().__init__(namespace.NamespaceKV(kv._core, prefix))


class NamespaceWatches(Watches):
    """Watches of the keys of a namespace.

    Args:
        watches: of all keys: a client, say.
        prefix: of those in it.
    """

    def __init__(self, watches: Watches, prefix: Text) -> None:
        super().__init__(namespace.NamespaceWatches(watches._core, prefix))


class NamespaceLease(Lease):
    """The leases, with those keys alone that are in a namespace.

    Args:
        lease: all of it: a client, say. Leases themselves are in no namespace.
        prefix: of the keys that `time_to_live` tells.
    """

    def __init__(self, lease: Lease, prefix: Text) -> None:
        super().__init__(core_lease.NamespaceLease(lease._core, prefix))

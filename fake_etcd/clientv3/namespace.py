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

from fake_etcd.clientv3.client import KV
from fake_etcd.clientv3.core import namespace
from fake_etcd.clientv3.keys import Text

__all__ = ["NamespaceKV"]


class NamespaceKV(KV):
    """The keys of a namespace.

    Args:
        kv: all keys: a client, say.
        prefix: of those in it.
    """

    def __init__(self, kv: KV, prefix: Text) -> None:
        super().__init__(namespace.NamespaceKV(kv._core, prefix))

"""Comparisons that are needed often: whether a key is there.

etcd: client/v3/clientv3util.

>>> from fake_etcd.clientv3 import Client, Config, op_put
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     for _ in range(2):
...         cli.txn().if_(key_missing("k")).then(op_put("k", "v")).commit().succeeded
True
False
"""

from __future__ import annotations

from fake_etcd.clientv3.compare import Cmp, compare, version
from fake_etcd.clientv3.keys import Text

__all__ = ["key_exists", "key_missing"]


def key_exists(key: Text) -> Cmp:
    """That there is such a key."""
    return compare(version(key), ">", 0)


def key_missing(key: Text) -> Cmp:
    """That there is no such key."""
    return compare(version(key), "=", 0)

"""Gets that are answered from a cache, while nobody else can write; see `core.leasing`.

>>> from fake_etcd.clientv3 import Client, Config, leasing
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     with leasing.LeasingKV(cli, "leases/") as kv:
...         _ = kv.put("color", "red")
...         _ = kv.get("color")
...         before = len(etcd.history)
...         kv.get("color").kvs[0].value, len(etcd.history) - before
(b'red', 0)
"""

from __future__ import annotations

from fake_etcd.clientv3.blocking import Closing, blocking, run
from fake_etcd.clientv3.client import KV, Client
from fake_etcd.clientv3.core import leasing
from fake_etcd.clientv3.core.concurrency.session import DEFAULT_TTL
from fake_etcd.clientv3.keys import Text

__all__ = ["LeasingKV"]


class LeasingKV(Closing, KV):
    """Keys whose gets are answered from a cache; see `core.leasing.LeasingKV`.

    It begins when it is made, which raises what a call does, and has a thread until it is closed.

    Args:
        client: makes the calls.
        prefix: of lease keys, the same for all who write the keys.
        ttl: seconds after which the keys of a process that is gone can be written by others.
    """

    _core: leasing.LeasingKV

    def __init__(self, client: Client, prefix: Text, *, ttl: int = DEFAULT_TTL) -> None:
        super().__init__(leasing.LeasingKV(client._core, prefix, ttl=ttl))
        run(self._core.start())

    close = blocking(leasing.LeasingKV.close)

    @property
    def lease(self) -> int:
        """The id of the lease that its lease keys have; 0 while there is none."""
        return self._core.lease

    @property
    def held_keys(self) -> frozenset[bytes]:
        """The keys that it answers for."""
        return self._core.held_keys

"""Addresses of a service, kept in etcd; see `core.naming`.

>>> from fake_etcd.clientv3 import Client, Config, naming
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     shop = naming.Manager(cli, "shop")
...     shop.add_endpoint("shop/1", naming.Endpoint("10.0.0.1:80"))
...     shop.list()
{'shop/1': Endpoint(addr='10.0.0.1:80', metadata=None)}
"""

from __future__ import annotations

from fake_etcd.clientv3.blocking import blocking, iterating
from fake_etcd.clientv3.client import Client
from fake_etcd.clientv3.core import naming
from fake_etcd.clientv3.core.naming import Endpoint, Operation, Update

__all__ = ["Endpoint", "Manager", "Operation", "Update"]


class Manager:
    """The endpoints of one service.

    Args:
        client: of the cluster that keeps them.
        target: the service's name, which their keys begin with.

    Raises:
        ValueError: there is no target.
    """

    def __init__(self, client: Client, target: str) -> None:
        self._core = naming.Manager(client._core, target)

    update = blocking(naming.Manager.update)
    add_endpoint = blocking(naming.Manager.add_endpoint)
    delete_endpoint = blocking(naming.Manager.delete_endpoint)
    list = blocking(naming.Manager.list)
    watch = iterating(naming.Manager.watch)

"""What Kubernetes asks of etcd; see `core.kubernetes`.

>>> from fake_etcd.clientv3 import Client, Config, kubernetes
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     pods = kubernetes.Kubernetes(cli)
...     made = pods.optimistic_put("/pods/a", "{}", expected_revision=0)
...     again = pods.optimistic_put("/pods/a", "{}", expected_revision=0, get_on_failure=True)
...     made.succeeded, again.succeeded, again.kv.value
(True, False, b'{}')
"""

from __future__ import annotations

from fake_etcd.clientv3.blocking import blocking
from fake_etcd.clientv3.client import KV
from fake_etcd.clientv3.core import kubernetes
from fake_etcd.clientv3.core.kubernetes import (
    KubernetesGetResponse,
    KubernetesListResponse,
    OptimisticResponse,
)

__all__ = ["Kubernetes", "KubernetesGetResponse", "KubernetesListResponse", "OptimisticResponse"]


class Kubernetes:
    """That interface, over the keys of a store.

    Args:
        kv: the keys: a client, say.
    """

    def __init__(self, kv: KV) -> None:
        self._core = kubernetes.Kubernetes(kv._core)

    get = blocking(kubernetes.Kubernetes.get)
    list = blocking(kubernetes.Kubernetes.list)
    count = blocking(kubernetes.Kubernetes.count)
    optimistic_put = blocking(kubernetes.Kubernetes.optimistic_put)
    optimistic_delete = blocking(kubernetes.Kubernetes.optimistic_delete)

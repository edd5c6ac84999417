"""The members of a cluster; see `core.cluster`."""

from __future__ import annotations

from fake_etcd.clientv3.blocking import blocking
from fake_etcd.clientv3.core import cluster

__all__ = ["Cluster"]


class Cluster:
    """The members; see `core.cluster.Cluster`."""

    def __init__(self, core: cluster.Cluster) -> None:
        self._core = core

    member_list = blocking(cluster.Cluster.member_list)
    member_add = blocking(cluster.Cluster.member_add)
    member_add_as_learner = blocking(cluster.Cluster.member_add_as_learner)
    member_remove = blocking(cluster.Cluster.member_remove)
    member_update = blocking(cluster.Cluster.member_update)
    member_promote = blocking(cluster.Cluster.member_promote)

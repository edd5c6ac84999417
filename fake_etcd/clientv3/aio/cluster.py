"""The members of a cluster; see `core.cluster`."""

from fake_etcd.clientv3.core.cluster import Cluster

__all__ = ["Cluster"]

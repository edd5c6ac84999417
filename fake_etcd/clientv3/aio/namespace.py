"""A part of the key space as if it were all of it; see `core.namespace`."""

from fake_etcd.clientv3.core.lease import NamespaceLease
from fake_etcd.clientv3.core.namespace import NamespaceKV, NamespaceWatches

__all__ = ["NamespaceKV", "NamespaceLease", "NamespaceWatches"]

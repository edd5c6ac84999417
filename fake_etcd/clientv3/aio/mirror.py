"""A copy of the keys, and then all that changes; see `core.mirror`."""

from fake_etcd.clientv3.core.mirror import Syncer

__all__ = ["Syncer"]

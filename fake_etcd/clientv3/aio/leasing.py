"""Gets that are answered from a cache, while nobody else can write; see `core.leasing`."""

from fake_etcd.clientv3.core.leasing import LeasingKV

__all__ = ["LeasingKV"]

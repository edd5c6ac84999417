"""Comparisons that are needed often: whether a key is there."""

from fake_etcd.clientv3.clientv3util import key_exists, key_missing

__all__ = ["key_exists", "key_missing"]

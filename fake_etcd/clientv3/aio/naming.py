"""Addresses of a service, kept in etcd; see `core.naming`."""

from fake_etcd.clientv3.core.naming import Endpoint, Manager, Operation, Update

__all__ = ["Endpoint", "Manager", "Operation", "Update"]

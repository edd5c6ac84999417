"""Alarms, a member's state and file, who leads; see `core.maintenance`."""

from fake_etcd.clientv3.core.maintenance import Maintenance, Snapshot

__all__ = ["Maintenance", "Snapshot"]

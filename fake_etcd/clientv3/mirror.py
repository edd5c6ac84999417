"""A copy of the keys, and then all that changes; see `core.mirror`."""

from __future__ import annotations

from fake_etcd.clientv3.blocking import iterating
from fake_etcd.clientv3.client import Client, watching
from fake_etcd.clientv3.core import mirror
from fake_etcd.clientv3.keys import Text

__all__ = ["Syncer"]


class Syncer:
    """Reads what there is at one revision, then watches from there.

    Args:
        client: of the cluster that is copied.
        prefix: of the keys; empty for all.
        rev: as of when; 0 for when the reading begins.
    """

    def __init__(self, client: Client, prefix: Text = b"", rev: int = 0) -> None:
        self._core = mirror.Syncer(client._core, prefix, rev)

    @property
    def rev(self) -> int:
        """As of when it reads; 0 until that has begun without one given."""
        return self._core.rev

    sync_base = iterating(mirror.Syncer.sync_base)

    sync_updates = watching(mirror.Syncer.sync_updates)

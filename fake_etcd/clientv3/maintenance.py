"""Alarms, a member's state and file, who leads; see `core.maintenance`."""

from __future__ import annotations

from fake_etcd.clientv3.blocking import Blocking, blocking, run
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core import maintenance
from fake_etcd.clientv3.responses import ResponseHeader

__all__ = ["Maintenance", "Snapshot"]


class Maintenance:
    """What whoever runs a cluster needs; see `core.maintenance.Maintenance`."""

    def __init__(self, core: maintenance.Maintenance) -> None:
        self._core = core

    alarm_list = blocking(maintenance.Maintenance.alarm_list)
    alarm_disarm = blocking(maintenance.Maintenance.alarm_disarm)
    defragment = blocking(maintenance.Maintenance.defragment)
    status = blocking(maintenance.Maintenance.status)
    hash = blocking(maintenance.Maintenance.hash)
    hash_kv = blocking(maintenance.Maintenance.hash_kv)
    move_leader = blocking(maintenance.Maintenance.move_leader)
    downgrade = blocking(maintenance.Maintenance.downgrade)

    def snapshot(self, *, ctx: Context | None = None, timeout: float | None = None) -> Snapshot:
        """The file of one member as it is now, and a sum of it; see
        `core.maintenance.Maintenance.snapshot`."""
        return Snapshot(run(self._core.snapshot(ctx=ctx, timeout=timeout)))

    def snapshot_with_version(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> Snapshot:
        """The same as `snapshot`: Go has two, for what the older of them gives has no version."""
        return self.snapshot(ctx=ctx, timeout=timeout)


class Snapshot(Blocking[bytes]):
    """The file of a member, on its way: iterate over its pieces, or `read`, as `shutil.copyfileobj`
    does; see `core.maintenance.Snapshot`.

    >>> import shutil, tempfile
    >>> from fake_etcd.clientv3 import Client, Config
    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
    ...     with cli.snapshot() as snapshot, tempfile.TemporaryFile() as file:
    ...         shutil.copyfileobj(snapshot, file)
    ...         snapshot.version, file.tell() == snapshot.size
    ('3.7.0', True)
    """

    _core: maintenance.Snapshot

    read = blocking(maintenance.Snapshot.read)
    close = blocking(maintenance.Snapshot.close)

    @property
    def header(self) -> ResponseHeader:
        """The one of the first piece; etcd's own has nothing in it."""
        return self._core.header

    @property
    def version(self) -> str:
        """Which version's storage the file has ("3.7.0"), from etcd 3.6 on; "" before."""
        return self._core.version

    @property
    def size(self) -> int:
        """How many bytes it has, the sum with them, as the server says."""
        return self._core.size

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._core.closed

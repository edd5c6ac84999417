"""The file of a member in a file of one's own; see `save`."""

from __future__ import annotations

import os

from fake_etcd.clientv3.aio import Client
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core import snapshot as core
from fake_etcd.clientv3.core.snapshot import Progress, SnapshotDamaged

__all__ = ["Progress", "SnapshotDamaged", "save"]


async def save(
    source: Client | Config,
    path: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    ctx: Context | None = None,
    timeout: float | None = None,
) -> str:
    """Save what one member has as a file; see `clientv3.snapshot.save`. The loop does not wait for
    the disk."""
    if isinstance(source, Config):
        core.check_endpoints(tuple(source.endpoints))
        async with Client(source) as client:
            return await save(client, path, progress=progress, ctx=ctx, timeout=timeout)
    return await core.save(source, path, progress=progress, ctx=ctx, timeout=timeout)

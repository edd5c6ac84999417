"""The file of a member in a file of one's own; see `save`."""

from __future__ import annotations

import os

from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.client import Client
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core import snapshot as core
from fake_etcd.clientv3.core.snapshot import Progress, SnapshotDamaged

__all__ = ["Progress", "SnapshotDamaged", "save"]


def save(
    source: Client | Config,
    path: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    ctx: Context | None = None,
    timeout: float | None = None,
) -> str:
    """Save what one member has as a file, as `etcdctl snapshot save` does.

    It is written beside `path`, with ".part" behind its name, and takes the place of `path` once
    it is whole, its sum is right, and it is on the disk. Whatever goes wrong, `path` is as it was
    and there is no other file.

    Args:
        source: a client with one endpoint, or what to make one from.
        path: where to.
        progress: called for every piece with the bytes that are written and the bytes that there
            are; what it raises ends the saving.
        ctx: what it runs under.
        timeout: seconds it may take.

    Returns:
        which version's storage the file has ("3.7.0"); "" from etcd before 3.6.

    Raises:
        ValueError: more endpoints than one: a snapshot is one member's.
        SnapshotDamaged: what came is not what was sent.
        OSError: the file cannot be written.
        ContextError: the context ended first.
        EtcdError: the server said so.
        StatusError: the stream broke.
    """
    if isinstance(source, Config):
        core.check_endpoints(tuple(source.endpoints))
        with Client(source) as client:
            return save(client, path, progress=progress, ctx=ctx, timeout=timeout)
    return run(core.save(source._core, path, progress=progress, ctx=ctx, timeout=timeout))

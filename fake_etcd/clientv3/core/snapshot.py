"""The file of a member in a file of one's own.

etcd: client/v3/snapshot/v3_snapshot.go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.io import Io
from fake_etcd.clientv3.core.maintenance import SUM_SIZE, Snapshot
from fake_etcd.clientv3.errors import Error

Progress = Callable[[int, int], object]
"""Told how many bytes are written, and of how many."""

_PIECE = 1024 * 1024
"""Bytes that are written at once."""

_SECTOR = 512
"""A file of etcd's is some of these long; with the sum behind it it is not."""


class SnapshotDamaged(Error):
    """What came is not what was sent: the sum behind it is missing, or another file's."""


def check_endpoints(endpoints: tuple[str, ...]) -> None:
    """Raises ValueError for all but one: a snapshot is one member's."""
    if len(endpoints) != 1:
        raise ValueError(
            f"snapshot must be requested to one selected node, not multiple [{' '.join(endpoints)}]"
        )


async def save(
    client: Client,
    path: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    ctx: Context | None = None,
    timeout: float | None = None,
) -> str:
    """Save what a client's one server has; the faces' `save` says all about it."""
    check_endpoints(client.endpoints)
    target = os.fspath(path)
    part = target + ".part"
    ctx = limited(ctx, timeout)
    io = client.io
    file = await io.outside(lambda: _opened(part))
    try:
        with file:
            async with await client.snapshot(ctx=ctx) as snapshot:
                await _Copy(snapshot, file, progress).run(io)
        await io.outside(lambda: os.replace(part, target))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(part)
    client.config.logger.info("saved the snapshot of %s as %s", client.endpoints[0], target)
    return snapshot.version


def _opened(path: str) -> BinaryIO:
    return open(path, "wb", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Copy:
    """A snapshot on its way into a file."""

    def __init__(self, snapshot: Snapshot, file: BinaryIO, progress: Progress | None) -> None:
        self._snapshot = snapshot
        self._file = file
        self._progress = progress
        self._sum = hashlib.sha256()
        self._size = 0
        self._last = b""  # what may be the sum: the last bytes so far, which are not in `_sum`

    async def run(self, io: Io) -> None:
        while piece := await self._snapshot.read(_PIECE):
            await io.outside(partial(self._write, piece))
            if self._progress is not None:
                self._progress(self._size, self._snapshot.size)
        self._check()
        await io.outside(self._settle)

    def _write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._size += len(piece)
        known = self._last + piece
        self._sum.update(known[:-SUM_SIZE])
        self._last = known[-SUM_SIZE:]

    def _check(self) -> None:
        if self._size % _SECTOR != SUM_SIZE:
            raise SnapshotDamaged(f"sha256 checksum not found [bytes: {self._size}]")
        if self._sum.digest() != self._last:
            raise SnapshotDamaged(
                f"expected sha256 {self._last.hex()}, got {self._sum.hexdigest()}"
            )

    def _settle(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

"""Snapshots of etcd as files: read into a node, written from one.

Such a file is what `etcdctl snapshot save` writes, a database with its SHA-256 behind it, or the
database alone, as it lies in an etcd's data folder. What is in it, `core.snapshot` knows.
etcd: etcdutl/snapshot/v3_snapshot.go.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from fake_etcd.bbolt import Bucket, Corrupt, Database, plan
from fake_etcd.core.damaged import Damaged
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.load import load
from fake_etcd.core.snapshot.schema import Buckets, Pairs

_SHA256_BYTES = 32
_BLOCK_BYTES = 512  # a database is a multiple of it; a file that is not has a digest behind it
_READ_BYTES = 1 << 20


class BadSnapshot(ValueError):
    """Why a file is no snapshot that can be loaded; one line, with its path."""


def load_file(node: Node, path: str | os.PathLike[str], *, continues: bool = False) -> None:
    """Fill a node that was just made with what a file has.

    Args:
        node: which.
        path: of the file.
        continues: as of `load`.

    Raises:
        OSError: it cannot be read.
        BadSnapshot: it is none, or damaged, or of a version that is not known.
    """
    try:
        with _sparing_the_collector(), Database.open(path) as database:
            _check_digest(path)
            load(node, _buckets(database), continues=continues)
    except (Corrupt, Damaged) as error:
        raise BadSnapshot(f"{os.fspath(path)}: no snapshot of etcd, or damaged: {error}") from None


def write_file(file: BinaryIO, buckets: Buckets) -> int:
    """Write a snapshot with its digest; gives its bytes.

    Raises:
        OSError: it cannot be written.
    """
    digest = hashlib.sha256()
    planned = plan(buckets)
    for page in planned.pages():
        digest.update(page)
        file.write(page)
    file.write(digest.digest())
    return planned.size + _SHA256_BYTES


class _Flat:
    """A bucket that is to have no bucket in it."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._bucket.items():
            if not isinstance(value, bytes):
                raise Damaged(f"there is a bucket {key!r} in bucket {self._bucket.path!r}")
            yield key, value


def _buckets(database: Database) -> dict[bytes, Pairs]:
    return {
        name: _Flat(bucket) for name, bucket in database.root.items() if isinstance(bucket, Bucket)
    }


def _check_digest(path: str | os.PathLike[str]) -> None:
    """Raises: Damaged: what is behind the database is not its digest."""
    size = os.path.getsize(path)
    if not size % _BLOCK_BYTES:
        return
    if size % _BLOCK_BYTES != _SHA256_BYTES:
        raise Damaged(f"it has {size} bytes, which is no whole number of blocks: it is cut off")
    digest, left = hashlib.sha256(), size - _SHA256_BYTES
    with open(path, "rb") as file:
        while left and (read := file.read(min(left, _READ_BYTES))):
            digest.update(read)
            left -= len(read)
        if file.read() != digest.digest():
            raise Damaged("its SHA-256 is another than the one at its end")


@contextlib.contextmanager
def _sparing_the_collector() -> Iterator[None]:
    """A store is many objects and no rubbish: without this, half of the time is the collector's."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

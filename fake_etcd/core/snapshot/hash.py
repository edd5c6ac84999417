"""The hash of a whole database: Maintenance.Hash.

Over all buckets in order, each with its name and all that it has, except what etcd itself leaves
out because members may differ in it. It is the CRC-32C of the records that a snapshot has, so two
servers with the same records have the same one; ids, URLs and the hashes of passwords are among
those, wherefore servers that were merely told the same have not.
etcd: server/storage/backend/backend.go (Hash), server/storage/schema/bucket.go (DefaultIgnores).
"""

from __future__ import annotations

from collections.abc import Iterable

from fake_etcd.core.crc32c import crc32c
from fake_etcd.core.mvcc.hash import records_of
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.dump import dump_all_but_keys
from fake_etcd.core.snapshot.schema import Buckets

_IGNORED = frozenset((schema.TERM, schema.CONSISTENT_INDEX, schema.STORAGE_VERSION))


class HashingAll(Reading):
    """The hash of what there is when its turn comes; the many keys are read in slices.

    Args:
        node: whose.
    """

    __slots__ = ("_behind", "_crc", "_last", "_next", "_node")

    def __init__(self, node: Node) -> None:
        super().__init__(node.store.compact_revision)
        self._node = node
        self._crc = 0
        self._behind: bytes | None = None
        """What comes behind the keys; None before the first slice."""
        self._last = 0
        self._next: Revision | None = Revision(0, 0)

    @property
    def is_over(self) -> bool:
        return self._next is None

    def result(self) -> int:
        """32 bits, once it is over."""
        assert self.is_over, "all is read"
        return self._crc

    def step(self, max_records: int) -> None:
        if self._behind is None:
            self._behind = self._begin()
        assert self._next is not None, "what is over is not read"
        versions, self._next = self._node.store.some_versions(self._next, self._last, max_records)
        data = records_of(versions)
        if self._next is None:
            data += self._behind
        self._crc = crc32c(data, self._crc)

    def _begin(self) -> bytes:
        """Hash what comes before the keys; what comes behind them waits until they are read."""
        buckets = dump_all_but_keys(self._node)
        ignored = {schema.META: _IGNORED}
        if not self._node.auth.was_enabled:
            # A snapshot says that it is off.
            ignored[schema.AUTH] = frozenset((schema.AUTH_ENABLED,))
        names = sorted(buckets)
        before = _bytes_of(buckets, (name for name in names if name < schema.KEY), ignored)
        self._crc = crc32c(before + schema.KEY)
        self._last = self._node.store.current_revision
        return _bytes_of(buckets, (name for name in names if name > schema.KEY), ignored)


def _bytes_of(
    buckets: Buckets, names: Iterable[bytes], ignored: dict[bytes, frozenset[bytes]]
) -> bytes:
    parts = []
    for name in names:
        parts.append(name)
        for key, value in buckets[name].items():
            if key not in ignored.get(name, ()):
                parts += (key, value)
    return b"".join(parts)

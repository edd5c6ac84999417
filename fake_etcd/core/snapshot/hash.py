"""The hash of a whole database: Maintenance.Hash.

Over all buckets in order, each with its name and all that it has, except what etcd itself leaves
out because members may differ in it. It is the CRC-32C of the records that a snapshot has, so two
servers with the same records have the same one; ids, URLs and the hashes of passwords are among
those, wherefore servers that were merely told the same have not.
etcd: server/storage/backend/backend.go (Hash), server/storage/schema/bucket.go (DefaultIgnores).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from fake_etcd.core.crc32c import crc32c
from fake_etcd.core.mvcc.hash import records_of
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.dump import dump_all_but_keys
from fake_etcd.core.snapshot.schema import Buckets

_IGNORED = frozenset((schema.TERM, schema.CONSISTENT_INDEX, schema.STORAGE_VERSION))

_DEAR = 4
"""As much as so many versions costs a record of another bucket."""


class HashingAll(Reading):
    """The hash of what there is when its turn comes.

    Args:
        node: whose.
    """

    __slots__ = ("_before", "_behind", "_crc", "_has_begun", "_is_over", "_last", "_next", "_node")

    def __init__(self, node: Node) -> None:
        super().__init__(node.store.compact_revision)
        self._node = node
        self._crc = 0
        self._has_begun = False
        self._is_over = False
        self._before: Iterator[bytes] = iter(())
        """Names, keys and values that come before the keys, as far as they are not hashed."""
        self._next: Revision | None = Revision(0, 0)
        self._last = 0
        self._behind: Iterator[bytes] = iter(())

    @property
    def is_over(self) -> bool:
        return self._is_over

    def result(self) -> int:
        """32 bits, once it is over."""
        assert self._is_over, "all is read"
        return self._crc

    def step(self, max_records: int) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._begin()
        left = max_records
        for parts in (self._before, None, self._behind):
            data, left = self._keys(left) if parts is None else _some(parts, left)
            self._crc = crc32c(data, self._crc)
            if left <= 0:
                return
        self._is_over = True

    def _begin(self) -> None:
        buckets = dump_all_but_keys(self._node)
        ignored = {schema.META: _IGNORED}
        if not self._node.auth.was_enabled:
            # A snapshot says that it is off.
            ignored[schema.AUTH] = frozenset((schema.AUTH_ENABLED,))
        names = sorted(buckets)
        before = [name for name in names if name < schema.KEY]
        self._before = chain(_parts(buckets, before, ignored), (schema.KEY,))
        self._behind = _parts(buckets, names[len(before) :], ignored)
        self._last = self._node.store.current_revision

    def _keys(self, most: int) -> tuple[bytes, int]:
        """As `_some`, of the bucket of keys."""
        if self._next is None:
            return b"", most
        versions, self._next = self._node.store.some_versions(self._next, self._last, most)
        return records_of(versions), 0 if self._next is not None else most - len(versions)


def _parts(
    buckets: Buckets, names: Iterable[bytes], ignored: dict[bytes, frozenset[bytes]]
) -> Iterator[bytes]:
    for name in names:
        yield name
        for key, value in buckets[name].items():
            if key not in ignored.get(name, ()):
                yield key
                yield value


def _some(parts: Iterator[bytes], most: int) -> tuple[bytes, int]:
    """The next ones, and how many records less than `most` they are; they are dear to make."""
    taken = list(islice(parts, -(-most * 2 // _DEAR)))
    return b"".join(taken), most - len(taken) * _DEAR // 2

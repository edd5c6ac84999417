"""The hash of a whole database: Maintenance.Hash.

Over all buckets in order, each with its name and all that it has, except what etcd itself leaves
out because members may differ in it. It is the CRC-32C of the records that a snapshot has, so two
servers with the same records have the same one; ids, URLs and the hashes of passwords are among
those, wherefore servers that were merely told the same have not.
etcd: server/storage/backend/backend.go (Hash), server/storage/schema/bucket.go (DefaultIgnores).
"""

from __future__ import annotations

from fake_etcd.core.crc32c import crc32c
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.dump import dump

_IGNORED = frozenset((schema.TERM, schema.CONSISTENT_INDEX, schema.STORAGE_VERSION))
_CHUNK = 8_192


def hash_of_all(node: Node) -> int:
    """The hash, 32 bits. A compaction that is under way is brought to its end. O(records)."""
    node.store.finish_compaction()
    ignored = {schema.META: _IGNORED}
    if not node.auth.was_enabled:
        ignored[schema.AUTH] = frozenset((schema.AUTH_ENABLED,))  # a snapshot says that it is off
    crc = 0
    for name, bucket in dump(node).items():
        parts = [name]
        for key, value in bucket.items():
            if key in ignored.get(name, ()):
                continue
            parts += (key, value)
            if len(parts) > _CHUNK:
                crc, parts = crc32c(b"".join(parts), crc), []
        crc = crc32c(b"".join(parts), crc)
    return crc

"""The space quota: whether what is asked for still fits into the database.

A request costs what it may add at the most, roughly; it fits while the database's size and its
cost are below the quota. The size is `DbSize`'s, a model, and to look it up takes up to two
milliseconds; so after each look an allowance is given that is surely not all of what is left, and
until requests have used that up nobody looks again.
etcd: server/storage/quota.go.
"""

from __future__ import annotations

from fake_etcd.core.db_size import PAGE_BYTES, DbSize

DEFAULT_BYTES = 2 * 1024 * 1024 * 1024

KEY_OVERHEAD = 256
"""What a put costs beside the bytes of key and value."""

LEASE_COST = 64

_CAUTION = 8
"""Part of what is left that is given at a time. The model's size grows by twice the cost of a put
at the most, but deletions and nested transactions are charged less than they may take."""

_SLACK_BYTES = 16 * PAGE_BYTES
"""Which is not given: the size grows by whole pages."""

_UNLIMITED = 1 << 62


class Quota:
    """How much may be written.

    Args:
        limit: `--quota-backend-bytes`; 0 for etcd's default, less for none.
        db_size: what it is compared with.

    Attributes:
        allowance: what may be spent without a look. Whoever writes takes the bytes of the request
            away, or more, and asks `fits` where that makes it less than 0.
    """

    __slots__ = ("_db_size", "_limit", "allowance")

    def __init__(self, limit: int, db_size: DbSize) -> None:
        self._db_size = db_size
        self.limit(limit)

    def limit(self, limit: int) -> None:
        """Be another quota from now on; `limit` as above."""
        self._limit: int | None = None if limit < 0 else limit or DEFAULT_BYTES
        self.allowance = _UNLIMITED if limit < 0 else 0

    def fits(self, cost: int) -> bool:
        """Whether a request of this cost may be done. About 0.1 us, at times as `DbSize.sizes`."""
        self.allowance -= cost
        if self.allowance >= 0 or not cost or self._limit is None:
            return True
        left = self._limit - self._db_size.file_bytes() - cost
        self.allowance = max((left - _SLACK_BYTES) // _CAUTION, 0)
        return left > 0

    def look_again(self) -> None:
        """The database has changed otherwise than by requests."""
        if self._limit is not None:
            self.allowance = 0

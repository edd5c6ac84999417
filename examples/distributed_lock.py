"""A lock that several processes share, and what it guards.

Who has it is who created its key. It goes with its owner's lease, so a crash does not keep it for
ever; and since the owner may have been asleep for longer than that, what is guarded is written
under comparison with the revision at which the lock was taken.
"""

from __future__ import annotations

from examples.etcd import Etcd, created_at, get, put, retried


class Lock:
    """A lock, as one of those sees it who want it.

    Args:
        etcd: where it is kept.
        name: the lock's.
        ttl_seconds: how long it outlives an owner that is gone.
    """

    def __init__(self, etcd: Etcd, name: str, ttl_seconds: int = 6) -> None:
        self._etcd = etcd
        self._key = f"lock/{name}".encode()
        self._ttl_seconds = ttl_seconds
        self._lease = 0
        self._taken_at = 0  # a revision; 0: it is not ours

    def acquire(self) -> bool:
        """Take it. False: another one has it."""
        if not retried(self.beat):
            self._lease = self._etcd.grant(self._ttl_seconds)
        answer = retried(
            lambda: self._etcd.txn(
                compare=[created_at(self._key, 0)],
                success=[put(self._key, b"", self._lease), get(self._key)],
                failure=[get(self._key)],
            )
        )
        (lock,) = answer.responses[-1].response_range.kvs
        is_ours = answer.succeeded
        # An attempt whose answer was lost may have taken it.
        is_ours |= lock.lease == self._lease
        self._taken_at = lock.create_revision if is_ours else 0
        return is_ours

    def beat(self) -> bool:
        """Keep what there is; to be called every third of the TTL. False: it is gone.

        Raises:
            Lost: the next beat makes up for it.
        """
        return bool(self._lease) and self._etcd.keep_alive(self._lease)

    def write(self, key: bytes, value: bytes) -> bool:
        """Put a key as the lock's owner. False: it is no longer ours, and the key is not put."""
        if not self._taken_at:
            return False
        return retried(
            lambda: self._etcd.txn(
                compare=[created_at(self._key, self._taken_at)], success=[put(key, value)]
            )
        ).succeeded

    def release(self) -> None:
        """Let another one take it."""
        self._taken_at = 0
        if self._lease:
            self._etcd.revoke(self._lease)
            self._lease = 0

"""A lock that one session at a time has; see `core.concurrency.mutex`."""

from __future__ import annotations

from types import TracebackType

from fake_etcd.clientv3.blocking import blocking
from fake_etcd.clientv3.compare import Cmp
from fake_etcd.clientv3.concurrency.session import Session
from fake_etcd.clientv3.core.concurrency import mutex
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.responses import ResponseHeader


class Mutex:
    """A lock, as one session sees it; see `core.concurrency.mutex.Mutex`.

    Args:
        session: whose lease the lock is held by.
        prefix: the lock's name; its keys are "prefix/…".
    """

    def __init__(self, session: Session, prefix: Text) -> None:
        self._core = mutex.Mutex(session._core, prefix)

    lock = blocking(mutex.Mutex.lock)
    try_lock = blocking(mutex.Mutex.try_lock)
    unlock = blocking(mutex.Mutex.unlock)

    def is_owner(self) -> Cmp:
        """For a transaction's `if_`: the lock is held by this, and was all the time since it was
        taken. It never holds for a lock that is not held."""
        return self._core.is_owner()

    @property
    def key(self) -> bytes:
        """The key in the queue; b"" while it is in none."""
        return self._core.key

    @property
    def header(self) -> ResponseHeader | None:
        """Of the answer that the lock was taken with; None before."""
        return self._core.header

    def __enter__(self) -> Mutex:
        self.lock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unlock()

    def __repr__(self) -> str:
        return repr(self._core)

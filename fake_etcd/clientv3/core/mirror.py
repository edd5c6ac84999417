"""A copy of the keys, and then all that changes: what `etcdctl make-mirror` is built on.

etcd: client/v3/mirror.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fake_etcd.clientv3.context import Context, background
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.watch import Watcher
from fake_etcd.clientv3.keys import FROM_KEY_END, Text, prefix_range_end, to_bytes
from fake_etcd.clientv3.responses import GetResponse

_BATCH = 1000
"""Keys in an answer."""


class Syncer:
    """Reads what there is at one revision, then watches from there.

    Args:
        client: of the cluster that is copied.
        prefix: of the keys; empty for all.
        rev: as of when; 0 for when the reading begins.
    """

    def __init__(self, client: Client, prefix: Text = b"", rev: int = 0) -> None:
        self._client = client
        self._prefix = to_bytes(prefix, "prefix")
        self._rev = rev

    @property
    def rev(self) -> int:
        """As of when it reads; 0 until that has begun without one given."""
        return self._rev

    async def sync_base(self, *, ctx: Context | None = None) -> AsyncIterator[GetResponse]:
        """All pairs at that revision, some at a time, in the order of keys.

        Raises:
            EtcdError: ErrCompacted where the revision is gone, and what gets raise.
        """
        within = ctx or background()
        if not self._rev:
            answer = await self._client.get(self._prefix or b"foo", ctx=within)
            self._rev = answer.header.revision
        start = self._prefix or FROM_KEY_END
        end = prefix_range_end(self._prefix) if self._prefix else FROM_KEY_END
        while True:
            answer = await self._client.get(
                start, range_end=end, limit=_BATCH, rev=self._rev, ctx=within
            )
            yield answer
            if not answer.more:
                return
            start = answer.kvs[-1].key + b"\0"

    def sync_updates(self, *, ctx: Context | None = None) -> Watcher:
        """A watch of all that changed since that revision.

        Raises:
            ValueError: there is no revision yet; read the base first.
        """
        if not self._rev:
            raise ValueError("there is no revision to begin at: read sync_base first, or give rev")
        return self._client.watch(self._prefix, prefix=True, rev=self._rev + 1, ctx=ctx)

"""Watches: what happened to keys, told in order, none twice, whatever becomes of the connection.

`watcher` has one watch as its reader sees it, `watch_stream` what they share.

etcd: client/v3/watch.go. Done otherwise:

- A watch of what comes that breaks before anything was told is resumed by Go's client at the
  revision of its creation, which may be one that was there before. So it is here, except where an
  answer to this client had that revision already.
- What a watch keeps for a slow reader is bounded.
- The reason why a watch ended is raised, as the error that etcd's table has for it.
- A watch that is refused because the token of its stream is no longer good is asked for on a new
  stream, with a new token.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from fake_etcd.clientv3.context import Context, background, with_metadata
from fake_etcd.clientv3.core.watch_stream import WatchStreams
from fake_etcd.clientv3.core.watcher import Watcher
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.op import WatchOp, op_watch

__all__ = ["WatchMethods", "WatchStreams", "Watcher", "with_require_leader"]


class WatchMethods(ABC):
    """What a client has about watches."""

    @abstractmethod
    def _watch(self, op: WatchOp, ctx: Context) -> Watcher:
        """A watch, which is not made yet."""

    @abstractmethod
    def _request_progress(self, ctx: Context) -> None:
        """Ask for the revision of all watches with a context's metadata."""

    def watch(
        self,
        key: Text,
        *,
        prefix: bool = False,
        range_end: Text | None = None,
        from_key: bool = False,
        rev: int = 0,
        prev_kv: bool = False,
        progress_notify: bool = False,
        created_notify: bool = False,
        filter_put: bool = False,
        filter_delete: bool = False,
        fragment: bool = False,
        ctx: Context | None = None,
    ) -> Watcher:
        """Watch a key, or the keys of a range; `op.op_watch` says what the options mean.

        Args:
            ctx: what the watch runs under, for all its life.

        Raises:
            ValueError: two options exclude each other.
        """
        op = op_watch(
            key,
            prefix=prefix,
            range_end=range_end,
            from_key=from_key,
            rev=rev,
            prev_kv=prev_kv,
            progress_notify=progress_notify,
            created_notify=created_notify,
            filter_put=filter_put,
            filter_delete=filter_delete,
            fragment=fragment,
        )
        return self._watch(op, ctx or background())

    async def request_progress(self, *, ctx: Context | None = None) -> None:
        """Have all watches with the context's metadata be told the revision they are at.

        A watch that has nothing to tell up to then answers with its `is_progress_notify`; etcd
        answers once all watches on their stream are there. Where there are none, nothing happens.

        Raises:
            ContextError: the context has ended.
            ClientClosed: the client was closed.
        """
        within = ctx or background()
        error = within.err()
        if error is not None:
            raise error
        self._request_progress(within)


def with_require_leader(ctx: Context) -> Context:
    """A child under which calls fail, and watches end with ErrNoLeader, where the member that is
    asked sees no leader."""
    return with_metadata(ctx, ("hasleader", "true"))

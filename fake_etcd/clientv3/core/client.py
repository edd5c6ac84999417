"""The client as one object: its connections, its endpoints, and all that it can do.

etcd: client/v3/client.go.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import context
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.auth import Auth
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.cluster import Cluster
from fake_etcd.clientv3.core.io import Io, Task, sleep
from fake_etcd.clientv3.core.keep_alive_stream import Lessor
from fake_etcd.clientv3.core.kv import KV, ServerKV
from fake_etcd.clientv3.core.lease import Lease
from fake_etcd.clientv3.core.maintenance import Maintenance
from fake_etcd.clientv3.core.namespace import Namespace, NamespaceKV
from fake_etcd.clientv3.core.watch import Watcher, WatchMethods, WatchStreams
from fake_etcd.clientv3.errors import Error, OldCluster
from fake_etcd.clientv3.op import CompactOp, GetOp, Op, WatchOp
from fake_etcd.clientv3.responses import CompactResponse, GetResponse, OpResponse

_OLDEST = (3, 6)
"""The oldest cluster that `Config.reject_old_cluster` takes: the minor release before 3.7."""

_SYNC_TIMEOUT = 5.0
"""Seconds that a look at the members may take, where nobody waits for it."""


class Client(KV, Lease, WatchMethods, Auth, Cluster, Maintenance):
    """A client of a cluster.

    Args:
        config: how it is to be.
        io: its world.
    """

    def __init__(self, config: Config, io: Io) -> None:
        self._config = config
        self._io = io
        self._ctx, self._cancel = context.with_cancel(config.context or context.background())
        self._caller = Caller(io, config)
        self._closing = threading.Lock()  # taken by whoever closes it, and never let go
        self._tasks: list[Task] = []
        self._namespace: Namespace | None = None
        self._watches = WatchStreams(self._caller, self._ctx)
        self._lessor = Lessor(self._caller, self._ctx)
        self._kv: KV = ServerKV(self._caller)
        if config.namespace:
            self._kv = NamespaceKV(self._kv, config.namespace)
            self._namespace = Namespace(config.namespace)

    def _do(self, op: Op, ctx: Context) -> Coroutine[Any, Any, OpResponse]:
        return self._kv._do(op, ctx)

    def _compact(self, op: CompactOp, ctx: Context) -> Coroutine[Any, Any, CompactResponse]:
        return self._kv._compact(op, ctx)

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        return self._kv._get_stream(op, ctx)

    def _watch(self, op: WatchOp, ctx: Context) -> Watcher:
        namespace = self._namespace
        if namespace is None:
            return Watcher(self._watches, op, ctx)
        return Watcher(self._watches, namespace.ranged(op), ctx).told_as(namespace.stripped_event)

    def _request_progress(self, ctx: Context) -> None:
        self._watches.request_progress(ctx)

    @property
    def ctx(self) -> Context:
        """Ends when the client is closed."""
        return self._ctx

    @property
    def io(self) -> Io:
        """Its world."""
        return self._io

    @property
    def config(self) -> Config:
        """What it was made from."""
        return self._config

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it looks for servers."""
        return self._caller.balancer.endpoints

    def set_endpoints(self, *endpoints: str) -> None:
        """Look elsewhere from now on; calls that are open come to their end where they are.

        Raises:
            NoAvailableEndpoints: none were given.
        """
        self._caller.balancer.set_endpoints(endpoints)

    async def sync(self, *, ctx: Context | None = None, timeout: float | None = None) -> None:
        """Take the client URLs of the cluster's started members, without learners, as endpoints."""
        request = m.MemberListRequest(linearizable=True)
        answer = await self._caller.unary(rpcs.MEMBER_LIST, request, limited(ctx, timeout))
        found = [
            url
            for member in answer.members
            if member.name and not member.isLearner
            for url in member.clientURLs
        ]
        self.set_endpoints(*found)
        self._config.logger.debug("set etcd endpoints by autoSync: %s", found)

    async def start(self) -> None:
        """Get the token, refuse an old cluster where that is asked, look at the members from now
        on; raises what the calls for that do, and the client is closed then."""
        timeout = self._config.dial_timeout
        try:
            await self._caller.get_token(limited(self._ctx, timeout))
            if self._config.reject_old_cluster:
                await self._refuse_old_cluster(limited(self._ctx, timeout))
        except BaseException:
            await self.close()
            raise
        if self._config.auto_sync_interval > 0:
            work = _sync_now_and_then(weakref.ref(self), self._io, self._config, self._ctx)
            self._tasks.append(self._io.spawn("clientv3: auto sync", work))

    async def close(self) -> None:
        """End all calls, streams and connections. More than once does nothing."""
        if not self._closing.acquire(blocking=False):
            return
        self._cancel()
        await self._caller.balancer.close()
        await self._watches.join()
        await self._lessor.join()
        for task in self._tasks:
            await task.join()

    @property
    def _is_closed(self) -> bool:
        return self._closing.locked()

    async def _refuse_old_cluster(self, ctx: Context) -> None:
        for endpoint in self.endpoints:
            answer = await self._caller.unary_at(endpoint, rpcs.STATUS, m.StatusRequest(), ctx)
            numbers = answer.version.partition("-")[0].split(".")
            if tuple(int(number) for number in numbers[:2]) < _OLDEST:
                raise OldCluster

    def warn_if_open(self) -> None:
        """Tell whoever forgot to close it, with a ResourceWarning, as a file does."""
        if not self._is_closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=3)

    def __del__(self) -> None:
        closing = getattr(self, "_closing", None)
        if closing is not None and not closing.locked():
            self.warn_if_open()
            if not sys.is_finalizing():  # then there are no more threads, and no more calls
                self._cancel()
                self._caller.balancer.abandon()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "open"
        return f"<clientv3.Client {state} endpoints={list(self.endpoints)}>"


async def _sync_now_and_then(
    client: weakref.ref[Client], io: Io, config: Config, ctx: Context
) -> None:
    """Look at the members until the client is closed, or nobody has it any more."""
    while True:
        try:
            await sleep(io, ctx, config.auto_sync_interval)
        except context.ContextError:
            return
        alive = client()
        if alive is None:
            return
        try:
            await alive.sync(ctx=ctx, timeout=_SYNC_TIMEOUT)
        except Error as error:
            if ctx.err() is None:
                config.logger.info("Auto sync endpoints failed: %s", error)
        del alive

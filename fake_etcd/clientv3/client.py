"""The blocking client: a face of `core.client`, each method as it is there, without `await`."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import weakref
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

from fake_etcd.clientv3.auth import Auth
from fake_etcd.clientv3.blocking import Blocking, Closing, Over, ThreadIo, blocking, iterating, run
from fake_etcd.clientv3.cluster import Cluster
from fake_etcd.clientv3.compare import Cmp
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core import keep_alive, kv, lease, watch
from fake_etcd.clientv3.core.client import Client as CoreClient
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.maintenance import Maintenance
from fake_etcd.clientv3.op import Op
from fake_etcd.clientv3.responses import Event, LeaseKeepAliveResponse, WatchResponse

P = ParamSpec("P")
C = TypeVar("C")


class KV:
    """Keys and values; see `core.kv.KV`."""

    def __init__(self, core: kv.KV) -> None:
        self._core = core

    do = blocking(kv.KV.do)
    put = blocking(kv.KV.put)
    get = blocking(kv.KV.get)
    get_stream = iterating(kv.KV.get_stream)
    delete = blocking(kv.KV.delete)
    compact = blocking(kv.KV.compact)

    def txn(self, *, ctx: Context | None = None, timeout: float | None = None) -> Txn:
        """A transaction to be told what to compare and do, and then committed; see
        `core.kv.KV.txn`."""
        return Txn(self._core.txn(ctx=ctx, timeout=timeout))


class Txn:
    """A transaction that is put together; see `core.kv.Txn`."""

    def __init__(self, core: kv.Txn) -> None:
        self._core = core

    def if_(self, *compares: Cmp) -> Txn:
        """What all has to hold for `then` to be done, and else `else_`."""
        self._core.if_(*compares)
        return self

    def then(self, *ops: Op) -> Txn:
        """What to do if all comparisons hold."""
        self._core.then(*ops)
        return self

    def else_(self, *ops: Op) -> Txn:
        """What to do if not all do."""
        self._core.else_(*ops)
        return self

    commit = blocking(kv.Txn.commit)


class Watcher(Blocking[WatchResponse]):
    """One watch; see `core.watcher.Watcher`."""

    _core: watch.Watcher

    close = blocking(watch.Watcher.close)

    def cancel(self) -> None:
        """End it, from any thread, any number of times. What was told before can still be read."""
        self._core.cancel()

    @property
    def is_over(self) -> bool:
        """Whether it gets nothing more."""
        return self._core.is_over

    @property
    def last_answer(self) -> WatchResponse | None:
        """What the server ended it with; see `core.watcher.Watcher.last_answer`."""
        return self._core.last_answer

    def events(self) -> Iterator[Event]:
        """What it is told, one event after the other, without notices; raises as iterating it."""
        core = self._core
        while True:
            try:
                message = run(core._message())
            except StopAsyncIteration:
                return
            yield from core._events_of(message)

    def __repr__(self) -> str:
        return repr(self._core)


def watching(
    method: Callable[Concatenate[C, P], watch.Watcher],
) -> Callable[Concatenate[Over[C], P], Watcher]:
    """The blocking form of a method of the core that gives a watch, which is made when this
    returns, or has ended; see `blocking.blocking`."""

    @functools.wraps(method)
    def call(face: Over[C], /, *args: P.args, **kwargs: P.kwargs) -> Watcher:
        watcher = method(face._core, *args, **kwargs)
        run(watcher.open())
        return Watcher(watcher)

    return call


class Watches:
    """Watches; see `core.watch.WatchMethods`."""

    def __init__(self, core: watch.WatchMethods) -> None:
        self._core = core

    request_progress = blocking(watch.WatchMethods.request_progress)
    watch = watching(watch.WatchMethods.watch)


class KeepAlive(Blocking[LeaseKeepAliveResponse]):
    """A lease that is kept alive; see `core.keep_alive.KeepAlive`."""

    _core: keep_alive.KeepAlive

    close = blocking(keep_alive.KeepAlive.close)

    def cancel(self) -> None:
        """End it, from any thread, any number of times. What was told before can still be read."""
        self._core.cancel()

    @property
    def lease(self) -> int:
        """The lease's id."""
        return self._core.lease

    @property
    def is_over(self) -> bool:
        """Whether this keeps the lease alive no longer."""
        return self._core.is_over

    @property
    def error(self) -> Error | None:
        """Why it ended, where it was lost; None before, and where it was ended from here."""
        return self._core.error

    def __repr__(self) -> str:
        return repr(self._core)


class Lease:
    """Leases; see `core.lease.Lease`."""

    def __init__(self, core: lease.Lease) -> None:
        self._core = core

    grant = blocking(lease.Lease.grant)
    revoke = blocking(lease.Lease.revoke)
    time_to_live = blocking(lease.Lease.time_to_live)
    leases = blocking(lease.Lease.leases)
    keep_alive_once = blocking(lease.Lease.keep_alive_once)

    def keep_alive(
        self,
        id: int,
        *,
        ctx: Context | None = None,
        on_response: Callable[[LeaseKeepAliveResponse], object] | None = None,
        on_lost: Callable[[Error], object] | None = None,
    ) -> KeepAlive:
        """Keep a lease alive from now on, in the background; see `core.lease.Lease.keep_alive`.

        Two threads do that for all leases of the client, and end with the last of them; the
        callbacks run in them.
        """
        return KeepAlive(
            self._core.keep_alive(id, ctx=ctx, on_response=on_response, on_lost=on_lost)
        )


class Client(Closing, KV, Lease, Watches, Auth, Cluster, Maintenance):
    """A client of a cluster, for threads.

    Making one gets the token and looks at the cluster's version where the configuration asks for
    it, and raises what those calls do; otherwise it connects with the first call. Close it, or use
    it as a context manager; what is still open when the program ends is closed then, after whatever
    was registered with `atexit` since this package was imported. Any number of threads may call; a
    forked child makes a client of its own, as it does with any gRPC channel.

    Args:
        config: how it is to be.

    >>> from fake_etcd.clientv3 import Client, Config
    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
    ...     cli.put("a", "1").header.revision
    2
    """

    _core: CoreClient

    def __init__(self, config: Config) -> None:
        super().__init__(CoreClient(config, ThreadIo(config.clock)))
        _made.add(self._core)
        run(self._core.start())

    sync = blocking(CoreClient.sync)
    close = blocking(CoreClient.close)

    @property
    def ctx(self) -> Context:
        """Ends when the client is closed."""
        return self._core.ctx

    @property
    def config(self) -> Config:
        """What it was made from."""
        return self._core.config

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it looks for servers."""
        return self._core.endpoints

    def set_endpoints(self, *endpoints: str) -> None:
        """Look elsewhere from now on; see `core.client.Client.set_endpoints`."""
        self._core.set_endpoints(*endpoints)

    def __repr__(self) -> str:
        return repr(self._core)


_made: weakref.WeakSet[CoreClient] = weakref.WeakSet()
"""The clients of this process that somebody still has."""


def _close_all() -> None:
    """Close what nobody did, before the interpreter is taken apart.

    gRPC's threads tell a client how its connections do, in new threads, and make those again that
    were lost. A thread that begins while the interpreter ends crashes Python 3.10.
    """
    with contextlib.ExitStack() as ending:
        for core in (opened := tuple(_made)):
            ending.callback(_close, core)
        for core in opened:
            core.warn_if_open()


def _close(core: CoreClient) -> None:
    run(core.close())


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_made.clear)  # their threads are not there, to end with them

"""A lease that is kept alive for as long as a client is there: the base of locks and elections.

etcd: client/v3/concurrency/session.go.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, with_cancel, with_timeout
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.io import Waiter
from fake_etcd.clientv3.core.keep_alive import KeepAlive
from fake_etcd.clientv3.errors import Error

DEFAULT_TTL = 60
"""Seconds that a session's lease lives for without its client."""


class Session:
    """A lease that is kept alive, and revoked at the end.

    The lease is granted by `async with`, or by `await`. Whatever ends the session (`close`,
    `orphan`, the end of its context or its client, the loss of its lease) ends `ctx`, which is what
    work that needs the lease runs under.

    Args:
        client: grants the lease and keeps it alive.
        ttl: seconds that the lease lives for without the client.
        lease: one that there is, to be taken over in place of a new one: that of the process before
            this one. It is kept alive with the TTL that it has.
        ctx: what the session runs under; the client's own by default. If it ends before `close` is
            done, the lease is not revoked, and lives on for its TTL.

    Raises:
        ValueError: a TTL below 1.
    """

    def __init__(
        self,
        client: Client,
        *,
        ttl: int = DEFAULT_TTL,
        lease: int = 0,
        ctx: Context | None = None,
    ) -> None:
        if ttl < 1:
            raise ValueError(f"ttl={ttl}: a session lives for a second at the least")
        self._client = client
        self._ttl = ttl
        self._lease = lease
        self._parent = client.ctx if ctx is None else ctx
        self._ctx, self._cancel = with_cancel(self._parent)
        self._keeper: KeepAlive | None = None
        self._lock = threading.Lock()
        self._waiters: list[Waiter] = []
        self._is_done = False
        self._is_orphan = False
        self._is_closed = False

    def __await__(self) -> Generator[Any, None, Session]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Session:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: object
    ) -> None:
        """Close it, unless it was made an orphan. A lease that is gone is as good as revoked; what
        else goes wrong is raised, or logged where there is an error already."""
        if self._is_orphan:
            return
        try:
            await self.close()
        except rpctypes.ErrLeaseNotFound:
            return
        except Error as failure:
            if error is None:
                raise
            self._client.config.logger.warning("%r could not be closed: %s", self, failure)

    async def start(self) -> None:
        """Have the lease granted and kept alive; nothing where that was done.

        Raises:
            Error: what `grant` and `keep_alive` raise.
        """
        if self._keeper is not None:
            return
        if not self._lease:
            self._lease = (await self._client.grant(self._ttl, ctx=self._parent)).id
        self._keeper = self._client._lessor.keep_quietly(self._lease, self._ctx, self._end)

    @property
    def client(self) -> Client:
        """Whose it is."""
        return self._client

    @property
    def lease(self) -> int:
        """The lease's id."""
        return self._lease

    @property
    def ctx(self) -> Context:
        """Ends with the session; `ctx.after(callback)` tells."""
        return self._ctx

    @property
    def error(self) -> Error | None:
        """Why the lease is kept alive no longer, where it was lost: a LeaseLost. None before, and
        where the session was ended from here."""
        return None if self._keeper is None else self._keeper.error

    def done(self) -> bool:
        """Whether the session has ended, so that nothing keeps the lease alive."""
        return self._is_done

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the session, for `timeout` seconds at the most; whether it came."""
        waiter = self._client._io.waiter()
        with self._lock:
            if self._is_done:
                return True
            self._waiters.append(waiter)
        try:
            await waiter.wait(timeout)
        finally:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return self._is_done

    def orphan(self) -> None:
        """Keep the lease alive no longer, and do not revoke it: somebody else takes it over, or it
        ends by itself. From any thread."""
        self._is_orphan = True
        self._stop()

    async def close(self) -> None:
        """End the session, and revoke the lease. Done once, a second time does nothing.

        It takes as long as the lease's TTL at the most, for then it has ended anyway.

        Raises:
            ErrLeaseNotFound: it was gone.
            Error: as all calls do.
        """
        self._stop()
        if self._is_closed or not self._lease:
            return
        ctx, cancel = with_timeout(self._parent, self._ttl)
        try:
            await self._client.revoke(self._lease, ctx=ctx)
        finally:
            cancel()
        self._is_closed = True

    def _stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        self._end()

    def _end(self) -> None:
        with self._lock:
            if self._is_done:
                return
            self._is_done = True
            waiters, self._waiters = self._waiters, []
        try:
            self._cancel()
        finally:
            for waiter in waiters:
                waiter.wake()

    def __repr__(self) -> str:
        state = "done" if self._is_done else "alive"
        return f"<Session of lease {self._lease:x}, {state}>"

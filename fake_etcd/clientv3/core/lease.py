"""Leases: granted, revoked, looked at, and kept alive; the last is `keep_alive_stream`'s work.

etcd: client/v3/lease.go.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, background, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.failures import error_of
from fake_etcd.clientv3.core.io import CallFailed
from fake_etcd.clientv3.core.keep_alive import KeepAlive
from fake_etcd.clientv3.core.keep_alive_stream import Lessor
from fake_etcd.clientv3.core.namespace import Namespace
from fake_etcd.clientv3.errors import Error, StatusError
from fake_etcd.clientv3.keys import Text, to_bytes
from fake_etcd.clientv3.responses import (
    LeaseGrantResponse,
    LeaseKeepAliveResponse,
    LeaseLeasesResponse,
    LeaseRevokeResponse,
    LeaseTimeToLiveResponse,
)

_PASSING = (Code.UNAVAILABLE, Code.INTERNAL)
"""After these `keep_alive_once` tries again, where it is not etcd that says so; as Go's."""


NO_LEASE = 0
"""Id of no lease: that of keys that have none."""


class Lease:
    """Leases: grant, revoke, look at them, keep them alive."""

    _lessor: Lessor
    _namespace: Namespace | None
    """That of the keys that `time_to_live` tells."""

    async def grant(
        self, ttl: int, *, id: int = 0, ctx: Context | None = None, timeout: float | None = None
    ) -> LeaseGrantResponse:
        """Make a lease: keys that are put with it are deleted when it ends.

        Args:
            ttl: seconds that it lives for, if it is not kept alive; the server may give it more.
            id: which it is to have; 0 for one that the server picks.
            ctx: what the call runs under.
            timeout: seconds that it may take.

        Raises:
            ErrLeaseExist: there is one with this id.
            ErrLeaseTTLTooLarge: nobody lives that long.
            Error: as all calls do.
        """
        request = m.LeaseGrantRequest(TTL=ttl, ID=id)
        answer = await self._lessor.caller.unary(rpcs.LEASE_GRANT, request, limited(ctx, timeout))
        return LeaseGrantResponse.of(answer)

    async def revoke(
        self, id: int, *, ctx: Context | None = None, timeout: float | None = None
    ) -> LeaseRevokeResponse:
        """End a lease, and delete its keys.

        Raises:
            ErrLeaseNotFound: there is none, or no longer.
            Error: as all calls do.
        """
        request = m.LeaseRevokeRequest(ID=id)
        answer = await self._lessor.caller.unary(rpcs.LEASE_REVOKE, request, limited(ctx, timeout))
        return LeaseRevokeResponse.of(answer)

    async def time_to_live(
        self,
        id: int,
        *,
        attached_keys: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> LeaseTimeToLiveResponse:
        """How long a lease has to live; -1 of one that is not there.

        Args:
            id: the lease's.
            attached_keys: whether to tell its keys, too.
            ctx: what the call runs under.
            timeout: seconds that it may take.

        Raises:
            Error: as all calls do.
        """
        pb = await self._lessor.caller.unary(
            rpcs.LEASE_TIME_TO_LIVE,
            m.LeaseTimeToLiveRequest(ID=id, keys=attached_keys),
            limited(ctx, timeout),
        )
        answer = LeaseTimeToLiveResponse.of(pb)
        if self._namespace is None:
            return answer
        return replace(answer, keys=self._namespace.keys_within(answer.keys))

    async def leases(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> LeaseLeasesResponse:
        """All leases that there are.

        Raises:
            Error: as all calls do.
        """
        answer = await self._lessor.caller.unary(
            rpcs.LEASE_LEASES, m.LeaseLeasesRequest(), limited(ctx, timeout)
        )
        return LeaseLeasesResponse.of(answer)

    def keep_alive(
        self,
        id: int,
        *,
        ctx: Context | None = None,
        on_response: Callable[[LeaseKeepAliveResponse], object] | None = None,
        on_lost: Callable[[Error], object] | None = None,
    ) -> KeepAlive:
        """Keep a lease alive from now on, in the background: renew it each third of its TTL.

        Several may keep the same lease alive: it is renewed once for all of them, until the last
        of them ends. Callbacks are called by what does that for all leases of the client, so they
        have to be quick; what they raise is logged.

        Args:
            id: the lease's.
            ctx: what it runs under, for all its life; its end ends it.
            on_response: called with each answer. Without it answers are kept to be read, 16 of
                them; more are dropped, and that is logged.
            on_lost: called once, with what iterating it raises, if the lease is lost.

        Raises:
            KeepAliveHalted: the client was closed.
        """
        keeper = KeepAlive(id, self._lessor.caller, ctx or background(), on_response, on_lost)
        self._lessor.keep(keeper)
        return keeper

    async def keep_alive_once(
        self, id: int, *, ctx: Context | None = None, timeout: float | None = None
    ) -> LeaseKeepAliveResponse:
        """Renew a lease once. While the server cannot be reached it is tried again.

        Args:
            id: the lease's.
            ctx: what the call runs under.
            timeout: seconds that it may take, with all tries.

        Raises:
            ErrLeaseNotFound: there is none, or no longer.
            Error: as all calls do.
        """
        ctx = limited(ctx, timeout)
        for attempt in itertools.count(1):
            try:
                answer = await self._renewed(id, ctx)
                break
            except CallFailed as failed:
                error = error_of(failed, ctx)
                if not isinstance(error, StatusError) or error.code not in _PASSING:
                    raise error from None
            await self._lessor.caller.back_off(ctx, attempt)
        if answer.ttl <= 0:
            raise rpctypes.ErrLeaseNotFound
        return answer

    async def _renewed(self, lease: int, ctx: Context) -> LeaseKeepAliveResponse:
        stream = await self._lessor.caller.stream(rpcs.LEASE_KEEP_ALIVE, ctx)
        try:
            await stream.send(m.LeaseKeepAliveRequest(ID=lease))
            answer: m.LeaseKeepAliveResponse | None = await stream.receive()
            if answer is None:
                raise CallFailed(Code.UNAVAILABLE, "the server ended the stream")
            await stream.half_close()
        finally:
            stream.cancel()
        return LeaseKeepAliveResponse.of(answer)


class NamespaceLease(Lease):
    """The leases, with those keys alone that are in a namespace.

    Args:
        lease: all of it: a client, say. Leases themselves are in no namespace.
        prefix: of the keys that `time_to_live` tells.
    """

    def __init__(self, lease: Lease, prefix: Text) -> None:
        outer = b"" if lease._namespace is None else lease._namespace.prefix
        self._lessor = lease._lessor
        self._namespace = Namespace(outer + to_bytes(prefix, "prefix"))

"""The Lease service: LeaseGrant, LeaseRevoke, LeaseKeepAlive, LeaseTimeToLive and LeaseLeases.

How leases live and expire is in `core.lease`; here are requests and answers.
etcd: server/etcdserver/api/v3rpc/lease.go, server/etcdserver/v3_server.go (LeaseGrant and others).
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import cast

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Status
from fake_etcd.core.lease import Lease
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.node import Node
from fake_etcd.core.quota import LEASE_COST
from fake_etcd.services import access, raft_log, space
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    handlers = {
        "grant": _make_grant(node),
        "revoke": _make_revoke(node),
        "time_to_live": _make_time_to_live(node),
        "leases": _make_leases(node),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that answer in more than one piece or later, by their names in the method table."""

    def open_keep_alive(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, _KeepAlive(node, call, sink))  # as in `unary`

    return {"keep_alive": open_keep_alive}


def _make_grant(node: Node) -> Callable[[m.LeaseGrantRequest, Call], bytes]:
    def grant(request: m.LeaseGrantRequest, call: Call) -> bytes:
        space.check(node, call, LEASE_COST)
        id, size = request.ID, request.ByteSize()
        if not id:
            id = node.ids.next()
            size += len(_number(b"\x10", id))  # as though it had been given
        raft_log.propose(node, access.require_auth_info(node, call), size)
        node.alarms.check_growth()
        lease = node.lessor.grant(id, request.TTL, node.clock.now())
        header = node.header(node.store.current_revision)
        return header + _number(b"\x10", lease.id) + _number(b"\x18", lease.ttl_seconds)

    return grant


def _make_revoke(node: Node) -> Callable[[m.LeaseRevokeRequest, Call], bytes]:
    def revoke(request: m.LeaseRevokeRequest, call: Call) -> bytes:
        info = access.require_auth_info(node, call)
        raft_log.propose(node, info, request.ByteSize())
        node.alarms.check_change()
        access.check_lease_puts(node, info, request.ID)
        node.lessor.revoke(request.ID)
        return node.header(node.store.current_revision)

    return revoke


def _make_time_to_live(node: Node) -> Callable[[m.LeaseTimeToLiveRequest, Call], bytes]:
    def time_to_live(request: m.LeaseTimeToLiveRequest, call: Call) -> bytes:
        access.require_auth_info(node, call)
        if request.keys:
            access.check_lease_reads(node, call, [request.ID])
        lease = node.lessor.lookup(request.ID)
        start = node.header(node.store.current_revision) + _number(b"\x10", request.ID)
        if lease is None:
            return start + _number(b"\x18", -1)
        start += _number(b"\x18", lease.remaining_seconds(node.clock.now()))
        start += _number(b"\x20", lease.ttl_seconds)
        # Sorted, where etcd gives its keys in the order of a Go map: any.
        keys = lease.sorted_keys() if request.keys else []
        return start + b"".join([b"\x2a" + varint(len(key)) + key for key in keys])

    return time_to_live


def _make_leases(node: Node) -> Callable[[m.LeaseLeasesRequest, Call], bytes]:
    def leases(request: m.LeaseLeasesRequest, call: Call) -> bytes:
        found = node.lessor.leases()
        access.check_lease_reads(node, call, [lease.id for lease in found])
        ids = [_number(b"\x08", lease.id) for lease in found]
        statuses = [b"\x12" + varint(len(id)) + id for id in ids]
        return node.header(node.store.current_revision) + b"".join(statuses)

    return leases


@functools.lru_cache(4_096)  # keep-alives name the same leases over and over
def _kept_alive(id: int, ttl_seconds: int) -> bytes:
    """The fields of a LeaseKeepAliveResponse behind its header."""
    return _number(b"\x10", id) + _number(b"\x18", ttl_seconds)


def _number(tag: bytes, number: int) -> bytes:
    """An int64 field; 0 is left out, as protobuf leaves it out."""
    return tag + varint(number) if number else b""


class _KeepAlive:
    """Receiver of a LeaseKeepAlive stream: answers each request in turn.

    A request for a lease that has expired is answered when that is revoked, and what came after
    it waits, as the next half second makes an end of it. Behind a full sink requests wait too.
    """

    __slots__ = ("_call", "_has_all", "_is_full", "_node", "_requested", "_sink", "_waiting")

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        self._node = node
        self._call = call
        self._sink = sink
        self._requested: deque[int] = deque()
        self._waiting: tuple[Lease, bytes] | None = None
        """The expired lease that is waited for, and the header of the answer."""
        self._is_full = False
        self._has_all = False

    def message(self, request: m.LeaseKeepAliveRequest) -> None:
        node, id = self._node, request.ID
        if self._requested or self._waiting is not None or self._is_full:
            self._requested.append(id)
        elif not node.auth.enabled and (ttl := node.lessor.renew(id, node.clock.now())):
            # Nearly all of them, so in place: a call of its own is a twentieth of a keep-alive.
            header = node.header(node.store.current_revision)
            self._is_full = not self._sink.send(header + _kept_alive(id, ttl))
        else:
            self._renew(id)

    def half_close(self) -> None:
        self._has_all = True
        self._go_on()

    def writable(self) -> None:
        self._is_full = False
        self._go_on()

    def cancelled(self) -> None:
        self._requested.clear()
        if self._waiting is not None:
            self._node.lessor.forget_waiter(self._waiting[0], self._is_gone)

    def _go_on(self) -> None:
        """Answer what can be answered."""
        while self._requested and self._waiting is None and not self._is_full:
            self._renew(self._requested.popleft())
        if self._has_all and not self._requested and self._waiting is None:
            self._has_all = False  # it is told once
            self._sink.close()

    def _renew(self, id: int) -> None:
        node = self._node
        # Of before the renewal, so that no answer has a revision at which the lease is gone.
        header = node.header(node.store.current_revision)
        if node.auth.enabled:
            try:
                access.check_lease_renew(node, self._call, id)
            except errors.EtcdError as error:
                self._fail(error.status)
                return
        ttl_seconds = node.lessor.renew(id, node.clock.now())
        lease = None if ttl_seconds else node.lessor.lookup(id)
        if lease is None:
            self._answer(header, id, ttl_seconds)
        else:  # it has expired
            self._waiting = lease, header
            node.lessor.when_gone(lease, self._is_gone)

    def _is_gone(self) -> None:
        assert self._waiting is not None, "it is told of what it waits for"
        lease, header = self._waiting
        self._waiting = None
        self._answer(header, lease.id, 0)
        self._go_on()

    def _fail(self, status: Status) -> None:
        """End it; what was requested since is not looked at."""
        self._requested.clear()
        self._has_all = False
        self._sink.close(status)

    def _answer(self, header: bytes, id: int, ttl_seconds: int) -> None:
        self._is_full = not self._sink.send(header + _kept_alive(id, ttl_seconds))

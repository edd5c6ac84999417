"""The KV service: Range, RangeStream, Put, DeleteRange, Txn and Compact.

Each is a function made for one node, with what it needs bound to locals: these are the hot path.
Answers are joins of bytes that exist already, equal to what protobuf would write. What makes a
request wrong in itself is in `kv_checks`, how a range selects in `kv_range`, transactions are in
`kv_txn` and `kv_short_txn`, chunks in `range_stream`.
etcd: server/etcdserver/api/v3rpc/key.go, server/etcdserver/v3_server.go, server/etcdserver/txn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.node import Node
from fake_etcd.core.quota import KEY_OVERHEAD
from fake_etcd.services import access, kv_checks, kv_range, kv_short_txn, kv_txn, raft_log, space
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.services.one_answer import OneAnswer
from fake_etcd.services.range_stream import RangeStream

_COUNT_1 = b"\x20\x01"
_DELETED_1 = b"\x10\x01"


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    handlers = {
        "range": _make_range(node),
        "put": _make_put(node),
        "delete_range": _make_delete_range(node),
        "txn": kv_short_txn.make_txn(node),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that answer in more than one piece or later, by their names in the method table."""

    # As in `unary`: each takes its own request class.
    def open_range_stream(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, RangeStream(node, call, sink))

    def open_compact(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, _Compact(node, call, sink))

    return {"range_stream": open_range_stream, "compact": open_compact}


def _make_range(node: Node) -> Callable[[m.RangeRequest, Call], bytes]:
    auth, store, header = node.auth, node.store, node.header
    newest = store.newest
    size_of = m.RangeRequest.ByteSize  # bound here: 0.05 us less than a look at each request

    def range_(request: m.RangeRequest, call: Call) -> bytes:
        key = request.key
        # As long as a short key with its tag and length: it asks for that key and nothing else.
        # Saves looking at eleven options.
        if size_of(request) == len(key) + 2 and key:
            if auth.enabled:
                check_permitted(call, key, b"")
            version = newest(key)
            if version is not None:
                return header(store.current_revision) + version.field + _COUNT_1
            return header(store.current_revision)
        kv_checks.check_range(request)
        if auth.enabled:
            check_permitted(call, key, request.range_end)
        return kv_range.answer(store, request, header)

    def check_permitted(call: Call, key: bytes, range_end: bytes) -> None:
        info = access.auth_info(node, call)
        auth.check_range_permitted(info, key, range_end)
        access.check_unchanged(node, info)

    return range_


def _make_put(node: Node) -> Callable[[m.PutRequest, Call], bytes]:
    auth, store, header = node.auth, node.store, node.header
    store_put = store.put
    auth_info = access.auth_info
    # Of the size of nearly all puts nothing more is asked: with auth that saves 0.4 us.
    accepted = raft_log.largest_write(node, raft_log.LARGEST_CALLER)
    short_name = raft_log.SHORT_NAME
    by_certificate = node.config.client_cert_auth
    alarms, quota = node.alarms, node.quota
    lease_exists = node.lease_exists
    size_of = m.PutRequest.ByteSize  # as in a range

    def put(request: m.PutRequest, call: Call) -> bytes:
        key = request.key
        size = size_of(request)
        lease = request.lease
        quota.allowance -= size + KEY_OVERHEAD
        if (
            not key
            or quota.allowance < 0
            or alarms.forbid_growth
            or by_certificate
            or (lease and (auth.enabled or not lease_exists(lease)))
            or request.prev_kv
            or request.ignore_value
            or request.ignore_lease
            or size > accepted
        ):
            return put_with_options(request, call)
        if auth.enabled:
            info = auth_info(node, call)
            if info is not None and len(info.username) > short_name:
                raft_log.check_size(node, info, size)
            node.raft_index += 1
            auth.check_put_permitted(info, key)
        else:
            node.raft_index += 1
        return header(store_put(key, request.value, lease))

    def put_with_options(request: m.PutRequest, call: Call) -> bytes:
        space.check(node, call, space.cost_of_put(request))
        kv_checks.check_put(request)
        info = access.auth_info(node, call)
        raft_log.propose(node, info, request.ByteSize())
        alarms.check_growth()
        if auth.enabled:
            access.check_put(node, info, request)
        previous = kv_txn.check_put_applies(node, request)
        if kv_txn.looks_back(request):
            store.txns += 1
        value, lease = kv_txn.value_and_lease(request, previous)
        answer = header(store_put(request.key, value, lease))
        return answer + previous.field if previous and request.prev_kv else answer

    return put


def _make_delete_range(node: Node) -> Callable[[m.DeleteRangeRequest, Call], bytes]:
    auth, store, header = node.auth, node.store, node.header
    alarms = node.alarms
    accepted = raft_log.largest_write(node, raft_log.LARGEST_CALLER)
    by_certificate = node.config.client_cert_auth

    def delete_range(request: m.DeleteRangeRequest, call: Call) -> bytes:
        key = request.key
        size = request.ByteSize()
        # As in a range: it asks for that key and nothing else.
        if (
            size == len(key) + 2
            and key
            and size <= accepted
            and not (auth.enabled or by_certificate or alarms.corrupt)
        ):
            node.raft_index += 1
            deleted, revision = store.delete_range(key, None)
            return header(revision) + _DELETED_1 if deleted else header(revision)
        return delete_with_options(request, call)

    def delete_with_options(request: m.DeleteRangeRequest, call: Call) -> bytes:
        kv_checks.check_delete_range(request)
        info = access.auth_info(node, call)
        raft_log.propose(node, info, request.ByteSize())
        node.alarms.check_change()
        access.check_delete_range(node, info, request)
        store.txns += request.prev_kv
        with store.write() as txn:
            return kv_txn.delete_range(txn, request, header)

    return delete_range


class _Compact(OneAnswer):
    """Receiver of one Compact: answers once nothing is left to drop, if that is asked for."""

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        super().__init__(call, sink)
        self._node = node
        self._failure: type[errors.EtcdError] | None = None

    def message(self, request: m.CompactionRequest) -> None:
        """Raises: what `access.require_admin` does, errors.REQUEST_TOO_LARGE, errors.CORRUPT,
        errors.FUTURE_REV, errors.COMPACTED.

        A `physical` request that comes too late is told so only when the compaction under way is
        through (etcd: mvcc/kvstore.go, compactBarrier).
        """
        info = access.require_admin(self._node, self._call)
        raft_log.propose(self._node, info, request.ByteSize())
        try:
            self._node.compact(request.revision)
        except errors.COMPACTED:
            if not request.physical:
                raise
            self._failure = errors.COMPACTED
        if request.physical:
            self._node.when_compacted(self._answer)
        else:
            self._answer()

    def cancelled(self) -> None:
        """The compaction goes on; nobody is told."""
        self._node.forget_compaction_waiter(self._answer)

    def _answer(self) -> None:
        if self._failure is not None:
            self._sink.close(self._failure.status)
            return
        self._answer_with(self._node.header(self._node.store.current_revision))

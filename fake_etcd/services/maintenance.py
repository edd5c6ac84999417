"""The Maintenance service: Status, HashKV, and Alarm as far as it only looks.

etcd: server/etcdserver/api/v3rpc/maintenance.go, server/storage/quota.go (DefaultQuotaBytes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import errors, version
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services import access, raft_log
from fake_etcd.services.call import Call, StreamHandler, UnaryHandler

DEFAULT_QUOTA_BYTES = 2 * 1024 * 1024 * 1024

_NOT_YET = Status(Code.UNIMPLEMENTED, "fake_etcd raises no alarms yet")


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    handlers = {
        "alarm": _make_alarm(node),
        "hash_kv": _make_hash_kv(node),
        "status": _make_status(node),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """None."""
    return {}


def _make_status(node: Node) -> Callable[[m.StatusRequest, Call], bytes]:
    def status(request: m.StatusRequest, call: Call) -> bytes:
        access.require_auth_info(node, call)
        db_size, db_size_in_use = node.db_size.sizes()
        answer = m.StatusResponse(
            version=version.SERVER,
            dbSize=db_size,
            leader=node.member_id,
            raftIndex=node.raft_index,
            raftTerm=node.raft_term,
            raftAppliedIndex=node.raft_index,
            dbSizeInUse=db_size_in_use,
            storageVersion=version.STORAGE,
            dbSizeQuota=node.config.quota_backend_bytes or DEFAULT_QUOTA_BYTES,
            downgradeInfo=m.DowngradeInfo(),
        )
        return node.header(node.store.current_revision) + answer.SerializeToString()

    return status


def _make_hash_kv(node: Node) -> Callable[[m.HashKVRequest, Call], bytes]:
    def hash_kv(request: m.HashKVRequest, call: Call) -> bytes:
        """Raises: what `access.require_admin` and `Store.hash_at` do."""
        access.require_admin(node, call)
        found = node.store.hash_at(request.revision)
        answer = m.HashKVResponse(
            hash=found.hash, compact_revision=found.compact_revision, hash_revision=found.revision
        )
        return node.header(node.store.current_revision) + answer.SerializeToString()

    return hash_kv


def _make_alarm(node: Node) -> Callable[[m.AlarmRequest, Call], bytes]:
    def alarm(request: m.AlarmRequest, call: Call) -> bytes:
        """There is none, so none is listed, and to take one away changes nothing.

        Raises:
            UNIMPLEMENTED: one is to be raised; errors.REQUEST_TOO_LARGE; what
            `access.require_auth_info` does, or `access.require_admin` where it is for more than a
            look.
        """
        if request.action == m.AlarmRequest.GET:
            info = access.require_auth_info(node, call)
        else:
            info = access.require_admin(node, call)
        if request.action not in (m.AlarmRequest.GET, m.AlarmRequest.DEACTIVATE):
            raise errors.StatusError(_NOT_YET)
        raft_log.propose(node, info, request.ByteSize())
        return node.header(node.store.current_revision)

    return alarm

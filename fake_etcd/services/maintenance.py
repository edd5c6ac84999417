"""The Maintenance service: Status. The rest of it is not here yet.

etcd: server/etcdserver/api/v3rpc/maintenance.go, server/storage/quota.go (DefaultQuotaBytes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import messages as m
from fake_etcd.api import version
from fake_etcd.core.node import Node
from fake_etcd.services import access
from fake_etcd.services.call import Call, StreamHandler, UnaryHandler

DEFAULT_QUOTA_BYTES = 2 * 1024 * 1024 * 1024


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    # It takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], {"status": _make_status(node)})


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

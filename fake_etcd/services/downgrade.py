"""Maintenance.Downgrade: whether a downgrade is possible, its begin, and giving it up.

etcd: server/etcdserver/v3_server.go (Downgrade), server/etcdserver/version/version.go.
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core import downgrade
from fake_etcd.core.node import Node
from fake_etcd.services import access
from fake_etcd.services.call import Call

_VALIDATE, _ENABLE, _CANCEL = (
    m.DowngradeRequest.DowngradeAction.Value(name) for name in ("VALIDATE", "ENABLE", "CANCEL")
)

_UNKNOWN_METHOD = Status(Code.UNKNOWN, "etcdserver: unknown method")


def make_downgrade(node: Node) -> Callable[[m.DowngradeRequest, Call], bytes]:
    """The handler of Maintenance.Downgrade."""
    versions = node.versions

    def handle(request: m.DowngradeRequest, call: Call) -> bytes:
        """Raises: what `access.require_admin`, `downgrade.parsed` and `Versions.check_downgrade`
        do; UNKNOWN: there is no such action. To give up nothing is well.
        """
        access.require_admin(node, call)
        if request.action in (_VALIDATE, _ENABLE):
            target = downgrade.parsed(request.version)
            versions.check_downgrade(target)
            if request.action == _ENABLE:
                node.raft_index += 1
                versions.enable(target)
        elif request.action == _CANCEL:
            node.raft_index += versions.cancel()
        else:
            raise errors.StatusError(_UNKNOWN_METHOD)
        told = f"{versions.cluster.major}.{versions.cluster.minor}"
        answer = m.DowngradeResponse(version=told)
        return node.header(node.store.current_revision) + answer.SerializeToString()

    return handle

"""The Maintenance service: Status, Defragment, Hash, HashKV and MoveLeader.

Alarm is in `alarms`, Downgrade in `downgrade`, what Hash and HashKV do in `hashes`.
etcd: server/etcdserver/api/v3rpc/maintenance.go, server/etcdserver/server.go (MoveLeader).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import errors, version
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node
from fake_etcd.core.quota import DEFAULT_BYTES
from fake_etcd.services import access
from fake_etcd.services.alarms import make_alarm, told
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.services.downgrade import make_downgrade

_TRANSFER_TOO_LONG = Status(
    Code.UNKNOWN, "etcdserver: request timed out, leader transfer took too long"
)


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    handlers = {
        "alarm": make_alarm(node),
        "defragment": _make_defragment(node),
        "downgrade": make_downgrade(node),
        "move_leader": _make_move_leader(node),
        "status": _make_status(node),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that may answer later."""

    def hash_(call: Call, sink: Sink) -> Receiver:
        # Hardly anybody asks, and who does not need not load it.
        from fake_etcd.services.hashes import HashAll

        return cast(Receiver, HashAll(node, call, sink))

    def hash_kv(call: Call, sink: Sink) -> Receiver:
        from fake_etcd.services.hashes import HashKV

        return cast(Receiver, HashKV(node, call, sink))

    return {"hash": hash_, "hash_kv": hash_kv}


def _make_status(node: Node) -> Callable[[m.StatusRequest, Call], bytes]:
    versions = node.versions

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
            errors=[told(alarm) for alarm in node.alarms.listed()],
            dbSizeInUse=db_size_in_use,
            storageVersion=str(versions.cluster),
            dbSizeQuota=node.config.quota_backend_bytes or DEFAULT_BYTES,
            downgradeInfo=m.DowngradeInfo(
                enabled=versions.target is not None, targetVersion=str(versions.target or "")
            ),
        )
        return node.header(node.store.current_revision) + answer.SerializeToString()

    return status


def _make_defragment(node: Node) -> Callable[[m.DefragmentRequest, Call], bytes]:
    def defragment(request: m.DefragmentRequest, call: Call) -> bytes:
        """Answers nothing at all, not even a header."""
        access.require_admin(node, call)
        node.defragment()
        return b""

    return defragment


def _make_move_leader(node: Node) -> Callable[[m.MoveLeaderRequest, Call], bytes]:
    def move_leader(request: m.MoveLeaderRequest, call: Call) -> bytes:
        """Answers nothing at all, not even a header.

        Raises:
            what `access.require_admin` does; errors.BAD_LEADER_TRANSFEREE: nobody with a vote has
            that id; UNKNOWN: somebody has who is never reached, which etcd says in the end.
        """
        access.require_admin(node, call)
        target = request.targetID
        if all(each.id != target or each.is_learner for each in node.members):
            raise errors.BAD_LEADER_TRANSFEREE
        if target != node.member_id:
            raise errors.StatusError(_TRANSFER_TOO_LONG)
        return b""

    return move_leader

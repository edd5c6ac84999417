"""Every RPC etcd serves, in one table: path, types, kind, gateway route, permission, handler.

etcd: api/etcdserverpb/rpc.proto, v3election.proto, v3lock.proto (routes from their
google.api.http options), server/etcdserver/api/v3rpc (what is registered, who may call). Every
transport, the gateway, the metrics and the fault rules read this table; nobody else spells a
method's name. How a method behaves is a service's business.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from google.protobuf.message import Message

from fake_etcd.api import messages as m


class Kind(enum.Enum):
    """Which side sends more than one message. Only the client: etcd has no such method."""

    UNARY = "unary"
    SERVER_STREAM = "server stream"
    BIDI = "bidirectional stream"


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table.

    Args:
        path: what HTTP/2's :path carries, "/etcdserverpb.KV/Range".
        service: "etcdserverpb.KV".
        name: "Range".
        kind: how many messages go each way.
        request: class of what the client sends.
        response: class of what the server sends.
        gateway: path of the JSON gateway's POST, None where etcd has none.
        admin_only: with auth on, refused to anyone without the root role, whatever is asked.
            Where that depends on the request (Alarm, UserGet, RoleGet), it is the service's to
            say and this is False.
        handler: "module.function" in fake_etcd.services; None where we have none yet.
        since: first etcd minor release that serves it.
        gateway_aliases: older paths that the gateway takes too.
    """

    path: str
    service: str
    name: str
    kind: Kind
    request: type[Message]
    response: type[Message]
    gateway: str | None = None
    admin_only: bool = False
    handler: str | None = None
    since: str = "3.0"
    gateway_aliases: tuple[str, ...] = ()


def _row(
    service: str,
    name: str,
    request: type[Message],
    response: type[Message],
    gateway: str | None = None,
    *,
    kind: Kind = Kind.UNARY,
    admin_only: bool = False,
    handler: str | None = None,
    since: str = "3.0",
    gateway_aliases: tuple[str, ...] = (),
) -> Method:
    return Method(
        path=f"/{service}/{name}",
        service=service,
        name=name,
        kind=kind,
        request=request,
        response=response,
        gateway=gateway,
        admin_only=admin_only,
        handler=handler,
        since=since,
        gateway_aliases=gateway_aliases,
    )


_kv = partial(_row, "etcdserverpb.KV")
_watch = partial(_row, "etcdserverpb.Watch")
_lease = partial(_row, "etcdserverpb.Lease")
_cluster = partial(_row, "etcdserverpb.Cluster")
_maintenance = partial(_row, "etcdserverpb.Maintenance")
_auth = partial(_row, "etcdserverpb.Auth")
_election = partial(_row, "v3electionpb.Election")
_lock = partial(_row, "v3lockpb.Lock")
_health = partial(_row, "grpc.health.v1.Health")

_TABLE = (
    _kv("Range", m.RangeRequest, m.RangeResponse, "/v3/kv/range", handler="kv.range"),
    _kv(
        "RangeStream",
        m.RangeRequest,
        m.RangeStreamResponse,
        kind=Kind.SERVER_STREAM,
        handler="kv.range_stream",
        since="3.7",
    ),
    _kv("Put", m.PutRequest, m.PutResponse, "/v3/kv/put", handler="kv.put"),
    _kv(
        "DeleteRange",
        m.DeleteRangeRequest,
        m.DeleteRangeResponse,
        "/v3/kv/deleterange",
        handler="kv.delete_range",
    ),
    _kv("Txn", m.TxnRequest, m.TxnResponse, "/v3/kv/txn", handler="kv.txn"),
    _kv(
        "Compact",
        m.CompactionRequest,
        m.CompactionResponse,
        "/v3/kv/compaction",
        admin_only=True,
        handler="kv.compact",
    ),
    _watch(
        "Watch",
        m.WatchRequest,
        m.WatchResponse,
        "/v3/watch",
        kind=Kind.BIDI,
        handler="watch.watch",
    ),
    _lease(
        "LeaseGrant",
        m.LeaseGrantRequest,
        m.LeaseGrantResponse,
        "/v3/lease/grant",
        handler="lease.grant",
    ),
    _lease(
        "LeaseRevoke",
        m.LeaseRevokeRequest,
        m.LeaseRevokeResponse,
        "/v3/lease/revoke",
        handler="lease.revoke",
        gateway_aliases=("/v3/kv/lease/revoke",),
    ),
    _lease(
        "LeaseKeepAlive",
        m.LeaseKeepAliveRequest,
        m.LeaseKeepAliveResponse,
        "/v3/lease/keepalive",
        kind=Kind.BIDI,
        handler="lease.keep_alive",
    ),
    _lease(
        "LeaseTimeToLive",
        m.LeaseTimeToLiveRequest,
        m.LeaseTimeToLiveResponse,
        "/v3/lease/timetolive",
        handler="lease.time_to_live",
        since="3.1",
        gateway_aliases=("/v3/kv/lease/timetolive",),
    ),
    _lease(
        "LeaseLeases",
        m.LeaseLeasesRequest,
        m.LeaseLeasesResponse,
        "/v3/lease/leases",
        handler="lease.leases",
        since="3.3",
        gateway_aliases=("/v3/kv/lease/leases",),
    ),
    _cluster(
        "MemberAdd",
        m.MemberAddRequest,
        m.MemberAddResponse,
        "/v3/cluster/member/add",
        admin_only=True,
        handler="cluster.member_add",
    ),
    _cluster(
        "MemberRemove",
        m.MemberRemoveRequest,
        m.MemberRemoveResponse,
        "/v3/cluster/member/remove",
        admin_only=True,
        handler="cluster.member_remove",
    ),
    _cluster(
        "MemberUpdate",
        m.MemberUpdateRequest,
        m.MemberUpdateResponse,
        "/v3/cluster/member/update",
        admin_only=True,
        handler="cluster.member_update",
    ),
    _cluster(
        "MemberList",
        m.MemberListRequest,
        m.MemberListResponse,
        "/v3/cluster/member/list",
        handler="cluster.member_list",
    ),
    _cluster(
        "MemberPromote",
        m.MemberPromoteRequest,
        m.MemberPromoteResponse,
        "/v3/cluster/member/promote",
        admin_only=True,
        handler="cluster.member_promote",
        since="3.4",
    ),
    _maintenance(
        "Alarm",
        m.AlarmRequest,
        m.AlarmResponse,
        "/v3/maintenance/alarm",
        handler="maintenance.alarm",
    ),
    _maintenance(
        "Status",
        m.StatusRequest,
        m.StatusResponse,
        "/v3/maintenance/status",
        handler="maintenance.status",
    ),
    _maintenance(
        "Defragment",
        m.DefragmentRequest,
        m.DefragmentResponse,
        "/v3/maintenance/defragment",
        admin_only=True,
        handler="maintenance.defragment",
    ),
    _maintenance(
        "Hash",
        m.HashRequest,
        m.HashResponse,
        "/v3/maintenance/hash",
        admin_only=True,
        handler="maintenance.hash",
    ),
    _maintenance(
        "HashKV",
        m.HashKVRequest,
        m.HashKVResponse,
        "/v3/maintenance/hashkv",
        admin_only=True,
        since="3.3",
        handler="maintenance.hash_kv",
    ),
    _maintenance(
        "Snapshot",
        m.SnapshotRequest,
        m.SnapshotResponse,
        "/v3/maintenance/snapshot",
        kind=Kind.SERVER_STREAM,
        admin_only=True,
        handler="snapshot.snapshot",
    ),
    _maintenance(
        "MoveLeader",
        m.MoveLeaderRequest,
        m.MoveLeaderResponse,
        "/v3/maintenance/transfer-leadership",
        admin_only=True,
        since="3.3",
        handler="maintenance.move_leader",
    ),
    _maintenance(
        "Downgrade",
        m.DowngradeRequest,
        m.DowngradeResponse,
        "/v3/maintenance/downgrade",
        admin_only=True,
        since="3.5",
        handler="maintenance.downgrade",
    ),
    _auth(
        "AuthEnable",
        m.AuthEnableRequest,
        m.AuthEnableResponse,
        "/v3/auth/enable",
        admin_only=True,
        handler="auth.enable",
    ),
    _auth(
        "AuthDisable",
        m.AuthDisableRequest,
        m.AuthDisableResponse,
        "/v3/auth/disable",
        admin_only=True,
        handler="auth.disable",
    ),
    _auth(
        "AuthStatus",
        m.AuthStatusRequest,
        m.AuthStatusResponse,
        "/v3/auth/status",
        since="3.5",
        handler="auth.status",
    ),
    _auth(
        "Authenticate",
        m.AuthenticateRequest,
        m.AuthenticateResponse,
        "/v3/auth/authenticate",
        handler="auth.authenticate",
    ),
    _auth(
        "UserAdd",
        m.AuthUserAddRequest,
        m.AuthUserAddResponse,
        "/v3/auth/user/add",
        admin_only=True,
        handler="auth.user_add",
    ),
    _auth(
        "UserGet",
        m.AuthUserGetRequest,
        m.AuthUserGetResponse,
        "/v3/auth/user/get",
        handler="auth.user_get",
    ),
    _auth(
        "UserList",
        m.AuthUserListRequest,
        m.AuthUserListResponse,
        "/v3/auth/user/list",
        admin_only=True,
        handler="auth.user_list",
    ),
    _auth(
        "UserDelete",
        m.AuthUserDeleteRequest,
        m.AuthUserDeleteResponse,
        "/v3/auth/user/delete",
        admin_only=True,
        handler="auth.user_delete",
    ),
    _auth(
        "UserChangePassword",
        m.AuthUserChangePasswordRequest,
        m.AuthUserChangePasswordResponse,
        "/v3/auth/user/changepw",
        admin_only=True,
        handler="auth.user_change_password",
    ),
    _auth(
        "UserGrantRole",
        m.AuthUserGrantRoleRequest,
        m.AuthUserGrantRoleResponse,
        "/v3/auth/user/grant",
        admin_only=True,
        handler="auth.user_grant_role",
    ),
    _auth(
        "UserRevokeRole",
        m.AuthUserRevokeRoleRequest,
        m.AuthUserRevokeRoleResponse,
        "/v3/auth/user/revoke",
        admin_only=True,
        handler="auth.user_revoke_role",
    ),
    _auth(
        "RoleAdd",
        m.AuthRoleAddRequest,
        m.AuthRoleAddResponse,
        "/v3/auth/role/add",
        admin_only=True,
        handler="auth.role_add",
    ),
    _auth(
        "RoleGet",
        m.AuthRoleGetRequest,
        m.AuthRoleGetResponse,
        "/v3/auth/role/get",
        handler="auth.role_get",
    ),
    _auth(
        "RoleList",
        m.AuthRoleListRequest,
        m.AuthRoleListResponse,
        "/v3/auth/role/list",
        admin_only=True,
        handler="auth.role_list",
    ),
    _auth(
        "RoleDelete",
        m.AuthRoleDeleteRequest,
        m.AuthRoleDeleteResponse,
        "/v3/auth/role/delete",
        admin_only=True,
        handler="auth.role_delete",
    ),
    _auth(
        "RoleGrantPermission",
        m.AuthRoleGrantPermissionRequest,
        m.AuthRoleGrantPermissionResponse,
        "/v3/auth/role/grant",
        admin_only=True,
        handler="auth.role_grant_permission",
    ),
    _auth(
        "RoleRevokePermission",
        m.AuthRoleRevokePermissionRequest,
        m.AuthRoleRevokePermissionResponse,
        "/v3/auth/role/revoke",
        admin_only=True,
        handler="auth.role_revoke_permission",
    ),
    _election(
        "Campaign",
        m.CampaignRequest,
        m.CampaignResponse,
        "/v3/election/campaign",
        handler="concurrency.campaign",
        since="3.2",
    ),
    _election(
        "Proclaim",
        m.ProclaimRequest,
        m.ProclaimResponse,
        "/v3/election/proclaim",
        handler="concurrency.proclaim",
        since="3.2",
    ),
    _election(
        "Leader",
        m.LeaderRequest,
        m.LeaderResponse,
        "/v3/election/leader",
        handler="concurrency.leader",
        since="3.2",
    ),
    _election(
        "Observe",
        m.LeaderRequest,
        m.LeaderResponse,
        "/v3/election/observe",
        kind=Kind.SERVER_STREAM,
        handler="concurrency.observe",
        since="3.2",
    ),
    _election(
        "Resign",
        m.ResignRequest,
        m.ResignResponse,
        "/v3/election/resign",
        handler="concurrency.resign",
        since="3.2",
    ),
    _lock(
        "Lock",
        m.LockRequest,
        m.LockResponse,
        "/v3/lock/lock",
        handler="concurrency.lock",
        since="3.2",
    ),
    _lock(
        "Unlock",
        m.UnlockRequest,
        m.UnlockResponse,
        "/v3/lock/unlock",
        handler="concurrency.unlock",
        since="3.2",
    ),
    _health(
        "Check", m.HealthCheckRequest, m.HealthCheckResponse, handler="health.check", since="3.3"
    ),
    # Older releases got List in late patches (3.5.33 and 3.6.9 have it), with a newer grpc-go.
    _health("List", m.HealthListRequest, m.HealthListResponse, handler="health.list", since="3.7"),
    _health(
        "Watch",
        m.HealthCheckRequest,
        m.HealthCheckResponse,
        kind=Kind.SERVER_STREAM,
        handler="health.watch",
        since="3.3",
    ),
)

METHODS: Mapping[str, Method] = {method.path: method for method in _TABLE}
"""Every row by path."""

SERVED: Mapping[str, Method] = {path: row for path, row in METHODS.items() if row.handler}
"""Those that somebody serves."""

SERVICES: frozenset[str] = frozenset(method.service for method in _TABLE)
"""Full names of the services, for telling an unknown method from an unknown service."""
